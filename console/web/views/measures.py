"""What was measured of versions over time: contamination, golden questions, canaries. Models and their making."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.page import View
from corpus.catalog.canaries import CanaryRecord
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.timeline import EvaluationFigures
from provenance.alarms import MAX_AMPLIFICATION

_NAMED = 5


class Point(View):
    """A figure of one version, with the interval of 95 % where one could be had."""

    number: int = Field(description="The version.")
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(description="Questions, answers or items behind it.")
    at: datetime = Field(description="When it was measured.")


class Series(View):
    """One measure over versions."""

    code: str
    label: str
    about: str
    share: bool = Field(description="Whether it is a share in [0, 1].")
    limit: float | None = Field(description="Above it is an alarm; null for no such limit.")
    points: list[Point] = Field(description="By version; only those that were measured.")


class AlarmTold(View):
    """A figure of contamination that is out of bounds."""

    number: int
    code: str
    message: str


class MovedText(View):
    """A canary text whose vector is not where it was."""

    canary: int
    text: str
    cosine: float


class Check(View):
    """One time that canary texts were embedded again."""

    at: datetime
    model: str
    fingerprint: str
    occasion: str = Field(description="`first`, `open`, `write` or `audit`.")
    subject: str = Field(description="What was about to be written, or the version that was audited.")
    passed: bool
    texts: int
    lowest: float = Field(description="Lowest cosine to the stored vectors.")
    threshold: float = Field(description="The least that passes.")
    moved: list[MovedText] = Field(description="Texts below the threshold, lowest first, five at the most.")
    more_moved: int


def contamination_series(records: Sequence[ContaminationRecord]) -> list[Series]:
    """Returns the measures that are kept of versions, each with its points; none where nothing was measured."""
    if not records:
        return []
    return [
        Series(
            code=code,
            label=label,
            about=about,
            share=share,
            limit=limit,
            points=[_point(record, read(record)) for record in records],
        )
        for code, label, about, share, limit, read in _MEASURES
    ]


def alarms_of(record: ContaminationRecord) -> list[AlarmTold]:
    """Returns the alarms of one measurement."""
    return [
        AlarmTold(number=record.number, code=str(item["code"]), message=str(item["message"])) for item in record.alarms
    ]


def golden_series(records: Sequence[EvaluationFigures]) -> list[Series]:
    """Returns how many golden items held, and how well they were answered, over versions."""
    if not records:
        return []
    holding = [
        Point(number=item.number, value=_share(item.holding, item.items), n=item.items, at=item.measured_at)
        for item in records
    ]
    found = [
        Series(
            code="golden-holding",
            label="Golden items that hold",
            about="Share of the bound items whose evidence is still what was pinned.",
            share=True,
            limit=None,
            points=holding,
        )
    ]
    for code, label in (("recall", "Recall"), ("ndcg", "nDCG"), ("mrr", "Reciprocal rank")):
        points = [
            Point(number=item.number, value=getattr(item, code), n=item.holding, at=item.measured_at)
            for item in records
        ]
        about = f"Mean over the items that hold, in the first {records[-1].k} hits."
        found.append(Series(code=f"golden-{code}", label=label, about=about, share=True, limit=None, points=points))
    return found


def check_of(record: CanaryRecord, sees: Callable[[str], bool]) -> Check:
    """Returns a check of canaries as pages show it; a model is shared, so an audit may be of an index of others."""
    audited = record.subject.rpartition(" ")[0] if record.occasion == "audit" else ""
    return Check(
        at=record.checked_at,
        model=record.model,
        fingerprint=record.fingerprint,
        occasion=record.occasion,
        subject="an index that you may not see" if audited and not sees(audited) else record.subject,
        passed=record.passed,
        texts=record.texts,
        lowest=record.min_cosine,
        threshold=record.threshold,
        moved=[
            MovedText(canary=int(item["canary"]), text=str(item["text"]), cosine=float(item["cosine"]))
            for item in record.moved[:_NAMED]
        ],
        more_moved=max(0, len(record.moved) - _NAMED),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _point(record: ContaminationRecord, found: Mapping[str, Any]) -> Point:
    return Point(
        number=record.number,
        value=found.get("value"),
        low=found.get("low"),
        high=found.get("high"),
        n=int(found.get("n") or 0),
        at=record.measured_at,
    )


def _top(record: ContaminationRecord) -> Mapping[str, Any]:
    """Returns the figures at the number of hits that alarms look at."""
    at: Sequence[Mapping[str, Any]] = record.report["at"]
    return next((item for item in at if item["k"] == record.k), at[-1])


def _pool(record: ContaminationRecord) -> Mapping[str, Any]:
    pool = record.report["pool"]
    return {"value": pool["ai_share"], "n": pool["chunks"]}


def _sources(record: ContaminationRecord) -> Mapping[str, Any]:
    top = _top(record)
    return {"value": top["sources"], "n": top["exposure"]["n"]}


def _suspected(record: ContaminationRecord) -> Mapping[str, Any]:
    top = _top(record)
    return {"value": top["suspected"], "n": top["exposure"]["n"]}


_Read = Callable[[ContaminationRecord], Mapping[str, Any]]
_MEASURES: tuple[tuple[str, str, str, bool, float | None, _Read], ...] = (
    (
        "exposure",
        "AI text among hits",
        "Share of the first hits that is declared or matched AI text.",
        True,
        None,
        lambda record: _top(record)["exposure"],
    ),
    ("pool", "AI text in the version", "Share of chunks that is declared or matched AI text.", True, None, _pool),
    (
        "amplification",
        "Amplification",
        "The first by the second: above 1 the search favours AI text.",
        False,
        MAX_AMPLIFICATION,
        lambda record: _top(record)["amplification"],
    ),
    (
        "all-ai",
        "Questions with nothing else",
        "Share of questions whose hits are all AI text.",
        True,
        None,
        lambda record: _top(record)["all_ai"],
    ),
    (
        "suspected",
        "Suspected among hits",
        "Told apart by traces; no part of the AI text above.",
        True,
        None,
        _suspected,
    ),
    (
        "sources",
        "Sources behind hits",
        "Effective number of documents: fewer means that hits come from the same few.",
        False,
        None,
        _sources,
    ),
    (
        "cited",
        "AI text in citations",
        "Share of what served answers cited, as far as their chunks are in the version.",
        True,
        None,
        lambda record: record.report["citation"]["cited"],
    ),
)
