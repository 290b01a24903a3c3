"""Freshness, metadata and authority: told beside the text's score, counted where a contract wants it."""

from datetime import UTC, datetime, timedelta

import pytest
from scorers.texts import PROSE, document

from corpus.types import Score
from ingestion.scorers.context import ScoreContext, freshness, with_context
from ingestion.scorers.heuristic import HeuristicScorer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCORE = HeuristicScorer().score(document(PROSE))


def test_freshness_halves_with_each_half_life_and_the_future_is_fresh() -> None:
    assert freshness(NOW - timedelta(days=100), NOW, 100) == pytest.approx(0.5)
    assert freshness(NOW - timedelta(days=300), NOW, 100) == pytest.approx(0.125)
    assert freshness(NOW + timedelta(days=5), NOW, 100) == 1.0


def test_nothing_known_changes_nothing() -> None:
    assert with_context(SCORE, ScoreContext(), {}) == SCORE


def test_it_is_told_and_counts_only_with_a_weight() -> None:
    context = ScoreContext(
        fields={"owner": "mara", "version": ""},
        tier="open",
        updated_at=NOW - timedelta(days=2_000),
        as_of=NOW,
    )
    told = with_context(SCORE, context, {})
    assert told.value == SCORE.value
    assert told.parts.keys() - SCORE.parts.keys() == {"freshness", "metadata", "authority"}
    assert set(told.reasons) >= {"old", "undeclared", "little_authority"}
    assert with_context(SCORE, context, {"metadata": 1.0}).value < SCORE.value


def test_a_known_author_makes_up_for_an_open_source() -> None:
    context = ScoreContext(tier="open", author="mara", authors=("mara",))
    assert with_context(SCORE, context, {}).parts["authority"] == 1.0


def test_another_scorers_score_is_left_alone() -> None:
    other = Score(scorer="house/1", value=0.4, parts={"sentences": 0.4})
    assert with_context(other, ScoreContext(tier="open"), {"authority": 1.0}) is other
