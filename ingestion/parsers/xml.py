"""XML of any vocabulary: each element's own text is a paragraph. Entities stay unresolved."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import BlockKind, ParsedDocument, RawBlob
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import Layout, require_text, require_whole, tidy

NAME = "xml/1"


class XmlParser:
    """Reads feeds and other XML with lxml."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "lxml": version("lxml")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        source, notes = decode(blob.data, markup=True)
        require_text(source, "file")
        root = tree_of(source)
        layout = Layout()
        for text in _texts(root):
            layout.add(BlockKind.PARAGRAPH, text)
        require_text(layout.text, "file")
        return ParsedDocument(
            text=layout.text,
            blocks=layout.blocks,
            title=_title(root),
            media_type=media_type,
            metadata={},
            parser=NAME,
            notes=notes,
        )


def tree_of(source: str) -> Any:
    """Parses a text of XML; entities stay what they are, and nothing is fetched.

    Raises:
        ParseError: It holds no element, or was given up midway.
    """
    from lxml import etree  # noqa: PLC0415 - an unchanged run parses nothing

    reader = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
        remove_comments=True,
        huge_tree="<!ENTITY" not in source,  # deep and long is well, but entities keep their limit
    )
    root = etree.fromstring(source.strip().encode("utf-8"), reader)
    require_whole(reader.error_log, "file")
    if root is None:
        raise ParseError("The file has the name of an XML file but holds no element.", code="unparseable")
    return root


def _texts(root: Any) -> Iterator[str]:
    for element in root.iter("*"):
        for text in (element.text, *(child.tail for child in element)):
            if text and text.strip():
                yield tidy(text)


def _title(root: Any) -> str:
    found = next(root.iter("{*}title"), None)
    return " ".join(tidy(found.text or "").split()) if found is not None else ""
