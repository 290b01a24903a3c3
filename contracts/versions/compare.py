"""Two versions of one contract, compared: what changed, whom it breaks, and which version number that asks for.

A change is `breaking` where a document, a reader or a stored index that was fine under the old contract may not be
under the new one, `compatible` where nothing that was fine stops being so, and a `notice` where no document fares
otherwise. Compiled values are compared, so layout and comments never count. The module knows no file and no catalog.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from contracts.gates import ContaminationGate
from contracts.model import Contract, RelationSpec, SourceSpec
from contracts.text.timing import days_words
from contracts.versions.changes import Change, Kind, Telling, added, edited, removed
from contracts.versions.checks import check_changes, fields_of, on_hold, unheld
from contracts.versions.columns import field_changes
from contracts.versions.evaluation import evaluation_changes, golden_gate_changes
from contracts.versions.globs import covers
from contracts.versions.lifecycle import approval_changes, gate_changes, retention_changes
from contracts.versions.words import text_changes
from corpus.types import OnFail

Bump = Literal["none", "patch", "minor", "major"]
Differ = Callable[[Contract, Contract], Iterator[Change]]

BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")
"""Steps of a version number, the larger the later (Semantic Versioning 2.0.0, items 6 to 8)."""

_ASKS: Mapping[Kind, Bump] = {"notice": "patch", "compatible": "minor", "breaking": "major"}
_NUMBERS = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(?:-([0-9A-Za-z.-]+))?(?![0-9])")
_TIERS = ("curated", "reviewed", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a contract changed.

    Attributes:
        name: Name of the new contract.
        before: Version of the old one.
        after: Version of the new one.
        changes: Every change, in the order of the contract's parts.
        required: The step of the version number that the changes ask for.
        made: The step that was made; `none` where the number stayed or went back.
    """

    name: str
    before: str
    after: str
    changes: tuple[Change, ...]
    required: Bump
    made: Bump

    @property
    def verdict(self) -> Literal["same", "notice", "compatible", "breaking"]:
        """The weightiest kind of change; `same` where there is none."""
        kinds: tuple[Kind, ...] = ("breaking", "compatible", "notice")
        return next((kind for kind in kinds if any(change.kind == kind for change in self.changes)), "same")

    @property
    def sufficient(self) -> bool:
        """Whether the version number was raised far enough."""
        return BUMPS.index(self.made) >= BUMPS.index(self.required)

    @property
    def tell(self) -> tuple[str, ...]:
        """Everybody who must be told of some change, each once."""
        return tuple(dict.fromkeys(who for change in self.changes for who in change.tell))

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as a JSON object of plain lists, dictionaries and scalars."""
        return {
            "contract": self.name,
            "before": self.before,
            "after": self.after,
            "verdict": self.verdict,
            "required": self.required,
            "made": self.made,
            "sufficient": self.sufficient,
            "tell": list(self.tell),
            "changes": [change.to_json() for change in self.changes],
        }


def compare(old: Contract, new: Contract) -> Comparison:
    """Compares two versions of a contract.

    Args:
        old: The earlier one.
        new: The later one.
    """
    changes = tuple(_changes(old, new)) if old.digest != new.digest else ()
    if old.digest != new.digest and not changes and old.version == new.version:
        changes = (edited("", "", "", "notice", "words for people changed, and nothing that a run does."),)
    telling = Telling.of(old, new)
    asked: list[Bump] = ["none", *(_ASKS[change.kind] for change in changes)]
    required = max(asked, key=BUMPS.index)
    return Comparison(
        name=new.name,
        before=old.version,
        after=new.version,
        changes=tuple(telling.told(change) for change in changes),
        required=required,
        made=step_of(old.version, new.version),
    )


def step_of(before: str, after: str) -> Bump:
    """Returns how far a version number was raised; `none` where it stayed or went back."""
    old, new = (_NUMBERS.match(version) for version in (before, after))
    if old is None or new is None:
        return "none"
    steps: tuple[Bump, ...] = ("major", "minor", "patch")
    for was, now, step in zip(map(int, old.groups()[:3]), map(int, new.groups()[:3]), steps, strict=True):
        if was != now:
            return step if now > was else "none"
    if old[4] != new[4]:  # a number with a name behind it comes before the number alone (item 11)
        return "patch" if _ranked(new[4]) > _ranked(old[4]) else "none"
    return "patch" if before.partition("+")[0] != after.partition("+")[0] else "none"


def _ranked(name: str | None) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Returns the key by which pre-releases are ordered; none at all is the latest."""
    parts = name.split(".") if name else []
    return name is None, [(not item.isdigit(), int(item[:9]) if item.isdigit() else 0, item) for item in parts]


