"""The rules of engine `stemma`: one pure function each, in one literal table.

Validation (which rules exist, which options they take), evaluation and the documentation read the
same table. A function gets the rule's spec and one row of documents.parquet (or the facts of a run)
and returns what was found when that is not what was promised, else None.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from contracts.drift.rule import STATISTICS, drift
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Scope
from contracts.rules.evidence import (
    conflict,
    generation_depth,
    hidden_text,
    instruction_text,
    near_duplicate,
    paraphrase,
    poisoning,
)
from contracts.text.thresholds import holds
from contracts.text.timing import days_words
from corpus.types import Basis, OriginKind

RowRule = Callable[[CheckSpec, Mapping[str, Any], datetime], str | None]
Expiry = Callable[[CheckSpec, Mapping[str, Any]], datetime | None]
BatchRule = Callable[[CheckSpec, BatchFacts], str | None]
Use = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of ours.

    Attributes:
        explains: What it asks, in one line, for people.
        scope: Whether one document is enough to judge it.
        threshold: Whether it compares a number.
        range: Least and greatest value of that number.
        arguments: Option to the kind of its value: `texts`, `days`, `fields`, `techniques`, or the valid words.
        required: Options that must be given.
        columns: Columns that it reads; the first is the one it speaks of.
        relations: Whether it rests on how a document relates to the rest of the corpus.
        row: How a document is judged.
        expires: When a document that keeps the rule today no longer will, though nothing in it changes.
        batch: How a run is judged.
    """

    explains: str
    scope: Scope
    threshold: Use = "none"
    range: tuple[float, float | None] = (0.0, 1.0)
    arguments: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    relations: bool = False
    row: RowRule | None = None
    expires: Expiry | None = None
    batch: BatchRule | None = None


