"""Marks that a served answer carries, so that it is known for certain when it comes back.

A footer is one line that people can read and one token that nobody can forge:

    Written with AI by support-bot on 2026-03-01 from handbook v000012 - stemma:answer:<what>:<signature>

The token is Base32: it survives Markdown, HTML, mail, case folding, and line breaks inside it. `what` holds the
key's and the answer's digests, the day, a digest of the readable words, and a sketch of the answer's word groups,
so that a footer under another text is told from one under its own. The signature is Ed25519 (RFC 8032).

Nothing here reads a key file, a catalog or a clock.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np

from corpus.types import Span
from provenance.grams import WIDTH, Grams, grams

Sign = Callable[[bytes], bytes]
"""Signs a message with Ed25519: 64 bytes."""
Verdict = Literal["signed", "unknown_key", "forged"]

SCHEME = "stemma:answer:"
SKETCH = 8
"""Word groups that a mark remembers. With 3 of 10 words edited about 3 of 8 are left (.7^3 = .34 each)."""
LEAST_SKETCH = 2
"""Of them must stand in a text for the mark to be under its own: by chance they do in 1 of 100,000 of 10,000 words."""

_DOMAIN = b"stemma-answer-mark/1\x00"
_LAYOUT = struct.Struct(f"!B4sH12s6sB{3 * SKETCH}s")
_VERSION = 1
_WHAT, _SIGNATURE = 80, 103
"""Base32 characters of 50 and of 64 bytes."""
_START = re.compile(r"stemma\s{0,2}:\s{0,2}answer\s{0,2}:", re.IGNORECASE)
_SKIPPED = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_MOST_MARKS = 50
"""Marks of one text that are looked at; what comes after is more of the same."""
_LEAD = "written with ai by"
_BEFORE = 400
_REACH = 60
"""Words before the first group that was found which may belong to the answer too."""
_EPOCH = date(1970, 1, 1)
_LOW = np.uint64(0xFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a token says.

    Attributes:
        key: First bytes of the digest of the public key that is said to have signed it.
        day: The day on which the answer was served, in UTC.
        id_digest: Digest of the answer's id, hexadecimal.
        words: Digest of the readable words, hexadecimal.
        sketch: Word groups of the answer, the low 24 bits of each; empty where it has fewer than three words.
        signature: The signature, 64 bytes.
        span: Where the token stands in the text it was found in; None for one that was just made.
    """

    key: bytes
    day: date
    id_digest: str
    words: str
    sketch: tuple[int, ...]
    signature: bytes = b""
    span: Span | None = None

    @property
    def what(self) -> bytes:
        """The bytes that are signed, without the domain."""
        days = (self.day - _EPOCH).days
        packed = b"".join(number.to_bytes(3, "big") for number in self.sketch).ljust(3 * SKETCH, b"\x00")
        ids = (bytes.fromhex(self.id_digest), bytes.fromhex(self.words))
        return _LAYOUT.pack(_VERSION, self.key, days, *ids, len(self.sketch), packed)

    @property
    def token(self) -> str:
        """The mark as it is written, and as the registry keeps it."""
        return f"{SCHEME}{_base32(self.what)}:{_base32(self.signature)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How much of a marked answer stands in a text.

    Attributes:
        found: Word groups of the sketch that stand in it.
        of: Word groups of the sketch; 0 where nothing can be compared.
        span: From the paragraph of the first of them to the end of the mark; None where none is found.
        share: Share of the text's words that this stretch holds.
    """

    found: int
    of: int
    span: Span | None = None
    share: float = 0.0

    @property
    def same(self) -> bool:
        """Whether the mark stands under its own text, as far as that can be told."""
        return self.found >= min(LEAST_SKETCH, self.of)


def key_hint(public_key: bytes) -> bytes:
    """Returns the bytes by which a mark names a key.

    Args:
        public_key: The raw Ed25519 public key, 32 bytes.
    """
    return hashlib.sha256(public_key).digest()[:4]


def id_digest_of(answer_id: str) -> str:
    """Returns the digest by which a mark names an answer, 12 bytes in hexadecimal."""
    return hashlib.sha256(b"stemma-answer-id\x00" + answer_id.encode("utf-8")).hexdigest()[:24]


def sketch_of(text: str) -> tuple[int, ...]:
    """Returns what a mark remembers of a text: the low bits of its smallest word groups."""
    smallest = np.unique(grams(text).hashes)[:SKETCH]
    return tuple(int(number) for number in smallest & _LOW)


def words_of(system: str, day: date, index_version: str = "") -> str:
    """Returns the readable words of a footer.

    Args:
        system: Which RAG system served.
        day: When.
        index_version: `NAME/v000001` it was retrieved from; empty leaves it out.
    """
    name, _, version = " ".join(index_version.split()).partition("/")
    source = f" from {name} {version}".rstrip() if name else ""
    by = " ".join("".join(c if c.isprintable() else " " for c in system).split()) or "a RAG system"
    return f"Written with AI by {by} on {day.isoformat()}{source}"


def make(
    text: str,
    *,
    answer_id: str,
    served_at: datetime,
    system: str,
    sign: Sign,
    public_key: bytes,
    index_version: str = "",
) -> tuple[Mark, str]:
    """Makes the mark of an answer.

    Args:
        text: The answer.
        answer_id: Its id.
        served_at: When it is served, aware.
        system: Which RAG system serves it.
        sign: Signs with the private key.
        public_key: The raw public key that belongs to it.
        index_version: `NAME/v000001` it was retrieved from; empty where not known.

    Returns:
        The mark, and the line to put under the answer.

    Raises:
        ValueError: The answer has no id, or the time is not within the years 1970 to 2149.
    """
    day = served_at.astimezone(UTC).date()
    if not answer_id:
        raise ValueError("an answer needs an id to be marked")
    if not 0 <= (day - _EPOCH).days < 1 << 16:
        raise ValueError(f"a mark holds days from 1970-01-01 to 2149-06-06, got {day.isoformat()}")
    words = words_of(system, day, index_version)
    mark = Mark(
        key=key_hint(public_key),
        day=day,
        id_digest=id_digest_of(answer_id),
        words=_words_digest(words),
        sketch=sketch_of(text),
    )
    mark = replace(mark, signature=sign(_DOMAIN + mark.what))
    return mark, f"{words} \u00b7 {mark.token}"


def find(text: str) -> Iterator[Mark]:
    """Yields the marks of a text, in order; what only looks like one is passed over. Linear time."""
    for number, start in enumerate(_START.finditer(text)):
        if number >= _MOST_MARKS:
            return
        what, place = _taken(text, start.end(), _WHAT)
        colon = _after(text, place, ":")
        signature, end = _taken(text, colon, _SIGNATURE) if colon >= 0 else ("", place)
        mark = _read(what, signature)
        if mark is not None:
            yield replace(mark, span=Span(start=start.start(), end=end))


def judge(mark: Mark, keys: Mapping[str, bytes]) -> tuple[Verdict, str]:
    """Checks a mark's signature.

    Args:
        mark: The mark.
        keys: Key id to raw Ed25519 public key, of those that are trusted.

    Returns:
        `signed` and the id of the key; `unknown_key` where no trusted key has that hint; else `forged`.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only where a text holds a mark
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    named = {key_id: raw for key_id, raw in keys.items() if key_hint(raw) == mark.key}
    for key_id, raw in named.items():
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(mark.signature, _DOMAIN + mark.what)
        except InvalidSignature:
            continue
        return "signed", key_id
    return ("forged" if named else "unknown_key"), ""


