"""ODT: the text of a word processor's document, laid out as its headings, paragraphs, lists and tables say.

What was deleted with changes tracked, comments, forms and hidden sections are left out; footnotes follow their
paragraph. Only `content.xml` and what the file declares of itself are read; no entity is resolved.
"""

from __future__ import annotations

import io
import re
import zipfile
from importlib.metadata import version
from typing import Any

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import ParsedDocument, RawBlob
from ingestion.parsers.archive import properties, refuse_bomb
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import require_text, tidy
from ingestion.parsers.walk import Walker
from ingestion.parsers.xml import tree_of

NAME = "odt/1"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_LINK = re.compile(r"(?:https?:)?//|mailto:", re.IGNORECASE)
# As the elements of a page that do the same.
_TAGS = {
    f"{_TEXT}p": "p",
    f"{_TEXT}list": "ul",
    f"{_TEXT}list-item": "li",
    f"{_TEXT}list-header": "li",
    f"{_TEXT}line-break": "br",
    f"{_TABLE}table": "table",
    f"{_TABLE}table-row": "tr",
    f"{_TABLE}table-cell": "td",
    f"{_TEXT}tracked-changes": "template",
    f"{_TEXT}note-citation": "template",
    f"{_OFFICE}annotation": "template",
    f"{_OFFICE}forms": "template",
    f"{_TEXT}sequence-decls": "template",
    f"{_TEXT}variable-decls": "template",
    f"{_TEXT}user-field-decls": "template",
}
_BLANKS = frozenset({f"{_TEXT}s", f"{_TEXT}tab"})


class OdtParser:
    """Reads OpenDocument texts with lxml; needs no other program."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "lxml": version("lxml")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        refuse_bomb(blob.data)
        source, notes = decode(_content(blob.data), markup=True)
        root = tree_of(source)
        body = next(root.iter(f"{_OFFICE}text"), None)
        if body is None:
            raise ParseError("The document holds no text part. Save it anew.", code="unparseable")
        links = tuple(dict.fromkeys(_links(body)))
        walker = Walker(skip_chrome=False)
        walker.walk(_as_page(body))
        require_text(walker.layout.text, "document")
        metadata = properties(blob.data)
        return ParsedDocument(
            text=walker.layout.text,
            blocks=walker.layout.blocks,
            title=metadata.get("title", ""),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=(*notes, *sorted(walker.notes)),
            links=links,
        )


def _content(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise ParseError("The document is encrypted. Save it without a password.", code="encrypted")
            return archive.read("content.xml")
    except KeyError:
        raise ParseError("The document lacks content.xml. Save it anew.", code="unparseable") from None
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ParseError(f"The document is damaged: {error}. Save it anew.", code="unparseable") from error


def _links(body: Any) -> list[str]:
    targets = (tidy(item.get(_XLINK) or "").strip() for item in body.iter(f"{_TEXT}a"))
    return [target for target in targets if _LINK.match(target)]


def _as_page(body: Any) -> Any:
    """Names the elements as those of a page; what is of neither kind stays, and its text is read."""
    for note in reversed(list(body.iter(f"{_TEXT}note-body"))):
        _move_behind(note)
    for element in body.iter("*"):
        if element.tag in _BLANKS:
            element.text = " "
        elif element.tag == f"{_TEXT}h":
            level = element.get(f"{_TEXT}outline-level", "1")
            element.tag = f"h{min(max(int(level), 1), 6) if level.isdecimal() and len(level) < 4 else 1}"
        elif element.get(f"{_TEXT}display") == "none":
            element.set("hidden", "")
        element.tag = _TAGS.get(element.tag, element.tag)
    return body


def _move_behind(note: Any) -> None:
    """Puts the body of a footnote behind the paragraph that it stands in; its own tail is empty."""
    paragraph = next((item for item in note.iterancestors() if item.tag in (f"{_TEXT}p", f"{_TEXT}h")), None)
    if paragraph is None:
        return
    tail, paragraph.tail = paragraph.tail, None
    paragraph.addnext(note)
    note.tail = tail
