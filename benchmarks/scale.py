"""What size costs: full ingest, release, an unchanged run, 1 % changed, 1 % deleted, reconcile; and large indexes.

Usage: scale.py [--sizes N ...] [--listed N ...] [--vectors N ...] [--factories NAME ...] [--threads N ...]
       [--shards N ...] [--scratch FOLDER] [--json]

Documents are short (about 920 bytes, a chunk each) and made of sentences of real text (`bulk.py`); the embedder is
wordllama-256, so that what is measured is what surrounds a model. Each row is a whole process as a user starts it, with
the operating system's account of it: seconds of processor of it and its workers, and the largest resident memory of any
one of them. Seconds of processor can be compared on a machine with other work, the clock cannot.

`--sizes` are ingested in full. `--listed` sizes measure by itself what finds out what changed (`listed.py`), at sizes
whose ingest would take hours: unchanged, unchanged with every byte read, and 1 % changed. Each size has its own floor
of the same run: listing and hashing all bytes, and the start of the command. What an ingest costs whatever its size
(imports, the rules' engine, the model, canaries) is that of the smallest step of the run, and is taken off where a
ratio says net. `--vectors` builds indexes of N x 384 from a mapped file, and with `--shards N` once more in N
ranges of rows, each step a process of its own (`sharded.py`), and compares the bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bulk
import numpy as np
from ingest import HASH_ALL
from process import Run, run
from rich.console import Console
from rich.table import Table

STEMMA = str(Path(sys.executable).with_name("stemma"))
NAME = "bench"
DEFAULTS = ("version=1", "last_validated_date=2026-11-01", "source_system=bench", "sensitivity_label=public")
START = "import console.cli.main, ingestion.pipeline"
DIMENSION = 384
CENTRES = 20_000


@dataclass(frozen=True)
class Row:
    """One measured process."""

    size: int
    step: str
    work: int
    run: Run

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": self.size,
            "step": self.step,
            "documents_of_step": self.work,
            "wall_s": round(self.run.wall_s, 1),
            "cpu_s": round(self.run.cpu_s, 2),
            "peak_mb": round(self.run.peak_mb),
            "documents_per_cpu_s": round(self.work / self.run.cpu_s, 1) if self.work else None,
        }


def _stemma(folder: Path, *words: str) -> Run:
    return run([STEMMA, "--project", str(folder), "--json", *words], {"OMP_NUM_THREADS": "1"})


def _project(folder: Path, inbox: Path) -> None:
    run([STEMMA, "init", str(folder)])
    defaults = [part for default in DEFAULTS for part in ("--default", default)]
    new = [STEMMA, "--project", str(folder), "contract", "new", NAME, "--path", f"{inbox}/**/*.md", "--owner", "bench"]
    run([*new, "--model", "wordllama-256", *defaults])


def _rows(size: int, scratch: Path) -> Iterator[Row]:
    inbox, folder = scratch / "inbox", scratch / "project"
    hundredth = max(1, size // 100)
    later = []
    for place, (name, text) in enumerate(bulk.documents(size + hundredth)):
        if place >= size:
            later.append((name, text))
            continue
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    _project(folder, inbox)
    yield Row(size, "start of the command", 0, run([sys.executable, "-c", START]))
    yield Row(size, "list and hash all bytes", size, run([sys.executable, "-c", HASH_ALL, str(inbox)]))
    yield Row(size, "full ingest", size, _stemma(folder, "ingest", NAME, "--no-release"))
    for name, text in later:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_text(text, "utf-8")
    yield Row(size, "1 % added, no release", hundredth, _stemma(folder, "ingest", NAME, "--no-release"))
    yield Row(size, "release of all", size, _stemma(folder, "index", "release", NAME))
    yield Row(size, "unchanged", size, _stemma(folder, "ingest", NAME))
    yield Row(size, "reconcile", size, _stemma(folder, "reconcile", NAME))
    files = sorted(inbox.rglob("*.md"))
    for path in files[:: max(1, len(files) // hundredth)][:hundredth]:
        path.write_text(path.read_text("utf-8") + "\n\nOne more sentence was added at the very end of this page.\n")
    yield Row(size, "1 % changed, no release", hundredth, _stemma(folder, "ingest", NAME, "--no-release"))
    for path in files[7 :: max(1, len(files) // hundredth)][:hundredth]:
        path.unlink()
    yield Row(size, "1 % deleted, release of all", hundredth, _stemma(folder, "ingest", NAME))


def _listed(size: int, scratch: Path) -> Iterator[Row]:
    inbox, folder = scratch / "inbox", scratch / "project"
    files = [inbox / name for name in bulk.write(inbox, size, per_document=1)]
    _project(folder, inbox)
    script, where = [sys.executable, str(Path(__file__).with_name("listed.py"))], [str(folder), NAME]
    yield Row(size, "start of the command", 0, run([sys.executable, "-c", START]))
    yield Row(size, "list and hash all bytes", size, run([sys.executable, "-c", HASH_ALL, str(inbox)]))
    run([*script, "make", *where])
    yield Row(size, "acquire, unchanged", size, run([*script, "look", *where]))
    everything = run([*script, "look", *where], {"STEMMA_TRUST_LISTING": "false"})
    yield Row(size, "acquire, unchanged, all read", size, everything)
    for path in files[::100]:
        path.write_text(path.read_text("utf-8") + "\n\nOne more sentence.\n")
    yield Row(size, "acquire, 1 % changed", size, run([*script, "look", *where]))


def _ratios(rows: Sequence[Row]) -> dict[str, float]:
    cpu = {(row.size, row.step): row.run.cpu_s for row in rows}
    ratios = {}
    smallest = min(row.size for row in rows)
    for size in sorted({row.size for row in rows}):
        start = cpu[size, "start of the command"]
        floor = start + cpu[size, "list and hash all bytes"]
        for step in ("unchanged", "acquire, unchanged", "acquire, unchanged, all read", "acquire, 1 % changed"):
            if (size, step) in cpu:
                ratios[f"{size:,}: {step} / (start + hash all)"] = cpu[size, step] / floor
        if (size, "full ingest") in cpu:
            ratios |= _against_full(cpu, size, smallest)
    return ratios


def _against_full(cpu: dict[tuple[int, str], float], size: int, smallest: int) -> dict[str, float]:
    fixed = cpu[smallest, "1 % added, no release"]
    full, changed = cpu[size, "full ingest"], cpu[size, "1 % changed, no release"]
    ratios = {
        f"{size:,}: 1 % changed / full ingest": changed / full,
        f"{size:,}: 1 % changed / full ingest, net": max(0.0, changed - fixed) / (full - fixed),
        f"{size:,}: release of all / full ingest, net": cpu[size, "release of all"] / (full - fixed),
    }
    if size != smallest:
        first = (cpu[smallest, "full ingest"] - fixed) / smallest
        ratios[f"{size:,}: seconds per document / those at {smallest:,}, net"] = (full - fixed) / size / first
    return ratios


def _vectors(path: Path, number: int) -> None:
    """Writes unit vectors around random centres: a shape that lists and graphs can make something of."""
    dice = np.random.default_rng(1)
    centres = dice.standard_normal((CENTRES, DIMENSION), dtype=np.float32)
    with path.open("wb") as file:
        for start in range(0, number, 20_000):
            rows = min(20_000, number - start)
            block = centres[dice.integers(0, CENTRES, rows)]
            block = block + 0.7 * dice.standard_normal((rows, DIMENSION), dtype=np.float32)
            file.write((block / np.linalg.norm(block, axis=1, keepdims=True)).astype("<f4").tobytes())


BUILD = """
import hashlib, json, resource, sys, time, numpy as np
from pathlib import Path
from index import search
factory, rows, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
vectors = np.memmap(path, dtype="<f4", mode="r", shape=(rows, 384))
spent, made, add = {}, path.with_suffix(".faiss"), search.add_vectors
def timed(name, work):
    before, began = time.process_time(), time.perf_counter()
    done = work()
    spent[f"{name}_cpu_s"] = round(time.process_time() - before, 1)
    spent[f"{name}_s"] = round(time.perf_counter() - began, 1)
    spent[f"{name}_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return done
search.add_vectors = lambda index, rows: timed("add", lambda: add(index, rows))
index = timed("build", lambda: search.make_index(factory, vectors))
recall = timed("recall", lambda: search.measure_recall(index, vectors)[0])
timed("write", lambda: search.write_index(index, made))
with made.open("rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
spent["train_cpu_s"] = round(spent["build_cpu_s"] - spent["add_cpu_s"], 1)
print(json.dumps({**spent, "recall_at_10": recall, "sha256": digest[:12]}))
"""


def _indexes(
    scratch: Path, numbers: Sequence[int], factories: Sequence[str], threads: Sequence[int], shards: Sequence[int]
) -> Iterator[dict[str, Any]]:
    for number in numbers:
        path = scratch / "vectors.f32"
        _vectors(path, number)
        for factory in factories:
            for count in threads:
                done = run(
                    [sys.executable, "-c", BUILD, factory, str(number), str(path)], {"OMP_NUM_THREADS": str(count)}
                )
                made = path.with_suffix(".faiss")
                size = made.stat().st_size / 2**20
                made.unlink()
                yield {
                    "vectors": number,
                    "factory": factory,
                    "threads": count,
                    "cpu_s": round(done.cpu_s, 1),
                    "peak_mb": round(done.peak_mb),
                    "disk_mb": round(size),
                    "peak_over_disk": round(done.peak_mb / size, 2),
                    **(alone := json.loads(done.out)),
                }
                for parts in shards:
                    yield from _sharded(path, number, factory, parts, str(count), alone["sha256"])
        path.unlink()


def _sharded(path: Path, number: int, factory: str, parts: int, threads: str, alone: str) -> Iterator[dict[str, Any]]:
    """Builds the same index in parts, and says of each step what it took."""
    with tempfile.TemporaryDirectory(dir=path.parent) as home:

        def step(name: str, *words: str) -> dict[str, Any]:
            script = str(Path(__file__).with_name("sharded.py"))
            found = run([sys.executable, script, name, home, *words], {"OMP_NUM_THREADS": threads}).out
            return dict(json.loads(found))

        row = {"vectors": number, "factory": factory, "threads": int(threads), "shards": parts}
        made = step("prepare", str(path), factory, str(number), str(parts))
        due = made.pop("shards")
        yield {**row, "shards": len(due), "step": "prepare", **made}
        added = []
        for shard in due:
            found = step("add", shard)
            added.append(found.pop("added"))
            yield {**row, "shards": len(due), "step": f"add {shard.partition('/')[2]}", **found}
        said = Path(home) / "added.json"
        said.write_text(json.dumps(added), "utf-8")
        found = step("merge", str(path), factory, str(number), str(said))
        same = "yes" if found["sha256"].startswith(alone) else "NO"
        yield {**row, "shards": len(due), "step": "merge", **found, "sha256": alone, "same bytes": same}


def _show(rows: Sequence[Row], ratios: dict[str, float], indexes: Sequence[dict[str, Any]]) -> None:
    console = Console(width=130)
    table = Table("documents", "step", "CPU s", "wall s", "documents / CPU s", "peak MB")
    for row in rows:
        said = row.as_json()
        rate = str(said["documents_per_cpu_s"] or "")
        table.add_row(f"{row.size:,}", row.step, str(said["cpu_s"]), str(said["wall_s"]), rate, str(said["peak_mb"]))
    if rows:
        console.print(table)
    for name, value in ratios.items():
        console.print(f"{name} = {value:.3f}")
    for found in indexes:
        console.print(", ".join(f"{name} {value}" for name, value in found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--listed", type=int, nargs="*", default=[100_000])
    parser.add_argument("--vectors", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--factories", nargs="*", default=["Flat", "SQ8", "IVF4096,SQ8"])
    parser.add_argument("--threads", type=int, nargs="*", default=[1], help="of FAISS, for each build")
    parser.add_argument("--shards", type=int, nargs="*", default=[], help="ranges of rows to build each index in")
    parser.add_argument("--scratch", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=options.scratch) as temporary:
        scratch = Path(temporary)
        full = (row for size in options.sizes for row in _rows(size, scratch / f"full-{size}"))
        listed = (row for size in options.listed for row in _listed(size, scratch / f"listed-{size}"))
        for part in (full, listed):
            for row in part:
                print(json.dumps(row.as_json()), file=sys.stderr, flush=True)
                rows.append(row)
        indexes = list(_indexes(scratch, options.vectors, options.factories, options.threads, options.shards))
    ratios = _ratios(rows) if rows else {}
    if options.json:
        print(json.dumps({"rows": [row.as_json() for row in rows], "ratios": ratios, "indexes": indexes}, indent=2))
    else:
        _show(rows, ratios, indexes)


if __name__ == "__main__":
    main()
