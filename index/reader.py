"""The reader: what a RAG application imports. Verifies, fails closed, searches.

Light on purpose (numpy, faiss, pyarrow, fsspec): it knows no catalog, no settings, and no model but
the one it is handed. An open reader is immutable and serves any number of threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from corpus import batches
from corpus.errors import ConfigurationError, DigestMismatch, FingerprintMismatch, IntegrityError, SignatureInvalid
from corpus.ids import text_digest
from corpus.seams import Embedder, Vectors
from corpus.storage import Store, open_store
from corpus.types import Span
from index import layout, search
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, compare
from index.filters import Filters, Where
from index.manifest import Manifest
from index.pointer import AliasPointer, alias_names, verified_pointer
from index.seen import Seen
from index.signing import TrustStore
from index.tombstones import Served, Watch
from index.verify import Verified, read_checked, verify_manifest

DOCUMENT_COLUMNS = ["doc_id", "title", "uri", "version", "owner", "source_system", "sensitivity_label", "language"]
_CHUNK_FIELDS = (
    "chunk_id",
    "doc_id",
    "revision_id",
    "text",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One chunk that was found, with what a person needs to judge it.

    Law: `span.of(text of the document) == text`.

    Attributes:
        chunk_id: The chunk.
        doc_id: Its document.
        revision_id: The revision it was cut from.
        title: The document's title.
        text: The chunk's text.
        span: Its place in the document.
        headings: Titles of the headings above it, outermost first.
        score: Cosine to the query, in [-1, 1].
        digital_source_type: IPTC digital source type of the passage, or `unknown`.
        origin_basis: What that rests on.
        generation_depth: 0 for a primary source.
        quality_score: In [0, 1]; None where there is none.
        version: The document's own version, as its governance fields say.
        uri: Where the document came from.
        owner: Who answers for it.
        source_system: The system it came from.
        sensitivity_label: Its label.
        language: ISO 639-1 code or `und`.
        index_version: The version of the index that answered.
    """

    chunk_id: str
    doc_id: str
    revision_id: str
    title: str
    text: str
    span: Span
    headings: tuple[str, ...]
    score: float
    digital_source_type: str
    origin_basis: str
    generation_depth: int
    quality_score: float | None
    version: str | None
    uri: str
    owner: str | None
    source_system: str | None
    sensitivity_label: str | None
    language: str | None
    index_version: int


class IndexReader:
    """An open, verified version. Make one with `open_index`.

    Attributes:
        manifest: What is inside.
        manifest_sha256: Digest of manifest.json, to log beside each answer.
        keyid: The key that signed it; empty where unsigned versions were allowed.
    """

    def __init__(
        self,
        verified: Verified,
        index: Any,
        chunks: pa.Table,
        documents: pa.Table,
        embedder: Embedder | None,
        watch: Watch | None = None,
    ):
        self.manifest: Manifest = verified.manifest
        self.manifest_sha256 = verified.manifest_sha256
        self.keyid = verified.keyid
        self._index = index
        self._chunks = chunks
        self._documents = documents
        self._embedder = embedder
        self._embedding = threading.Lock()
        self._filters = Filters.of(chunks, documents)
        self._served = Served(watch, self.manifest.name, chunks, documents, self._filters.document_of)

    def __len__(self) -> int:
        return int(self._chunks.num_rows)

    def search(
        self, query: str | Vectors, k: int = 10, *, embedder_fingerprint: str | None = None, where: Where | None = None
    ) -> tuple[Hit, ...]:
        """Finds the chunks nearest to a query; filters apply before ranking, and nothing that was deleted is found.

        Args:
            query: A text, embedded with the embedder given to `open_index`; or a vector of shape
                `(dimension,)`, which is brought to unit length.
            k: How many hits; fewer come back where fewer chunks pass the filters.
            embedder_fingerprint: The space of a vector. Required with one: an equal number of
                dimensions proves nothing.
            where: Name out of `index.filters.FILTERS` to the value, or to several of which one has to hold. An
                origin is an IPTC URL, its last part such as `trainedAlgorithmicMedia`, or `unknown`.

        Returns:
            Hits, best first.

        Raises:
            ConfigurationError: No embedder for a text, an unknown filter or origin, a bad `k`, or a
                vector that is none.
            FingerprintMismatch: The vector comes from another space.
            IntegrityError: What was deleted is not known: the tombstones were altered, removed or put back.
        """
        if k < 1:
            raise ConfigurationError(f"k is {k}; ask for at least 1 hit.")
        vector = self._query_vector(query, embedder_fingerprint)
        allowed = self._served.among(self._filters.allowed(where or {}))
        count = min(k, len(self) if allowed is None else int(allowed.sum()))
        if not count:
            return ()
        scores, rows = search.search(self._index, vector, count, allowed)
        return tuple(
            self._hit(int(row), float(score)) for score, row in zip(scores[0], rows[0], strict=True) if row >= 0
        )

    def _query_vector(self, query: str | Vectors, fingerprint: str | None) -> Vectors:
        if isinstance(query, str):
            if self._embedder is None:
                raise ConfigurationError(
                    "a text query needs a model: pass embedder= to open_index, or search by vector."
                )
            with self._embedding:
                return self._embedder.embed([query])
        _require_space(self.manifest, fingerprint, "the query vector")
        return _unit(query, self.manifest.index.dimension)

    def _hit(self, row: int, score: float) -> Hit:
        chunk = self._chunks.slice(row, 1).to_pylist()[0]
        document = self._documents.slice(int(self._filters.document_of[row]), 1).to_pylist()[0]
        return Hit(
            span=Span(start=chunk["start"], end=chunk["end"]),
            headings=tuple(batches.loads(chunk["headings"])),
            score=score,
            index_version=self.manifest.number,
            **{name: chunk[name] for name in _CHUNK_FIELDS},
            **{name: document[name] for name in DOCUMENT_COLUMNS if name != "doc_id"},
        )


