"""Texts whose origin the user knows, read from JSON Lines or from a folder, for training and evaluation.

A line or a file that cannot be used is counted with its reason and never stops the rest.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.model import RepairSpec
from corpus.errors import ConfigurationError, ParseError
from corpus.ids import sha256_hex
from corpus.types import RawBlob, SourceRef
from ingestion.language import language_of
from ingestion.parsers.route import parse
from ingestion.repair import repair
from provenance.statistics.fit import Known

_KEYS = ("domain", "group", "generator", "language")
_LINES = (".jsonl", ".jsonl.gz")
_MOST_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was read.

    Attributes:
        texts: Every text that can be used.
        unread: Why others cannot, to how many.
    """

    texts: tuple[Known, ...]
    unread: dict[str, int]


def gather(human: Sequence[Path], ai: Sequence[Path], max_bytes: int) -> Gathered:
    """Reads texts of known origin.

    Args:
        human: Files or folders with texts that humans wrote.
        ai: The same, written by models.
        max_bytes: A larger file in a folder is not read.

    Raises:
        ConfigurationError: A path does not exist, or is neither a folder nor `*.jsonl` or `*.jsonl.gz`.
    """
    unread: Counter[str] = Counter()
    places = [(path, True) for path in human] + [(path, False) for path in ai]
    texts = tuple(item for path, kind in places for item in _read(path, kind, max_bytes, unread))
    return Gathered(texts=texts, unread=dict(sorted(unread.items())))


def _read(path: Path, human: bool, max_bytes: int, unread: Counter[str]) -> Iterator[Known]:  # noqa: FBT001
    if path.is_dir():
        return _folder(path, human, max_bytes, unread)
    if not path.is_file():
        raise ConfigurationError(f"{path} does not exist. Name a folder of documents, or a *.jsonl file.")
    if not path.name.endswith(_LINES):
        raise ConfigurationError(
            f'{path} is neither a folder nor *.jsonl or *.jsonl.gz with lines like {{"text": "...", "domain": "..."}}.'
        )
    return _lines(path, human, unread)


def _lines(path: Path, human: bool, unread: Counter[str]) -> Iterator[Known]:  # noqa: FBT001
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            data = handle.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigurationError(f"{path} has more than {_MOST_BYTES} bytes, unpacked. Split it.")
        lines = data.split(b"\n")  # U+2028 ends no line
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    for line in lines:
        if not line.strip():
            continue
        found = _row(line)
        if isinstance(found, str):
            unread[found] += 1
        else:
            language = found.get("language") or language_of(found["text"])
            named = {key: found.get(key) or "" for key in ("domain", "group", "generator")}
            yield Known(text=found["text"], human=human, language=language, **named)


def _row(line: bytes) -> dict[str, Any] | str:
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "line is not UTF-8"
    except (ValueError, RecursionError):
        return "line is not JSON"
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        return "line has no text"
    if any(not isinstance(found.get(key) or "", str) for key in _KEYS):
        return f"line has a value that is no text ({', '.join(_KEYS)})"
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return "line holds half a character"
    return found


def _folder(path: Path, human: bool, max_bytes: int, unread: Counter[str]) -> Iterator[Known]:  # noqa: FBT001
    for file in sorted(item for item in path.rglob("*") if item.is_file() and not item.name.startswith(".")):
        parts = file.relative_to(path).parts
        if file.stat().st_size > max_bytes:
            unread["file is too large"] += 1
            continue
        try:
            text = _text(file)
        except (OSError, ParseError) as error:
            unread[f"file: {getattr(error, 'code', 'unreadable')}"] += 1
            continue
        domain = parts[0] if len(parts) > 1 else ""
        yield Known(text=text, human=human, domain=domain, language=language_of(text))


def _text(file: Path) -> str:
    """Returns the text as an ingest would see it: extracted and repaired."""
    data = file.read_bytes()
    ref = SourceRef(doc_id="x", uri=file.absolute().as_uri(), path=file.name, size=len(data), modified_at=None)
    document, _ = repair(parse(RawBlob(ref=ref, data=data, sha256=sha256_hex(data)), {}), RepairSpec().kinds)
    return document.text
