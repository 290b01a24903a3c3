"""An answer log as a stream of answers, whatever format it is in; its bytes tell which."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from corpus.errors import ConfigurationError
from provenance.answers import AnswerInput
from provenance.importers import lines, native, otlp
from provenance.importers.native import LineProblem
from provenance.importers.sniff import FORMATS, HEAD, format_of

AUTO = "auto"
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
"""First bytes of formats that log shippers write; none of them begins a JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLog:
    """An open answer log.

    Attributes:
        format: Its format, as said or as told from its bytes.
        items: Its answers, and a problem for each line or trace that gives none, in bounded memory.
        notes: Reason to number of values that were missing; complete when `items` is at its end.
    """

    format: str
    items: Iterator[AnswerInput | LineProblem]
    notes: Counter[str] = field(default_factory=Counter)


@contextlib.contextmanager
def open_log(path: Path, file_format: str = AUTO) -> Iterator[AnswerLog]:
    """Opens an answer log.

    Args:
        path: The file.
        file_format: `native`, `otlp`, or `auto` to tell it from the first bytes.

    Raises:
        ConfigurationError: The file cannot be read or is compressed, or the format is none.
    """
    if file_format not in (AUTO, *FORMATS):
        raise ConfigurationError(f"there is no answer format {file_format!r}. Valid: {AUTO}, {', '.join(FORMATS)}.")
    try:
        with path.open("rb") as handle:
            yield _log(handle, file_format)
    except OSError as error:
        raise ConfigurationError(
            f"answers file {path} cannot be read: {error.strerror}. Give JSON Lines of answers, or OTLP in JSON."
        ) from error


def _log(handle: BinaryIO, file_format: str) -> AnswerLog:
    head = handle.read(HEAD)
    handle.seek(0)
    for start, packed in _COMPRESSED.items():
        if head.startswith(start):
            raise ConfigurationError(f"answers file {handle.name} is compressed ({packed}). Unpack it and import that.")
    found = format_of(head) if file_format == AUTO else file_format
    notes: Counter[str] = Counter()
    items = otlp.read(handle, notes) if found == "otlp" else native.read(lines.bounded(handle))
    return AnswerLog(format=found, items=items, notes=notes)
