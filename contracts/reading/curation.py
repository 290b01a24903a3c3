"""Custom properties that say how documents are treated: repaired, scored, triaged, trusted, grouped."""

from __future__ import annotations

import re
from typing import Literal, cast

from contracts.build import DOCUMENT_TYPES, SCORE_PARTS
from contracts.model import REPAIRS, AnswerSpec, FamilySpec, OriginSpec, QualitySpec, RepairSpec, TriageSpec, TrustSpec
from contracts.text.node import Node
from contracts.text.problems import listed, shown
from corpus.ids import NAME_PATTERN

_KEPT = ("keep", "hash")
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_MOST_DAYS = 36_500
_TIERS = ("curated", "reviewed", "open")
_MOST_PERSONS = 9
_MOST_WEIGHT = 100.0
# Below a Jaccard similarity of one half two texts differ in most of what they say: they are no twins.
_LEAST_SIMILARITY = 0.5
_ALWAYS_RUN = ("c2pa", "declared", "hidden", "instruction", "marks", "residue")
"""Detectors that every document is shown to (`ingestion.toolkit.DETECTORS`; a test compares)."""
_NAMES = "Lower-case letters, digits, '.', '_' and '-', at most 63, a letter or digit first."


def read_repair(node: Node) -> RepairSpec:
    """Reads ragRepair; an empty list makes no repair."""
    node.only(("kinds",))
    if not node.has("kinds"):
        return RepairSpec()
    kinds = node.get("kinds")
    found = kinds.texts(least=0)
    for item in kinds.items():
        if isinstance(item.value, str) and item.value:
            item.choice(REPAIRS, "", "kind of repair")
    _twice(kinds)
    return RepairSpec(kinds=tuple(kind for kind in REPAIRS if kind in found))


def read_quality(node: Node) -> QualitySpec:
    """Reads ragQuality."""
    node.only(("documentType", "weights"))
    weights = node.get("weights")
    weights.only(SCORE_PARTS)
    found = {name: entry.number(1.0, 0.0, _MOST_WEIGHT) for name, entry in weights.entries() if name in SCORE_PARTS}
    if found and not any(found.values()):
        weights.problem("all `weights` are 0: no score would count.", f"Sub-scores: {listed(SCORE_PARTS)}.")
    return QualitySpec(
        document_type=node.get("documentType").choice(DOCUMENT_TYPES, "", "document type"), weights=found
    )


def read_triage(node: Node) -> TriageSpec:
    """Reads ragTriage."""
    node.only(("persons",))
    return TriageSpec(persons=node.get("persons").whole(TriageSpec().persons, 1, _MOST_PERSONS))


def read_trust(node: Node) -> TrustSpec:
    """Reads ragTrust."""
    node.only(("tier", "authors"))
    tier = node.get("tier").choice(_TIERS, TrustSpec().tier, "trust tier")
    authors = node.get("authors")
    names = authors.texts(least=0) if node.has("authors") else ()
    _twice(authors)
    return TrustSpec(tier=cast("Literal['curated', 'reviewed', 'open']", tier), authors=names)


def read_families(node: Node) -> FamilySpec:
    """Reads ragFamilies."""
    node.only(("similarity",))
    return FamilySpec(similarity=node.get("similarity").number(FamilySpec().similarity, _LEAST_SIMILARITY, 1.0))


def read_answers(node: Node) -> AnswerSpec:
    """Reads ragAnswers."""
    node.only(("text", "retention"))
    kept = node.get("text").choice(_KEPT, AnswerSpec().text, "choice of what is kept")
    return AnswerSpec(text=cast("Literal['keep', 'hash']", kept), retention_days=_days(node.get("retention")))


def _days(node: Node) -> int | None:
    """Reads a term such as `400d`: a bare number would not say of what."""
    if node.value is None:
        return None
    found = _DAYS.fullmatch(node.text())
    if found is None or int(found[1]) > _MOST_DAYS:
        node.problem(f"{shown(node.value)} is not a retention.", f"Write days such as 400d, at most {_MOST_DAYS}d.")
        return None
    return int(found[1])


def read_origin(node: Node) -> OriginSpec:
    """Reads ragOrigin. Whether a detector or a model of that name exists shows when documents are read."""
    node.only(("detectors", "statistical"))
    detectors, statistical = node.get("detectors"), node.get("statistical")
    names = detectors.texts(least=0) if node.has("detectors") else ()
    for item in detectors.items():
        if item.value in _ALWAYS_RUN:
            item.problem(f"{item.value!r} is always asked.", "Name only detectors that another package registers.")
        elif isinstance(item.value, str) and item.value and not NAME_PATTERN.match(item.value):
            item.problem(f"{shown(item.value)} is no name of a detector.", _NAMES)
    _twice(detectors)
    if not node.has("statistical"):
        return OriginSpec(detectors=names)
    statistical.only(("model",))
    model = statistical.get("model")
    if not isinstance(model.value, str) or not NAME_PATTERN.match(model.value):
        place = model if statistical.has("model") else statistical
        place.problem(f"{shown(model.value)} is no name of a model.", f"{_NAMES} `stemma origin train` makes one.")
    return OriginSpec(detectors=names, model=model.text())


def _twice(node: Node) -> None:
    seen: set[str] = set()
    for item in node.items():
        if isinstance(item.value, str) and item.value in seen:
            item.problem(f"{item.value!r} is listed twice.", "Keep one.")
        seen.add(item.text())
