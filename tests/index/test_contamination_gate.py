"""The gate `contamination` over figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.contamination_gate import Figures, Limits, contamination

FOUND = Figures(questions=30, k=10, exposure=0.2, amplification_low=1.1, exposure_rise=0.05, all_ai_share=0.0)
EVERY = Limits(exposure=0.2, amplification=1.1, exposure_rise=0.05, all_ai_share=0.0)


def test_what_is_exactly_at_every_limit_passes() -> None:
    result = contamination(EVERY, replace(FOUND, exposure=0.1 + 0.1, exposure_rise=0.15 - 0.1))
    assert result.passed
    assert (result.name, result.message.endswith("as expected.")) == ("contamination", True)
    assert result.expected == (
        "share of AI text <= 20.0%, amplification (lower bound) <= 1.10, rise of that share <= 5.0%, "
        "questions with nothing but AI text <= 0.0%"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exposure": 0.21}, "share of AI text 21.0%"),
        ({"amplification_low": 1.2}, "amplification (lower bound) 1.20"),
        ({"exposure_rise": 0.06}, "rise of that share 6.0%"),
        ({"all_ai_share": 0.1}, "questions with nothing but AI text 10.0%"),
    ],
)
def test_each_limit_refuses_by_itself(changes: dict[str, float], words: str) -> None:
    result = contamination(EVERY, replace(FOUND, **changes))
    assert not result.passed
    assert words in result.actual
    assert "over 30 questions and their first 10 hits" in result.message
    assert "stemma index contamination" in result.message


def test_a_limit_that_is_not_set_is_not_asked() -> None:
    result = contamination(Limits(exposure=1.0), replace(FOUND, amplification_low=9.0, all_ai_share=1.0))
    assert result.passed
    assert "amplification" not in result.expected


def test_what_could_not_be_measured_passes_and_is_said() -> None:
    result = contamination(EVERY, replace(FOUND, amplification_low=None, exposure_rise=None))
    assert result.passed
    assert "amplification (lower bound) not measured" in result.actual
    nothing = Figures(questions=0, k=10, exposure=None, amplification_low=None, exposure_rise=None, all_ai_share=None)
    result = contamination(EVERY, nothing)
    assert result.passed
    assert result.message.startswith("not measured: there is no verified question")
