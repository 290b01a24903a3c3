from __future__ import annotations

import json
import math
import re
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.ids import canonical_json, chunk_id, fingerprint, new_run_id, normalise_doc_id, revision_id, text_digest
from corpus.types import Outcome

TEXT = st.text(st.characters(codec="utf-8"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)

PATHS = [
    "a.md", "A.md", "a .md", "a-.md", "a_.md", "docs/a.md", "docs-a.md", "docs/A.md", "Docs/a.md", "é.md", "e.md",
    "ê.md", "日本.md", "中国.md", "日本/a", "a/日本/b", "a/b", "\uff0e\uff0e/b", "..a/b", "a..b", ".hidden", "-", "_",
    "a-0123456789abcdef", "caf\udce9.md", "caf\udcea.md",
]  # fmt: skip


@given(JSON)
def test_canonical_json_gives_the_value_back(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(TEXT, JSON))
def test_the_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(MappingProxyType(value))


@given(JSON)
def test_canonical_json_is_a_fixed_point(value: object) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


def test_canonical_json_is_this_form() -> None:
    value = {"b": (1, 2.5, True, None), "a": "é\n\u2028", "outcome": Outcome.ACCEPT}
    assert canonical_json(value) == '{"a":"é\\n\u2028","b":[1,2.5,true,null],"outcome":"accept"}'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [{"a": math.nan}], "\ud800"])
def test_what_json_cannot_say_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - NaN and surrogates are refused in different words
        canonical_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1: "a"}, {"a": {2.0: 1}}, object(), {"a"}])
def test_what_is_not_json_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_fingerprint_separates_kinds_parts_and_types() -> None:
    prints = [
        fingerprint("a", {"x": 1}),
        fingerprint("b", {"x": 1}),
        fingerprint("a", {"x": "1"}),
        fingerprint("a", {"x": 2}),
    ]
    assert len(set(prints)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in prints)


def test_ids_of_different_documents_differ() -> None:
    paths = PATHS + [normalise_doc_id(path) for path in PATHS]
    ids = {path: normalise_doc_id(path) for path in paths}
    assert len(set(ids.values())) == len(set(paths))


@given(st.text(min_size=1, max_size=30))
def test_an_id_is_a_safe_name(path: str) -> None:
    try:
        found = normalise_doc_id(path)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9._/-]+", found)
    assert not {"", ".", ".."} & set(found.split("/"))


@given(st.lists(st.text(st.sampled_from("aA-_. é/0f"), min_size=1, max_size=6), min_size=2, max_size=2, unique=True))
def test_two_paths_never_share_an_id(pair: list[str]) -> None:
    parts = [[part for part in path.split("/") if part not in ("", ".")] for path in pair]
    if parts[0] != parts[1] and all(found and ".." not in found for found in parts):
        assert normalise_doc_id(pair[0]) != normalise_doc_id(pair[1])


def test_a_plain_path_is_its_own_id_and_nobody_can_take_anothers() -> None:
    assert normalise_doc_id("guides/install_2.md") == "guides/install_2.md"
    victim = normalise_doc_id("Guides/Install.md")
    assert victim.startswith("guides/install.md-")
    assert normalise_doc_id(victim) != victim


def test_a_long_path_has_a_short_id_of_its_own() -> None:
    long = "a/" * 600
    assert normalise_doc_id("a" * 1_000) == "a" * 1_000, "what fits is as it always was"
    ids = {normalise_doc_id(path) for path in (long + "b.md", long + "c.md", "a" * 1_001, "a" * 1_002)}
    assert len(ids) == 4
    assert all(len(doc_id) <= 1_000 for doc_id in ids)
    assert all(normalise_doc_id(doc_id) != doc_id for doc_id in ids), "and nobody can name a file so"


@pytest.mark.parametrize("path", ["", "/", ".", "..", "a/../b", "../a", "//."])
def test_a_path_outside_a_source_has_no_id(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside a source"):
        normalise_doc_id(path)


def test_ids_of_revisions_and_chunks_depend_on_all_their_parts() -> None:
    assert len({revision_id("a", "k"), revision_id("b", "k"), revision_id("a", "l")}) == 3
    digest = text_digest("x")
    assert len({chunk_id("a", digest, 0), chunk_id("a", digest, 1), chunk_id("b", digest, 0)}) == 3


def test_run_ids_are_unique_and_sort_by_time() -> None:
    made = [new_run_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
