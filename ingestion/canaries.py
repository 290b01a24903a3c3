"""Canary checks of this project: made when a model is opened, before vectors are written, and by audits.

Every check leaves a row in the catalog, and the one that fails says what moved: which texts, how far, and what
differs between the runtime that computed the stored vectors and today's. Nothing is written after a failure.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from corpus import batches
from corpus.catalog import canaries as history
from corpus.catalog.canaries import CanaryRecord
from corpus.catalog.records import EmbedderRecord
from corpus.errors import DigestMismatch, FingerprintMismatch
from corpus.ids import new_run_id, text_digest
from corpus.seams import Embedder, Vectors
from corpus.types import utc_now
from index.canaries import CANARY_TEXTS, PARTS, CanaryResult, compare, differing, sample, threshold_for
from ingestion.models import load_model
from ingestion.runtime import Runtime

_NAMED = 3
"""Moved canaries that a message names; the catalog has them all."""

_ALL = range(len(CANARY_TEXTS))

_MUCH = 25 * len(CANARY_TEXTS)
"""Texts after which asking all canaries costs at most 4 % of embedding them, at equal length."""

_TURN = count(secrets.randbelow(PARTS))
"""Which part is asked next; each process begins with another, since many write once."""


def canaries_path(fingerprint: str) -> str:
    """Returns where the canary vectors of a space are stored."""
    return f"vectors/{fingerprint}/canaries.parquet"


def stored_canaries(runtime: Runtime, fingerprint: str) -> Vectors:
    """Returns the canary vectors that were stored when a space was first used, shape `(64, dimension)`."""
    with runtime.store.open(canaries_path(fingerprint)) as handle:
        return batches.vectors_from_arrow(batches.read_table(handle, ["vector"])["vector"])


def canary_vectors(runtime: Runtime, space: EmbedderRecord) -> Vectors:
    """Embeds the canary texts with the model of a space as it is installed now, whatever they look like."""
    return _fresh(load_model(runtime, space.model, space.revision or None, space.fingerprint))


def check_space(
    runtime: Runtime, embedder: Embedder, occasion: str, subject: str = "", asked: Sequence[int] = _ALL
) -> CanaryResult:
    """Embeds canaries and compares them with those of the space; where it has none yet, all are asked and kept.

    Args:
        runtime: The project.
        embedder: The model.
        occasion: One of `corpus.catalog.canaries.OCCASIONS`.
        subject: What is about to be written.
        asked: Numbers of the canaries to embed.

    Raises:
        FingerprintMismatch: A vector is not where it was.
    """
    if not runtime.store.exists(canaries_path(embedder.fingerprint)):
        return _first(runtime, embedder)
    with runtime.catalog.reading() as tx:
        before = history.runtime_of_first(tx, embedder.fingerprint)
    stored = stored_canaries(runtime, embedder.fingerprint)
    return check_against(runtime, embedder, stored, before, occasion=occasion, subject=subject, asked=asked)


def check_against(
    runtime: Runtime,
    embedder: Embedder,
    stored: Vectors,
    before: Mapping[str, str] | None,
    *,
    occasion: str,
    subject: str,
    asked: Sequence[int] = _ALL,
) -> CanaryResult:
    """Embeds canaries, compares them with stored ones, and keeps what came of it.

    Args:
        runtime: The project.
        embedder: The model.
        stored: All canary vectors, shape `(64, dimension)`.
        before: What computed them; None where nobody wrote it down.
        occasion: One of `corpus.catalog.canaries.OCCASIONS`.
        subject: What is about to be written, or what is audited.
        asked: Numbers of the canaries to embed.

    Raises:
        FingerprintMismatch: A vector is not where it was; its message names what moved.
    """
    try:
        result = compare(stored[list(asked)], _fresh(embedder, asked), asked)
    except FingerprintMismatch:
        _keep(runtime, _record(embedder, before, occasion, subject, None))
        raise
    record = _record(embedder, before, occasion, subject, result)
    _keep(runtime, record)
    if not record.passed:
        raise FingerprintMismatch(_message(record))
    return result


@contextmanager
def guarded(runtime: Runtime, embedder: Embedder, subject: str, worked: Callable[[], int]) -> Iterator[None]:
    """Checks canaries after the model was at work, and before what it gave is written.

    The model passed with all canaries when it was opened; it may be another by now: a server that was changed, or
    weights in mapped memory whose file was overwritten. All are asked again after much work; after less, an eighth of
    them in turn, so that the check stays small beside the work.

    Args:
        runtime: The project.
        embedder: The model.
        subject: What is about to be written.
        worked: Returns how many texts went through the model.

    Raises:
        FingerprintMismatch: A vector is not where it was, here or already while the model was at work.
    """
    try:
        yield
    except FingerprintMismatch as error:
        _keep_midway(runtime, embedder, subject, error)
        raise
    if texts := worked():
        asked = _ALL if texts >= _MUCH else sample(next(_TURN))
        check_space(runtime, embedder, "write", subject, asked)


def _fresh(embedder: Embedder, asked: Sequence[int] = _ALL) -> Vectors:
    embed = getattr(embedder, "embed_canaries", embedder.embed)
    fresh: Vectors = embed([CANARY_TEXTS[number] for number in asked])
    return fresh


def _first(runtime: Runtime, embedder: Embedder) -> CanaryResult:
    """Stores the canary vectors of a space: those it was described with, where it has such, else today's."""
    fresh = _fresh(embedder)
    described = getattr(embedder, "canaries", None)
    stored = fresh if described is None else described
    result = compare(stored, fresh)
    record = _record(embedder, None, "first", "", result)
    if record.passed:
        digests = tuple(text_digest(text) for text in CANARY_TEXTS)
        path = canaries_path(embedder.fingerprint)
        with runtime.store.scratch() as folder:
            batches.write_vectors(folder / "canaries.parquet", [(digests, stored)], embedder.dimension)
            try:
                runtime.store.publish_file(path, folder / "canaries.parquet")
            except DigestMismatch:
                return check_space(runtime, embedder, "open")  # another process was first
    _keep(runtime, record)
    if not record.passed:
        raise FingerprintMismatch(_message(record))
    return result


