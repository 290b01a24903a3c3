"""The rule of self-ingestion on small texts; test_reuse_real.py has it on served answers."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.types import Basis, OriginKind, Scope, Span
from provenance import reuse
from provenance.answers import AnswerInput, RetrievedText, document_grams, novelty, register
from provenance.classify import verdict
from provenance.reuse import match

SERVED = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCE = (
    "The pump must be drained before winter. The valve stays open until spring, or the pipe will burst. Tools are in"
    " the shed behind the greenhouse, on the left of the door, with the key under the third pot from the right."
)
QUOTE = "The valve stays open until spring, or the pipe will burst."
OWN = (
    "Short answer for you: empty it ahead of the frost and then leave everything as it is, since water that freezes"
    " inside copper will split the metal within a single night and nobody notices before the thaw."
)
ANSWER = f"{OWN} {QUOTE}"
FILLER = " ".join(f"Entry {n} lists item {n * 7} beside shelf {n * 13} for clerk {n % 5}." for n in range(60))


def answer(**changes: object) -> AnswerInput:
    base = AnswerInput(
        answer_id="a1",
        text=ANSWER,
        system="s",
        model="m",
        served_at=SERVED,
        retrieved=(RetrievedText(chunk_id="c1", text=SOURCE),),
    )
    return replace(base, **changes)


def test_an_answer_that_comes_back_whole_is_ours(registry) -> None:
    (found,) = registry.add([answer()]).find(ANSWER)
    assert (found.code, found.level, found.scope) == ("answer.match", "E2", Scope.DOCUMENT)
    assert (found.origin, found.basis) == (OriginKind.AI_GENERATED, Basis.MATCHED)
    assert found.detail["answer_id"] == "a1"
    assert found.detail["containment"] == 1.0
    assert found.detail["share_of_document"] > 0.95
    assert found.span.of(ANSWER) == ANSWER.rstrip(".")
    assert found.quote == ANSWER[:200]
    origin, passages = verdict([found])
    assert (origin.kind, origin.generation_depth, passages) == (OriginKind.AI_GENERATED, 1, ())


def test_what_it_retrieved_is_part_of_its_depth(registry) -> None:
    found = registry.add([answer()]).find(ANSWER, depths={"a1": 2})
    assert verdict(found)[0].generation_depth == 3


def test_a_mixed_page_has_the_passage_tagged_and_no_more(registry) -> None:
    page = f"{FILLER}\n\n{ANSWER}\n\n{FILLER}"
    (found,) = registry.add([answer()]).find(page)
    assert found.scope is Scope.PASSAGE
    assert found.span.of(page) == ANSWER.rstrip(".")
    assert found.detail["share_of_document"] < 0.5
    origin, ((span, passage),) = verdict([found])
    assert origin.kind is OriginKind.UNKNOWN
    assert (span, passage.kind, passage.generation_depth) == (found.span, OriginKind.AI_GENERATED, 1)


def test_two_places_of_one_page_are_two_passages(registry) -> None:
    half = OWN.index(" and then")
    page = f"{FILLER} {OWN[:half]} {FILLER} {OWN[half:]} {FILLER}"
    spans = sorted(found.span for found in registry.add([answer()]).find(page))
    assert [span.of(page).split()[0] for span in spans] == ["Short", "and"]


@pytest.mark.parametrize("text", [SOURCE, QUOTE, f"{SOURCE} A second edition adds this line.", SOURCE * 3])
def test_the_source_that_an_answer_quotes_is_never_flagged(registry, text: str) -> None:
    assert registry.add([answer()]).find(text) == ()


def test_a_document_older_than_the_answer_is_its_source(registry) -> None:
    registry.add([answer()])
    assert registry.find(ANSWER, updated_at=SERVED - HOUR) == ()
    assert registry.find(ANSWER, updated_at=SERVED) == ()
    assert registry.find(ANSWER, updated_at=SERVED + HOUR)
    assert registry.find(ANSWER, updated_at=None)


@pytest.mark.parametrize(
    "context",
    [
        {"retrieved": ()},
        {"retrieved": (RetrievedText(chunk_id="c1", text=SOURCE), RetrievedText(chunk_id="c2"))},
        {"cited": ("c7",)},
    ],
)
def test_without_its_context_an_answer_only_suspects(registry, context: dict[str, object]) -> None:
    found = registry.add([answer(**context)]).find(ANSWER)
    assert {item.code for item in found} == {"answer.suspect"}
    assert verdict(found)[0].basis is Basis.SUSPECTED


def test_a_suspicion_beside_a_match_does_not_make_the_page_ours(registry) -> None:
    other = "Another clerk wrote quite different words about ladders, ropes and paint that nobody had retrieved. " * 2
    registry.add([answer(), answer(answer_id="a2", text=other, retrieved=())])
    page = f"{ANSWER}\n\n{other}\n\n" + " ".join(f"Plain line {n} here about nothing much." for n in range(14))
    found = {item.detail["answer_id"]: item for item in registry.find(page)}
    assert found["a1"].scope is Scope.PASSAGE
    assert found["a2"].basis is Basis.SUSPECTED


def test_answers_that_make_up_the_page_together_make_it_ours(registry) -> None:
    texts = [
        "First you unscrew the brass cap with a wide spanner and let the remaining water run into a bucket.",
        "Second you wrap felt around each bend because bends lose their heat sooner than straight lengths do.",
        "Third you write today's date on the card by the meter so that the next tenant knows what was done.",
    ]
    registry.add([answer(answer_id=f"a{place}", text=text) for place, text in enumerate(texts)])
    found = registry.find("\n\n".join(texts))
    assert {item.detail["answer_id"] for item in found} == {"a0", "a1", "a2"}
    assert {item.scope for item in found} == {Scope.DOCUMENT}
    assert all(item.detail["share_of_document"] < 0.5 < item.detail["answers_share"] for item in found)


def test_fewer_than_six_hits_or_scattered_hits_are_no_match(registry) -> None:
    registry.add([answer()])
    assert registry.find(" ".join(OWN.split()[:7])) == ()
    words = OWN.split()
    apart = " ".join(f"{' '.join(words[n : n + 3])} {FILLER}" for n in range(0, len(words) - 3, 3))
    assert registry.find(apart) == ()


def test_a_stock_phrase_of_three_answers_does_not_count(registry) -> None:
    stock = "I looked through all of the documents that were given to me and this is what they have to say"
    endings = [
        "herons stand in the reeds at dawn and wait without a sound until a careless frog comes near enough to take",
        "the price of tin rose again last quarter because two mines in the north were closed after heavy flooding",
        "that bridge was painted green in spring by nine volunteers who had borrowed their brushes from a theatre",
        "cooks with gas ovens should bake it lower and longer than the card suggests or else the crust turns black",
    ]
    registry.add(answer(answer_id=f"a{place}", text=f"{stock} {end}") for place, end in enumerate(endings))
    assert registry.find(f"{stock} and something else entirely.") == ()
    assert registry.find(f"{stock} {endings[0]}")[0].detail["answer_id"] == "a0"


def test_an_answer_that_was_served_often_is_still_found(registry) -> None:
    registry.add(answer(answer_id=f"a{place}", served_at=SERVED + place * HOUR) for place in range(6))
    (found,) = registry.find(ANSWER)
    assert found.detail["answer_id"] == "a0"


def test_an_answer_that_is_served_in_nearly_the_same_words_each_day_is_still_found(registry) -> None:
    greeted = [f"Good morning {name}. {ANSWER}" for name in ("Ann", "Bob", "Cid", "Dot", "Eve", "Fay")]
    registry.add(
        answer(answer_id=f"a{place}", text=text, served_at=SERVED + place * HOUR) for place, text in enumerate(greeted)
    )
    assert {known.decidable for known in registry.known.values()} == {True}
    for kept in ("a0", "a5"):
        left = {name: known for name, known in registry.known.items() if name == kept}
        assert match(ANSWER, left.values())[0].detail["answer_id"] == kept
    assert registry.find(ANSWER)


def test_an_answer_of_which_only_its_signature_is_kept_is_found(registry) -> None:
    registry.add([answer()])
    assert not hasattr(registry.known["a1"], "text")
    (found,) = registry.find(ANSWER)
    assert (found.scope, found.detail["kind"]) == (Scope.DOCUMENT, "whole")


def test_one_registered_before_signatures_were_kept_says_nothing(registry) -> None:
    registry.add([answer()])
    registry.known["a1"].signature = None
    assert registry.find(ANSWER) == ()
    assert match(ANSWER, []) == ()
    assert match("", registry.known.values()) == ()


def test_an_excerpt_is_told_from_a_name_that_anybody_writes(registry) -> None:
    long = " ".join(f"Volunteer number{n} painted bridge{n} with green{n} varnish." for n in range(40))
    registry.add([answer(text=f"The Royal Borough of Kensington and Chelsea Library Service lends them. {long}")])
    named = "We thank the Royal Borough of Kensington and Chelsea Library Service for every one of these pictures."
    assert registry.find(named) == ()
    (found,) = registry.find(f"{FILLER} {' '.join(long.split()[30:60])} {FILLER}")
    assert found.detail["kind"] == "excerpt"


def test_sentences_in_another_order_with_words_changed_are_found(registry) -> None:
    first, second, third = (
        "Short answer for you: empty it ahead of the frost and then leave everything as it is.",
        "Water that freezes inside copper will split the metal within a single night.",
        "Nobody notices before the thaw, when the cellar stands under two feet of water.",
    )
    registry.add([answer(text=f"{first} {second} {third}")])
    (found,) = registry.find(f"{third.replace('two', 'three')} {first.replace('frost', 'cold')} {second}")
    assert (found.scope, found.detail["kind"]) == (Scope.DOCUMENT, "whole")
    assert found.detail["found"] > 0.85


@given(st.lists(st.sampled_from([*OWN.split(), *SOURCE.split(), "\n", "x"]), max_size=80))
def test_spans_lie_in_the_text_and_figures_in_their_ranges(words: list[str]) -> None:
    text = " ".join(words)
    made = register(answer(), novelty(answer()))

    class Kept:
        answer_id, served_at, text_sha256, depth = "a1", SERVED, "d", 0
        signature, decidable, context_known = made.signature.to_bytes(), made.decidable, made.context_known

    for found in match(text, [Kept()]):
        assert isinstance(found.span, Span)
        assert 0 <= found.span.start < found.span.end <= len(text)
        assert found.quote == found.span.of(text)[:200]
        assert 0 < found.detail["containment"] <= 1
        assert 0 < found.detail["found"] <= 1
        assert found.detail["novelty"] >= reuse.WHOLE_NOVELTY
        assert 0 < found.detail["share_of_document"] <= found.detail["answers_share"] <= 1


def test_answers_that_stand_in_many_places_are_compared_with_one_another_once(registry, monkeypatch) -> None:
    stock = "quite an odd herd of violet yaks dances on the frozen copper roof"
    ends = ("while tin gets dear in the north", "and bakers hum old songs", "as ferries leave without lamps")
    registry.add(answer(answer_id=f"a{place}", text=f"{stock} {end}") for place, end in enumerate(ends))
    calls: list[object] = []
    same = reuse._same
    monkeypatch.setattr(reuse, "_same", lambda one, other: calls.append(one) or same(one, other))
    registry.find(" ".join(f"{stock} {FILLER}" for _ in range(30)))
    assert 0 < len(calls) <= 3


def test_an_answer_in_many_places_takes_memory_for_its_places_and_not_for_the_page(registry) -> None:
    registry.add([answer()])
    page = " ".join(f"{OWN} {FILLER}" for _ in range(150))
    tracemalloc.start()
    found = registry.find(page)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 150
    assert most < 30_000_000


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "part", ["a", "a ", "😀", "人工智能", "<a", "](", "](a", "&a", "[1", "[1,1", "【", "\ue200", "1. \n", "http://"]
)
def test_no_text_fails_or_takes_more_than_linear_time(registry, part: str) -> None:
    assert registry.add([answer()]).find(part * (300_000 // len(part))) == ()


def test_thresholds_are_in_the_fingerprint(monkeypatch) -> None:
    before = reuse.rule_fingerprint()
    assert before == reuse.rule_fingerprint()
    monkeypatch.setattr(reuse, "EXCERPT_NOVELTY", 7)
    assert reuse.rule_fingerprint() != before


def test_a_page_with_pieces_of_an_answer_from_end_to_end_is_aligned_in_parts(registry, monkeypatch) -> None:
    spans: list[int] = []
    align = reuse.stretches
    monkeypatch.setattr(reuse, "stretches", lambda *given: spans.append(given[4] - given[3]) or align(*given))
    piece = " ".join(OWN.split()[3:9])
    page = " ".join(f"{piece} {' '.join(FILLER.split()[n : n + 20])}" for n in range(300))
    registry.add([answer()]).find(page)
    length = len(document_grams(ANSWER).numbers)
    assert len(spans) > 10
    assert max(spans) <= (reuse._MOST_TIMES + 2) * length + 2
