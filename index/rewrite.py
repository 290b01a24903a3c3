"""Builds a version again from its own files, without some documents: what an erasure puts in its place.

What stays is as it was: the rows, their order, their vectors. They come from the version itself, since the segments
that it was built from may be gone. A flat index gives its vectors back bit by bit; one that stores them shortened
gives back what it stored, so nothing that is found moves by more than building it did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from corpus.seams import Vectors
from corpus.storage import Store
from index import layout, search
from index.build import BuildSpec, Built, build_ranges
from index.manifest import GateResult, Manifest, RunInfo
from index.spill import Range
from index.verify import read_checked

GATE = "erasure"
"""Name under which a manifest says that its version was built again without a document."""
_DOCUMENTS = 1_000
"""Documents of one range: tens of megabytes."""
_EXACT = "Flat"

Row = Mapping[str, Any]


def speaks_of(
    store: Store, manifest: Manifest, doc_ids: Collection[str], clean: Callable[[Row], Row] = lambda row: row
) -> bool:
    """Returns whether a version holds one of some documents, or says something about it in the row of another."""
    path = f"{layout.version_path(manifest.name, manifest.number)}/{layout.DOCUMENTS}"
    with store.open(path) as handle:
        rows = batches.stream_rows(handle)
        return any(row["doc_id"] in doc_ids or clean(row) != row for row in rows)


def build_without(
    scratch: Path,
    store: Store,
    manifest: Manifest,
    doc_ids: Collection[str],
    clean: Callable[[Row], Row] = lambda row: row,
    clean_contract: Callable[[str], str] = str,
) -> Built:
    """Builds the content of a version again without some documents.

    Args:
        scratch: An empty local folder, from `Store.scratch`.
        store: The home.
        manifest: The version, already verified.
        doc_ids: The documents that go.
        clean: Takes out of the row of another document what it says about these.
        clean_contract: Takes out of the contract's text what it quotes of these.

    Returns:
        The files, in `scratch/version`. An index of lists that needs more chunks than are left becomes `Flat`.

    Raises:
        DigestMismatch: A file of the version was altered.
    """
    folder = layout.version_path(manifest.name, manifest.number)
    data = {file: read_checked(store, folder, file, ref) for file, ref in manifest.files.items()}
    ranges = list(_ranges(manifest, data, doc_ids, clean))
    spec = BuildSpec(
        embedder_fingerprint=manifest.fingerprints["embedder"].digest,
        dimension=manifest.index.dimension,
        factory=manifest.index.factory,
        contract_yaml=clean_contract(data[layout.CONTRACT].decode("utf-8")).encode("utf-8"),
        canaries=batches.vectors_from_arrow(_table(data[layout.CANARIES])["vector"]),
        lexical="bm25" if layout.LEXICAL in manifest.files else "",
    )
    chunks = sum(part.chunks.num_rows for part in ranges)
    if chunks < search.least_chunks(spec.factory):
        spec = replace(spec, factory=_EXACT)
    return build_ranges(scratch, spec, ranges)


def manifest_without(
    manifest: Manifest, built: Built, *, number: int, previous: int | None, run: RunInfo, message: str
) -> Manifest:
    """Returns the manifest of what `build_without` built.

    Who asked which gates when, stays: they judged the version that this one takes the place of, and a gate of its
    own says so. Everything that is counted is counted again.

    Args:
        manifest: The manifest of the version that is replaced.
        built: What was built.
        number: Its number.
        previous: Number of the version that it follows.
        run: The erasure.
        message: What the gate `erasure` says.
    """
    expected = f"{manifest.contents.documents} documents of {layout.version_name(manifest.number)}, less those erased"
    note = GateResult(
        name=GATE,
        passed=True,
        expected=expected,
        actual=f"{built.summary.contents.documents} documents",
        message=message,
    )
    return replace(
        manifest,
        number=number,
        previous=previous,
        run=run,
        contents=built.summary.contents,
        origin=built.summary.origin,
        quality=built.summary.quality,
        freshness=built.summary.freshness,
        index=built.index,
        canaries=built.canaries,
        gates=(*(gate for gate in manifest.gates if gate.name != GATE), note),
        files=built.files,
    )


def _ranges(
    manifest: Manifest, data: Mapping[str, bytes], doc_ids: Collection[str], clean: Callable[[Row], Row]
) -> Iterator[Range]:
    gone = pa.array(sorted(doc_ids), pa.string())
    documents, chunks = _table(data[layout.DOCUMENTS]), _table(data[layout.CHUNKS])
    vectors = search.stored_vectors(search.load_index(data[layout.INDEX]))
    kept_chunks = pc.invert(pc.is_in(chunks["doc_id"], value_set=gone))
    documents = documents.filter(pc.invert(pc.is_in(documents["doc_id"], value_set=gone)))
    rows = np.flatnonzero(np.asarray(kept_chunks))
    chunks = chunks.filter(kept_chunks)
    owners = np.asarray(pc.index_in(chunks["doc_id"], value_set=documents["doc_id"].combine_chunks()))
    for start in range(0, max(documents.num_rows, 1), _DOCUMENTS):
        part = documents.slice(start, _DOCUMENTS)
        first, last = np.searchsorted(owners, [start, start + part.num_rows])
        yield Range(
            documents=_cleaned(part, clean),
            chunks=chunks.slice(int(first), int(last - first)).combine_chunks(),
            vectors=_unit(vectors[rows[first:last]], manifest.index.dimension),
        )


def _cleaned(documents: pa.Table, clean: Callable[[Row], Row]) -> pa.Table:
    rows = documents.to_pylist()
    fresh = [dict(clean(row)) for row in rows]
    return documents.combine_chunks() if fresh == rows else pa.Table.from_pylist(fresh, schema=batches.DOCUMENTS)


def _table(data: bytes) -> pa.Table:
    return batches.read_table(pa.BufferReader(data)).combine_chunks()


def _unit(vectors: Vectors, dimension: int) -> Vectors:
    """Returns vectors of unit length; those that were stored exactly are not touched."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1, dimension)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    off = np.abs(lengths - 1.0) > 1e-6
    if off.any():
        rows[off] /= lengths[off, None].astype(np.float32)
    return rows
