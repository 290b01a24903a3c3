"""What a file is, told from its bytes.

The bytes win over the name: a web page saved as `report.pdf` is a web page. The name only helps
where the bytes cannot tell, between kinds of text. The module parses nothing and never fails.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

HTML = "text/html"
MARKDOWN = "text/markdown"
RST = "text/x-rst"
PLAIN = "text/plain"
XML = "application/xml"
JSON = "application/json"
PDF = "application/pdf"
EMAIL = "message/rfc822"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
MSG = "application/vnd.ms-outlook"
DOC = "application/msword"
XLS = "application/vnd.ms-excel"
PPT = "application/vnd.ms-powerpoint"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
ENCRYPTED_OFFICE = "application/x-encrypted-office"
EMPTY_FILE = "inode/x-empty"
BINARY = "application/octet-stream"

_TEXT_EXTENSIONS: Mapping[str, str] = {
    "html": HTML, "htm": HTML, "xhtml": HTML, "md": MARKDOWN, "markdown": MARKDOWN, "mdx": MARKDOWN,
    "rst": RST, "rest": RST, "txt": PLAIN, "text": PLAIN, "log": "text/x-log", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "json": JSON, "jsonl": JSON, "ndjson": JSON, "xml": XML,
    "rss": XML, "atom": XML, "eml": EMAIL,
}  # fmt: skip
_BINARY_EXTENSIONS: Mapping[str, str] = {
    "pdf": PDF, "docx": DOCX, "pptx": PPTX, "xlsx": XLSX, "odt": ODT, "epub": EPUB, "rtf": RTF,
    "msg": MSG, "doc": DOC, "xls": XLS, "ppt": PPT, "zip": ZIP,
}  # fmt: skip
# Zip members whose presence tells the kind of an Office Open XML file (ECMA-376 part names).
_OOXML_FOLDERS = ((b"word/", DOCX), (b"ppt/", PPTX), (b"xl/", XLSX))
# Streams of compound files ([MS-CFB], [MS-OFFCRYPTO] 2.3.2, [MS-OXMSG]); names are UTF-16LE.
_OLE_STREAMS = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("__substg1.0_", MSG),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
)
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "application/x-riff"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x7fELF", "application/x-executable"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?>.{0,500}?-->)\s*)*+<(?:!doctype\s+html|html)\b", re.I | re.S
)
_MAIL_HEADER = re.compile(
    rb"^(?:from|to|cc|subject|date|mime-version|received|message-id|return-path|delivered-to|x-[a-z-]+):", re.I | re.M
)
_UTF16_SIGNS = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 4096
_NAME_BYTES = 200
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 14, 15, 27})


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What a file is.

    Attributes:
        type: Media type of the bytes.
        notes: `misnamed:EXTENSION` where the name says something else.
    """

    type: str
    notes: tuple[str, ...] = ()


def sniff(data: bytes, name: str) -> Media:
    """Tells the media type of a file.

    Args:
        data: All its bytes.
        name: Its name or path; only the extension is looked at, and only to tell kinds of text apart.

    Returns:
        The type, `application/octet-stream` where the bytes are none of the kinds we know.
    """
    extension = extension_of(name)
    found = _of_bytes(data, extension)
    expected = _TEXT_EXTENSIONS.get(extension) or _BINARY_EXTENSIONS.get(extension)
    excused = found in (expected, EMPTY_FILE, ENCRYPTED_OFFICE) or expected is None
    return Media(type=found, notes=() if excused else (f"misnamed:{extension}",))


def extension_of(name: str) -> str:
    """Returns the extension of a path, lower case and without its dot; empty where there is none."""
    _, dot, extension = name.rsplit("/", 1)[-1].rpartition(".")
    return extension.lower() if dot else ""


def is_textual(data: bytes) -> bool:
    """Whether bytes can be text in some encoding: no control characters beyond those that text uses.

    UTF-16 and UTF-32 text is full of zero bytes; it counts when it starts with its mark, or when
    its zeros stand in every other place, as they do for Latin letters.
    """
    head = data[:_HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return True
    if not head.translate(None, delete=_CONTROL) and head:
        return False
    controls = len(head) - len(head.translate(None, delete=_CONTROL))
    return (
        controls == 0
        or utf16_order(head) != ""
        or utf32_order(head) != ""
        or (b"\x00" not in head and controls * 100 < len(head))
    )


def utf16_order(head: bytes) -> str:
    """Returns `utf-16-le` or `utf-16-be` for UTF-16 without a mark, empty for all else."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half >= 4 and odd > half * 0.7 and even < half * 0.05:
        return "utf-16-le"
    if half >= 4 and even > half * 0.7 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def utf32_order(head: bytes) -> str:
    """Returns `utf-32-le` or `utf-32-be` for UTF-32 without a mark, empty for all else."""
    whole = head[: len(head) // 4 * 4]
    for order, high, plane in (("utf-32-le", 3, 2), ("utf-32-be", 0, 1)):
        if len(whole) >= 16 and not any(whole[high::4]) and max(whole[plane::4]) <= 0x10:
            text = whole.decode(order, "replace")
            if "\ufffd" not in text and all(letter.isprintable() or letter.isspace() for letter in text):
                return order
    return ""


def _of_bytes(data: bytes, extension: str) -> str:
    if not data:
        return EMPTY_FILE
    if kind := _of_document(data):
        return kind
    if is_textual(data):
        return _of_text(data, extension)
    if b"%PDF-" in data[:1024]:  # ISO 32000-1, implementation note 13: the header may follow other bytes
        return PDF
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), BINARY)


def _of_document(data: bytes) -> str:
    """Returns the kind of a document format that starts with a signature, empty for all else."""
    if data.startswith(b"PK\x03\x04"):
        return _of_zip(data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _of_ole(data)
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if head.startswith(b"%PDF-"):
        return PDF
    return RTF if head.startswith(b"{\\rtf") else ""


def _of_text(data: bytes, extension: str) -> str:
    head = data[:_HEAD]
    if head.startswith(_UTF16_SIGNS) or utf16_order(head) or utf32_order(head):
        head = head.replace(b"\x00", b"").lstrip(b"\xff\xfe")
    kind = _TEXT_EXTENSIONS.get(extension)
    head = head.removeprefix(b"\xef\xbb\xbf")
    if _HTML_START.match(head):
        return HTML
    if kind is EMAIL:
        return EMAIL if len(_MAIL_HEADER.findall(head)) >= 2 else PLAIN
    if kind is None and head.lstrip().startswith(b"<?xml"):
        return XML
    return kind or PLAIN


def _of_zip(data: bytes) -> str:
    names = _zip_names(data)
    if b"mimetype" in names:
        declared = re.search(rb"mimetype(?:.{0,64}?)(application/[a-z0-9.+-]+)", data[:256], re.S)
        if declared:
            return declared[1].decode("ascii").removesuffix("PK")
    for folder, kind in _OOXML_FOLDERS:
        if any(name.startswith(folder) for name in names):
            return kind
    return ZIP


def _zip_names(data: bytes) -> list[bytes]:
    """Returns member names from the directory, or from the local headers where it was cut off."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [info.filename.encode("utf-8", "replace") for info in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError):
        return [
            data[start + 30 : start + 30 + min(_NAME_BYTES, int.from_bytes(data[start + 26 : start + 28], "little"))]
            for start in (match.start() for match in re.finditer(rb"PK\x03\x04", data[: 1 << 20]))
        ]


def _of_ole(data: bytes) -> str:
    return next((kind for stream, kind in _OLE_STREAMS if stream.encode("utf-16-le") in data), OLE)
