"""Builds the files of a version beside the one that is served. Nothing here publishes.

Equal input on one runtime gives equal bytes: rows are sorted, no clock is read, and how the rows
were spread over segments does not show. The vectors pass through a file on disk; what has to fit
into memory is one range of documents, and the FAISS index itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from corpus import batches
from corpus.errors import IntegrityError
from corpus.ids import canonical_json, text_digest
from corpus.receipts import Counts
from corpus.seams import Vectors
from corpus.storage import Store, file_digest
from index import layout, search
from index.canaries import CANARY_TEXTS
from index.factory import Deletes
from index.fitting import Maker, build_index
from index.lexical import write_lexical
from index.manifest import CanaryInfo, ContractRef, FileRef, FingerprintRef, GateResult, IndexInfo, Manifest, RunInfo
from index.spill import ActiveRevision, Range, Space, sorted_ranges, unit_vectors
from index.summary import CHUNK_COLUMNS, DOCUMENT_COLUMNS, Summary, Tally

_VECTORS = "vectors.f32"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """What to build.

    Attributes:
        embedder_fingerprint: The space whose vectors are taken.
        dimension: Numbers per vector.
        factory: As the contract says: `auto`, a family, or a factory string (`index.factory`).
        contract_yaml: Bytes of the contract, kept in the version.
        canaries: Vectors of `CANARY_TEXTS` in this space, shape `(64, dimension)`.
        deletes: Whether few or many documents are expected to leave, for `auto`.
        lexical: `bm25` to index the words of the chunks as well; empty for none.
    """

    embedder_fingerprint: str
    dimension: int
    factory: str
    contract_yaml: bytes
    canaries: Vectors
    deletes: Deletes = "many"
    lexical: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A version's content, not yet sealed.

    Attributes:
        folder: Local folder with `layout.CONTENT_FILES`.
        summary: What is inside.
        index: The FAISS index.
        canaries: The canary vectors.
        files: File name to size and digest.
    """

    folder: Path
    summary: Summary
    index: IndexInfo
    canaries: CanaryInfo
    files: dict[str, FileRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a manifest says beside what the files hold; the attributes are those of `Manifest`."""

    name: str
    number: int
    previous: int | None
    created_at: datetime
    run: RunInfo
    contract: ContractRef
    fingerprints: Mapping[str, FingerprintRef]
    runtime: Mapping[str, str]
    conservation: Counts


def build_version(
    scratch: Path,
    store: Store,
    spec: BuildSpec,
    active: Iterable[ActiveRevision],
    make: Maker = search.make_index,
) -> Built:
    """Builds the content of a version from the segments that hold the active revisions.

    Args:
        scratch: An empty local folder, from `Store.scratch`.
        store: The home with `segments/` and `vectors/`.
        spec: What to build.
        active: One revision per document, in any order.
        make: What makes the FAISS index over the vectors.

    Returns:
        The files, in `scratch/version`, and what is known about them.

    Raises:
        IntegrityError: Stored rows contradict each other, or a vector is none (`index.spill`).
        ConfigurationError: The factory is not offered, or needs more chunks than there are.
    """
    work = scratch / "work"
    work.mkdir()
    space = Space(fingerprint=spec.embedder_fingerprint, dimension=spec.dimension)
    return build_ranges(scratch, spec, sorted_ranges(store, space, active, work), make)


def build_ranges(scratch: Path, spec: BuildSpec, ranges: Iterable[Range], make: Maker = search.make_index) -> Built:
    """Builds the content of a version from ranges of rows, in the order of a version (`index.spill`).

    Raises:
        ConfigurationError: The factory is not offered, or needs more chunks than there are.
    """
    folder, work = scratch / "version", scratch / "work"
    folder.mkdir()
    work.mkdir(exist_ok=True)
    summary = _write_rows(folder, work, ranges)
    vectors = map_vectors(work / _VECTORS, summary.contents.chunks, spec.dimension)
    index = _write_index(folder / layout.INDEX, spec, vectors, make)
    canaries = _write_canaries(folder / layout.CANARIES, spec)
    (folder / layout.CONTRACT).write_bytes(spec.contract_yaml)
    (folder / layout.REPORT).write_bytes(canonical_json(summary.to_json()))
    names: tuple[str, ...] = layout.CONTENT_FILES
    if spec.lexical:
        write_lexical(folder / layout.LEXICAL, _texts(folder / layout.CHUNKS))
        names = tuple(sorted((*names, layout.LEXICAL)))
    files = {name: file_ref(folder / name) for name in names}
    return Built(folder=folder, summary=summary, index=index, canaries=canaries, files=files)


def manifest_of(built: Built, facts: Circumstances, gates: Iterable[GateResult] = ()) -> Manifest:
    """Returns the manifest of built files, ready to be sealed (`index.release.seal`)."""
    return Manifest(
        name=facts.name,
        number=facts.number,
        previous=facts.previous,
        created_at=facts.created_at,
        run=facts.run,
        contract=facts.contract,
        fingerprints=facts.fingerprints,
        runtime=facts.runtime,
        conservation=facts.conservation,
        contents=built.summary.contents,
        origin=built.summary.origin,
        quality=built.summary.quality,
        freshness=built.summary.freshness,
        index=built.index,
        canaries=built.canaries,
        gates=tuple(gates),
        files=built.files,
    )


def file_ref(path: Path) -> FileRef:
    """Returns size and digest of a local file."""
    return FileRef(size=path.stat().st_size, sha256=file_digest(path))


def canary_info(vectors: Vectors) -> CanaryInfo:
    """Returns what a manifest says of canary vectors, shape `(texts, dimension)`."""
    return CanaryInfo(count=len(vectors), sha256=hashlib.sha256(_raw(vectors)).hexdigest())


def _write_rows(folder: Path, work: Path, ranges: Iterable[Range]) -> Summary:
    tally = Tally()
    with (
        pq.ParquetWriter(folder / layout.DOCUMENTS, batches.DOCUMENTS, compression="zstd") as documents,
        pq.ParquetWriter(folder / layout.CHUNKS, batches.CHUNKS, compression="zstd") as chunks,
        (work / _VECTORS).open("wb") as vectors,
    ):
        for part in ranges:
            documents.write_table(part.documents)
            chunks.write_table(part.chunks)
            vectors.write(_raw(part.vectors))
            tally.add_range(
                part.documents.select(DOCUMENT_COLUMNS).to_pydict(), part.chunks.select(CHUNK_COLUMNS).to_pydict()
            )
    return tally.summary()


def write_vectors(path: Path, ranges: Iterable[Range]) -> int:
    """Writes the vectors of ranges one behind the other, as a build has them; returns how many those are."""
    rows = 0
    with path.open("wb") as file:
        for part in ranges:
            file.write(_raw(part.vectors))
            rows += len(part.vectors)
    return rows


def map_vectors(path: Path, rows: int, dimension: int) -> Vectors:
    """Maps a file of vectors as an array of shape `(rows, dimension)`; nothing is read yet."""
    if not rows:
        return np.zeros((0, dimension), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r", shape=(rows, dimension))


def _raw(vectors: Vectors) -> bytes:
    return np.ascontiguousarray(vectors, dtype="<f4").tobytes()


def _texts(path: Path) -> Iterator[str]:
    for batch in batches.stream_batches(path, ["text"]):
        yield from batch.column(0).to_pylist()


def _write_index(path: Path, spec: BuildSpec, vectors: Vectors, make: Maker) -> IndexInfo:
    fitted = build_index(spec.factory, vectors, spec.deletes, make)
    search.write_index(fitted.index, path)
    return IndexInfo(
        factory=fitted.choice.factory,
        metric=search.METRIC,
        dimension=vectors.shape[1],
        vectors=int(fitted.index.ntotal),
        recall_at_10=fitted.recall,
        recall_sample=fitted.sample,
        reason=fitted.choice.reason,
    )


def _write_canaries(path: Path, spec: BuildSpec) -> CanaryInfo:
    if spec.canaries.shape != (len(CANARY_TEXTS), spec.dimension):
        raise IntegrityError(
            f"canary vectors have shape {spec.canaries.shape}, not {(len(CANARY_TEXTS), spec.dimension)}. "
            "Embed CANARY_TEXTS with the model of this version."
        )
    digests = tuple(text_digest(text) for text in CANARY_TEXTS)
    batches.write_vectors(path, [(digests, spec.canaries)], spec.dimension)
    written = batches.read_table(path)
    unit_vectors(written["vector"], spec.dimension, written["text_sha256"])
    return canary_info(spec.canaries)
