"""Reads served answers from Stemma's own JSON Lines: one JSON object a line, UTF-8.

| field           | type                                           | required |
|-----------------|------------------------------------------------|----------|
| `text`          | string, what was served                        | yes      |
| `served_at`     | string, ISO 8601 with an offset or `Z`         | yes      |
| `answer_id`     | string; default: digest of system, time, text  | no       |
| `system`        | string, which RAG system served it             | no       |
| `model`         | string, which model wrote it                   | no       |
| `retrieved`     | array of `{"chunk_id", "text"}` or of chunk ids | no       |
| `cited`         | array of chunk ids                             | no       |
| `index_version` | string                                         | no       |
| `question`      | string, what was asked                         | no       |
| `trace_id`      | string, trace of the request                   | no       |
| `mark`          | string, the provenance mark it was served with | no       |

Other fields are ignored. A line that cannot be used is reported with its number; the others are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from corpus.ids import fingerprint
from corpus.types import EMPTY
from provenance.answers import AnswerInput, RetrievedText


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """A line that could not be used.

    Attributes:
        line: Its number, from 1.
        message: What is wrong and what is expected.
    """

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAnswers:
    """What a file held.

    Attributes:
        answers: The answers, in the order of the file.
        problems: The lines that could not be used, in order.
        lines: Lines that were not blank: `len(answers) + len(problems)`.
        notes: Reason to number of values that were missing or unreadable where that cost no answer.
    """

    answers: tuple[AnswerInput, ...]
    problems: tuple[LineProblem, ...]
    lines: int
    notes: Mapping[str, int] = field(default_factory=lambda: EMPTY)


def load(lines: Iterable[bytes | str | None]) -> ImportedAnswers:
    """Reads a whole file; never fails for what a line holds."""
    answers: list[AnswerInput] = []
    problems: list[LineProblem] = []
    for item in read(lines):
        if isinstance(item, AnswerInput):
            answers.append(item)
        else:
            problems.append(item)
    return ImportedAnswers(answers=tuple(answers), problems=tuple(problems), lines=len(answers) + len(problems))


def read(lines: Iterable[bytes | str | None]) -> Iterator[AnswerInput | LineProblem]:
    """Yields an answer or a problem for each line that is not blank, in bounded memory.

    Args:
        lines: The lines; None for one that is too long (`lines.bounded`).
    """
    for number, line in enumerate(lines, start=1):
        if line is None:
            yield LineProblem(line=number, message="the line is too long for one answer; want one JSON object a line")
            continue
        if not line.strip():
            continue
        try:
            yield _answer(_object(line))
        except (ValueError, RecursionError) as error:
            yield LineProblem(line=number, message=str(error)[:300] or type(error).__name__)


def answer_id_of(system: str, served_at: datetime, text: str) -> str:
    """Returns the id of an answer that was given none: the same answer gets the same one from every log."""
    identity = {"system": system, "served_at": served_at.isoformat(), "text": text}
    return fingerprint("answer", identity)[:32]


def _object(line: bytes | str) -> Mapping[str, Any]:
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line.removeprefix("\ufeff")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}; want one JSON object a line") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}; want one JSON object a line") from None
    if not isinstance(value, dict):
        raise ValueError(f"want a JSON object, got {type(value).__name__}")
    return value


def _answer(value: Mapping[str, Any]) -> AnswerInput:
    text = _text(value, "text")
    if not text.strip():
        raise ValueError("text: missing or empty; want the text that was served")
    served_at, system = _time(_text(value, "served_at")), _text(value, "system")
    return AnswerInput(
        answer_id=_text(value, "answer_id") or answer_id_of(system, served_at, text),
        text=text,
        system=system,
        model=_text(value, "model"),
        served_at=served_at,
        retrieved=tuple(_retrieved(item) for item in _array(value, "retrieved")),
        cited=tuple(_chunk_id("cited", item) for item in _array(value, "cited")),
        index_version=_text(value, "index_version"),
        question=_text(value, "question") or None,
        trace_id=_text(value, "trace_id"),
        mark=_text(value, "mark"),
    )


def _text(value: Mapping[str, Any], field: str) -> str:
    found = value.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"{field}: want a string, got {type(found).__name__}")
    # A lone surrogate is no text: UTF-8 and no database can say it.
    return found.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _array(value: Mapping[str, Any], field: str) -> list[Any]:
    found = value.get(field)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"{field}: want an array, got {type(found).__name__}")
    return found


def _retrieved(item: Any) -> RetrievedText:
    if isinstance(item, Mapping):
        text = _text(item, "text") if item.get("text") is not None else None
        return RetrievedText(chunk_id=_chunk_id("retrieved", item.get("chunk_id")), text=text)
    return RetrievedText(chunk_id=_chunk_id("retrieved", item))


def _chunk_id(field: str, item: Any) -> str:
    if not isinstance(item, str) or not item:
        raise ValueError(f"{field}: want a chunk id (a string that is not empty), got {item!r:.80}")
    return item.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"served_at: want ISO 8601 such as 2026-03-01T12:00:00Z, got {text!r:.80}") from None
    if moment.tzinfo is None:
        raise ValueError(f"served_at: want an offset or Z after the time, got {text!r:.80}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"served_at: {text!r:.80} is out of range") from None
