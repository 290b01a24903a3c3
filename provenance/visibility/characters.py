"""Text hidden in characters: tags, selectors, zero-width and filler characters, bidi overrides, look-alikes.

One expression looks a text over; only what it finds is looked at more closely. Joiners that Persian, Indic and
emoji need, marks at the edge of words and the wrapper of a C2PA manifest are left alone.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from corpus.types import Span
from provenance.credentials.wrapper import byte_of, store_in
from provenance.visibility.passage import Habit, Passage, clean, is_prose

_ZERO = (
    "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u180e\ufeff"
    "\u061c\u180b\u180c\u180d\u206a\u206b\u206c\u206d\u206e\u206f\ufff9\ufffa\ufffb"
    "\U0001d173\U0001d174\U0001d175\U0001d176\U0001d177\U0001d178\U0001d179\U0001d17a"
)
_MARKS = "\u200e\u200f"
"""Marks of direction: needed at the edge of words, never between letters of one script."""
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5\u034f"
_SUSPECTS = re.compile(
    f"[{_ZERO}{_FILLERS}{_MARKS}\u00ad\u202a-\u202e\u2066-\u2069\ufe00-\ufe0f\ue000-\uf8ff\U000e0000-\U0010ffff]"
)
_FOREIGN = re.compile("[\u0370-\u058f\u13a0-\u13ff]")
_LATIN = re.compile("[A-Za-z]")
_TAGS = re.compile("(?P<flag>\U0001f3f4)?(?P<run>[\U000e0000-\U000e007f]+)")
# The flags of regions that fonts draw (UTS 51, ED-14a and those of keyboards): any other sequence only hides.
_REGION = re.compile("(?:gb(?:eng|nir|sct|wls)|(?:us|ca)[a-z]{2})\x7f")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_SPREAD_SELECTORS = re.compile("(?:[A-Za-z .,][\ufe00-\ufe0f\U000e0100-\U000e01ef]){4,}")
_WORDS = re.compile(rb"[\x20-\x7e]{12,}")
_ZERO_RUN = re.compile(f"[{_ZERO}]{{8,}}")
_FILLER_RUN = re.compile(f"[{_FILLERS}]{{8,}}")
_LETTER = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_SPLIT_WORD = re.compile(f"(?<![{_LETTER}])[{_LETTER}]+(?:[{_ZERO}{_FILLERS}{_MARKS}]+[{_LETTER}]+)+")
_SOFT_WORD = re.compile(f"(?<![{_LETTER}])[{_LETTER}]+(?:\u00ad+[{_LETTER}]+)+")
_OVERRIDE = re.compile("[\u202d\u202e]([^\u202c\n]*)")
_NESTED = re.compile("[\u202a\u202b\u2066-\u2068][^\u202c\u2069\n]{0,200}?[\u202a-\u202e\u2066-\u2068]([^\n]{0,400})")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd][\ue000-\uf8ff\U000f0000-\U000ffffd\\s]{15,}")
_MIXED = re.compile(
    "(?<![A-Za-z\u0370-\u058f\u13a0-\u13ff])(?=[A-Za-z]*[\u0370-\u058f\u13a0-\u13ff])[A-Za-z\u0370-\u058f\u13a0-\u13ff]{4,}"
)
_UNSEEN = frozenset(_ZERO + _FILLERS + _MARKS)
_CONCEALED = re.compile("\x1b\\[(?:[0-9]+;)*8(?:;[0-9]+)*m([^\x1b]*)")  # ECMA-48, 8.3.117: SGR 8
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PRINTABLE = re.compile(r"[\t\n\r\x20-\x7e]+")
# One stray character is an accident of copying; a text split on purpose has them throughout.
_MIN_SPLITS = 3
_LINE = 400
_MAX_LINES = 2_000
"""Lines of one kind that are judged; findings are counted long before."""

Worth = Callable[[str], bool]


def read_characters(text: str, worth: Worth) -> tuple[Passage, ...]:
    """Returns what characters hide in a text.

    Args:
        text: Any text.
        worth: Whether a text deserves notice for what it says.
    """
    found: list[Passage] = [*_concealed(text), *_overtyped(text, worth)]
    if _is_latin_1(text):
        return tuple(found)
    if _FOREIGN.search(text) and _LATIN.search(text):
        found += _look_alikes(text)
    if not _SUSPECTS.search(text):
        return tuple(found)
    present = set(text)
    if any("\U000e0000" <= each < "\U000e0080" for each in present):
        found += _tags(text)
    if any(byte_of(each) >= 0 for each in present):
        found += _selectors(text, worth)
    if not present.isdisjoint(_UNSEEN):
        found += _runs(text)
        found += _split_words(text, worth, _SPLIT_WORD, "zero_width", f"[{_ZERO}{_FILLERS}{_MARKS}]+")
    if "\u00ad" in present:
        found += _split_words(text, worth, _SOFT_WORD, "soft_hyphen", "\u00ad+")
    if not present.isdisjoint(_BIDI):
        found += _overrides(text)
    if any("\ue000" <= each <= "\uf8ff" or each >= "\U000f0000" for each in present):
        found += _private(text)
    return tuple(found)


def _is_latin_1(text: str) -> bool:
    """Whether a text has only characters below U+0100 and no soft hyphen: of those none hides anything."""
    if text.isascii():
        return True
    try:
        return b"\xad" not in text.encode("latin-1")
    except UnicodeEncodeError:
        return False


def _passage(technique: str, start: int, end: int, said: str, habit: Habit = Habit.NEVER) -> Passage:
    span = Span(start=start, end=end)
    return Passage(technique=technique, place=f"offset {start}", text=clean(said), habit=habit, span=span)


def _concealed(text: str) -> Iterator[Passage]:
    """Yields what a terminal is told not to show."""
    for match in _CONCEALED.finditer(text) if "\x1b[" in text else ():
        if match[1].strip():
            yield _passage("terminal", match.start(), match.end(), match[1])


def _overtyped(text: str, worth: Worth) -> Iterator[Passage]:
    """Yields lines in which a terminal writes other letters over what stood there; bold and underlined do not."""
    places = [match.span() for match in re.finditer("\b", text)] if "\b" in text else []
    for start, end in _lines(text, places):
        line: list[str] = []
        lost: list[str] = []
        at = 0
        for each in text[start:end]:
            if each == "\b":
                at = max(0, at - 1)
                continue
            if at < len(line) and each != line[at] and "_" not in (each, line[at]):
                lost.append(line[at])
            line[at : at + 1] = [each]
            at += 1
        said = "".join(lost)
        if is_prose(said) or worth(said):
            yield _passage("terminal", start, end, said)


def _tags(text: str) -> Iterator[Passage]:
    for match in _TAGS.finditer(text):
        if match["flag"] and _REGION.fullmatch("".join(chr(ord(each) & 0x7F) for each in match["run"])):
            continue
        said = "".join(chr(ord(each) - 0xE0000) for each in match["run"] if 0xE0020 <= ord(each) < 0xE007F)
        if said.strip():
            yield _passage("tag_characters", match.start("run"), match.end("run"), said)


def _selectors(text: str, worth: Worth) -> Iterator[Passage]:
    for pattern in (_SELECTORS, _SPREAD_SELECTORS):
        for match in pattern.finditer(text):
            data = bytes(value for each in match[0] if (value := byte_of(each)) >= 0)
            if (store := store_in(data)) and not worth(_words(store)):
                continue  # a genuine C2PA manifest, which says nothing to a model
            decoded = data.decode("utf-8", "replace")
            said = decoded if _PRINTABLE.match(decoded) else f"{len(data)} bytes: {data[:60].hex(' ')}"
            yield _passage("variation_selectors", match.start(), match.end(), said)


def _words(store: bytes) -> str:
    """Returns what a person could read in a manifest store."""
    return " ".join(match[0].decode("ascii") for match in _WORDS.finditer(store))


def _runs(text: str) -> Iterator[Passage]:
    for technique, pattern in (("zero_width_code", _ZERO_RUN), ("filler", _FILLER_RUN)):
        for match in pattern.finditer(text):
            if len(set(match[0])) == 1 and match[0][0] == "\u2800":  # a row of blank braille cells draws a picture
                continue
            said = _bits(match[0]) or f"{len(match[0])} characters without width"
            yield _passage(technique, match.start(), match.end(), said)


def _bits(run: str) -> str:
    """Reads a run of two kinds of characters as bits of ASCII, in either sense; empty where that gives no text."""
    kinds = list(dict.fromkeys(run))
    separators = [kind for kind in kinds[2:] if run.count(kind) * 7 <= len(run)]
    for kind in separators:
        run = run.replace(kind, "")
    kinds = sorted(set(run))
    if len(kinds) != 2:
        return ""
    for zero in kinds:
        digits = "".join("0" if each == zero else "1" for each in run)
        for size in (8, 7, 16):
            codes = [int(digits[at : at + size], 2) for at in range(0, len(digits) - size + 1, size)]
            said = "".join(chr(code) for code in codes if code < 0xD800)
            if said and _PRINTABLE.fullmatch(said):
                return said
    return ""


def _overrides(text: str) -> Iterator[Passage]:
    for match in _OVERRIDE.finditer(text):
        if len(_LATIN.findall(match[1])) >= 4:
            yield _passage("bidi_override", match.start(), match.end(), match[1])
    for match in _NESTED.finditer(text):
        if len(_LATIN.findall(match[0])) >= 4 and "\u202e" not in match[0] and "\u202d" not in match[0]:
            yield _passage("bidi_nesting", match.start(), match.end(), match[0].translate(_NO_BIDI))


_NO_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def _private(text: str) -> Iterator[Passage]:
    for match in _PRIVATE.finditer(text):
        said = "".join(each if each.isspace() else chr(ord(each) & 0xFF) for each in match[0])
        if _PRINTABLE.fullmatch(said) and is_prose(said):
            yield _passage("private_use", match.start(), match.end(), said)


def _split_words(text: str, worth: Worth, word: re.Pattern[str], technique: str, mark: str) -> Iterator[Passage]:
    """Yields lines whose words are split by what nobody sees, where it is done throughout or hides what is said."""
    if not (found := list(word.finditer(text))):
        return
    marks = re.compile(mark)
    odd = [match.start() for match in found if _is_shredded(match[0], marks)]
    for start, end in _lines(text, [match.span() for match in found]):
        line = text[start:end]
        said = marks.sub("", line)
        shredded = bisect_left(odd, end) - bisect_left(odd, start)
        if shredded >= _MIN_SPLITS or (worth(said) and not worth(line)):
            yield _passage(technique, start, end, said)


def _is_shredded(word: str, marks: re.Pattern[str]) -> bool:
    """Whether a word is cut where no hyphenation cuts: a single letter off either end, or letter by letter."""
    parts = marks.split(word)
    return len(parts[0]) == 1 or len(parts[-1]) == 1 or "\u00ad" not in word


def _lines(text: str, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yields the lines that hold places, long ones in parts; at most `_MAX_LINES`."""
    done, count = -1, 0
    for first, last in places:
        if first < done or count >= _MAX_LINES:
            continue
        start = max(text.rfind("\n", max(0, first - _LINE), first) + 1, first - _LINE, done, 0)
        end = text.find("\n", last, last + _LINE)
        done = min(len(text), last + _LINE) if end < 0 else end
        count += 1
        yield start, done


