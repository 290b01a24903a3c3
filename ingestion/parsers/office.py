"""The long tail of formats, through `unstructured`: docx, pptx, eml, msg, and rtf with pandoc.

Imported only when such a document comes; a few hundred megabytes and several seconds.
"""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import BlockKind, ParsedDocument, RawBlob
from ingestion import media
from ingestion.parsers import offline_nlp
from ingestion.parsers.archive import properties, refuse_bomb
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import Layout, require_text, tidy

NAME = "unstructured/1"
_PARTITIONERS: Mapping[str, str] = {
    media.DOCX: "docx:partition_docx",
    media.PPTX: "pptx:partition_pptx",
    media.EMAIL: "email:partition_email",
    media.MSG: "msg:partition_msg",
    media.ODT: "odt:partition_odt",
    media.EPUB: "epub:partition_epub",
    media.RTF: "rtf:partition_rtf",
    media.HTML: "html:partition_html",
    media.MARKDOWN: "md:partition_md",
    media.XML: "xml:partition_xml",
    media.PLAIN: "text:partition_text",
}
_ZIPPED = frozenset({media.DOCX, media.PPTX, media.ODT, media.EPUB})
_NEED_PANDOC = frozenset({media.ODT, media.EPUB, media.RTF})
_TEXTUAL = frozenset({media.HTML, media.MARKDOWN, media.XML, media.PLAIN})
_KINDS = {
    "Title": BlockKind.HEADING,
    "ListItem": BlockKind.LIST,
    "Table": BlockKind.TABLE,
    "CodeSnippet": BlockKind.CODE,
}
_LEFT_OUT = frozenset({"PageBreak", "Header", "Footer", "PageNumber", "Image"})
_MAIL_FACTS = ("subject", "sent_from", "sent_to", "email_message_id", "last_modified")


class OfficeParser:
    """Reads what `unstructured` reads, without a network."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out, the sentence model included."""
        parts = {"name": NAME, "unstructured": version("unstructured"), "model": offline_nlp.model_name()}
        return fingerprint(
            "parser", {**parts, "pandoc": shutil.which("pandoc") is not None and find_spec("pypandoc") is not None}
        )

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        _refuse(blob.data, media_type)
        elements = _partition(blob.data, media_type)
        layout = _laid_out(elements)
        require_text(layout.text, "document")
        metadata = {**properties(blob.data), **_mail_facts(elements)}
        return ParsedDocument(
            text=layout.text,
            blocks=layout.blocks,
            title=metadata.get("title", "") or metadata.get("subject", ""),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=(f"model:{offline_nlp.model_name()}",),
            links=_links(elements),
        )


def _refuse(data: bytes, media_type: str) -> None:
    if media_type not in _PARTITIONERS:
        raise ParseError(
            f"The parser 'unstructured' does not read {media_type}. It reads: {', '.join(sorted(_PARTITIONERS))}.",
            code="unsupported",
        )
    if media_type in _ZIPPED:
        refuse_bomb(data)
    if media_type in _NEED_PANDOC and not (shutil.which("pandoc") and find_spec("pypandoc")):
        raise ParseError(
            f"Reading {media_type} this way needs the program pandoc and the package pypandoc, which are not both "
            "installed here. Install them, or save the document as DOCX or PDF.",
            code="unsupported",
        )


def _partition(data: bytes, media_type: str) -> Sequence[Any]:
    offline_nlp.prepare()
    module, _, function = _PARTITIONERS[media_type].partition(":")
    partition = getattr(import_module(f"unstructured.partition.{module}"), function)
    if media_type in _TEXTUAL:
        data = decode(data, markup=True)[0].encode("utf-8")
    # Its own language guess draws random numbers; ours is made elsewhere.
    options = {"languages": ["eng"], "detect_language_per_element": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(partition(file=io.BytesIO(data), **options))


def _laid_out(elements: Iterable[Any]) -> Layout:
    layout = Layout()
    for element in elements:
        if element.category in _LEFT_OUT:
            continue
        kind = _KINDS.get(element.category, BlockKind.PARAGRAPH)
        level = min((element.metadata.category_depth or 0) + 1, 6) if kind is BlockKind.HEADING else 0
        layout.add(kind, element.text or "", level)
    return layout


def _mail_facts(elements: Sequence[Any]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for name in _MAIL_FACTS if elements else ():
        value = getattr(elements[0].metadata, name, None)
        if value:
            facts[name] = tidy("; ".join(value) if isinstance(value, list) else str(value))
    return facts


def _links(elements: Iterable[Any]) -> tuple[str, ...]:
    targets = (url for element in elements for url in element.metadata.link_urls or ())
    return tuple(dict.fromkeys(tidy(url) for url in targets if url))
