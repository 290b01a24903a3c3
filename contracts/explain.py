"""A contract in plain words: each rule, and everything around the rules, with the line it comes from.

It says what `contracts.evaluate` and the stages do, out of the same compiled values and the same table of
rules. It judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.evaluation import EvaluationSpec
from contracts.evaluationwords import evaluation_in_words, golden_gate_in_words
from contracts.gates import ContaminationGate
from contracts.lifecycle_words import lifecycle_words
from contracts.model import CheckSpec, Contract
from contracts.rules.table import RULE_ALIASES, RULES
from contracts.text.problems import DocumentPath, Places
from contracts.text.timing import days_words
from contracts.text.yamltext import parse_yaml
from contracts.versions.changes import said
from contracts.wording import expected_of
from corpus.types import OnFail

SHAPES: Mapping[str, str] = {
    "required": "Every document has a value in the column.",
    "unique": "No two documents share a value of the column.",
    "pattern": "The value holds a match of a regular expression.",
    "length": "The text has a number of characters within the limits.",
    "range": "The number lies within the limits.",
    "enum": "The value is one of a list.",
    "nullValues": "The number of documents without a value keeps to the threshold.",
    "missingValues": "The number of documents whose value stands for none keeps to the threshold.",
    "invalidValues": "The number of documents with a value that is not valid keeps to the threshold.",
    "duplicateValues": "The number of documents that share their values with another keeps to the threshold.",
    "rowCount": "The number of documents that the next version would hold keeps to the threshold.",
    "sql": "A query over the documents gives a number that keeps to the threshold.",
    "multipleOf": "The number is a whole multiple of a step.",
    "format": "The text has a known form, such as that of a date or an address.",
    "period": "The date or moment lies within the limits.",
    "items": "The list has as many entries as it should.",
    "keys": "The mapping has the keys that it should.",
    "endOfSupport": "The day until which the contract is supported has not passed.",
    "endOfLife": "The day until which the contract is in use has not passed.",
    "foreignKey": "Every value of the column is found in the column that it refers to.",
}
"""Rules of the standard, and those that the promises of a column amount to, in plain words."""

_SUBJECTS = (
    ("expect_column_pair_values_", "In every document, the values of two columns are compared: {}."),
    ("expect_multicolumn_", "In every document, several columns are taken together: {}."),
    ("expect_select_column_values_to_", "In every document, the values of the columns must {}."),
    ("expect_compound_columns_to_", "Over all documents, the columns together must {}."),
    ("expect_column_values_to_", "In every document, the value of the column must {}."),
    ("expect_column_value_lengths_to_", "In every document, the length of the value must {}."),
    ("expect_column_", "Over all documents, the column's {}."),
    ("expect_table_", "The table of documents: its {}."),
)
_PLACES: Mapping[str, str] = {
    "required": "required",
    "unique": "unique",
    "enum": "enum",
    "pattern": "logicalTypeOptions",
    "length": "logicalTypeOptions",
    "range": "logicalTypeOptions",
    "foreignKey": "relationships",
}
_HELD = "the document is held in quarantine, with the reason"
_FAILS: Mapping[OnFail, str] = {
    OnFail.BLOCK: "the run stops, nothing is published, and the old version serves",
    OnFail.QUARANTINE: _HELD,
    OnFail.REPAIR: f"the text is repaired and judged again; if that does not help, {_HELD}",
    OnFail.WARN: "it is reported and nothing is held back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWords:
    """One rule in words.

    Attributes:
        name: Its name.
        rule: What kind of rule it is.
        checks: What is checked, in a sentence.
        on: What it looks at: a column, each document, or the run as a whole.
        expects: The figure or value that is asked.
        fails: What a failure leads to.
        tells: Who is told.
        severity: How much a failure weighs.
        source: Where the rule comes from.
        line: Its line in the file; 0 for one that stands nowhere.
    """

    name: str
    rule: str
    checks: str
    on: str
    expects: str
    fails: str
    tells: str
    severity: str
    source: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """Returns the words as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWords:
    """One part of a contract beside its rules, in words.

    Attributes:
        part: Name of the part.
        says: What it means.
        line: Its line in the file; 0 where a default holds.
    """

    part: str
    says: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """Returns the words as a JSON object."""
        return {"part": self.part, "says": self.says, "line": self.line}


