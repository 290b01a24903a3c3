"""A contract in one line, its columns in words, and the course of drift over reports that were kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from contracts.drift.course import Course, courses
from contracts.drift.measure import profile_of
from contracts.drift.profile import Baseline, Profile
from contracts.drift.rule import overview
from contracts.fieldwords import fields_in_words
from contracts.gist import gist
from contracts.load import load_contract
from contracts.model import CheckSpec, Contract, Threshold
from corpus.ids import canonical_json
from corpus.types import OnFail

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def full() -> Contract:
    return load_contract(Path(__file__).with_name("full.odcs.yaml"))


def test_a_contract_in_one_line_names_what_it_asks_first(full: Contract) -> None:
    line = gist(full)
    assert line.startswith(f"{len(full.checks)} rules")
    assert line.endswith(f"{len(full.governance.required)} governance fields known.")
    assert "\n" not in line
    assert "nothing is held back" in gist(replace(full, enforcement="warn"))
    assert "nothing is held back" not in gist(replace(full, enforcement="block"))


def test_every_column_is_told_once_with_its_promises(full: Contract) -> None:
    told = fields_in_words(full)
    assert [found.name for found in told if found.object == "document"] == [field.name for field in full.fields]
    text = next(found for found in told if (found.object, found.name) == ("document", "text"))
    spec = next(field for field in full.fields if field.name == "text")
    assert ("always there" in text.promises) == spec.required
    assert (f"at least {spec.min_length} characters" in text.promises) == (spec.min_length is not None)
    assert any(found.object == "chunk" and "numbers" in " ".join(found.promises) for found in told)


def _profile(texts: list[str | None]) -> Profile:
    table = pa.table({"text": pa.array(texts, pa.string())})
    return profile_of(table.to_batches(), now=NOW)


def _report(run_id: str, now: Profile, before: Profile | None) -> dict[str, Any]:
    baseline = Baseline(profile=before, run_id="before", accepted_at=NOW) if before else None
    report = {
        "run_id": run_id,
        "judged_at": NOW.isoformat(),
        "profile": now.to_json(),
        "baseline": {"run_id": "before", "profile": before.to_json()} if before else None,
        "drift": [item.to_json() for item in overview(now, baseline)] if baseline else [],
    }
    kept: dict[str, Any] = json.loads(canonical_json(report))
    return kept


def _watching(full: Contract, statistic: str, threshold: Threshold) -> Contract:
    check = CheckSpec(
        name="watch",
        rule="drift",
        engine="stemma",
        scope="batch",
        on_fail=OnFail.BLOCK,
        threshold=threshold,
        arguments={"column": "text", "statistic": statistic},
    )
    return replace(full, checks=(check,))


def _text(found: tuple[Course, ...]) -> Course:
    return next(course for course in found if course.column == "text")


def test_a_course_has_value_baseline_limit_and_the_run_that_crossed(full: Contract) -> None:
    steady, half = _profile(["word"] * 40), _profile(["word"] * 20 + [""] * 20)
    reports = [_report("a", steady, None), _report("b", steady, steady), _report("c", half, steady), {"run_id": "d"}]
    limit = Threshold(op="mustBeLessThan", value=0.1)
    course = _text(courses(_watching(full, "empty_rate", limit), reports))
    assert (course.rule, course.on_fail, course.limit, course.unit) == ("watch", "block", "less than 0.1", "share")
    assert [point.run_id for point in course.points] == ["a", "b", "c"], "a run that changed nothing has no profile"
    assert [point.value for point in course.points] == [None, 0.0, 0.5]
    assert [(point.level, point.before) for point in course.points] == [(0.0, None), (0.0, 0.0), (0.5, 0.0)]
    assert [point.run_id for point in course.crossings] == ["c"]
    wide = _text(courses(_watching(full, "empty_rate", Threshold(op="mustBeBetween", value=(0.0, 0.5))), reports))
    assert wide.crossings == (), "both ends of a range belong to it"


def test_what_chance_may_give_crosses_nothing_and_no_rule_is_the_convention(full: Contract) -> None:
    short, long = _profile(["word"] * 40), _profile(["a much longer text " * 9] * 40)
    changed = _report("b", long, short)
    course = _text(courses(None, [changed]))
    assert (course.rule, course.statistic, course.limit, course.on_fail) == ("", "psi", "less than 0.25", "")
    assert [point.crossed for point in course.points] == [True]
    for item in changed["drift"]:
        item["chance"] = (item["value"] or 0) + 1
    assert _text(courses(None, [changed])).crossings == ()
    few = _report("c", _profile(["word"] * 3), _profile(["a much longer text"] * 3))
    [point] = _text(courses(None, [few])).points
    assert (point.value, point.crossed) == (None, False)
    assert "too few to judge" in point.words


def test_columns_that_crossed_come_before_those_that_held_still(full: Contract) -> None:
    report = _report("b", _profile(["a much longer text " * 9] * 40), _profile(["word"] * 40))
    assert next(iter(courses(None, [report]))).column == "text"
    watched = courses(_watching(full, "length", Threshold(op="mustBeLessThan", value=0.3)), [report])
    assert [course.column for course in watched].count("text") == 1
    assert watched[0].rule == "watch"
