"""The reader: what a RAG application imports. Verifies, fails closed, searches.

Light on purpose (numpy, faiss, pyarrow, fsspec): it knows no catalog, no settings, and no model but
the one it is handed. An open reader is immutable and serves any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

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
from index.fields import DOCUMENT_COLUMNS
from index.filters import Filters, Where
from index.fusion import Hybrid, fuse
from index.lexical import Lexicon
from index.manifest import Manifest
from index.pointer import AliasPointer, alias_names, verified_pointer
from index.rows import Rows, unloaded
from index.search import Selection
from index.seen import Seen
from index.signing import TrustStore
from index.tombstones import Served, Watch
from index.verify import Verified, check_file, read_checked, verify_manifest

_T = TypeVar("_T")

_MAPPED = (layout.INDEX, layout.LEXICAL)


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
        score: What the order rests on: the cosine to the query, in [-1, 1]; in a hybrid search the fused score.
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
        last_validated_date: When the document was last validated, as its governance fields say.
        cosine: The cosine; None where only the words found it.
        bm25: The BM25 score of a hybrid search; None where the words did not find it.
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
    last_validated_date: str | None = None
    cosine: float | None = None
    bm25: float | None = None


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
        *,
        lexicon: Lexicon | None = None,
    ):
        self.manifest: Manifest = verified.manifest
        self.manifest_sha256 = verified.manifest_sha256
        self.keyid = verified.keyid
        self._index = index
        self._chunks = chunks
        self._documents = documents
        self._embedder = embedder
        self._lexicon = lexicon
        self._embedding = threading.Lock()
        self._filters = Filters(chunks, documents)
        document_of = self._filters.fields.document_of
        self._rows = Rows(chunks, documents, document_of)
        self._served = Served(watch, self.manifest.name, chunks, documents, document_of)
        self._alive: Selection | None = None

    def __len__(self) -> int:
        return int(self._chunks.num_rows)

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self.manifest.index.dimension

    def search(
        self,
        query: str | Vectors,
        k: int = 10,
        *,
        embedder_fingerprint: str | None = None,
        where: Where | None = None,
        now: datetime | None = None,
        hybrid: Hybrid | None = None,
        words: str | None = None,
    ) -> tuple[Hit, ...]:
        """Finds the chunks nearest to a query; filters apply before ranking, and nothing that was deleted is found.

        Args:
            query: A text, embedded with the embedder given to `open_index`; or a vector of shape
                `(dimension,)`, which is brought to unit length.
            k: How many hits; fewer come back where fewer chunks pass the filters.
            embedder_fingerprint: The space of a vector. Required with one: an equal number of
                dimensions proves nothing.
            where: Filters (`index.filters`): name out of `index.filters.FILTERS`, or `metadata.KEY`, to a value, to
                several of which one has to hold, or to operators such as `{">=": 0.6}`. An origin is an IPTC URL,
                its last part such as `trainedAlgorithmicMedia`, or `unknown`.
            now: What `now` and `today` mean in a filter, aware; None for the moment of the call.
            hybrid: Search by words (BM25) as well, and how the two rankings are joined; the contract has to ask for
                `ragIndex: {lexical: bm25}`.
            words: What a hybrid search looks for by words; a text query is its own.

        Returns:
            Hits, best first.

        Raises:
            FilterError: A filter, an operator or a value is none.
            ConfigurationError: No embedder for a text, a bad `k`, a vector that is none, or a hybrid search of a
                version without an index of words, or without words.
            FingerprintMismatch: The vector comes from another space.
            IntegrityError: What was deleted is not known: the tombstones were altered, removed or put back.
        """
        if k < 1:
            raise ConfigurationError(f"k is {k}; ask for at least 1 hit.")
        vector = self._query_vector(query, embedder_fingerprint)
        allowed = self._allowed(where or {}, now)
        count = min(k, len(self) if allowed is None else allowed.count)
        if not count:
            return ()
        if hybrid is not None:
            text = words if words is not None or not isinstance(query, str) else query
            return self._hybrid(vector, self._words(text), count, allowed, hybrid)
        return tuple(self._hit(row, score, cosine=score) for row, score in self._nearest(vector, count, allowed))

    def _nearest(self, vector: Vectors, count: int, allowed: Selection | None) -> list[tuple[int, float]]:
        scores, rows = search.search(self._index, vector, count, allowed)
        pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [(row, score) for row, score in pairs if row >= 0]

    def _words(self, text: str | None) -> str:
        if self._lexicon is None:
            raise ConfigurationError(
                f"{self.manifest.name} {layout.version_name(self.manifest.number)} has no index of words. Write "
                "`ragIndex: {lexical: bm25}` into the contract and release, or search without hybrid."
            )
        if text is None:
            raise ConfigurationError("a hybrid search by vector needs words= beside the vector.")
        return text

    def _hybrid(
        self, vector: Vectors, text: str, count: int, allowed: Selection | None, hybrid: Hybrid
    ) -> tuple[Hit, ...]:
        assert self._lexicon is not None  # noqa: S101 - `_words` has refused what has none
        possible = len(self) if allowed is None else allowed.count
        depth = min(max(hybrid.depth, count), possible)
        cosines = dict(self._nearest(vector, depth, allowed))
        rows, scores = self._lexicon.search(text, depth, allowed)
        bm25 = dict(zip(rows, scores, strict=True))
        fused = fuse(((hybrid.dense, tuple(cosines)), (hybrid.lexical, rows)), hybrid.k)
        return tuple(self._hit(row, score, cosine=cosines.get(row), bm25=bm25.get(row)) for row, score in fused[:count])

    def _allowed(self, where: Where, now: datetime | None) -> Selection | None:
        """Returns the rows that pass the filters and that no tombstone stands on; None for all.

        Both halves of a hybrid search take their rows from here.
        """
        selected = self._filters.select(where, now)
        alive = self._served.among(None)
        if alive is None:
            return selected
        if selected is not None:
            return Selection.of(np.logical_and(selected.mask, alive))
        made = self._alive
        if made is None or made.mask is not alive:  # the same array until a tombstone is set
            made = self._alive = Selection.of(alive)
        return made

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

    def _hit(self, row: int, score: float, cosine: float | None, bm25: float | None = None) -> Hit:
        return Hit(
            score=score,
            index_version=self.manifest.number,
            cosine=cosine,
            bm25=bm25,
            **self._rows.values(row),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How versions are opened; what each means, `open_index` says.

    Attributes:
        trust: Keys whose signatures are accepted.
        embedder: The model for text queries.
        allow_unsigned: Accept a version without signature.
        mmap: Map what is large.
        seen: A file of the reader's own.
    """

    trust: TrustStore
    embedder: Embedder | None = None
    allow_unsigned: bool = False
    mmap: bool = False
    seen: Path | None = None


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
        mmap: Map what is large instead of holding it: the FAISS file and the file of words of a local home, where
            who may write them may then still change them after they were verified; and the chunks, from a temporary
            file of the reader's own.
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
    how = Opening(trust=trust, embedder=embedder, allow_unsigned=allow_unsigned, mmap=mmap, seen=seen)
    if version is None:
        pointer, signed = require_pointer(store, name, alias, trust, allow_unsigned=allow_unsigned)
        return open_pointer(store, name, pointer, how, signed=signed)
    verified = verify_manifest(store, name, version, trust, allow_unsigned=allow_unsigned)
    return _load(store, verified, how, _watch(store, name, None, how))


