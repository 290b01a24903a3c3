"""What a sentence says that a rewording or a translation keeps: numbers, dates, names and identifiers.

Brought to one form across notations and languages: `1,200`, `1.200` and `1 200`; `26 March 2024`, `26. März 2024`
and `2024-03-26`; `12 %`, `12 percent` and `zwölf Prozent`. A number that can be read in two ways has both values.
Names are compared by their letters, so they agree only within one script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["number", "date", "name", "identifier"]

_MONTHS = MappingProxyType(
    {
        name: number
        for number, names in enumerate(
            (
                "january jan januar jänner janvier enero gennaio janeiro januari",
                "february feb februar février febrero febbraio fevereiro februari",
                "march mar märz mars marzo março maart",
                "april apr avril abril aprile",
                "may mai mayo maggio maio mei",
                "june jun juni juin junio giugno junho",
                "july jul juli juillet julio luglio julho",
                "august aug août agosto augustus",
                "september sep sept septembre septiembre settembre setembro",
                "october oct oktober octobre octubre ottobre outubro",
                "november nov novembre noviembre novembro",
                "december dec dezember dez décembre diciembre dicembre dezembro",
            ),
            1,
        )
        for name in names.split()
    }
)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WORDS = MappingProxyType(
    {
        word: float(value)
        for value, listed in {
            2: "two zwei deux dos due dois twee",
            3: "three drei trois tres tre três drie",
            4: "four vier quatre cuatro quattro quatro",
            5: "five fünf cinq cinco cinque vijf",
            6: "six sechs seis sei zes",
            7: "seven sieben sept siete sette sete zeven",
            8: "eight acht huit ocho otto oito",
            9: "nine neun neuf nueve nove negen",
            10: "ten zehn dix diez dieci dez tien",
            11: "eleven elf onze once undici",
            12: "twelve zwölf douze doce dodici doze twaalf",
            15: "fifteen fünfzehn quinze quince quindici",
            20: "twenty zwanzig vingt veinte venti vinte twintig",
            30: "thirty dreißig dreissig trente treinta trenta trinta dertig",
            40: "forty vierzig quarante cuarenta quaranta quarenta veertig",
            50: "fifty fünfzig cinquante cincuenta cinquanta cinquenta vijftig",
            60: "sixty sechzig soixante sesenta sessanta sessenta zestig",
            90: "ninety neunzig noventa novanta negentig",
            100: "hundred hundert cent cien cento honderd",
        }.items()
        for word in listed.split()
    }
)
_SCALES = MappingProxyType(
    {
        word: value
        for value, listed in {
            1e3: "thousand tausend mille mil mila duizend k",
            1e6: "million millions millionen mio millón millones milione milioni milhão milhões miljoen mn",
            1e9: "billion billions milliarde milliarden mrd milliard milliards miliardo miliardi miljard bn",
            1e12: "trillion trillions tn",
        }.items()
        for word in listed.split()
    }
)
_UNITS = MappingProxyType(
    {
        word: unit
        for unit, listed in {
            "%": "% percent prozent pourcent pct procent",
            "USD": "$ usd dollar dollars dólares",
            "EUR": "€ eur euro euros",
            "GBP": "£ gbp pound pounds",
            "JPY": "¥ jpy yen",
            "km": "km kilometer kilometers kilometre kilometres kilómetros",
            "m": "m meter meters metre metres metros",
            "kg": "kg kilogram kilograms kilogramm kilos",
            "day": "day days tag tage tagen jour jours día días giorno giorni dia dias dag dagen",
            "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
            "month": "month months monat monate monaten mois mes meses mese mesi maand maanden",
            "year": "year years jahr jahre jahren an ans année années año años anno anni ano anos jaar",
            "hour": "hour hours h stunde stunden heure heures hora horas ora ore uur",
            "minute": "minute minutes min minuten minuto minutos minuti",
            "GB": "gb gigabyte gigabytes",
            "MB": "mb megabyte megabytes",
            "ms": "ms millisecond milliseconds millisekunden",
        }.items()
        for word in listed.split()
    }
)
_YEARS = range(1500, 2200)
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
    rf"\b({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b(?:[ -]([^\W\d_]+))?(?:\s([^\W\d_]+))?", re.I
)
_IDENTIFIER = re.compile(
    r"(?<![\w@])(?=[\w./:@-]{3,80}(?![\w]))(?:"
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # an address
    r"|(?=[\w.-]*[A-Za-z])(?=[\w.-]*\d)\w+(?:[.-]\w+)*"  # ISO-9001, v2.3.1, H2O
    r"|[a-z0-9]+(?:_[a-z0-9]+)+|[a-z]+[A-Z]\w+|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+"  # snake_case, camelCase
    r")"
)
_NAME = re.compile(
    r"(?<![\w])(?:[A-Z]{2,}[a-z]?(?![\w])|[^\W\d_a-zß-öø-ÿ][\w'\u2019-]*[^\W\d_]"
    r"(?:\s+(?:(?:of|the|de|la|le|du|von|van|der|den|and|und|&)\s+){0,2}[^\W\d_a-zß-öø-ÿ][\w'\u2019-]*\w)*)"
)
_ORDINARY = frozenset(
    [
        "the",
        "this",
        "that",
        "these",
        "those",
        "there",
        "their",
        "they",
        "then",
        "when",
        "where",
        "which",
        "while",
        "what",
        "who",
        "whose",
        "with",
        "without",
        "within",
        "from",
        "into",
        "in",
        "on",
        "at",
        "by",
        "for",
        "to",
        "of",
        "and",
        "or",
        "but",
        "if",
        "as",
        "it",
        "its",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "he",
        "she",
        "we",
        "you",
        "his",
        "her",
        "our",
        "your",
        "my",
        "i",
        "a",
        "an",
        "not",
        "no",
        "however",
        "moreover",
        "furthermore",
        "additionally",
        "also",
        "although",
        "because",
        "since",
        "after",
        "before",
        "during",
        "over",
        "under",
        "between",
        "both",
        "all",
        "some",
        "many",
        "most",
        "more",
        "other",
        "another",
        "such",
        "each",
        "every",
        "here",
        "how",
        "why",
        "yes",
        "one",
        "first",
        "second",
        "finally",
        "overall",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "und",
        "oder",
        "aber",
        "wenn",
        "als",
        "wir",
        "sie",
        "er",
        "es",
        "ist",
        "sind",
        "war",
        "le",
        "la",
        "les",
        "un",
        "une",
        "des",
        "et",
        "ou",
        "mais",
        "il",
        "elle",
        "nous",
        "el",
        "los",
        "las",
        "una",
        "y",
        "o",
        "pero",
        "si",
        "en",
        "su",
        "il",
        "lo",
        "gli",
        "uno",
        "e",
    ]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How the particulars of one text stand to those of another.

    Attributes:
        agreeing: Those of the first that the second has too.
        missing: Those of the first that it does not have.
        contradicting: Numbers and dates of the first that the second does not have, where it has another of the
            same kind and unit that the first does not have; each with that one.
    """

    agreeing: tuple[Particular, ...] = ()
    missing: tuple[Particular, ...] = ()
    contradicting: tuple[tuple[Particular, Particular], ...] = ()


