"""Families: what is declared, what names say, who supersedes whom, and which siblings disagree. Pure."""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.relations.codes import CYCLE, EXPIRED, HOLDING, NOT_YET, SUPERSEDED
from ingestion.relations.conflicts import contradictions
from ingestion.relations.families import (
    Declared,
    Member,
    Place,
    author_of,
    declared_of,
    places,
    stem_of,
    title_key,
    version_numbers,
)
from ingestion.relations.twins import Copy, Likeness, Newcomer, bursts, compare_all, copies, in_order

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import duplicates

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def member(doc_id: str, *, sound: bool = True, path: str = "", **front: str) -> Member:
    return Member(doc_id=doc_id, declared=declared_of(front, path or doc_id, None), sound=sound)


def placed(*members: Member, claims: bool = True) -> dict[str, Place]:
    return places({item.doc_id: item for item in members}, NOW, claims=claims)


def codes(*members: Member, claims: bool = True) -> dict[str, tuple[str, str]]:
    return {doc_id: (place.code, place.of) for doc_id, place in placed(*members, claims=claims).items() if place.code}


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("3.11/library/os.rst.txt", "library/os"),
        ("3.13/library/os.rst.txt", "library/os"),
        ("policy/travel-v2-final.md", "policy/travel"),
        ("policy/Travel (copy 3).docx", "policy/travel"),
        ("policy/travel_2021-04-01.pdf", "policy/travel"),
        ("2021/01/02.md", ""),
        ("guide.md", "guide"),
        ("v1beta/covid19.md", "v1beta/covid19"),
    ],
)
def test_a_stem_is_a_path_without_versions_and_dates(path: str, stem: str) -> None:
    assert stem_of(path) == stem


def test_titles_without_versions_are_the_same_and_short_ones_say_nothing() -> None:
    assert title_key("Travel policy, v2 (2021)") == title_key("TRAVEL POLICY") == "travel policy"
    assert title_key("FAQ") == title_key("1.2.3") == ""


def test_versions_are_numbers_and_not_texts() -> None:
    assert version_numbers("3.11") > version_numbers("3.9")
    assert version_numbers("v2 of 2021-03") == (2, 2021, 3)
    assert version_numbers("draft") == ()


def test_references_may_be_ids_paths_beside_the_document_or_identities() -> None:
    said = declared_of({"Supersedes": "travel-v1.md, HR-7"}, "policies/travel-v2.md", None)
    assert "ref:policies/travel-v1.md" in said.supersedes
    assert "ref:travel-v1.md" in said.supersedes
    assert "id:hr-7" in said.supersedes
    listed = declared_of({"replaced-by": '["../x/New Page.md"]'}, "a/b/old.md", None)
    assert any(name.startswith("ref:a/x/new-page.md") for name in listed.superseded_by)
    assert declared_of({"supersedes": "../../../etc"}, "a.md", None).supersedes[-1] == "id:../../../etc"


def test_a_day_that_is_the_last_one_counts_whole() -> None:
    assert declared_of({"expires": "2026-11-21"}, "a", None).effective_until == datetime(2026, 11, 22, tzinfo=UTC)
    assert not codes(member("a", expires="2026-11-21"))
    assert codes(member("a", expires="2026-11-20")) == {"a": (EXPIRED, "")}
    assert declared_of({"expires": "0", "effective": "immediately"}, "a", None) == Declared()


def test_one_document_supersedes_another_from_either_side() -> None:
    assert codes(member("a"), member("b", supersedes="a")) == {"a": (SUPERSEDED, "b")}
    assert codes(member("a", superseded_by="b"), member("b")) == {"a": (SUPERSEDED, "b")}
    assert codes(member("a"), member("b", supersedes="b, a")) == {"a": (SUPERSEDED, "b")}