def _record(
    embedder: Embedder, before: Mapping[str, str] | None, occasion: str, subject: str, result: CanaryResult | None
) -> CanaryRecord:
    """Returns the row of a check; `result` is None where nothing could be compared."""
    now = dict(embedder.runtime)
    threshold = threshold_for(before, now)
    return CanaryRecord(
        check_id=new_run_id(),
        fingerprint=embedder.fingerprint,
        model=embedder.model,
        checked_at=utc_now(),
        occasion=occasion,
        subject=subject,
        passed=result is not None and result.passed(threshold),
        texts=result.texts if result else 0,
        min_cosine=result.min_cosine if result else -1.0,
        mean_cosine=result.mean_cosine if result else -1.0,
        threshold=threshold,
        moved=tuple(
            {"canary": item.canary, "text": item.text, "cosine": round(item.cosine, 6)}
            for item in (result.moved(threshold) if result else ())
        ),
        runtime=now,
        differs={name: list(pair) for name, pair in differing(before, now).items()},
    )


def _keep_midway(runtime: Runtime, embedder: Embedder, subject: str, error: FingerprintMismatch) -> None:
    """Keeps that a canary moved while texts were embedded; other mismatches have none to name."""
    canary, cosine = getattr(error, "canary", None), getattr(error, "cosine", -1.0)
    with runtime.catalog.reading() as tx:
        before = history.runtime_of_first(tx, embedder.fingerprint)
    moved = () if canary is None else ({"canary": canary, "text": CANARY_TEXTS[canary][:60], "cosine": cosine},)
    record = replace(
        _record(embedder, before, "write", subject, None),
        texts=len(moved),
        min_cosine=cosine,
        mean_cosine=cosine,
        moved=moved,
    )
    _keep(runtime, record)


def _keep(runtime: Runtime, record: CanaryRecord) -> None:
    with runtime.catalog.transaction() as tx:
        history.add(tx, record)


def _message(record: CanaryRecord) -> str:
    named = "; ".join(f"{item['canary']} {item['text']!r} {item['cosine']:.6f}" for item in record.moved[:_NAMED])
    more = f"; and {len(record.moved) - _NAMED} more" if len(record.moved) > _NAMED else ""
    differs = ", ".join(f"{name} {then!r} -> {now!r}" for name, (then, now) in record.differs.items())
    return (
        f"the model {record.model!r} has the accepted fingerprint but gives other vectors: {len(record.moved)} of "
        f"{record.texts} canary texts moved below cosine {record.threshold} (canary, text, cosine): {named}{more}. Of "
        f"the runtime {differs or 'nothing recorded'} differs. Nothing was written. Put the model or its runtime back "
        "(`stemma doctor`), or declare the new one under another embeddingModelVersion and re-embed. `stemma index "
        "canaries` has the history."
    )
