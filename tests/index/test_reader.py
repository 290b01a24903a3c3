import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import ConfigurationError, DigestMismatch, FingerprintMismatch, IntegrityError, SignatureInvalid
from corpus.storage import open_store
from corpus.types import OriginKind
from index import layout
from index.embedders.registry import load_embedder
from index.reader import open_index
from index.signing import TrustStore, generate_keypair
from index.verify import verify_version

NAME = "handbook"
NOBODY = TrustStore(keys={})
HEAVY = (
    "sqlalchemy",
    "torch",
    "sentence_transformers",
    "great_expectations",
    "alembic",
    "pydantic_settings",
    "corpus.catalog",
    "corpus.settings",
)


@pytest.fixture
def live(world):
    return world.publish(1, alias="live")


def _open(world, **options):
    return open_index(world.store.url, NAME, **{"trust": world.trust, "embedder": world.embedder, **options})


def test_a_text_finds_its_chunk(world, live, docs):
    reader = _open(world)
    for doc in docs:
        for row in doc.chunk_rows():
            hit = reader.search(row["text"], 1)[0]
            assert (hit.chunk_id, hit.doc_id, hit.revision_id) == (row["chunk_id"], doc.doc_id, doc.revision_id)
            assert hit.span.of(doc.text) == hit.text == row["text"]
            assert hit.score == pytest.approx(1.0, abs=1e-5)
    assert len(reader) == 7


def test_a_hit_carries_what_a_person_needs(world, live, docs):
    hit = _open(world).search("Cold slows the yeast.", 1)[0]
    assert (hit.title, hit.uri, hit.version, hit.owner) == ("Bread", "file:///srv/bread", "1", "docs-team")
    assert (hit.digital_source_type, hit.origin_basis, hit.generation_depth) == (OriginKind.AI_GENERATED, "declared", 1)
    assert (hit.quality_score, hit.headings, hit.index_version) == (0.3, ("Guide",), 1)
    assert (hit.source_system, hit.sensitivity_label, hit.language) == ("drive", "public", "de")


def test_hits_are_the_exact_ranking_and_never_more_than_there_are(world, live, docs):
    hits = _open(world).search("train tickets", 50)
    texts = {row["chunk_id"]: row["text"] for doc in docs for row in doc.chunk_rows()}
    cosines = world.embedder.embed(list(texts.values())) @ world.embedder.embed(["train tickets"])[0]
    exact = dict(zip(texts, cosines, strict=True))
    assert [hit.chunk_id for hit in hits] == sorted(exact, key=exact.__getitem__, reverse=True)
    assert [hit.score for hit in hits] == pytest.approx(sorted(exact.values(), reverse=True), abs=1e-5)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"doc_id": "bread"}, {"bread"}),
        ({"origin": OriginKind.AI_GENERATED.value}, {"bread"}),
        ({"origin": "trainedAlgorithmicMedia"}, {"bread"}),
        ({"origin": "unknown"}, {"travel", "security"}),
        ({"origin": ("unknown", "trainedAlgorithmicMedia")}, {"travel", "security", "bread"}),
        ({"source_system": "drive"}, {"bread"}),
        ({"sensitivity_label": "internal"}, {"travel", "security"}),
        ({"owner": "security"}, {"security"}),
        ({"language": ["en", "de"]}, {"travel", "security", "bread"}),
        ({"language": "en", "owner": "docs-team"}, {"travel"}),
        ({"language": "en", "source_system": "drive"}, set()),
        ({"owner": "nobody"}, set()),
        ({"owner": ()}, set()),
    ],
)
def test_filters_apply_before_ranking(world, live, where, expected):
    # The query is the best match of one chunk of `bread`; with k=1 a later filter would find nothing.
    hits = _open(world).search("Cold slows the yeast.", 1, where=where)
    assert {hit.doc_id for hit in hits} <= expected
    assert bool(hits) == bool(expected)
    every = _open(world).search("Cold slows the yeast.", 50, where=where)
    assert {hit.doc_id for hit in every} == expected


def test_a_missing_value_passes_no_filter(world, make_doc):
    world.publish(1, [make_doc("a", "alpha beta", {"owner": None}), make_doc("b", "alpha gamma")], alias="live")
    hits = _open(world).search("alpha", where={"owner": "docs-team"})
    assert [hit.doc_id for hit in hits] == ["b"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"where": {"colour": "red"}}, "unknown filter 'colour'. Valid: chunk_id, depth, doc_id"),
        ({"where": {"origin": "robot"}}, "unknown origin 'robot'. Valid: .*trainedAlgorithmicMedia"),
        ({"k": 0}, "k is 0"),
    ],
)
def test_wrong_use_says_what_is_valid(world, live, call, message):
    with pytest.raises(ConfigurationError, match=message):
        _open(world).search("yeast", **call)


