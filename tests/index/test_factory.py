"""Which FAISS index a version gets, what it finds under filters, and how a corpus grows from one into another."""

from dataclasses import replace

import numpy as np
import pytest

from corpus.errors import ConfigurationError
from index import factory as factory_module
from index import gates, search
from index.factory import FAMILIES, FLAT_UP_TO, choose
from index.fitting import build_index
from index.plan import what_changed
from index.reader import open_index

SHARES = (0.01, 0.1, 0.5)
OFFERED = ("Flat", "SQ8", "HNSW32", "HNSW16,SQ8", "IVF128,Flat", "IVF128,SQ8")


@pytest.mark.parametrize(
    ("asked", "vectors", "deletes", "expected"),
    [
        ("auto", 0, "many", "Flat"),
        ("auto", FLAT_UP_TO, "many", "Flat"),
        ("auto", FLAT_UP_TO + 1, "many", "IVF1024,SQ8"),
        ("auto", FLAT_UP_TO + 1, "few", "HNSW32"),
        ("auto", 100_000, "many", "IVF1024,SQ8"),
        ("auto", 1_000_000, "many", "IVF4096,SQ8"),
        ("IVF,SQ8", 1_000, "many", "IVF16,SQ8"),
        ("IVF,Flat", 38, "many", "Flat"),
        ("IVF,SQ8", 39, "many", "IVF1,SQ8"),
        ("IVF64,Flat", 10_000_000, "few", "IVF64,Flat"),
        ("HNSW48", 10, "many", "HNSW48"),
        ("Flat", 10_000_000, "many", "Flat"),
    ],
)
def test_what_is_chosen(asked, vectors, deletes, expected):
    choice = choose(asked, vectors, deletes)
    assert choice.factory == expected
    assert f"{vectors:,}" in choice.reason or asked in choice.reason


