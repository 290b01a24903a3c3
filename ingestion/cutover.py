"""What a release into another space takes from the version that serves: its chunks to compare with, its makers.

A re-embed reads no document, so it says nothing new about parsers, scorers and detectors, and loads none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from contracts.load import parse_contract
from corpus import batches
from corpus.catalog import versions
from corpus.catalog.records import VersionRecord
from corpus.errors import StemmaError
from index import layout
from index.build import Built
from index.manifest import FingerprintRef, GateResult, Manifest
from index.parity import chunk_parity
from ingestion.candidate import Candidate
from ingestion.runtime import Runtime

_CHUNKS = ["chunk_id", "doc_id", "text_sha256"]
_DOCUMENTS = ["doc_id", "content_sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The version of another space that serves while a candidate is built."""

    record: VersionRecord
    manifest: Manifest


def left_behind(runtime: Runtime, candidate: Candidate) -> Left | None:
    """Returns the live version if it is of another space than the candidate; None where nothing is re-embedded."""
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, candidate.contract.name, "live")
        served = versions.get(tx, candidate.contract.name, live.number) if live else None
    if served is None or served.embedder_fingerprint == candidate.space.fingerprint:
        return None
    return Left(record=served, manifest=Manifest.from_json(served.manifest))


def parity_gates(runtime: Runtime, candidate: Candidate, built: Built, *, forced: bool) -> tuple[GateResult, ...]:
    """Compares the chunks of a re-embedded candidate with those that are served.

    Returns:
        One result; none where the candidate is of the space that serves, or that version's files are lost.
    """
    left = left_behind(runtime, candidate)
    if left is None:
        return ()
    try:
        served = _read(runtime, left.record)
    except (OSError, ValueError):
        return ()
    new = (
        _pairs(batches.read_table(built.folder / layout.DOCUMENTS, _DOCUMENTS)),
        batches.read_table(built.folder / layout.CHUNKS, _CHUNKS),
    )
    both = {doc_id for doc_id, content in served[0].items() if new[0].get(doc_id) == content}
    return (
        chunk_parity(
            _chunks(served[1], both),
            _chunks(new[1], both),
            version=layout.version_name(left.record.number),
            forced=forced,
        ),
    )


def _read(runtime: Runtime, version: VersionRecord) -> tuple[dict[str, str], pa.Table]:
    """Returns the digest of each document's text, and the chunks."""
    folder = layout.version_path(version.name, version.number)
    with runtime.store.open(f"{folder}/{layout.DOCUMENTS}") as handle:
        documents = _pairs(batches.read_table(handle, _DOCUMENTS))
    with runtime.store.open(f"{folder}/{layout.CHUNKS}") as handle:
        return documents, batches.read_table(handle, _CHUNKS)


def _pairs(table: pa.Table) -> dict[str, str]:
    return dict(zip(*(table[name].to_pylist() for name in _DOCUMENTS), strict=True))


def _chunks(table: pa.Table, documents: set[str]) -> dict[str, str]:
    columns = zip(*(table[name].to_pylist() for name in _CHUNKS), strict=True)
    return {chunk: digest for chunk, doc_id, digest in columns if doc_id in documents}


def inherited(runtime: Runtime, candidate: Candidate) -> dict[str, FingerprintRef] | None:
    """Returns the makers of the version that serves, if a candidate holds the same documents in another space.

    They read, cut and judged what is in the candidate, whatever the contract and the code say today.

    Returns:
        Role to fingerprint, the embedder left out; None where the candidate is no re-embed of that version.
    """
    left = left_behind(runtime, candidate)
    if left is None or not _same_documents(runtime, candidate, left.record):
        return None
    made = {role: found for role, found in left.manifest.fingerprints.items() if role != "embedder"}
    cut_by = {segment.chunker_fingerprint for segment in candidate.segments}
    if cut_by != {made["chunker"].digest}:
        return None
    chunker = made["chunker"]
    declared = bool(chunker.parts.get("as_declared")) and _declares_the_same(runtime, candidate, left.record)
    parts = {**chunker.parts, "strategy": candidate.contract.chunker.strategy, "as_declared": declared}
    return {**made, "chunker": FingerprintRef(digest=chunker.digest, parts=parts)}


def _same_documents(runtime: Runtime, candidate: Candidate, served: VersionRecord) -> bool:
    path = f"{layout.version_path(served.name, served.number)}/{layout.DOCUMENTS}"
    try:
        with runtime.store.open(path) as handle:
            rows = batches.read_table(handle, ["revision_id"])["revision_id"].to_pylist()
    except (OSError, ValueError):
        return False
    return set(rows) == {revision.revision_id for revision in candidate.active}


def _declares_the_same(runtime: Runtime, candidate: Candidate, served: VersionRecord) -> bool:
    """Whether the contract still asks for the chunker that it asked for when that version was made."""
    path = f"{layout.version_path(served.name, served.number)}/{layout.CONTRACT}"
    try:
        before = parse_contract(runtime.store.read_bytes(path).decode("utf-8"), layout.CONTRACT)
    except (OSError, ValueError, StemmaError):
        return False
    return before.chunker == candidate.contract.chunker
