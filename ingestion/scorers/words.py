"""Cuts text into words as the quality filters of the pre-training literature count them.

Thresholds such as "a mean word of 3 to 10 characters" only mean what their authors measured when words are
cut as theirs were: punctuation stands for itself, English contractions fall in two, abbreviations keep
their dot, addresses stay whole. The rules here give the words that spaCy's English tokenizer gives (the one
that datatrove counts with), as the tests show on real documents.

A chunk between two blanks is cut once and remembered, so a text costs one dictionary look-up a word. It
knows no threshold and no document.
"""

# ruff: noqa: RUF001 - the marks that look alike are what is told apart here

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

_CURRENCY = "$£€¥฿₽﷼₴\u20a0-\u20bf"
_PUNCT = "…,:;!?¿؟¡()\\[\\]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉\u2329\u232a⟦⟧"
_ICONS = "¦©®°\u2100\u2101\u2103-\u2106\u2117\u211e-\u2123\u2195-\u2199\u2300-\u2307\u230c-\u231f\u2322-\u2328\u232b-\u237b\u237d-\u239a\u23b4-\u23db\u23e2-\u2426\u2440-\u244a\u249c-\u24e9\u2500-\u25b6\u25b8-\u25c0\u25c2-\u25f7\u2600-\u266e\u2670-\u2767\u2794-\u27bf\u2800-\u28ff\u2b00-\u2b2f\ufffd\U0001f000-\U0001faff"  # noqa: E501
_UNITS = (
    "km²|km³|km|m²|m³|m/s|mm²|mm³|mm|mph|mbar|mb|mg|m|dm²|dm³|dm|cm²|cm³|cm|ha|µm|µg|nm|yd|in|ft|kg|kb|kmh|km/h|g|t|lb"
    "|oz|hPa|Pa|MB|KB|gb|GB|tb|TB|T|G|M|K|%"
)
_LONGEST = 2_000
"""Characters of a chunk that these rules cut; longer runs without a blank are no words (base64, minified code)."""
_REMEMBERED = 100_000


class _Memory(dict[str, tuple[str, ...]]):
    """Chunks that were cut already; forgets all of them when it has grown too large."""

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        if len(self) >= _REMEMBERED:
            self.clear()
        words = _cut(chunk)
        if len(chunk) <= 80:
            self[chunk] = words
        return words


_memory = _Memory()


def words_of(text: str) -> list[str]:
    """Returns the words of a text in order, punctuation included. Linear time."""
    return list(chain.from_iterable(map(_memory.__getitem__, text.split())))


def words_of_chunk(chunk: str) -> tuple[str, ...]:
    """Returns the words of a stretch without white space."""
    return _memory[chunk]


def _cut(chunk: str) -> tuple[str, ...]:
    if len(chunk) > _LONGEST:
        return tuple(re.findall(r"\w+|[^\w\s]", chunk))
    special = _exceptions()
    if chunk in special:
        return special[chunk]
    if chunk.isalpha():
        return (chunk,)
    before, middle, after = _peel(chunk, special)
    within = special[middle] if middle in special else _inside(middle)
    return _rejoined([*before, *within, *after], special)


def _rejoined(words: list[str], special: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Puts neighbours together again that are one word only in one another's company, such as `):`."""
    if len(words) < 2 or all(word.isalnum() for word in words):
        return tuple(words)
    found: list[str] = []
    place = 0
    while place < len(words):
        for width in (4, 3, 2):
            joined = "".join(words[place : place + width])
            if place + width <= len(words) and joined in special:
                found.extend(special[joined])
                place += width
                break
        else:
            found.append(words[place])
            place += 1
    return tuple(found)


def _peel(chunk: str, special: dict[str, tuple[str, ...]]) -> tuple[list[str], str, list[str]]:
    """Takes what may stand before and after a word off its ends, one each at a time."""
    rules = _rules_for(chunk)
    before: list[str] = []
    after: list[str] = []
    while chunk and chunk not in special:
        head = rules.prefix.match(chunk)
        size = head.end() if head else 0
        if head and chunk[size:] in special:
            before.append(chunk[:size])
            return before, chunk[size:], after[::-1]
        tail = rules.suffix.search(chunk, size)
        start = tail.start() if tail else len(chunk)
        if tail and chunk[:start] in special:
            after.append(chunk[start:])
            return before, chunk[:start], after[::-1]
        if not (head or tail):
            break
        if head:
            before.append(chunk[:size])
        if tail:
            after.append(chunk[start:])
        chunk = chunk[size:start]
    return before, chunk, after[::-1]


def _inside(chunk: str) -> Iterator[str]:
    """Yields the parts of a stretch between hyphens, slashes and commas; an address stays whole."""
    if not chunk:
        return
    rules = _rules_for(chunk)
    if "." in chunk and rules.address.match(chunk):
        yield chunk
        return
    start = 0
    for match in rules.infix.finditer(chunk):
        if match.start() == 0:
            continue
        if match.start() != start:
            yield chunk[start : match.start()]
        yield match[0]
        start = match.end()
    if start < len(chunk):
        yield chunk[start:]


class _Rules:
    """The patterns, made on first use: their character classes are read from the Unicode tables.

    Args:
        codes: Code points whose letters are looked up; chunks with others need the patterns that know those.
        caseless: Letters without case beside these, as the inside of a character class.
    """

    def __init__(self, codes: Iterable[int], caseless: str = "") -> None:
        letters = [chr(code) for code in codes if chr(code).isalpha()]
        lower = _ranges([char for char in letters if not char.isupper()]) + caseless
        upper = _ranges([char for char in letters if not char.islower()]) + caseless
        every = _ranges(letters) + caseless
        money = f"(?:US\\$|C\\$|A\\$|[{_CURRENCY}])"
        self.prefix = re.compile(rf"[§%=—–]|\+(?![0-9])|\.\.+|[{_PUNCT}]|[{_QUOTES}]|{money}|[{_ICONS}]")
        self.suffix = re.compile(
            rf"(?:\.\.+|[{_PUNCT}]|[{_QUOTES}]|[{_ICONS}]|['’][sS]|[—–]|(?<=[0-9])(?:\+|{money}|{_UNITS})"
            rf"|(?<=[0-9{lower}%²\-+{_PUNCT}{_QUOTES}])\.|(?<=[{upper}][{upper}])\.)$"
        )
        self.infix = re.compile(
            rf"\.\.+|…|[{_ICONS}]|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[{lower}{_QUOTES}])\.(?=[{upper}{_QUOTES}])"
            rf"|(?<=[{every}]),(?=[{every}])|(?<=[{every}0-9])(?:-|–|—|--|---|——|~)(?=[{every}])"
            rf"|(?<=[{every}0-9])[:<>=/](?=[{every}])"
        )
        host = r"[A-Za-z0-9\u00a1-\uffff][A-Za-z0-9\u00a1-\uffff_-]{0,62}"
        number = r"(?:1?\d{1,2}|2[0-4]\d|25[0-5])"
        self.address = re.compile(
            rf"(?:[\w+.-]{{2,}}://)?(?:[^\s@]+@)?(?:(?:{host}\.)+[{lower}]{{2,63}}|(?!10\.|127\.){number}(?:\.{number}){{3}})"
            r"(?::\d{2,5})?(?:[/?#]\S*)?$"
        )


def _rules_for(chunk: str) -> _Rules:
    """Returns the patterns that know the letters of a chunk; those for all letters take .1 s to compile."""
    if chunk.isascii():
        return _ascii_rules()
    return _rules() if _OTHER.search(chunk) else _latin_rules()


# Latin letters with marks, and General Punctuation, which holds no letter.
_OTHER = re.compile("[^\x00-\u024f\u2000-\u206f]")


@cache
def _ascii_rules() -> _Rules:
    return _Rules(range(0x80))


@cache
def _latin_rules() -> _Rules:
    return _Rules(range(0x250))


@cache
def _rules() -> _Rules:
    return _Rules((*range(0x3000), *range(0xA640, 0xABFF)), "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af")


def _ranges(chars: list[str]) -> str:
    """Returns characters as the inside of a character class."""
    spans: list[list[int]] = []
    for code in map(ord, chars):
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in spans)


