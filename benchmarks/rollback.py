"""How long a rollback takes, by the size of the version: check, compare-and-swap in the catalog, alias file.

Usage: rollback.py [--chunks 1000 10000 100000] [--moves 20] [--dimension 384] [--json]

Two signed versions of random unit vectors per size, in a home and a SQLite catalog under a temporary folder. The alias
moves to and fro; timed is `ingestion.stages.release.move`, which is all that `stemma index rollback` does after it has
looked up where to. The time to open a version for reading, which checks every byte, is beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from corpus import batches
from corpus.catalog import versions
from corpus.catalog.session import open_catalog
from corpus.ids import fingerprint, text_digest
from corpus.receipts import Counts
from corpus.settings import Settings
from corpus.types import utc_now
from index import layout, search
from index.build import canary_info, file_ref
from index.canaries import CANARY_TEXTS
from index.manifest import (
    FINGERPRINT_ROLES,
    AiShare,
    Contents,
    ContractRef,
    Distribution,
    FingerprintRef,
    IndexInfo,
    Manifest,
    OriginMix,
    RunInfo,
)
from index.reader import open_index
from index.release import publish, seal, version_record
from index.signing import TrustStore, generate_keypair, load_signer
from ingestion.runtime import Runtime, catalog_url, open_runtime
from ingestion.stages.release import move

NAME = "bench"
CHUNKS_PER_DOCUMENT = 10
WORDS = (
    "refund",
    "window",
    "thirty",
    "days",
    "after",
    "delivery",
    "support",
    "team",
    "answers",
    "within",
    "two",
    "working",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rows = [measure(chunks, options.moves, options.dimension) for chunks in options.chunks]
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        show(rows)
    return 0


def measure(chunks: int, moves: int, dimension: int) -> dict[str, Any]:
    """Builds two versions and moves an alias between them."""
    with tempfile.TemporaryDirectory(prefix="stemma-rollback-") as folder:
        runtime = project(Path(folder))
        sizes = [version(runtime, number, chunks, dimension) for number in (1, 2)]
        move(runtime, NAME, "live", 1, reason="first")
        seconds, processor = [], []
        for turn in range(moves):
            began, worked = time.perf_counter(), time.process_time()
            move(runtime, NAME, "live", 2 - turn % 2, reason="bench")
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - worked)
        began = time.perf_counter()
        trust = TrustStore.from_folder(runtime.settings.trusted_keys)
        open_index(runtime.store, NAME, trust=trust)
        opened = time.perf_counter() - began
        runtime.catalog.close()
    low, high = np.percentile(seconds, [50, 99])
    return {
        "chunks": chunks,
        "mb": max(sizes) / 1e6,
        "p50_s": low,
        "p99_s": high,
        "processor_p50_s": float(np.median(processor)),
        "open_s": opened,
        "moves": moves,
    }


def project(folder: Path) -> Runtime:
    settings = Settings(project=folder, home=str(folder / "home"))
    settings.contracts.mkdir()
    generate_keypair(settings.signing_key, settings.trusted_keys / "bench.pub")
    (folder / "home").mkdir()
    catalog = open_catalog(catalog_url(settings))
    catalog.upgrade()
    catalog.close()
    return open_runtime(settings)


def version(runtime: Runtime, number: int, chunks: int, dimension: int) -> int:
    """Publishes one version; returns its size in bytes."""
    with runtime.store.scratch() as scratch:
        folder = scratch / "version"
        folder.mkdir()
        manifest = written(folder, number, chunks, dimension)
        digest = seal(folder, manifest, load_signer(runtime.settings.signing_key))
        publish(runtime.store, NAME, number, folder)
    with runtime.catalog.transaction() as tx:
        # Released before, under the same name: an approval is not what is timed.
        versions.add(tx, version_record(manifest, digest))
        versions.set_state(tx, NAME, number, "released")
    _moved_before(runtime, number)
    return sum(ref.size for ref in manifest.files.values())


def _moved_before(runtime: Runtime, number: int) -> None:
    with runtime.catalog.transaction() as tx:
        state = versions.alias(tx, NAME, "live")
        generation = state.generation if state else None
        versions.move_alias(
            tx, name=NAME, alias="live", number=number, expected_generation=generation, actor="bench", reason="set up"
        )


def written(folder: Path, number: int, chunks: int, dimension: int) -> Manifest:
    """Writes the files of a version and returns its manifest."""
    rng = np.random.default_rng(number)
    vectors = rng.normal(size=(chunks, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    search.write_index(search.make_index("Flat", vectors), folder / layout.INDEX)
    documents = max(1, chunks // CHUNKS_PER_DOCUMENT)
    text = [" ".join(rng.choice(WORDS, size=120)) for _ in range(min(chunks, 1_000))]
    pq.write_table(_chunks(chunks, text), folder / layout.CHUNKS, compression="zstd")
    pq.write_table(_documents(documents, text), folder / layout.DOCUMENTS, compression="zstd")
    canaries = vectors[np.arange(len(CANARY_TEXTS)) % chunks]
    digests = tuple(text_digest(each) for each in CANARY_TEXTS)
    batches.write_vectors(folder / layout.CANARIES, [(digests, canaries)], dimension)
    (folder / layout.CONTRACT).write_text("name: bench\n")
    (folder / layout.REPORT).write_text("{}")
    return Manifest(
        name=NAME,
        number=number,
        previous=number - 1 or None,
        created_at=utc_now(),
        run=RunInfo(run_id=f"run-{number}", code_version="bench", actor="bench"),
        contract=ContractRef(id=NAME, name=NAME, version="1.0.0", digest=fingerprint("contract", {"n": number})),
        fingerprints={
            role: FingerprintRef(digest=fingerprint(role, {}), parts={"model": "random"}) for role in FINGERPRINT_ROLES
        },
        runtime={},
        contents=Contents(documents=documents, chunks=chunks, tokens=0, corpus_sha256=fingerprint("c", {"n": number})),
        conservation=Counts(),
        origin=OriginMix(
            documents={"unknown": documents},
            chunks={"unknown": chunks},
            ai_share_documents=AiShare(declared=0.0, matched=0.0),
            ai_share_chunks=AiShare(declared=0.0, matched=0.0),
            max_generation_depth=0,
        ),
        quality=Distribution(count=0, missing=documents, quantiles={}),
        freshness=Distribution(count=0, missing=documents, quantiles={}),
        index=IndexInfo(
            factory="Flat", metric="cosine", dimension=dimension, vectors=chunks, recall_at_10=None, recall_sample=0
        ),
        canaries=canary_info(canaries),
        gates=(),
        files={name: file_ref(folder / name) for name in layout.CONTENT_FILES},
    )


def _chunks(number: int, text: list[str]) -> pa.Table:
    plain = {name: [None] * number for name in batches.CHUNKS.names}
    return _table(
        batches.CHUNKS,
        number,
        {
            **plain,
            "chunk_id": [f"c{row:08d}" for row in range(number)],
            "doc_id": [f"d{row // CHUNKS_PER_DOCUMENT:07d}" for row in range(number)],
            "text": [text[row % len(text)] for row in range(number)],
        },
    )


def _documents(number: int, text: list[str]) -> pa.Table:
    plain = {name: [None] * number for name in batches.DOCUMENTS.names}
    return _table(
        batches.DOCUMENTS,
        number,
        {
            **plain,
            "doc_id": [f"d{row:07d}" for row in range(number)],
            "text": [text[row % len(text)] * CHUNKS_PER_DOCUMENT for row in range(number)],
        },
    )


def _table(schema: pa.Schema, rows: int, values: dict[str, list[Any]]) -> pa.Table:
    """Returns a table of a schema; a column of which nothing is said gets its type's empty value."""
    empty = {"string": "", "int64": 0, "int32": 0, "double": 0.0, "bool": False}
    columns = []
    for field in schema:
        given = values[field.name]
        filled = given if given[0] is not None else [empty.get(str(field.type))] * rows
        columns.append(pa.array(filled, field.type))
    return pa.table(columns, schema=schema)


def show(rows: Sequence[dict[str, Any]]) -> None:
    names = ("chunks", "MB", "rollback p50", "rollback p99", "processor time", "open for reading")
    table = Table(*names, title="Rollback")
    for row in rows:
        seconds = (f"{row[name]:.3f} s" for name in ("p50_s", "p99_s", "processor_p50_s", "open_s"))
        table.add_row(f"{row['chunks']:,}", f"{row['mb']:.0f}", *seconds)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
