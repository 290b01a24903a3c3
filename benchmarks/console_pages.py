"""How long pages of the console take over a corpus of 100,000 documents, asked of the real `stemma serve`.

Usage: console_pages.py [--documents N] [--held N] [--rounds N] [--json]

A small project is ingested for real. Its catalog rows (documents, decisions, revisions, runs, versions with their
manifests) are then copied under other ids until there are as many as asked for; parquet files are not copied, so a
document's page is asked of a document that is stored. Each page is asked in turn, `--rounds` times, after two rounds
that are not counted. Processor time is that of the server, in steps of 10 ms, as a mean. The goal is 200 ms at the 95th
percentile; the exit status is 1 where a page misses it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil
from sqlalchemy import insert, select, text

from console.cli.main import main as stemma
from corpus.catalog.tables import Base, DecisionRow, DocumentRow, RevisionRow, RunRow, VersionRow
from corpus.settings import load_settings
from ingestion.runtime import Runtime, open_runtime

NAME, TOKEN, GOAL_MS = "handbook", "token-of-the-benchmark-0123", 200.0
ROOT = Path(__file__).resolve().parents[1]
PAGE = "---\nversion: '1'\nlast_validated_date: 2026-11-01\n---\n# {title}\n\n{body}\n"
BODY = "The {title} page says how parcels of kind {title} are sent, who answers for them, and how long that takes."
PAGES = {
    "corpus": "/corpus",
    "source": f"/source?contract={NAME}",
    "quarantine": f"/quarantine?contract={NAME}",
    "quarantine, last page": f"/quarantine?contract={NAME}&page=99999",
    "quarantine, one rule": f"/quarantine?contract={NAME}&rule=governance_fields",
    "held document": f"/held?contract={NAME}&id=held.md",
    "split": f"/split?contract={NAME}&id=held.md",
    "admitted with warnings": f"/review?contract={NAME}",
    "documents": f"/documents?contract={NAME}",
    "documents, last page": f"/documents?contract={NAME}&page=99999",
    "documents, search": f"/documents?contract={NAME}&q=099",
    "document": f"/document?contract={NAME}&id=shipping.md",
}


def prepare(folder: Path, documents: int, held: int) -> None:
    """Ingests a small project, and multiplies its rows."""
    (folder / "docs").mkdir(parents=True)
    for title in ("shipping", "refunds", "passwords"):
        body = BODY.format(title=title)
        (folder / "docs" / f"{title}.md").write_text(PAGE.format(title=title, body=body), "utf-8")
    (folder / "docs" / "held.md").write_text(f"# held\n\n{BODY.format(title='held')}\n", "utf-8")
    place = ("--project", str(folder))
    with contextlib.redirect_stdout(sys.stderr):
        stemma(["init", *place])
        stemma(["contract", "new", NAME, "--path", "docs/**/*.md", "--model", "wordllama-256", *place])
        stemma(["ingest", NAME, *place])
    runtime = open_runtime(load_settings(folder))
    _multiply(runtime, documents, held)
    runtime.catalog.close()


def _multiply(runtime: Runtime, documents: int, held: int) -> None:
    for table in (DocumentRow, DecisionRow, RevisionRow):
        _copied(runtime, table, "shipping.md", "kept", documents - held)
    for table in (DocumentRow, DecisionRow):
        _copied(runtime, table, "held.md", "held", held)
    with runtime.catalog.transaction() as tx:
        run, version = _row(tx, RunRow), _row(tx, VersionRow)
        runs = [
            {**run, "run_id": f"run-{place:05d}", "started_at": run["started_at"] - timedelta(hours=place + 1)}
            for place in range(1_000)
        ]
        tx.execute(insert(RunRow), runs)
        tx.execute(insert(VersionRow), [{**version, "number": number, "state": "retired"} for number in range(2, 200)])
    with runtime.catalog.transaction() as tx:
        tx.execute(text("ANALYZE"))


def _copied(runtime: Runtime, table: type[Base], doc_id: str, prefix: str, number: int) -> None:
    with runtime.catalog.transaction() as tx:
        found = _row(tx, table, doc_id)
        found.pop("id", None)
        for start in range(0, number, 5_000):
            ids = (f"{prefix}/{place // 100:04d}/{place:06d}.md" for place in range(start, min(number, start + 5_000)))
            tx.execute(insert(table), [{**found, "doc_id": name} for name in ids])


def _row(tx: Any, table: type[Base], doc_id: str = "") -> dict[str, Any]:
    columns = list(table.__table__.columns)
    statement = select(*columns).limit(1)
    if doc_id:
        statement = statement.where(table.__table__.c.doc_id == doc_id)
    return dict(tx.execute(statement).one()._mapping)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Runs the console, and ends it."""
    command = [sys.executable, "-m", "console.cli.main", "serve", "--port", "0", "--project", str(folder)]
    environment = {**os.environ, "STEMMA_CONSOLE_TOKEN": TOKEN}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"http://\S+", "".join(said))
        assert found, said
        yield found[0], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def measure(url: str, process: psutil.Process, rounds: int) -> list[dict[str, Any]]:
    """Asks every page in turn; returns milliseconds by page, by the clock and of the server's processor time."""
    spent: dict[str, float] = dict.fromkeys(PAGES, 0.0)
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    sizes: dict[str, int] = {}
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        for turn in range(rounds + 2):
            for name, path in PAGES.items():
                before, begun = _processor(process), time.perf_counter()
                answer = client.get(path)
                took = (time.perf_counter() - begun) * 1000
                if answer.status_code != 200:
                    raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
                sizes[name] = len(answer.content)
                if turn >= 2:
                    times[name].append(took)
                    spent[name] += _processor(process) - before
    return [
        {
            "page": name,
            "p50_ms": _quantile(found, 0.5),
            "p95_ms": _quantile(found, 0.95),
            "processor_ms": round(spent[name] / len(found) * 1000, 1),
            "bytes": sizes[name],
        }
        for name, found in times.items()
    ]


def _processor(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _quantile(values: list[float], share: float) -> float:
    return round(sorted(values)[round(share * (len(values) - 1))], 1)


def main() -> int:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--held", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        prepare(folder, options.documents, options.held)
        with serving(folder) as (url, process):
            found = measure(url, process, options.rounds)
    if options.json:
        print(json.dumps({"documents": options.documents, "held": options.held, "pages": found}, indent=2))
    else:
        for row in found:
            clock = f"p50 {row['p50_ms']:8.1f} ms   p95 {row['p95_ms']:8.1f} ms"
            print(f"{row['page']:24} {clock}   processor {row['processor_ms']:7.1f} ms   {row['bytes']:8,} bytes")
    return int(any(row["p95_ms"] > GOAL_MS for row in found))


if __name__ == "__main__":
    sys.exit(main())