def particulars(text: str) -> tuple[Particular, ...]:
    """Returns what a sentence or a passage names exactly, each once. Linear time."""
    left, found = text, []
    for finder in (_iso_dates, _slashed_dates, _day_first_dates, _month_first_dates, _identifiers, _numbers, _spelt):
        for item, start, end in list(finder(left)):
            found.append(item)
            left = left[:start] + _TAKEN * (end - start) + left[end:]
    found += [item for item, _, _ in _names(left)]
    return tuple({(item.kind, item.values, item.unit): item for item in reversed(found)}.values())[::-1]


def agree(one: Particular, other: Particular) -> bool:
    """Returns whether two particulars are the same thing; a date that says less agrees with one that says more."""
    if {one.kind, other.kind} <= {"number", "date"} and "date" in (one.kind, other.kind):
        return any(_same_date(left, right) for left in _as_dates(one) for right in _as_dates(other))
    if one.kind == "number" == other.kind and one.unit and other.unit and one.unit != other.unit:
        return False
    if one.kind == other.kind == "name":
        return bool(one.values & other.values) or any(
            _part_of(left, right) for left in one.values for right in other.values
        )
    return bool(one.values & other.values)


def compare(ours: Sequence[Particular], theirs: Sequence[Particular]) -> Agreement:
    """Compares the particulars of two texts that may say the same."""
    agreeing = tuple(item for item in ours if any(agree(item, other) for other in theirs))
    missing = tuple(item for item in ours if item not in agreeing)
    free = [other for other in theirs if not any(agree(item, other) for item in ours)]
    contradicting = []
    for item in missing:
        rival = next((other for other in free if _rivals(item, other)), None)
        if rival is not None:
            contradicting.append((item, rival))
            free.remove(rival)
    return Agreement(agreeing=agreeing, missing=missing, contradicting=tuple(contradicting))


