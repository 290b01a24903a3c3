"""Ingest end to end: cold, unchanged, 1 % changed, one deleted; beside a plain loop in the same run.

Usage: ingest.py [--bytes N] [--json]    (N: size of each corpus; the default takes some minutes on two cores)

Every row is a whole process as a user starts it. The floors: the embedder's own time for a cold run; hashing all
bytes plus the start of the command (its imports) for an unchanged one. Ratios are against runs of the same minute.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import corpora
from process import Run, run
from rich.console import Console
from rich.table import Table

STEMMA = str(Path(sys.executable).with_name("stemma"))
HASH_ALL = (
    "import hashlib,pathlib,sys\n"
    "for p in sorted(pathlib.Path(sys.argv[1]).rglob('*.*')):\n"
    "    if p.is_file(): hashlib.sha256(p.read_bytes()).hexdigest()"
)


@dataclass(frozen=True)
class Row:
    """One measured run."""

    corpus: str
    name: str
    documents: int
    chunks: int
    embed_s: float
    run: Run

    def as_json(self) -> dict[str, Any]:
        return {
            "corpus": self.corpus,
            "run": self.name,
            "wall_s": round(self.run.wall_s, 2),
            "cpu_s": round(self.run.cpu_s, 2),
            "peak_mb": round(self.run.peak_mb),
            "documents_per_s": round(self.documents / self.run.wall_s, 1),
            "chunks_per_s": round(self.chunks / self.run.wall_s, 1),
            "embedder_share": round(self.embed_s / self.run.wall_s, 3),
        }


def _project(folder: Path, inbox: Path) -> None:
    run([STEMMA, "init", str(folder)])
    new = [STEMMA, "--project", str(folder), "contract", "new", "bench", "--path", f"{inbox}/**/*", "--owner", "bench"]
    run([*new, "--default", "version=1", "--default", "last_validated_date=2026-11-01"])


def _ingest(corpus: str, name: str, project: Path) -> Row:
    done = run([STEMMA, "--project", str(project), "--json", "ingest", "bench"])
    receipt = json.loads(done.out)
    figures, counts = receipt["figures"], receipt["counts"]
    return Row(corpus, name, counts["received"], int(figures["chunks"]), float(figures["embed_seconds"]), done)


def _plain(corpus: str, name: str, inbox: Path, *extra: str) -> Row:
    done = run([sys.executable, str(Path(__file__).with_name("plain_loop.py")), str(inbox), *extra])
    said = json.loads(done.out.splitlines()[-1])
    return Row(corpus, name, said["documents"], said["chunks"], said["embed_seconds"], done)


def _rows(corpus: str, inbox: Path, folder: Path, documents: int) -> Iterator[Row]:
    yield _plain(corpus, "plain loop, fp32", inbox)
    yield _plain(corpus, "plain loop, our embedder", inbox, "--ours")
    _project(folder, inbox)
    yield _ingest(corpus, "cold", folder)
    hashed = run([sys.executable, "-c", HASH_ALL, str(inbox)])
    yield Row(corpus, "start and hash all bytes", documents, 0, 0.0, hashed)
    started = run([sys.executable, "-c", "import console.cli.main, ingestion.pipeline"])
    yield Row(corpus, "start of the ingest command", 0, 0, 0.0, started)
    yield _ingest(corpus, "unchanged", folder)
    files = sorted(path for path in inbox.rglob("*.*") if path.is_file())
    for path in files[:: max(1, len(files) // max(1, len(files) // 100))][: max(1, len(files) // 100)]:
        path.write_text(path.read_text("utf-8") + "\n\nOne more sentence was added at the very end of this page.\n")
    yield _ingest(corpus, "1 % changed", folder)
    files[len(files) // 2].unlink()
    yield _ingest(corpus, "one deleted", folder)


def _ratios(rows: list[Row]) -> dict[str, float]:
    wall = {row.name: row.run.wall_s for row in rows}
    embed = {row.name: row.embed_s for row in rows}
    floor = wall["start and hash all bytes"] + wall["start of the ingest command"]
    return {
        "cold / plain loop with our embedder (governance)": wall["cold"] / wall["plain loop, our embedder"],
        "plain loop fp32 / cold (speed-up)": wall["plain loop, fp32"] / wall["cold"],
        "embedder: plain fp32 / ours": embed["plain loop, fp32"] / embed["cold"],
        "unchanged / (hash all + process start)": wall["unchanged"] / floor,
        "1 % changed / cold": wall["1 % changed"] / wall["cold"],
        "one deleted / cold": wall["one deleted"] / wall["cold"],
    }


def _show(rows: list[Row], ratios: dict[str, dict[str, float]]) -> None:
    table = Table("corpus", "run", "wall s", "CPU s", "peak MB", "docs/s", "chunks/s", "in embedder")
    for row in rows:
        said = row.as_json()
        share = f"{said['embedder_share']:.0%}" if row.embed_s else ""
        table.add_row(
            row.corpus,
            row.name,
            *(str(said[key]) for key in ("wall_s", "cpu_s", "peak_mb", "documents_per_s", "chunks_per_s")),
            share,
        )
    console = Console(width=130)
    console.print(table)
    for corpus, values in ratios.items():
        for name, value in values.items():
            console.print(f"{corpus}: {name} = {value:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[Row] = []
    ratios = {}
    with tempfile.TemporaryDirectory() as temporary:
        for corpus, documents in (("installed", corpora.installed), ("python docs", corpora.python_docs)):
            inbox = Path(temporary, corpus.replace(" ", "-"), "inbox")
            number = corpora.write(inbox, documents(options.bytes))
            if not number:
                print(f"{corpus}: not on this machine, left out", file=sys.stderr)
                continue
            measured = list(_rows(corpus, inbox, inbox.parent / "project", number))
            ratios[corpus] = _ratios(measured)
            rows += measured
    if options.json:
        print(json.dumps({"rows": [row.as_json() for row in rows], "ratios": ratios}, indent=2))
    else:
        _show(rows, ratios)


if __name__ == "__main__":
    main()
