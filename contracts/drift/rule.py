"""Drift: whether a column is still distributed as it was in the last accepted run.

The rule `drift` names a column and a statistic; its threshold is held against the figure. Where a
figure cannot be judged - no baseline yet, too few documents, no more than chance gives - the rule is
kept, and its words say why. Knows profiles only; who holds documents back is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from contracts.drift import distance
from contracts.drift.profile import COLUMNS, KINDS, Baseline, Profile, name_of, type_of
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Verdict
from contracts.report import ColumnDrift, ContractReport, RuleResult
from contracts.text.thresholds import holds, words
from corpus.errors import ContractError

MINIMUM = 20
"""Fewest documents, in the run and in its baseline, that shares and distributions are judged on: of fewer,
one document alone is more than 5 %. Counts and the shape of metadata are judged on any number."""

DEFAULT_STATISTIC = "psi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How far a column is from its baseline by one statistic.

    Attributes:
        value: The figure; None where it cannot be had.
        words: The figure in words, or why there is none.
        chance: What chance alone may give; None where the figure is counted and not estimated.
    """

    value: float | None
    words: str
    chance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How a drift rule came out, in words whatever it was; not `told` where there was too little to judge."""

    kept: bool
    words: str
    told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One way to compare a column with its baseline.

    Attributes:
        explains: What the number is, for people; stands before the threshold.
        kinds: Kinds of columns that have it.
        measure: Gets column, profile and baseline.
        any_number: Whether it is judged on fewer than `MINIMUM` documents too.
        blames: Whether a document can be told to cause it, by its value and the baseline.
    """

    explains: str
    kinds: tuple[str, ...]
    measure: Callable[[str, Profile, Profile], Measure]
    any_number: bool = False
    blames: Callable[[Any, str, Profile], bool] | None = None


def drift(spec: CheckSpec, facts: BatchFacts) -> str | None:
    """A column is distributed as in the last accepted run; returns what is different, else None."""
    judged = judge(spec, facts)
    return None if judged.kept else judged.words


def judge(spec: CheckSpec, facts: BatchFacts) -> Judged:
    """Returns how a drift rule came out.

    Raises:
        ContractError: The statistic is not one of the column's, or nobody measured the run.
    """
    column, name = str(spec.arguments["column"]), statistic_of(spec)
    wrong = problem_of(column, name)
    if wrong:
        raise ContractError(f"rule {spec.name}: {wrong}")
    if facts.profile is None:
        raise ContractError(f"rule {spec.name} compares with the last run, and this run has no profile.")
    if facts.baseline is None:
        return Judged(kept=True, words="no run was accepted before: nothing to compare with yet", told=False)
    found = measured(column, name, facts.profile, facts.baseline.profile)
    if found.value is None:
        return Judged(kept=True, words=found.words, told=False)
    if spec.threshold is None or holds(spec.threshold, found.value):
        return Judged(kept=True, words=found.words)
    if found.chance is not None and found.value <= found.chance:
        return Judged(kept=True, words=f"{found.words}: no more than chance may give ({found.chance:.3g})")
    return Judged(kept=False, words=found.words)


def measured(column: str, statistic: str, now: Profile, before: Profile) -> Measure:
    """Returns how far a column is from its baseline by a statistic."""
    fewest = min(now.documents, before.documents)
    if not TABLE[statistic].any_number and fewest < MINIMUM:
        return Measure(value=None, words=f"too few to judge: {fewest} documents, {MINIMUM} are needed")
    if KINDS[column] != "fields" and not (column in now.columns and column in before.columns):
        return Measure(value=None, words=f"the baseline has no figures of {column} yet")
    return TABLE[statistic].measure(column, now, before)


def statistic_of(spec: CheckSpec) -> str:
    """Returns the statistic that a rule names, or the one it means."""
    return str(spec.arguments.get("statistic", DEFAULT_STATISTIC))


def problem_of(column: str, statistic: str) -> str:
    """Returns what is wrong with a column and a statistic, in words; empty where they go together."""
    if column not in KINDS:
        return f"no profile is kept of column {column!r}. Columns: {', '.join(COLUMNS)}."
    valid = [name for name, item in TABLE.items() if KINDS[column] in item.kinds]
    if statistic in valid:
        return ""
    return f"{statistic!r} is not measured of column {column!r} ({KINDS[column]}). Valid: {', '.join(valid)}."


