"""Who put a chunk, or a document, into an index: version, run, people, bytes and everything that worked on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from corpus.catalog import decisions, runs
from corpus.catalog.aliasmoves import Serving
from corpus.catalog.records import DecisionRecord, RunRecord, VersionRecord
from corpus.errors import ConfigurationError
from index import lookup
from index.layout import version_name
from index.manifest import ContractRef, Manifest
from ingestion.history import joined
from ingestion.history.opened import History, open_history
from ingestion.history.presence import CHUNK_FACTS, Held, Presence, find
from ingestion.history.trusted import Unreadable, sort_out
from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBy:
    """A run.

    Attributes:
        run_id: Its id.
        kind: `ingest`, `release`, `reembed`, ...; empty where the catalog does not know the run.
        actor: Who started it.
        started_at: When; None where the catalog does not know the run.
    """

    run_id: str
    kind: str
    actor: str
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The document that it was made of, as it came.

    Attributes:
        doc_id: The document.
        revision_id: The revision.
        uri: Where its bytes were.
        raw_sha256: Digest of its bytes; None where they could not be read.
        content_sha256: Digest of its text.
        size_bytes: Bytes.
        updated_at: When its content last changed, as the source says.
        parser: What read it.
        owner: Who answers for it.
        digital_source_type: IPTC digital source type, or `unknown`.
        origin_basis: What that rests on.
    """

    doc_id: str
    revision_id: str
    uri: str
    raw_sha256: str | None
    content_sha256: str | None
    size_bytes: int | None
    updated_at: datetime | None
    parser: str
    owner: str | None
    digital_source_type: str
    origin_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One chunk of a blamed document.

    Attributes:
        chunk_id: The chunk.
        ordinal: Its place in the document, from 0.
        start: First character.
        end: Character behind the last.
        since: First version of the unbroken run that holds it.
        run_id: The run that released that version.
        actor: Who ran it.
        text: Its text.
    """

    chunk_id: str
    ordinal: int
    start: int
    end: int
    since: int
    run_id: str
    actor: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Who put it there.

    Attributes:
        name: The index.
        kind: `chunk` or `document`.
        subject: Its id.
        chunk: The chunk's row with its text; None for a document.
        first: First version that ever held it.
        since: First version of the unbroken run that reaches `last` and holds the chunk, or the document at the
            revision that it has in `last`.
        last: Newest version that holds it.
        versions: Every version that holds it, ascending.
        created_at: When `since` was built.
        manifest_sha256: Digest of the manifest of `since`.
        released_by: The run that released `since`.
        admitted_by: The run that admitted the revision; None where the catalog has no decision about it.
        code_version: Version of this software that built `since`.
        contract: The contract of `since`.
        fingerprints: Role to fingerprint, of `since`.
        source: What it was made of, as `since` holds it.
        decision: The decision that admitted the revision; None where the catalog has none.
        people: What people decided about the document, oldest first.
        approvals: Who approved `since`, oldest first.
        served: When which alias served a version that holds it, oldest first.
        passages: For a document: its chunks in `last`, each with the version that brought it.
        unreadable: Versions that could not be looked into: what was there is not known.
    """

    name: str
    kind: str
    subject: str
    chunk: Mapping[str, Any] | None
    first: int
    since: int
    last: int
    versions: tuple[int, ...]
    created_at: datetime
    manifest_sha256: str
    released_by: MadeBy
    admitted_by: MadeBy | None
    code_version: str
    contract: ContractRef
    fingerprints: Mapping[str, str]
    source: Origin
    decision: DecisionRecord | None
    people: tuple[joined.Act, ...]
    approvals: tuple[joined.Act, ...]
    served: tuple[Serving, ...]
    passages: tuple[Passage, ...]
    unreadable: tuple[Unreadable, ...]


def blame(runtime: Runtime, name: str, subject: str) -> Blame:
    """Says who put a chunk or a document into an index.

    Args:
        runtime: The project.
        name: The index.
        subject: A chunk id or a document id.

    Raises:
        ConfigurationError: There is no such index, or none of its versions holds the subject.
    """
    history = open_history(runtime, name)
    presence = find(runtime, history.versions, subject)
    if not presence.held:
        raise ConfigurationError(_nowhere(history, presence, subject))
    last = presence.held[-1]
    since = _since(presence, last)
    return _blamed(runtime, history, presence, since, last, subject)


def _since(presence: Presence, last: Held) -> Held:
    """Returns the first version of the unbroken run that holds the chunk, or the document as it is in the last one."""
    since = last
    for held in reversed(presence.run_to(last.record.number)):
        if presence.kind == "document" and held.document["revision_id"] != last.document["revision_id"]:
            break
        since = held
    return since