def rules_in_words(contract: Contract) -> tuple[RuleWords, ...]:
    """Explains every rule of a contract, in its order.

    Args:
        contract: A valid contract.
    """
    value, sink = parse_yaml(contract.raw_yaml)
    found = zip(contract.checks, _sources(contract, value), strict=True)
    return tuple(_rule(contract, check, source, sink.places, path) for check, (source, path) in found)


def parts_in_words(contract: Contract) -> tuple[PartWords, ...]:
    """Explains what a contract says beside its rules.

    Args:
        contract: A valid contract.
    """
    value, sink = parse_yaml(contract.raw_yaml)
    parts = []
    for part, says, path in _parts(contract, value):
        known = path in sink.places.values or path in sink.places.keys
        parts.append(PartWords(part=part, says=says, line=sink.places.of(path, key=True)[0] if path and known else 0))
    return tuple(parts)


def checks_words(check: CheckSpec) -> str:
    """Returns what a rule checks, in one sentence."""
    if check.engine == "stemma":
        return RULES[check.rule].explains
    if check.rule in SHAPES:
        return SHAPES[check.rule]
    return expectation_words(check.rule)


def expectation_words(name: str) -> str:
    """Returns what an expectation of Great Expectations checks, in one sentence.

    Raises:
        KeyError: The name is none.
    """
    for prefix, sentence in _SUBJECTS:
        if name.startswith(prefix):
            return sentence.format(name.removeprefix(prefix).replace("_", " "))
    raise KeyError(name)


def _rule(contract: Contract, check: CheckSpec, source: str, places: Places, path: DocumentPath) -> RuleWords:
    return RuleWords(
        name=check.name,
        rule=check.rule,
        checks=checks_words(check),
        on=_on(check),
        expects=expected_of(check),
        fails=_fails(contract, check),
        tells=check.owner or contract.owner_team,
        severity=check.severity.value,
        source=source,
        line=places.of(path)[0] if path else 0,
    )


def _on(check: CheckSpec) -> str:
    what = f"column {check.field}" if check.field else "the whole document"
    if check.scope == "row":
        return f"each document: {what}"
    return f"the run as a whole: column {check.field}" if check.field else "the run as a whole"


def _fails(contract: Contract, check: CheckSpec) -> str:
    if contract.enforcement == "warn" and check.on_fail is not OnFail.WARN:
        return f"{_FAILS[OnFail.WARN]}, because ragEnforcement is warn (else: {_FAILS[check.on_fail]})"
    if check.on_fail is OnFail.BLOCK and check.scope == "row":
        return f"{_HELD}; and {_FAILS[OnFail.BLOCK]}"
    return _FAILS[check.on_fail]


def _sources(contract: Contract, value: Any) -> list[tuple[str, DocumentPath]]:
    """Returns where each check comes from: an entry of a `quality` list, a promise of a column, or neither."""
    entries = list(_entries(value))
    return [_source(check, entries, value) for check in contract.checks]


