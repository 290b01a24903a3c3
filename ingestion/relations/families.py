"""Versions of one document: what documents declare, what their names say, and which version is in force.

Pure decisions. Only what is declared supersedes: a document's word about another, its word about itself, or
versions and dates under one declared identity. Documents that are merely alike are kin, never superseded.
Where the documents come from, and how alike their texts are, is for the caller to say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from corpus.ids import normalise_doc_id
from ingestion.governance import names_of, parse_iso
from ingestion.relations.codes import CYCLE, EXPIRED, NOT_YET, SUPERSEDED, UNREADABLE

DETECTOR = "families/1"

IDENTITY = ("document_id", "canonical_id", "canonical", "canonical_url", "version_of", "is_version_of", "isversionof")
SUPERSEDES = ("supersedes", "replaces", "obsoletes", "dcterms_replaces")
SUPERSEDED_BY = ("superseded_by", "replaced_by", "obsoleted_by", "dcterms_isreplacedby")
EFFECTIVE_FROM = ("effective_from", "effective_date", "valid_from", "effective")
EFFECTIVE_UNTIL = (
    "effective_until", "effective_to", "valid_until", "valid_to",
    "expires", "expires_at", "expiry_date", "expiration_date",
)  # fmt: skip
STATUS = ("status", "document_status", "doc_status")
AUTHOR = ("author", "authors", "author_name", "creator", "dc_creator", "article_author")
DATED = ("date", "created_at", "created", "published", "date_published", "article_published_time", "creationdate")
UNDATED = "undated"
"""Takes the place of a status where a document says when it holds in words that are no date."""
STATES: Mapping[str, str] = {
    UNDATED: UNREADABLE,
    "superseded": SUPERSEDED,
    "deprecated": SUPERSEDED,
    "withdrawn": EXPIRED,
    "draft": NOT_YET,
}
"""Words of `status` that keep a document out, and the code that says so; any other word means nothing here."""

_NUMBER = re.compile(r"\d+")
# A version or date inside a path: v2, 3.11, 2021-01, rev3, final, draft, copy (2).
_VERSIONED = re.compile(
    r"(?<![a-z0-9])(?:(?:v|ver|version|rev|revision|release|r)[ ._-]?\d+(?:[._-]\d+)*|\d+(?:[._-]\d+)*[a-z]?|"
    r"final|draft|old|new|copy|latest|current|archive|archived|backup|deprecated)(?![a-z0-9])",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[\W_]+")
_STATUS = {UNDATED: "from or until when it holds, in words that are no date (write YYYY-MM-DD)"}
_YEAR = re.compile(r"(?<!\d)(?:19|20|21)\d\d(?!\d)")
_NO_DATE = frozenset({"never", "none", "null", "n/a", "na", "no", "-", "false", "always", "immediately"})
_SHORTEST_NAME = 4
LONGEST_NAME = 200
"""Characters of a name that is kept as it is: PostgreSQL indexes no more than 2,704 bytes of a row."""
_LONGEST_VALUE = 8_192
_FOLDED = "~sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one document says of itself and of others.

    Attributes:
        identity: Names of the logical document that it is a version of.
        version: Its version as numbers, empty where it says none.
        supersedes: Names of documents that it takes the place of.
        superseded_by: Names of documents that take its place.
        effective_from: From when it holds; None for always.
        effective_until: Until when; None for ever.
        status: One of `STATES`, or empty.
    """

    identity: tuple[str, ...] = ()
    version: tuple[int, ...] = ()
    supersedes: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    status: str = ""

    @property
    def says_anything(self) -> bool:
        """Whether there is anything in it that bears on versions."""
        return self != Declared(version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One document among those that may be versions of each other.

    Attributes:
        doc_id: The document.
        declared: What it says.
        sound: Whether nothing but its place among its versions could keep it out.
    """

    doc_id: str
    declared: Declared
    sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a document stands among its versions.

    Attributes:
        code: One of `HOLDING` where it must not be served, `CYCLE` where documents contradict each other, or empty.
        of: The document, or the name, that it stands against; empty for its own word.
        why: In a sentence, for a person.
        due_at: When this has to be looked at again.
    """

    code: str = ""
    of: str = ""
    why: str = ""
    due_at: datetime | None = None


def declared_of(metadata: Mapping[str, str], path: str, version: str | None) -> Declared:
    """Reads what a document declares.

    Args:
        metadata: Its metadata.
        path: Its path in the source, which its references may be relative to.
        version: Its governance version, empty or None where it says none itself.
    """
    named = names_of(metadata)
    return Declared(
        identity=tuple(folded(f"id:{item.casefold()}") for name in IDENTITY for item in _items(named.get(name, ""))),
        version=version_numbers(version or named.get("version", "")),
        supersedes=_references(named, SUPERSEDES, path),
        superseded_by=_references(named, SUPERSEDED_BY, path),
        effective_from=_first_date(named, EFFECTIVE_FROM),
        effective_until=_first_date(named, EFFECTIVE_UNTIL, end=True),
        status=_status(named),
    )


def _status(named: Mapping[str, str]) -> str:
    said = (named.get(name, "").casefold() for name in STATUS)
    return next((word for word in said if word in STATES), UNDATED if _is_undated(named) else "")


def _is_undated(named: Mapping[str, str]) -> bool:
    """Whether a document says from or until when it holds in words that cannot be read as a date.

    What cannot be read may say that the document is over: it fails closed. Web pages put times of caches
    under `expires`, so there only a year in other than HTTP's form counts.
    """
    for name in (*EFFECTIVE_FROM, *EFFECTIVE_UNTIL):
        value = named.get(name, "").strip()
        if not value or value.casefold() in _NO_DATE or parse_iso(value) is not None:
            continue
        if name != "expires" or (_YEAR.search(value) and not value.endswith(("GMT", "UTC"))):
            return True
    return False


def folded(name: str) -> str:
    """Returns a name as it is kept: without NUL, and a long one cut, with the digest of the whole."""
    name = name.replace("\0", "")
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[: LONGEST_NAME // 2]}{_FOLDED}{digest}"


def is_folded(name: str) -> bool:
    """Returns whether a name was cut by `folded`."""
    return _FOLDED in name


def person_of(name: str) -> str:
    """Returns a person's name as it is kept, without case and without blanks that say nothing."""
    return " ".join(name.replace("\0", "").split()).casefold()[:LONGEST_NAME]


def author_of(metadata: Mapping[str, str]) -> str:
    """Returns who says to have written a document, folded; empty for nobody."""
    named = names_of(metadata)
    said = next((named[name] for name in AUTHOR if named.get(name)), "")
    return person_of(said)


def dated(metadata: Mapping[str, str]) -> datetime | None:
    """Returns when a document says to have been made; None where it does not say."""
    return _first_date(names_of(metadata), DATED)


def version_numbers(version: str) -> tuple[int, ...]:
    """Returns a version as numbers to be compared, such as (3, 11); empty for a text without any."""
    return tuple(int(number) for number in _NUMBER.findall(version)[:6] if len(number) <= 18)


def stem_of(path: str) -> str:
    """Returns a path without its ending and without versions and dates: equal for the versions of one file."""
    head, dot, ending = path.rpartition(".")
    bare = head if dot and len(ending) <= 8 and "/" not in ending else path
    # Endings pile up: `guide.rst.txt`.
    bare = re.sub(r"\.[a-z]{2,4}$", "", bare)
    parts = (_BETWEEN.sub("-", _VERSIONED.sub(" ", part)).strip("-").casefold() for part in bare.split("/"))
    stem = "/".join(part for part in parts if part)
    return stem if len(stem) >= _SHORTEST_NAME else ""


def title_key(title: str) -> str:
    """Returns a title without case, punctuation, versions and dates; empty for one that says too little."""
    key = _BETWEEN.sub(" ", _VERSIONED.sub(" ", title)).strip().casefold()
    return key if len(key) >= _SHORTEST_NAME else ""


def keys_of(declared: Declared, path: str, title: str) -> tuple[str, ...]:
    """Returns the names by which a document's versions find it."""
    stem, name = stem_of(path), title_key(title)
    found = (*declared.identity, folded(f"stem:{stem}") if stem else "", f"title:{name[:LONGEST_NAME]}" if name else "")
    return tuple(dict.fromkeys(key for key in found if key))


def own_names(doc_id: str, declared: Declared) -> tuple[str, ...]:
    """Returns the names by which others can refer to a document."""
    return (folded(f"ref:{doc_id}"), *declared.identity)


def places(members: Mapping[str, Member], now: datetime, *, claims: bool = True) -> dict[str, Place]:
    """Says where each document stands among its versions.

    A document is superseded by one that is sound and in force: neither a draft nor withdrawn, and effective
    by now. That one may have expired since, or be superseded itself: what it replaced does not return.

    Args:
        members: Documents that refer to each other or share an identity, by document id.
        now: The moment, aware.
        claims: Whether a document's word about another counts; its word about itself always does.

    Returns:
        A place for each document that has one to speak of.
    """
    older = _edges(members, now, claims=claims)
    loops = _loops(older)
    above: dict[str, str] = {}
    for newer in sorted(older):
        for other in sorted(older[newer]):
            if loops.get(newer, newer) != loops.get(other, other) or newer not in loops:
                above.setdefault(other, newer)
    known = {name for member in members.values() for name in own_names(member.doc_id, member.declared)}
    found = {doc_id: _place(member, known, above.get(doc_id, ""), now) for doc_id, member in members.items()}
    for doc_id in loops:
        if not found[doc_id].code:
            others = sorted(other for other in loops if loops[other] == loops[doc_id] and other != doc_id)
            why = f"this document and {', '.join(others[:3])} each claim to supersede the other; correct one of them"
            found[doc_id] = Place(code=CYCLE, of=others[0], why=why, due_at=found[doc_id].due_at)
    return {doc_id: place for doc_id, place in found.items() if place.code or place.due_at}


def _place(member: Member, known: Collection[str], newer: str, now: datetime) -> Place:
    said = member.declared
    dates = [date for date in (said.effective_from, said.effective_until) if date is not None and date > now]
    due = min(dates, default=None)
    if newer:
        return Place(code=SUPERSEDED, of=newer, why=f"superseded by {newer}", due_at=due)
    if said.status:
        words = _STATUS.get(said.status, f"status {said.status}")
        return Place(code=STATES[said.status], why=f"it says of itself: {words}", due_at=due)
    if said.effective_until is not None and said.effective_until <= now:
        return Place(code=EXPIRED, why=f"it was effective until {said.effective_until:%Y-%m-%d %H:%M} UTC")
    if said.effective_from is not None and said.effective_from > now:
        why = f"it becomes effective on {said.effective_from:%Y-%m-%d %H:%M} UTC"
        return Place(code=NOT_YET, why=why, due_at=due)
    missing = [names for names in _by_reference(said.superseded_by) if not any(name in known for name in names)]
    if missing:
        name = missing[0][-1].partition(":")[2]
        return Place(code=SUPERSEDED, of=name, why=f"it says of itself: superseded by {name}, not in this corpus")
    return Place(due_at=due)


def _by_reference(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups the names that stand for one reference: each group ends with the reference as it was written."""
    groups: list[tuple[str, ...]] = []
    current: list[str] = []
    for name in names:
        current.append(name)
        if name.startswith("id:"):
            groups.append(tuple(current))
            current = []
    return groups


def _in_force(member: Member, now: datetime) -> bool:
    said = member.declared
    started = said.effective_from is None or said.effective_from <= now
    return member.sound and started and said.status not in ("draft", "withdrawn")


def _edges(members: Mapping[str, Member], now: datetime, *, claims: bool) -> dict[str, set[str]]:
    """Returns, for each document in force, the documents that it takes the place of."""
    by_name: dict[str, list[str]] = {}
    for member in members.values():
        for name in own_names(member.doc_id, member.declared):
            by_name.setdefault(name, []).append(member.doc_id)
    older: dict[str, set[str]] = {}
    for member in members.values():
        said, me = member.declared, member.doc_id
        for other in _named(said.superseded_by, by_name):
            if other != me and _in_force(members[other], now):
                older.setdefault(other, set()).add(me)
        if claims and _in_force(member, now):
            older.setdefault(me, set()).update(other for other in _named(said.supersedes, by_name) if other != me)
    if claims:
        for name, doc_ids in by_name.items():
            if name.startswith("id:") and len(doc_ids) > 1:
                _order(older, [members[doc_id] for doc_id in sorted(doc_ids)], now)
    return older


def _named(names: Iterable[str], by_name: Mapping[str, Sequence[str]]) -> list[str]:
    return [doc_id for name in names for doc_id in by_name.get(name, ())]


def _order(older: dict[str, set[str]], group: Sequence[Member], now: datetime) -> None:
    """Adds what versions, else effective dates, say about the documents of one identity."""
    versions = {member.doc_id: member.declared.version for member in group if member.declared.version}
    dates = {
        member.doc_id: (int(member.declared.effective_from.timestamp()),)
        for member in group
        if member.declared.effective_from is not None
    }
    in_force = [member.doc_id for member in group if _in_force(member, now)]
    for ranks in (versions, dates):
        newest = max((doc_id for doc_id in in_force if doc_id in ranks), key=ranks.__getitem__, default=None)
        if newest is not None:
            below = {doc_id for doc_id, rank in ranks.items() if rank < ranks[newest]}
            older.setdefault(newest, set()).update(below)
        if len(ranks) == len(group):
            return


def _loops(older: Mapping[str, set[str]]) -> dict[str, str]:
    """Returns the documents on a cycle, each with the first id on its cycle."""
    reach = {start: _reachable(older, start) for start in older}
    return {
        start: min(other for other in {start, *found} if start in reach.get(other, ()))
        for start, found in reach.items()
        if start in found
    }


def _reachable(older: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in older.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _items(value: str) -> list[str]:
    value = value.replace("\0", "")[:_LONGEST_VALUE]
    if value.startswith("["):
        try:
            listed = json.loads(value)
        except (ValueError, RecursionError):
            listed = [value]
        items = [str(item) for item in listed]
    else:
        items = value.split(",")
    return [item.strip() for item in items if item.strip()][:32]


def _references(named: Mapping[str, str], keys: Iterable[str], path: str) -> tuple[str, ...]:
    """Returns the names that references may mean: a path beside the document, one from the root, an identity."""
    folder = path.rpartition("/")[0]
    found: list[str] = []
    for item in (item for key in keys for item in _items(named.get(key, ""))):
        for candidate in dict.fromkeys((_joined(folder, item), item)):
            try:
                # Whoever refers to a document may do so by its path or by its id, which is a path already folded.
                found += [folded(f"ref:{normalise_doc_id(candidate)}"), folded(f"ref:{candidate}")]
            except ValueError:
                continue
        found.append(folded(f"id:{item.casefold()}"))
    return tuple(dict.fromkeys(found))


def _joined(folder: str, item: str) -> str:
    parts = folder.split("/") if folder and not item.startswith("/") else []
    for part in item.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _first_date(named: Mapping[str, str], keys: Iterable[str], *, end: bool = False) -> datetime | None:
    for key in keys:
        value = named.get(key, "")
        moment = parse_iso(value)
        if moment is not None:
            # A day that is the last one is over when the next begins.
            whole_day = end and len(value.strip()) == 10
            try:
                return (moment + timedelta(days=1) if whole_day else moment).astimezone(UTC)
            except OverflowError:  # the last day there is: for ever
                return None
    return None
