"""Makes small real documents: a PDF by hand, office files with their libraries."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import docx
from pypdf import PdfReader, PdfWriter

from corpus.errors import ParseError
from corpus.ids import normalise_doc_id, sha256_hex
from corpus.types import ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse


def blob_of(data: bytes, path: str) -> RawBlob:
    ref = SourceRef(doc_id=normalise_doc_id(path), uri=f"memory://{path}", path=path, size=len(data), modified_at=None)
    return RawBlob(ref=ref, data=data, sha256=sha256_hex(data))


def pdf_of(text: str = "The refund window is 30 days.", title: str = "Refunds") -> bytes:
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode() if text else b"0 0 m 10 10 l S"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>>>>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) /Producer (hand) /ModDate (D:20240203040506+01'00') >>".encode(),
    ]
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def locked_pdf() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of())))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx_of() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Leave policy"
    document.core_properties.author = "People team"
    document.add_heading("Leave policy", level=1)
    document.add_paragraph("Everybody has thirty days of paid leave in a year.")
    document.add_paragraph("Ask your lead first", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, word in zip(table._cells, ("Grade", "Days", "Senior", "35"), strict=True):
        cell.text = word
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


OFFICE = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
)
WORDS = "<text:p>Goods may be returned within thirty days.</text:p>"
PAGE = "<p>Goods may be returned within thirty days.</p>"
_CONTAINER = '<container><rootfiles><rootfile full-path="book/all.opf"/></rootfiles></container>'


def zip_of(parts: dict[str, str], media_type: str) -> bytes:
    """A zip whose first member says what it is, as OpenDocument and EPUB want it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in {"mimetype": media_type, **parts}.items():
            archive.writestr(name, part)
    return out.getvalue()


def odt_of(body: str = WORDS, head: str = "", **parts: str) -> bytes:
    """An OpenDocument text; `head` stands before its root, `parts` beside content.xml."""
    content = f"<office:body><office:text>{body}</office:text></office:body>"
    whole = f"{head}<office:document-content {OFFICE}>{content}</office:document-content>"
    return zip_of({"content.xml": whole, **parts}, "application/vnd.oasis.opendocument.text")


def epub_of(pages: dict[str, str], head: str = "", title: str = "Returns", **parts: str) -> bytes:
    """A book with these bodies of pages in its spine; `head` stands before the root of each part of XML."""
    items = "".join(f'<item id="i{place}" href="{name}"/>' for place, name in enumerate(pages))
    spine = "".join(f'<itemref idref="i{place}"/>' for place in range(len(pages)))
    dublin = f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
    package = f"{head}<package>{dublin}<manifest>{items}</manifest><spine>{spine}</spine></package>"
    html = '<html xmlns="http://www.w3.org/1999/xhtml"><body>'
    written = {f"book/{name}": f"{head}{html}{body}</body></html>" for name, body in pages.items()}
    container = {"META-INF/container.xml": f"{head}{_CONTAINER}", "book/all.opf": package}
    return zip_of({**container, **written, **parts}, "application/epub+zip")


def mail_of() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ann@example.com", "bob@example.com", "Refund window"
    mail["Date"] = "Mon, 05 Feb 2024 10:00:00 +0000"
    mail.set_content("The refund window is now thirty days.\n\nPlease tell the shops.\n")
    return mail.as_bytes()


HTML = b"""<!doctype html><html lang="en"><head><title>Refund policy</title>
<meta name="Owner" content="support-content"><meta property="article:modified_time" content="2024-02-03">
<script type="application/ld+json">{"@type": "Article", "author": "A"}</script></head><body>
<nav>Home About</nav><h1>Refunds</h1><p>Thirty   days,<br>no questions.</p><script>var x = 1;</script>
<ul><li>Keep the receipt</li><li>Bring it <a href="https://example.com/?utm_source=chatgpt.com">here</a></li></ul>
<pre>def f():
    return 1</pre><table><tr><th>Grade</th><th>Days</th></tr><tr><td>A</td><td>30</td></tr></table>
<p style="display: none">secret words</p><p hidden>more secrets</p><footer>Imprint</footer></body></html>"""

MARKDOWN = b"""---
title: Refund policy
owner: support-content
version: 1.10
---
# Refunds

Thirty days.

- keep the receipt
- bring it

```python
x = 1

y = 2
```

| a | b |
|---|---|
| 1 | 2 |
"""

RST = b""":owner: docs team

=======
Library
=======

Some words::

    code here

Part one
--------

* first
* second
"""


def check_text_law(document: ParsedDocument) -> None:
    """Asserts the law of extracted text and blocks."""
    assert document.text.strip()
    assert "\x00" not in document.text
    assert "\r" not in document.text
    document.text.encode("utf-8")
    at = 0
    for block in document.blocks:
        assert at <= block.span.start < block.span.end <= len(document.text)
        assert block.span.of(document.text).strip()
        at = block.span.end
    for value in (document.title, *document.metadata.values(), *document.links):
        value.encode("utf-8")
    assert all(key == key.lower() for key in document.metadata)


def outcome_of(blob: RawBlob) -> str:
    """Parses and returns the reason code, or `text` for a lawful document; any other exception passes."""
    try:
        document = parse(blob)
    except ParseError as error:
        return error.code
    check_text_law(document)
    return "text"