def expected_words(arguments: Mapping[str, Any], limit: str) -> str:
    """Returns what a drift rule asks, in words that stand after "expected"."""
    name = str(arguments.get("statistic", DEFAULT_STATISTIC))
    return f"{arguments['column']}: {TABLE[name].explains} {limit}, compared with the last accepted run"


def blamed(spec: CheckSpec, rows: Iterable[Mapping[str, Any]], baseline: Profile) -> tuple[str, ...]:
    """Returns the ids of documents whose own value is what a drift rule stumbles over.

    Empty for a statistic that is about all documents together.

    Args:
        spec: The rule.
        rows: Documents of this run with `doc_id` and the rule's column.
        baseline: The profile of the last accepted run.
    """
    blames, column = TABLE[statistic_of(spec)].blames, str(spec.arguments["column"])
    if blames is None:
        return ()
    return tuple(sorted(str(row["doc_id"]) for row in rows if blames(row.get(column), column, baseline)))


def completed(report: ContractReport, facts: BatchFacts) -> ContractReport:
    """Returns a report with what the profiles say: words for drift rules that hold, figures and notices."""
    results = tuple(_said(result, facts) if result.spec.rule == "drift" else result for result in report.results)
    if facts.profile is None:
        return replace(report, results=results)
    return replace(
        report,
        results=results,
        profile=facts.profile,
        baseline=facts.baseline,
        drift=tuple(overview(facts.profile, facts.baseline)),
        notices=notices(facts.profile, facts.baseline),
    )


def overview(profile: Profile, baseline: Baseline | None) -> Iterable[ColumnDrift]:
    """Yields how far every column is from its baseline, whether a rule asks or not."""
    for column in (name for name in COLUMNS if baseline and KINDS[name] != "fields"):
        found = measured(column, "psi", profile, baseline.profile) if baseline else None
        if found is not None:
            yield ColumnDrift(column=column, statistic="psi", value=found.value, chance=found.chance, words=found.words)


def notices(profile: Profile, baseline: Baseline | None) -> tuple[str, ...]:
    """Returns what a person should know though no rule is broken: the shape of metadata changed."""
    if baseline is None:
        return ()
    new, gone, retyped = distance.shape_changes(profile, baseline.profile)
    share = f"of {profile.documents} documents"
    return (
        *(f"new metadata field {name!r} in {sum(profile.fields[name].values())} {share}" for name in new),
        *(f"metadata field {name!r} is gone" for name in gone),
        *(f"metadata field {name!r} read as {before}, now as {now}" for name, before, now in retyped),
    )


def _said(result: RuleResult, facts: BatchFacts) -> RuleResult:
    spec = result.spec
    expected = expected_words(spec.arguments, words(spec.threshold) if spec.threshold else "")
    if result.verdict is not Verdict.PASS:
        return replace(result, expected=expected)
    judged = judge(spec, facts)
    return replace(result, expected=expected, actual=judged.words, judged=judged.told)


def _psi(column: str, now: Profile, before: Profile) -> Measure:
    value, bins = distance.psi(now.columns[column], before.columns[column])
    chance = distance.chance_of_psi(bins, now.documents, before.documents)
    return Measure(value=value, chance=chance, words=f"PSI {value:.3f} over {bins} bins")


def _ks(column: str, now: Profile, before: Profile) -> Measure:
    current, past = now.columns[column].numbers, before.columns[column].numbers
    if min(current.total, past.total) < MINIMUM:
        fewest = min(current.total, past.total)
        return Measure(value=None, words=f"too few to judge: {fewest} values, {MINIMUM} are needed")
    value = distance.ks(current, past)
    return Measure(
        value=value, chance=distance.chance_of_ks(current.total, past.total), words=f"KS distance {value:.3f}"
    )


def _rate(which: str, name: str) -> Callable[[str, Profile, Profile], Measure]:
    def measure(column: str, now: Profile, before: Profile) -> Measure:
        share, past = (getattr(side.columns[column], which) / side.columns[column].rows for side in (now, before))
        return Measure(value=abs(share - past), words=f"{name} in {share:.1%} of documents, {past:.1%} before")

    return measure


