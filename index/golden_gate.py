"""The golden gates: a candidate answers the golden items no worse than the version that serves. Pure.

Only items count whose evidence holds in both versions: what was edited away says nothing about the search. The
differences are paired by item, and their mean gets a percentile bootstrap interval with a fixed seed, so that one
pair of evaluations has one verdict. A gate never raises: it returns what it found, which is kept in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from index.evaluation import ItemResult, means
from index.evidence import State
from index.manifest import GateResult

DRAWS = 10_000
SEED = 20_261_130
LEAST_SLICE = 20
"""Items a slice must have to be judged: below it one item more or less moves its mean by more than .05."""

_NAMED = 5
_NOISE = 1e-9  # of a mean must not decide: what is exactly at a limit passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the contract allows; None for no limit.

    Attributes:
        k: Hits of each question that count.
        recall_drop: How far mean recall may fall below that of the version that serves.
        mrr_drop: The same for the mean reciprocal rank.
        interval_drop: How far below 0 the lower end of the 95 % interval of either difference may reach.
        slice_drop: How far recall of a slice may fall.
        min_recall: Least mean recall of the candidate.
        min_mrr: Least mean reciprocal rank of the candidate.
        max_invalid: Largest share of items whose evidence may not hold in the candidate.
    """

    k: int = 10
    recall_drop: float | None = 0.01
    mrr_drop: float | None = 0.01
    interval_drop: float = 0.03
    slice_drop: float | None = 0.05
    min_recall: float | None = None
    min_mrr: float | None = None
    max_invalid: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean difference with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(differences: Sequence[float], *, draws: int = DRAWS, seed: int = SEED) -> Interval:
    """Returns the mean of paired differences with its percentile bootstrap interval (Efron, 1979).

    Args:
        differences: One a pair, one at least; their order does not matter.
        draws: How many samples are drawn.
        seed: Seed of the generator (PCG64).
    """
    values = np.sort(np.asarray(differences, dtype=np.float64))
    generator = np.random.default_rng(seed)
    drawn = np.concatenate([_means(generator, values, size) for size in _batches(draws, len(values))])
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))


def _means(generator: np.random.Generator, values: np.ndarray[tuple[int], np.dtype[np.float64]], size: int) -> object:
    return values[generator.integers(0, len(values), (size, len(values)))].mean(axis=1)


