"""Bytes to text: byte order mark, declared charset, UTF-8, then a guess that is written down.

What had to be done is returned as a note: `decoded:cp1252` for a guess, `decoded_with_loss:utf-8`
where some bytes were replaced, `charset_lied:NAME` where the declared charset did not fit.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from corpus.errors import ParseError
from ingestion.media import is_textual, utf16_order
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
    "big5": "big5hkscs", "x-user-defined": "cp1252", "utf-16": "utf-8", "unicode": "utf-8",
}  # fmt: skip
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
# Of several encodings that read the same bytes as the same text, the one people mean.
_PREFERRED = ("cp1252", "iso8859_15", "cp1250", "cp1251", "koi8_r")
# Guesses that are nearly always the commoner neighbour, on short texts.
_NEIGHBOUR: Mapping[str, str] = {"mac_cyrillic": "cp1251", "cp775": "cp1252", "hp_roman8": "cp1252"}
_GUESS_BYTES = 200_000


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
    order = utf16_order(data[:4096])
    if order:
        text, notes = _lossy(data, order)
        return text, (f"decoded:{order}", *notes)
    declared = _declared(data) if markup else ""
    return _by_trial(data, declared)


def _by_trial(data: bytes, declared: str) -> tuple[str, tuple[str, ...]]:
    if declared and (text := _strict(data, declared)) is not None:
        return text, ()
    notes = (f"charset_lied:{declared}",) if declared else ()
    if (text := _strict(data, "utf-8")) is not None:
        return text, notes
    if _is_nearly_utf8(data):
        return _lossy(data, "utf-8")
    guess = _guess(data)
    if guess:
        text, loss = _lossy(data, guess)
        return text, (*notes, f"decoded:{guess}", *loss)
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


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only files that are not UTF-8 need it

    best = from_bytes(data[:_GUESS_BYTES]).best()
    if best is None:
        return ""
    same = best.could_be_from_charset
    found = next((name for name in _PREFERRED if name in same), str(best.encoding))
    common = _NEIGHBOUR.get(found, found)
    return common if _strict(data, common) is not None else found


def _binary() -> ParseError:
    return ParseError(
        "The file has the name of a text file but holds binary data. Replace it with the text, or give it its "
        "true name.",
        code="binary",
    )
