"""What an old query would have returned then, beside what it returns now, and what explains each difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from corpus.catalog import answers
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError
from corpus.naming import nearest
from corpus.seams import Embedder
from index import lookup
from index.filters import Where
from index.layout import version_name
from index.reader import Hit, IndexReader, open_index
from index.signing import TrustStore
from ingestion.history.opened import History, open_history
from ingestion.models import load_model, space_of
from ingestion.runtime import Runtime

DEEP = 1_000
"""Hits of the other version in which a hit is looked for, to say where it stands there."""

FATES: Mapping[str, str] = {
    "same": "found in both, at the same place",
    "moved": "found in both, at another place",
    "outranked": "still there, behind others",
    "changed": "its document is there with another text at this place",
    "gone": "its document is not there",
    "new": "its document was not there then",
    "rewritten": "its document was there then without this passage",
    "risen": "was there then, behind others",
}
"""What became of a hit to what that means. The last three are of hits of the later version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One hit of a version, and what became of it in the other.

    Attributes:
        rank: Its place, from 1.
        hit: The hit.
        fate: A name out of `FATES`.
        other_rank: Its place in the other version; None where it is not there, or deeper than was looked.
        other_score: Its score in the other version; None where it is not there. Scores of two models are no scale.
        why: One sentence for a person.
    """

    rank: int
    hit: Hit
    fate: str
    other_rank: int | None
    other_score: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A query, asked of two versions.

    Attributes:
        name: The index.
        query: What was asked.
        k: Hits asked for.
        where: The filters.
        then: Number of the earlier version.
        now: Number of the later one.
        how: How `then` was chosen: `version 3`, `live at ...`, `answer ...`.
        same_model: Whether both have vectors of one model, so that scores may be compared.
        before: Hits then.
        after: Hits now.
        overlap: Chunks among the hits of both.
        answer: For a logged answer: how many of the chunks that it was given are among `before`, and of how many.
    """

    name: str
    query: str
    k: int
    where: Where
    then: int
    now: int
    how: str
    same_model: bool
    before: tuple[Compared, ...]
    after: tuple[Compared, ...]
    overlap: int
    answer: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One version, opened, and its hits as deep as they are looked for."""

    record: VersionRecord
    reader: IndexReader
    hits: tuple[Hit, ...]
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """Which old version is asked: one of a version, a time, or an answer; nothing for the one before `alias`.

    Attributes:
        version: A number, or an alias where it points now.
        at: A time, aware: the audit log says where `alias` pointed then.
        answer: Id of a logged answer: its version, and its question where none is given.
        alias: The alias that was asked, and whose version is asked now.
    """

    version: str | int | None = None
    at: datetime | None = None
    answer: str | None = None
    alias: str = "live"


def replay(
    runtime: Runtime,
    name: str,
    query: str | None,
    then: Then,
    *,
    against: str | int | None = None,
    k: int = 5,
    where: Where | None = None,
) -> Replay:
    """Asks an old version again, and the one that serves now, and explains what differs.

    Args:
        runtime: The project.
        name: The index.
        query: The question; None takes that of the logged answer.
        then: Which old version.
        against: The version to compare with; None for what the alias serves now.
        k: Hits of each.
        where: Filters, as `index.reader` takes them.

    Raises:
        ConfigurationError: There is no such index, version, alias or answer, or the question is not known.
        IntegrityError: A version or a model is not what it was.
    """
    history = open_history(runtime, name)
    logged = _logged(runtime, history, then.answer) if then.answer else None
    text = query or (logged.question if logged else None)
    if not text or not text.strip():
        raise ConfigurationError(_no_question(then.answer))
    old, how = _then(history, then, logged.version if logged else None)
    new = history.resolve(then.alias if against is None else against)
    past, now = (_asked(runtime, record, text, k, where or {}) for record in (old, new))
    before = tuple(_compared(runtime, rank, hit, past, now, k=k, later=False) for rank, hit in _first(past, k))
    after = tuple(_compared(runtime, rank, hit, now, past, k=k, later=True) for rank, hit in _first(now, k))
    shown = {item.hit.chunk_id for item in before}
    return Replay(
        name=name,
        query=text,
        k=k,
        where=dict(where or {}),
        then=old.number,
        now=new.number,
        how=f"answer {then.answer}, {how}" if then.answer else how,
        same_model=old.embedder_fingerprint == new.embedder_fingerprint,
        before=before,
        after=after,
        overlap=len(shown & {item.hit.chunk_id for item in after}),
        answer=(len(shown & set(logged.retrieved)), len(set(logged.retrieved))) if logged else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logged:
    """What is kept of a served answer."""

    question: str | None
    version: str
    retrieved: tuple[str, ...]


def _logged(runtime: Runtime, history: History, answer: str) -> _Logged:
    with runtime.catalog.reading() as tx:
        record = answers.get(tx, [answer]).get(answer)
    if record is None:
        raise ConfigurationError(
            f"no answer {answer!r} is registered. See `stemma answers list`, or ask with a question and --version."
        )
    name, _, version = record.index_version.partition("/")
    if name != history.name or not version:
        where = f"from {record.index_version!r}" if record.index_version else "from a version that it does not name"
        raise ConfigurationError(f"answer {answer!r} was served {where}, not from {history.name!r}.")
    return _Logged(question=record.question, version=version, retrieved=record.retrieved)


def _no_question(answer: str | None) -> str:
    if answer:
        return (
            f"the question of answer {answer!r} was not logged or may not be kept. Give it beside --answer: "
            "`stemma index replay NAME 'the question' --answer ID`."
        )
    return "the question is empty. Ask something: `stemma index replay NAME 'your question' --version 1`."


def _then(history: History, then: Then, logged: str | None) -> tuple[VersionRecord, str]:
    if then.version is not None and then.at is not None:
        raise ConfigurationError("give a version or a time (--version or --at), not both.")
    if then.at is not None:
        return history.at(then.alias, then.at), f"{then.alias} at {then.at.isoformat()}"
    named = then.version if then.version is not None else logged
    if named is not None:
        asked = history.resolve(named)
        found = history.now(asked)
        again = f", built again as version {found.number} without an erased document" if found is not asked else ""
        return found, f"version {asked.number}{again}"
    return history.before(history.resolve(then.alias)), f"the version that {then.alias} follows"


def _asked(runtime: Runtime, record: VersionRecord, text: str, k: int, where: Where) -> _Side:
    if record.state == "retired":
        raise ConfigurationError(
            f"{record.name} {version_name(record.number)} is not kept any more, so nothing can be asked of it. See "
            f"`stemma index list {record.name}`."
        )
    reader = open_index(
        runtime.store,
        record.name,
        version=record.number,
        trust=TrustStore.from_folder(runtime.settings.trusted_keys),
        embedder=embedder_of(runtime, record),
    )
    hits = reader.search(text, k=max(k, min(DEEP, max(1, len(reader)))), where=where)
    return _Side(
        record=record,
        reader=reader,
        hits=hits,
        ranks={hit.chunk_id: rank for rank, hit in enumerate(hits, start=1)},
    )


def embedder_of(runtime: Runtime, record: VersionRecord) -> Embedder:
    """Loads the model that a version was built with.

    Raises:
        FingerprintMismatch: The catalog does not know the model.
        ConfigurationError: The model is not installed.
    """
    space = space_of(runtime, record)
    return load_model(runtime, space.model, space.revision or None, space.fingerprint)


def _first(side: _Side, k: int) -> list[tuple[int, Hit]]:
    return list(enumerate(side.hits[:k], start=1))


def _compared(runtime: Runtime, rank: int, hit: Hit, own: _Side, other: _Side, *, k: int, later: bool) -> Compared:
    found = other.ranks.get(hit.chunk_id)
    if found is None:
        fate, why = _missing(runtime, hit, other, later=later)
        return Compared(rank=rank, hit=hit, fate=fate, other_rank=None, other_score=None, why=why)
    behind = "risen" if later else "outranked"
    fate = behind if found > k else "same" if found == rank else "moved"
    return Compared(
        rank=rank,
        hit=hit,
        fate=fate,
        other_rank=found,
        other_score=other.hits[found - 1].score,
        why=_placed(rank, found, own, other),
    )


def _placed(rank: int, found: int, own: _Side, other: _Side) -> str:
    where = version_name(other.record.number)
    if rank == found:
        return f"the same place in {where}"
    fresh = sum(1 for hit in other.hits[: found - 1] if hit.chunk_id not in own.ranks)
    behind = f", behind {found - 1} passages, {fresh} of which {version_name(own.record.number)} did not find"
    return f"place {found} in {where}{behind if found > rank else ''}"


def _missing(runtime: Runtime, hit: Hit, other: _Side, *, later: bool) -> tuple[str, str]:
    """Says why a hit of one version is not among those of the other."""
    name, number = other.record.name, other.record.number
    where = version_name(number)
    chunks = lookup.chunk_rows(runtime.store, name, number, hit.doc_id, ("chunk_id", "start", "end"))
    if any(row["chunk_id"] == hit.chunk_id for row in chunks):
        return ("risen" if later else "outranked"), f"in {where}, behind the first {len(other.hits)} or filtered out"
    if not chunks:
        near = nearest(hit.doc_id, {found.doc_id for found in other.hits[:50]})
        like = f"; {near[0]} looks like it" if near and not later else ""
        return ("new" if later else "gone"), f"{hit.doc_id} is not in {where}{like}"
    return ("rewritten" if later else "changed"), f"{hit.doc_id} is in {where} without this passage"
