"""Questions about the history of an index at size: why, blame, diff and the others on versions of many chunks.

Usage: queries.py FOLDER [--chunks N] [--versions N] [--rounds N]

Makes a project in FOLDER with real text (`corpora.installed`, `corpora.python_docs`: windows of it, so that there is
enough), a real catalog and real signed versions with wordllama's vectors; only admission is skipped. Each version
changes 1 % of the documents, adds 1 % and removes 1 %. A folder that was made before is taken as it is. Times are the
median of rounds in one process, and of whole processes of `stemma`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

import corpora

from console.cli.main import main as stemma
from corpus import batches
from corpus.catalog import decisions, documents, embedders, runs, segments, versions
from corpus.catalog.records import ActiveRevision, DecisionRecord, DocumentState, SegmentRecord
from corpus.ids import chunk_id, fingerprint, new_run_id, revision_id, text_digest
from corpus.receipts import Counts
from corpus.settings import load_settings
from corpus.storage import file_digest
from corpus.types import utc_now
from index import release
from index.build import BuildSpec, Circumstances, build_version, manifest_of
from index.canaries import CANARY_TEXTS
from index.manifest import FINGERPRINT_ROLES, ContractRef, FingerprintRef, RunInfo
from index.signing import load_signer
from ingestion.embedding import describe, open_embedder
from ingestion.queries import Queries
from ingestion.runtime import Runtime, open_runtime

NAME, MODEL = "bench", "wordllama-256"
PASSAGES, LENGTH = 10, 500
"""Passages of a document, and characters of a passage."""


def texts() -> Iterator[list[str]]:
    """Yields documents as lists of passages: windows of real text, shifted each time round."""
    real = [text for _, text in chain(corpora.installed(60_000_000), corpora.python_docs(20_000_000))]
    whole = "\n".join(real)
    for shift in range(0, LENGTH, 97):
        for start in range(shift, len(whole) - PASSAGES * LENGTH, PASSAGES * LENGTH):
            yield [whole[at : at + LENGTH] for at in range(start, start + PASSAGES * LENGTH, LENGTH)]


def document(doc_id: str, passages: list[str]) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Returns the rows of one document and of its chunks."""
    text = "".join(passages)
    revision = revision_id(doc_id, text_digest(text))
    row = dict.fromkeys(batches.DOCUMENTS.names) | {
        "doc_id": doc_id, "revision_id": revision, "uri": f"file:///srv/{doc_id}", "title": doc_id, "text": text,
        "content_sha256": text_digest(text), "raw_sha256": text_digest(text), "media_type": "text/plain",
        "language": "en", "updated_at": utc_now(), "size_bytes": len(text), "owner": "team", "source_system": "files",
        "last_validated_date": "2026-01-02", "sensitivity_label": "internal", "version": "1", "governance_basis": "{}",
        "digital_source_type": "unknown", "origin_basis": "none", "generation_depth": 0, "quality_score": 0.9,
        "quality_reasons": "[]", "repairs": "[]", "findings": "[]", "outcome": "accept", "reasons": "[]",
        "metadata": "{}", "blocks": "[]", "parser": "text/1",
    }  # fmt: skip
    chunks, start, seen = [], 0, {}
    for ordinal, passage in enumerate(passages):
        digest = text_digest(passage)
        seen[digest] = seen.get(digest, -1) + 1
        chunks.append({
            "chunk_id": chunk_id(doc_id, digest, seen[digest]), "doc_id": doc_id, "revision_id": revision,
            "ordinal": ordinal, "start": start, "end": start + len(passage), "text": passage, "text_sha256": digest,
            "headings": "[]", "token_count": len(passage) // 4, "digital_source_type": "unknown",
            "origin_basis": "none", "generation_depth": 0, "quality_score": 0.9,
        })  # fmt: skip
        start += len(passage)
    return row, chunks