@pytest.mark.parametrize("vectors", [1, 38, 39, 100, 5_000, FLAT_UP_TO + 1])
@pytest.mark.parametrize("asked", FAMILIES)
def test_every_choice_can_be_built(asked, vectors):
    rows = np.random.default_rng(0).normal(size=(min(vectors, 5_000), 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if vectors == len(rows):
        assert search.make_index(choose(asked, vectors).factory, rows).ntotal == vectors
    assert choose(asked, vectors).factory in {"Flat", "SQ8", "HNSW32"} or "IVF" in choose(asked, vectors).factory


@pytest.mark.parametrize("asked", ["", "PQ8", "IVF", "flat", "IVFx,Flat", "IVF16,PQ8", "Flat,Refine"])
def test_what_is_not_offered(asked):
    with pytest.raises(ConfigurationError, match=r"is not offered\. Valid: auto, Flat"):
        choose(asked, 1_000)


@pytest.fixture(scope="module")
def clustered():
    """40,000 vectors of 64 numbers in 200 clusters of unequal size, and 60 queries near them."""
    dice = np.random.default_rng(3)
    centres = dice.normal(size=(200, 64))
    of = np.minimum(dice.geometric(0.02, size=40_000), 200) - 1
    rows = _unit(centres[of] + 0.6 * dice.normal(size=(40_000, 64)))
    queries = _unit(centres[dice.integers(200, size=60)] + 0.6 * dice.normal(size=(60, 64)))
    return rows, queries, of


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _recall(index, rows, queries, mask):
    allowed = np.flatnonzero(mask)
    exact = queries @ rows[allowed].T
    tenth = np.partition(exact, -10, axis=1)[:, -10]
    _, found = search.search(index, queries, 10, search.Selection.of(mask))
    assert mask[found].all()
    triples = zip(found, queries, tenth, strict=True)
    return float(np.mean([(rows[row] @ query >= least - 1e-5).mean() for row, query, least in triples]))


@pytest.mark.parametrize("factory", OFFERED)
def test_recall_is_kept_under_filters(clustered, factory):
    rows, queries, of = clustered
    index = search.make_index(factory, rows)
    dice = np.random.default_rng(5)
    side = rows @ dice.normal(size=64).astype(np.float32)
    for share in SHARES:
        scattered = dice.random(len(rows)) < share
        # One side of the space: the neighbours of most queries are not allowed, and those that are lie far away.
        apart = side >= np.quantile(side, 1 - share)
        for mask in (scattered, apart):
            assert _recall(index, rows, queries, mask) >= 0.95, (factory, share)
    cluster = of == 7
    assert _recall(index, rows, queries, cluster) >= 0.95


def test_a_filter_after_ranking_would_have_lost_it(clustered):
    """The test above can fail: without looking further, an IVF and a graph lose what it asks for."""
    rows, queries, _ = clustered
    mask = np.random.default_rng(5).random(len(rows)) < 0.01
    index = search.make_index("IVF128,SQ8", rows)
    _, first = index.search(queries, 10)
    assert np.mean(mask[first]) < 0.1


def _docs(make_doc, number):
    return [make_doc(f"d{place:05d}", f"page {place} of the book") for place in range(number)]


def test_the_manifest_says_which_and_why(world, make_doc):
    manifest = world.publish(1, _docs(make_doc, 12))
    assert (manifest.index.factory, manifest.index.reason) == ("Flat", "the contract asks for Flat")
    assert manifest.to_json()["index"]["reason"] == "the contract asks for Flat"
    assert "reason" not in replace(manifest, index=replace(manifest.index, reason="")).to_json()["index"]


def _varied(make_doc, number):
    dice = np.random.default_rng(number)
    return [
        make_doc(f"d{place:05d}", " ".join(f"w{word}" for word in dice.integers(400, size=4)))
        for place in range(number)
    ]


@pytest.mark.slow
def test_a_corpus_grows_from_flat_into_an_ivf(world, make_doc, monkeypatch):
    """Over the real line of 50,000 chunks, through build, gates, seal and release."""
    small, large = _varied(make_doc, 500), _varied(make_doc, FLAT_UP_TO + 1)
    spec = world.spec
    monkeypatch.setattr(world, "spec", lambda factory: spec("auto"))
    first = world.publish(1, small, alias="live")
    second = world.publish(2, large, alias="live")
    assert (first.index.factory, second.index.factory) == ("Flat", "IVF1024,SQ8")
    assert "50,001 chunks, of which many may leave or change: 1024 lists" in second.index.reason
    assert gates.recall(second.index.recall_at_10, second.index.recall_sample).passed
    assert what_changed(first, second) == ("corpus", "index")
    assert gates.one_change(what_changed(first, second)).passed
    reader = open_index(world.store, "handbook", trust=world.trust, embedder=world.embedder, mmap=True)
    assert reader.search(large[4711].text, 1)[0].score == pytest.approx(1.0, abs=0.02)
    only = reader.search(large[4711].text, 5, where={"doc_id": ["d00001", "d49999"]})
    assert {hit.doc_id for hit in only} == {"d00001", "d49999"}


def test_what_finds_too_little_is_opened_wider(clustered):
    rows, _, _ = clustered
    noise = _unit(np.random.default_rng(9).normal(size=(20_000, 64)))
    plain = search.make_index("IVF512,Flat", noise)
    narrow, _ = search.measure_recall(plain, noise)
    fitted = build_index("IVF512,Flat", noise)
    assert narrow < 0.95 <= fitted.recall
    assert fitted.index.nprobe > plain.nprobe
    assert build_index("IVF128,SQ8", rows).index.nprobe == 64, "what finds enough stays as it is"


def test_auto_gives_up_what_stays_too_poor(monkeypatch):
    """Groups of vectors so alike that 8-bit numbers cannot tell the ten nearest apart."""
    monkeypatch.setattr(factory_module, "FLAT_UP_TO", 1_000)
    dice = np.random.default_rng(1)
    groups = np.repeat(dice.normal(size=(30, 32)), 100, axis=0)
    alike = _unit(groups + dice.normal(scale=0.02, size=groups.shape))
    poor = build_index("IVF,SQ8", alike)
    assert poor.recall < 0.95
    fitted = build_index("auto", alike)
    assert fitted.choice.factory == "IVF64,Flat"
    assert fitted.recall >= 0.95
    assert "SQ8 found only" in fitted.choice.reason
