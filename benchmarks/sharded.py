"""One step of an index that is built in parts, as one process of a benchmark: `scale.py --shards` starts it.

Usage: sharded.py prepare HOME VECTORS FACTORY ROWS SHARDS
       sharded.py add HOME SHARD
       sharded.py merge HOME VECTORS FACTORY ROWS ADDED   the last a file with what the adds printed, as a JSON list

Prints one JSON object: seconds of processor and on the clock, without the imports, the largest resident memory, and
what the next step needs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from corpus.storage import file_digest, open_store
from index import builds, search, shards

NAME = "bench"
DIMENSION = 384


def _mapped(path: str, rows: str) -> Any:
    return np.memmap(path, dtype="<f4", mode="r", shape=(int(rows), DIMENSION))


def prepare(home: str, path: str, factory: str, rows: str, parts: str) -> dict[str, Any]:
    """Trains, and leaves vectors and trained index in the home; the time of training is told apart."""
    spent, train = {"train_cpu_s": 0.0}, search.train_index

    def timed(*given: Any) -> Any:
        before = time.process_time()
        index = train(*given)
        spent["train_cpu_s"] = round(time.process_time() - before, 2)
        return index

    search.train_index = timed
    store = open_store(home)
    with store.scratch() as scratch:
        file = scratch / "vectors.f32"
        os.link(path, file)
        ranges = shards.plan(int(rows), -(-int(rows) // int(parts)))
        due = builds.prepare(store, NAME, factory, _mapped(path, rows), file, ranges)
    return {"shards": due, **spent}


def add(home: str, shard: str) -> dict[str, Any]:
    """Adds one range of rows."""
    return {"added": asdict(builds.add(open_store(home), NAME, shard))}


def merge(home: str, path: str, factory: str, rows: str, said: str) -> dict[str, Any]:
    """Puts the ranges together and writes the index; without the measuring of recall, which a release does next."""
    added = [builds.Added(**item) for item in json.loads(Path(said).read_text("utf-8"))]
    merging = builds.Merging(open_store(home), NAME, added)
    made = Path(home) / "merged.faiss"
    search.write_index(merging.make(factory, _mapped(path, rows)), made)
    return {"told": merging.told, "sha256": file_digest(made)}


STEPS: dict[str, Callable[..., dict[str, Any]]] = {"prepare": prepare, "add": add, "merge": merge}


def main() -> None:
    """Runs a step and prints what it took."""
    cpu, clock = time.process_time(), time.perf_counter()
    found = STEPS[sys.argv[1]](*sys.argv[2:])
    said = {
        "cpu_s": round(time.process_time() - cpu, 2),
        "s": round(time.perf_counter() - clock, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps({**said, **found}))


if __name__ == "__main__":
    main()
