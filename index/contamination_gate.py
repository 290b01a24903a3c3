"""The gate `contamination`: what searches would find in a candidate keeps to the contract's limits. Pure.

It judges figures and does not know how they were measured. A limit that is None is not asked; a figure that
is None could not be measured, which passes and is said in the result, so that the manifest shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from index.manifest import GateResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the contract allows, over the first k hits of all questions; None for no limit.

    Attributes:
        exposure: Largest share of hits that may be AI text, in [0, 1].
        amplification: Largest ratio of that share to the pool's.
        exposure_rise: How much the share may rise over that of the version that serves, in [0, 1].
        all_ai_share: Largest share of questions whose hits are all AI text, in [0, 1].
    """

    exposure: float | None = None
    amplification: float | None = None
    exposure_rise: float | None = None
    all_ai_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured; None for what could not be.

    Attributes:
        questions: Questions that found something.
        k: Hits of each that were looked at.
        exposure: Share of hits that are AI text, declared or matched.
        amplification_low: Lower bound of the interval of its ratio to the pool's.
        exposure_rise: The share minus that of the version that serves, over the same questions.
        all_ai_share: Share of questions whose hits are all AI text.
    """

    questions: int
    k: int
    exposure: float | None
    amplification_low: float | None
    exposure_rise: float | None
    all_ai_share: float | None


@dataclass(frozen=True, slots=True)
class _Line:
    """One limit with its figure; `form` writes either."""

    name: str
    limit: float
    found: float | None
    form: str

    @property
    def broken(self) -> bool:
        # The noise of a mean must not decide: what is exactly at the limit passes.
        return self.found is not None and self.found > self.limit + 1e-9

    def expected(self) -> str:
        return f"{self.name} <= {self.form.format(self.limit)}"

    def actual(self) -> str:
        return f"{self.name} {'not measured' if self.found is None else self.form.format(self.found)}"


def contamination(limits: Limits, found: Figures) -> GateResult:
    """What searches would find keeps to the contract's limits.

    Args:
        limits: What is allowed.
        found: What was measured.
    """
    lines = tuple(_lines(limits, found))
    broken = [line for line in lines if line.broken]
    over = f"over {found.questions} questions and their first {found.k} hits"
    expected = ", ".join(line.expected() for line in lines)
    actual = f"{', '.join(line.actual() for line in lines)}, {over}"
    if not found.questions:
        actual = "not measured: there is no verified question and no logged one that finds anything"
    failure = (
        f"expected {expected}, found {actual}. Too much of what is found would be AI text: see where it came from with "
        "`stemma index contamination`, reject those documents or hold them back by a rule, or raise the limit in "
        "ragGates."
    )
    return GateResult(
        name="contamination",
        passed=not broken,
        expected=expected,
        actual=actual,
        message=failure if broken else f"{actual}, as expected." if found.questions else f"{actual}.",
    )


def _lines(limits: Limits, found: Figures) -> Iterator[_Line]:
    share = "{:.1%}"
    if limits.exposure is not None:
        yield _Line("share of AI text", limits.exposure, found.exposure, share)
    if limits.amplification is not None:
        yield _Line("amplification (lower bound)", limits.amplification, found.amplification_low, "{:.2f}")
    if limits.exposure_rise is not None:
        yield _Line("rise of that share", limits.exposure_rise, found.exposure_rise, share)
    if limits.all_ai_share is not None:
        yield _Line("questions with nothing but AI text", limits.all_ai_share, found.all_ai_share, share)