def _rivals(one: Particular, other: Particular) -> bool:
    return one.kind == other.kind and one.kind in ("number", "date") and one.unit == other.unit


def _as_dates(item: Particular) -> Iterator[tuple[int, int, int]]:
    for value in item.values:
        if isinstance(value, tuple):
            yield value
        elif isinstance(value, float) and not item.unit and value in _YEARS:
            yield (int(value), 0, 0)


def _same_date(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    both = [(left, right) for left, right in zip(one, other, strict=True) if left and right]
    return bool(both) and all(left == right for left, right in both)


def _part_of(one: Value, other: Value) -> bool:
    """Whether one name is the other shortened: `Hamilton` of `Lewis Hamilton`."""
    left, right = sorted((str(one).split(), str(other).split()), key=len)
    return len(left) < len(right) and (left == right[-len(left) :] or left == right[: len(left)])


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
        yield from _date(found, [(int(found.group(3) or 0), _MONTHS[found.group(2).lower()], int(found.group(1)))])


def _month_first_dates(text: str) -> Iterator[Found]:
    for found in _MONTH_FIRST.finditer(text):
        year = int(found.group(3) or found.group(4) or 0)
        if year or found.group(2):
            yield from _date(found, [(year, _MONTHS[found.group(1).lower()], int(found.group(2) or 0))])


def _date(found: re.Match[str], readings: Iterable[tuple[int, ...]]) -> Iterator[Found]:
    values = frozenset(
        (year, month, day)
        for year, month, day in readings
        if month <= _MOST_MONTHS and day <= _MOST_DAYS and (not year or year in _YEARS)
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
        if number is not None and number.group(1).lower() in {*_UNITS, *_SCALES}:
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
        yield _number(text[start:end], values, _UNITS.get(currency, unit)), start, end


def _spelt(text: str) -> Iterator[Found]:
    for found in _SPELT.finditer(text):
        scale, unit, end = _scaled(found, 2)
        values = frozenset({_WORDS[found.group(1).lower()] * scale})
        yield _number(text[found.start() : end], values, unit), found.start(), end


def _number(text: str, values: frozenset[Value], unit: str) -> Particular:
    return Particular(kind="number", text=text.strip(), values=values, unit=unit)


def _scaled(found: re.Match[str], group: int) -> tuple[float, str, int]:
    """Reads what stands behind a number: a scale word, a unit, or a scale and then a unit; and where that ends."""
    one, other = (str(found.group(place) or "").lower() for place in (group, group + 1))
    if one in _SCALES:
        return _SCALES[one], _UNITS.get(other, ""), found.end(group + 1) if other in _UNITS else found.end(group)
    return 1.0, _UNITS.get(one, ""), found.end(group) if one in _UNITS else found.end(group - 1)


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
        while listed and _folded(listed[0]) in _ORDINARY:
            listed = listed[1:]
        while listed and _folded(listed[-1]) in _ORDINARY:
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
