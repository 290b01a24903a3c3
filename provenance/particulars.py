"""What a sentence says that a rewording or a translation keeps: numbers, dates, names and identifiers.

Brought to one form across notations and languages: `1,200`, `1.200` and `1 200`; `26 March 2024`, `26. März 2024`
and `2024-03-26`; `12 %`, `12 percent` and `zwölf Prozent`. A number that can be read in two ways has both values.
Names are compared by their letters, so they agree only within one script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from provenance.particularwords import MONTHS, ORDINARY, SCALES, UNITS, WORDS

Kind = Literal["number", "date", "name", "identifier"]

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
YEARS = range(1500, 2200)
"""Bare numbers that may be a year."""
_TAKEN = "\ufffc"
"""Stands for what was read already: neither a letter nor a blank."""
_ISO = re.compile(
    r"(?<![\d.-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])|(\d{4})\s?年(?:\s?(\d{1,2})\s?月(?:\s?(\d{1,2})\s?日)?)?"
)
_SLASHED = re.compile(r"(?<![\d./])(\d{1,2})([./])(\d{1,2})\2(\d{4})(?![\d/])")
_DAY_FIRST = re.compile(
    rf"(?<!\w)(\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?\s+(?:of\s+|de\s+)?({_MONTH})\b\.?(?:,?\s+(?:de\s+)?(\d{{4}}))?", re.I
)
_MONTH_FIRST = re.compile(
    rf"\b({_MONTH})\b\.?\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?(?!\d|[.,]\d)(?:,?\s+(\d{{4}}))?|(?:de\s+)?(\d{{4}}))(?!\d)",
    re.I,
)
_NUMBER = re.compile(
    "([$€£¥]\\s?)?(?<![\\w.,])"
    "([+\u2212-]?\\d{1,3}(?:[ \u00a0\u202f'\u2019]\\d{3})+(?:[.,]\\d+)?|[+\u2212-]?\\d+(?:[.,]\\d+)*)"
    "(?![.,]?\\d)(?:[ \u00a0\u202f-]?([$€£¥%]|[^\\W\\d_]+))?(?:\\s([^\\W\\d_]+))?"
)
_SPELT = re.compile(
    rf"\b({'|'.join(sorted(WORDS, key=len, reverse=True))})\b(?:[ -]([^\W\d_]+))?(?:\s([^\W\d_]+))?", re.I
)
_IDENTIFIER = re.compile(
    r"(?<![\w@])(?=[\w./:@-]{3,80}(?![\w]))(?:"
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an address
    r"|(?=[\w.-]*[A-Za-z])(?=[\w.-]*\d)\w+(?:[.-]\w+)*"  # ISO-9001, v2.3.1, H2O
    r"|[a-z0-9]+(?:_[a-z0-9]+)+|[a-z]+[A-Z]\w+|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+"  # snake_case, camelCase
    r")"
)
_NAME = re.compile(
    r"(?<![\w])(?:[A-Z]{2,}[a-z]?(?![\w])|[^\W\d_a-zß-öø-ÿ][\w'\u2019-]*[^\W\d_]"
    r"(?:\s+(?:(?:of|the|de|la|le|du|von|van|der|den|and|und|&)\s+){0,2}[^\W\d_a-zß-öø-ÿ][\w'\u2019-]*\w)*)"
)
Value = float | str | tuple[int, int, int]
Found = tuple["Particular", int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Particular:
    """One thing that a sentence names exactly.

    Attributes:
        kind: What it is.
        text: As it stands in the sentence.
        values: Its readings in one form: a number, a date as (year, month, day) with 0 for what is not said, or
            folded letters. Two agree where a reading does.
        unit: Unit of a number, empty for none.
    """

    kind: Kind
    text: str
    values: frozenset[Value]
    unit: str = ""


def particulars(text: str) -> tuple[Particular, ...]:
    """Returns what a sentence or a passage names exactly, each once. Linear time."""
    left, found = text, []
    for finder in (_iso_dates, _slashed_dates, _day_first_dates, _month_first_dates, _identifiers, _numbers, _spelt):
        for item, start, end in list(finder(left)):
            found.append(item)
            left = left[:start] + _TAKEN * (end - start) + left[end:]
    found += [item for item, _, _ in _names(left)]
    return tuple({(item.kind, item.values, item.unit): item for item in reversed(found)}.values())[::-1]


def _iso_dates(text: str) -> Iterator[Found]:
    for found in _ISO.finditer(text):
        parts = found.group(1, 2, 3) if found.group(1) else found.group(4, 5, 6)
        yield from _date(found, [tuple(int(part or 0) for part in parts)])


def _slashed_dates(text: str) -> Iterator[Found]:
    for found in _SLASHED.finditer(text):
        day, month, year = int(found.group(1)), int(found.group(3)), int(found.group(4))
        yield from _date(
            found, [(year, month, day)] if found.group(2) == "." else [(year, month, day), (year, day, month)]
        )


def _day_first_dates(text: str) -> Iterator[Found]:
    for found in _DAY_FIRST.finditer(text):
        yield from _date(found, [(int(found.group(3) or 0), MONTHS[found.group(2).lower()], int(found.group(1)))])


def _month_first_dates(text: str) -> Iterator[Found]:
    for found in _MONTH_FIRST.finditer(text):
        year = int(found.group(3) or found.group(4) or 0)
        if year or found.group(2):
            yield from _date(found, [(year, MONTHS[found.group(1).lower()], int(found.group(2) or 0))])


def _date(found: re.Match[str], readings: Iterable[tuple[int, ...]]) -> Iterator[Found]:
    values = frozenset(
        (year, month, day)
        for year, month, day in readings
        if month <= _MOST_MONTHS and day <= _MOST_DAYS and (not year or year in YEARS)
    )
    if values:
        item = Particular(kind="date", text=found.group().strip(), values=values)
        yield item, found.start(), found.end()


_MOST_MONTHS = 12
_MOST_DAYS = 31


def _identifiers(text: str) -> Iterator[Found]:
    for found in _IDENTIFIER.finditer(text):
        body = found.group()
        number = _UNIT_GLUED.fullmatch(body)
        if number is not None and number.group(1).lower() in {*UNITS, *SCALES}:
            continue
        item = Particular(kind="identifier", text=body, values=frozenset({_folded(body)}))
        yield item, found.start(), found.end()


_UNIT_GLUED = re.compile(r"[\d.,]+([^\W\d_]+)")


def _numbers(text: str) -> Iterator[Found]:
    for found in _NUMBER.finditer(text):
        scale, unit, end = _scaled(found, 3)
        currency = (found.group(1) or "").strip()
        values = frozenset(value * scale for value in _readings(found.group(2)))
        start = found.start(1) if currency else found.start(2)
        yield _number(text[start:end], values, UNITS.get(currency, unit)), start, end


def _spelt(text: str) -> Iterator[Found]:
    for found in _SPELT.finditer(text):
        scale, unit, end = _scaled(found, 2)
        values = frozenset({WORDS[found.group(1).lower()] * scale})
        yield _number(text[found.start() : end], values, unit), found.start(), end


def _number(text: str, values: frozenset[Value], unit: str) -> Particular:
    return Particular(kind="number", text=text.strip(), values=values, unit=unit)


def _scaled(found: re.Match[str], group: int) -> tuple[float, str, int]:
    """Reads what stands behind a number: a scale word, a unit, or a scale and then a unit; and where that ends."""
    one, other = (str(found.group(place) or "").lower() for place in (group, group + 1))
    if one in SCALES:
        return SCALES[one], UNITS.get(other, ""), found.end(group + 1) if other in UNITS else found.end(group)
    return 1.0, UNITS.get(one, ""), found.end(group) if one in UNITS else found.end(group - 1)


def _readings(digits: str) -> Iterator[float]:
    """Yields what a number may be: one mark before three digits groups in one language and is decimal in another."""
    bare = re.sub("[ \u00a0\u202f'\u2019+]", "", digits).replace("\u2212", "-")
    marks = [character for character in bare if character in ".,"]
    if not marks:
        yield float(bare)
        return
    last = marks[-1]
    grouped = re.fullmatch(r"-?\d{1,3}(?:[.,]\d{3})+", bare) is not None and len(set(marks)) == 1
    if grouped:
        yield float(bare.replace(last, ""))
    if marks.count(last) == 1:
        head, _, tail = bare.rpartition(last)
        yield float(f"{re.sub('[.,]', '', head)}.{tail}")
    elif not grouped:
        yield float(re.sub("[.,]", "", bare))


def _names(text: str) -> Iterator[Found]:
    for found in _NAME.finditer(text):
        listed = found.group().split()
        while listed and _folded(listed[0]) in ORDINARY:
            listed = listed[1:]
        while listed and _folded(listed[-1]) in ORDINARY:
            listed = listed[:-1]
        body = " ".join(listed)
        alone = len(listed) == 1 and not body.isupper()
        if not body or (alone and _opens(text, found.start())):
            continue
        item = Particular(kind="name", text=body, values=frozenset({_folded(body)}))
        yield item, found.start(), found.end()


def _opens(text: str, place: int) -> bool:
    """Whether a word stands where every word is capitalised: at the head of a sentence."""
    before = text[:place].rstrip(" \t\"'(\u201c\u2018\u00ab*_")
    return not before or before[-1] in ".!?\n:\u2026"


def _folded(word: str) -> str:
    """Returns letters without case and marks, and without a possessive ending."""
    plain = unicodedata.normalize("NFKD", word.casefold()).replace("\u2019", "'").removesuffix("'s")
    return "".join(character for character in plain if not unicodedata.combining(character))