def _batches(draws: int, items: int) -> Iterator[int]:
    """Yields parts of the draws that take at most about 8 MB at a time."""
    most = max(1, 1_000_000 // items)
    for start in range(0, draws, most):
        yield min(most, draws - start)


def golden_gates(
    limits: Limits, before: Sequence[ItemResult] | None, after: Sequence[ItemResult]
) -> tuple[GateResult, ...]:
    """Judges a candidate.

    Args:
        limits: What is allowed.
        before: Results of the version that serves; None where none does.
        after: Results of the candidate.
    """
    results = []
    if limits.max_invalid is not None:
        results.append(_valid(limits.max_invalid, after))
    for measure, drop, floor in (
        ("recall", limits.recall_drop, limits.min_recall),
        ("mrr", limits.mrr_drop, limits.min_mrr),
    ):
        if drop is not None or floor is not None:
            results.append(_mean(limits, measure, before, after, drop=drop, floor=floor))
    if limits.slice_drop is not None:
        results.append(_slices(limits.slice_drop, limits.k, before, after))
    return tuple(results)


def _valid(most: float, after: Sequence[ItemResult]) -> GateResult:
    asked = [item for item in after if item.state is not State.UNBOUND]
    lost = [item for item in asked if not item.counts]
    share = len(lost) / len(asked) if asked else 1.0
    named = ", ".join(f"{item.id} ({item.state.value})" for item in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return _result(
        "golden-valid",
        passed=share <= most + _NOISE,
        expected=f"at most {most:.1%} of the golden items without valid evidence",
        actual=f"{share:.1%} of {len(asked)} items" + (f": {named}{more}" if lost else ""),
        failure="So many questions can no longer be judged. Look at them with `stemma eval run`, mend the golden set, "
        "or pin it anew with `stemma eval rebase NAME --reason '...'`.",
    )


def _mean(
    limits: Limits,
    measure: str,
    before: Sequence[ItemResult] | None,
    after: Sequence[ItemResult],
    *,
    drop: float | None,
    floor: float | None,
) -> GateResult:
    name = f"{measure}@{limits.k}"
    wants = [f"{name} >= {floor:g}"] if floor is not None else []
    if drop is not None:
        wants.append(f"{name} at most {drop:g} below the served version's, interval above {-limits.interval_drop:g}")
    expected = " and ".join(wants)
    pairs = _paired(before, after) if before is not None else []
    held = [item for item in after if item.counts] if before is None else [new for _, new in pairs]
    if not held:
        return _not_judged(f"golden-{measure}", expected, after)
    value = (means(held) or {})[measure]
    broken = [f"it is under {floor:g}"] if floor is not None and value < floor - _NOISE else []
    said = f"{value:.4f} over {len(held)} of {len(after)} items"
    if drop is not None and before is not None:
        found = paired_bootstrap([getattr(new.scores, measure) - getattr(old.scores, measure) for old, new in pairs])
        said += f", {found.mean:+.4f} (95 %: {found.low:+.4f} to {found.high:+.4f})"
        broken += _fall(found, drop, limits.interval_drop)
        said += _lost(pairs, measure)
    elif drop is not None:
        said += "; no version serves that it could be compared with"
    return _result(
        f"golden-{measure}",
        passed=not broken,
        expected=expected,
        actual=said,
        failure=f"The golden questions find less: {', and '.join(broken)}. Look at what changed for the items "
        "named, keep the version that serves, or change the limit in ragGates.golden.",
    )


def _fall(found: Interval, drop: float, interval_drop: float) -> list[str]:
    broken = []
    if found.mean < -drop - _NOISE:
        broken.append(f"the mean fell by {-found.mean:.4f}, more than {drop:g}")
    if found.low <= -interval_drop:
        what = "too few items to rule out" if found.mean >= -drop - _NOISE else "the interval does not rule out"
        broken.append(f"{what} a fall of {-found.low:.4f}")
    return broken


def _lost(pairs: Sequence[tuple[ItemResult, ItemResult]], measure: str) -> str:
    """Names the items that fell most, so that a person has something to look at."""
    falls = sorted((getattr(new.scores, measure) - getattr(old.scores, measure), new.id) for old, new in pairs)
    fallen = [name for change, name in falls if change < -_NOISE]
    if not fallen:
        return ""
    more = f" and {len(fallen) - _NAMED} more" if len(fallen) > _NAMED else ""
    return f", down in {', '.join(fallen[:_NAMED])}{more}"


def _slices(most: float, k: int, before: Sequence[ItemResult] | None, after: Sequence[ItemResult]) -> GateResult:
    pairs = _paired(before, after) if before is not None else []
    tags: dict[str, list[float]] = {}
    for old, new in pairs:
        for tag in new.tags:
            tags.setdefault(tag, []).append(new.scores.recall - old.scores.recall)
    judged = {tag: sum(values) / len(values) for tag, values in sorted(tags.items()) if len(values) >= LEAST_SLICE}
    fallen = {tag: change for tag, change in judged.items() if change < -most - _NOISE}
    said = ", ".join(f"{tag} {change:+.4f}" for tag, change in judged.items())
    small = len(tags) - len(judged)
    too_small = f"; {small} with fewer than {LEAST_SLICE} items not judged" if small else ""
    actual = f"{said or 'no slice to judge'}{too_small}"
    if before is None:
        actual = "not measured: no version serves that it could be compared with"
    return _result(
        "golden-slices",
        passed=not fallen,
        expected=f"recall@{k} of no slice more than {most:g} below the served version's",
        actual=actual,
        failure=f"These slices find less: {', '.join(fallen)}. The mean of all items hides it. Look at the items with "
        "these tags, or change maxSliceDrop in ragGates.golden.",
    )


def _paired(before: Sequence[ItemResult] | None, after: Sequence[ItemResult]) -> list[tuple[ItemResult, ItemResult]]:
    """Returns the results of items whose evidence holds in both versions, by id."""
    old = {(item.id, item.digest): item for item in before or () if item.counts}
    new = {(item.id, item.digest): item for item in after if item.counts}
    return [(old[key], new[key]) for key in sorted(old.keys() & new.keys())]


def _not_judged(name: str, expected: str, after: Sequence[ItemResult]) -> GateResult:
    """A gate that is declared and has nothing to judge by fails: passing would look like having looked."""
    return _result(
        name,
        passed=False,
        expected=expected,
        actual=f"none of {len(after)} golden items has evidence that holds",
        failure="Nothing can be judged. Mend the golden set (ragEvaluation, context.verifiedStatements) and bind it "
        "with `stemma eval bind NAME`, or take the gate out of ragGates.",
    )


def _result(name: str, *, passed: bool, expected: str, actual: str, failure: str) -> GateResult:
    message = f"{actual}, as expected." if passed else f"expected {expected}, found {actual}. {failure}"
    return GateResult(name=name, passed=passed, expected=expected, actual=actual, message=message)
