"""Where a run's documents meet the corpus: look-ups by text, band, name and declaration, and the notes for the next.

Every look-up is by index, and what one document touches is bounded; the corpus is never read through. What
follows from what is found is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import relations, sketches
from corpus.catalog.records import DocumentState, RelationRecord, SketchRecord
from corpus.types import Outcome
from ingestion.relations.families import (
    Declared,
    Member,
    author_of,
    dated,
    declared_of,
    is_folded,
    keys_of,
    own_names,
    person_of,
)
from ingestion.relations.relating import Near
from ingestion.relations.sketch import bands_of
from ingestion.relations.twins import MOST_COMPARED, Likeness, Newcomer, compare_with

COLUMNS = (
    "doc_id", "path", "title", "content_sha256", "sketch", "metadata", "version", "governance_basis", "owner",
    "outcome", "actor",
)  # fmt: skip
"""Columns of an assessed row that comparing needs; none of them is a text."""

WINDOW = timedelta(days=7)
"""How long a document counts as a newcomer, where copies of one text trickle in over several runs."""
_BATCH = 256
_MOST_RELATED = 4_096
_STANDING = ("active", "quarantined")


def newcomer_of(row: Mapping[str, Any], *, active: bool) -> Newcomer:
    """Returns what comparing needs of one assessed row that has a text."""
    metadata: dict[str, str] = batches.loads(row["metadata"])
    basis: dict[str, str] = batches.loads(row["governance_basis"] or "{}")
    version = row["version"] if basis.get("version") != "contract" else None
    try:
        declared = declared_of(metadata, row["path"], version)
    except (ArithmeticError, RecursionError, ValueError):  # what one document says stops no run
        declared = Declared()
    owner = row["owner"] if basis.get("owner") in ("document", "sidecar") else ""
    return Newcomer(
        doc_id=row["doc_id"],
        title=row["title"],
        content_sha256=row["content_sha256"],
        sketch=row["sketch"],
        keys=keys_of(declared, row["path"], row["title"]),
        declared=declared,
        author=author_of(metadata) or person_of(owner or ""),
        made=dated(metadata),
        sound=Outcome(row["outcome"]).admitted,
        decided=row["actor"] != "stemma",
        active=active,
    )


def sketch_record(contract: str, item: Newcomer, family: str) -> tuple[SketchRecord, tuple[int, ...]]:
    """Returns the signature of a document as the catalog keeps it, and its bands."""
    record = SketchRecord(
        contract=contract,
        doc_id=item.doc_id,
        content_sha256=item.content_sha256,
        title=item.title.replace("\0", ""),
        family=family,
        signature=item.sketch,
    )
    return record, bands_of(item.sketch)


def notes_of(contract: str, run_id: str, item: Newcomer, *, sound: bool) -> list[RelationRecord]:
    """Returns what the next runs must find about a document: its names, the names it speaks of, what it says."""
    said = item.declared
    pairs: list[tuple[str, str, dict[str, Any]]] = [("key", key, {}) for key in item.keys]
    pairs += [("key", name, {}) for name in own_names(item.doc_id, said)[:1] if is_folded(name)]
    pairs += [("refers", name, {}) for name in dict.fromkeys((*said.supersedes, *said.superseded_by))]
    if said.says_anything:
        pairs.append(("declares", item.doc_id, {**_said_json(said), "sound": sound}))
    return [
        RelationRecord(contract=contract, doc_id=item.doc_id, other_id=name, kind=kind, detail=detail, run_id=run_id)
        for kind, name, detail in pairs
    ]


def compare_with_corpus(
    tx: Session, contract: str, newcomers: Sequence[Newcomer], leaving: Collection[str], likeness: Likeness
) -> Near:
    """Compares newcomers with documents that stand.

    Args:
        tx: The transaction.
        contract: The contract.
        newcomers: The documents of the run.
        leaving: Documents that vanish, or whose standing row is replaced by this run.
        likeness: Takes the pairs that are alike.

    Returns:
        The standing documents that some newcomer is like.
    """
    found: dict[str, DocumentState] = {}
    families: dict[str, str] = {}
    titles: dict[str, str] = {}
    for start in range(0, len(newcomers), _BATCH):
        batch = newcomers[start : start + _BATCH]
        candidates = _candidates(tx, contract, batch)
        known = {name for names in candidates for name in names} - set(leaving)
        states = {name: state for name, state in relations.states(tx, contract, known).items() if _stands(state)}
        records = sketches.of(tx, contract, states)
        for item, names in zip(batch, candidates, strict=True):
            for name in names:
                if name in records and name != item.doc_id:
                    record = records[name]
                    compare_with(item, name, record.content_sha256, record.signature, likeness)
        found |= {name: state for name, state in states.items() if likeness.of(name)}
        titles |= {name: records[name].title for name in states if name in found and name in records}
        families |= {name: records[name].family for name in states if name in found and name in records}
    keys: dict[str, set[str]] = {}
    for note in relations.notes(tx, contract, found, "key"):
        keys.setdefault(note.doc_id, set()).add(note.other_id)
    return Near(
        states=found, keys={name: frozenset(held) for name, held in keys.items()}, families=families, titles=titles
    )


def _candidates(tx: Session, contract: str, batch: Sequence[Newcomer]) -> list[tuple[str, ...]]:
    same = sketches.same_text(tx, contract, (item.content_sha256 for item in batch))
    shared = sketches.sharing(tx, contract, [bands_of(item.sketch) for item in batch])
    named = relations.holders(tx, contract, (key for item in batch for key in item.keys), "key", MOST_COMPARED)
    return [
        tuple(
            dict.fromkeys(
                (
                    *same.get(item.content_sha256, ()),
                    *shared[place],
                    *(name for key in item.keys for name in named.get(key, ())),
                )
            )
        )
        for place, item in enumerate(batch)
    ]


def recent(tx: Session, contract: str, states: Mapping[str, DocumentState], now: datetime) -> frozenset[str]:
    """Returns those standing documents that are newcomers still: held, or first active within `WINDOW`."""
    first = relations.first_active(tx, contract, states)
    return frozenset(
        name
        for name, state in states.items()
        if (now - first[name] <= WINDOW if name in first else state.state == "quarantined")
    )


def relatives(
    tx: Session, contract: str, newcomers: Sequence[Newcomer], leaving: Collection[str]
) -> tuple[dict[str, Member], dict[str, DocumentState]]:
    """Gathers every document that is tied to a newcomer by declarations, over as many steps as it takes.

    Args:
        tx: The transaction.
        contract: The contract.
        newcomers: The documents of the run.
        leaving: Documents that vanish, or whose standing row is replaced by this run.

    Returns:
        The documents, newcomers among them, by id, and the standing rows of those that stand.
    """
    mine = {item.doc_id: item for item in newcomers}
    states: dict[str, DocumentState] = {}
    members: dict[str, Member] = {}
    said: dict[str, Declared] = {item.doc_id: item.declared for item in newcomers}
    asked: set[str] = set()
    fresh: Iterable[str] = list(mine)
    while fresh:
        names = {name for doc_id in fresh for name in _names(doc_id, said[doc_id])} - asked
        asked |= names
        found = _named(tx, contract, names) - set(leaving) - set(mine) - set(states)
        rows = {name: row for name, row in relations.states(tx, contract, found).items() if _stands(row)}
        declared = {note.doc_id: note.detail for note in relations.notes(tx, contract, rows, "declares")}
        for name, row in rows.items():
            states[name] = row
            said[name] = _said(declared.get(name, {}))
            sound = bool(declared[name]["sound"]) if name in declared else row.state == "active"
            members[name] = Member(doc_id=name, declared=said[name], sound=sound)
        fresh = list(rows) if len(states) < _MOST_RELATED else []
    spoken = {name for member in said.values() for name in (*member.supersedes, *member.superseded_by)}
    for item in newcomers:
        if item.declared.says_anything or spoken & set(own_names(item.doc_id, item.declared)):
            members[item.doc_id] = Member(doc_id=item.doc_id, declared=item.declared, sound=item.sound)
    return members, states


def _names(doc_id: str, said: Declared) -> tuple[str, ...]:
    return (*own_names(doc_id, said), *said.supersedes, *said.superseded_by)


def _named(tx: Session, contract: str, names: Collection[str]) -> set[str]:
    """Returns the documents that go by these names, or that say something about one of them."""
    found = {name.removeprefix("ref:") for name in names if name.startswith("ref:")}
    for kind in ("key", "refers"):
        wanted = [name for name in names if kind == "refers" or name.startswith("id:") or is_folded(name)]
        held = relations.holders(tx, contract, wanted, kind, _MOST_RELATED)
        found.update(doc_id for doc_ids in held.values() for doc_id in doc_ids)
    return found


def _stands(state: DocumentState) -> bool:
    return state.state in _STANDING


def _said_json(said: Declared) -> dict[str, Any]:
    dates = {name: getattr(said, name) for name in ("effective_from", "effective_until")}
    plain = {name: value for name, value in asdict(said).items() if name not in dates}
    return plain | {name: date.isoformat() if date else None for name, date in dates.items()}


def _said(value: Mapping[str, Any]) -> Declared:
    if not value:
        return Declared()
    return Declared(
        identity=tuple(value["identity"]),
        version=tuple(value["version"]),
        supersedes=tuple(value["supersedes"]),
        superseded_by=tuple(value["superseded_by"]),
        effective_from=_moment(value["effective_from"]),
        effective_until=_moment(value["effective_until"]),
        status=value["status"],
    )


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