def _type_mix(column: str, now: Profile, before: Profile) -> Measure:
    current, past = now.columns[column].types, before.columns[column].types
    value = distance.type_distance(current, past)
    return Measure(value=value, words=f"{value:.1%} read as another type ({_mix(current)}; {_mix(past)} before)")


def _mix(types: Mapping[str, int]) -> str:
    total = sum(types.values())
    return ", ".join(f"{count / total:.0%} {name}" for name, count in list(types.items())[:3]) or "no value"


def _length(column: str, now: Profile, before: Profile) -> Measure:
    current, past = now.columns[column].numbers, before.columns[column].numbers
    value = distance.median_change(current, past)
    medians = (side.quantile(0.5) or 0.0 for side in (current, past))
    return Measure(value=value, words="median length {:.0f} characters, {:.0f} before".format(*medians))


def _count(column: str, now: Profile, before: Profile) -> Measure:
    current, past = now.columns[column].values, before.columns[column].values
    words_ = f"{current} documents with a value, {past} before"
    return Measure(value=abs(current / past - 1) if past else float(current > 0), words=words_)


def _new_categories(column: str, now: Profile, before: Profile) -> Measure:
    known = before.columns[column]
    if known.rest:
        return Measure(
            value=None, words=f"not all of the {len(known.categories)}+ values of the baseline are known by name"
        )
    new = distance.new_categories(now.columns[column], known)
    share = (sum(new.values()) + now.columns[column].rest) / max(now.columns[column].rows, 1)
    listed = ", ".join(f"{name!r} ({count})" for name, count in list(new.items())[:3])
    return Measure(value=share, words=f"{share:.1%} of documents with a new value" + (f": {listed}" if new else ""))


def _schema(_column: str, now: Profile, before: Profile) -> Measure:
    _, gone, retyped = distance.shape_changes(now, before)
    changes = [*(f"{name!r} is gone" for name in gone), *(f"{name!r} was {a}, is {b}" for name, a, b in retyped)]
    shown = ", ".join(changes[:5])
    return Measure(
        value=float(len(changes)),
        words=f"{len(changes)} metadata field{'s' * (len(changes) != 1)} broke" + (f": {shown}" * bool(shown)),
    )


def _is_null(value: Any, _column: str, _before: Profile) -> bool:
    return value is None


def _is_empty(value: Any, _column: str, _before: Profile) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_new(value: Any, column: str, before: Profile) -> bool:
    return isinstance(value, str) and bool(value.strip()) and name_of(value) not in before.columns[column].categories


def _reads_new(value: Any, column: str, before: Profile) -> bool:
    return isinstance(value, str) and bool(value.strip()) and type_of(value) not in before.columns[column].types


_ALL = ("text", "category", "number", "time", "date")

TABLE: Mapping[str, Statistic] = MappingProxyType(
    {
        "psi": Statistic(explains="population stability index", kinds=_ALL, measure=_psi),
        "ks": Statistic(explains="KS distance", kinds=("text", "number", "time", "date"), measure=_ks),
        "null_rate": Statistic(
            explains="change of the share without a value by",
            kinds=_ALL,
            measure=_rate("nulls", "no value"),
            blames=_is_null,
        ),
        "empty_rate": Statistic(
            explains="change of the share of empty texts by",
            kinds=("text", "category", "date"),
            measure=_rate("empties", "an empty text"),
            blames=_is_empty,
        ),
        "type_mix": Statistic(
            explains="share that reads as another type",
            kinds=("category", "date"),
            measure=_type_mix,
            blames=_reads_new,
        ),
        "length": Statistic(explains="change of the median length by a share of", kinds=("text",), measure=_length),
        "count": Statistic(
            explains="change of the number of values by a share of", kinds=_ALL, measure=_count, any_number=True
        ),
        "new_categories": Statistic(
            explains="share of new values", kinds=("category",), measure=_new_categories, blames=_is_new
        ),
        "schema": Statistic(
            explains="number of fields gone or retyped:", kinds=("fields",), measure=_schema, any_number=True
        ),
    }
)
"""Every statistic by name."""

STATISTICS = tuple(TABLE)
