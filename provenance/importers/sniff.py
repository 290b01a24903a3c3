"""Tells the format of an answer log from its first bytes; names say nothing."""

from __future__ import annotations

import re
from typing import Literal

Format = Literal["native", "otlp"]

FORMATS: tuple[Format, ...] = ("native", "otlp")
HEAD = 65_536
"""Bytes that are looked at: an export names its kind before its first span."""

# Inside a JSON text the quote would stand behind a backslash, so an answer that speaks of OTLP is not taken for it.
_OTLP = re.compile(rb'"(?:resourceSpans|resourceLogs|resourceMetrics|resource_spans|resource_logs)"\s*:')


def format_of(head: bytes) -> Format:
    """Returns the format of a file whose first bytes these are; native where nothing speaks for another."""
    return "otlp" if _OTLP.search(head[:HEAD]) else "native"