def test_one_that_is_not_in_force_supersedes_nothing() -> None:
    later = (NOW + timedelta(days=2)).isoformat()
    assert codes(member("a"), member("b", supersedes="a", effective_from=later)) == {"b": (NOT_YET, "")}
    assert codes(member("a"), member("b", supersedes="a", status="withdrawn")) == {"b": (EXPIRED, "")}
    assert codes(member("a"), member("b", supersedes="a", sound=False)) == {}
    assert codes(member("a", superseded_by="b"), member("b", status="draft")) == {"b": (NOT_YET, "")}


def test_what_an_expired_version_replaced_does_not_return() -> None:
    found = codes(member("a"), member("b", supersedes="a", expires="2026-01-01"))
    assert found == {"a": (SUPERSEDED, "b"), "b": (EXPIRED, "")}


def test_a_successor_that_is_not_here_is_believed() -> None:
    assert codes(member("a", superseded_by="elsewhere.md")) == {"a": (SUPERSEDED, "elsewhere.md")}


def test_versions_and_dates_order_one_identity() -> None:
    three = [member(f"v{number}", document_id="X", version=f"1.{number}") for number in (9, 10, 11)]
    assert codes(*three) == {"v9": (SUPERSEDED, "v11"), "v10": (SUPERSEDED, "v11")}
    dated = [member(f"d{year}", canonical="X", effective_from=f"{year}-01-01") for year in (2020, 2024, 2030)]
    assert codes(*dated) == {"d2020": (SUPERSEDED, "d2024"), "d2030": (NOT_YET, "")}
    assert codes(member("a", document_id="X"), member("b", document_id="X")) == {}


def test_the_word_about_another_counts_only_where_claims_count() -> None:
    pair = (member("a"), member("b", supersedes="a"))
    assert codes(*pair, claims=False) == {}
    assert codes(member("a", superseded_by="b"), member("b"), claims=False) == {"a": (SUPERSEDED, "b")}


def test_circles_are_reported_and_what_hangs_below_them_is_still_superseded() -> None:
    found = codes(member("a", supersedes="b"), member("b", supersedes="c"), member("c", supersedes="a, d"), member("d"))
    assert {doc_id: code for doc_id, (code, _) in found.items()} == {
        "a": CYCLE,
        "b": CYCLE,
        "c": CYCLE,
        "d": SUPERSEDED,
    }
    assert codes(member("a", supersedes="a")) == {}


_NAMES = "abcdef"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES)), max_size=12))
def test_whatever_is_claimed_somebody_is_served_and_order_does_not_matter(edges: list[tuple[str, str]]) -> None:
    claims = {name: ", ".join(sorted({old for new, old in edges if new == name})) for name in _NAMES}
    members = [member(name, supersedes=claims[name]) for name in _NAMES]
    found = codes(*members)
    assert found == codes(*reversed(members))
    held = {doc_id for doc_id, (code, _) in found.items() if code in HOLDING}
    assert len(held) < len(_NAMES)
    for doc_id in held:
        above = found[doc_id][1]
        assert (above, doc_id) in edges


def newcomer(name: str, text: str, **more: object) -> Newcomer:
    return Newcomer(**{field: getattr(duplicates.newcomer(name, text), field) for field in _FIELDS}, **more)  # type: ignore[arg-type]


_FIELDS = ("doc_id", "title", "content_sha256", "sketch", "keys", "declared")
LONG = " ".join(f"word{place}" for place in range(200))


def copied(*items: Newcomer, holds: bool = True, out: tuple[str, ...] = ()) -> dict[str, Copy]:
    ordered, likeness = in_order(items), Likeness()
    compare_all(ordered, likeness)
    return copies(ordered, likeness, (), out, threshold=0.8, holds=lambda _copy: holds)


def test_of_two_copies_the_standing_then_the_older_then_the_smaller_id_is_kept() -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    assert set(copied(newcomer("a", LONG), newcomer("b", LONG))) == {"b"}
    assert set(copied(newcomer("a", LONG), newcomer("b", LONG, made=old))) == {"a"}
    assert set(copied(newcomer("a", LONG, made=old), newcomer("b", LONG, active=True))) == {"a"}


