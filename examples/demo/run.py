"""The demo: real documents, a real Airflow, three versions of a signed index, a query.

Run it with `make demo`, or `python examples/demo/run.py`. Everything it makes is in `.demo/`, and
each start begins afresh. Needs no network; under five minutes on two cores.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_api import AirflowApi, AirflowTrouble
from airflow_process import REPOSITORY, AirflowSite, lay_out, running, task_errors
from documents import Export, exports
from project import CONTRACT, Project
from troubles import write_troubles

ROOT = REPOSITORY / ".demo"
INGEST, RELEASE, REEMBED = f"corpus_ingest__{CONTRACT}", f"corpus_release__{CONTRACT}", "corpus_reembed"
QUESTION = "How do I send an HTTP request through a proxy?"
HELD_BACK, REMOVED, EDITED = 8, 5, 6
RUN_SECONDS = 240
STARTED = time.monotonic()


def main() -> int:
    """Runs the demo and returns the exit status: 0 when every step did what it says."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _demo()
    except AirflowTrouble as error:
        say(f"\nThe demo stopped: {error}")
    except subprocess.CalledProcessError as error:
        say(f"\nThe demo stopped: {' '.join(map(str, error.cmd))} ended with {error.returncode}\n{error.stderr or ''}")
    except KeyboardInterrupt:
        say("\nInterrupted; Airflow is down.")
    else:
        say(f"\nDone in {_clock()} minutes. Look around: cd {ROOT.name}/project && ../../.venv/bin/stemma")
        return 0
    return 1


def _demo() -> None:
    title("Documents: what the distributions installed here say of themselves")
    shutil.rmtree(ROOT, ignore_errors=True)
    inbox = ROOT / "inbox"
    inbox.mkdir(parents=True)
    documents = exports()
    first, later = documents[:-HELD_BACK], documents[-HELD_BACK:]
    for document in first:
        document.write(inbox)
    say(f"{len(first)} long descriptions with metadata, and {write_troubles(inbox)} files with something wrong")

    title("A project with one contract")
    project = Project(ROOT / "project")
    say(project.make(inbox))

    title("Airflow: SQLite, LocalExecutor, two slots")
    site = lay_out(ROOT / "airflow", project.folder)
    with running(site, INGEST, RELEASE, REEMBED) as api:
        for dag_id in (INGEST, RELEASE, REEMBED):
            api.unpause(dag_id)
        say(f"Up at {site.url}: no password, open it while the demo runs")
        _first_run(site, api)
        _second_run(site, api, inbox, first, later)
        _new_model(site, api, project)
    _look(project)


def _first_run(site: AirflowSite, api: AirflowApi) -> None:
    title("Version 1: the first ingest")
    _ingest_and_release(site, api)


def _second_run(site: AirflowSite, api: AirflowApi, inbox: Path, first: Sequence[Export], later: list[Export]) -> None:
    title(f"Version 2: {EDITED} documents edited, {HELD_BACK} added, {REMOVED} removed")
    for document in later:
        document.write(inbox)
    for document in first[:EDITED]:
        path = inbox / document.name
        path.write_text(document.text + "\nSupport for this version ends with the next major release.\n", "utf-8")
    for document in first[EDITED : EDITED + REMOVED]:
        (inbox / document.name).unlink()
        (inbox / f"{document.name}.meta.json").unlink()
    _ingest_and_release(site, api)


def _new_model(site: AirflowSite, api: AirflowApi, project: Project) -> None:
    title("Version 3: another embedding model, nothing parsed again")
    say(project.change_model())
    run_id = _finish(site, api, REEMBED, api.trigger(REEMBED, {"contract": CONTRACT, "mode": "cutover"}))
    _show_version(api.result(REEMBED, run_id, "release"))


def _ingest_and_release(site: AirflowSite, api: AirflowApi) -> None:
    """Triggers the ingest and waits for it, then for the release that its asset starts."""
    known = frozenset(api.runs(RELEASE))
    ingested = _finish(site, api, INGEST, api.trigger(INGEST))
    receipt = api.result(INGEST, ingested, "settle")
    say("   " + ", ".join(f"{count} {name}" for name, count in receipt["counts"].items() if count))
    released = _finish(site, api, RELEASE, api.wait_for_new_run(RELEASE, known, 60))
    _show_version(api.result(RELEASE, released, "release"))


def _finish(site: AirflowSite, api: AirflowApi, dag_id: str, run_id: str) -> str:
    """Waits for a run and returns its id; a failed one ends the demo with the logs of its tasks."""
    say(f" {dag_id}")
    state = api.wait_for_run(dag_id, run_id, RUN_SECONDS, lambda line: say(f"   {_clock()}  {line}"))
    if state != "success":
        raise AirflowTrouble(f"{dag_id} run {run_id} ended as {state}\n{task_errors(site, dag_id, run_id)}")
    return run_id


def _show_version(receipt: dict[str, Any]) -> None:
    figures = receipt["figures"]
    say(
        f"   {figures['status']} version {figures['version']}: {figures['documents']} documents, "
        f"{figures['index_chunks']} chunks, manifest {figures['manifest_sha256'][:12]}"
    )


def _look(project: Project) -> None:
    title("What a person asks afterwards")
    for arguments in (
        ("index", "list"),
        ("index", "diff", CONTRACT, "1", "2"),
        ("index", "query", CONTRACT, QUESTION),
        ("quarantine", "list", CONTRACT),
        ("quarantine", "list", CONTRACT, "--outcome", "reject"),
        ("index", "verify", CONTRACT),
    ):
        say(f"\n$ stemma {' '.join(repr(part) if ' ' in part else part for part in arguments)}")
        project.stemma(*arguments, show=True)


def title(text: str) -> None:
    """Begins a chapter."""
    say(f"\n{_clock()}  {text}\n{'-' * 78}")


def say(text: str) -> None:
    """Prints at once, so that a person sees how far it is."""
    print(text, flush=True)


def _clock() -> str:
    seconds = int(time.monotonic() - STARTED)
    return f"{seconds // 60}:{seconds % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