def _look_alikes(text: str) -> Iterator[Passage]:
    """Yields words of Latin letters in which others of the same shape stand, gathered where they are near."""
    hits = [match.span() for match in _MIXED.finditer(text) if _is_disguised(match[0])]
    starts = [start for start, _ in hits]
    foreign = len(_FOREIGN.findall(text)) if hits else 0
    # Who writes two scripts on one keyboard slips now and then; whose text has one script does not.
    least = 6 if foreign * 10 > len(_LATIN.findall(text)) else 1
    for start, end in _lines(text, hits):
        inside = hits[bisect_left(starts, start) : bisect_left(starts, end)]
        if len(inside) >= least:
            said = " ".join(dict.fromkeys(text[first:last] for first, last in inside))
            yield _passage("look_alikes", inside[0][0], inside[-1][1], said)


def _is_disguised(word: str) -> bool:
    foreign = [each for each in word if not each.isascii()]
    latin = len(word) - len(foreign)
    if not foreign or latin < len(foreign) or latin < 2:
        return False
    # Units and formulas (µ, Δt, kΩ) put one letter at an end; a disguise stands inside as well as anywhere.
    if len(foreign) == 1 and (word[0] == foreign[0] or word[-1] == foreign[0]) and foreign[0] in _SYMBOLS:
        return False
    return all(_looks_latin(each) for each in set(foreign))


_SYMBOLS = frozenset("αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ")


@functools.lru_cache(maxsize=4096)
def _looks_latin(character: str) -> bool:
    from confusable_homoglyphs import confusables  # noqa: PLC0415 - reads its table when first asked

    found = confusables.is_confusable(character, preferred_aliases=["latin"])
    return bool(found) and any(
        each["c"].isascii() and each["c"].isalpha() for item in found for each in item["homoglyphs"]
    )
