"""Gates on how far a candidate is from what is asked and from what serves: neighbours, quality, age, amount. Pure.

Each judges figures and does not know how they were measured. What could not be measured passes, and the result
says so. A person who insists, with a reason, gets past these, never past what makes a version consistent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from index.gates import limited
from index.manifest import GateResult

_INSIST = "`stemma index release NAME --force --reason '...'` releases it as it is."
_NAMED = 5
# The noise of a mean must not decide: what is exactly at the limit passes.
_NOISE = 1e-9

# Top-10 of two versions in one space, and top-5 across a change of the model (design of this system, 2026).
_SAME_BAND = (0.85, 0.95)
_MODEL_BAND = (0.60, 0.80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many of a chunk's nearest neighbours stayed.

    Attributes:
        share: Mean share over the sample, in [0, 1]; None where it could not be measured.
        sample: Chunks looked at.
        k: Neighbours of each.
        same_space: Whether both versions were embedded by one model.
        why_not: Why nothing was measured, in words; empty where it was.
    """

    share: float | None
    sample: int
    k: int
    same_space: bool
    why_not: str = ""


def overlap(found: Overlap, *, minimum: float, forced: bool = False) -> GateResult:
    """What is near to a chunk is mostly what was near to it in the version that serves.

    Args:
        found: What was measured.
        minimum: Smallest mean share, in [0, 1].
        forced: Whether a person insisted, with a reason.
    """
    expected = f">= {minimum:.1%} of the nearest {found.k} neighbours kept"
    if found.share is None:
        return _passed("overlap", expected, f"not measured: {found.why_not}")
    low, high = _SAME_BAND if found.same_space else _MODEL_BAND
    where = "in one vector space" if found.same_space else "after a change of the model"
    actual = f"{found.share:.1%} over {found.sample} chunks ({low:.0%} to {high:.0%} is common {where})"
    failure = (
        "Searches would find other passages than today. Ask it with `stemma index candidate query NAME ID '...'`, see "
        f"what moved with `stemma index candidate diff NAME ID`, or lower the limit in ragGates. {_INSIST}"
    )
    kept = found.share >= minimum - _NOISE
    return limited("overlap", expected, kept=kept, forced=forced, actual=actual, failure=failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMix:
    """The quality scores of a version.

    Attributes:
        of: `documents` or `chunks`.
        number: How many there are.
        scored: How many have a score.
        below: How many have none, or one below the limit.
        mean: Mean of the scores; None without any.
        lowest: The documents with the lowest scores, or none, by id.
    """

    of: str
    number: int
    scored: int
    below: int
    mean: float | None
    lowest: Mapping[str, float | None]


def quality(
    found: QualityMix,
    before: QualityMix | None,
    *,
    minimum: float | None,
    max_share_below: float,
    max_drop: float | None,
    forced: bool = False,
) -> GateResult:
    """Few texts are of low quality, and the mean did not fall.

    Args:
        found: The candidate.
        before: The version that serves; None where there is none, or it cannot be read.
        minimum: A score below this counts as low; None for no limit on low ones.
        max_share_below: Largest share of low and unscored ones.
        max_drop: How much the mean may fall; None for no limit.
        forced: Whether a person insisted, with a reason.
    """
    expected, actual, kept = [], [], True
    if minimum is not None:
        share = found.below / found.number if found.number else 0.0
        unscored = found.number - found.scored
        expected.append(f"at most {max_share_below:.1%} of the {found.of} below {minimum:g}")
        actual.append(
            f"{share:.1%} of {found.number} {found.of} below it" + (f", {unscored} unscored" if unscored else "")
        )
        kept = share <= max_share_below + _NOISE
    if max_drop is not None:
        expected.append(f"a mean that falls by at most {max_drop:g}")
        fallen = before.mean - found.mean if before and before.mean is not None and found.mean is not None else None
        actual.append(_fallen(found.mean, fallen))
        kept = kept and (fallen is None or fallen <= max_drop + _NOISE)
    failure = (
        f"The lowest: {_lowest(found.lowest)}. See why with `stemma quality explain NAME DOCUMENT`, mend or reject "
        f"them, or change the limit in ragGates. {_INSIST}"
    )
    return limited("quality", "; ".join(expected), kept=kept, forced=forced, actual="; ".join(actual), failure=failure)


def _lowest(scores: Mapping[str, float | None]) -> str:
    ordered = sorted(scores.items(), key=lambda item: (-1.0 if item[1] is None else item[1], item[0]))
    said = (f"{name} ({'no score' if score is None else f'{score:.2f}'})" for name, score in ordered[:_NAMED])
    return "; ".join(said) or "none"


def _fallen(mean: float | None, fallen: float | None) -> str:
    here = "none" if mean is None else f"{mean:.3f}"
    if fallen is None:
        return f"mean {here}, with none to compare"
    return f"mean {here}, {abs(fallen):.3f} {'lower' if fallen > 0 else 'higher'} than that which serves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """When the documents of a version were last validated.

    Attributes:
        documents: How many there are.
        older: How many were validated too long ago.
        undated: How many say no date.
        oldest: Some of the old and undated ones, by id, with their date.
    """

    documents: int
    older: int
    undated: int
    oldest: Mapping[str, str]


def freshness(found: Ages, *, max_age_days: int, max_share_older: float, forced: bool = False) -> GateResult:
    """Few documents were validated too long ago, or at no known date.

    Args:
        found: The candidate.
        max_age_days: What too long is.
        max_share_older: Largest share of them.
        forced: Whether a person insisted, with a reason.
    """
    share = (found.older + found.undated) / found.documents if found.documents else 0.0
    named = "; ".join(f"{name} ({date or 'no date'})" for name, date in sorted(found.oldest.items())[:_NAMED])
    actual = f"{share:.1%} of {found.documents} documents: {found.older} older, {found.undated} without a date"
    failure = (
        f"Among them: {named}. Have their owners validate them again, remove them, or change the limit in ragGates. "
        f"{_INSIST}"
    )
    return limited(
        "freshness",
        f"at most {max_share_older:.1%} of the documents validated more than {max_age_days} days ago or at no date",
        kept=share <= max_share_older + _NOISE,
        forced=forced,
        actual=actual,
        failure=failure,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many documents a candidate adds, drops and rewrites.

    Attributes:
        before: Documents of the version that serves; None where there is none, or it cannot be read.
        added: Documents that it does not hold.
        removed: Documents that only it holds.
        changed: Documents in both whose text is another.
    """

    before: int | None
    added: int
    removed: int
    changed: int


def change(found: Amount, limits: Mapping[str, float | None], *, forced: bool = False) -> GateResult:
    """One release changes no more of what is served than the contract allows.

    Args:
        found: What the candidate changes.
        limits: `added`, `removed`, `changed` to the largest share of the documents that are served; None for no limit.
        forced: Whether a person insisted, with a reason.
    """
    asked = {name: limit for name, limit in limits.items() if limit is not None}
    expected = ", ".join(f"{name} <= {limit:.1%}" for name, limit in asked.items())
    if not found.before:
        return _passed("change", expected, "not measured: no version with documents serves")
    shares = {name: getattr(found, name) / found.before for name in asked}
    actual = ", ".join(
        f"{getattr(found, name)} {name} ({share:.1%} of {found.before})" for name, share in shares.items()
    )
    failure = (
        "Look at what moved with `stemma index candidate diff NAME ID`, release it in smaller steps, or change the "
        f"limit in ragGates. {_INSIST}"
    )
    kept = all(share <= asked[name] + _NOISE for name, share in shares.items())
    return limited("change", expected, kept=kept, forced=forced, actual=actual, failure=failure)


def superseded(
    broken: Mapping[str, str], released: Collection[str], *, warns: bool, forced: bool = False
) -> GateResult:
    """No document is served beside the one that takes its place.

    Args:
        broken: Document of the candidate to that by which it is superseded, which is in the candidate too.
        released: Those of them that a person let in.
        warns: Whether the contract only reports.
        forced: Whether a person insisted, with a reason.
    """
    others = sorted(broken.keys() - set(released))
    actual = "; ".join(_superseded(broken, others, sorted(set(broken) & set(released)))) or "0 superseded documents"
    failure = (
        "Run `stemma ingest NAME` so that they are compared again, or `stemma quarantine reject NAME DOCUMENT --reason "
        f"'...'`. {_INSIST}"
    )
    return limited(
        "superseded",
        "0 superseded documents",
        kept=not others,
        forced=forced,
        warns=warns,
        actual=actual,
        failure=failure,
    )


def _superseded(broken: Mapping[str, str], others: list[str], released: list[str]) -> Iterator[str]:
    for names, note in ((others, ""), (released, ", let in by a person")):
        if names:
            named = "; ".join(f"{name} (by {broken[name]})" for name in names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield f"{len(names)} superseded documents{note}: {named}{more}"


def _passed(name: str, expected: str, actual: str) -> GateResult:
    return GateResult(name=name, passed=True, expected=expected, actual=actual, message=f"{actual}.")