def quality_score(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The composite quality score of the text keeps to the threshold."""
    return _compared(spec, row.get("quality_score"), "no score")


def language(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The detected language is one of the allowed ones."""
    return _allowed(spec, row.get("language"), "no language")


def sensitivity(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The sensitivity label is one of the allowed ones."""
    return _allowed(spec, row.get("sensitivity_label"), "no sensitivity label")


def freshness(spec: CheckSpec, row: Mapping[str, Any], now: datetime) -> str | None:
    """The content last changed no longer ago than `maxAge`, or than the freshness of the SLA."""
    changed = row.get("updated_at")
    if changed is None:
        return "no time of last change"
    return _too_old(_moment(changed), float(spec.arguments["maxAge"]), now)


def freshness_ends(spec: CheckSpec, row: Mapping[str, Any]) -> datetime | None:
    """Returns when the content will have become too old."""
    changed = row.get("updated_at")
    return None if changed is None else _later(_moment(changed), float(spec.arguments["maxAge"]))


def validation_ends(spec: CheckSpec, row: Mapping[str, Any]) -> datetime | None:
    """Returns when the human validation will have become too old."""
    limit, validated = spec.arguments.get("maxAge"), row.get("last_validated_date")
    if limit is None or not validated:
        return None
    try:
        return _later(_day(str(validated)), float(limit))
    except ValueError:
        return None


def governance_fields(spec: CheckSpec, row: Mapping[str, Any], now: datetime) -> str | None:
    """The governance fields are known, and a human's validation is not older than the contract allows."""
    missing = [name for name in spec.arguments["fields"] if not str(row.get(name) or "").strip()]
    if missing:
        return f"no {', no '.join(missing)}"
    validated = row.get("last_validated_date")
    if not validated:
        return None
    try:
        day = _day(str(validated))
    except ValueError:
        return f"last_validated_date {str(validated)[:40]!r}, which is not a date"
    limit = spec.arguments.get("maxAge")
    found = None if limit is None else _too_old(day, float(limit), now)
    return f"last validated {found}" if found else None


def self_ingestion(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The share of the text that answers of this RAG system make up together keeps to the threshold.

    Only matches decide; a suspicion (an answer whose context is not known) is for a person.
    """
    share, answer = _matched_answer(row.get("findings") or "[]")
    if spec.threshold is None or holds(spec.threshold, share):
        return None
    return f"{share:.2f}" + (f", of answer {answer}" if answer else "")


def ai_generated_share(spec: CheckSpec, facts: BatchFacts) -> str | None:
    """The share of the corpus that is known to be AI generated keeps to the threshold.

    Known means declared or matched; the number is a lower bound and no estimate.
    """
    share, words = ai_share(spec, facts)
    return None if spec.threshold is None or holds(spec.threshold, share) else words


def ai_share(spec: CheckSpec, facts: BatchFacts) -> tuple[float, str]:
    """Returns the share of AI generated documents or chunks in [0, 1], and the same in words."""
    counts, unit = facts.origins, "documents"
    if spec.arguments.get("measure") == "share_of_accepted_chunks":
        unit = "chunks" if facts.chunk_origins is not None else "documents (chunks are not cut yet)"
        counts = facts.chunk_origins if facts.chunk_origins is not None else facts.origins
    total = sum(counts.values())
    share = counts.get(OriginKind.AI_GENERATED, 0) / total if total else 0.0
    return share, f"{share:.3f} of {total} {unit}"


def volume(spec: CheckSpec, facts: BatchFacts) -> str | None:
    """The number of documents, or its ratio to the last accepted run, keeps to the threshold."""
    number, words = float(facts.documents), f"{facts.documents} documents"
    if spec.arguments.get("measure") == "ratio_to_previous":
        if not facts.previous_documents:
            return None
        number = facts.documents / facts.previous_documents
        words = f"{number:.2f} ({facts.documents} documents, {facts.previous_documents} before)"
    return None if spec.threshold is None or holds(spec.threshold, number) else words


def _compared(spec: CheckSpec, number: Any, absent: str) -> str | None:
    if number is None:
        return absent
    return None if spec.threshold is None or holds(spec.threshold, float(number)) else f"{float(number):g}"


def _allowed(spec: CheckSpec, value: Any, absent: str) -> str | None:
    if not value:
        return absent
    return None if value in spec.arguments["allowed"] else repr(str(value)[:80])


def _too_old(moment: datetime, limit_days: float, now: datetime) -> str | None:
    age = (now - moment).total_seconds() / 86_400
    return f"{days_words(round(age, 1))} ago" if age > limit_days else None


def _later(moment: datetime, days: float) -> datetime | None:
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return None


def _day(value: str) -> datetime:
    return datetime.combine(date.fromisoformat(value[:10]), datetime.min.time(), UTC)


def _moment(value: Any) -> datetime:
    moment: datetime = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _matched_answer(findings: str) -> tuple[float, str]:
    """Returns the share of the text that served answers make up, and the answer with the best evidence."""
    best = (0.0, "")
    for finding in json.loads(findings):
        if not str(finding.get("code", "")).startswith("answer.") or finding.get("basis") != Basis.MATCHED:
            continue
        detail = finding.get("detail") or {}
        # A match that does not say how much of the text it covers is taken for all of it.
        share = float(detail.get("answers_share", 1.0))
        if share > best[0]:
            best = (share, str(detail.get("answer_id", "")))
    return best


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "quality_score": Rule(
            explains="The quality score of the text keeps to the threshold.",
            scope="row",
            threshold="required",
            columns=("quality_score",),
            row=quality_score,
        ),
        "freshness": Rule(
            explains="The document changed no longer ago than maxAge, or than the freshness of slaProperties.",
            scope="row",
            arguments=MappingProxyType({"maxAge": "days"}),
            columns=("updated_at",),
            row=freshness,
            expires=freshness_ends,
        ),
        "language": Rule(
            explains="The detected language is one of the allowed ISO 639-1 codes.",
            scope="row",
            arguments=MappingProxyType({"allowed": "texts"}),
            required=("allowed",),
            columns=("language",),
            row=language,
        ),
        "governance_fields": Rule(
            explains="The governance fields are known, and the human validation is not too old.",
            scope="row",
            arguments=MappingProxyType({"fields": "fields", "maxAge": "days"}),
            columns=("", "owner", "source_system", "last_validated_date", "sensitivity_label", "version"),
            row=governance_fields,
            expires=validation_ends,
        ),
        "sensitivity": Rule(
            explains="The sensitivity label is one of the allowed ones.",
            scope="row",
            arguments=MappingProxyType({"allowed": "texts"}),
            required=("allowed",),
            columns=("sensitivity_label",),
            row=sensitivity,
        ),
        "self_ingestion": Rule(
            explains="The share of the text that answers of this RAG system make up together keeps to the threshold.",
            scope="row",
            threshold="required",
            arguments=MappingProxyType({"answerLog": ("default",)}),
            columns=("", "findings"),
            row=self_ingestion,
        ),
        "paraphrase": Rule(
            explains="The share of the text that says in other words what an answer said stays within the threshold.",
            scope="row",
            threshold="optional",
            columns=("findings",),
            row=paraphrase,
        ),
        "hidden_text": Rule(
            explains="No text is hidden from people who look at the document.",
            scope="row",
            arguments=MappingProxyType({"techniques": "techniques"}),
            columns=("findings",),
            row=hidden_text,
        ),
        "instruction_text": Rule(
            explains="No text gives orders to a language model.",
            scope="row",
            arguments=MappingProxyType({"where": ("anywhere", "hidden", "visible")}),
            columns=("findings",),
            row=instruction_text,
        ),
        "near_duplicate": Rule(
            explains="The similarity to another document that is kept stays within the threshold.",
            scope="row",
            threshold="required",
            columns=("findings",),
            relations=True,
            row=near_duplicate,
        ),
        "conflict": Rule(
            explains="No sibling of the same family says something else.",
            scope="row",
            columns=("findings",),
            relations=True,
            row=conflict,
        ),
        "poisoning": Rule(
            explains="The number of different signs of poisoning stays within the threshold.",
            scope="row",
            threshold="required",
            range=(0.0, None),
            columns=("findings",),
            relations=True,
            row=poisoning,
        ),
        "drift": Rule(
            explains="A column is distributed as it was in the last accepted run.",
            scope="batch",
            threshold="required",
            range=(0.0, None),
            arguments=MappingProxyType({"column": "text", "statistic": STATISTICS}),
            required=("column",),
            batch=drift,
        ),
        "generation_depth": Rule(
            explains="The number of AI generations behind the text, or behind a passage of it, keeps to the threshold.",
            scope="row",
            threshold="required",
            range=(0.0, None),
            columns=("generation_depth", "origin_basis", "findings"),
            row=generation_depth,
        ),
        "ai_generated_share": Rule(
            explains="The share of documents or chunks known to be AI generated keeps to the threshold.",
            scope="batch",
            threshold="required",
            arguments=MappingProxyType({"measure": ("share_of_documents", "share_of_accepted_chunks")}),
            columns=("digital_source_type",),
            batch=ai_generated_share,
        ),
        "volume": Rule(
            explains="The number of documents, or its ratio to the last accepted run, keeps to the threshold.",
            scope="batch",
            threshold="required",
            range=(0.0, None),
            arguments=MappingProxyType({"measure": ("documents", "ratio_to_previous")}),
            batch=volume,
        ),
    }
)
"""Every rule that this build runs, by name."""

RULE_ALIASES: Mapping[str, str] = MappingProxyType({"max_age": "freshness", "row_count": "volume"})

THRESHOLD_KEYS: Mapping[str, str] = MappingProxyType(
    {"self_ingestion": "containment", "paraphrase": "share", "near_duplicate": "similarity", "poisoning": "signals"}
)
"""Rules whose threshold goes by a name of its own, beside `threshold`."""