def _source(check: CheckSpec, entries: list[_Entry], value: Any) -> tuple[str, DocumentPath]:
    stem = re.sub(r"-\d+$", "", check.name)
    named = next((entry for entry in entries if entry.name and entry.name in (check.name, stem)), None)
    found = named or next((entry for entry in entries if not entry.name and entry.fits(check)), None)
    if found is not None:
        entries.remove(found)
        return (f"a check of the column {found.field}" if found.field else "a check of the documents"), found.path
    if check.engine == "library" and (path := _column(value, check.field)):
        key = _PLACES.get(check.rule, "logicalTypeOptions")
        column = value["schema"][path[1]]["properties"][path[3]]
        return f"what the column {check.field} promises", (*path, key) if key in column else path
    return _implied(check, value)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a `quality` list: the column it stands under, its name, what it runs, and where it stands."""

    field: str
    name: str
    runs: str
    path: DocumentPath

    def fits(self, check: CheckSpec) -> bool:
        """Returns whether an entry without a name can be this check."""
        return self.runs == check.rule and self.field in ("", check.field)


def _entries(value: Any) -> Iterator[_Entry]:
    for number, item in enumerate(value["schema"]):
        if item.get("name") != "document":
            continue
        base: DocumentPath = ("schema", number)
        for place, column in enumerate(item.get("properties") or ()):
            here = (*base, "properties", place, "quality")
            yield from (_entry(column.get("name", ""), entry, (*here, n)) for n, entry in _quality(column))
        yield from (_entry("", entry, (*base, "quality", n)) for n, entry in _quality(item))


def _quality(thing: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return enumerate(thing.get("quality") or ())


def _entry(field: str, entry: Mapping[str, Any], path: DocumentPath) -> _Entry:
    body = entry.get("implementation") or {}
    body = parse_yaml(body)[0] if isinstance(body, str) else body
    kind = entry.get("type", "library")
    runs = str(body.get("rule") or body.get("type") or "") if kind == "custom" else entry.get("metric") or kind
    return _Entry(field, str(entry.get("name") or ""), RULE_ALIASES.get(runs, runs), path)


def _implied(check: CheckSpec, value: Any) -> tuple[str, DocumentPath]:
    if path := _promise(value, check.rule):
        return "what the service promises", path
    if check.rule != "governance_fields":
        return "every contract has it", ()
    path = _property(value, "ragGovernance")
    return ("ragGovernance" if path else "every contract asks for governance fields"), path


def _property(value: Any, name: str) -> DocumentPath:
    return _listed(value, "customProperties", name)


def _promise(value: Any, name: str) -> DocumentPath:
    return _listed(value, "slaProperties", name)


def _listed(value: Any, key: str, name: str) -> DocumentPath:
    for number, item in enumerate(value.get(key) or ()):
        if item.get("property") == name:
            return (key, number)
    return ()


def _parts(contract: Contract, value: Any) -> Iterator[tuple[str, str, DocumentPath]]:
    source = contract.source
    left_out = f", but not {', '.join(source.exclude)}" if source.exclude else ""
    globs = ", ".join(source.include) or "everything"
    place = f"{source.format} over HTTP" if source.type == "api" else f"{source.type} folder"
    yield "source", f"{place} {source.root or '.'}: {globs}{left_out}", ("servers", 0)
    yield from _governance(contract, value)
    yield "origins", _origins(contract), _column(value, "digital_source_type")
    cut = contract.chunker
    size = f"{cut.strategy}: at most {cut.max_tokens} tokens a chunk, {cut.overlap} of them shared with the one before"
    yield "chunking", size, _property(value, "ragChunker") or _property(value, "ragEmbedding")
    yield "embedding", _embedding(contract), _column(value, "embedding", thing="chunk")
    yield from _promises(contract, value)
    yield "enforcement", _ENFORCEMENT[contract.enforcement], _property(value, "ragEnforcement")
    yield "guards", _guards(contract), _property(value, "ragGuards")
    yield "index", _index(contract), _property(value, "ragIndex")
    yield from _handling(contract, value)
    yield "team", _team(contract), ("team",)
    if contract.roles:
        roles = ", ".join(f"{role.role} ({role.access})" if role.access else role.role for role in contract.roles)
        yield "roles", roles, ("roles",)


_ENFORCEMENT = {
    "block": "failures lead to what each rule says",
    "warn": "failures are reported and nothing is held back, whatever a rule says",
}


def _index(contract: Contract) -> str:
    spec = contract.index
    fitted = f"faiss factory by the number of chunks, {spec.deletes} deletes expected"
    words = ", with an index of words (BM25)" if spec.lexical else ""
    again = f"; built again at once where more than {spec.rebuild_share:.0%} of the documents are deleted"
    return (fitted if spec.factory == "auto" else f"faiss factory {spec.factory}") + words + again


def _governance(contract: Contract, value: Any) -> Iterator[tuple[str, str, DocumentPath]]:
    spec = contract.governance
    path = _property(value, "ragGovernance")
    known = ", ".join(spec.required) or "nothing"
    expiry = spec.max_validation_age_days
    age = f"; a person's validation counts for {days_words(expiry)}" if expiry is not None else ""
    yield "governance", f"required of each document: {known}{age}", path
    defaults = ", ".join(f"{name} = {text}" for name, text in spec.defaults.items())
    yield "defaults", f"for documents that say nothing themselves: {defaults or 'none'}", path


def _origins(contract: Contract) -> str:
    return "may enter: " + ", ".join(origin.rsplit("/", 1)[-1] for origin in contract.allowed_origins)


def _embedding(contract: Contract) -> str:
    space = contract.embedder
    pinned = f", pinned to {space.revision}" if space.revision else ""
    return f"{space.model}{pinned}: {space.dimension} numbers a vector, {space.metric}"


def _promises(contract: Contract, value: Any) -> Iterator[tuple[str, str, DocumentPath]]:
    fresh, kept = contract.freshness, contract.retention_days
    age = f"{fresh.field} at most {days_words(fresh.max_age_days)} ago" if fresh else "nothing is promised"
    yield "freshness", age, _promise(value, "freshness")
    yield "retention", days_words(kept) if kept is not None else "nothing is promised", _promise(value, "retention")
    yield "schedule", contract.schedule or "on demand", _promise(value, "frequency")


def _guards(contract: Contract) -> str:
    spec = contract.guards
    share = f"more than {spec.max_removed_share:.0%} of the known documents"
    return f"a run that would lose {share} stops; a version holds at least {spec.min_documents}"


def _handling(contract: Contract, value: Any) -> Iterator[tuple[str, str, DocumentPath]]:
    kinds = ", ".join(contract.repair.kinds).replace("_", " ") or "nothing"
    yield "repair", f"always mended: {kinds}", _property(value, "ragRepair")
    kind = contract.quality.document_type or "told from each document"
    weights = f"; weights {said(dict(contract.quality.weights))}" if contract.quality.weights else ""
    yield "quality", f"profile: {kind}{weights}", _property(value, "ragQuality")
    persons = contract.triage.persons
    agree = "one person decides" if persons == 1 else f"{persons} persons must agree"
    yield "triage", f"{agree} about a held document", _property(value, "ragTriage")
    authors = f"; known authors: {', '.join(contract.trust.authors)}" if contract.trust.authors else ""
    yield "trust", f"tier {contract.trust.tier}{authors}", _property(value, "ragTrust")
    alike = f"near duplicates share at least {contract.families.similarity:g} of their word groups (estimated Jaccard)"
    yield "families", alike, _property(value, "ragFamilies")
    yield "answers", _answers(contract), _property(value, "ragAnswers")
    if contract.gates.contamination or contract.gates.golden:
        yield "gates", _gates(contract), _property(value, "ragGates")
    for part, words, name in lifecycle_words(contract):
        yield part, words, _property(value, name)
    yield "origin", _asked(contract), _property(value, "ragOrigin")
    if contract.golden:
        yield "golden questions", f"{len(contract.golden)} verified questions", ()
    if contract.evaluation != EvaluationSpec():
        yield "evaluation", evaluation_in_words(contract.evaluation), _property(value, "ragEvaluation")


def _answers(contract: Contract) -> str:
    spec = contract.answers
    kept = "text and question are kept" if spec.text == "keep" else "only digests are kept, no text and no question"
    term = "without end" if spec.retention_days is None else f"for {days_words(spec.retention_days)}"
    return f"of answers served from the index {kept}, {term}"


def _gates(contract: Contract) -> str:
    contamination, golden = contract.gates.contamination, contract.gates.golden
    return ". ".join(
        (
            *((_contamination(contamination),) if contamination else ()),
            *((golden_gate_in_words(golden, contract.evaluation.k),) if golden else ()),
        )
    )


def _contamination(gate: ContaminationGate) -> str:
    said_of = {
        "AI text is at most {:.1%} of the hits": gate.max_exposure,
        "at most {:g} times its share of the chunks (by the lower bound of the interval)": gate.max_amplification,
        "at most {:.1%} more than in the version that serves": gate.max_exposure_rise,
        "at most {:.1%} of the questions find nothing but AI text": gate.max_all_ai_share,
    }
    limits = "; ".join(words.format(limit) for words, limit in said_of.items() if limit is not None)
    return (
        f"a version is not released unless, over verified and logged questions and their first {gate.k} hits: {limits}"
    )


def _asked(contract: Contract) -> str:
    detectors, model = contract.origin.detectors, contract.origin.model
    more = f"beside the usual evidence, asks {', '.join(detectors)}" if detectors else "no detector beside the usual"
    statistics = f"statistical model {model} (raises the priority of review, decides nothing)" if model else ""
    return f"{more}; {statistics or 'no statistical model'}"


def _team(contract: Contract) -> str:
    members = ", ".join(f"{item.username} ({item.role})" if item.role else item.username for item in contract.team)
    return f"{contract.owner_team}: {members}" if members else contract.owner_team


def _column(value: Any, name: str, *, thing: str = "document") -> DocumentPath:
    for number, item in enumerate(value["schema"]):
        for place, column in enumerate(item.get("properties") or () if item.get("name") == thing else ()):
            if column.get("name") == name:
                return ("schema", number, "properties", place)
    return ()
