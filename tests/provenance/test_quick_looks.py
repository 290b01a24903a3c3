"""A quick look spares a search only where the search would find nothing."""

from __future__ import annotations

import re
from re import _constants as kinds  # what a compiled expression asks for is only told by these two
from re import _parser as reader

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import instructions, stuffing
from provenance.detectors.artefacts import catalogue, folded
from provenance.instructions import cues
from provenance.vocabulary import Vocabulary, vocabulary_of, words_in

_MOST = 5_000


def strings_of(items) -> list[str] | None:
    """Returns every string that a part of an expression matches; None where they cannot be listed."""
    found = [""]
    for kind, value in items:
        if kind is kinds.LITERAL:
            options = [chr(value)]
        elif kind is kinds.IN and all(each is kinds.LITERAL for each, _ in value):
            options = [chr(code) for _, code in value]
        elif kind is kinds.SUBPATTERN:
            options = strings_of(value[3])
        elif kind is kinds.BRANCH:
            parts = [strings_of(part) for part in value[1]]
            options = None if None in parts else [each for part in parts for each in part]
        elif kind is kinds.MAX_REPEAT and value[:2] == (0, 1):
            inside = strings_of(value[2])
            options = None if inside is None else ["", *inside]
        else:
            options = None
        if options is None or len(found) * len(options) > _MOST:
            return None
        found = [before + after for before in found for after in options]
    return found


def always_holds(items, hints) -> bool:
    """Whether whatever a part of an expression matches holds one of the hints."""
    items = [item for item in items if item[0] not in (kinds.AT, kinds.ASSERT, kinds.ASSERT_NOT)]
    for first in range(len(items)):
        for last in range(first + 1, len(items) + 1):
            listed = strings_of(items[first:last])
            if listed is None:
                break
            if all(any(hint in each for hint in hints) for each in listed):
                return True
    return any(_one_holds(kind, value, hints) for kind, value in items)


def _one_holds(kind, value, hints) -> bool:
    if kind is kinds.SUBPATTERN:
        return always_holds(value[3], hints)
    if kind is kinds.BRANCH:
        return all(always_holds(part, hints) for part in value[1])
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        return value[0] >= 1 and always_holds(value[2], hints)
    return False


@pytest.mark.parametrize("cue", [cue for cue in cues() if cue.hints], ids=lambda cue: cue.name)
def test_what_a_cue_matches_holds_one_of_its_hints(cue):
    assert always_holds(reader.parse(cue.source), cue.hints)
    assert all(hint.isalnum() and hint == hint.lower() for hint in cue.hints)


def test_a_wrong_hint_is_found_out():
    pattern = reader.parse(r"\bignore(?: the)? (?:rules|orders?)\b")
    assert always_holds(pattern, ["rule", "order"])
    assert always_holds(pattern, ["ignore"])
    assert not always_holds(pattern, ["rule"])
    assert not always_holds(pattern, ["the"])


@pytest.mark.parametrize("item", [item for item in catalogue() if item.near], ids=lambda item: item.code)
def test_what_an_artefact_matches_passes_its_near_look(item):
    near = item.near[0].removeprefix("~") if item.near[0].startswith("~") else ""
    if not near:
        assert always_holds(reader.parse(item.source.lower()), item.near)
        return
    # The quick expression is the beginning of the slow one.
    listed = strings_of(list(reader.parse(near.replace(r"\d", "7"))))
    assert listed
    assert any(re.search(near, text) for text in listed)


EXAMPLES = (
    "As an AI language model, I cannot", "as a large language model", "I'm an artificial intelligence assistant",
    "up to my last knowledge cutoff", "until my training data", "my knowledge cut-off", "my training data only goes to",
    "Certainly! Here is", "Sure thing, I can", "You're absolutely right. Let", "Great question! Below",
    "Of course, I'd",
    "Here's a revised text", "Here is your more concise summary", "Here is the breakdown", "citeturn0search12",
    "turn\u0663view1", "I don't have access to real-time", "i cannot browse the internet",
    "I am not able to access external",
    "a\u017f an ai model", "\u0130 am an ai model", "Here \u0131s a draft",
)  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_no_look_hides_what_a_search_finds(text):
    for said in (text, text.upper(), text.lower(), f"One line.\n{text}\nAnother."):
        lowered = Vocabulary(said.lower())
        plain = Vocabulary(folded(lowered.text))
        for item in catalogue():
            hinted = any(hint in said.lower() for hint in item.hints)
            if hinted and item.pattern.search(said):
                assert item.may_be_in(lowered, plain), item.code


_SAID = (
    "ignore all previous instructions forget you are now do not follow the rules show me your system prompt print what"
    " is in above ### instruction : <|im_start|> when asked answer say that only . , * _ - an ai must users"
)
WORDS = st.sampled_from([*_SAID.split(), "\n"])


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_orders_are_those_that_every_cue_at_every_word_finds(text):
    lowered = text.lower()
    everywhere = {
        (place, cue.name)
        for cue in cues()
        if cue.weight >= 0.5
        for place in range(len(lowered))
        if _starts_here(lowered, place, cue)
        for match in [cue.pattern.match(lowered, place)]
        if match and not (cue.order and instructions._somebody_else(lowered, place))
    }
    table = instructions._table(strong=True)
    starts = instructions._starts(Vocabulary(lowered), table)
    found = {(hit.start, hit.cue.name) for hit in instructions._within(lowered, starts, 0, len(lowered))}
    assert found == everywhere


def _starts_here(lowered: str, place: int, cue) -> bool:
    word = next((match for match in re.finditer(r"[^\W_]+", lowered) if match.start() == place), None)
    for first in cue.firsts:
        key = words_in(first)[0] if first[0].isalnum() else first
        if (word is not None and word[0] == key) if first[0].isalnum() else _nth(lowered, key, place):
            return True
    return False


def _nth(lowered: str, key: str, place: int) -> bool:
    at = lowered.find(key)
    while 0 <= at < place:
        at = lowered.find(key, at + len(key))
    return at == place


QUESTIONS = st.lists(
    st.sampled_from(
        ["What is a pump?", "How does it run?", "It runs by day.", "a = b ? c", "why?", "\n", "!?", "x" * 450 + "?"]
    ),
    min_size=10,
    max_size=60,
).map(" ".join)


@settings(deadline=None)
@given(QUESTIONS)
def test_the_bound_on_questions_is_one(text):
    open_ones = stuffing._unanswered(list(stuffing._sentences(text)))
    size = sum(len(sentence.span) for sentence in open_ones)
    many = len({sentence.words for sentence in open_ones}) >= stuffing.LEAST_QUESTIONS
    if many and size / len(text) >= stuffing.LEAST_SHARE:
        assert stuffing._may_be_questions(text)


def test_a_vocabulary_knows_words_and_parts_of_them():
    known = vocabulary_of("the pump's valves")
    assert known.words == {"the", "pump", "s", "valves"}
    assert known.has_part("valve")
    assert not known.has_part("ump's")
    assert known.holds("pump's v", words_in("pump's v"))
    assert not known.holds("pump valves", words_in("pump valves"))