def _nowhere(history: History, presence: Presence, subject: str) -> str:
    if not history.versions:
        return f"index {history.name!r} has no version yet. Run `stemma ingest {history.name}`."
    looked = ", ".join(version_name(number) for number in presence.looked) or "none"
    others = ", ".join(f"{version_name(item.number)} ({item.state})" for item in presence.unreadable)
    blind = f" Not looked into: {others}." if others else ""
    return (
        f"no version of {history.name!r} holds {subject!r}. Looked into: {looked}.{blind} "
        f"`stemma index why {history.name} {subject}` says why it is not there."
    )


def _blamed(runtime: Runtime, history: History, presence: Presence, since: Held, last: Held, subject: str) -> Blame:
    doc_id = presence.doc_id
    numbers = tuple(held.record.number for held in presence.held)
    with runtime.catalog.reading() as tx:
        decision = _deciding(decisions.of_document(tx, since.manifest.contract.name, doc_id), since)
        admitted = runs.get(tx, decision.run_id) if decision else None
        released = runs.get(tx, since.record.run_id)
        people = joined.decided_by_people(tx, since.manifest.contract.name, doc_id)
        approvals = joined.approvals(tx, history.name, since.record.number)
    return Blame(
        name=history.name,
        kind=presence.kind,
        subject=subject,
        chunk=_chunk(runtime, last, doc_id, subject) if presence.kind == "chunk" else None,
        first=numbers[0],
        since=since.record.number,
        last=last.record.number,
        versions=numbers,
        created_at=since.record.created_at,
        manifest_sha256=since.record.manifest_sha256,
        released_by=_made_by(since.record.run_id, released, since.manifest.run.actor),
        admitted_by=_made_by(decision.run_id, admitted, "") if decision else None,
        code_version=since.manifest.run.code_version,
        contract=since.manifest.contract,
        fingerprints={role: ref.digest for role, ref in since.manifest.fingerprints.items()},
        source=Origin(**{field: since.document[field] for field in Origin.__dataclass_fields__}),
        decision=decision,
        people=people,
        approvals=approvals,
        served=history.served(numbers),
        passages=_passages(runtime, history, doc_id) if presence.kind == "document" else (),
        unreadable=presence.unreadable,
    )


def _deciding(found: Sequence[DecisionRecord], since: Held) -> DecisionRecord | None:
    """Returns the decision that let the revision in: the newest that the version can rest on."""
    mine = [item for item in found if item.revision_id == since.document["revision_id"]]
    before = [item for item in mine if item.decided_at <= since.record.created_at]
    return next(iter(before or mine[-1:]), None)


def _made_by(run_id: str, run: RunRecord | None, actor: str) -> MadeBy:
    if run is None:
        return MadeBy(run_id=run_id, kind="", actor=actor, started_at=None)
    return MadeBy(run_id=run_id, kind=run.kind, actor=run.actor, started_at=run.started_at)


def _chunk(runtime: Runtime, held: Held, doc_id: str, chunk_id: str) -> dict[str, Any] | None:
    rows = lookup.chunk_rows(runtime.store, held.record.name, held.record.number, doc_id)
    return next((row for row in rows if row["chunk_id"] == chunk_id), None)


def _passages(runtime: Runtime, history: History, doc_id: str) -> tuple[Passage, ...]:
    """Says for each chunk of a document since which version it is there without a break."""
    trusted, _ = sort_out(runtime, history.versions)
    holding: list[tuple[VersionRecord, Manifest, set[str]]] = []
    newest: list[dict[str, Any]] = []
    for record, manifest in trusted:  # newest first
        columns = CHUNK_FACTS if newest else (*CHUNK_FACTS, "text")
        rows = lookup.chunk_rows(runtime.store, record.name, record.number, doc_id, columns)
        if not rows and not newest:
            continue
        newest = newest or rows
        holding.append((record, manifest, {row["chunk_id"] for row in rows}))
    return tuple(_passage(row, holding) for row in newest)


def _passage(row: Mapping[str, Any], holding: Sequence[tuple[VersionRecord, Manifest, set[str]]]) -> Passage:
    record, manifest, _ = holding[0]
    for earlier, its_manifest, chunks in holding:
        if row["chunk_id"] not in chunks:
            break
        record, manifest = earlier, its_manifest
    return Passage(
        **{name: row[name] for name in ("chunk_id", "ordinal", "start", "end", "text")},
        since=record.number,
        run_id=record.run_id,
        actor=manifest.run.actor,
    )
