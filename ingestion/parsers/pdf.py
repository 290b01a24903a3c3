"""PDF with pypdfium2: the text of the pages in order, and what the Info dictionary declares.

A file that was cut off is refused even where pdfium can mend it: the pages that are left would pass
for the whole document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from corpus.errors import ParseError
from corpus.ids import fingerprint
from corpus.types import BlockKind, ParsedDocument, RawBlob
from ingestion.parsers.layout import Layout, tidy

NAME = "pdf/1"
_LINEAR = re.compile(rb"/Linearized\b.{0,200}?/L\s+(\d+)", re.DOTALL)
# pdfium marks a hyphen at a line's end with U+FFFE (or U+0002): the word goes on.
_HYPHEN = re.compile("[\ufffe\x02]\\s*")
_PDF_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?'?|Z)?")
_DATES = {"creationdate": "created", "moddate": "modified"}


class PdfParser:
    """Reads the text layer of PDF files; it does no character recognition."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "pypdfium2": version("pypdfium2")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        _refuse_cut(blob.data)
        document = _open(blob.data)
        try:
            layout, notes = _laid_out(document)
            metadata = _metadata(document)
        finally:
            document.close()
        if not layout.text.strip():
            raise ParseError(
                "The PDF has no text layer, only images. Run character recognition on it and add it again.",
                code="no_text",
            )
        return ParsedDocument(
            text=layout.text,
            blocks=layout.blocks,
            title=metadata.get("title", ""),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=notes,
        )


def _refuse_cut(data: bytes) -> None:
    """Raises where the file's own marks say that its end is missing."""
    last = data.rfind(b"%%EOF")
    linear = _LINEAR.search(data[:1024])
    is_short = linear is not None and int(linear[1]) > len(data)
    if last < 0 or is_short or b" obj" in data[last:]:
        raise ParseError(
            f"The PDF is cut off: its end is missing after {len(data)} bytes. Upload the complete file.",
            code="truncated",
        )


def _open(data: bytes) -> Any:
    import pypdfium2  # noqa: PLC0415 - an unchanged run parses nothing
    import pypdfium2.raw  # noqa: PLC0415

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY):
            raise ParseError(
                "The PDF is encrypted and opens only with a password. Save it without one.", code="encrypted"
            ) from error
        raise ParseError(f"The PDF is damaged and cannot be opened ({error}). Export it again.") from error


def _laid_out(document: Any) -> tuple[Layout, tuple[str, ...]]:
    layout = Layout()
    notes = [f"pages:{len(document)}"]
    for number in range(len(document)):
        text = _page_text(document, number)
        if not text.strip():
            notes.append(f"no_text:page:{number + 1}")
        for paragraph in _paragraphs(text):
            layout.add(BlockKind.PARAGRAPH, paragraph)
    return layout, tuple(notes)


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    try:
        textpage = page.get_textpage()
        try:
            return _HYPHEN.sub("", tidy(textpage.get_text_bounded()))
        finally:
            textpage.close()
    finally:
        page.close()


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in (*text.split("\n"), ""):
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            yield "\n".join(lines)
            lines.clear()


def _metadata(document: Any) -> dict[str, str]:
    found = {key.lower(): tidy(value).strip() for key, value in document.get_metadata_dict(skip_empty=True).items()}
    for name, ours in _DATES.items():
        if moment := _iso(found.get(name, "")):
            found[ours] = moment
    return {key: value for key, value in found.items() if value}


def _iso(value: str) -> str:
    """Turns a PDF date (ISO 32000-1, 7.9.4) into ISO 8601; empty for anything else."""
    found = _PDF_DATE.fullmatch(value.strip())
    if not found:
        return ""
    year, month, day, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    zone = f"{sign}{zone_hours}:{zone_minutes or '00'}" if sign else "+00:00"
    return f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}"