def open_pointer(store: Store, name: str, pointer: AliasPointer, how: Opening, *, signed: bool) -> IndexReader:
    """Opens exactly the version that an alias projection names.

    Args:
        store: The home.
        name: The index.
        pointer: The projection, as `require_pointer` returned it.
        how: How it is opened.
        signed: Whether a trusted key signed the projection.

    Raises:
        IntegrityError: As `open_index` says.
    """
    verified = _pointed(store, name, pointer, how, signed=signed)
    return _load(store, verified, how, _watch(store, name, pointer, how))


def _watch(store: Store, name: str, pointer: AliasPointer | None, how: Opening) -> Watch:
    """Returns the tombstones of an index, not older than its alias files and what the reader remembers."""
    memory = Seen(how.seen) if how.seen is not None else None
    said = pointer.tombstones if pointer else max(_said(store, name, how), default=0)
    floor = max(memory.tombstones(name) if memory else 0, said)
    if memory is not None and pointer is not None:
        memory.require_newer(name, pointer.alias, pointer.generation)
    watch = Watch(store, name, how.trust, allow_unsigned=how.allow_unsigned, floor=floor)
    if memory is not None:
        alias, moved = (pointer.alias, pointer.generation) if pointer is not None else ("", 0)
        memory.remember(name, alias=alias, generation=moved, tombstones=watch.known.sequence)
    return watch


