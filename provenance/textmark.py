"""The C2PA mark of plain text: a manifest store in characters that nobody sees, put behind the text.

C2PA 2.4, A.8, "Embedding manifests into unstructured text": U+FEFF, then one variation selector for each byte
of a header (`C2PATXT`, zero, version, length) and of the manifest store. The manifest itself is made by a C2PA
library over the text's UTF-8 bytes in NFC (`bound_bytes`); what it says is for that library to verify. Here it is
written, found again, and named by its digest, so that the registry knows the answer for certain.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from corpus.ids import sha256_hex
from corpus.types import Span
from provenance.credentials.wrapper import MAGIC, VERSION, byte_of, selector

_HEADER = struct.Struct("!8sBI")
_WRAPPER = re.compile("\ufeff([\ufe00-\ufe0f\U000e0100-\U000e01ef]{13,})")
_MOST_BYTES = 4_000_000
"""A larger manifest store is passed over: those of texts are some kilobytes."""
PREFIX = "c2pa-text:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMark:
    """A manifest store found in a text.

    Attributes:
        manifest: The manifest store (JUMBF), as it was embedded.
        span: Where the wrapper stands.
    """

    manifest: bytes
    span: Span

    @property
    def mark(self) -> str:
        """The name under which the registry keeps the answer."""
        return mark_of(self.manifest)


def mark_of(manifest: bytes) -> str:
    """Returns the mark to record with an answer that is served with this manifest store."""
    return PREFIX + sha256_hex(manifest)


def bound_bytes(text: str) -> bytes:
    """Returns the bytes of a text that its manifest is made over."""
    return unicodedata.normalize("NFC", text).encode("utf-8")


def wrap(text: str, manifest: bytes) -> str:
    """Puts a manifest store behind a text.

    Raises:
        ValueError: The text holds one already, or the store is empty or too large.
    """
    if not 0 < len(manifest) <= _MOST_BYTES:
        raise ValueError(f"a manifest store has 1 to {_MOST_BYTES} bytes, got {len(manifest)}")
    if next(find(text), None) is not None:
        raise ValueError("the text holds a C2PA mark already; a text may hold one only")
    data = _HEADER.pack(MAGIC, VERSION, len(manifest)) + manifest
    return unicodedata.normalize("NFC", text) + "\ufeff" + "".join(map(selector, data))


def find(text: str) -> Iterator[TextMark]:
    """Yields the marks of a text, in order; a wrapper that is cut or of another version is passed over."""
    for match in _WRAPPER.finditer(text):
        data = bytes(byte_of(letter) for letter in match[1][: _HEADER.size])
        magic, version, length = _HEADER.unpack(data)
        if magic != MAGIC or version != VERSION or not 0 < length <= min(_MOST_BYTES, len(match[1]) - _HEADER.size):
            continue
        held = match[1][_HEADER.size : _HEADER.size + length]
        span = Span(start=match.start(), end=match.end())
        yield TextMark(manifest=bytes(byte_of(letter) for letter in held), span=span)


def without(text: str) -> str:
    """Returns a text without its marks."""
    for found in reversed(list(find(text))):
        text = text[: found.span.start] + text[found.span.end :]
    return text