def words_changed(text: str, mark: Mark) -> bool | None:
    """Returns whether the readable words before a mark are others than those signed; None where there are none."""
    if mark.span is None:
        return None
    before = text[max(mark.span.start - _BEFORE, 0) : mark.span.start]
    place = " ".join(before.lower().split()).rfind(_LEAD)
    if place < 0:
        return None
    return _words_digest(" ".join(before.split())[place:]) != mark.words


def compare(text: str, sketch: tuple[int, ...], end: int, *, place: Grams | None = None) -> Compared:
    """Looks for the word groups of a marked answer in the text before its mark.

    Args:
        text: The text.
        sketch: `sketch_of` the answer.
        end: Where the mark ends.
        place: `grams(text)` if the caller has them.
    """
    found = place if place is not None else grams(text)
    if not sketch or not len(found.hashes):
        return Compared(found=0, of=len(sketch))
    low = found.hashes & _LOW
    hit = np.flatnonzero(np.isin(low, np.array(sketch, dtype=np.uint64)) & (found.starts[: len(low)] < end))
    if not len(hit):
        return Compared(found=0, of=len(sketch))
    number = len(np.unique(low[hit]))
    first = int(found.starts[hit[0]])
    paragraph = text.rfind("\n\n", 0, first) + 2 if "\n\n" in text[:first] else 0
    # A text without paragraphs must not become an answer as a whole because one stands at its end.
    start = max(paragraph, int(found.starts[max(int(hit[0]) - _REACH, 0)]))
    words = int(np.count_nonzero((found.starts >= start) & (found.starts < end)))
    last = max(end, int(found.ends[hit[-1] + WIDTH - 1]))
    return Compared(found=number, of=len(sketch), span=Span(start=start, end=last), share=words / found.words)


def _words_digest(words: str) -> str:
    """The digest of words as they are read: case, blanks, quotes and marks of punctuation do not count."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", words).casefold() if c.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _taken(text: str, start: int, number: int) -> tuple[str, int]:
    """Reads that many Base32 characters, over line breaks and what editors put in between."""
    found: list[str] = []
    place, skipped = start, 0
    while place < len(text) and len(found) < number and skipped < 20:
        letter = text[place].lower()
        if letter in _ALPHABET:
            found.append(letter)
            skipped = 0
        elif letter.isspace() or letter in _SKIPPED or letter in ">|-=":
            skipped += 1
        else:
            break
        place += 1
    return "".join(found), place


def _after(text: str, place: int, sign: str) -> int:
    """Returns the place after a sign that stands next but for blanks; -1 where another stands there."""
    while place < len(text) and (text[place].isspace() or text[place] in _SKIPPED):
        place += 1
    return place + 1 if text[place : place + 1] == sign else -1


def _read(what: str, signature: str) -> Mark | None:
    if len(what) != _WHAT or len(signature) != _SIGNATURE:
        return None
    raw = base64.b32decode(what.upper())
    version, key, days, id_digest, words, number, packed = _LAYOUT.unpack(raw)
    if version != _VERSION or number > SKETCH:
        return None
    return Mark(
        key=key,
        day=_EPOCH + timedelta(days=days),
        id_digest=id_digest.hex(),
        words=words.hex(),
        sketch=tuple(int.from_bytes(packed[3 * n : 3 * n + 3], "big") for n in range(number)),
        signature=base64.b32decode(signature.upper() + "="),
    )