def admit(runtime: Runtime, run_id: str, fresh: dict[str, list[str]], space: object, embedder: object) -> str:
    """Writes a segment with its vectors, and what the catalog keeps of its documents; returns its id."""
    made = [document(doc_id, passages) for doc_id, passages in fresh.items()]
    segment_id = fingerprint("segment", {"rows": [row["revision_id"] for row, _ in made]})[:32]
    chunks = [chunk for _, its in made for chunk in its]
    digests = tuple(str(chunk["text_sha256"]) for chunk in chunks)
    with runtime.store.scratch() as folder:
        batches.write_rows(folder / "d", batches.DOCUMENTS, (row for row, _ in made))
        batches.write_rows(folder / "c", batches.CHUNKS, chunks)
        vectors = embedder.embed([str(chunk["text"]) for chunk in chunks])
        batches.write_vectors(folder / "v", [(digests, vectors)], space.dimension)
        sums = [file_digest(folder / name) for name in "dc"]
        runtime.store.publish_file(f"segments/{segment_id}/documents.parquet", folder / "d")
        runtime.store.publish_file(f"segments/{segment_id}/chunks.parquet", folder / "c")
        runtime.store.publish_file(f"vectors/{space.fingerprint}/{segment_id}.parquet", folder / "v")
    record = SegmentRecord(
        segment_id=segment_id, contract=NAME, chunker_fingerprint="c" * 64, assess_fingerprint="a" * 64,
        documents=len(made), chunks=len(chunks), documents_sha256=sums[0], chunks_sha256=sums[1], run_id=run_id,
        created_at=utc_now(),
    )  # fmt: skip
    with runtime.catalog.transaction() as tx:
        segments.add(tx, record)
        documents.record(tx, NAME, run_id, [_state(row, segment_id, run_id) for row, _ in made])
        decisions.add(tx, [_decision(row, run_id) for row, _ in made])
    return segment_id


def _state(row: dict[str, object], segment_id: str, run_id: str) -> DocumentState:
    return DocumentState(
        doc_id=str(row["doc_id"]), uri=str(row["uri"]), path=str(row["doc_id"]), state="active",
        state_key=str(row["revision_id"]), raw_sha256=str(row["raw_sha256"]), size=int(str(row["size_bytes"])),
        modified_at=None, revision_id=str(row["revision_id"]), segment_id=segment_id, outcome="accept", run_id=run_id,
        updated_at=utc_now(),
    )  # fmt: skip


def _decision(row: dict[str, object], run_id: str) -> DecisionRecord:
    return DecisionRecord(
        contract=NAME, doc_id=str(row["doc_id"]), revision_id=str(row["revision_id"]), run_id=run_id, outcome="accept",
        reasons=(), quality_score=0.9, digital_source_type="unknown", origin_basis="none", actor="stemma",
        decided_at=utc_now(), findings=(),
    )  # fmt: skip


def publish(runtime: Runtime, number: int, run_id: str, space: object, canaries: object) -> None:
    """Builds, signs and publishes a version of everything that is active, and points `live` to it."""
    contract = runtime.contract(NAME)
    prints = {role: FingerprintRef(digest=fingerprint(role, {}), parts={}) for role in FINGERPRINT_ROLES}
    prints["embedder"] = FingerprintRef(digest=space.fingerprint, parts={**space.parts, "model": MODEL})
    facts = Circumstances(
        name=NAME, number=number, previous=number - 1 or None, created_at=utc_now(),
        run=RunInfo(run_id=run_id, code_version="bench", actor="bench"),
        contract=ContractRef(id=contract.id, name=NAME, version=contract.version, digest=contract.digest),
        fingerprints=prints, runtime={}, conservation=Counts(),
    )  # fmt: skip
    with runtime.catalog.reading() as tx:
        active: list[ActiveRevision] = list(documents.active(tx, NAME))
        alias = versions.alias(tx, NAME, "live")
    spec = BuildSpec(
        embedder_fingerprint=space.fingerprint, dimension=space.dimension, factory="SQ8",
        contract_yaml=contract.raw_yaml.encode(), canaries=canaries,
    )  # fmt: skip
    with runtime.store.scratch() as scratch:
        built = build_version(scratch, runtime.store, spec, active)
        manifest = manifest_of(built, facts)
        digest = release.seal(built.folder, manifest, load_signer(runtime.settings.signing_key))
        release.publish(runtime.store, NAME, number, built.folder)
    with runtime.catalog.transaction() as tx:
        versions.add(tx, release.version_record(manifest, digest))
    generation = alias.generation if alias else None
    release.activate(
        runtime.store, runtime.catalog, NAME, "live", number, expected_generation=generation, actor="bench",
        reason="benchmark",
    )  # fmt: skip


