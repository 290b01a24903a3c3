"""The C2PA manifest in unstructured text: a frame written in characters that nobody sees.

Format, as C2PA 2.4, A.8 (`C2PATextManifestWrapper`) has it: U+FEFF, then one variation selector per byte (0-15 are
U+FE00 to U+FE0F, 16-255 are U+E0100 to U+E01EF) of the frame: the magic `C2PATXT` and a zero byte, the version 1, the
length of the manifest store (32 bits, big-endian), the store (JUMBF, ISO 19566-5), and padding. The reference
implementation on PyPI, `c2pa-text`, reads the same frame, but takes any padding, does not look at the store, and scans
with one expression that costs as much on a text without a wrapper; the format is smaller than the dependency.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"C2PATXT\x00"
VERSION = 1
_HEADER = struct.Struct(">8sBI")
_BOX = struct.Struct(">I4s")
_STORE_TYPE = b"c2pa"  # ISO 19566-5 content type of a C2PA manifest store: the UUID that starts with these letters
# The padding of the specification and that of c2pa-text 3.0: other bytes behind the store are no padding.
_PADDING = frozenset(b"\x00\x10\xff")


def selector(byte: int) -> str:
    """Returns the variation selector that stands for a byte."""
    return chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16)


def byte_of(character: str) -> int:
    """Returns the byte that a variation selector stands for; -1 for another character."""
    number = ord(character)
    if 0xFE00 <= number <= 0xFE0F:
        return number - 0xFE00
    return number - 0xE0100 + 16 if 0xE0100 <= number <= 0xE01EF else -1


MARK = "".join(map(selector, MAGIC))
"""The magic as it stands in a text."""

MARK_UTF8 = MARK.encode("utf-8")
_RUN = re.compile(rb"(?:\xef\xbb\xbf)?(?:\xef\xb8[\x80-\x8f]|\xf3\xa0[\x84-\x87][\x80-\xbf])+")
_MARKER = "\ufeff".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """One frame in a text.

    Attributes:
        store: The manifest store; empty where the frame is not a genuine one.
        start: Where its first byte is in the UTF-8 of the text, its U+FEFF included.
        end: Where the run of selectors ends.
    """

    store: bytes
    start: int
    end: int


def wrappers(data: bytes) -> Iterator[Wrapper]:
    """Yields the frames in a text, in order.

    Args:
        data: The text in UTF-8.
    """
    at = data.find(MARK_UTF8)
    while at >= 0:
        start = at - len(_MARKER) if data.startswith(_MARKER, max(0, at - len(_MARKER))) and at else at
        run = _RUN.match(data, start)
        end = run.end() if run else at + len(MARK_UTF8)
        yield Wrapper(store=store_in(_framed(data[at:end])), start=start, end=end)
        at = data.find(MARK_UTF8, end)


def store_in(framed: bytes) -> bytes:
    """Returns the manifest store in a frame; empty where it is no genuine frame.

    Args:
        framed: The bytes that a run of variation selectors stands for.
    """
    if len(framed) < _HEADER.size:
        return b""
    magic, version, length = _HEADER.unpack_from(framed)
    store, padding = framed[_HEADER.size : _HEADER.size + length], framed[_HEADER.size + length :]
    if magic != MAGIC or version != VERSION or len(store) != length or not is_store(store):
        return b""
    # A pad makes up for bytes whose selectors are shorter: at most a third of the frame, and the margin of 6.
    is_padding = _PADDING.issuperset(padding) and len(padding) <= (_HEADER.size + length) // 3 + 8
    return store if is_padding else b""


def is_store(data: bytes) -> bool:
    """Whether bytes are one JUMBF box of a C2PA manifest store, and nothing beside it."""
    if len(data) < 2 * _BOX.size + len(_STORE_TYPE):
        return False
    length, kind = _BOX.unpack_from(data)
    _, inner = _BOX.unpack_from(data, _BOX.size)
    named = data[2 * _BOX.size :].startswith(_STORE_TYPE)
    return length == len(data) and kind == b"jumb" and inner == b"jumd" and named


def _framed(run: bytes) -> bytes:
    return bytes(value for each in run.decode("utf-8", "ignore") if (value := byte_of(each)) >= 0)
