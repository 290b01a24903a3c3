"""Structured logs: one JSON object a line, about runs and never about what stands in documents.

A record says which run, contract and stage it belongs to. Secrets are cut out of whatever is logged, and of an error
only those kinds tell their message whose words cannot quote a document. What libraries log is not ours and is left to
whoever configures the process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from corpus.errors import (
    CatalogError,
    ConcurrentRelease,
    ConfigurationError,
    ContractError,
    IntegrityError,
    SourceError,
)

LogFormat = Literal["off", "text", "json"]

PACKAGES = ("corpus", "contracts", "provenance", "index", "ingestion", "console")
"""The loggers that are ours."""

_FIELDS = "stemma_fields"
_TOLD = (CatalogError, ConcurrentRelease, ConfigurationError, IntegrityError, SourceError)
"""Errors about settings, stores and digests. A message about a contract, a gate or a text may quote one."""
_LONGEST = 500
_CUT = "[redacted]"
_SECRETS = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        _CUT,
    ),
    (re.compile(r"(?<=://)[^\s/\"'<>]+(?=@)"), _CUT),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_CUT}"),
    (
        re.compile(
            r"(?i)([\w-]*(?:passw(?:or)?d|secret|token|(?:api|access|account|shared)[_-]?key|credential|signature)[\w-]*"
            r"[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
        ),
        rf"\1{_CUT}",
    ),
    (re.compile(r"(?i)((?:(?:^|[?&;\s])(?:pwd|sig)|[?&]key)=)[^\s&;\"']+"), rf"\1{_CUT}"),
)

_about: ContextVar[Mapping[str, str] | None] = ContextVar("stemma_about", default=None)


@contextlib.contextmanager
def about(**fields: str) -> Iterator[None]:
    """Adds fields to every record that is logged inside, such as `run_id`, `contract` and `stage`; empty ones not."""
    token = _about.set({**(_about.get() or {}), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _about.reset(token)


def note(logger: logging.Logger, level: int, message: str, **fields: Any) -> None:
    """Logs a fixed message with figures beside it.

    Args:
        logger: The module's own logger.
        level: As of `logging`.
        message: Fixed words; what varies goes into `fields`.
        **fields: Numbers, names and digests; never text of a document.
    """
    logger.log(level, message, extra={_FIELDS: fields})


def redact(text: str) -> str:
    """Returns a text without what looks like a secret: private keys, passwords in URLs, tokens, `password=...`."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def told(error: BaseException) -> str:
    """Returns what may be said of an error outside: its message where that can quote no document, else its kind."""
    if isinstance(error, _TOLD) and not isinstance(error, ContractError):
        return redact(str(error))[:_LONGEST]
    return type(error).__name__


class JsonLines(logging.Formatter):
    """Makes a record one line of JSON: `time`, `level`, `logger`, `message`, the context, and the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        return json.dumps(_record(record), ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Makes a record one line for a person: time, level, message and `name=value` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        found = _record(record)
        head = " ".join(str(found.pop(name)) for name in ("time", "level", "message"))
        found.pop("logger")
        return " ".join((head, *(f"{name}={value}" for name, value in found.items()))).replace("\n", " ")


_FORMATTERS: Mapping[str, type[logging.Formatter]] = {"json": JsonLines, "text": TextLines}


class _Ours(logging.StreamHandler[TextIO]):
    """The one handler that `configure` adds, to be found again; it writes to what stderr is at the time."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._fixed = stream is not None

    def emit(self, record: logging.LogRecord) -> None:
        if not self._fixed:
            self.stream = sys.stderr
        super().emit(record)


def configure(form: LogFormat, stream: TextIO | None = None) -> None:
    """Sends the records of our packages, from INFO on, to stderr; doing it again replaces what was set.

    Args:
        form: `json`, `text`, or `off`: nothing is added and Python's defaults hold.
        stream: Where to write; None for stderr.
    """
    for name in PACKAGES:
        logger = logging.getLogger(name)
        before = [handler for handler in logger.handlers if isinstance(handler, _Ours)]
        for handler in before:
            logger.removeHandler(handler)
        if form == "off":
            if before:
                logger.setLevel(logging.NOTSET)
            continue
        handler = _Ours(stream)
        handler.setFormatter(_FORMATTERS[form]())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def _record(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, _FIELDS, {})
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    found: dict[str, Any] = {
        "time": moment,
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": redact(record.getMessage()),
        **(_about.get() or {}),
        **{name: redact(value) if isinstance(value, str) else value for name, value in fields.items()},
    }
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        found |= {"error": type(error).__name__, "error_message": told(error)}
    return found
