"""Search by words beside vectors: BM25 as bm25s computes it, fused by rank, under filters, in one signed file."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bm25s
import numpy as np
import pytest

from corpus.errors import ConfigurationError, DigestMismatch, IntegrityError
from index import layout
from index.fusion import Hybrid, fuse
from index.lexical import Lexicon, words, write_lexical
from index.plan import what_changed
from index.reader import open_index
from index.search import Selection
from index.verify import verify_version

NAME = "handbook"
TEXTS = (
    "The refund window is sixty days.",
    "Error E-4711 means that the fuse is blown; replace the fuse.",
    "Ein Umtausch ist in STRASSE und Straße möglich.",
    "",
    "返品は六十日以内に可能です",
    "The fuse of the kettle.",
)


@pytest.fixture
def lexicon(tmp_path):
    write_lexical(tmp_path / "lexical", TEXTS)
    return Lexicon((tmp_path / "lexical").read_bytes(), len(TEXTS))


@pytest.fixture
def hybrid_world(world, monkeypatch):
    spec = world.spec
    monkeypatch.setattr(world, "spec", lambda factory: replace(spec(factory), lexical="bm25"))
    return world


def _open(world, **options):
    return open_index(world.store, NAME, **{"trust": world.trust, "embedder": world.embedder, **options})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fuse FUSE ﬁne", ["fuse", "fuse", "fine"]),
        ("E-4711, a_b", ["e", "4711", "a_b"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("返品は可", ["返品", "品は", "は可"]),
        ("可", ["可"]),
        ("iPhone返品ok", ["iphone", "返品", "ok"]),
        ("?! \n", []),
    ],
)
def test_how_texts_become_words(text, expected):
    assert words(text) == expected


def test_scores_are_those_of_the_library(lexicon):
    library = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    library.index([words(text) for text in TEXTS], show_progress=False)
    for text in ("fuse kettle", "the refund the", "返品", "strasse", "4711 fuse fuse"):
        np.testing.assert_allclose(lexicon.scores(text), library.get_scores(words(text)), rtol=1e-6)
    assert not lexicon.scores("zebra").any()


def test_search_ranks_and_filters(lexicon):
    rows, scores = lexicon.search("fuse", 10)
    assert rows in ([1, 5], [5, 1])
    assert scores == sorted(scores, reverse=True)
    assert lexicon.search("fuse", 1)[0] == rows[:1]
    only = Selection.of(np.array([True, False, False, True, True, True]))
    assert lexicon.search("fuse", 10, only)[0] == [5]
    assert lexicon.search("umtausch strasse", 10)[0] == [2]
    assert lexicon.search("", 10) == ([], [])


def test_ties_go_to_the_smaller_row(tmp_path):
    write_lexical(tmp_path / "lexical", ["same text"] * 50)
    lexicon = Lexicon.mapped(tmp_path / "lexical", 50)
    assert lexicon.search("same", 7)[0] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("texts", [[], [""], ["", "?"]])
def test_texts_without_words(tmp_path, texts):
    write_lexical(tmp_path / "lexical", texts)
    assert Lexicon((tmp_path / "lexical").read_bytes(), len(texts)).search("word", 5) == ([], [])


def test_the_same_texts_give_the_same_bytes(tmp_path):
    code = (
        "import sys; from pathlib import Path; from index.lexical import write_lexical; "
        f"write_lexical(Path(sys.argv[1]), {TEXTS!r})"
    )
    found = set()
    for number in range(2):
        path = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=120)
        found.add(path.read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_what_is_no_index_of_words(data):
    with pytest.raises(IntegrityError, match="index of words"):
        Lexicon(data, 1)


def test_an_index_of_other_chunks_is_refused(tmp_path):
    write_lexical(tmp_path / "lexical", TEXTS)
    with pytest.raises(IntegrityError, match="index of words says"):
        Lexicon((tmp_path / "lexical").read_bytes(), len(TEXTS) + 1)


def test_fusion_is_the_formula():
    fused = fuse([(1.0, [7, 8, 9]), (2.0, [9, 7])], k=60)
    assert fused == [
        (9, pytest.approx(1 / 63 + 2 / 61)),
        (7, pytest.approx(1 / 61 + 2 / 62)),
        (8, pytest.approx(1 / 62)),
    ]
    assert fuse([(1.0, [5, 3]), (1.0, [3, 5])], k=60) == fuse([(1.0, [3, 5]), (1.0, [5, 3])], k=60)
    assert [row for row, _ in fuse([(1.0, [5]), (1.0, [3])], k=60)] == [3, 5]
    assert fuse([(0.0, [1]), (1.0, [2])], k=60) == [(2, pytest.approx(1 / 61))]


@pytest.mark.parametrize(
    "options", [{"dense": -1}, {"dense": 0, "lexical": 0}, {"k": 0}, {"depth": 0}, {"lexical": float("nan")}]
)
def test_wrong_weights(options):
    with pytest.raises(ConfigurationError):
        Hybrid(**options)


def test_words_find_what_the_vector_does_not(hybrid_world, make_doc):
    docs = [make_doc(f"d{place}", f"the long story of part {place}") for place in range(30)]
    docs.append(make_doc("code", "xq4711 blinks"))
    hybrid_world.publish(1, docs, alias="live")
    reader = _open(hybrid_world)
    vector, own = hybrid_world.embedder.embed(["the long story of part"])[0], hybrid_world.embedder.fingerprint
    plain = reader.search(vector, 3, embedder_fingerprint=own)
    assert "code" not in {hit.doc_id for hit in plain}
    assert all(hit.cosine == hit.score and hit.bm25 is None for hit in plain)
    found = reader.search(vector, 3, embedder_fingerprint=own, words="XQ4711", hybrid=Hybrid(depth=10))
    [hit] = [hit for hit in found if hit.doc_id == "code"]
    assert hit.score == pytest.approx(1 / 61)
    assert hit.bm25 > 0
    assert hit.cosine is None, "it is not among the ten nearest"
    assert found == reader.search(vector, 3, embedder_fingerprint=own, words="XQ4711", hybrid=Hybrid(depth=10))


def test_a_text_is_its_own_words_and_weights_count(hybrid_world, docs):
    hybrid_world.publish(1, docs, alias="live")
    reader = _open(hybrid_world)
    query = "Cold slows the yeast."
    only_words = reader.search(query, 7, hybrid=Hybrid(dense=0))
    assert all(hit.bm25 for hit in only_words)
    only_vector = reader.search(query, 7, hybrid=Hybrid(lexical=0))
    assert [hit.chunk_id for hit in only_vector] == [hit.chunk_id for hit in reader.search(query, 7)]
    both = reader.search(query, 7, hybrid=Hybrid())
    assert both[0].text == query
    assert both[0].score == pytest.approx(2 / 61)


@pytest.mark.parametrize(
    "where", [{"owner": "security"}, {"language": "de", "quality": {"<": 0.5}}, {"owner": "nobody"}]
)
def test_filters_hold_for_both_halves(hybrid_world, docs, where):
    hybrid_world.publish(1, docs, alias="live")
    reader = _open(hybrid_world)
    expected = {hit.chunk_id for hit in reader.search("yeast", 50, where=where)}
    found = reader.search("yeast screen form", 50, where=where, hybrid=Hybrid())
    assert {hit.chunk_id for hit in found} == expected


def test_a_version_without_words_says_how_to_get_them(world, docs):
    manifest = world.publish(1, docs, alias="live")
    assert layout.LEXICAL not in manifest.files
    with pytest.raises(ConfigurationError, match=r"has no index of words\. Write `ragIndex: {lexical: bm25}`"):
        _open(world).search("yeast", hybrid=Hybrid())


def test_a_vector_needs_words(hybrid_world, docs):
    hybrid_world.publish(1, docs, alias="live")
    vector, own = hybrid_world.embedder.embed(["yeast"])[0], hybrid_world.embedder.fingerprint
    with pytest.raises(ConfigurationError, match="needs words="):
        _open(hybrid_world).search(vector, embedder_fingerprint=own, hybrid=Hybrid())


def test_the_file_is_signed_for_and_its_arrival_is_a_change(world, hybrid_world, docs, monkeypatch):
    with_words = hybrid_world.publish(1, docs, alias="live")
    monkeypatch.undo()
    without = world.publish(2, docs)
    assert what_changed(with_words, without) == ("index",)
    path = Path(world.store.path(f"{layout.version_path(NAME, 1)}/{layout.LEXICAL}"))
    data = bytearray(path.read_bytes())
    for place in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        for mmap in (False, True):
            with pytest.raises(DigestMismatch, match="lexical"):
                _open(world, mmap=mmap)
        with pytest.raises(DigestMismatch):
            verify_version(world.store, NAME, 1, world.trust)
    path.write_bytes(data)
    assert _open(world, mmap=True).search("yeast", hybrid=Hybrid()) == _open(world).search("yeast", hybrid=Hybrid())


def test_reading_needs_no_extra(hybrid_world, docs):
    hybrid_world.publish(1, docs, alias="live")
    code = f"""
import sys
from pathlib import Path
import numpy as np
from index.fusion import Hybrid
from index.reader import open_index
from index.signing import TrustStore
trust = TrustStore.from_folder(Path({str(hybrid_world.key.parent / "trusted")!r}))
reader = open_index({hybrid_world.store.url!r}, {NAME!r}, trust=trust)
own = reader.manifest.fingerprints["embedder"].digest
hits = reader.search(np.ones(32, np.float32), 3, embedder_fingerprint=own, words="yeast", hybrid=Hybrid())
assert hits
heavy = [name for name in ("bm25s", "numba", "scipy", "safetensors", "torch", "sqlalchemy") if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
