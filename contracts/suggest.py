"""A contract proposed from what was observed in a sample: commented YAML, each figure with what it rests on.

Nothing is made up: what nobody said (that a person validated the documents, who answers for them) stays empty and
marked TODO, and validation names it. Reading documents is not done here.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.build import EMBEDDER_ALIASES, EMBEDDERS
from contracts.model import GOVERNANCE_FIELDS
from corpus.errors import ContractError
from corpus.types import OriginKind

# Ages that people promise, in days: a month to ten years.
_AGES = (30, 90, 180, 365, 730, 1095, 1825, 3650, 7300, 36_500)
_MOST_LANGUAGES = 8
_SLACK = 0.1  # room below what was seen, since a sample does not hold the worst page (our choice)
_HIGHEST_SCORE = 0.5  # what `contract new` asks: a folder of good pages must not shut ordinary ones out
_UNDATED_AGE = 365  # where most dates are those of files, which copying renews
_LABELS = {"digitalCreation": "Human written", "trainedAlgorithmicMedia": "AI generated"}
_LABELS |= {"compositeWithTrainedAlgorithmicMedia": "AI assisted", "unknown": "Not known"}
_NAMESPACE = uuid.UUID("6f1d6c1e-3b0b-5c0e-9d53-7a3f4b1e2c90")  # as in `contracts.scaffold`: one name, one id
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen in a folder of documents.

    Attributes:
        name: Name of the contract and of its index.
        root: Folder, as the contract shall write it.
        include: Globs of the formats that could be read.
        exclude: Glob to why no contract could let the document in.
        beside: Path to why it could not be read, of documents that no proposed glob takes in.
        listed: Documents in the folder.
        examined: Documents that were looked at and have text.
        languages: Language to number of documents.
        lengths: Characters of each text.
        scores: Quality score of each text.
        ages: Days since each document changed; empty where nothing says when.
        dated: Documents that say themselves when they changed.
        said: Governance field to how many documents (or their sidecars) say it.
        values: Governance field to the value that documents say most often.
        origins: IPTC digital source type to number of documents.
        hidden: Documents with text that people do not see.
        orders: Documents with text that gives orders to a model.
    """

    name: str
    root: str
    include: tuple[str, ...]
    exclude: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    listed: int
    examined: int
    languages: Mapping[str, int]
    lengths: Sequence[int]
    scores: Sequence[float]
    ages: Sequence[float]
    dated: int = 0
    said: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, int] = field(default_factory=dict)
    hidden: int = 0
    orders: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A proposed contract.

    Attributes:
        text: Its YAML.
        todo: What only a person can say: `team`, or a governance field.
    """

    text: str
    todo: tuple[str, ...]


def suggested_contract(
    seen: Observed, *, owner: str = "", defaults: Mapping[str, str] | None = None, model: str = "all-MiniLM-L6-v2"
) -> Suggestion:
    """Proposes a contract under which what was seen would enter.

    Args:
        seen: What was observed.
        owner: Team that answers for the documents; empty takes the owner that documents name most often.
        defaults: Governance fields for documents that do not say them themselves.
        model: Embedding model.

    Raises:
        ContractError: The model's dimension is not known.
    """
    team = owner or seen.values.get("owner", "")
    given = _defaults(seen, team, dict(defaults or {}))
    todo = tuple(name for name, value in given.items() if not value)
    lines = [
        *_head(seen, team),
        *_source(seen),
        *_document(seen),
        *_chunk(model),
        *_promises(seen),
        *_properties(seen, given),
    ]
    return Suggestion(text="\n".join(lines) + "\n", todo=(*(() if team else ("team",)), *todo))


def quantile(values: Sequence[float], share: float) -> float:
    """Returns the least value that at least `share` of the values do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _head(seen: Observed, team: str) -> Iterator[str]:
    what = f"{seen.examined} of {seen.listed} documents" if seen.examined < seen.listed else f"{seen.listed} documents"
    yield f"# Proposed from {what}: every figure is what was observed there, not what should be."
    yield "# Read it, change it, then try it: `stemma contract test` on the same documents."
    yield "apiVersion: v3.2.0"
    yield "kind: DataContract"
    yield f"id: {uuid.uuid5(_NAMESPACE, seen.name)}"
    yield f"name: {quoted(seen.name)} # also the name of the index"
    yield "version: 1.0.0"
    yield "status: draft"
    yield "description:"
    yield f"  purpose: {quoted(f'Documents of {seen.name}, for retrieval.')}"
    yield ""
    yield "team:"
    yield f"  name: {quoted(team)}" + ("" if team else " # TODO: who answers for these documents? (--owner)")
    yield ""


