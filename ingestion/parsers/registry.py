"""Names of the parsers, and which media type each is the default for."""

from __future__ import annotations

from collections.abc import Mapping

from corpus.plugins import Registry
from ingestion import media

PARSERS = Registry(
    seam="parser",
    group="stemma.parsers",
    table={
        "epub": "ingestion.parsers.epub:EpubParser",
        "html": "ingestion.parsers.html:HtmlParser",
        "markdown": "ingestion.parsers.markdown:MarkdownParser",
        "odt": "ingestion.parsers.odt:OdtParser",
        "pdf": "ingestion.parsers.pdf:PdfParser",
        "text": "ingestion.parsers.plain:PlainParser",
        "unstructured": "ingestion.parsers.office:OfficeParser",
        "xml": "ingestion.parsers.xml:XmlParser",
    },
)

# The light parsers for the simple formats: 10 to 70 times faster there (design, 04-stack).
DEFAULTS: Mapping[str, str] = {
    media.HTML: "html",
    media.MARKDOWN: "markdown",
    media.XML: "xml",
    media.PDF: "pdf",
    media.PLAIN: "text",
    media.RST: "text",
    media.JSON: "text",
    "text/csv": "text",
    "text/tab-separated-values": "text",
    "text/x-log": "text",
    media.DOCX: "unstructured",
    media.PPTX: "unstructured",
    media.EMAIL: "unstructured",
    media.MSG: "unstructured",
    media.ODT: "odt",
    media.EPUB: "epub",
    media.RTF: "unstructured",
}
