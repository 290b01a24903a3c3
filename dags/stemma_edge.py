"""What the DAG files of Stemma have in common. Holds no DAG; `.airflowignore` says so to Airflow.

Imports nothing heavy: it is read at every parse of every DAG file. Airflow puts the folder of DAG
files on `sys.path`, so the name must be nobody else's.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from airflow.sdk import Asset, ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_current_context

from ingestion.discovery import ContractStub, contracts_folder, discover

ReceiptJson: TypeAlias = Any
"""A `corpus.types.Receipt` as JSON. Not annotated as a dict: Airflow would push each key as an XCom of its own."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""No run covers a time before this; the DAGs do not catch up, so it only anchors backfills."""

NOTHING_NEW = frozenset({"unchanged", "empty", "held", "waiting-for-approval"})
"""What a release says of itself when no alias moved; then no asset is updated."""

RETRYABLE = tuple(
    f"corpus.errors.{name}"
    for name in (
        *("SourceUnavailable", "TornRead", "ConcurrentRelease", "EmbedderUnavailable"),
        *("StoreUnavailable", "CatalogUnavailable"),
    )
)
"""The errors whose `retryable` is set. Any other fails at once: trying again would only hide it for longer."""

PARENT = "OPENLINEAGE_PARENT_ID"
"""OpenLineage's own variable for the run that ours is part of."""


def tell_parent(context: Any) -> None:
    """Names the DAG run for our own OpenLineage events, where Airflow's provider emits some for it.

    The DAG run and not the task: a run of ours spans several tasks, and has one parent.
    """
    try:
        from airflow.providers.openlineage.plugins.macros import lineage_root_parent_id  # noqa: PLC0415 - an extra
    except ImportError:
        return
    os.environ[PARENT] = lineage_root_parent_id(context["ti"])


TASK_DEFAULTS: dict[str, Any] = {
    "owner": "stemma",
    "pre_execute": tell_parent,
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": ExceptionRetryPolicy(
        rules=[RetryRule(exception=list(RETRYABLE), action=RetryAction.RETRY)], default=RetryAction.FAIL
    ),
}


def contracts() -> dict[str, ContractStub]:
    """Returns the contracts of the project by name. A name declared twice fails when it runs, not here."""
    return {stub.name: stub for stub in discover(contracts_folder())}


def corpus_asset(contract: str) -> Asset:
    """The settled corpus of a contract: updated when a run has committed its documents."""
    return Asset(uri=f"stemma://corpus/{contract}", name=f"corpus-{contract}")


def index_asset(contract: str) -> Asset:
    """The index of a contract: updated when a version was published; `extra` carries its manifest digest."""
    return Asset(uri=f"stemma://index/{contract}", name=f"index-{contract}")


def contract_param(*, optional: bool = False) -> Param:
    """A choice among the contracts of the project; an optional one is null for all of them."""
    names: list[str | None] = [*sorted(contracts())]
    choices: dict[str, Any] = {"enum": [None, *names] if optional else names} if names else {}
    kind = ["null", "string"] if optional else "string"
    what = "Name of the contract" + ("; empty for every contract." if optional else ".")
    default = {"default": None} if optional else {}
    return Param(**default, type=kind, description=what, **choices)


def run_key() -> str:
    """Names the Stemma run of this DAG run: the same for each task and each retry, unlike in another DAG."""
    context = get_current_context()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{context['dag'].dag_id}.{context['dag_run'].run_id}")


def settled_run(triggering_asset_events: Any) -> str:
    """Names the run whose corpus is released: the ingest that settled last, else this run.

    The release reads that run's counts, so that the manifest says where every document went.
    """
    runs = [
        event.extra["run_id"]
        for events in triggering_asset_events.values()
        for event in events
        if "run_id" in event.extra
    ]
    return str(runs[-1]) if runs else run_key()
