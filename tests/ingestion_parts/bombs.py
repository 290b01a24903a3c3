"""Makes hostile documents: small on disk, large, deep or endless to a reader that trusts them."""

# ruff: noqa: E501 - objects of a PDF read best on one line
from __future__ import annotations

import io
import struct
import zipfile
import zlib

from ingestion_parts.makers import docx_of

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
LAUGHS = '<!DOCTYPE l [<!ENTITY a0 "lolololol">' + "".join(
    f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10)
) + "]>"  # fmt: skip
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y SYSTEM "http://127.0.0.1:9/y">]>'


def word(body: str, head: str = "") -> bytes:
    """A Word file whose main part is this XML."""
    return docx_with({"word/document.xml": f'{head}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'})


def docx_with(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_of())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *parts}:
            new.writestr(name, parts[name] if name in parts else old.read(name))
    return out.getvalue()


def office(folder: str, size: int) -> bytes:
    """A file of the Office family with one part of so many zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        with archive.open(f"{folder}/data.xml", "w", force_zip64=True) as part:
            for _ in range(size // 1_000_000):
                part.write(bytes(1_000_000))
    return out.getvalue()


def epub(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("page.xhtml", bytes(size), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def matryoshka(depth: int) -> bytes:
    """A Word file with a zip in a zip in a zip, each of which unpacks to ten times as much."""
    inner = zlib.compress(bytes(10_000_000), 9)
    for _ in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}.zip", inner)
        inner = out.getvalue()
    return docx_with({"word/embeddings/inner.zip": inner})


def overlapping(members: int) -> bytes:
    """A zip whose members all share one stretch of data (Fifield 2019), named as a Word file's parts."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(bytes(20_000_000)) + packed.flush()
    crc = zlib.crc32(bytes(20_000_000))
    name = b"word/document.xml"
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(body), 20_000_000, len(name), 0) + name + body
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(body), 20_000_000, len(name), 0, 0, 0, 0, 0, 0
    )
    directory = (entry + name) * members
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, members, members, len(directory), len(head), 0)
    return head + directory + tail


def lying() -> bytes:
    """A Word file whose main part is far larger than its directory says."""
    data = word("<w:p><w:r><w:t>" + "a" * 50_000_000 + "</w:t></w:r></w:p>")
    size = 50_000_000
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return data.replace(struct.pack("<I", size), struct.pack("<I", 500))


def itself() -> bytes:
    """A zip that is a member of itself, as far as its directory goes: the data of the member is the archive."""
    name = b"word/document.xml"
    for _ in range(3):
        size = len(_stored(name, 0, 0))
    return _stored(name, size, 0)


def _stored(name: bytes, size: int, crc: int) -> bytes:
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, crc, size, size, len(name), 0) + name
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, crc, size, size, len(name), 0, 0, 0, 0, 0, 0)
    entry += name
    return head + entry + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(head), 0)


def pdf(objects: dict[int, bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects; 1 is the catalog."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = {}
    for number, body in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    size = max(objects) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    for number in range(1, size):
        out.write(b"%010d 00000 %s \n" % (places.get(number, 0), b"n" if number in places else b"f"))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start))
    return out.getvalue()


_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_TEXT = b"BT /F1 12 Tf 72 720 Td (Words of a page.) Tj ET"


def page(extra: bytes = b"", parent: bytes = b"2 0 R") -> bytes:
    return (
        b"<< /Type /Page /Parent %s /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> %s >> >>"
        % (parent, extra)
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def _simple(**changed: bytes) -> bytes:
    objects = {1: _CATALOG, 2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", 3: page(), 4: stream(_TEXT), 5: _FONT}
    return pdf({**objects, **{int(name[1:]): body for name, body in changed.items()}})


def pdf_bombs() -> dict[str, bytes]:
    """PDF files that run in circles or claim to be huge."""
    deflated = _deflated_spaces(2_000)
    return {
        "page tree in a circle": _simple(o2=b"<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 2 /Parent 2 0 R >>"),
        "page tree of itself": _simple(o2=b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000 >>"),
        "a billion pages": _simple(o2=b"<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>"),
        "minus one page": _simple(o2=b"<< /Type /Pages /Kids [3 0 R] /Count -1 >>"),
        "one page, very often": _simple(o2=b"<< /Type /Pages /Kids [%s] /Count 200000 >>" % (b"3 0 R " * 200_000)),
        "outlines in a circle": _simple(
            o1=b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
            o6=b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>",
            o7=b"<< /Title (a) /Parent 6 0 R /Next 7 0 R /First 7 0 R >>",
        ),
        "object stream in itself": _simple(o6=stream(b"6 0 7 10 << >> << >>", b"/Type /ObjStm /N 2 /First 8 /Extends 6 0 R")),
        "length of itself": _simple(o4=b"<< /Length 4 0 R >>\nstream\n" + _TEXT + b"\nendstream"),
        "form that draws itself": _simple(
            o3=page(b"/XObject << /X 6 0 R >>"),
            o4=stream(b"/X Do"),
            o6=stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 6 0 R >> >>"),
        ),
        "forms that draw ten others": pdf(
            {
                1: _CATALOG, 2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", 3: page(b"/XObject << /X 10 0 R >>"),
                4: stream(b"/X Do"), 5: _FONT,
                **{
                    number: stream(
                        b"/X Do " * 10,
                        b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X %d 0 R >> >>"
                        % (number + 1),
                    )
                    for number in range(10, 19)
                },
                19: stream(_TEXT, b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /Font << /F1 5 0 R >> >>"),
            }
        ),
        "deep arrays": _simple(o6=b"[" * 100_000 + b"]" * 100_000, o1=b"<< /Type /Catalog /Pages 2 0 R /X 6 0 R >>"),
        "deep arrays in a page": _simple(o4=stream(b"[" * 1_000_000 + _TEXT)),
        "stream of two gigabytes": _simple(o4=stream(deflated, b"/Filter /FlateDecode")),
        "filters on filters": _simple(o4=stream(_TEXT, b"/Filter [%s]" % (b"/ASCIIHexDecode " * 50_000))),
        "page of a mile": _simple(o3=page().replace(b"612 792", b"99999999 99999999")),
        "image of a terapixel": _simple(
            o3=page(b"/XObject << /X 6 0 R >>"),
            o4=stream(_TEXT + b" /X Do"),
            o6=stream(b"x", b"/Type /XObject /Subtype /Image /Width 1000000 /Height 1000000 /ColorSpace /DeviceRGB /BitsPerComponent 8"),
        ),
    }  # fmt: skip


def _deflated_spaces(megabytes: int) -> bytes:
    """Two gigabytes take seconds to compress, so one compressed megabyte is repeated; the checksum is wrong then."""
    packed = zlib.compressobj(9)
    first, again = (packed.compress(b" " * 1_000_000) + packed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (megabytes - 1) + packed.flush()