def test_a_vector_has_to_name_its_space(world, live, make_embedder):
    reader = _open(world, embedder=None)
    vector = world.embedder.embed(["Cold slows the yeast."])[0]
    own = world.embedder.fingerprint
    assert reader.search(vector * 7, 1, embedder_fingerprint=own)[0].doc_id == "bread"
    with pytest.raises(FingerprintMismatch, match="does not say which model"):
        reader.search(vector)
    with pytest.raises(FingerprintMismatch, match="belongs to the space"):
        reader.search(vector, embedder_fingerprint=make_embedder(salt="two").fingerprint)
    with pytest.raises(ConfigurationError, match="needs a model"):
        reader.search("yeast")
    for bad in (vector[:-1], np.zeros(32, np.float32), np.full(32, np.nan, np.float32), vector[None]):
        with pytest.raises(ConfigurationError, match="query vector"):
            reader.search(bad, embedder_fingerprint=own)


def test_a_foreign_model_of_the_same_dimension_is_refused(world, live, make_embedder):
    foreign = make_embedder(salt="two")
    assert foreign.dimension == world.embedder.dimension
    with pytest.raises(FingerprintMismatch, match="the embedder 'hash-two' belongs to the space"):
        _open(world, embedder=foreign)


def test_a_model_that_computes_other_vectors_is_refused(world, live, make_embedder):
    same_in_another_runtime = make_embedder(noise=0.01)
    assert len(_open(world, embedder=same_in_another_runtime)) == 7
    drifted = make_embedder(noise=1.0)
    assert drifted.fingerprint == world.embedder.fingerprint
    with pytest.raises(FingerprintMismatch, match="computes other vectors: canary"):
        _open(world, embedder=drifted)


FILES = (*layout.CONTENT_FILES, layout.MANIFEST, layout.ENVELOPE)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_one_flipped_byte_anywhere_is_caught_at_open(world, live, name, place):
    path = Path(world.store.path(f"{layout.version_path(NAME, 1)}/{name}"))
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        _open(world)
    with pytest.raises(IntegrityError):
        verify_version(world.store, NAME, 1, world.trust)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["missing", "truncated", "longer"])
def test_a_file_that_is_missing_or_of_another_size_is_caught(world, live, name, change):
    path = world.store.path(f"{layout.version_path(NAME, 1)}/{name}")
    data = world.store.read_bytes(f"{layout.version_path(NAME, 1)}/{name}")
    world.store.fs.rm(path)
    if change != "missing":
        world.store.fs.pipe_file(path, data[:-1] if change == "truncated" else data + b"x")
    expected = ConfigurationError if (name, change) == (layout.MANIFEST, "missing") else IntegrityError
    with pytest.raises(expected):
        _open(world)
    with pytest.raises(expected):
        verify_version(world.store, NAME, 1, world.trust)


def test_an_edited_manifest_that_fits_its_files_is_caught(world, live):
    path = f"{layout.version_path(NAME, 1)}/{layout.MANIFEST}"
    value = json.loads(world.store.read_bytes(path))
    value["run"]["actor"] = "mallory"
    world.store.fs.pipe_file(world.store.path(path), json.dumps(value).encode())
    with pytest.raises(SignatureInvalid, match=r"manifest\.json has sha256"):
        _open(world)


def test_a_version_under_another_number_or_name_is_refused(world, live):
    world.publish(1, name="other", alias="live")
    root, fs = world.store.root, world.store.fs
    fs.copy(f"{root}/indexes/{NAME}/v000001", f"{root}/indexes/{NAME}/v000002", recursive=True)
    with pytest.raises(IntegrityError, match="copied or renamed"):
        _open(world, version=2)
    fs.rm(f"{root}/indexes/{NAME}/v000001", recursive=True)
    fs.copy(f"{root}/indexes/other/v000001", f"{root}/indexes/{NAME}/v000001", recursive=True)
    with pytest.raises(IntegrityError, match="copied or renamed"):
        _open(world, version=1)


def test_nobody_trusted_fails_closed(world, live, tmp_path):
    with pytest.raises(SignatureInvalid, match="trusts no key"):
        _open(world, trust=NOBODY)
    generate_keypair(tmp_path / "two.pem", tmp_path / "others/two.pub")
    with pytest.raises(SignatureInvalid, match="signed by"):
        _open(world, trust=TrustStore.from_folder(tmp_path / "others"))
    assert _open(world).keyid in world.trust.keys


