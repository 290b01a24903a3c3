"""Whether a text gives orders to a language model, and with which words. Knows no document and no contract.

How it is told: cues with weights (`instructions.tsv`), each a little grammar of its own: a verb in the form of an
order, whom it speaks to, and what it is about ("ignore" + "all previous" + "instructions"). Cues that stand close
together form a passage; a passage whose different cues weigh 0.9 or more is reported, with the cues by name, so that
a person sees why. A verb that somebody else does ("attackers ignore ...", "to ignore ...") is no order; a cue that is
shown as an example ("such as ...", in quotes, in code) weighs less.

Why no trained model: the labelled sets that exist are questions to a chatbot, not documents. deepset's 546 training
lines call "generate c++" and any mention of certain politicians malicious, so a model fitted to them learns
topics; none can be explained to the author of a held document. Weighted cues lose some recall on those sets, and say
why. What they miss is what a paraphrase always gets past: see the measured rates in the documentation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files

from corpus.errors import ConfigurationError
from corpus.types import Span
from provenance.vocabulary import Vocabulary, vocabulary_of, words_in

THRESHOLD = 0.9
"""Weight of the different cues of a passage from which it is reported (set on the development sets)."""
_REACH = 250
"""Characters between two cues of one passage."""
_LONGEST = 900
"""Characters of one passage: weak cues far apart do not add up."""
_STRONG = 0.5
"""One cue of a passage weighs at least this: talk about models uses the weak ones' words too."""
_BREAK = re.compile(r"[.!?](?=\s|$)|\n")
_SENTENCE = 150
"""Characters each side in which the ends of a sentence are looked for."""
_MENTIONED = 0.4
_SHOWN = 0.3
_LOOK_BACK = 90
_KEPT = 500
"""Characters from which a text is the document's and not a label in it: other detectors ask for its words too."""

GROUPS = {
    "DET": r"(?:all|any|of|the|these|those|your|my|our|this|that|every|other|such|both|each|whatever|and|or)",
    "EARLIER": (
        r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|initial|original|former|past|system|safety"
        r"|existing|your|ethical|all(?: of)?(?: the| your| these)?|openai's|any (?:and all )?)"
    ),
    "ORDERS": (
        r"(?:instructions?|directions|directives?|prompts?|prompting|orders|commands?|guidelines|guardrails"
        r"|programming|rules|tasks|assignments|restrictions|constraints|system messages?|conversations?|training"
        r"|contexts?)"
    ),
    "SAY": (
        r"(?:say|write|print|tell|output|answer|reply|respond|repeat|do|show|give|state|act|translate|list|you|start)"
    ),
}
"""Groups of words that the cues share."""
_WORD = re.compile(r"[^\W_]+")
_BLANK = r"(?:[\s*_,\"'’“”:;\-]{1,6})"  # noqa: RUF001 - the quotation mark of apostrophes is meant
_NOT_ORDERED = re.compile(
    r"(?:\b(?:to|can|could|may|might|would|will|shall|they|we|it|that|which|who|users?|people|attackers?|models?|agents?"
    r"|not|don.t|doesn.t|never|cannot|can.t|often|he|she|and then|did|does|is|are|be|been|by|of|for|the|an?|in|with"
    r"|from|program|function|compiler|parser|server|methods?|tools?|systems?|clients?|options?|flags?|\w+ly)[\s*_\"'“”]+)$"
)
_ORDERED_ANYWAY = re.compile(
    r"\b(?:you|u|please|must|should|now|want|order|command|instruct)\b(?:[\s,]+\w+){0,2}[\s*_\"'“”,]+$"
)
_NEGATED = re.compile(r"\b(?:not|don.t|doesn.t|never|cannot|can.t|without)[\s*_]+$")
_MENTION = re.compile(
    r"\b(?:attack\w*|malicious\w*|adversar\w+|inject(?:ion|ions|ed|ing)|e\.g|for example|for instance|such as|phrases?"
    r"|tricks?|tricked|tricking|hackers?|researchers?|payloads?|strings? like|prompts? like|text like|command like"
    r"|wrote|typed)\b"
)


