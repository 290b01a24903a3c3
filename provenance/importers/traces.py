"""From the spans of one trace to the answer that was served: one request, one answer.

The output of the outermost span was served, else the last output of a language model. What was retrieved is
what all retrievers of the trace found; what tools gave back adds to it where there is a retriever, and never
stands for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from provenance.answers import AnswerInput, RetrievedText
from provenance.importers import genai, openinference
from provenance.importers.native import answer_id_of
from provenance.importers.spans import SpanRecord
from provenance.importers.steps import Step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Trace:
    """The spans of one trace that were seen so far.

    Attributes:
        trace_id: Its id, empty for what names none.
        line: Line of the first of them.
        spans: Span id to the span, with the log's events about it; spans without an id by number.
        size: About how many characters they hold.
    """

    trace_id: str
    line: int
    spans: dict[str, SpanRecord] = field(default_factory=dict)
    size: int = 0

    def add(self, span: SpanRecord) -> None:
        """Adds a span, or what the log says about one."""
        key = span.span_id or f"#{len(self.spans)}"
        held = self.spans.get(key)
        self.spans[key] = span if held is None else _merged(held, span)
        self.size += _size(span)


@dataclass(frozen=True, slots=True)
class _Read:
    """A span and what it says."""

    span: SpanRecord
    step: Step
    root: bool


def answer_of(trace: Trace, troubles: Counter[str]) -> AnswerInput | str | None:
    """Returns the answer that a trace served.

    Args:
        trace: The trace.
        troubles: Reason to number of what is missing or cannot be read; added to.

    Returns:
        The answer; why there is none; or None for a trace that has nothing to do with a language model.
    """
    read = _steps(trace, troubles)
    outputs = [item for item in read if item.step.kind in ("served", "model")]
    if not outputs:
        if any(item.step.kind == "retrieval" for item in read):
            troubles["retrieval_without_answer"] += 1
        else:
            troubles["trace_without_model"] += 1
        return None
    chosen = _chosen(outputs)
    if chosen is None:
        return "no text: the output is missing or redacted; have the instrumentation capture message content"
    models = sum(item.step.kind == "model" and item.step.text is not None for item in outputs)
    troubles["other_outputs_in_trace"] += max(models - 1, 0)
    served_at = _time(chosen.span)
    if served_at is None:
        return "no time: the span has neither endTimeUnixNano nor startTimeUnixNano within the calendar"
    return _answer(trace, read, chosen, served_at)


def _steps(trace: Trace, troubles: Counter[str]) -> list[_Read]:
    found: list[_Read] = []
    for span in trace.spans.values():
        if span.dropped:
            troubles["attributes_dropped_by_sender"] += span.dropped
        step = openinference.read(span, troubles) or genai.read(span, troubles)
        if step is not None:
            root = not span.parent_id or span.parent_id not in trace.spans
            found.append(_Read(span, step, root))
    return sorted(found, key=lambda item: (item.span.ended_ns or item.span.started_ns, item.span.span_id))


def _chosen(outputs: Sequence[_Read]) -> _Read | None:
    with_text = [item for item in outputs if item.step.text is not None]
    whole = [item for item in with_text if item.root and item.step.kind == "served"]
    models = [item for item in with_text if item.step.kind == "model"]
    # A chain inside a chain passes texts on; only where nothing else speaks does the last of them count.
    return next((group[-1] for group in (whole, models, with_text) if group), None)


def _answer(trace: Trace, read: Sequence[_Read], chosen: _Read, served_at: datetime) -> AnswerInput:
    text = chosen.step.text or ""
    system = next((name for name in (chosen.step.system, *(item.step.system for item in read)) if name), "")
    system = chosen.span.service or system
    # With the span: a trace that goes on in another file, turn after turn, is another answer there.
    named = "-".join(("otlp", trace.trace_id, *filter(None, (chosen.span.span_id,)))) if trace.trace_id else ""
    return AnswerInput(
        answer_id=_said(read, "answer_id") or named or answer_id_of(system, served_at, text),
        text=text,
        system=system,
        model=chosen.step.model or _last(item.step.model for item in read if item.step.kind == "model"),
        served_at=served_at,
        retrieved=_retrieved(read),
        index_version=_said(read, "index_version") or _last(item.span.index_version for item in read),
        question=_question(read, chosen),
        trace_id=trace.trace_id,
        mark=_said(read, "mark"),
    )


def _said(read: Iterable[_Read], name: str) -> str:
    return _last(getattr(item.step, name) for item in read)


def _last(values: Iterable[str]) -> str:
    found = [value for value in values if value]
    return found[-1] if found else ""


def _retrieved(read: Sequence[_Read]) -> tuple[RetrievedText, ...]:
    """What all retrievers found, each document once; a text wins over its mere name."""
    retrievals = [item for item in read if item.step.kind == "retrieval"]
    kinds = ("retrieval", "tool") if any(item.step.retrieved for item in retrievals) else ("retrieval",)
    every = dict.fromkeys(document for item in read if item.step.kind in kinds for document in item.step.retrieved)
    with_text = {document.chunk_id for document in every if document.text is not None}
    return tuple(document for document in every if document.text is not None or document.chunk_id not in with_text)


def _question(read: Sequence[_Read], chosen: _Read) -> str | None:
    """What was asked: as the outermost span says, else as was looked for, else the last message of a person."""
    order = [
        *(item for item in read if item.root and item.step.kind == "served"),
        *(item for item in read if item.step.kind == "retrieval"),
        chosen,
    ]
    return next((item.step.question for item in order if item.step.question), None)


def _time(span: SpanRecord) -> datetime | None:
    nanoseconds = span.ended_ns or span.started_ns
    if not nanoseconds:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return None


def _merged(held: SpanRecord, added: SpanRecord) -> SpanRecord:
    """Puts a span and the log's events about it together, whichever came first."""
    base, other = (added, held) if held.from_log and not added.from_log else (held, added)
    if not other.from_log:
        # The same span exported again: the later export stands.
        return replace(added, events=added.events or held.events)
    return replace(
        base,
        events=(*base.events, *other.events),
        ended_ns=base.ended_ns or other.ended_ns,
        dropped=base.dropped + other.dropped,
    )


def _size(span: SpanRecord) -> int:
    values = [*span.attributes.values(), *(value for event in span.events for value in event.attributes.values())]
    return 200 + sum(len(value) if isinstance(value, str) else 50 for value in values)