def test_unsigned_versions_are_refused_unless_allowed(world, tmp_path):
    world.publish(1, signed=False, alias="live")
    with pytest.raises(SignatureInvalid, match="there is no signature"):
        _open(world)
    assert _open(world, allow_unsigned=True).keyid == ""
    assert _open(world, allow_unsigned=True, trust=NOBODY).keyid == ""


def test_allowing_unsigned_versions_does_not_allow_wrong_signatures(world, live, tmp_path):
    generate_keypair(tmp_path / "two.pem", tmp_path / "others/two.pub")
    with pytest.raises(SignatureInvalid):
        _open(world, trust=TrustStore.from_folder(tmp_path / "others"), allow_unsigned=True)


def test_allowing_unsigned_versions_still_compares_digests(world):
    world.publish(1, signed=False, alias="live")
    path = world.store.path(f"{layout.version_path(NAME, 1)}/{layout.INDEX}")
    data = world.store.fs.cat_file(path)
    world.store.fs.pipe_file(path, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DigestMismatch, match=r"index\.faiss has"):
        _open(world, allow_unsigned=True, trust=NOBODY)


def test_an_unknown_alias_or_version_lists_the_known_ones(world, live):
    with pytest.raises(ConfigurationError, match=r"no alias 'canary' .* Aliases: live"):
        _open(world, alias="canary")
    with pytest.raises(ConfigurationError, match=r"no version v000009 .* Versions: v000001"):
        _open(world, version=9)
    with pytest.raises(ConfigurationError, match="Aliases: none"):
        open_index(world.store.url, "nothing", trust=world.trust)
    with pytest.raises(ConfigurationError, match="no name"):
        open_index(world.store.url, "../../etc", trust=world.trust)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": 1}'])
def test_a_damaged_alias_file_is_refused(world, live, data):
    world.store.replace(layout.alias_path(NAME, "live"), data)
    with pytest.raises(IntegrityError, match="alias file is damaged"):
        _open(world)


def test_an_alias_that_means_another_manifest_is_refused(world, live):
    world.point("live", 1, "0" * 64)
    with pytest.raises(DigestMismatch, match="alias 'live' points to v000001 with manifest 0000"):
        _open(world)


def test_a_query_can_be_replayed_at_its_version(world, live, make_doc):
    world.publish(2, [make_doc("travel", "Claim travel expenses by app.")], alias="live")
    assert len(_open(world)) == 1
    assert {hit.index_version for hit in _open(world, version=1).search("travel", 50)} == {1}
    assert len(_open(world, version=1)) == 7


def test_an_open_reader_is_not_disturbed_by_a_release(world, live, make_doc):
    reader = _open(world)
    before = reader.search("train tickets", 5)
    world.publish(2, [make_doc("new", "only this")], alias="live")
    world.store.remove(layout.version_path(NAME, 1))
    assert reader.search("train tickets", 5) == before


def test_searches_from_many_threads_agree(world, live):
    reader = _open(world)
    questions = ["train tickets", "lost badges", "bake bread", "lock the screen"] * 25
    alone = [reader.search(question, 3) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: reader.search(question, 3), questions)) == alone


def test_a_mapped_index_answers_the_same(world, live):
    assert _open(world, mmap=True).search("train tickets") == _open(world).search("train tickets")


def test_an_empty_version_answers_nothing(world):
    world.publish(1, [], alias="live")
    assert _open(world).search("anything") == ()
    assert _open(world).search("anything", where={"owner": "docs-team"}) == ()


def test_a_home_that_is_no_folder(world, live):
    memory = open_store("memory://reader-test")
    try:
        for path in world.store.fs.find(world.store.path("indexes")):
            memory.fs.pipe_file(
                f"{memory.root}/{path.removeprefix(world.store.root + '/')}", world.store.fs.cat_file(path)
            )
        reader = open_index(memory, NAME, trust=world.trust, embedder=world.embedder, mmap=True)
        assert reader.search("train tickets") == _open(world).search("train tickets")
    finally:
        memory.fs.rm(memory.root, recursive=True)


def test_the_reader_is_light(world, live):
    code = f"""
import sys
from pathlib import Path
from index.reader import open_index
from index.signing import TrustStore
trust = TrustStore.from_folder(Path({str(world.key.parent / "trusted")!r}))
reader = open_index({world.store.url!r}, {NAME!r}, trust=trust)
assert len(reader) == 7
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_the_real_small_model(tmp_path, world, docs):
    world.embedder = load_embedder("wordllama-256")
    world.publish(1, docs, alias="live")
    reader = _open(world)
    assert reader.manifest.index.dimension == 256
    assert reader.search("How do I get my train ticket paid back?", 1)[0].doc_id == "travel"
    assert reader.search("oven temperature for a loaf", 1)[0].doc_id == "bread"