_KEPT = (
    "' '' C++ and/or w/o 'S 's ‘S ‘s 're 'd 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout 'em 'll 'nuff"
    " ma'am Ma'am o'clock O'clock lovin' Lovin' havin' Havin' doin' Doin' goin' Goin' nothin' Nothin' nuthin'"
    " Nuthin' ol' Ol' somethin' Somethin' Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb."
    " Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H."
    " N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm."
    " Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont."
    " Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. ä. ö. ü."
)
_FACES = (
    ":) :-) :)) :-)) :))) (: (-: =) (= :] :-] [: [-: [= =] :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( :-(("
    " :((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :() :* :-* :> :-> :P :-P :p :-p :O :-O :o"
    " :-o :X :-X :x :-x :D :-D ;D =D :1 :3 :-3 =3 :0 :-0 >:o ^_^ ;_; -_- o_o O_o o_O O_O o.O O.o O.O o.o @_@ <3"
    " </3 >.< >.> <.< ._. v_v V_V v.v V.V"
)
_SPLIT = (
    "y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta Got|ta let|'s"
    " Let|'s c'm|on C'm|on"
)
_WHOLE = frozenset(
    re.findall(r"\w+", "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore")
)
"""Words that look like a contraction without its apostrophe and are none."""


@cache
def _exceptions() -> dict[str, tuple[str, ...]]:
    """Returns chunks that are not cut as their characters say."""
    found: dict[str, tuple[str, ...]] = {word: (word,) for word in (*_KEPT.split(), *_FACES.split())}
    found |= {f"{letter}.": (f"{letter}.",) for letter in string.ascii_lowercase}
    found |= {f"{hour}{half}": (str(hour), half) for hour in range(1, 13) for half in ("am", "pm", "a.m.", "p.m.")}
    for parts in chain((tuple(word.split("|")) for word in _SPLIT.split()), _contractions()):
        found["".join(parts)] = parts
        curly = tuple(part.replace("'", "’") for part in parts)
        found["".join(curly)] = curly
    return {chunk: parts for chunk, parts in found.items() if chunk not in _WHOLE}


def _contractions() -> Iterator[tuple[str, ...]]:
    """Yields English contractions with and without their apostrophe, small and capitalised."""
    endings = {
        "i": "'m 'm|a 'll 'll|'ve 'd 'd|'ve 've",
        "you we they": "'ll 'll|'ve 'd 'd|'ve 've 're",
        "he she it": "'ll 'll|'ve 'd 'd|'ve 's",
        "who what when where why how there": "'s 'll 'll|'ve 're 've 'd 'd|'ve",
        "that this": "'s 'll 'll|'ve 'd 'd|'ve",
        "these those": "'ll 'll|'ve 're 've 'd 'd|'ve",
        "ca could do does did had may might must need ought sha should wo would": "n't n't|'ve",
        "could might must should would": "'ve",
        "ai are is was were have has dare": "n't",
    }
    for words, ends in endings.items():
        for word in words.split():
            for end in (ending.split("|") for ending in ends.split()):
                for form in (word, word.title()):
                    yield (form, *end)
                    yield (form, *(part.replace("'", "") for part in end))
