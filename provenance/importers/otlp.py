"""Reads served answers from OTLP in JSON: traces and logs, with `gen_ai.*` or OpenInference attributes.

A file is JSON Lines of export documents, as the collector's file exporter writes, or one document. Spans of a
trace may stand anywhere in it. Lines are streamed and only what answers need is held, up to `MOST_TRACES`
traces and `MOST_HELD` characters; beyond that the oldest trace is closed. A line or document of more than
`MOST_BYTES` is refused: have the collector write smaller ones.

Values are often redacted, cut or missing: that is counted by reason and never fails.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from provenance.answers import AnswerInput
from provenance.importers.lines import MOST_BYTES, bounded
from provenance.importers.native import ImportedAnswers, LineProblem
from provenance.importers.spans import SpanRecord, records
from provenance.importers.traces import Trace, answer_of

MOST_TRACES = 10_000
"""Traces that are open at once; a collector writes the spans of one trace within seconds of one another."""
MOST_HELD = 64 << 20
"""Characters that open traces may hold."""
_REMEMBERED = 1_000_000
"""Ids of closed traces that are remembered, to count spans that come too late."""


def load(handle: BinaryIO) -> ImportedAnswers:
    """Reads a whole file; never fails for what it holds."""
    troubles: Counter[str] = Counter()
    answers: list[AnswerInput] = []
    problems: list[LineProblem] = []
    for item in read(handle, troubles):
        if isinstance(item, AnswerInput):
            answers.append(item)
        else:
            problems.append(item)
    return ImportedAnswers(
        answers=tuple(answers), problems=tuple(problems), lines=len(answers) + len(problems), notes=dict(+troubles)
    )


def read(handle: BinaryIO, troubles: Counter[str]) -> Iterator[AnswerInput | LineProblem]:
    """Yields the answers of a file, and a problem for each line or trace that gives none.

    Args:
        handle: The file, at its start.
        troubles: Reason to number of values that are missing or cannot be read; added to.
    """
    open_traces = _OpenTraces(troubles)
    for number, document in _documents(handle):
        if isinstance(document, LineProblem):
            yield document
            continue
        try:
            for span in records(document, troubles):
                yield from open_traces.add(number, span)
        except RecursionError:
            yield LineProblem(line=number, message="nested too deeply")
    yield from open_traces.close_all()


class _OpenTraces:
    """Traces whose spans are still coming."""

    def __init__(self, troubles: Counter[str]) -> None:
        self._troubles = troubles
        self._open: dict[str, Trace] = {}
        self._closed: dict[str, None] = {}
        self._size = 0
        self._unnamed = 0

    def add(self, line: int, span: SpanRecord) -> Iterator[AnswerInput | LineProblem]:
        """Takes a span in; yields what the traces gave that had to be closed for it."""
        # What names no trace is a trace of its own.
        self._unnamed += not span.trace_id
        key = span.trace_id or f"#{self._unnamed}"
        if key in self._closed:
            self._troubles["span_after_its_trace_was_closed"] += 1
        trace = self._open.setdefault(key, Trace(span.trace_id, line))
        before = trace.size
        trace.add(span)
        self._size += trace.size - before
        while len(self._open) > MOST_TRACES or (self._size > MOST_HELD and self._open):
            yield from self._close(next(iter(self._open)))

    def close_all(self) -> Iterator[AnswerInput | LineProblem]:
        """Yields what the traces that are still open give, in the order in which they began."""
        for key in list(self._open):
            yield from self._close(key)

    def _close(self, key: str) -> Iterator[AnswerInput | LineProblem]:
        trace = self._open.pop(key)
        self._size -= trace.size
        if trace.trace_id:
            self._closed[key] = None
            if len(self._closed) > _REMEMBERED:
                del self._closed[next(iter(self._closed))]
        found = answer_of(trace, self._troubles)
        if isinstance(found, AnswerInput):
            yield found
        elif found is not None:
            yield LineProblem(line=trace.line, message=f"trace {trace.trace_id[:64] or 'without id'}: {found}")


def _documents(handle: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Yields each line's document, or the one document that the file is."""
    for number, line in enumerate(bounded(handle, MOST_BYTES), start=1):
        if line is None:
            message = f"longer than {MOST_BYTES} bytes; have the collector write smaller batches, one a line"
            yield number, LineProblem(line=number, message=message)
            continue
        if not line.strip():
            continue
        try:
            yield number, json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            if number == 1 and line.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
                whole = _whole(handle, line)
                if whole is not None:
                    yield whole
                    return
            yield number, LineProblem(line=number, message=_said(error))


def _whole(handle: BinaryIO, first: bytes) -> tuple[int, Any] | None:
    """Returns the document that a file is as a whole; None, and the file where it was, if it is none."""
    place = handle.tell()
    rest = handle.read(MOST_BYTES + 1 - len(first))
    if len(first) + len(rest) > MOST_BYTES:
        message = (
            f"one document of more than {MOST_BYTES} bytes; write one export a line, which is read in bounded memory"
        )
        return 1, LineProblem(line=1, message=message)
    try:
        return 1, json.loads((first + rest).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        handle.seek(place)
        return None


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: {error.reason} at byte {error.start}; want one OTLP export a line, or one document"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at column {error.colno}; want one OTLP export a line, or one document"
    return str(error)[:300] or type(error).__name__
