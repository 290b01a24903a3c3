"""The headers of a mail that declare how its text was made."""

from __future__ import annotations

import re

_HEADER = re.compile(
    rb"^(AI-Disclosure|X-AI-Disclosure|AI-Generated|X-AI-Generated)[ \t]{0,9}:[ \t]{0,9}([^\r\n]{1,200})",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD = 65_536


def read_headers(data: bytes) -> dict[str, str]:
    """Returns such headers of a mail, by name.

    Args:
        data: The message; only what stands before its first empty line counts.
    """
    head = re.split(rb"\r?\n\r?\n", data[:_HEAD], maxsplit=1)[0]
    return {name.decode("ascii"): value.decode("utf-8", "replace").strip() for name, value in _HEADER.findall(head)}
