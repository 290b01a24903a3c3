"""The source of a text document, decoded as its parser decoded it.

The parser's notes say what it had to guess (`decoded:cp1252`); where they say nothing, the mark at the start, the
declared character set or UTF-8 held.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
_HEAD = 4096


def decoded(data: bytes, notes: Iterable[str]) -> str:
    """Returns the source as text; what cannot be decoded is replaced.

    Args:
        data: All bytes of the document.
        notes: What the parser noted.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    noted = [
        name for note in notes for kind, _, name in [note.partition(":")] if kind in ("decoded", "decoded_with_loss")
    ]
    declared = _CHARSET.search(data[:_HEAD])
    named = [declared[1].decode("ascii")] if declared and not noted else []
    for encoding in (*noted[:1], *named, "utf-8"):
        try:
            return data.decode(encoding, "replace" if noted else "strict")
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")