def _source(seen: Observed) -> Iterator[str]:
    globs = seen.include[0] if len(seen.include) == 1 else "{" + ",".join(seen.include) + "}"
    yield "servers:"
    yield "  - server: documents"
    yield "    type: local"
    yield f"    path: {quoted(f'{seen.root}/{globs}')}"
    yield "    format: mixed"
    if seen.exclude:
        yield "    customProperties:"
        yield "      - property: exclude"
        yield "        value:"
        for glob, why in seen.exclude.items():
            yield f"          - {quoted(glob)} # {_comment(why)}"
    yield ""


def _document(seen: Observed) -> Iterator[str]:
    low, high = (min(seen.lengths, default=1), max(seen.lengths, default=1))
    yield "schema:"
    yield "  - name: document"
    yield "    logicalType: object"
    yield "    properties:"
    yield "      - name: doc_id"
    yield "        logicalType: string"
    yield "        primaryKey: true"
    yield "        required: true"
    yield "        unique: true"
    yield "      - name: text"
    yield "        logicalType: string"
    yield "        required: true"
    yield f"        # Observed: {low:,} to {high:,} characters, half of them up to {quantile(seen.lengths, 0.5):,}."
    yield "        logicalTypeOptions:"
    yield f"          minLength: {max(1, low // 2)}"
    yield f"          maxLength: {_round_up(high * 2)}"
    yield "        quality:"
    worst, middle = quantile(seen.scores, 0.05), quantile(seen.scores, 0.5)
    least = min(seen.scores, default=0.0)
    score = max(0.0, math.floor(min(least, worst - _SLACK, _HIGHEST_SCORE) * 20) / 20)
    yield f"          # Observed: least {least:.2f}, 5 % up to {worst:.2f}, half up to {middle:.2f}."
    yield from _check(
        "readable", "quality_score", f"threshold: {{mustBeGreaterOrEqualTo: {score:g}}}", "quarantine", 10
    )
    yield from _found("hidden-text", "hidden_text", seen.hidden, "have text that people do not see", "quarantine")
    yield from _found("orders-to-a-model", "instruction_text", seen.orders, "give orders to a model", "warn")
    yield from _languages(seen)
    yield from _origins(seen)
    yield from _changed(seen)
    yield from _whole(seen)


def _found(name: str, rule: str, number: int, what: str, wanted: str) -> Iterator[str]:
    on_fail = "warn" if number else wanted
    advice = f"; look at them, then write {wanted}" if number and wanted != "warn" else ""
    yield f"          # Observed: {number} documents {what}{advice}."
    yield from _check(name, rule, "", on_fail, 10)


def _languages(seen: Observed) -> Iterator[str]:
    counts = sorted(seen.languages.items(), key=lambda item: (-item[1], item[0]))
    yield "      - name: language"
    yield "        logicalType: string"
    yield f"        # Observed: {', '.join(f'{name} {number}' for name, number in counts[:20])}."
    if not 0 < len(counts) <= _MOST_LANGUAGES:
        return
    valid = ", ".join(quoted(name) for name, _ in counts)
    yield "        quality:"
    yield "          - name: languages"
    yield "            metric: invalidValues"
    yield f"            arguments: {{validValues: [{valid}]}}"
    yield "            mustBe: 0"


def _origins(seen: Observed) -> Iterator[str]:
    counts = ", ".join(f"{name.rsplit('/', 1)[-1]} {number}" for name, number in sorted(seen.origins.items()))
    yield "      - name: digital_source_type"
    yield "        logicalType: string"
    yield f"        # Observed: {counts or 'nothing'}. Leave one out to keep such documents out."
    yield "        enum:"
    for kind in OriginKind:
        yield f"          - {{value: {quoted(kind.value)}, label: {_LABELS[kind.value.rsplit('/', 1)[-1]]}}}"


def _changed(seen: Observed) -> Iterator[str]:
    yield "      - name: updated_at"
    yield "        logicalType: timestamp"
    if seen.ages:
        yield "        quality:"
        yield from _check("not-stale", "freshness", "", "warn", 10)


def _whole(seen: Observed) -> Iterator[str]:
    yield "    quality:"
    yield f"      # Observed: {seen.listed} documents; half of them gone would be a fault of the source."
    yield "      - name: enough-documents"
    yield "        metric: rowCount"
    yield f"        mustBeGreaterOrEqualTo: {max(1, seen.listed // 2)}"
    yield "      # Answers of the RAG system that this index serves must not come back as documents."
    yield from _check("own-answers", "self_ingestion", "containment: {mustBeLessThan: 0.5}", "quarantine", 6)
    yield from _check("near-duplicate", "near_duplicate", "similarity: {mustBeLessThan: 0.9}", "warn", 6)
    drift = "column: language, statistic: psi, threshold: {mustBeLessThan: 0.25}"
    yield from _check("language-drift", "drift", drift, "warn", 6)
    yield ""


