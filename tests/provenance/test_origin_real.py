"""The statistical detector and the estimated share on real texts: what the pages claim, at a smaller size."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from provenance.statistics.features import count_words
from provenance.statistics.fit import auroc, fit, split

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = pytest.mark.slow


@cache
def _module(name: str) -> ModuleType:
    if str(BENCHMARKS) not in sys.path:
        sys.path.append(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def english(shared_data: Path) -> list[Any]:
    if not (shared_data / "l2r" / "l2r.jsonl.gz").exists():
        pytest.skip("l2r is not beside the project")
    found: list[Any] = _module("known_origin").l2r(shared_data)
    return [item for item in found if count_words(item.text) >= 80]


def test_two_domains_hold_the_same_texts_and_are_left_out(shared_data: Path, english: list[Any]) -> None:
    known = _module("known_origin")
    twins = known.twins_are_identical(shared_data)
    assert {name for name, (same, total) in twins.items() if same == total > 100} >= {"human", "GPT-4o"}
    assert not {item.domain for item in english} & set(known.TWINS)


def test_it_tells_rewrites_from_originals_in_its_domain_and_less_across(english: list[Any]) -> None:
    parts = split(english, 0)
    linear = fit(parts.train, _module("known_origin").features)
    scores: dict[bool, list[float]] = {True: [], False: []}
    for item in parts.evaluate:
        scores[item.human].append(linear.score(_module("known_origin").features(item.text)))
    inside = auroc(scores[True], scores[False])
    assert inside is not None
    assert inside > 0.94


def test_the_interval_covers_the_truth_in_mixes_of_real_texts(english: list[Any]) -> None:
    share = _module("origin_share")
    model = share.model_of(english)
    rows = share.coverage(model.judge(model.unseen), None, (50, 100), 100)
    assert {row["share"] for row in rows} == set(share.SHARES)
    assert min(row["coverage"]["share"] for row in rows) >= 0.9
    assert all(np.isfinite(row["width"]) and row["width"] < 0.5 for row in rows)
