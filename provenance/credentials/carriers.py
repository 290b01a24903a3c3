"""Where a document carries a C2PA manifest, told from its bytes alone.

A cheap search comes first; an ordinary document ends there. Nothing is verified and no library is needed, so that a
manifest is noticed also where it cannot be read. Places: C2PA 2.4, A.3 (SVG), A.4 (PDF), A.6 (ZIP-based), A.7 (HTML),
A.8 (unstructured text), A.9 (structured text), 11.4 (external).
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from provenance.credentials.wrapper import MARK_UTF8, wrappers

ZIP_MEMBER = "META-INF/content_credential.c2pa"
_ZIP_NAME = ZIP_MEMBER.encode()
PDF = "application/pdf"
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_MAX_STORE = 50_000_000
_PDF_SIGNS = (b"jumdc2pa", b"C2PA_Manifest", b"application#2Fc2pa", b"application#2fc2pa", b"application/c2pa")
_REMOTE = re.compile(rb"dcterms:provenance(?:>|\s{0,3}=\s{0,3}[\"'])([^\"'<>]{1,500})")
_SVG = re.compile(rb"<c2pa:manifest\b[^<>]{0,500}>([^<]*)</c2pa:manifest\s*>")
_SCRIPT = re.compile(
    rb"<script\b[^<>]{0,500}\btype\s{0,3}=\s{0,3}[\"']?application/c2pa\b[^<>]{0,500}>([^<]*)</script\s*>",
    re.IGNORECASE,
)
_LINK = re.compile(rb"<link\b[^<>]{0,500}\brel\s{0,3}=\s{0,3}[\"']?c2pa-manifest\b[^<>]{0,1000}>", re.IGNORECASE)
_HREF = re.compile(
    rb"\bhref\s{0,3}=\s{0,3}(?:\"([^\"]{1,100000})\"|'([^']{1,100000})'|([^\s\"'>]{1,2000}))", re.IGNORECASE
)
_BLOCK = re.compile(rb"-----BEGIN C2PA MANIFEST-----\s{0,9}([^\s<>]{1,})\s{0,9}-----END C2PA MANIFEST-----")
_DATA_URI = re.compile(rb"data:application/c2pa;base64,", re.IGNORECASE)
_SYMBOLS = re.compile(rb"[\W_]*", re.ASCII)
_TEXT_SIGNS = (b"c2pa", b"C2PA MANIFEST", MARK_UTF8)


class Way(StrEnum):
    """How a manifest is carried."""

    BESIDE = "file beside it"
    PDF = "PDF"
    ZIP = "ZIP member"
    SVG = "SVG element"
    HTML = "HTML element"
    TEXT = "text wrapper"
    BLOCK = "text block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """One place that carries a manifest.

    Attributes:
        way: How.
        store: The manifest store; empty where only the library finds it, or none could be decoded.
        start: First byte of the place in the document; -1 where it is no stretch of its bytes.
        end: The byte after the last.
        url: Where a manifest is that is kept elsewhere, empty where it is here.
        problem: Why the store cannot be had, empty where it can.
    """

    way: Way
    store: bytes = b""
    start: int = -1
    end: int = -1
    url: str = ""
    problem: str = ""


def carriers(data: bytes, media_type: str, beside: bytes = b"") -> tuple[Carrier, ...]:
    """Returns the places that carry a manifest, the file beside the document first.

    Args:
        data: The document, as it came.
        media_type: What it is.
        beside: The manifest store kept in a file beside it, empty for none.
    """
    found = [Carrier(way=Way.BESIDE, store=beside)] if beside else []
    if media_type == PDF:
        found += _in_pdf(data)
    elif data.startswith(b"PK\x03\x04"):
        found += _in_zip(data)
    elif any(sign in data for sign in _TEXT_SIGNS):
        found += _in_text(data, media_type)
    return tuple(found)


def _in_text(data: bytes, media_type: str) -> Iterator[Carrier]:
    yield from _in_markup(data, media_type)
    for one in wrappers(data):
        problem = "" if one.store else "the frame in the text is not a complete one"
        yield Carrier(way=Way.TEXT, store=one.store, start=one.start, end=one.end, problem=problem)
    yield from _in_blocks(data)


def _in_pdf(data: bytes) -> Iterator[Carrier]:
    if (b"c2pa" in data or b"C2PA" in data) and any(sign in data for sign in _PDF_SIGNS):
        yield Carrier(way=Way.PDF)
    elif b"dcterms:provenance" in data and (remote := _REMOTE.search(data)):
        yield Carrier(way=Way.PDF, url=remote[1].decode("utf-8", "replace"))


def _in_zip(data: bytes) -> Iterator[Carrier]:
    if _ZIP_NAME not in data:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = archive.getinfo(ZIP_MEMBER)
            store = archive.read(member) if member.file_size <= _MAX_STORE else b""
    except KeyError:
        return
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        yield Carrier(way=Way.ZIP, problem=str(error))
        return
    yield Carrier(way=Way.ZIP, store=store, problem="" if store else "it is empty, or larger than can be")


def _in_markup(data: bytes, media_type: str) -> Iterator[Carrier]:
    if media_type in _HTML:
        for match in _SCRIPT.finditer(data):
            if not _in_comment(data, match.start()):
                yield _encoded(Way.HTML, match[1], match.start(), match.end())
        for match in _LINK.finditer(data):
            href = _HREF.search(match[0])
            if href and not _in_comment(data, match.start()):
                yield _referenced(Way.HTML, href[1] or href[2] or href[3], match.start(), match.end())
    elif b"<svg" in data:
        for match in _SVG.finditer(data):
            yield _encoded(Way.SVG, match[1], match.start(), match.end())


def _in_blocks(data: bytes) -> Iterator[Carrier]:
    for match in _BLOCK.finditer(data):
        start = data.rfind(b"\n", 0, match.start()) + 1
        after = data.find(b"\n", match.end())
        end = len(data) if after < 0 else after + 1
        # The line belongs to the block where nothing but comment signs stands in it.
        alone = _SYMBOLS.fullmatch(data, start, match.start()) and _SYMBOLS.fullmatch(data, match.end(), end)
        place = (start, end) if alone else match.span()
        yield _referenced(Way.BLOCK, match[1], *place)


def _referenced(way: Way, reference: bytes, start: int, end: int) -> Carrier:
    if _DATA_URI.match(reference):
        return _encoded(way, reference.partition(b",")[2], start, end)
    return Carrier(way=way, start=start, end=end, url=reference.decode("utf-8", "replace")[:500])


def _encoded(way: Way, text: bytes, start: int, end: int) -> Carrier:
    try:
        store = base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        return Carrier(way=way, start=start, end=end, problem=f"it is not base64 ({error})")
    return Carrier(way=way, store=store, start=start, end=end, problem="" if store else "it is empty")


def _in_comment(data: bytes, at: int) -> bool:
    opened = data.rfind(b"<!--", 0, at)
    return opened >= 0 and data.find(b"-->", opened, at) < 0