def _check(name: str, rule: str, option: str, on_fail: str, indent: int) -> Iterator[str]:
    pad = " " * indent
    yield f"{pad}- name: {name}"
    yield f"{pad}  type: custom"
    yield f"{pad}  engine: stemma"
    if on_fail == "warn":
        yield f"{pad}  severity: warning"
    middle = f"{option}, " if option else ""
    yield f"{pad}  implementation: {{rule: {rule}, {middle}onFail: {on_fail}}}"


def _chunk(model: str) -> Iterator[str]:
    known = EMBEDDERS.get(EMBEDDER_ALIASES.get(model, model))
    if known is None:
        valid = ", ".join((*EMBEDDERS, *EMBEDDER_ALIASES))
        raise ContractError(f"the dimension of the model {model!r} is not known. Valid names: {valid}.")
    yield "  - name: chunk"
    yield "    logicalType: object"
    yield "    properties:"
    yield "      - name: chunk_id"
    yield "        logicalType: string"
    yield "        primaryKey: true"
    yield "        required: true"
    yield "      - name: doc_id"
    yield "        logicalType: string"
    yield "        required: true"
    yield "      - name: embedding"
    yield "        logicalType: vector"
    yield "        logicalTypeOptions:"
    yield f"          dimensions: {known.dimension}"
    yield "          elementType: float32"
    yield "          distanceMetric: cosine"
    yield f"          embeddingModel: {quoted(model)}"
    yield "          normalized: true"
    yield ""


def _promises(seen: Observed) -> Iterator[str]:
    if not seen.ages:
        return
    oldest, middle = max(seen.ages), quantile(seen.ages, 0.5)
    trusted = oldest if seen.dated * 2 >= seen.examined else max(oldest, _UNDATED_AGE - 1)
    limit = next((age for age in _AGES if age > trusted), _AGES[-1])
    basis = f"{seen.dated} documents say so themselves, for the others the file's date counts"
    yield "slaProperties:"
    yield f"  # Observed: the oldest changed {int(oldest)} days ago, half of them within {math.ceil(middle)} days;"
    yield f"  # {basis}."
    yield f"  - {{property: freshness, value: {limit}, unit: d, element: document.updated_at}}"
    yield ""


def _properties(seen: Observed, given: Mapping[str, str]) -> Iterator[str]:
    yield "customProperties:"
    yield "  # What every document says of itself, in front matter, meta tags or a sidecar, or is said for it here."
    for name in GOVERNANCE_FIELDS:
        value = f", mostly {_comment(seen.values[name])}" if seen.values.get(name) else ""
        yield f"  # Observed: {name} is said by {seen.said.get(name, 0)} of {seen.examined}{value}."
    yield "  - property: ragGovernance"
    yield "    vendor: stemma"
    yield "    value:"
    yield f"      required: [{', '.join(GOVERNANCE_FIELDS)}]"
    if given:
        yield "      defaults:"
    for name, value in given.items():
        todo = "" if value else f" # TODO: {_ASKS[name]} (--default {name}=...)"
        yield f"        {name}: {quoted(value)}{todo}"
    yield "  - property: ragChunker"
    yield "    vendor: stemma"
    yield "    value: {strategy: structural, maxTokens: 254, overlap: 0}"
    yield "  - property: ragEnforcement"
    yield "    vendor: stemma"
    yield "    value: block"


_ASKS = {
    "owner": "who answers for documents that name nobody?",
    "source_system": "which system do they come from?",
    "last_validated_date": "when did a person last validate those that do not say it? As 2026-01-31",
    "sensitivity_label": "how sensitive are those that do not say it?",
    "version": "which version are those that do not say it?",
}


def _defaults(seen: Observed, team: str, given: dict[str, str]) -> dict[str, str]:
    """Returns the defaults that are needed: given ones, safe guesses, and empty ones for a person to fill."""
    guesses = {"owner": team, "source_system": seen.name, "sensitivity_label": "internal"}
    needed = [name for name in GOVERNANCE_FIELDS if name in given or seen.said.get(name, 0) < seen.examined]
    return {name: given.get(name) or guesses.get(name, "") for name in needed} | {
        name: value for name, value in given.items() if name not in needed
    }


def quoted(value: str) -> str:
    """Returns a text as a double-quoted YAML scalar; what YAML does not print is escaped."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _comment(text: str) -> str:
    """Returns text that may stand in a comment: one line, only what YAML prints, not long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= 90 else f"{line[:87]}..."


def _round_up(number: int) -> int:
    """Returns the next number with two leading digits: a limit that reads as one."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step


def globs_of(suffixes: Iterable[str]) -> tuple[str, ...]:
    """Returns the globs of files with these suffixes; of all files where one has none."""
    found = sorted(set(suffixes))
    return ("**/*",) if "" in found or not found else tuple(f"**/*{suffix}" for suffix in found)
