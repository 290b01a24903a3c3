import json

from index.diff import diff_versions

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def _difference(world, before, after, **facts):
    first = world.publish(1, before)
    second = world.publish(2, after, **facts)
    return diff_versions(world.store, first, second)


def test_every_kind_of_change_is_named(world, make_doc):
    before = [
        make_doc("a-gone", "leaves soon"),
        make_doc("b-same", "stays\n\nas it is"),
        make_doc("c-rewritten", "first part\n\nsecond part"),
        make_doc("d-retagged", "written by whom"),
        make_doc("e-rescored", "how good is it"),
        make_doc("f-owned", "changes hands"),
    ]
    after = [
        before[1],
        make_doc("c-rewritten", "first part\n\nanother part\n\nthird part"),
        make_doc("d-retagged", "written by whom", {"digital_source_type": AI, "origin_basis": "declared"}),
        make_doc("e-rescored", "how good is it", {"quality_score": 0.1}),
        make_doc("f-owned", "changes hands", {"owner": "ada"}),
        make_doc("z-new", "arrives"),
    ]
    found = _difference(world, before, after)
    assert (found.added, found.removed, found.rewritten) == (("z-new",), ("a-gone",), ("c-rewritten",))
    assert (found.retagged, found.rescored, found.governed) == (("d-retagged",), ("e-rescored",), ("f-owned",))
    # `first part` keeps its vector although its document was rewritten.
    assert (found.chunks.add, found.chunks.keep, found.chunks.drop) == (3, 6, 2)
    assert found.changed == ("corpus",)
    assert json.loads(found.to_bytes()) == json.loads(json.dumps(found.to_json()))
    assert found.to_json()["chunks"] == {"add": 3, "keep": 6, "drop": 2, "retagged": 1, "rescored": 1}
    assert found.same == 1


def test_the_same_documents_do_not_differ(world, docs):
    found = _difference(world, docs, docs)
    assert found.changed == found.added == found.removed == found.rewritten == found.retagged == ()
    assert (found.chunks.add, found.chunks.drop) == (0, 0)


def test_a_new_contract_is_attributed(world, docs):
    assert _difference(world, docs, docs, contract="d" * 64).changed == ("contract",)


def test_a_new_model_is_attributed(world, docs, make_embedder):
    first = world.publish(1, docs)
    world.store.remove("segments")  # same segments again, now with vectors of another space
    world.embedder = make_embedder(salt="two", dimension=48)
    second = world.publish(2, docs)
    assert diff_versions(world.store, first, second).changed == ("embedder",)


def test_against_an_empty_version(world, docs):
    found = _difference(world, [], docs)
    assert found.added == ("bread", "security", "travel")
    assert (found.chunks.add, found.chunks.keep, found.chunks.drop) == (7, 0, 0)
    back = diff_versions(world.store, world.publish(3, docs), world.publish(4, []))
    assert (back.removed, back.chunks.drop) == (found.added, 7)
