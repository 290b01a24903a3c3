"""Does several kinds of work on one home at once, each in a process of its own; see test_together.

Usage: together.py FOLDER CATALOG_URL

Reads lines of words and answers each with a line of JSON: what each work came to, in that order. Everything is imported
once and each work forked; those of one line start at the same moment. A word is one of `ingest`, `release`, `reembed`,
`gc`, `reconcile`, or `erase:DOCUMENT`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import great_expectations  # noqa: F401 - imported before the forks, so that each does not pay for it
from laws import half_model
from laws.handbook import NAME

from corpus.errors import StemmaError
from corpus.receipts import Receipt
from corpus.settings import Settings
from index import reader  # noqa: F401 - as above
from ingestion import pipeline, publish  # noqa: F401 - as above
from ingestion.runtime import Runtime, open_runtime
from ingestion.stages import collect, erase, reconcile, release


def _works(word: str) -> Callable[[Runtime], object]:
    name, _, document = word.partition(":")
    works: dict[str, Callable[[Runtime], object]] = {
        "ingest": lambda runtime: pipeline.ingest(runtime, NAME),
        "release": lambda runtime: release.release(runtime, NAME, f"by-{os.getpid()}"),
        "reembed": lambda runtime: pipeline.reembed(runtime, NAME, model=half_model.NAME, mode="shadow"),
        "gc": lambda runtime: collect.gc(
            runtime, NAME, limits=collect.Limits(keep=1, days=0), grace=timedelta(seconds=1)
        ),
        "reconcile": lambda runtime: reconcile.reconcile(runtime, NAME),
        "erase": lambda runtime: erase.erase(runtime, NAME, document, reason="request 17", actor="ann"),
    }
    return works[name]


def _said(folder: Path, url: str, word: str) -> dict[str, object]:
    settings = Settings(project=folder, home=str(folder / "home"), catalog_url=url, shard_bytes=4_000)
    runtime = open_runtime(settings)
    try:
        done = _works(word)(runtime)
    except StemmaError as error:
        return {"error": type(error).__name__, "message": str(error), "retryable": error.retryable}
    finally:
        runtime.catalog.close()
    return {"status": done.figures.get("status", "done") if isinstance(done, Receipt) else "done"}


def _together(folder: Path, url: str, words: list[str]) -> list[object]:
    start, pipes = time.monotonic() + 0.3, []
    for word in words:
        reading, writing = os.pipe()
        if os.fork() == 0:
            time.sleep(max(0.0, start - time.monotonic()))
            os.write(writing, json.dumps(_said(folder, url, word)).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    said: list[object] = []
    for reading in pipes:
        with os.fdopen(reading, "rb") as handle:
            said.append(json.loads(handle.read()))
    for _ in words:
        os.wait()
    return said


def main(folder: Path, url: str) -> None:
    """Does the works of each line at once and says what they came to."""
    half_model.install()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_together(folder, url, line.split())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
