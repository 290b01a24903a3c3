"""Looking for what changed in a source of many documents, by itself: a source, and rows as runs leave them.

Usage: listed.py make PROJECT CONTRACT      writes the standing rows of everything that the source lists
       listed.py look PROJECT CONTRACT      prints what acquiring took, and what it found
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from corpus import batches
from corpus.catalog import documents, runs, segments
from corpus.catalog.records import DocumentState, SegmentRecord
from corpus.ids import new_run_id, revision_id
from corpus.settings import load_settings
from corpus.types import utc_now
from ingestion.examine import key_of
from ingestion.runtime import open_runtime
from ingestion.stages.acquire import acquire
from ingestion.toolkit import tools_of


def make(folder: Path, name: str) -> None:
    runtime = open_runtime(load_settings(folder))
    tools = tools_of(runtime.contract(name), runtime.settings)
    run_id = new_run_id()
    time.sleep(2.1)  # so that the listing may promise something of files that were just written
    with runtime.catalog.transaction() as tx:
        runs.start(tx, run_id=run_id, contract=name, kind="ingest", actor="bench")
    for part in batches.batched(tools.source.list(), 1_000):
        states = []
        for ref in part:
            blob = tools.source.read(ref)
            key = key_of(tools, ref, blob.sha256, "")
            states.append(DocumentState(
                doc_id=ref.doc_id, uri=ref.uri, path=ref.path, state="active", state_key=key, raw_sha256=blob.sha256,
                size=ref.size, modified_at=ref.modified_at, revision_id=revision_id(ref.doc_id, key),
                segment_id=part[0].doc_id, outcome="accept", run_id=run_id, updated_at=utc_now(), stamp=ref.stamp,
            ))  # fmt: skip
        record = SegmentRecord(
            segment_id=part[0].doc_id, contract=name, chunker_fingerprint=tools.chunker_fingerprint,
            assess_fingerprint=tools.assess_fingerprint, documents=len(part), chunks=0, documents_sha256="",
            chunks_sha256="", run_id=run_id, created_at=utc_now(),
        )  # fmt: skip
        with runtime.catalog.transaction() as tx:
            segments.add(tx, record)
            documents.record(tx, name, run_id, states)


def look(folder: Path, name: str) -> None:
    runtime = open_runtime(load_settings(folder))
    began, busy = time.perf_counter(), time.process_time()
    figures = dict(acquire(runtime, name, new_run_id()).figures)
    took = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - busy}
    print(json.dumps({**figures, **{key: round(value, 2) for key, value in took.items()}}))


if __name__ == "__main__":
    {"make": make, "look": look}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