def _changes(old: Contract, new: Contract) -> Iterator[Change]:
    for part in fields(Contract):
        if part.name in DIFFERS:
            yield from DIFFERS[part.name](old, new)
    yield from text_changes(old.raw_yaml, new.raw_yaml)


def _name(old: Contract, new: Contract) -> Iterator[Change]:
    if old.name != new.name:
        why = "the name is that of the index as well: readers of the old name get nothing new."
        yield edited("name", old.name, new.name, "breaking", why, consumers=True)


def _id(old: Contract, new: Contract) -> Iterator[Change]:
    if old.id != new.id:
        why = "tools that follow the contract by its id lose it."
        yield edited("id", old.id, new.id, "breaking", why, consumers=True)


def _owner(old: Contract, new: Contract) -> Iterator[Change]:
    if old.owner_team != new.owner_team:
        yield edited("team.name", old.owner_team, new.owner_team, "notice", "somebody else answers for the documents.")


def _source(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = old.source, new.source
    place = "servers[0]"
    if was.type != now.type:
        why = "documents come from another kind of place: what it does not list is removed from the index."
        yield edited(f"{place}.type", was.type, now.type, "breaking", why, consumers=True)
    if was.root != now.root:
        why = "the source moved: what the new place does not list is removed from the index, and citations change."
        yield edited(f"{place}.path", was.root, now.root, "breaking", why, producers=True, consumers=True)
    yield from _globs(was, now, place)
    if was.format != now.format:
        word: Kind = "breaking" if now.type == "api" else "notice"
        why = (
            "what the location is, and so what it lists." if now.type == "api" else "a word for people and other tools."
        )
        yield edited(f"{place}.format", was.format, now.format, word, why)
    if (was.urls, was.hosts) != (now.urls, now.hosts):
        why = "other URLs are asked: what is not listed any more is removed from the index."
        yield edited(f"{place}.urls", [*was.urls, *was.hosts], [*now.urls, *now.hosts], "breaking", why, consumers=True)
    if was.source_name != now.source_name:
        why = "a name for people and other tools."
        yield edited(f"{place}.server", was.source_name, now.source_name, "notice", why)


def _globs(was: SourceSpec, now: SourceSpec, place: str) -> Iterator[Change]:
    lost, gained = "documents that it named are removed from the index.", "documents that it names come in as well."
    for glob in _minus(was.include, now.include):
        if any(covers(wide, glob) for wide in now.include):
            why = "another glob names the same documents and more."
            yield removed(f"{place}.path", glob, "compatible", why, consumers=True)
            continue
        yield removed(f"{place}.path", glob, "breaking", lost, producers=True, consumers=True)
    for glob in _minus(now.include, was.include):
        yield added(f"{place}.path", glob, "compatible", gained, consumers=True)
    for glob in _minus(now.exclude, was.exclude):
        yield added(f"{place}.exclude", glob, "breaking", lost, producers=True, consumers=True)
    for glob in _minus(was.exclude, now.exclude):
        yield removed(f"{place}.exclude", glob, "compatible", gained, consumers=True)


def _defaults(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = dict(old.governance.defaults), dict(new.governance.defaults)
    place = "ragGovernance.defaults"
    for name in _minus(was, now):
        needed = name in new.governance.required
        why = "documents that do not say it themselves " + ("are held." if needed else "have none.")
        kind: Kind = "breaking" if needed else "compatible"
        yield removed(f"{place}.{name}", was[name], kind, why, producers=True)
    for name in _minus(now, was):
        why, held = "documents that do not say it themselves now have this value.", _reading(new, name, now[name])
        why += f" The rule {held} may hold them." if held else ""
        kind = "breaking" if held else "compatible"
        yield added(f"{place}.{name}", now[name], kind, why, producers=bool(held), consumers=True)
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            why = "documents that do not say it themselves get another value; filters on it find others."
            held = _reading(new, name, now[name])
            why += f" The rule {held} may hold them." if held else ""
            kind = "breaking" if held else "compatible"
            yield edited(f"{place}.{name}", was[name], now[name], kind, why, producers=bool(held), consumers=True)


def _reading(contract: Contract, name: str, value: str) -> str:
    """Returns the name of a rule that reads a governance field and may hold a document for this value, else nothing."""
    for check in contract.checks if contract.enforcement == "block" else ():
        if check.on_fail is OnFail.WARN or name not in fields_of(check):
            continue
        if check.rule != "sensitivity" or value not in check.arguments.get("allowed", ()):
            return check.name
    return ""


def _chunker(old: Contract, new: Contract) -> Iterator[Change]:
    for name in ("strategy", "max_tokens", "overlap"):
        was, now = getattr(old.chunker, name), getattr(new.chunker, name)
        if was != now:
            why = "every document is cut and embedded again; chunk ids and citations change."
            yield edited(f"ragChunker.{_camel(name)}", was, now, "breaking", why, consumers=True)


def _embedder(old: Contract, new: Contract) -> Iterator[Change]:
    names = {"model": "embeddingModel", "revision": "embeddingModelVersion", "dimension": "dimensions"}
    names |= {"metric": "distanceMetric", "normalized": "normalized"}
    for name, key in names.items():
        was, now = getattr(old.embedder, name), getattr(new.embedder, name)
        if was != now:
            why = (
                "another vector space: everything is embedded again (`stemma reembed`), and scores are not comparable."
            )
            yield edited(f"chunk.embedding.{key}", was, now, "breaking", why, consumers=True)


def _parsers(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = dict(old.parsers), dict(new.parsers)
    for kind in sorted(was.keys() | now.keys()):
        if was.get(kind) != now.get(kind):
            why = "texts of this type are extracted again, and may read otherwise."
            yield edited(f"ragParsers.{kind}", was.get(kind), now.get(kind), "compatible", why, consumers=True)


def _freshness(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = (item.freshness.max_age_days if item.freshness else None for item in (old, new))
    if was != now:
        why = "the promise changed; what is held back is up to the rules `freshness` and `max_age`."
        yield edited("slaProperties.freshness", _days(was), _days(now), "notice", why, consumers=True)


def _retention(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = old.retention_days, new.retention_days
    if was != now:
        shorter = now is not None and (was is None or now < was)
        why = "documents are kept for a shorter time." if shorter else "documents are kept for longer."
        kind: Kind = "breaking" if shorter else "compatible"
        yield edited("slaProperties.retention", _days(was), _days(now), kind, why, consumers=shorter)


def _schedule(old: Contract, new: Contract) -> Iterator[Change]:
    if old.schedule != new.schedule:
        why = "the index is brought up to date at other times."
        yield edited("slaProperties.frequency", old.schedule, new.schedule, "notice", why, consumers=True)


def _enforcement(old: Contract, new: Contract) -> Iterator[Change]:
    if old.enforcement != new.enforcement:
        stricter = new.enforcement == "block"
        why = "failures that were only reported now hold documents back." if stricter else "failures are only reported."
        kind: Kind = "breaking" if stricter else "compatible"
        yield edited(
            "ragEnforcement", old.enforcement, new.enforcement, kind, why, producers=stricter, consumers=not stricter
        )


def _guards(old: Contract, new: Contract) -> Iterator[Change]:
    for name in ("max_removed_share", "min_documents"):
        was, now = getattr(old.guards, name), getattr(new.guards, name)
        if was != now:
            stricter = now < was if name == "max_removed_share" else now > was
            why = "runs that went through may be stopped." if stricter else "runs are stopped later than before."
            kind: Kind = "breaking" if stricter else "compatible"
            yield edited(f"ragGuards.{_camel(name)}", was, now, kind, why, producers=stricter)


def _index(old: Contract, new: Contract) -> Iterator[Change]:
    for name in ("factory", "deletes", "lexical"):
        was, now = getattr(old.index, name), getattr(new.index, name)
        if was != now:
            why = "the index is built again from the same vectors; an approximate one may find others."
            yield edited(f"ragIndex.{name}", was, now, "compatible", why, consumers=True)
    was, now = old.index.rebuild_share, new.index.rebuild_share
    if was != now:
        why = f"the index is built again {'earlier' if now < was else 'later'} after deletions."
        yield edited("ragIndex.rebuildShare", was, now, "compatible", why)


def _origins(old: Contract, new: Contract) -> Iterator[Change]:
    place = "schema.document.digital_source_type.enum"
    for origin in _minus(old.allowed_origins, new.allowed_origins):
        why = "documents of this origin no longer enter, and those that stand are held when they are judged again."
        yield removed(place, origin, "breaking", why, producers=True, consumers=True)
    for origin in _minus(new.allowed_origins, old.allowed_origins):
        yield added(place, origin, "compatible", "documents of this origin may enter.", consumers=True)


def _repair(old: Contract, new: Contract) -> Iterator[Change]:
    if set(old.repair.kinds) != set(new.repair.kinds):
        why = "texts are written otherwise before they are cut; changed ones are embedded again."
        was, now = sorted(old.repair.kinds), sorted(new.repair.kinds)
        lost = bool(set(was) - set(now)) and on_hold(new, "quality_score")
        why += " What is no longer mended lowers the score, and may fall below the rule." if lost else ""
        yield edited(
            "ragRepair.kinds", was, now, "breaking" if lost else "compatible", why, producers=lost, consumers=True
        )


def _quality(old: Contract, new: Contract) -> Iterator[Change]:
    kind: Kind = "breaking" if on_hold(new, "quality_score") else "compatible"
    why = "every document is scored otherwise" + (", and may fall below the rule." if kind == "breaking" else ".")
    if old.quality.document_type != new.quality.document_type:
        was, now = old.quality.document_type, new.quality.document_type
        yield edited("ragQuality.documentType", was, now, kind, why, producers=True)
    if dict(old.quality.weights) != dict(new.quality.weights):
        before, after = dict(old.quality.weights), dict(new.quality.weights)
        yield edited("ragQuality.weights", before, after, kind, why, producers=True)


def _triage(old: Contract, new: Contract) -> Iterator[Change]:
    if old.triage != new.triage:
        why = "another number of persons must agree before a held document is let through."
        yield edited("ragTriage.persons", old.triage.persons, new.triage.persons, "notice", why)


def _trust(old: Contract, new: Contract) -> Iterator[Change]:
    why = "signs of poisoning weigh otherwise; documents that stand are not judged again for it."
    held = on_hold(new, "poisoning")
    if old.trust.tier != new.trust.tier:
        stricter = held and _TIERS.index(new.trust.tier) > _TIERS.index(old.trust.tier)
        yield _weighed("ragTrust.tier", old.trust.tier, new.trust.tier, why, stricter=stricter)
    if set(old.trust.authors) != set(new.trust.authors):
        was, now = sorted(old.trust.authors), sorted(new.trust.authors)
        yield _weighed("ragTrust.authors", was, now, why, stricter=held and bool(set(was) - set(now)))


def _weighed(place: str, was: Any, now: Any, why: str, *, stricter: bool) -> Change:
    if stricter:
        why = "more counts as a sign of poisoning: documents that were fine may be held."
    return edited(place, was, now, "breaking" if stricter else "compatible", why, producers=stricter)


def _families(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = old.families.similarity, new.families.similarity
    if was != now:
        stricter = now < was and on_hold(new, "near_duplicate")
        why = "more texts count as near duplicates" if now < was else "fewer texts count as near duplicates"
        kind: Kind = "breaking" if stricter else "compatible"
        yield edited("ragFamilies.similarity", was, now, kind, f"{why}.", producers=stricter)


def _answers(old: Contract, new: Contract) -> Iterator[Change]:
    if old.answers.text != new.answers.text:
        why = "answers that are registered from now on are kept in another form; those that are there stay as they are."
        yield edited("ragAnswers.text", old.answers.text, new.answers.text, "notice", why)
    was, now = old.answers.retention_days, new.answers.retention_days
    if was != now:
        why = "answers that are registered from now on are forgotten at another time, and then no longer known."
        yield edited("ragAnswers.retention", _days(was), _days(now), "notice", why)


def _gates(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = (contract.gates.contamination or ContaminationGate() for contract in (old, new))
    for name in ("max_exposure", "max_amplification", "max_exposure_rise", "max_all_ai_share"):
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            stricter = after is not None and (before is None or after < before)
            why = "versions that were released may be refused." if stricter else "more versions are released."
            kind: Kind = "breaking" if stricter else "compatible"
            yield edited(f"ragGates.contamination.{_camel(name)}", before, after, kind, why, producers=stricter)
    if was.k != now.k:
        why = "another number of hits is looked at before a release."
        yield edited("ragGates.contamination.k", was.k, now.k, "notice", why)
    yield from golden_gate_changes(old, new)
    yield from gate_changes(old, new)


def _asked(old: Contract, new: Contract) -> Iterator[Change]:
    if old.origin.detectors != new.origin.detectors:
        why = "documents are judged again: other evidence about their origin is found, and may decide it."
        was, now = list(old.origin.detectors), list(new.origin.detectors)
        yield edited("ragOrigin.detectors", was, now, "compatible", why, consumers=True)
    if old.origin.model != new.origin.model:
        why = "documents are judged again: another model, or none, orders them for review; it decides nothing."
        yield edited("ragOrigin.statistical.model", old.origin.model, new.origin.model, "notice", why)


def _golden(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({item.id: item for item in contract.golden} for contract in (old, new))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            before, after = (getattr(table.get(name), "question", None) for table in (was, now))
            why = "releases are measured against other verified questions."
            yield edited(f"context.verifiedStatements.{name}", before, after, "compatible", why)


def _team(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({item.username: item.role for item in contract.team} for contract in (old, new))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield edited(
                f"team.{name}", was.get(name), now.get(name), "notice", "other people answer for the documents."
            )


def _roles(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({item.role: item.access for item in contract.roles} for contract in (old, new))
    for name in _minus(was, now):
        yield removed(f"roles.{name}", was[name], "breaking", "who has access by this role loses it.", consumers=True)
    for name in _minus(now, was):
        yield added(f"roles.{name}", now[name], "compatible", "a new role has access.", consumers=True)
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            why = "the role has another access."
            yield edited(f"roles.{name}", was[name], now[name], "breaking", why, consumers=True)


def _relationships(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = ({_reference(item) for item in contract.relationships} for contract in (old, new))
    for reference in sorted(was - now):
        yield removed("relationships", reference, "breaking", "readers cannot rely on the reference.", consumers=True)
    for reference in sorted(now - was):
        yield added("relationships", reference, "compatible", "readers can rely on one more reference.", consumers=True)


def _reference(item: RelationSpec) -> str:
    return f"{item.object}.{'+'.join(item.columns)} -> {item.to_object}.{'+'.join(item.to)}"


def _days(value: float | None) -> str | None:
    return None if value is None else days_words(value)


def _minus(these: Iterable[str], others: Iterable[str]) -> list[str]:
    """Returns what is in the first and not in the second, in order."""
    gone = set(others)
    return [item for item in these if item not in gone]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


DIFFERS: Mapping[str, Differ] = {
    "name": _name,
    "id": _id,
    "owner_team": _owner,
    "source": _source,
    "fields": unheld(field_changes),
    "governance": _defaults,
    "checks": unheld(check_changes),
    "chunker": _chunker,
    "embedder": _embedder,
    "parsers": _parsers,
    "freshness": _freshness,
    "retention_days": _retention,
    "schedule": _schedule,
    "enforcement": _enforcement,
    "guards": _guards,
    "index": _index,
    "allowed_origins": _origins,
    "repair": _repair,
    "quality": _quality,
    "triage": _triage,
    "trust": _trust,
    "families": _families,
    "answers": _answers,
    "gates": _gates,
    "versions": retention_changes,
    "approvals": approval_changes,
    "origin": _asked,
    "golden": _golden,
    "evaluation": evaluation_changes,
    "team": _team,
    "roles": _roles,
    "relationships": _relationships,
}
"""Part of a contract to what compares it; a test holds it against the fields of `Contract`."""
