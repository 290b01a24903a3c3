"""Answers out of traces and logs: both conventions, their older forms, and whatever a sender may do wrong."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provenance_parts.otlp_exports import START, attributes, export, file_of, hexed, logs, span

from provenance.answers import AnswerInput, RetrievedText
from provenance.importers import otlp
from provenance.importers.otlp import load, read
from provenance.importers.sniff import format_of
from provenance.importers.steps import content_name

TRACE = "5b8efff798038103d269b633813fc60c"
TEXT = "You may return a kettle within sixty days."
SOURCE = "Kettles may be returned within sixty days."
MESSAGES = [{"role": "assistant", "parts": [{"type": "text", "content": TEXT}], "finish_reason": "stop"}]
ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be short."}]},
    {"role": "user", "parts": [{"type": "text", "content": "May I return a kettle?"}]},
]
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "asked-model",
    "gen_ai.response.model": "some-model-2026",
    "gen_ai.input.messages": ASKED,
    "gen_ai.output.messages": MESSAGES,
}
FOUND = {
    "gen_ai.operation.name": "retrieval",
    "gen_ai.data_source.id": "handbook/v000007",
    "gen_ai.retrieval.query.text": "return kettle",
    "gen_ai.retrieval.documents": json.dumps(
        [{"id": "c1", "score": 0.9, "content": SOURCE}, {"id": "c2", "score": 0.8}]
    ),
}
EXPECTED = AnswerInput(
    answer_id=f"otlp-{TRACE}-6368617400000000",
    text=TEXT,
    system="support-bot",
    model="some-model-2026",
    served_at=datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC),
    retrieved=(RetrievedText(chunk_id="c1", text=SOURCE), RetrievedText(chunk_id="c2")),
    index_version="handbook/v000007",
    question="return kettle",
    trace_id=TRACE,
)


def one(*documents: Any) -> AnswerInput:
    found = load(file_of(*documents))
    assert found.problems == ()
    [answer] = found.answers
    return answer


def test_the_current_names_of_gen_ai() -> None:
    assert one(export(span("retrieve", FOUND, end=2), span("chat", CHAT))) == EXPECTED


def test_messages_may_be_json_text_and_spans_of_a_trace_may_stand_on_many_lines_in_any_order() -> None:
    told = {**CHAT, "gen_ai.output.messages": json.dumps(MESSAGES), "gen_ai.input.messages": json.dumps(ASKED)}
    assert one(export(span("chat", told)), export(), export(span("retrieve", FOUND, end=2))) == EXPECTED


def test_one_document_over_many_lines_is_read_as_one() -> None:
    text = json.dumps(export(span("retrieve", FOUND, end=2), span("chat", CHAT)), indent=2)
    assert load(BytesIO(text.encode())).answers == (EXPECTED,)
    assert load(BytesIO(b"\xef\xbb\xbf" + text.encode())).answers == (EXPECTED,)


@pytest.mark.parametrize(
    "event",
    [
        ("gen_ai.choice", {"message": json.dumps({"role": "assistant", "content": TEXT})}),
        ("gen_ai.content.completion", {"gen_ai.completion": json.dumps([{"role": "assistant", "content": TEXT}])}),
        ("gen_ai.content.completion", {"gen_ai.completion": TEXT}),
    ],
    ids=["choice", "completion", "plain completion"],
)
def test_older_events_in_spans(event: tuple[str, dict[str, Any]]) -> None:
    told = {"gen_ai.system": "openai", "gen_ai.request.model": "m"}
    happened = {"name": event[0], "attributes": attributes(event[1])}
    found = one(export(span("chat", told, events=(happened,))))
    assert (found.text, found.model, found.retrieved) == (TEXT, "m", ())


def test_numbered_attributes() -> None:
    told = {
        "gen_ai.system": "openai",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be short.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "May I?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": TEXT,
    }
    found = one(export(span("chat", told)))
    assert (found.text, found.question) == (TEXT, "May I?")


def _entry(name: str, body: Any, said: dict[str, Any], span_name: str = "chat") -> dict[str, Any]:
    made = span(span_name, {})
    entry = {"traceId": made["traceId"], "spanId": made["spanId"], "timeUnixNano": made["endTimeUnixNano"]}
    said = {"event.name": name, **said}
    return {**entry, "attributes": attributes(said), "body": attributes({"b": body})[0]["value"]}


def test_log_records_alone_and_beside_their_span() -> None:
    details = _entry("gen_ai.client.inference.operation.details", None, CHAT)
    alone = one(logs(details), export(span("retrieve", FOUND, end=2)))
    assert alone == EXPECTED
    bare = {key: item for key, item in CHAT.items() if "messages" not in key}
    for order in ([logs(details), export(span("chat", bare))], [export(span("chat", bare)), logs(details)]):
        assert one(*order, export(span("retrieve", FOUND, end=2))) == EXPECTED


def test_older_log_events() -> None:
    choice = _entry("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": TEXT}}, {})
    asked = _entry("gen_ai.user.message", {"content": "May I?"}, {})
    found = one(logs(asked, choice), export(span("chat", {"gen_ai.system": "x", "gen_ai.request.model": "m"})))
    assert (found.text, found.question, found.model) == (TEXT, "May I?", "m")


OPEN = {
    "openinference.span.kind": "RETRIEVER",
    "input.value": "May I return a kettle?",
    "retrieval.documents.0.document.id": "c1",
    "retrieval.documents.0.document.content": SOURCE,
    "retrieval.documents.0.document.score": 0.9,
    "retrieval.documents.1.document.content": "Without a name.",
    "retrieval.documents.2.document.metadata": json.dumps(
        {"doc_id": "d", "chunk_id": "c3", "index_version": "handbook/v000002"}
    ),
    "retrieval.documents.2.document.content": "By its metadata.",
    "retrieval.documents.10.document.metadata": {"source": "pages/a.md"},
    "retrieval.documents.10.document.content": "By its source.",
}
LLM = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "some-model",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Context: ... Question: May I?",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": TEXT,
    "output.value": json.dumps({"choices": [{"message": {"content": TEXT}}]}),
    "output.mime_type": "application/json",
}
CHAIN = {
    "openinference.span.kind": "CHAIN",
    "input.value": "May I return a kettle?",
    "input.mime_type": "text/plain",
    "output.value": TEXT + " Ask if unsure.",
    "output.mime_type": "text/plain",
}


def test_openinference_names_and_the_order_of_its_numbers() -> None:
    found = one(export(span("llm", LLM), span("retriever", OPEN, end=1)))
    assert found.text == TEXT
    assert (found.model, found.question) == ("some-model", "May I return a kettle?")
    assert found.index_version == "handbook/v000002"
    assert [(item.chunk_id, item.text) for item in found.retrieved] == [
        ("c1", SOURCE),
        (content_name("Without a name."), "Without a name."),
        ("c3", "By its metadata."),
        ("pages/a.md", "By its source."),
    ]


def test_the_outermost_span_says_what_was_served() -> None:
    inner = {**CHAIN, "output.value": "An inner chain."}
    spans = [span("root", CHAIN, end=9), span("inner", inner, parent="root", end=8), span("llm", LLM, parent="inner")]
    assert one(export(*spans)).text == TEXT + " Ask if unsure."
    assert one(export(*spans[1:])).text == "An inner chain.", "its parent is not in the file, so it is the outermost"


def test_an_output_that_is_an_object_is_read_by_its_usual_keys_else_the_model_speaks() -> None:
    text = json.dumps({"answer": "From the key.", "context": ["x"]})
    keyed = {**CHAIN, "output.value": text, "output.mime_type": "application/json"}
    other = {**keyed, "output.value": json.dumps({"documents": [1]})}
    assert one(export(span("root", keyed), span("llm", LLM, parent="root"))).text == "From the key."
    assert one(export(span("root", other), span("llm", LLM, parent="root"))).text == TEXT


def test_tools_add_to_a_retriever_and_never_stand_for_one() -> None:
    tool = {"openinference.span.kind": "TOOL", "output.value": "What a tool found."}
    both = one(export(span("llm", LLM), span("retriever", OPEN, end=1), span("tool", tool, end=2)))
    assert content_name("What a tool found.") in {item.chunk_id for item in both.retrieved}
    assert one(export(span("llm", LLM), span("tool", tool, end=2))).retrieved == ()


def test_our_own_attributes_win() -> None:
    told = {**CHAT, "stemma.answer_id": "a-1", "stemma.index_version": "kb/v000003", "stemma.mark": "m"}
    found = one(export(span("chat", told)))
    assert (found.answer_id, found.index_version, found.mark) == ("a-1", "kb/v000003", "m")
    assert one(export(span("chat", CHAT), **{"stemma.index_version": "kb/v000004"})).index_version == "kb/v000004"


@pytest.mark.parametrize(
    ("told", "note"),
    [
        ({**OPEN, "retrieval.documents.0.document.content": "__REDACTED__"}, "document_redacted"),
        ({**OPEN, "retrieval.documents.0.document.content": SOURCE[:20] + "... [truncated]"}, "document_truncated"),
        ({key: item for key, item in OPEN.items() if ".0.document.content" not in key}, "document_without_text"),
        ({**OPEN, "retrieval.documents.3.document.score": 0.1}, "document_without_name_and_text"),
    ],
)
def test_a_source_that_is_not_told_whole_has_no_text_and_is_counted(told: dict[str, Any], note: str) -> None:
    found = load(file_of(export(span("llm", LLM), span("retriever", told, end=1))))
    assert found.notes[note] == 1
    [answer] = found.answers
    if note != "document_without_name_and_text":
        assert answer.retrieved[0] == RetrievedText(chunk_id="c1")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({**CHAT, "gen_ai.output.messages": "[REDACTED]"}, "no text"),
        ({**CHAT, "gen_ai.output.messages": json.dumps(MESSAGES)[:-30]}, "no text"),
        ({key: item for key, item in CHAT.items() if key != "gen_ai.output.messages"}, "no text"),
    ],
)
def test_a_trace_without_an_answer_is_a_problem_with_its_line(told: dict[str, Any], message: str) -> None:
    found = load(file_of(export(), export(span("chat", told)), export(span("chat", CHAT, trace="aa"))))
    assert len(found.answers) == 1
    [problem] = found.problems
    assert problem.line == 2
    assert message in problem.message
    assert TRACE in problem.message


def test_a_trace_that_goes_on_in_another_file_gives_another_answer() -> None:
    first, second = one(export(span("turn1", CHAT))), one(export(span("turn2", CHAT, end=9)))
    assert first.answer_id != second.answer_id
    assert first.answer_id == one(export(span("turn1", CHAT), span("late", FOUND))).answer_id


@pytest.mark.parametrize(
    ("text", "cut"), [("The file was truncated.", 0), ("a ...[truncated 5 more]", 1), ("a\u2026", 1)]
)
def test_what_looks_cut(text: str, cut: int) -> None:
    told = {**OPEN, "retrieval.documents.0.document.content": text}
    assert load(file_of(export(span("llm", LLM), span("r", told)))).notes.get("document_truncated", 0) == cut


def test_no_time_is_a_problem_and_other_traces_are_none() -> None:
    timeless = {**span("chat", CHAT), "endTimeUnixNano": "0", "startTimeUnixNano": True}
    web = span("GET", {"http.method": "GET"}, trace="cc")
    found = load(file_of(export(timeless, web)))
    assert found.problems[0].message.endswith("within the calendar")
    assert found.notes["trace_without_model"] == 1


def test_only_one_of_many_outputs_of_a_trace_was_served_and_the_others_are_counted() -> None:
    drafts = [span(f"draft{place}", {**CHAT, "gen_ai.response.model": f"m{place}"}, end=place) for place in range(3)]
    found = load(file_of(export(*drafts)))
    assert [answer.model for answer in found.answers] == ["m2"]
    assert found.notes["other_outputs_in_trace"] == 2


def test_bad_lines_are_reported_and_the_rest_is_read() -> None:
    good = json.dumps(export(span("chat", CHAT))).encode()
    bad = [
        b"not json",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"resourceSpans": 5}',
        b'[1, {"resourceSpans": [1, {"scopeSpans": [{"spans": [1]}]}]}]',
    ]
    found = load(BytesIO(b"\n".join([good, *bad, b"", b"null"]) + b"\n"))
    assert len(found.answers) == 1
    assert [problem.line for problem in found.problems] == [2, 3, 4]
    assert found.notes == {"not_a_list": 1, "not_an_export": 2, "not_an_object": 2}


def test_open_traces_are_bounded_and_late_spans_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MOST_TRACES", 2)
    documents = [export(span("chat", CHAT, trace=f"{place:032x}")) for place in range(1, 6)]
    late = export(span("retrieve", FOUND, trace=f"{1:032x}"))
    troubles: Counter[str] = Counter()
    stream = read(file_of(*documents, late), troubles)
    first = next(stream)
    assert isinstance(first, AnswerInput)
    assert first.trace_id == f"{1:032x}", "the oldest is closed as soon as a third opens"
    assert len([item for item in stream if isinstance(item, AnswerInput)]) == 4
    assert troubles["span_after_its_trace_was_closed"] == 1
    monkeypatch.setattr(otlp, "MOST_HELD", 10)
    assert len(load(file_of(*documents)).answers) == 5


def test_spans_without_a_trace_are_answers_of_their_own_however_many_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MOST_TRACES", 2)
    spans = [span("chat", CHAT, trace="", end=place) | {"spanId": ""} for place in range(1, 7)]
    assert len(load(file_of(export(*spans))).answers) == 6


def test_what_is_too_large_is_refused_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    good = json.dumps(export(span("chat", CHAT))).encode()
    monkeypatch.setattr(otlp, "MOST_BYTES", len(good) + 10)
    found = load(BytesIO(b'{"x": "' + b"a" * 3 * len(good) + b'"}\n' + good + b"\n"))
    assert (len(found.answers), [problem.line for problem in found.problems]) == (1, [1])
    whole = load(BytesIO(json.dumps(export(span("chat", CHAT)), indent=4).encode()))
    assert "one export a line" in whole.problems[0].message


def test_the_real_sdk_of_opentelemetry_writes_what_is_read() -> None:
    common = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder")
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "support-bot"}))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("rag"):
        with tracer.start_as_current_span("retrieve", attributes=FOUND):
            pass
        told = {**CHAT, "gen_ai.output.messages": json.dumps(MESSAGES), "gen_ai.input.messages": json.dumps(ASKED)}
        with tracer.start_as_current_span("chat", attributes=told):
            pass
    spans = kept.get_finished_spans()
    provider.shutdown()
    document = hexed(MessageToDict(common.encode_spans(spans)))
    answer = one(document)
    assert answer.trace_id == format(spans[0].context.trace_id, "032x")
    assert (answer.text, answer.model, answer.retrieved) == (TEXT, "some-model-2026", EXPECTED.retrieved)
    assert answer.served_at.timestamp() == pytest.approx(spans[1].end_time / 1e9, abs=1e-3)


def test_formats_are_told_by_content() -> None:
    assert format_of(json.dumps(export()).encode()) == "otlp"
    assert format_of(json.dumps([logs()], indent=1).encode()) == "otlp"
    assert format_of(json.dumps({"text": 'it says "resourceSpans": [', "served_at": "x"}).encode()) == "native"
    assert format_of(b"") == "native"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*CHAT, *FOUND, *OPEN, *LLM, *CHAIN, "gen_ai.completion", "gen_ai.tool.call.result", "metadata"])
ANY = st.one_of(
    JSON,
    st.sampled_from(["stringValue", "intValue", "arrayValue", "kvlistValue", "bytesValue"]).flatmap(
        lambda name: JSON.map(lambda item: {name: item})
    ),
    st.text(max_size=20).map(lambda text: {"stringValue": text}),
)
SPANS = st.fixed_dictionaries(
    {"attributes": st.lists(st.fixed_dictionaries({"key": KEYS, "value": ANY}), max_size=8) | JSON},
    optional={
        "traceId": st.sampled_from(["a", "b", ""]) | JSON,
        "spanId": st.sampled_from(["1", "2"]) | JSON,
        "parentSpanId": st.sampled_from(["1", "2"]) | JSON,
        "endTimeUnixNano": st.integers(0, 2**64).map(str) | JSON,
        "events": JSON,
        "eventName": st.just("gen_ai.choice"),
        "body": ANY,
        "droppedAttributesCount": JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(SPANS, max_size=4), st.lists(SPANS, max_size=2))
def test_no_export_fails_however_odd_and_no_text_is_lost(spans: list[Any], entries: list[Any]) -> None:
    found = load(file_of(export(*spans), logs(*entries)))
    assert found.lines == len(found.answers) + len(found.problems)
    for answer in found.answers:
        assert answer.text.strip()
        assert answer.served_at.tzinfo is UTC
        json.dumps([answer.text, answer.question, answer.answer_id]).encode("utf-8")


@given(st.binary(max_size=200))
def test_no_bytes_fail(raw: bytes) -> None:
    found = load(BytesIO(raw))
    assert found.lines == len(found.answers) + len(found.problems)


def test_what_is_expected_stands_at_the_time_it_is_said_to() -> None:
    assert datetime.fromtimestamp(START / 1e9, UTC) == datetime(2026, 1, 1, tzinfo=UTC)
