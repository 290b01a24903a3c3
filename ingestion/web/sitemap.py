"""Lists of URLs that a site publishes: sitemaps (sitemaps.org, 0.9), their index, and plain text, one URL a line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from corpus.errors import SourceUnavailable

MOST_BYTES = 52_428_800
"""A sitemap has at most so many bytes, unpacked, and 50,000 URLs (sitemaps.org, "Sitemaps XML format")."""
_MOST_ENTRIES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list names.

    Attributes:
        pages: URLs of documents, in order.
        lists: URLs of further lists, of a sitemap index.
    """

    pages: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


def read_sitemap(data: bytes, where: str) -> Listed:
    """Reads a sitemap or a sitemap index, packed with gzip or not.

    No entity is resolved, nothing is fetched, and a document type is refused: no sitemap has one.

    Raises:
        SourceUnavailable: It is none, or is longer than a sitemap may be.
    """
    data = _unpacked(data, where)
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
        raise _no_list(where, "it has a document type or entities")
    root = _root(data, where)
    kind = root.tag.rpartition("}")[2] if isinstance(root.tag, str) else ""
    if kind not in ("urlset", "sitemapindex"):
        raise _no_list(where, f"its root element is {kind[:40]!r}")
    found = tuple(_places(root))
    if len(found) > _MOST_ENTRIES:
        raise _no_list(where, f"it names {len(found)} URLs; at most {_MOST_ENTRIES} are read")
    return Listed(pages=found) if kind == "urlset" else Listed(lists=found)


def read_lines(data: bytes, where: str) -> Listed:
    """Reads a list of URLs, one a line; empty lines and lines that begin with `#` say nothing.

    Raises:
        SourceUnavailable: It is not UTF-8, or is longer than such a list may be.
    """
    try:
        text = _unpacked(data, where).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_list(where, f"it is not UTF-8 (byte {error.start})") from error
    found = tuple(line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#"))
    if len(found) > _MOST_ENTRIES:
        raise _no_list(where, f"it names {len(found)} URLs; at most {_MOST_ENTRIES} are read")
    return Listed(pages=found)


def _unpacked(data: bytes, where: str) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            whole = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _no_list(where, f"it is packed wrongly ({error})") from error
    if len(whole) > MOST_BYTES:
        raise _no_list(where, f"it unpacks to more than {MOST_BYTES} bytes")
    return whole


def _root(data: bytes, where: str) -> Any:
    from lxml import etree  # noqa: PLC0415 - only a list of this kind is parsed

    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, reader)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _no_list(where, str(error)) from error


def _places(root: Any) -> Iterator[str]:
    for entry in root:
        if isinstance(entry.tag, str) and entry.tag.rpartition("}")[2] in ("url", "sitemap"):
            for part in entry:
                if isinstance(part.tag, str) and part.tag.rpartition("}")[2] == "loc" and (part.text or "").strip():
                    yield part.text.strip()
                    break


def _no_list(where: str, why: str) -> SourceUnavailable:
    return SourceUnavailable(f"{where} is no list of documents that can be read: {why}. Nothing was taken; mend it.")