@dataclass(frozen=True, kw_only=True)
class Cue:
    """One sign of an order.

    Attributes:
        name: `kind.name`, unique.
        weight: How much it counts.
        order: Whether the verb at its start must have the form of an order.
        firsts: What it starts with, lower case.
        hints: Parts of words, one of which is in the text wherever the pattern matches; empty where none is told.
        source: The whole as a regular expression, matched where one of `firsts` stands.
    """

    name: str
    weight: float
    order: bool
    firsts: tuple[str, ...]
    hints: tuple[str, ...]
    source: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The whole, compiled when a text first holds its words: all of them cost half a second."""
        return re.compile(self.source)

    @property
    def kind(self) -> str:
        """What the order is for: override, role, jailbreak, leak, exfiltrate, tool, steer, rank, address, template."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A passage that gives orders to a model.

    Attributes:
        kind: Kind of its heaviest cue; of several, the one that weighs most in all.
        span: The sentences from its first cue to its last.
        score: Weight of its different cues; `THRESHOLD` or more.
        cues: Their names, heaviest first.
    """

    kind: str
    span: Span
    score: float
    cues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    weight: float
    cue: Cue


def is_instruction(text: str) -> bool:
    """Whether a text gives orders to a language model."""
    return bool(instructions_in(text))


def instructions_in(text: str, shown: Callable[[Span], bool] | None = None) -> tuple[Instruction, ...]:
    """Finds the passages that give orders to a language model, in order of place.

    Args:
        text: Any text.
        shown: Whether a place shows something instead of saying it (code, quotations); None where all of it speaks.
    """
    folded = _folded(text)
    lowered = folded.text
    hits = _hits(lowered)
    if sum(hit.weight for hit in hits) < THRESHOLD:
        return ()
    seen = None if shown is None else lambda span: shown(folded.back(span))
    groups = ([_judged(lowered, hit, seen) for hit in group] for group in _grouped(hits) if _weighty(group))
    passages = (found for group in groups if (found := _passage(lowered, group)) is not None)
    return tuple(replace(found, span=folded.back(found.span)) for found in passages)


def _weighty(group: Iterable[_Hit]) -> bool:
    """Whether a group could reach the threshold: what is shown or mentioned is worked out for these only."""
    return sum({hit.cue.name: hit.weight for hit in group}.values()) >= THRESHOLD


@cache
def cues() -> tuple[Cue, ...]:
    """Returns every cue, in the order of the file."""
    text = files("provenance").joinpath("instructions.tsv").read_text(encoding="utf-8")
    return tuple(_cue(line) for line in text.splitlines() if line and not line.startswith("#"))


def _cue(line: str) -> Cue:
    columns = line.split("\t")
    if len(columns) != 6 or columns[2] not in {"i", "-"}:
        raise ConfigurationError(
            f"instructions.tsv: want id, weight, form, first words, hints, rest; got {line[:80]!r}"
        )
    name, weight, form, firsts, hints, rest = columns
    words = tuple(re.split(r"(?<![<])\|(?!>)", firsts))
    for group, pattern in GROUPS.items():
        rest = rest.replace(f"<{group}>", pattern)
    start = "|".join(re.escape(word).replace(r"\ ", _BLANK) for word in sorted(words, key=len, reverse=True))
    boundary = r"\b" if words[0][0].isalpha() else ""
    return Cue(
        name=name,
        weight=float(weight),
        order=form == "i",
        firsts=words,
        hints=() if hints == "-" else tuple(hints.split("|")),
        source=f"{boundary}(?:{start}){boundary}{_spaced(rest)}",
    )


def _spaced(rest: str) -> str:
    """Replaces blanks by what may stand between two words; a sentence goes on after a point inside a word."""
    rest = rest.replace(r"[^.!?\n]", r"(?:[^.!?\n]|[.!?](?=\w))")
    return re.sub(r"\[[^\]]*\]|( )(\?)?", lambda found: _blank(found) if found[1] else found[0], rest)


def _blank(found: re.Match[str]) -> str:
    return f"{_BLANK}{found[2] or ''}"


@dataclass(frozen=True, slots=True)
class _Start:
    """A cue, and what else stands in a text where it starts with a certain word: one of the sets of words."""

    cue: Cue
    others: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class _Table:
    words: dict[str, tuple[_Start, ...]]
    signs: dict[str, tuple[_Start, ...]]


@cache
def _table(*, strong: bool) -> _Table:
    """Returns the strong or the weak cues: by the first word that they start with, or by the sign."""
    words: dict[str, dict[str, _Start]] = {}
    signs: dict[str, dict[str, _Start]] = {}
    for cue in cues():
        if (cue.weight >= _STRONG) is not strong:
            continue
        for first in cue.firsts:
            word = _WORD.match(first)
            table, key = (words, word[0]) if word else (signs, first)
            others = frozenset(words_in(first)[1:] if word else ())
            known = table.setdefault(key, {}).get(cue.name)
            table[key][cue.name] = _Start(cue, (*(known.others if known else ()), others))
    return _Table(_tuples(words), _tuples(signs))


def _tuples(table: dict[str, dict[str, _Start]]) -> dict[str, tuple[_Start, ...]]:
    return {key: tuple(found.values()) for key, found in table.items()}


def _starts(vocabulary: Vocabulary, table: _Table) -> dict[str, tuple[Cue, ...]]:
    """Returns, by the word or sign that they start with, the cues that may stand in a text."""
    words = ((word, table.words[word]) for word in vocabulary.words & table.words.keys())
    found = (
        (key, tuple(start.cue for start in starts if _may(vocabulary, start)))
        for key, starts in (*words, *table.signs.items())
    )
    return {key: live for key, live in found if live}


def _may(vocabulary: Vocabulary, start: _Start) -> bool:
    if not any(vocabulary.words >= others for others in start.others):
        return False
    return not start.cue.hints or any(map(vocabulary.has_part, start.cue.hints))


def _hits(lowered: str) -> list[_Hit]:
    """Returns the strong hits, and the weak ones around them: alone those say nothing, and are not looked for."""
    vocabulary = vocabulary_of(lowered) if len(lowered) > _KEPT else Vocabulary(lowered)
    strong = list(_within(lowered, _starts(vocabulary, _table(strong=True)), 0, len(lowered)))
    if not strong:
        return []
    weak = _starts(vocabulary, _table(strong=False))
    around = (hit for low, high in _around(strong, len(lowered)) for hit in _within(lowered, weak, low, high))
    return sorted([*strong, *around], key=lambda hit: (hit.start, -hit.weight, hit.cue.name))


def _around(hits: Iterable[_Hit], length: int) -> list[tuple[int, int]]:
    """Returns the stretches within the length of a passage of hits, in order, none overlapping another."""
    stretches: list[tuple[int, int]] = []
    for hit in sorted(hits, key=lambda hit: hit.start):
        low, high = max(0, hit.start - _LONGEST), min(length, hit.end + _LONGEST)
        if stretches and low <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(high, stretches[-1][1])
        else:
            stretches.append((low, high))
    return stretches


def _within(lowered: str, starts: dict[str, tuple[Cue, ...]], low: int, high: int) -> Iterator[_Hit]:
    for key, found in starts.items():
        whole = key[0].isalnum()
        place = lowered.find(key, low, high)
        while place >= 0:
            end = place + len(key)
            if not (whole and _goes_on(lowered, place, end, low, high)):
                yield from _at(lowered, place, found)
            place = lowered.find(key, end, high)


def _goes_on(lowered: str, start: int, end: int, low: int, high: int) -> bool:
    """Whether a stretch is only part of a word."""
    return (start > low and lowered[start - 1].isalnum()) or (end < high and lowered[end].isalnum())


def _at(lowered: str, place: int, found: Iterable[Cue]) -> Iterator[_Hit]:
    for cue in found:
        match = cue.pattern.match(lowered, place)
        if match and not (cue.order and _somebody_else(lowered, place)):
            yield _Hit(place, match.end(), cue.weight, cue)


def _somebody_else(lowered: str, place: int) -> bool:
    """Whether the verb is what somebody does, or must not do, and no order."""
    before = lowered[max(0, place - 40) : place]
    if _NEGATED.search(before):
        return True
    return bool(_NOT_ORDERED.search(before)) and not _ORDERED_ANYWAY.search(before)


def _judged(lowered: str, hit: _Hit, shown: Callable[[Span], bool] | None) -> _Hit:
    weight = hit.weight
    before = lowered[max(0, hit.start - _LOOK_BACK) : hit.start]
    sentence = re.split(r"[.!?]\s|\n\n", before)[-1]
    if _MENTION.search(sentence):
        weight *= _MENTIONED
    if shown is not None and shown(Span(start=hit.start, end=hit.end)):
        weight *= _SHOWN
    return hit if weight == hit.weight else _Hit(hit.start, hit.end, weight, hit.cue)


def _grouped(hits: Iterable[_Hit]) -> Iterator[list[_Hit]]:
    group: list[_Hit] = []
    reached = 0
    for hit in hits:
        if group and (hit.start - reached > _REACH or hit.end - group[0].start > _LONGEST):
            yield group
            group = []
        reached = max(reached, hit.end) if group else hit.end
        group.append(hit)
    if group:
        yield group


def _passage(lowered: str, group: list[_Hit]) -> Instruction | None:
    best: dict[str, float] = {}
    counted: list[_Hit] = []
    for hit in sorted(group, key=lambda hit: (-hit.weight, hit.start, hit.cue.name)):
        # The same words count once for the same thing.
        if hit.cue.name in best or any(_same(hit, other) for other in counted):
            continue
        best[hit.cue.name] = hit.weight
        counted.append(hit)
    score = round(sum(best.values()), 2)
    if score < THRESHOLD or max(hit.cue.weight for hit in group) < _STRONG:
        return None
    kinds: dict[str, tuple[float, float]] = {}
    for name, weight in best.items():
        kind = name.partition(".")[0]
        heaviest, total = kinds.get(kind, (0.0, 0.0))
        kinds[kind] = max(heaviest, weight), total + weight
    names = sorted(best, key=lambda name: (-best[name], name))
    span = _sentences(lowered, min(hit.start for hit in group), max(hit.end for hit in group))
    return Instruction(kind=max(sorted(kinds), key=lambda kind: kinds[kind]), span=span, score=score, cues=tuple(names))


def _sentences(lowered: str, start: int, end: int) -> Span:
    """Returns the whole sentences around a stretch, as far as they end within reach."""
    begins = [match.end() for match in _BREAK.finditer(lowered, max(0, start - _SENTENCE), start)]
    first = begins[-1] if begins else (0 if start <= _SENTENCE else start)
    stop = _BREAK.search(lowered, max(start, end - 1), min(len(lowered), end + _SENTENCE))
    last = stop.end() if stop else (len(lowered) if len(lowered) - end <= _SENTENCE else end)
    stripped = lowered[first:last]
    lead = len(stripped) - len(stripped.lstrip())
    return Span(start=first + lead, end=max(end, first + len(stripped.rstrip())))


def _same(one: _Hit, other: _Hit) -> bool:
    return one.cue.kind == other.cue.kind and one.start < other.end and other.start < one.end


@dataclass(frozen=True, slots=True)
class _Folded:
    """A text as its cues are matched: lower case, compatible forms as plain letters, invisible characters left out.

    Full-width and mathematical letters read as what they look like (Unicode's NFKC), and a zero-width character
    inside a word does not part it.
    """

    text: str
    places: tuple[int, ...] | None
    """Where each character stood, and where the text ended; None where each stands where it stood."""

    def back(self, span: Span) -> Span:
        if self.places is None:
            return span
        end = self.places[span.end - 1] + 1 if span.end > span.start else self.places[span.end]
        return Span(start=self.places[span.start], end=end)


class _Folds(dict[int, str]):
    """Character to what it is matched as; filled as characters are met."""

    def __missing__(self, number: int) -> str:
        char = chr(number)
        folded = unicodedata.normalize("NFKC", char).lower()
        if unicodedata.category(char) == "Cf" or _SELECTORS.match(char):
            folded = ""
        elif len(folded) != 1 and not folded.isalpha():
            folded = char.lower() if len(char.lower()) == 1 else char
        self[number] = folded
        return folded


_SELECTORS = re.compile("[\u034f\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FOLDS = _Folds()


def _folded(text: str) -> _Folded:
    if text.isascii():
        return _Folded(text.lower(), None)
    lowered = text.translate(_FOLDS)
    if all(len(_FOLDS[ord(char)]) == 1 for char in set(text)):
        return _Folded(lowered, None)
    places = [place for place, char in enumerate(text) for _ in _FOLDS[ord(char)]]
    return _Folded(lowered, (*places, len(text)))
