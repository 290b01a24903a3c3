"""EPUB: the chapters of a book in the order of its spine, each read as a page; what the package says is metadata.

Only members of the archive are read, and only those that the package names. No entity is resolved: documents of XML are
read without their declarations.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import ParsedDocument, RawBlob
from ingestion.parsers import html
from ingestion.parsers.archive import refuse_bomb
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import Layout, require_text, tidy
from ingestion.parsers.xml import tree_of

NAME = "epub/1"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Up to the end of its internal subset, which holds the entities; without it nothing of them is left.
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_NAMES = {"creator": "author", "date": "created"}


class EpubParser:
    """Reads books with lxml; needs no other program."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "page": html.NAME, "lxml": version("lxml")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        refuse_bomb(blob.data)
        layout = Layout()
        notes: set[str] = set()
        links: list[str] = []
        try:
            with zipfile.ZipFile(io.BytesIO(blob.data)) as archive:
                place, package = _package(archive)
                for name in _chapters(archive, place, package):
                    page, seen, targets = _chapter(archive.read(name))
                    for block in page.blocks:
                        layout.add(block.kind, block.span.of(page.text), block.level)
                    notes.update(seen)
                    links += targets
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise ParseError(f"The book is damaged: {error}. Save it anew.", code="unparseable") from error
        require_text(layout.text, "book")
        metadata = _metadata(package)
        return ParsedDocument(
            text=layout.text,
            blocks=layout.blocks,
            title=metadata.get("title", ""),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=tuple(sorted(notes)),
            links=tuple(dict.fromkeys(links)),
        )


def _member(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        data = archive.read(name)
    except KeyError:
        raise ParseError(
            f"The book lacks {name}, which says what is in it. Save it anew.", code="unparseable"
        ) from None
    return tree_of(_DOCTYPE.sub("", decode(data, markup=True)[0]))


def _package(archive: zipfile.ZipFile) -> tuple[str, Any]:
    """Returns the name of the member that lists the book's content, and what it says."""
    found = next(_member(archive, _CONTAINER).iter("{*}rootfile"), None)
    place = unquote(found.get("full-path", "")) if found is not None else ""
    return place, _member(archive, place or "content.opf")


def _chapters(archive: zipfile.ZipFile, place: str, package: Any) -> Iterator[str]:
    """Yields the members that are read, once each, in order; the table of contents is none."""
    folder, known = posixpath.dirname(place), frozenset(archive.namelist())
    items = {item.get("id"): item for item in package.iter("{*}item")}
    locked = _locked(archive)
    told = set()
    for entry in package.iter("{*}itemref"):
        item = items.get(entry.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "")).partition("#")[0]))
        if name in locked:
            raise ParseError("The book is encrypted. Save it without protection.", code="encrypted")
        if name in known and name not in told:
            told.add(name)
            yield name


def _locked(archive: zipfile.ZipFile) -> frozenset[str]:
    if _ENCRYPTION not in archive.namelist():
        return frozenset()
    return frozenset(unquote(item.get("URI", "")) for item in _member(archive, _ENCRYPTION).iter("{*}CipherReference"))


def _chapter(data: bytes) -> tuple[Layout, tuple[str, ...], list[str]]:
    source, notes = decode(data, markup=True)
    source = _DOCTYPE.sub("", source)
    if not source.strip():
        return Layout(), (), []
    layout, seen, links = html.page(source)
    return layout, (*notes, *seen), links


def _metadata(package: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in package.iter("{http://purl.org/dc/elements/1.1/}*"):
        name = element.tag.rpartition("}")[2].lower()
        value = " ".join(tidy("".join(element.itertext())).split())
        name = _NAMES.get(name, name)
        if value and value not in found.get(name, "").split("; "):
            found[name] = f"{found[name]}; {value}" if name in found else value
    return found
