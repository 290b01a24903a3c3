"""Sends OpenLineage events. What goes wrong here is logged once and stops nothing.

Where OpenLineage's own configuration (openlineage.yml, or OPENLINEAGE_* in the environment) names a transport, that
is used; else events are appended to `openlineage/events.jsonl` in the project folder, one a line. Nothing of
OpenLineage is loaded while the setting `openlineage` is off.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corpus import logs
from corpus.receipts import Receipt
from ingestion.runtime import Runtime

if TYPE_CHECKING:
    from ingestion.events.build import Step

JobName = Literal["ingest", "release", "reembed", "reconcile", "answers"]
State = Literal["START", "COMPLETE", "FAIL"]
Inside = tuple[JobName, str, str]
"""Job, contract and run id of work of ours that encloses other work."""

EVENTS = Path("openlineage") / "events.jsonl"
PARENT = "OPENLINEAGE_PARENT_ID"
"""OpenLineage's own variable: `namespace/job/run id` of the run that starts ours."""

_QUIET = {"facets": {"source_code_location": {"disabled": True}}}
"""The client would add the `origin` of the git repository around it: not our source, and it may hold a token."""

_log = logging.getLogger(__name__)
_failed: set[str] = set()


def send(  # noqa: PLR0913 - each is named at the call
    runtime: Runtime,
    state: State,
    *,
    job: JobName,
    stage: str,
    contract: str,
    run_id: str,
    inside: Inside | None = None,
    receipt: Receipt | None = None,
    error: BaseException | None = None,
) -> None:
    """Emits one event, where events are on; never raises.

    Args:
        runtime: The project.
        state: What is said.
        job: The kind of work.
        stage: The stage at work.
        contract: Name of the contract; empty for none.
        run_id: Our run.
        inside: The work of ours that this is part of; None for none.
        receipt: What the step returned.
        error: What it raised.
    """
    if not runtime.settings.openlineage:
        return
    try:
        from ingestion.events import build  # noqa: PLC0415 - nothing of OpenLineage is loaded while it is off

        step = build.Step(job=job, stage=stage, contract=contract, run_id=run_id)
        step = replace(step, parent=_parent(runtime, step, inside))
        _client(runtime.settings.project).emit(build.event(runtime, step, state, receipt=receipt, error=error))
    except Exception as problem:  # noqa: BLE001 - whatever a transport does, the run goes on
        _tell_once(problem)


def _parent(runtime: Runtime, step: Step, inside: Inside | None) -> tuple[str, str, str] | None:
    if inside is not None:
        job, contract, run_id = inside
        outer = replace(step, job=job, contract=contract, run_id=run_id)
        return runtime.settings.openlineage_namespace, outer.job_name, outer.lineage_run_id
    named = os.environ.get(PARENT, "").rsplit("/", 2)
    return (named[0], named[1], named[2]) if len(named) == 3 else None


@lru_cache(maxsize=4)
def _client(project: Path) -> Any:
    """Makes the client once per process and project: a transport may hold connections."""
    from openlineage.client import OpenLineageClient  # noqa: PLC0415 - as above
    from openlineage.client.transport.file import FileConfig, FileTransport  # noqa: PLC0415

    if _configured():
        return OpenLineageClient(config=_QUIET)
    path = project / EVENTS
    path.parent.mkdir(parents=True, exist_ok=True)
    return OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(path), append=True)), config=_QUIET)


def _configured() -> bool:
    """Whether OpenLineage's own configuration says where events go, or that none are wanted."""
    named = any(name == "OPENLINEAGE_URL" or name.startswith("OPENLINEAGE__TRANSPORT") for name in os.environ)
    places = (os.environ.get("OPENLINEAGE_CONFIG"), "openlineage.yml", Path("~/.openlineage/openlineage.yml"))
    return named or any(Path(place).expanduser().is_file() for place in places if place)


def _tell_once(problem: BaseException) -> None:
    """Logs the first failure of each kind in a process; a collector that is down fails at every event."""
    kind = type(problem).__name__
    if kind in _failed:
        return
    _failed.add(kind)
    hint = " Install it: pip install 'stemma-rag[openlineage]'." if isinstance(problem, ImportError) else ""
    said = logs.redact(str(problem))[:200]
    _log.warning("an OpenLineage event could not be emitted (%s: %s); the run goes on.%s", kind, said, hint)