def test_the_order_of_the_listing_decides_nothing() -> None:
    items = [newcomer(name, LONG + extra) for name, extra in (("a", ""), ("b", " x"), ("c", " y z"), ("d", ""))]
    results = {frozenset(copied(*order).items()) for order in itertools.permutations(items)}
    assert len(results) == 1


def test_nothing_is_a_copy_of_what_is_kept_out() -> None:
    assert not copied(newcomer("a", LONG, sound=False), newcomer("b", LONG))
    assert not copied(newcomer("a", LONG), newcomer("b", LONG), out=("a",))


def test_exact_copies_are_found_in_texts_too_short_for_a_signature() -> None:
    [found] = copied(newcomer("a", "yes"), newcomer("b", "yes"), newcomer("c", "no")).values()
    assert found == Copy(of="a", similarity=1.0, exact=True)


def test_a_burst_counts_newcomers_and_those_that_came_before() -> None:
    items = [newcomer(name, LONG + f" {name}") for name in "abc"] + [newcomer("z", LONG + " z", active=True)]
    likeness = Likeness()
    compare_all(in_order(items), likeness)
    assert bursts(items, likeness, (), threshold=0.8) == {"a": 3, "b": 3, "c": 3}
    assert bursts(items[:2], likeness, (), threshold=0.8) == {}
    assert bursts(items[:2], likeness, ("c",), threshold=0.8) == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ("Refunds are paid within thirty days of sale.", "Refunds are paid within sixty days of sale.", "number"),
        ("The fee for each late claim is 12.50 euros.", "The fee for each late claim is 15 euros.", "number"),
        ("Visitors may enter the server room without escort.", "Visitors may not enter the server room without escort.", "negation"),  # noqa: E501
        ("Every claim must be signed by the line manager.", "Every claim may be signed by the line manager.", "duty"),
        ("The office doesn't open on the day of the fair.", "The office does open on the day of the fair.", "negation"),
    ],
)  # fmt: skip
def test_siblings_that_differ_in_a_number_a_negation_or_a_duty_disagree(ours: str, theirs: str, kind: str) -> None:
    [found] = contradictions(f"Before. {ours} After.", f"Another start!\n{theirs}")
    assert found.kind == kind
    assert found.ours.of(f"Before. {ours} After.") == ours
    assert found.theirs.of(f"Another start!\n{theirs}") == theirs
    assert not contradictions(ours, ours)


def test_what_is_no_statement_is_left_alone() -> None:
    table = "".join(f"Row number {place} of the long table of parts holds a gasket.\n" for place in range(9))
    assert not contradictions(table, table.replace("Row number 4", "Row number 40"))
    assert not contradictions("Page 3 of 9", "Page 4 of 9")
    assert not contradictions(
        "Something quite different stands in this one sentence.", "And in this one too, 12 times."
    )
    assert not contradictions("", LONG)


def test_an_author_is_one_however_the_name_is_spelt() -> None:
    assert author_of({"Author": " Ada  LOVELACE "}) == author_of({"dc.creator": "ada lovelace"}) == "ada lovelace"
    assert author_of({"title": "x"}) == ""


@pytest.mark.parametrize(("number", "planted"), [(100, 5), (1_000, 10), (2_500, 20)])
def test_planted_copies_are_all_found_and_none_is_invented(shared_data: Path, number: int, planted: int) -> None:
    found = duplicates.articles(shared_data, number)
    assert (found["truth"], found["recall"], found["precision"]) == (planted, 1.0, 1.0)


def test_versions_are_found_on_real_histories(shared_data: Path) -> None:
    titled = duplicates.wiki(shared_data, titles=True)
    assert titled["recall"] > 0.8
    assert titled["precision"] > 0.99
    for result, conflicts in (duplicates.prometheus(shared_data), duplicates.python(shared_data)):
        assert result["recall"] > 0.92, result
        assert result["precision"] > 0.99, result
        assert conflicts["flagged"] <= 0.15 * conflicts["pairs"], conflicts
