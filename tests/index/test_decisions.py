"""The pure parts: plan, what changed, gates, retention, cost."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import GateFailed
from corpus.receipts import Counts
from index import gates
from index.canaries import CanaryResult
from index.manifest import FINGERPRINT_ROLES, FingerprintRef
from index.plan import plan_version, what_changed
from index.reembed import estimate, tokens_per_second
from index.retention import plan_retention
from index.summary import distribution

keys = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.sampled_from("xy"), st.sampled_from("12")))


@given(keys, keys)
def test_a_plan_accounts_for_every_chunk(previous, desired):
    plan = plan_version(previous, desired)
    assert set(plan.add) | set(plan.keep) == set(desired)
    assert set(plan.drop) | set(plan.keep) == set(previous)
    assert not set(plan.add) & set(plan.keep)
    assert not set(plan.drop) & set(plan.keep)
    assert all(previous[chunk][0] == desired[chunk][0] for chunk in plan.keep)
    assert set(plan.moved) == {chunk for chunk in plan.keep if previous[chunk] != desired[chunk]}
    assert all(list(part) == sorted(set(part)) for part in (plan.add, plan.keep, plan.drop, plan.moved))


@given(keys, keys)
def test_applying_a_plan_gives_what_is_desired(previous, desired):
    plan = plan_version(previous, desired)
    vectors = {chunk: previous[chunk][0] for chunk in previous if chunk not in plan.drop}
    vectors |= {chunk: desired[chunk][0] for chunk in plan.add}
    assert vectors == {chunk: text for chunk, (text, _) in desired.items()}


@given(keys)
def test_nothing_changed_is_nothing_to_do(chunks):
    plan = plan_version(chunks, chunks)
    assert (plan.add, plan.drop, plan.moved) == ((), (), ())


@pytest.fixture
def manifest(world):
    return world.publish(1)


def test_what_changed_names_each_cause_alone(manifest):
    assert what_changed(None, manifest) == what_changed(manifest, manifest) == ()
    changes = {
        "corpus": {"contents": replace(manifest.contents, corpus_sha256="0" * 64)},
        "contract": {"contract": replace(manifest.contract, digest="0" * 64)},
        "index": {"index": replace(manifest.index, factory="SQ8")},
        **{
            role: {"fingerprints": {**manifest.fingerprints, role: FingerprintRef(digest="0" * 64, parts={})}}
            for role in FINGERPRINT_ROLES
        },
    }
    for cause, change in changes.items():
        assert what_changed(manifest, replace(manifest, **change)) == (cause,)
    everything = {
        key: value
        for cause, change in changes.items()
        if cause not in FINGERPRINT_ROLES
        for key, value in change.items()
    }
    assert what_changed(manifest, replace(manifest, **everything)) == ("contract", "corpus", "index")


def test_conservation_gate():
    assert gates.conservation(Counts(received=3, indexed=1, unchanged=1, rejected=1)).passed
    lost = gates.conservation(Counts(received=3, indexed=2))
    assert (lost.passed, lost.actual) == (False, "2 documents settled")


@pytest.mark.parametrize(
    ("figures", "passed"), [((7, 7, 7), True), ((7, 6, 7), False), ((7, 7, 6), False), ((0, 0, 0), True)]
)
def test_parity_gate(figures, passed):
    chunks, vectors, document_chunks = figures
    assert gates.parity(chunks=chunks, vectors=vectors, document_chunks=document_chunks).passed is passed


@pytest.mark.parametrize(("cosine", "passed"), [(1.0, True), (0.999, True), (0.9989, False), (-1.0, False)])
def test_canary_gate(cosine, passed):
    result = CanaryResult(min_cosine=cosine, mean_cosine=cosine, worst=3, texts=1, cosines=(cosine,), asked=(3,))
    assert gates.canary(result).passed is passed


@pytest.mark.parametrize(("measured", "passed"), [(None, True), (1.0, True), (0.95, True), (0.949, False)])
def test_recall_gate(measured, passed):
    assert gates.recall(measured, 100).passed is passed


@pytest.mark.parametrize(
    ("previous", "documents", "passed"),
    [(None, 1, True), (None, 0, False), (100, 50, True), (100, 49, False), (100, 1000, True), (1, 0, False)],
)
def test_size_gate(previous, documents, passed):
    result = gates.size(previous=previous, documents=documents, max_removed_share=0.5, min_documents=1)
    assert result.passed is passed


def test_one_space_gate():
    assert gates.one_space("a" * 64, []).passed
    assert gates.one_space("a" * 64, ["a" * 64]).passed
    mixed = gates.one_space("a" * 64, ["a" * 64, "b" * 64], "chunker")
    assert (mixed.passed, mixed.name, "bbbb" in mixed.actual) == (False, "one-chunker", True)


def test_owned_gate():
    assert gates.owned(0).passed
    assert not gates.owned(1).passed


@pytest.mark.parametrize(
    ("changed", "forced", "passed"),
    [
        ((), False, True),
        (("corpus",), False, True),
        (("embedder", "contract"), False, True),
        (("corpus", "embedder"), False, False),
        (("corpus", "embedder"), True, True),
    ],
)
def test_one_change_gate(changed, forced, passed):
    assert gates.one_change(changed, forced=forced).passed is passed


def test_every_failed_gate_is_named():
    results = (gates.owned(2), gates.recall(0.1, 100), gates.owned(0))
    with pytest.raises(GateFailed, match=r"2 gates failed[\s\S]*owned:[\s\S]*recall:"):
        gates.require(results)
    gates.require([gates.owned(0)])


@pytest.mark.parametrize(
    ("numbers", "pointed", "keep", "removed"),
    [
        ([1, 2, 3, 4], {4}, 2, (1,)),
        ([1, 2, 3, 4], {1, 4}, 0, (2, 3)),
        ([1, 2, 3, 4], {2}, 0, (1,)),
        ([1, 2, 3], set(), 0, ()),
        ([], {1}, 0, ()),
        ([1, 2, 3], {3}, -1, (1, 2)),
    ],
)
def test_retention(numbers, pointed, keep, removed):
    assert plan_retention(numbers, pointed, keep) == removed


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.integers(0, 5))
def test_retention_never_removes_what_is_served_or_newer(numbers, pointed, keep):
    removed = set(plan_retention(numbers, pointed, keep))
    assert removed <= numbers - pointed
    assert all(number < max(pointed) for number in removed)
    kept = {number for number in numbers - pointed - removed if number < max(pointed, default=0)}
    assert len(kept) == min(keep, len(kept) + len(removed))
    assert not removed or not kept or max(removed) < min(kept)


def test_cost():
    cost = estimate(segments=2, chunks=10, tokens=1800, tokens_per_second=tokens_per_second(10.0))
    assert (cost.seconds, cost.price) == (1.0, 0.0)
    priced = estimate(segments=1, chunks=1, tokens=2_000_000, tokens_per_second=1e6, price_per_million_tokens=0.02)
    assert priced.price == 0.04
    with pytest.raises(ValueError, match="positive"):
        estimate(segments=1, chunks=1, tokens=1, tokens_per_second=0)


@given(st.lists(st.none() | st.floats(0, 1)))
def test_a_distribution_only_says_values_that_occur(values):
    found = distribution(values)
    known = [value for value in values if value is not None]
    assert (found.count, found.missing) == (len(known), len(values) - len(known))
    assert set(found.quantiles.values()) <= set(known)
    ordered = list(found.quantiles.values())
    assert ordered == sorted(ordered)
    assert not known or (found.quantiles["min"], found.quantiles["max"]) == (min(known), max(known))