def _said(store: Store, name: str, how: Opening) -> Iterator[int]:
    """Yields how far the tombstones are by each alias file that holds: who opens a version by number names none."""
    for alias in alias_names(store, name):
        with suppress(IntegrityError):
            found = verified_pointer(store, name, alias, how.trust, allow_unsigned=how.allow_unsigned)
            if found is not None:
                yield found[0].tombstones


def require_pointer(
    store: Store, name: str, alias: str, trust: TrustStore, *, allow_unsigned: bool = False
) -> tuple[AliasPointer, bool]:
    """Returns an alias's projection, and whether a trusted key signed it.

    Raises:
        ConfigurationError: There is none; the message names those that there are.
        IntegrityError: Its file is damaged.
        SignatureInvalid: It is signed, and not by a trusted key, or it was altered.
    """
    _require_names(name, alias)
    found = verified_pointer(store, name, alias, trust, allow_unsigned=allow_unsigned)
    if found is None:
        known = ", ".join(alias_names(store, name)) or "none"
        raise ConfigurationError(
            f"index {name!r} has no alias {alias!r} in {store.url}. Aliases: {known}. Release a version first "
            "(`stemma ingest`), or open one by number."
        )
    return found


def _require_names(name: str, alias: str) -> None:
    try:
        layout.alias_path(name, alias)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _pointed(store: Store, name: str, pointer: AliasPointer, how: Opening, *, signed: bool) -> Verified:
    verified = verify_manifest(store, name, pointer.version, how.trust, allow_unsigned=how.allow_unsigned)
    _check_pointer(pointer, verified)
    if verified.aliases_signed and not signed:
        raise SignatureInvalid(
            f"the file of alias {pointer.alias!r} of {name!r} is not signed, and "
            f"{layout.version_name(pointer.version)} says that it has to be: somebody may have pointed it elsewhere. "
            "Run `stemma reconcile` to write it again."
        )
    return verified


def _check_pointer(pointer: AliasPointer, verified: Verified) -> None:
    if pointer.manifest_sha256 != verified.manifest_sha256:
        raise DigestMismatch(
            f"alias {pointer.alias!r} points to {layout.version_name(pointer.version)} with manifest "
            f"{pointer.manifest_sha256[:12]}..., but that version's is {verified.manifest_sha256[:12]}.... "
            "Run `stemma reconcile`, or roll back."
        )


def _load(store: Store, verified: Verified, how: Opening, watch: Watch) -> IndexReader:
    manifest, embedder = verified.manifest, how.embedder
    folder = layout.version_path(manifest.name, manifest.number)
    mapped = _MAPPED if how.mmap and store.is_local else ()
    # Everything is compared with its digest, also what is not used here: one altered byte is enough.
    data = {file: read_checked(store, folder, file, ref) for file, ref in manifest.files.items() if file not in mapped}
    for file in manifest.files.keys() & set(mapped):
        check_file(store, folder, file, manifest.files[file])
    if embedder is not None:
        _check_embedder(manifest, data[layout.CANARIES], embedder)
    chunks = batches.read_table(pa.BufferReader(data.pop(layout.CHUNKS))).combine_chunks()
    if how.mmap:
        chunks = unloaded(chunks)
    documents = batches.read_table(pa.BufferReader(data[layout.DOCUMENTS]), list(DOCUMENT_COLUMNS)).combine_chunks()
    index = search.load_index(data[layout.INDEX]) if not mapped else _map(store, folder, layout.INDEX, search.map_index)
    _check_parity(manifest, index, chunks)
    lexicon = _lexicon(store, folder, manifest, data)
    return IndexReader(verified, index, chunks, documents, embedder, watch, lexicon=lexicon)


def _map(store: Store, folder: str, file: str, opener: Callable[[Path], _T]) -> _T:
    with store.local_file(f"{folder}/{file}") as local:
        return opener(local)


def _lexicon(store: Store, folder: str, manifest: Manifest, data: Mapping[str, bytes]) -> Lexicon | None:
    chunks = manifest.index.vectors
    if layout.LEXICAL not in manifest.files:
        return None
    if layout.LEXICAL in data:
        return Lexicon(data[layout.LEXICAL], chunks)
    return _map(store, folder, layout.LEXICAL, lambda local: Lexicon.mapped(local, chunks))


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