def open_index(  # noqa: PLR0913 - each is asked for by somebody
    home: str | Store,
    name: str,
    *,
    alias: str = "live",
    version: int | None = None,
    trust: TrustStore,
    embedder: Embedder | None = None,
    allow_unsigned: bool = False,
    mmap: bool = False,
    seen: Path | None = None,
) -> IndexReader:
    """Opens a version for reading, having verified all of it.

    Args:
        home: A folder or fsspec URL, or an open store.
        name: The index, which is named like its contract.
        alias: Which alias to follow, unless `version` is given.
        version: Number of a version, to replay a query at it.
        trust: Keys whose signatures are accepted.
        embedder: The model for text queries. It has to be the model of the version, and to give its
            canary vectors (cosine .999).
        allow_unsigned: Accept a version without signature, or any where `trust` is empty.
        mmap: Map the FAISS file of a local home instead of holding it; who may write the file may
            then still change it after it was verified.
        seen: A file of the reader's own, outside the home, in which it keeps how far alias and tombstones
            were; from then on it refuses older ones, which may have been put back. None remembers
            nothing beyond this reader.

    Raises:
        ConfigurationError: There is no such alias or version.
        SignatureInvalid: The signature is missing, untrusted or wrong.
        DigestMismatch: A file was altered.
        FingerprintMismatch: The embedder is another model, or computes other vectors.
    """
    store = open_store(home) if isinstance(home, str) else home
    _require_names(name, alias)
    memory = Seen(seen) if seen is not None else None
    floor = memory.tombstones(name) if memory is not None else 0
    pointer = None
    if version is not None:
        verified = verify_manifest(store, name, version, trust, allow_unsigned=allow_unsigned)
    else:
        verified, pointer = _follow(store, name, alias, trust, allow_unsigned=allow_unsigned)
        floor = max(floor, pointer.tombstones)
        if memory is not None:
            memory.require_newer(name, alias, pointer.generation)
    watch = Watch(store, name, trust, allow_unsigned=allow_unsigned, floor=floor)
    if memory is not None:
        moved = pointer.generation if pointer is not None else 0
        memory.remember(name, alias=alias if pointer else "", generation=moved, tombstones=watch.known.sequence)
    return _load(store, verified, embedder, mmap=mmap, watch=watch)


def _require_names(name: str, alias: str) -> None:
    try:
        layout.alias_path(name, alias)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _follow(
    store: Store, name: str, alias: str, trust: TrustStore, *, allow_unsigned: bool
) -> tuple[Verified, AliasPointer]:
    found = verified_pointer(store, name, alias, trust, allow_unsigned=allow_unsigned)
    if found is None:
        known = ", ".join(alias_names(store, name)) or "none"
        raise ConfigurationError(
            f"index {name!r} has no alias {alias!r} in {store.url}. Aliases: {known}. Release a version first "
            "(`stemma ingest`), or open one by number."
        )
    pointer, signed = found
    verified = verify_manifest(store, name, pointer.version, trust, allow_unsigned=allow_unsigned)
    _check_pointer(pointer, verified)
    if verified.aliases_signed and not signed:
        raise SignatureInvalid(
            f"the file of alias {alias!r} of {name!r} is not signed, and {layout.version_name(pointer.version)} says "
            "that it has to be: somebody may have pointed it elsewhere. Run `stemma reconcile` to write it again."
        )
    return verified, pointer


