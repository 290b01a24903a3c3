"""Guesses the encoding of text that is not UTF-8 and says nothing of itself.

charset_normalizer tells scripts and East Asian encodings apart well, but not the single-byte encodings
of one script: the same bytes are letters in all of them. There the language decides: in the right
encoding a text uses the letters of its own alphabet, in a neighbour it uses others between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingestion.language import language_of

# Letters beyond a to z, lower case, from the alphabets of the languages that legacy encodings were made for.
_ALPHABETS: Mapping[str, str] = {
    "af": "áéèêëíîïóôöúû", "bg": "абвгдежзийклмнопрстуфхцчшщъьюяѝ", "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    "bs": "čćđšž", "ca": "àçèéíïòóúü·", "cs": "áčďéěíňóřšťúůýž", "da": "æøåéä", "de": "äöüß",
    "eo": "ĉĝĥĵŝŭ", "es": "áéíóúüñªº", "et": "äöõüšž", "eu": "ñç", "fi": "äöåšž", "fr": "àâæçéèêëîïôœùûüÿ",
    "ga": "áéíóú", "gl": "áéíóúüñï", "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áéíóúýþæöð", "it": "àèéìíîòóùúªº",
    "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш", "mt": "ċġħżà",
    "nl": "áàéèêëíïóöúü", "no": "æøåéèêóòôü", "nn": "æøåéèêóòô", "pl": "ąćęłńóśźż", "pt": "àáâãçéêíóôõúüªº",
    "ro": "ăâîșțşţ", "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "sh": "čćđšž", "sk": "áäčďéíĺľňóôŕšťúýž",
    "sl": "čšžćđ", "sq": "çë", "sr": "абвгдђежзијклљмнњопрстћуфхцчџшčćđšž", "sv": "åäöéà",
    "tr": "âçğıîöşüû", "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
}  # fmt: skip
# In the order in which people mean them, where the text reads the same in several.
_LATIN = ("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "mac_roman", "cp850", "cp852", "cp437", "iso8859_3")
_CYRILLIC = ("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "mac_cyrillic", "cp855")
_COMMON = frozenset({"cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", *_CYRILLIC})
_EAST_ASIAN = ("cp932", "gb18030", "big5hkscs", "euc_jp", "cp949")
_SINGLE_BYTE = re.compile(r"(?:cp|iso8859_|mac_|koi8_|hp_|latin|kz|ptcp)")
_OTHER_SCRIPTS = re.compile(
    r"cp(?:932|949|950|1253|1255|1256|737|869|875|862|864|720|874|1006)\Z|mac_(?:greek|arabic|farsi)|iso8859_(?:6|7|8|11)"
)
# Signs that stand around words in any language.
_SIGNS = frozenset(
    "\u201c\u201d\u201e\u2018\u2019\u201a\u2013\u2014\u2026\u2039\u203a\u2020\u2021\u2022\u2030\u2122\u20ac\u2116"
    "\xa0¡£¥¨©«\xad®°±²³\xb4µ¶·¹»¼½¾¿\xd7§"
)
_INSIDE_WORDS = frozenset("\u2019·\xad")
_ODD = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f\ue000-\uf8ff]")
_GUESS_BYTES = 200_000
_RANK_BYTES = 6_000
# Under a fifth more right letters than wrong ones, the language says nothing; measured on encodings_chardet.
_MIN_SCORE = 0.2
# Capitals inside words are wrong letters, and many capitals a sign that cases are swapped (KOI8 against cp1251).
_CAPITALS_WEIGHT = 0.3
# Signs alone are where a writer puts them only in the right encoding; DOS and Macintosh read them as letters.
_ONLY_SIGNS = 0.9
_RARE_WEIGHT = 0.85
_MAX_LOSS = 0.02


def guess(data: bytes) -> str:
    """Returns the Python codec that a text is most likely in; empty where none fits.

    Args:
        data: Bytes that are not UTF-8.
    """
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only files that are not UTF-8 need it

    best = from_bytes(data[:_GUESS_BYTES]).best()
    if best is None:
        return _least_loss(data[:_GUESS_BYTES])
    first = str(best.encoding)
    if not _SINGLE_BYTE.match(first) or _OTHER_SCRIPTS.match(first):
        return first
    telling = b"\n".join(line for line in data[:_GUESS_BYTES].split(b"\n") if not line.isascii())
    return _by_language(telling[:_RANK_BYTES]) or first


def _by_language(data: bytes) -> str:
    """Returns the encoding in which the text uses the letters of its own language; empty for none."""
    best, best_score = "", _MIN_SCORE
    for encoding in (*_LATIN, *_CYRILLIC):
        score = _score(data, encoding)
        if score > best_score:
            best, best_score = encoding, score
    return best


def _score(data: bytes, encoding: str) -> float:
    """Returns right letters less wrong characters, as a share of both; only characters beyond ASCII count."""
    try:
        text = data.decode(encoding)
    except ValueError:
        return -1.0
    if _ODD.search(text):
        return -1.0
    alphabet = _ALPHABETS.get(language_of(text))
    if alphabet is None:
        return -1.0
    worths = [_worth(text, at, alphabet) for at, letter in enumerate(text) if not letter.isascii()]
    letters = sum(worth != 0 for worth in worths)
    capitals = sum(letter.isupper() for letter in text if not letter.isascii())
    if not letters:
        return _ONLY_SIGNS if worths else -1.0
    score = (sum(worths) - capitals * _CAPITALS_WEIGHT) / letters
    return score if encoding in _COMMON else score * _RARE_WEIGHT


def _worth(text: str, at: int, alphabet: str) -> int:
    """Returns 1 for a letter that the language has where it may stand, 0 for a sign, -1 for anything else."""
    letter, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if letter in _SIGNS:
        return -1 if before.isalpha() and after.isalpha() and letter not in _INSIDE_WORDS else 0
    if letter.isupper() and before.islower():
        return -1
    return 1 if letter.lower()[0] in alphabet or letter == "İ" else -1


def _least_loss(data: bytes) -> str:
    """Returns the East Asian encoding in which a damaged text loses at most one in fifty characters."""
    losses = {}
    for encoding in _EAST_ASIAN:
        text = data.decode(encoding, "replace")
        foreign = sum(not letter.isascii() for letter in text)
        losses[encoding] = (text.count("\ufffd") + len(_ODD.findall(text))) / max(1, foreign)
    best = min(losses, key=lambda name: losses[name])
    return best if losses[best] <= _MAX_LOSS else ""