def make(folder: Path, chunks: int, count: int) -> None:
    """Makes the project with all its versions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "docs").mkdir(exist_ok=True)
    stemma(["init", "--project", str(folder)])
    stemma(["contract", "new", NAME, "--path", "docs/**/*.md", "--model", MODEL, "--project", str(folder)])
    runtime = open_runtime(load_settings(folder))
    space = describe(runtime, MODEL, None)
    embedder = open_embedder(runtime, space)
    with runtime.catalog.transaction() as tx:
        embedders.register(tx, space)
    source = texts()
    corpus: dict[str, list[str]] = {
        f"doc-{place:06d}.md": passages for place, passages in enumerate(islice(source, chunks // PASSAGES))
    }
    if len(corpus) * PASSAGES < chunks:
        raise SystemExit(f"there is real text for {len(corpus) * PASSAGES} chunks only; ask for fewer with --chunks")
    canaries = embedder.embed(CANARY_TEXTS)
    step = max(1, len(corpus) // 100)
    fresh = corpus
    for number in range(1, count + 1):
        run_id = new_run_id()
        with runtime.catalog.transaction() as tx:
            runs.start(tx, run_id=run_id, contract=NAME, kind="ingest", actor="bench")
        for part in _parts(fresh, 2_000):
            admit(runtime, run_id, part, space, embedder)
        publish(runtime, number, run_id, space, canaries)
        with runtime.catalog.transaction() as tx:
            runs.finish(tx, run_id, state="succeeded", receipt={})
            documents.mark_gone(tx, NAME, run_id, sorted(corpus)[number * 7 : number * 7 + step])
        fresh = {f"new-{number}-{place:06d}.md": passages for place, passages in enumerate(islice(source, step))}
        for doc_id in sorted(corpus)[number * step * 3 : number * step * 4]:
            fresh[doc_id] = [*corpus[doc_id][:-1], f"Changed for version {number + 1}. {corpus[doc_id][-1]}"]


def _parts(fresh: dict[str, list[str]], size: int) -> Iterator[dict[str, list[str]]]:
    names = list(fresh)
    for start in range(0, len(names), size):
        yield {name: fresh[name] for name in names[start : start + size]}


def measure(what: str, rounds: int, ask: Callable[[], object]) -> object:
    """Prints the median time of a question and returns its last answer."""
    seconds, worked, found = [], [], None
    for _ in range(rounds):
        began, busy = time.perf_counter(), time.process_time()
        found = ask()
        seconds.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    took, most, cpu = statistics.median(seconds), max(seconds), statistics.median(worked)
    print(f"{what:<40} {took:8.3f} s   (most {most:.3f} s, own CPU {cpu:.3f} s)", flush=True)
    return found


def command(folder: Path, *words: str) -> Callable[[], object]:
    """Returns a call that runs `stemma` as a process of its own."""
    program = [sys.executable, "-c", "import sys; from console.cli.main import main; sys.exit(main(sys.argv[1:]))"]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    whole = [*program, *words, "--json", "--project", str(folder)]
    return lambda: subprocess.run(whole, env=here, check=True, capture_output=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--versions", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--make", action="store_true", help="only make the project")
    options = parser.parse_args()
    if options.make:
        make(options.folder, options.chunks, options.versions)
        return 0
    if not (options.folder / "stemma.toml").is_file():  # in a process of its own: its memory is not ours
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--make"], check=True)
    index = Queries(open_runtime(load_settings(options.folder)), NAME)
    newest = index.list()[0]
    print(f"{newest.number} versions, the newest with {newest.documents} documents and {newest.chunks} chunks")
    middle = f"doc-{newest.documents // 2:06d}.md"
    lasting = index.blame(middle).passages[5].chunk_id
    for what, ask in (
        ("blame CHUNK", lambda: index.blame(lasting)),
        ("blame DOCUMENT", lambda: index.blame(middle)),
        ("why CHUNK", lambda: index.why(lasting)),
        ("why DOCUMENT", lambda: index.why(middle)),
        ("why of a chunk that is nowhere", lambda: index.why("0" * 32)),
        ("list", index.list),
        ("show", index.show),
    ):
        measure(what, options.rounds, ask)
    measure(
        "process: stemma index blame CHUNK", options.rounds, command(options.folder, "index", "blame", NAME, lasting)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = measure("diff, neighbours", options.rounds, index.diff)
    print(f"  {[(item.cause, item.added, item.removed, item.changed) for item in found.versions.causes]}")
    measure(f"diff, 1 and {newest.number}", options.rounds, lambda: index.diff(1))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"  peak memory before diff {before // 1024} MB, after {after // 1024} MB")
    measure("export", 1, lambda: index.export(options.folder / "metadata"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
