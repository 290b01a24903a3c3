"""What a mapped task costs beside its stage, on a real scheduler: Airflow's time of the task less the stage's own.

Usage: task_overhead.py [--shards N] [--no-preload] [--json]

A whole Airflow is started as the demo does it (SQLite, LocalExecutor, two slots, `airflow.cfg.example`). One contract
is ingested once to warm what is warmed once, and then again with `--shards` new documents, descriptions of installed
packages, of one shard each. `airflow` is from start to end as Airflow counts it; `stage` is what the stage says of
itself in the task's log; `overhead` is the difference: a fork, the DAG file, imports, opening the project, the receipt.
The goal is an overhead under 1 s.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "demo")]

import corpora  # noqa: E402
from airflow_api import AirflowApi  # noqa: E402 - the demo's harness lies beside it
from airflow_process import AirflowSite, lay_out, running, task_errors  # noqa: E402

from contracts.scaffold import new_contract  # noqa: E402
from corpus.catalog.session import open_catalog  # noqa: E402
from corpus.settings import Settings  # noqa: E402
from index.signing import generate_keypair  # noqa: E402
from ingestion.runtime import catalog_url  # noqa: E402

NAME = "bench"
INGEST = f"corpus_ingest__{NAME}"
MAPPED = ("assess", "stage")
DEFAULTS = {
    "owner": "bench",
    "source_system": "bench",
    "last_validated_date": "2026-11-01",
    "sensitivity_label": "public",
    "version": "1",
}


def prepare(folder: Path) -> Settings:
    """Makes a project whose every document is a shard."""
    settings = Settings(project=folder, home=str(folder / "home"))
    for made in (folder / "inbox", folder / "home", settings.contracts, settings.trusted_keys):
        made.mkdir(parents=True)
    generate_keypair(settings.signing_key, settings.trusted_keys / "bench.pub")
    open_catalog(catalog_url(settings)).upgrade()
    text = new_contract(
        NAME, root="./inbox", include=("**/*.md",), embedder="wordllama-256", owner="bench", defaults=DEFAULTS
    )
    (settings.contracts / f"{NAME}.odcs.yaml").write_text(text)
    (folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 256\nlog_format = "json"\n')
    return settings


def write(project: Path, pages: Sequence[tuple[str, str]]) -> None:
    """Puts documents into the source."""
    for name, text in pages:
        (project / "inbox" / name).write_text(text, "utf-8")


def ingest(site: AirflowSite, api: AirflowApi) -> str:
    """Runs the DAG once and returns the run's id."""
    run_id = api.trigger(INGEST)
    state = api.wait_for_run(INGEST, run_id, 1200, lambda _line: None)
    if state != "success":
        raise SystemExit(f"{INGEST}: {state}\n{task_errors(site, INGEST, run_id)}")
    return run_id


def measured(site: AirflowSite, api: AirflowApi, run_id: str) -> dict[str, Any]:
    """Returns the figures of each mapped task of a run."""
    found: dict[str, Any] = {}
    for name in MAPPED:
        tasks = [task for task in api.tasks(INGEST, run_id) if task.task_id == name and task.map_index >= 0]
        stage = {task.map_index: stage_seconds(site, run_id, name, task.map_index) for task in tasks}
        overhead = [task.seconds - stage[task.map_index] for task in tasks]
        found[name] = {
            "tasks": len(tasks),
            "airflow_median_s": round(median(task.seconds for task in tasks), 3),
            "stage_median_s": round(median(stage.values()), 3),
            "overhead_median_s": round(median(overhead), 3),
            "overhead_p90_s": round(quantiles(overhead, n=10)[-1], 3),
            "overhead_max_s": round(max(overhead), 3),
        }
    return found


def stage_seconds(site: AirflowSite, run_id: str, task: str, index: int) -> float:
    """Returns what the stage said of itself in the log of one task."""
    folder = site.home / "logs" / f"dag_id={INGEST}" / f"run_id={run_id}" / f"task_id={task}" / f"map_index={index}"
    [seconds] = {record["seconds"] for log in folder.glob("*.log") for record in _ended(log)}
    return float(seconds)


def _ended(log: Path) -> Iterator[Mapping[str, Any]]:
    for line in log.read_text("utf-8").splitlines():
        event = json.loads(line).get("event", "")
        if "stage ended" in str(event):
            yield json.loads(event)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=30)
    parser.add_argument("--no-preload", action="store_true", help="without examples/airflow/airflow_local_settings.py")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemma-overhead-") as name:
        folder = Path(name)
        prepare(folder / "project")
        site = lay_out(folder / "airflow", folder / "project", preload=not options.no_preload)
        with running(site, INGEST) as api:
            api.unpause(INGEST)
            pages = [page for page in corpora.installed(10**9) if page[0].endswith(".md")]
            write(folder / "project", pages[:2])
            ingest(site, api)
            write(folder / "project", pages[2 : options.shards + 2])
            found = measured(site, api, ingest(site, api))
    if options.json:
        print(json.dumps(found))
        return
    for task, figures in found.items():
        print(f"{task:8}", "  ".join(f"{key} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
