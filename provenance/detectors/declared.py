"""Reads what a document declares about its own origin (E3).

From the parser's metadata: front matter, meta tags, JSON-LD, PDF Info, office properties. From the raw bytes, before
any repair: a PDF's XMP packet, custom XML of office files, attributes and microdata of web pages, headers of mails.
What is declared beside a document (sidecar, contract) is read by whoever knows it, with `provenance.declarations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Finding, OriginKind, ParsedDocument, RawBlob, Scope, Span
from provenance import declarations as reading
from provenance.declarations import declaration, declarations, disclosed
from provenance.embedded import elements, mail, office, xmp
from provenance.generators import AS_AUTHOR, NAMED
from provenance.iptc import TERMS, folded
from provenance.visibility.reached import Reading
from provenance.visibility.source import decoded

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PDF = "application/pdf"
_MAIL = "message/rfc822"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_QUOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDetector:
    """Detector of declarations; it has no options."""

    name: ClassVar[str] = reading.NAME

    @property
    def fingerprint(self) -> str:
        """Digest of version and vocabularies."""
        return fingerprint(
            "detector",
            {
                "name": self.name,
                "terms": dict(TERMS),
                "tables": {name: dict(table) for name, table in reading.TABLES.items()},
                "fields": dict(reading.FIELDS),
                "keys": sorted(reading.GENERATOR_KEYS),
                "patterns": [NAMED.pattern, AS_AUTHOR.pattern],
            },
        )

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:
        """Returns the declarations of one document: those about the whole of it first, then by place."""
        found = list(_of_metadata(document, blob))
        try:
            found += _of_bytes(blob, document)
        except Exception as error:  # noqa: BLE001 - the seam's law: no document makes a detector raise
            found.append(_unreadable(error))
        return tuple(sorted(found, key=_place))


def _of_metadata(document: ParsedDocument, blob: RawBlob) -> Iterator[Finding]:
    known = document.metadata
    if document.media_type in _HTML and elements.tells(blob.data):
        # The elements themselves tell of what they speak; the parser's list of them does not.
        known = {key: value for key, value in known.items() if folded(key.split(":")[-1]) != "digitalsourcetype"}
    yield from declarations(known, "metadata")


def _of_bytes(blob: RawBlob, document: ParsedDocument) -> Iterator[Finding]:
    kind = document.media_type
    if kind == _PDF:
        yield from declarations(xmp.read_xmp(blob.data), "XMP")
    elif kind == _MAIL:
        yield from declarations(mail.read_headers(blob.data), "mail header")
    elif kind.startswith(_OFFICE):
        for name, value in office.read_parts(blob.data).items():
            part, _, field = name.partition(" ")
            yield from declarations({field: value}, part)
    elif kind in _HTML and elements.tells(blob.data):
        yield from _of_elements(blob, document)


def _of_elements(blob: RawBlob, document: ParsedDocument) -> Iterator[Finding]:
    reading_of: Reading | None = None
    for element in elements.read_elements(decoded(blob.data, document.notes)):
        table = "digital_source_type" if element.name not in elements.ATTRIBUTES else "ai_disclosure"
        said = disclosed(element.value, table)
        if element.about and said is not None:
            detail = {"about": element.about}
            yield declaration("of_a_part", element.name, element.value, "element", OriginKind.UNKNOWN, **detail)
            continue
        finding = declaration(table, element.name, element.value, "element", said)
        if element.text is None:
            yield finding
            continue
        reading_of = reading_of or Reading(document.text)
        yield _placed(finding, element.text, reading_of.find(element.text))


def _placed(finding: Finding, text: str, span: Span | None) -> Finding:
    quote = f"{finding.quote} on: {text}"[:_QUOTE]
    detail = finding.detail if span else {**finding.detail, "problem": "what it speaks of is not in the text"}
    return replace(finding, scope=Scope.PASSAGE, span=span, quote=quote, detail=detail)


def _unreadable(error: Exception) -> Finding:
    reason = " ".join(str(error).split())[:_QUOTE] or type(error).__name__
    return Finding(detector=reading.NAME, code="declared.unreadable", level="E3", quote=reason)


def _place(finding: Finding) -> tuple[int, int]:
    span = finding.span or Span(start=-1, end=-1)
    return span.start, span.end
