"""What every form of a report shares: order, words for figures, and text that is safe to show.

Works on the report as it is kept (`ingestion.reports`), also one that an older build wrote without
profiles. Knows no output format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.cli.render import plain
from contracts.drift.distance import PSI_CHANGE, PSI_SHIFT, paired_bins
from contracts.drift.profile import COLUMNS, KINDS, Profile, from_json
from corpus.types import IPTC

Json = Mapping[str, Any]

VERDICTS = ("block", "fail", "warn", "pass")
"""Worst first."""

SEVERITIES = ("error", "warning", "info")

FAILED = ("block", "fail")

LISTED = 200
"""Failing documents that a page or a summary names; the JSON form names all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One pair of bars: the share of documents in a bin, now and in the baseline (None without one)."""

    label: str
    now: float
    before: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """How one column is distributed, to be drawn.

    Attributes:
        column: The column.
        bins: Its bins, in order; those that no document is in are left out.
        words: How far it is from the baseline, in words; empty without one.
        level: `stable`, `shift` or `change`, by the convention for PSI; empty where it is not judged.
    """

    column: str
    bins: tuple[Bin, ...]
    words: str = ""
    level: str = ""


def safe(value: Any) -> str:
    """Returns a value as text of one or more lines without characters that drive a terminal or break XML.

    Terms of IPTC's vocabulary are shown by their last part, as everywhere else on the command line.
    """
    return short(plain(value, lines=True))


def short(words: str) -> str:
    """Returns words with the terms of IPTC's vocabulary by their last part."""
    return words.replace(IPTC, "")


def ordered(rules: list[Json]) -> list[Json]:
    """Returns rules worst first: by verdict, then by severity, else as the contract has them."""
    return sorted(rules, key=lambda rule: (_rank(VERDICTS, rule["verdict"]), _rank(SEVERITIES, rule["severity"])))


def _rank(order: tuple[str, ...], word: str) -> int:
    return order.index(word) if word in order else len(order)


def counted(rules: list[Json]) -> dict[str, int]:
    """Returns the number of rules by verdict, worst first."""
    return {verdict: sum(rule["verdict"] == verdict for rule in rules) for verdict in VERDICTS}


def state_of(rule: Json) -> str:
    """Returns a rule's verdict, or `not judged` where there was too little to judge it on."""
    return str(rule["verdict"]) if rule.get("judged", True) else "not judged"


def what_of(rule: Json) -> str:
    """Returns what a rule is and what it looks at."""
    subject = rule["field"] or ("each document" if rule["scope"] == "row" else "the run")
    return f"{rule['rule']} on {subject}"


def plots(report: Json) -> tuple[Plot, ...]:
    """Returns one plot per profiled column with more than one bin, in the order of the columns."""
    if not report.get("profile"):
        return ()
    profile = from_json(report["profile"])
    baseline = from_json(report["baseline"]["profile"]) if report.get("baseline") else None
    said = {item["column"]: item for item in report.get("drift", ())}
    drawn = (_plot(column, profile, baseline, said.get(column)) for column in COLUMNS if KINDS[column] != "fields")
    return tuple(plot for plot in drawn if plot is not None and len(plot.bins) > 1)


def _plot(column: str, profile: Profile, baseline: Profile | None, said: Json | None) -> Plot | None:
    if column not in profile.columns or (baseline is not None and column not in baseline.columns):
        return None
    current = profile.columns[column]
    past = baseline.columns[column] if baseline else current
    now, before, labels = paired_bins(current, past)
    total, whole = max(sum(now), 1), max(sum(before), 1)
    bins = tuple(
        Bin(label=label, now=count / total, before=other / whole if baseline else None)
        for label, count, other in zip(labels, now, before, strict=True)
        if count or other
    )
    return Plot(column=column, bins=bins, words=said["words"] if said else "", level=_level(said))


def _level(said: Json | None) -> str:
    if said is None or said["value"] is None:
        return ""
    value, chance = float(said["value"]), float(said["chance"] or 0.0)
    if value < PSI_SHIFT or value <= chance:
        return "stable"
    return "shift" if value < PSI_CHANGE else "change"
