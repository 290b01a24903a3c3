"""HTML: what a reader of the page sees, with its structure.

Scripts, styles, templates, navigation, footers and elements hidden by attribute or inline style are
left out; a page that consists of nothing else is read whole. What the page says of itself (meta tags,
title, language, JSON-LD) is metadata. No entity is resolved and nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import ParsedDocument, RawBlob
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import Layout, require_text, require_whole, tidy
from ingestion.parsers.walk import Walker

NAME = "html/1"
_LINKS = re.compile(r"(?:https?:)?//|mailto:", re.IGNORECASE)


class HtmlParser:
    """Reads web pages with lxml."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "lxml": version("lxml")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        source, notes = decode(blob.data, markup=True)
        require_text(source, "page")
        root = _tree(source)
        layout, seen = _laid_out(root)
        require_text(layout.text, "page")
        metadata = _metadata(root)
        return ParsedDocument(
            text=layout.text,
            blocks=layout.blocks,
            title=_title(root) or metadata.get("og:title", ""),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=(*notes, *seen),
            links=tuple(dict.fromkeys(_links(root))),
        )


def page(source: str) -> tuple[Layout, tuple[str, ...], list[str]]:
    """Lays out a page that is part of another document; returns its text, what was noted, and where it links to."""
    root = _tree(source)
    layout, seen = _laid_out(root)
    return layout, seen, list(_links(root))


def _tree(source: str) -> Any:
    from lxml import etree  # noqa: PLC0415 - an unchanged run parses nothing

    # Given bytes and their encoding, lxml cannot be led astray by what the page declares.
    # Large pages are read whole (2,048 levels, texts of any length): time and memory have limits elsewhere.
    reader = etree.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(source.encode("utf-8"), reader)
    require_whole(reader.error_log, "page")
    if root is None:
        raise ParseError("The page holds no element and no text. Add text, or remove it.", code="empty")
    return root


def _laid_out(root: Any) -> tuple[Layout, tuple[str, ...]]:
    body = root.find("body")
    start = root if body is None else body
    walker = Walker(skip_chrome=True)
    walker.walk(start)
    if walker.layout.text.strip():
        return walker.layout, tuple(sorted(walker.notes))
    walker = Walker(skip_chrome=False)
    walker.walk(start)
    return walker.layout, tuple(sorted({*walker.notes, "kept_navigation"}))


def _title(root: Any) -> str:
    found = root.find(".//title")
    return " ".join(tidy("".join(found.itertext())).split()) if found is not None else ""


def _metadata(root: Any) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for key, value in (*_meta_tags(root), *_page_facts(root)):
        known = metadata.get(key)
        if value and known != value:
            metadata[key] = value if known is None else f"{known}; {value}"
    linked = [value for script in root.iterfind(".//script") if (value := _json_ld(script)) is not None]
    if linked:
        metadata["json-ld"] = json.dumps(linked, ensure_ascii=False, sort_keys=True)
    return metadata


def _meta_tags(root: Any) -> Iterator[tuple[str, str]]:
    for tag in root.iterfind(".//meta"):
        name = tag.get("name") or tag.get("property") or tag.get("itemprop") or tag.get("http-equiv")
        if name and tag.get("content"):
            yield tidy(name).strip().lower(), tidy(tag.get("content")).strip()


def _page_facts(root: Any) -> Iterator[tuple[str, str]]:
    yield "lang", tidy(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip()
    for link in root.iterfind(".//link"):
        if (link.get("rel") or "").lower() == "canonical":
            yield "canonical", tidy(link.get("href") or "").strip()


def _json_ld(script: Any) -> Any:
    if (script.get("type") or "").strip().lower() != "application/ld+json":
        return None
    try:
        return json.loads(tidy(script.text or ""))
    except (ValueError, RecursionError):
        return None


def _links(root: Any) -> Iterator[str]:
    for anchor in root.iterfind(".//a"):
        target = tidy(anchor.get("href") or "").strip()
        if _LINKS.match(target):
            yield target