def _check_pointer(pointer: AliasPointer, verified: Verified) -> None:
    if pointer.manifest_sha256 != verified.manifest_sha256:
        raise DigestMismatch(
            f"alias {pointer.alias!r} points to {layout.version_name(pointer.version)} with manifest "
            f"{pointer.manifest_sha256[:12]}..., but that version's is {verified.manifest_sha256[:12]}.... "
            "Run `stemma reconcile`, or roll back."
        )


def _load(
    store: Store, verified: Verified, embedder: Embedder | None, *, mmap: bool, watch: Watch | None = None
) -> IndexReader:
    manifest = verified.manifest
    folder = layout.version_path(manifest.name, manifest.number)
    # Everything is compared with its digest, also what is not used here: one altered byte is enough.
    data = {file: read_checked(store, folder, file, ref) for file, ref in manifest.files.items()}
    if embedder is not None:
        _check_embedder(manifest, data[layout.CANARIES], embedder)
    chunks = batches.read_table(pa.BufferReader(data[layout.CHUNKS])).combine_chunks()
    documents = batches.read_table(pa.BufferReader(data[layout.DOCUMENTS]), DOCUMENT_COLUMNS).combine_chunks()
    index = _open_faiss(store, f"{folder}/{layout.INDEX}", data[layout.INDEX], mmap=mmap)
    _check_parity(manifest, index, chunks)
    return IndexReader(verified, index, chunks, documents, embedder, watch)


def _open_faiss(store: Store, path: str, data: bytes, *, mmap: bool) -> Any:
    if mmap and store.is_local:
        with store.local_file(path) as local:
            return search.map_index(local)
    return search.load_index(data)


def _check_parity(manifest: Manifest, index: Any, chunks: pa.Table) -> None:
    found = (int(index.ntotal), int(index.d), chunks.num_rows)
    if found != (manifest.index.vectors, manifest.index.dimension, manifest.index.vectors):
        raise IntegrityError(
            f"the index holds {found[0]} vectors of {found[1]} dimensions for {found[2]} chunks, the manifest says "
            f"{manifest.index.vectors} of {manifest.index.dimension}. Build the version again, or roll back."
        )


def _check_embedder(manifest: Manifest, canaries: bytes, embedder: Embedder) -> None:
    _require_space(manifest, embedder.fingerprint, f"the embedder {embedder.model!r}")
    stored = batches.read_table(pa.BufferReader(canaries))
    if stored["text_sha256"].to_pylist() != [text_digest(text) for text in CANARY_TEXTS]:
        raise FingerprintMismatch(
            "the version was built with other canary texts. Open it with the build that wrote it."
        )
    result = compare(batches.vectors_from_arrow(stored["vector"]), embedder.embed(CANARY_TEXTS))
    if not result.passed(ACROSS_RUNTIMES):
        raise FingerprintMismatch(
            f"the embedder {embedder.model!r} has the version's fingerprint but computes other vectors: canary "
            f"{result.worst} has cosine {result.min_cosine:.6f}, at least {ACROSS_RUNTIMES} is needed. Look at library "
            "versions and precision (`stemma doctor`), or re-embed."
        )


def _require_space(manifest: Manifest, found: str | None, what: str) -> None:
    expected = manifest.fingerprints["embedder"].digest
    if found is None:
        raise FingerprintMismatch(
            f"{what} does not say which model made it. Pass embedder_fingerprint=; this version is {expected}."
        )
    if found != expected:
        raise FingerprintMismatch(
            f"{what} belongs to the space {found[:12]}..., {manifest.name} {layout.version_name(manifest.number)} to "
            f"{expected[:12]}.... Use the model of the version, or re-embed with `stemma reembed`."
        )


def _unit(vector: Vectors, dimension: int) -> Vectors:
    row = np.asarray(vector, dtype=np.float32)
    if row.shape != (dimension,):
        raise ConfigurationError(f"the query vector has shape {row.shape}, this version needs {(dimension,)}.")
    length = float(np.linalg.norm(row))
    if not np.isfinite(length) or length == 0.0:
        raise ConfigurationError(f"the query vector has length {length}; a direction is needed.")
    return (row / np.float32(length)).reshape(1, dimension)
