"""The gates on how far a candidate moved, as pure functions of figures, and the overlap of two indexes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from index import drift_gates, search
from index.drift_gates import Ages, Amount, Overlap, QualityMix
from index.overlap import Side, neighbour_overlap

Cloud = tuple[np.ndarray, list[str], list[str]]
"""Vectors, and the id and text digest of each."""


def overlap_of(share: float | None, *, same: bool = True) -> Overlap:
    why_not = "" if share is not None else "no version serves"
    return Overlap(share=share, sample=50, k=10, same_space=same, why_not=why_not)


@pytest.mark.parametrize(
    ("share", "minimum", "passed"), [(0.7, 0.7, True), (0.69, 0.7, False), (1.0, 1.0, True), (None, 1.0, True)]
)
def test_overlap_is_held_against_its_limit(share: float | None, minimum: float, passed: bool) -> None:
    result = drift_gates.overlap(overlap_of(share), minimum=minimum)
    assert result.passed is passed
    if share is None:
        assert result.actual == "not measured: no version serves"
    elif not passed:
        for words in (">= 70.0% of the nearest 10", "found 69.0% over 50 chunks", "85% to 95% is common", "--force"):
            assert words in result.message
        assert drift_gates.overlap(overlap_of(share), minimum=minimum, forced=True).passed


def test_the_band_of_a_model_change_is_another() -> None:
    assert "60% to 80% is common after a change" in drift_gates.overlap(overlap_of(0.5, same=False), minimum=0.3).actual


def mix(below: int = 0, mean: float | None = 0.8, number: int = 10, scored: int = 10) -> QualityMix:
    lowest = {"a.md": 0.1, "b.md": None}
    return QualityMix(of="chunks", number=number, scored=scored, below=below, mean=mean, lowest=lowest)


@pytest.mark.parametrize(
    ("found", "before", "passed", "words"),
    [
        (mix(below=1), None, True, "10.0% of 10 chunks below it"),
        (mix(below=2), None, False, "20.0% of 10 chunks below it"),
        (mix(below=2, scored=9), None, False, "1 unscored"),
        (mix(mean=0.8), mix(mean=0.84), True, "0.040 lower"),
        (mix(mean=0.8), mix(mean=0.86), False, "0.060 lower"),
        (mix(mean=0.9), mix(mean=0.8), True, "0.100 higher"),
        (mix(mean=None, number=0, scored=0), mix(), True, "with none to compare"),
    ],
)
def test_quality_counts_low_and_unscored_texts_and_a_falling_mean(
    found: QualityMix, before: QualityMix | None, passed: bool, words: str
) -> None:
    result = drift_gates.quality(found, before, minimum=0.5, max_share_below=0.1, max_drop=0.05)
    assert (result.passed, words in result.actual) == (passed, True), result.message
    if not passed:
        assert "The lowest: b.md (no score); a.md (0.10)" in result.message
        assert "quality explain" in result.message


def test_freshness_counts_old_and_undated_documents() -> None:
    ages = Ages(documents=10, older=1, undated=1, oldest={"old.md": "2020-01-01", "never.md": ""})
    limits = {"max_age_days": 365, "max_share_older": 0.2}
    assert drift_gates.freshness(ages, **limits).passed
    result = drift_gates.freshness(ages, max_age_days=365, max_share_older=0.1)
    assert not result.passed
    assert "20.0% of 10 documents: 1 older, 1 without a date" in result.message
    assert "never.md (no date); old.md (2020-01-01)" in result.message
    assert drift_gates.freshness(Ages(documents=0, older=0, undated=0, oldest={}), **limits).passed


def test_the_amount_of_change_is_held_against_what_serves() -> None:
    found = Amount(before=100, added=30, removed=5, changed=10)
    limits = {"added": 0.3, "removed": 0.05, "changed": None}
    result = drift_gates.change(found, limits)
    assert result.passed
    assert result.actual == "30 added (30.0% of 100), 5 removed (5.0% of 100)"
    tight = drift_gates.change(found, {**limits, "removed": 0.04})
    assert not tight.passed
    assert "removed <= 4.0%" in tight.message
    assert drift_gates.change(found, {**limits, "removed": 0.04}, forced=True).actual.endswith("(forced)")
    first = Amount(before=None, added=9, removed=0, changed=0)
    assert drift_gates.change(first, limits).actual.startswith("not measured")


def test_nothing_superseded_is_served_unless_a_person_let_it_in() -> None:
    broken = {"old.md": "new.md"}
    refused = drift_gates.superseded(broken, (), warns=False)
    assert (refused.passed, "old.md (by new.md)" in refused.message) == (False, True)
    assert drift_gates.superseded(broken, (), warns=True).actual.endswith("(only a warning)")
    assert "let in by a person" in drift_gates.superseded(broken, {"old.md"}, warns=False).actual
    assert drift_gates.superseded({}, {"old.md"}, warns=False).actual == "0 superseded documents"


def side(vectors: np.ndarray, ids: list[str], digests: list[str] | None = None, factory: str = "Flat") -> Side:
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    table = pa.table({"chunk_id": ids, "text_sha256": digests or [f"{hash(name) % 7}{name}" for name in ids]})
    return Side.of(search.make_index(factory, unit), table)


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    vectors = np.random.default_rng(5).normal(size=(3000, 24))
    ids = [f"c{number:04d}" for number in range(len(vectors))]
    return vectors, ids, [f"d{number * 7919 % 3000:04d}" for number in range(len(vectors))]


@pytest.mark.parametrize("factory", ["Flat", "SQ8", "HNSW32", "IVF16,Flat", "IVF16,SQ8"])
def test_equal_versions_overlap_wholly_whatever_the_order_of_their_rows(cloud: Cloud, factory: str) -> None:
    vectors, ids, digests = cloud
    order = np.random.default_rng(6).permutation(len(ids))
    other = side(vectors[order], [ids[row] for row in order], [digests[row] for row in order], factory)
    found = neighbour_overlap(side(vectors, ids, digests), other, k=10, sample=100, same_space=True)
    assert found.sample == 100
    assert found.share is not None
    assert found.share > (0.999 if factory == "Flat" else 0.9)


def test_the_overlap_is_what_counting_by_hand_gives(cloud: Cloud) -> None:
    vectors, ids, digests = cloud
    after_vectors = vectors + np.random.default_rng(7).normal(size=vectors.shape) * 0.3
    before = side(vectors[:400], ids[:400], digests[:400])
    after = side(after_vectors[100:500], ids[100:500], digests[100:500])
    found = neighbour_overlap(before, after, k=5, sample=1000, same_space=False)

    def nearest(every: np.ndarray, names: list[str], name: str) -> set[str]:
        unit = every / np.linalg.norm(every, axis=1, keepdims=True)
        row = names.index(name)
        order = np.argsort(-(unit @ unit[row]), kind="stable")
        return {names[item] for item in order if item != row} & {names[item] for item in order[:6]}

    counted = [
        len(nearest(vectors[:400], ids[:400], name) & nearest(after_vectors[100:500], ids[100:500], name))
        for name in ids[100:400]
    ]
    assert found.sample == 300
    assert found.share == pytest.approx(sum(counted) / (5 * 300))
    assert 0.05 < found.share < 0.95


def test_changed_texts_are_not_compared_and_tiny_versions_not_measured(cloud: Cloud) -> None:
    vectors, ids, digests = cloud
    one, other = side(vectors, ids, digests), side(vectors, ids, [f"x{name}" for name in digests])
    assert neighbour_overlap(one, other, k=5, sample=9, same_space=True).why_not == "no chunk is in both versions"
    few = side(vectors[:5], ids[:5], digests[:5])
    found = neighbour_overlap(few, few, k=5, sample=9, same_space=True)
    assert (found.share, found.why_not) == (None, "one of the versions has 5 chunks or fewer")
