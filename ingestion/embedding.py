"""Vectors for segments: one space at a time, nothing embedded twice, nothing half written.

A vector belongs to (digest of the chunk's text, embedder fingerprint). Before a space is written to,
the model is checked twice: its fingerprint against the one accepted under its name, and its canary
vectors against those stored when the space was first used. Some or all canaries are asked again after the model
was at work, before one vector is published.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from contracts.model import Contract
from corpus import batches
from corpus.catalog import embedders, reembeds, segments, versions
from corpus.catalog.records import EmbedderRecord, VectorsRecord, VersionRecord
from corpus.errors import ConfigurationError, DigestMismatch, FingerprintMismatch
from corpus.seams import Embedder, Vectors
from corpus.storage import file_digest
from corpus.types import utc_now
from index.canaries import ACROSS_RUNTIMES, compare
from ingestion import checkpoints
from ingestion.canaries import check_space, guarded
from ingestion.models import describe_model, load_model
from ingestion.modelwork import Cost, Keep, embed_missing
from ingestion.pacing import UNPACED, Pace
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime

_ROWS_PER_GROUP = 4096


_OPENED: dict[tuple[str, str], Embedder] = {}
"""By home and space, the embedder whose canaries this process has checked."""


class Guard(Protocol):
    """Knows texts that end the process which embeds them."""

    def watched(self, segment_id: str, pace: Pace) -> Pace:
        """Returns a pace that leaves marks of what goes through the model for a segment."""
        ...

    def refused(self, segment_id: str) -> frozenset[str]:
        """Returns the digests of the texts of a segment that were given up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The vectors of one segment.

    Attributes:
        record: Row for the catalog.
        texts: Texts that went through the model; all others were there already.
        tokens: Tokens in those, as the chunker counted them.
        seconds: Time that the model took, on the clock.
    """

    record: VectorsRecord
    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0


def describe(runtime: Runtime, model: str, revision: str | None) -> EmbedderRecord:
    """Says which space a model name stands for now, without loading the model.

    Raises:
        ConfigurationError: The model is unknown.
        FingerprintMismatch: Another model was accepted under this name and revision before.
    """
    found = describe_model(runtime, model, revision)
    record = EmbedderRecord(
        fingerprint=found.fingerprint,
        model=model,
        revision=revision or "",
        dimension=found.dimension,
        parts=found.parts,
        first_seen_at=utc_now(),
    )
    with runtime.catalog.reading() as tx:
        known = embedders.by_model(tx, model, revision or "")
    if known is not None and known.fingerprint != record.fingerprint:
        moved = sorted(name for name, value in found.parts.items() if known.parts.get(name) != value)
        raise FingerprintMismatch(
            f"the embedding model {model!r} is not the one that was accepted under this name: {', '.join(moved)} "
            f"changed (fingerprint {known.fingerprint[:12]} before, {record.fingerprint[:12]} now). Nothing was "
            "written. Put the old model back, or declare the new one under another name or "
            "embeddingModelVersion in the contract and run `stemma reembed`."
        )
    return record


def require_same_model(runtime: Runtime, contract: Contract) -> EmbedderRecord:
    """Checks that a run of this contract writes into the space that is being served.

    Returns:
        The space: the declared one, or that of the live version while a re-embed into the declared one is
        under way.

    Raises:
        ConfigurationError: The contract declares another model than the live version was built with.
        FingerprintMismatch: The model changed behind its name.
    """
    space, served = describe(runtime, contract.embedder.model, contract.embedder.revision), _served(runtime, contract)
    if served is None or served.embedder_fingerprint == space.fingerprint:
        return space
    if (standing := _space_left(runtime, contract, space, served)) is not None:
        return standing
    raise ConfigurationError(
        f"contract {contract.name!r} declares the model {space.model!r}, but its live version v{served.number:06d} "
        f"was built with {_model_of(served)!r}. Vectors of two models never meet in one index. To change over, run "
        f"`stemma reembed {contract.name}` first (add --estimate to see what it costs); to stay, declare "
        f"{_model_of(served)!r} in the contract."
    )


def release_space(runtime: Runtime, contract: Contract, model: str | None) -> EmbedderRecord:
    """Returns the space of the next version.

    Args:
        runtime: The project.
        contract: The contract.
        model: The model to take; None takes the contract's, or that of the live version while a re-embed into
            the contract's is under way.

    Raises:
        ConfigurationError: The model is unknown.
        FingerprintMismatch: The model changed behind its name.
    """
    declared = model in (None, contract.embedder.model)
    space = describe(runtime, model or contract.embedder.model, contract.embedder.revision if declared else None)
    served = _served(runtime, contract) if model is None else None
    if served is None or served.embedder_fingerprint == space.fingerprint:
        return space
    return _space_left(runtime, contract, space, served) or space


def _served(runtime: Runtime, contract: Contract) -> VersionRecord | None:
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract.name, "live")
        return versions.get(tx, contract.name, live.number) if live else None


def _space_left(
    runtime: Runtime, contract: Contract, declared: EmbedderRecord, served: VersionRecord
) -> EmbedderRecord | None:
    """Returns the space that serves while a re-embed into the declared one is under way; None while none is."""
    with runtime.catalog.reading() as tx:
        moving = reembeds.get(tx, contract.name, declared.fingerprint)
        standing = embedders.get(tx, served.embedder_fingerprint)
    if moving is None or moving.state != "running" or standing is None:
        return None
    space = describe(runtime, standing.model, standing.revision or None)
    return space if space.fingerprint == served.embedder_fingerprint else None


def _model_of(version: VersionRecord) -> str:
    return str(version.manifest["fingerprints"]["embedder"]["parts"].get("model", "another model"))


def open_embedder(runtime: Runtime, space: EmbedderRecord) -> Embedder:
    """Loads the model of a space and checks its canaries, both once per process and home.

    Raises:
        FingerprintMismatch: The loaded model is not the described one, or its canary vectors moved.
    """
    embedder = load_model(runtime, space.model, space.revision or None, space.fingerprint)
    key = (runtime.settings.home, space.fingerprint)
    if _OPENED.get(key) is not embedder:
        check_space(runtime, embedder, "open")
        _OPENED[key] = embedder
    return embedder


def vectors_path(fingerprint: str, segment_id: str) -> str:
    """Returns where the vectors of a segment in a space are stored."""
    return f"vectors/{fingerprint}/{segment_id}.parquet"


def embed_segment(
    runtime: Runtime,
    embedder: Embedder,
    segment_id: str,
    progress: Progress = NO_PROGRESS,
    *,
    prepared: str = "",
    pace: Pace = UNPACED,
) -> Embedded:
    """Makes the vectors file of one segment, unless it is there; arguments and errors are those of `embed_lot`."""
    return embed_lot(runtime, embedder, (segment_id,), progress, prepared=prepared, pace=pace)[0]


def embed_lot(
    runtime: Runtime,
    embedder: Embedder,
    segment_ids: Sequence[str],
    progress: Progress = NO_PROGRESS,
    *,
    prepared: str = "",
    pace: Pace = UNPACED,
    guard: Guard | None = None,
) -> list[Embedded]:
    """Makes the vectors files of some segments, of those that have none.

    Canaries are asked once, after the model was at work for all of them and before the first file is published.

    Args:
        runtime: The project.
        embedder: The model, already checked.
        segment_ids: Segments whose chunks are published; their vectors have to fit into memory.
        progress: Told about each text embedded.
        prepared: A vectors file of the same space that an earlier stage of the run left; empty for none.
        pace: Says when the next texts may be embedded.
        guard: Knows the texts that are given up. Their rows hold no number (NaN): no version can be built of them.

    Returns:
        Of each segment the record for the catalog, and what it took. Killed on the way, a later call goes on from what
        `ingestion.checkpoints` kept.

    Raises:
        FingerprintMismatch: The model gives other vectors than when its space was first used; nothing was written.
    """
    lot = _Lot(runtime, embedder, _all_stored(runtime, prepared) if prepared else {}, guard)
    try:
        with guarded(runtime, embedder, ", ".join(segment_ids[:3]), worked=lot.worked):
            for segment_id in segment_ids:
                lot.make(segment_id, progress, pace)
    except FingerprintMismatch:
        for segment_id in segment_ids:
            checkpoints.discard(runtime.store, embedder.fingerprint, segment_id)
        raise
    except BaseException:  # an interrupt too: what the model has done is not done again
        lot.save()
        raise
    return [_published(runtime, embedder, item) for item in lot.made]


@dataclass(slots=True, kw_only=True)
class _Made:
    """Vectors of one segment that are not published yet; `known` is None where its file was there."""

    segment_id: str
    digests: list[str]
    known: dict[str, Vectors] | None
    cost: Cost


class _Lot:
    """Segments whose vectors are made together; a text that two of them hold is embedded once."""

    def __init__(self, runtime: Runtime, embedder: Embedder, known: dict[str, Vectors], guard: Guard | None) -> None:
        self._guard = guard
        self._runtime = runtime
        self._embedder = embedder
        self._known = known
        self._kept: list[Keep] = []
        self._last = time.monotonic()
        self.made: list[_Made] = []

    def worked(self) -> int:
        """Returns how many texts went through the model."""
        return sum(item.cost.texts for item in self.made)

    def make(self, segment_id: str, progress: Progress, pace: Pace) -> None:
        """Makes the vectors of one more segment."""
        store, space = self._runtime.store, self._embedder.fingerprint
        with store.open(f"segments/{segment_id}/chunks.parquet") as handle:
            table = batches.read_table(handle, ["text", "text_sha256", "token_count"])
        digests: list[str] = table["text_sha256"].to_pylist()
        made = _Made(segment_id=segment_id, digests=digests, known=None, cost=Cost())
        self.made.append(made)
        if _is_complete(self._runtime, vectors_path(space, segment_id), digests):
            return
        texts = dict(zip(digests, table["text"].to_pylist(), strict=True))
        tokens = dict(zip(digests, table["token_count"].to_pylist(), strict=True))
        made.known = {
            **{digest: self._known[digest] for digest in texts if digest in self._known},
            **_saved(self._runtime, self._embedder, segment_id, texts),
            **_reuse(self._runtime, space, digests),
        }
        if self._guard is not None:
            pace = self._guard.watched(segment_id, pace)
            nothing = np.full(self._embedder.dimension, np.nan, dtype=np.float32)
            made.known = {**dict.fromkeys(self._guard.refused(segment_id), nothing), **made.known}
        missing = {digest: (text, tokens[digest]) for digest, text in texts.items() if digest not in made.known}
        if missing:
            keep = Keep(store, space, segment_id)
            self._kept.append(keep)
            made.known.update(embed_missing(self._embedder, missing, progress, pace=pace, cost=made.cost, keep=keep))
            self._known.update((digest, made.known[digest]) for digest in missing)
        if time.monotonic() - self._last >= checkpoints.SECONDS:
            self.save()

    def save(self) -> None:
        """Saves what waits for the canaries, so that a kill costs little."""
        for keep in self._kept:
            keep.save()
        self._last = time.monotonic()


def _published(runtime: Runtime, embedder: Embedder, made: _Made) -> Embedded:
    path = vectors_path(embedder.fingerprint, made.segment_id)
    if made.known is not None:
        with runtime.store.scratch() as folder:
            _write(folder / "vectors.parquet", made.digests, made.known, embedder.dimension)
            _publish(runtime, path, folder / "vectors.parquet", made.digests)
    checkpoints.discard(runtime.store, embedder.fingerprint, made.segment_id)
    with runtime.store.local_file(path) as local:
        sha256 = file_digest(local)
    record = VectorsRecord(
        segment_id=made.segment_id,
        embedder_fingerprint=embedder.fingerprint,
        rows=len(made.digests),
        sha256=sha256,
        runtime=dict(embedder.runtime),
        created_at=utc_now(),
    )
    return Embedded(record=record, texts=made.cost.texts, tokens=made.cost.tokens, seconds=made.cost.seconds)


def known_vectors(
    runtime: Runtime,
    embedder: Embedder,
    texts: Mapping[str, str],
    progress: Progress = NO_PROGRESS,
    *,
    subject: str = "",
    pace: Pace = UNPACED,
) -> dict[str, Vectors]:
    """Returns the vectors of texts, those that are stored without the model.

    Args:
        runtime: The project.
        embedder: The model, already checked.
        texts: Digest to text.
        progress: Told about each text embedded.
        subject: What they are for, for the history of canary checks.
        pace: Says when the next texts may be embedded.

    Raises:
        FingerprintMismatch: The model gives other vectors than when its space was first used.
    """
    known = _reuse(runtime, embedder.fingerprint, list(texts))
    missing = {digest: (text, 0) for digest, text in texts.items() if digest not in known}
    if missing:
        with guarded(runtime, embedder, subject, lambda: len(missing)):
            known.update(embed_missing(embedder, missing, progress, pace=pace))
    return known


def _saved(runtime: Runtime, embedder: Embedder, segment_id: str, texts: Mapping[str, str]) -> dict[str, Vectors]:
    """Returns the vectors that a killed run left, of the parts whose last text the model embeds alike today.

    No canary was asked after a part was made: the model may have been swapped while it was, and a swap shows in
    what was embedded last.
    """
    parts = checkpoints.parts(runtime.store, embedder.fingerprint, segment_id)
    asked = [part for part in parts if part.digests[-1] in texts]
    if not asked:
        return {}
    fresh = embedder.embed([texts[part.digests[-1]] for part in asked])
    known: dict[str, Vectors] = {}
    for part, vector in zip(asked, fresh, strict=True):
        if compare(part.vectors[-1:], vector[None, :]).passed(ACROSS_RUNTIMES):
            known.update(zip(part.digests, part.vectors, strict=True))
    return known


def _all_stored(runtime: Runtime, path: str) -> dict[str, Vectors]:
    try:
        with runtime.store.open(path) as handle:
            table = batches.read_table(handle)
    except FileNotFoundError:
        return {}
    return dict(zip(table["text_sha256"].to_pylist(), batches.vectors_from_arrow(table["vector"]), strict=True))


def _publish(runtime: Runtime, path: str, local: Path, digests: Sequence[str]) -> None:
    """Publishes vectors; a whole file that another delivery of the same work left meanwhile is kept."""
    try:
        runtime.store.publish_file(path, local)
    except DigestMismatch:
        if not _is_complete(runtime, path, digests):
            runtime.store.replace_file(path, local)


def _is_complete(runtime: Runtime, path: str, digests: Sequence[str]) -> bool:
    """Whether a run that was killed before its catalog transaction left the whole file."""
    if not runtime.store.exists(path):
        return False
    with runtime.store.open(path) as handle:
        stored: list[str] = batches.read_table(handle, ["text_sha256"])["text_sha256"].to_pylist()
    return stored == list(digests)


def _reuse(runtime: Runtime, fingerprint: str, digests: Sequence[str]) -> dict[str, Vectors]:
    with runtime.catalog.reading() as tx:
        located = segments.locate(tx, sorted(set(digests)), fingerprint)
    wanted: dict[str, dict[int, str]] = {}
    for digest, (segment, row) in located.items():
        wanted.setdefault(segment, {})[row] = digest
    found: dict[str, Vectors] = {}
    for segment, rows in wanted.items():
        found.update(_stored(runtime, vectors_path(fingerprint, segment), rows))
    return found


def _stored(runtime: Runtime, path: str, rows: Mapping[int, str]) -> Iterator[tuple[str, Vectors]]:
    """Yields stored vectors; a file that is gone, says another text or has no number is as if never embedded."""
    try:
        with runtime.store.open(path) as handle:
            table = batches.read_table(handle)
    except FileNotFoundError:
        return
    table = table.take(sorted(rows))
    vectors = batches.vectors_from_arrow(table["vector"])
    for row, digest, vector in zip(sorted(rows), table["text_sha256"].to_pylist(), vectors, strict=True):
        if rows[row] == digest and np.isfinite(vector).all():
            yield digest, vector


def _write(path: Path, digests: Sequence[str], vectors: Mapping[str, Vectors], dimension: int) -> None:
    rows = (
        (tuple(batch), np.stack([vectors[digest] for digest in batch]))
        for batch in batches.batched(digests, _ROWS_PER_GROUP)
    )
    batches.write_vectors(path, rows, dimension)
