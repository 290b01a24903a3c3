"""Bytes to text: byte order mark, declared charset, UTF-8, then a guess that is written down.

What had to be done is returned as a note: `decoded:cp1252` for a guess, `decoded_with_loss:utf-8`
where some bytes were replaced, `charset_lied:NAME` where the declared charset did not fit.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from corpus.errors import ParseError
from ingestion.media import is_textual, utf16_order, utf32_order
from ingestion.parsers.guess import guess
from ingestion.parsers.layout import tidy

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What a label means on the web, where it differs from Python (WHATWG Encoding Standard, 4.2).
_LABELS: Mapping[str, str] = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252",
    "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs", "x-user-defined": "cp1252", "utf-16": "utf-8",
    "unicode": "utf-8", "iso-8859-8-i": "iso8859_8",
}  # fmt: skip
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
# Seven-bit encodings that shift by escape sequences (ISO 2022): UTF-8 would read them as they stand.
_SHIFTED = (
    (re.compile(rb"\x1b\$\)C"), ("iso2022_kr",)),
    (re.compile(rb"\x1b(?:\$[@B]|\$\(D|\([IJ])"), ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_3")),
)


def decode(data: bytes, *, markup: bool = False) -> tuple[str, tuple[str, ...]]:
    """Decodes a text file.

    Args:
        data: All its bytes.
        markup: Whether a charset declared in an HTML meta tag or an XML declaration counts.

    Returns:
        The text under the text law, and notes on what had to be done.

    Raises:
        ParseError: The bytes are no text in any encoding (code `binary`).
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lossy(data[len(mark) :], encoding)
    if not is_textual(data):
        raise _binary()
    order = utf32_order(data[:4096]) or utf16_order(data[:4096])
    if order:
        text, notes = _lossy(data, order)
        return text, (f"decoded:{order}", *notes)
    declared = _declared(data) if markup else ""
    return _by_trial(data, declared)


def _by_trial(data: bytes, declared: str) -> tuple[str, tuple[str, ...]]:
    if declared and (text := _strict(data, declared)) is not None:
        return text, ()
    notes = (f"charset_lied:{declared}",) if declared else ()
    if found := _shifted(data):
        return found[0], (*notes, f"decoded:{found[1]}")
    if (text := _strict(data, "utf-8")) is not None:
        return text, notes
    if _is_nearly_utf8(data):
        return _lossy(data, "utf-8")
    if encoding := guess(data):
        text, loss = _lossy(data, encoding)
        return text, (*notes, f"decoded:{encoding}", *loss)
    raise _binary()


def _declared(data: bytes) -> str:
    found = _XML.search(data[:1024]) or _META.search(data[:4096])
    if not found:
        return ""
    label = found[1].decode("ascii").lower()
    name = _LABELS.get(label, label)
    try:
        return codecs.lookup(name).name if codecs.lookup(name)._is_text_encoding else label
    except LookupError:
        return label


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return tidy(data.decode(encoding))
    except (LookupError, ValueError):
        return None


def _lossy(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    strict = _strict(data, encoding)
    if strict is not None:
        return strict, ()
    return tidy(data.decode(encoding, "replace")), (f"decoded_with_loss:{encoding}",)


def _is_nearly_utf8(data: bytes) -> bool:
    """Whether at most one in ten of the non-ASCII characters is broken: a cut or patched UTF-8 file."""
    text = data.decode("utf-8", "replace")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    broken = text.count("\ufffd")
    return broken * 10 <= foreign


def _shifted(data: bytes) -> tuple[str, str] | None:
    """Returns the text and the encoding of ISO 2022 text; None for any other."""
    if b"\x1b" not in data or not data.isascii():
        return None
    for sign, encodings in _SHIFTED:
        for encoding in encodings if sign.search(data) else ():
            if (text := _strict(data, encoding)) is not None:
                return text, encoding
    return None


def _binary() -> ParseError:
    return ParseError(
        "The file has the name of a text file but holds binary data. Replace it with the text, or give it its "
        "true name.",
        code="binary",
    )
