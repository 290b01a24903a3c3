"""The pure parts of the pages of versions: drawings, states of versions, what a gate that was waived says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.web.drawings import curves
from console.web.views.versions import GATES, gates_of, is_waived
from corpus.catalog.aliasmoves import AliasMove
from index.manifest import GateResult
from ingestion.history.states import MEANS, has_served, stage_of

VALUES = st.lists(
    st.one_of(
        st.just((None, None, None)),
        st.floats(0, 5).map(lambda value: (value, value * 0.9, value * 1.1)),
        st.floats(0, 5).map(lambda value: (value, None, None)),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.one_of(st.none(), st.floats(0, 3)))
def test_a_curve_stays_inside_and_shows_every_value_once(values: list[tuple[float | None, ...]], limit: float) -> None:
    drawn = curves.curve(values, 300, 84, limit=limit)  # type: ignore[arg-type]
    assert [dot.place for dot in drawn.dots] == [place for place, (value, *_) in enumerate(values) if value is not None]
    points = [point for line in (*drawn.lines, *drawn.bands) for point in line.split()]
    for point in (*points, *(f"{dot.x},{dot.y}" for dot in drawn.dots)):
        x, y = (float(part) for part in point.split(","))
        assert 0 <= x <= 300
        assert 0 <= y <= 84
    higher = sorted(drawn.dots, key=lambda dot: values[dot.place][0] or 0.0)
    assert [dot.y for dot in higher] == sorted((dot.y for dot in higher), reverse=True)
    assert drawn.limit is None or 0 <= drawn.limit <= 84


def test_a_gap_parts_a_line_and_a_share_has_a_top() -> None:
    drawn = curves.curve(
        [(0.5, None, None), (0.6, 0.5, 0.7), (None, None, None), (0.9, 0.8, 1.0), (1, 0.9, 1)], 100, 50
    )
    assert len(drawn.lines) == 2
    assert len(drawn.bands) == 1, "one bound alone is no area"
    assert curves.curve([(0.99, 0.9, 1.0)], 100, 50, most_top=1).top == 1
    assert curves.curve([], 100, 50).dots == ()


def test_a_check_stands_higher_the_further_its_worst_text_moved() -> None:
    heights = [curves.moved(cosine, 96) for cosine in (1.0, 0.9999999, 0.99999, 0.9, 0.0, -1.0)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == heights[1] == 90
    assert heights[-1] == heights[-2] == 6
    assert curves.places(3, 100) == (44, 68, 92)
    assert len(curves.places(60, 420)) == 60


def test_the_way_of_an_alias_goes_down_where_somebody_went_back() -> None:
    steps = curves.journey([1, 2, 3, 2], 100, 40)
    assert [step.back for step in steps] == [False, False, False, True]
    assert steps[3].y == steps[1].y > steps[2].y
    assert curves.journey([7], 100, 40)[0].y == 20
    assert curves.journey([], 100, 40) == ()


def _move(before: int | None, number: int, alias: str = "live") -> AliasMove:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return AliasMove(
        alias=alias, before=before, number=number, generation=1, at=at, actor="ada", reason="", entry=number
    )


@pytest.mark.parametrize(
    ("number", "row_state", "expected"),
    [
        (1, "retired", "removed"),
        (2, "released", "superseded"),
        (3, "released", "live"),
        (4, "released", "rolled back"),
        (5, "released", "pointed"),
        (6, "candidate", "candidate"),
    ],
)
def test_the_state_of_a_version_is_told_from_where_aliases_went(number: int, row_state: str, expected: str) -> None:
    moves = [_move(None, 2), _move(2, 3), _move(3, 4), _move(4, 3), _move(None, 5, "shadow")]
    stage = stage_of(number, row_state, {"live": 3, "shadow": 5}, moves, {})
    assert stage == expected
    assert stage in MEANS
    assert has_served(number, moves, {}) == (number in (2, 3, 4))


def test_a_version_that_was_built_again_keeps_what_was_said_of_its_number() -> None:
    moves = [_move(None, 1), _move(1, 2)]
    assert stage_of(3, "released", {"live": 4}, moves, {1: 3, 2: 4}) == "superseded"
    assert stage_of(2, "candidate", {"live": 3}, [], {}) == "passed over"
    assert has_served(3, moves, {1: 3})


def test_gates_that_failed_come_first_and_waived_ones_are_told() -> None:
    results = [
        GateResult(name="size", passed=True, expected="", actual="1 document", message=""),
        GateResult(name="change", passed=True, expected="", actual="1 added (forced)", message=""),
        GateResult(name="recall", passed=False, expected="", actual=".5", message=""),
        GateResult(name="of-the-future", passed=True, expected="", actual="", message=""),
    ]
    told = gates_of({"gates": [{name: getattr(item, name) for name in item.__slots__} for item in results]})
    assert [gate.name for gate in told] == ["recall", "change", "size", "of-the-future"]
    assert [is_waived(gate) for gate in told] == [False, True, False, False]
    assert told[-1].about == ""


def test_every_gate_of_the_docs_has_words() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "concepts.md").read_text("utf-8").partition("## Gates")[2]
    rows = [line.split("|")[1] for line in page.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == set(GATES)
