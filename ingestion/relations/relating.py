"""From who is like whom, and who declares what, to findings, relations and changed decisions: pure.

Only what breaks a rule of the contract is held, but for a document that is out of force: that one is
held whatever the rules, unless a person or `enforcement: warn` lets it in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from contracts.model import Contract
from corpus import batches
from corpus.catalog.records import DocumentState
from corpus.types import Finding, Outcome, Reason, Violation
from ingestion.judge import holds_back, reasons_of
from ingestion.relations.codes import CONFLICT, HOLDING, KIN
from ingestion.relations.families import DETECTOR, Place
from ingestion.relations.twins import Copy, Likeness, Newcomer

MOST_RELATIONS = 8
"""Versions of one document that are written down for it, the most similar ones."""
MOST_READ = 3
"""Siblings whose text is compared with that of a document, the most similar ones."""
SERIES = 4
"""Documents of one name with as many titles that are parts of a series: of versions fewer are kept side by side."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The standing documents that newcomers are like.

    Attributes:
        states: Their standing rows.
        keys: The names by which their versions find them.
        families: The families that they are in.
        titles: Their titles.
    """

    states: Mapping[str, DocumentState] = field(default_factory=dict)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """What comparing found.

    Attributes:
        findings: Document id to its new findings.
        relations: Document id to the relations that are written with it, as JSON.
        places: Document id to where it stands among its versions.
        displaced: Standing document to its row and to why it leaves.
        families: Document id to its family, where that is not its own.
        again: Standing documents that nothing supersedes any more: the next run looks at them.
        overtakes: Newcomer that is held as superseded to the document that supersedes it.
        pairs: Siblings whose texts may contradict each other.
    """

    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    relations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    displaced: Mapping[str, tuple[DocumentState, Place]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    again: tuple[str, ...] = ()
    overtakes: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()

    @property
    def touched(self) -> frozenset[str]:
        """The documents about which anything was found."""
        superseding = {place.of for _, place in self.displaced.values()}
        told = {*self.findings, *self.relations, *self.places, *self.families}
        return frozenset({*told, *superseding, *self.overtakes.values()})

    def leaned_on(self) -> frozenset[str]:
        """Returns the documents that others are superseded by or copies of: were they held, that would be wrong."""
        successors = {place.of for place in self.places.values()} | {place.of for _, place in self.displaced.values()}
        return frozenset(successors.union(*map(self.copied_by, self.findings)))

    def copied_by(self, doc_id: str) -> set[str]:
        """Returns the documents that one is said to be a copy of."""
        found = self.findings.get(doc_id, ())
        return {str(item.detail["of"]) for item in found if item.code.startswith("duplicate.")}

    def displacing(self, doc_id: str) -> list[str]:
        """Returns the documents that one takes the place of, those of this run that are held for it too."""
        standing = {name for name, (_, place) in self.displaced.items() if place.of == doc_id}
        return sorted(standing | {name for name, other in self.overtakes.items() if other == doc_id})

    def add(self, doc_id: str, finding: Finding) -> None:
        """Adds a finding, and the relation that it speaks of."""
        self.findings[doc_id] = (*self.findings.get(doc_id, ()), finding)
        other = str(finding.detail.get("of", ""))
        if other:
            self.relate(doc_id, other, finding.code, finding.detail)

    def relate(self, doc_id: str, other: str, kind: str, detail: Mapping[str, Any], *, of: str = "") -> None:
        """Adds a relation of a document, or one `of` a standing document that is written with it."""
        self.relations.setdefault(doc_id, []).append(
            {"doc_id": of or doc_id, "other_id": other, "kind": kind, "detail": dict(detail)}
        )


def relate_all(
    contract: Contract,
    newcomers: Sequence[Newcomer],
    likeness: Likeness,
    *,
    near: Near,
    ranked: Related,
    copies: Mapping[str, Copy],
    bursts: Mapping[str, int],
    strangers: Collection[str],
) -> Related:
    """Says what was found about each document of a run.

    Args:
        contract: The contract.
        newcomers: In the order of `in_order`.
        likeness: Who is like whom.
        near: The standing documents that they are like.
        ranked: Where documents stand among their versions, and which ones leave.
        copies: Newcomers that are copies.
        bursts: Newcomers that come in crowds, and how large these are.
        strangers: Authors who were never seen.
    """
    families: dict[str, str] = {}
    pairs: list[Pair] = []
    places = ranked.places
    related = Related(
        places=places, displaced=ranked.displaced, again=ranked.again, families=families, overtakes=ranked.overtakes
    )
    gone = {*ranked.displaced, *(doc_id for doc_id, place in places.items() if place.code in HOLDING)}
    names: dict[str, frozenset[str]] = dict(near.keys)
    titles = {**near.titles, **{item.doc_id: item.title for item in newcomers}}
    keys = {**near.keys, **{item.doc_id: frozenset(item.keys) for item in newcomers}}
    written = Counter(item.author for item in newcomers if item.author in strangers)
    for item in newcomers:
        place, copy = places.get(item.doc_id), copies.get(item.doc_id)
        names[item.doc_id] = frozenset(item.keys)
        if place is not None and place.code:
            related.add(item.doc_id, place_finding(place))
        if copy is not None:
            related.add(item.doc_id, copy_finding(copy))
        known = {copy.of} if copy else set()
        if copy is not None and copy.exact:  # one tie says it all
            known.update(other for other in likeness.of(item.doc_id) if likeness.is_exact(item.doc_id, other))
        kin = _kin(item, likeness, names, known)
        series = _series(item, likeness, keys, titles)
        _relate_kin(related, item, kin, {*gone, *series})
        closest = ([copy.of] if copy else []) + [other for other, _ in kin] + ([place.of] if place and place.of else [])
        if closest:
            families[item.doc_id] = families.get(closest[0], near.families.get(closest[0], closest[0]))
        if item.doc_id not in gone:
            compared = [
                other
                for other in closest
                if other not in gone and other not in series and not likeness.is_exact(item.doc_id, other)
            ]
            pairs += [(item.doc_id, other) for other in dict.fromkeys(compared[:MOST_READ])]
        for finding in _poison(contract, item, bursts, written, len(newcomers)):
            related.add(item.doc_id, finding)
    return Related(**{name: getattr(related, name) for name in _CARRIED}, pairs=tuple(pairs))


_CARRIED = ("findings", "relations", "places", "displaced", "families", "again", "overtakes")


def _kin(
    item: Newcomer, likeness: Likeness, names: Mapping[str, frozenset[str]], known: Collection[str]
) -> list[tuple[str, float]]:
    """Returns the documents before this one that share a name with it and are alike, the most similar first."""
    mine = frozenset(item.keys)
    found = [
        (other, alike)
        for other, alike in likeness.of(item.doc_id).items()
        if other not in known and mine & names.get(other, frozenset())
    ]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:MOST_RELATIONS]


def _series(
    item: Newcomer, likeness: Likeness, keys: Mapping[str, frozenset[str]], titles: Mapping[str, str]
) -> frozenset[str]:
    """Returns the documents that are numbered parts of one series with this one, not versions of it.

    They are `SERIES` or more that are alike, each with another title, and none shares a declared identity.
    """
    mine = frozenset(item.keys)
    kin = {other for other in likeness.of(item.doc_id) if mine & keys.get(other, frozenset())}
    parts = {other for other in kin if titles.get(other, "").casefold() != item.title.casefold()}
    parts = {other for other in parts if not any(key.startswith("id:") for key in mine & keys[other])}
    named = {titles.get(other, "").casefold() for other in parts} | {item.title.casefold()}
    return frozenset(parts) if len(named) >= SERIES else frozenset()


def _relate_kin(related: Related, item: Newcomer, kin: Sequence[tuple[str, float]], gone: Collection[str]) -> None:
    """Writes down the versions of a document; the most similar one that is served is for a person to look at."""
    shown = next((other for other, _ in kin if other not in gone), "") if item.doc_id not in gone else ""
    for other, alike in kin:
        detail = {"of": other, "similarity": round(alike, 4)}
        if other == shown:
            quote = f"perhaps another version of {other}"
            related.add(item.doc_id, _finding(KIN, quote, detail))
        else:
            related.relate(item.doc_id, other, KIN, detail)


def _poison(
    contract: Contract, item: Newcomer, bursts: Mapping[str, int], written: Mapping[str, int], number: int
) -> Iterable[Finding]:
    if item.doc_id in bursts:
        count = bursts[item.doc_id]
        yield _finding("poison.burst", f"{count} near-identical newcomers", {"count": count})
    trusted = {" ".join(name.split()).casefold() for name in contract.trust.authors}
    if item.author in written and item.author not in trusted:
        detail = {"author": item.author, "documents": written[item.author]}
        yield _finding("poison.first_seen_author", f"no document by {item.author} was admitted before", detail)
    if contract.trust.tier == "open":
        yield _finding("poison.low_trust", "anyone may write to this source", {"tier": "open", "documents": number})


def copy_finding(copy: Copy) -> Finding:
    """Returns the finding that says what a document is a copy of."""
    code = "duplicate.exact" if copy.exact else "duplicate.near"
    quote = f"the same text as {copy.of}" if copy.exact else f"{copy.similarity:.2f} like {copy.of}"
    return _finding(code, quote, {"of": copy.of, "similarity": copy.similarity})


def place_finding(place: Place) -> Finding:
    """Returns the finding that says where a document stands among its versions."""
    return _finding(place.code, place.why, {"of": place.of} if place.of else {})


def _finding(code: str, quote: str, detail: Mapping[str, Any]) -> Finding:
    return Finding(detector=DETECTOR, code=code, level="-", quote=quote[:200], detail=detail)


def patch_of(
    row: Mapping[str, Any],
    broken: Sequence[Violation],
    place: Place | None,
    contract: Contract,
) -> dict[str, Any]:
    """Returns the columns of an assessed row that are different once it was compared.

    Args:
        row: The row, with the new findings in it already.
        broken: Rules on relations that it breaks.
        place: Where it stands among its versions; None where that says nothing.
        contract: The contract.
    """
    outcome, person = Outcome(row["outcome"]), row["actor"] != "stemma"
    out = place is not None and place.code in HOLDING and contract.enforcement != "warn"
    held = not person and (out or holds_back(broken, contract.enforcement))
    told = [Reason(code=place.code, message=place.why)] if place is not None and place.code else []
    evidence = [batches.finding_from_json(value) for value in batches.loads(row["findings"])]
    reasons = [*told, *_for_review(evidence, broken), *reasons_of(broken, evidence)]
    return {
        "findings": row["findings"],
        "violations": batches.dumps([*batches.loads(row["violations"]), *(asdict(item) for item in broken)]),
        "reasons": batches.dumps([*batches.loads(row["reasons"]), *(batches.reason_json(item) for item in reasons)]),
        "outcome": Outcome.QUARANTINE.value if held and outcome.admitted else outcome.value,
        "due_at": _earlier(row["due_at"], place.due_at if place is not None else None),
        "sound": outcome.admitted and not (not person and holds_back(broken, contract.enforcement)),
    }


def _for_review(findings: Sequence[Finding], broken: Sequence[Violation]) -> list[Reason]:
    """Returns what a person should look at though no rule asks for it: nothing else would tell of it."""
    ruled = {item.rule for item in broken}
    found = [Reason(code=KIN, message=item.quote) for item in findings if item.code == KIN]
    for item in findings:
        if item.code == CONFLICT and "conflict" not in ruled:
            message = f"{item.detail['of']} says {item.detail['theirs']!r} instead"
            found.append(Reason(code=CONFLICT, message=message, span=item.span, quote=item.quote))
    return found


def _earlier(one: str | None, other: datetime | None) -> str | None:
    if one is None or other is None:
        return one if other is None else other.isoformat()
    return min(datetime.fromisoformat(one), other).isoformat()
