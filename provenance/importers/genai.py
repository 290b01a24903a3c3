"""Reads what a span says by the `gen_ai.*` conventions of OpenTelemetry, up to v1.41, and their older forms.

Names: https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai . A message is
`{role, parts: [{type: text, content}]}`; older forms hold `{role, content}`, or stand in events
(`gen_ai.choice`, `gen_ai.content.completion`) or in numbered attributes (`gen_ai.completion.0.content`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from provenance.answers import RetrievedText
from provenance.importers.spans import EventRecord, SpanRecord
from provenance.importers.steps import Kind, Step, content_name, documents_of, joined, own, parsed, string, told

_RETRIEVAL = "retrieval"
_TOOL = "execute_tool"
_WHOLE = ("invoke_agent", "invoke_workflow")
_MODEL = ("chat", "text_completion", "generate_content")
_OUTPUT_EVENTS = ("gen_ai.choice", "gen_ai.content.completion", "gen_ai.client.inference.operation.details")
_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.([0-9]{1,6})\.(role|content)")


def read(span: SpanRecord, troubles: Counter[str]) -> Step | None:
    """Returns what a span says; None where it follows none of these conventions.

    Args:
        span: The span, with the log's events about it.
        troubles: Reason to number of values that are missing or cannot be read; added to.
    """
    attributes = _all_attributes(span)
    if not any(key.startswith("gen_ai.") for key in attributes) and not any(
        event.name.startswith("gen_ai.") for event in span.events
    ):
        return None
    kind = _kind(attributes, span)
    documents, named = documents_of(parsed(attributes.get("gen_ai.retrieval.documents")), troubles)
    if kind == "retrieval" and "gen_ai.retrieval.documents" not in attributes:
        troubles["retrieval_without_documents"] += 1
    said = own(attributes)
    return Step(
        kind=kind,
        text=_output(attributes, span, troubles) if kind in ("served", "model") else None,
        question=_question(attributes, span, troubles),
        model=string(attributes.get("gen_ai.response.model")) or string(attributes.get("gen_ai.request.model")),
        system=string(attributes.get("gen_ai.agent.name")),
        retrieved=documents if kind != "tool" else _tool_result(attributes, troubles),
        index_version=said.pop("index_version") or named or _source(attributes),
        **said,
    )


def _all_attributes(span: SpanRecord) -> dict[str, Any]:
    """The span's attributes, and those of the event that repeats them in full."""
    found: dict[str, Any] = {}
    for event in span.events:
        if event.name == "gen_ai.client.inference.operation.details" or event.name.startswith("gen_ai.retrieval"):
            found.update(event.attributes)
    return {**found, **span.attributes}


def _kind(attributes: Mapping[str, Any], span: SpanRecord) -> Kind:
    operation = string(attributes.get("gen_ai.operation.name"))
    if operation == _RETRIEVAL or "gen_ai.retrieval.documents" in attributes:
        return "retrieval"
    if operation == _TOOL:
        return "tool"
    if operation in _WHOLE:
        return "served"
    says = any(event.name in _OUTPUT_EVENTS for event in span.events)
    if (
        operation in _MODEL
        or says
        or any(key.startswith(("gen_ai.output.", "gen_ai.completion")) for key in attributes)
    ):
        return "model"
    return "other"


def _source(attributes: Mapping[str, Any]) -> str:
    """The data source, where it is named like an index version."""
    name = string(attributes.get("gen_ai.data_source.id"))
    return name if re.fullmatch(r"[a-z0-9][a-z0-9._-]*/v[0-9]{1,9}", name) else ""


def _output(attributes: Mapping[str, Any], span: SpanRecord, troubles: Counter[str]) -> str | None:
    raw = attributes.get("gen_ai.output.messages")
    if raw is not None:
        messages = parsed(raw)
        if messages is None:
            # A JSON text that cannot be read was cut, or redacted as a whole.
            if told(raw, "output", troubles) is not None:
                troubles["output_unreadable"] += 1
            return None
        return _first(messages, troubles)
    older = [text for event in span.events for text in _event_output(event)] or list(
        _numbered(attributes, "completion")
    )
    plain = attributes.get("gen_ai.completion")
    return told(next(iter(older), None) or plain, "output", troubles)


def _first(messages: Any, troubles: Counter[str]) -> str | None:
    """The first choice that holds text: one was served, the others were drawn beside it."""
    for message in messages if isinstance(messages, list) else [messages]:
        text = told(_message_text(message), "output", troubles)
        if text is not None:
            return text
    return None


def _message_text(message: Any) -> str:
    """The text of a message in any of its forms; calls of tools and reasoning are not what was served."""
    if isinstance(message, str):
        return message
    if not isinstance(message, Mapping):
        return ""
    parts = message.get("parts", message.get("content"))
    if isinstance(parts, str):
        return parts
    texts = (_part_text(part) for part in parts) if isinstance(parts, list) else ()
    return joined(texts)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in ("text", "output_text"):
        return ""
    return string(part.get("content", part.get("text")))


def _event_output(event: EventRecord) -> Iterator[str]:
    if event.name == "gen_ai.choice":
        for value in (event.body, event.attributes):
            if isinstance(value, Mapping):
                message = parsed(value.get("message"))
                yield _message_text(message if message is not None else value)
    elif event.name == "gen_ai.content.completion":
        raw = event.attributes.get("gen_ai.completion")
        value = parsed(raw)
        for message in value if isinstance(value, list) else [value if isinstance(value, Mapping) else raw]:
            yield _message_text(message)


def _numbered(attributes: Mapping[str, Any], what: str, role: str = "") -> Iterator[str]:
    found: dict[int, dict[str, str]] = {}
    for key, value in attributes.items():
        match = _NUMBERED.fullmatch(key)
        if match is not None and match[1] == what:
            found.setdefault(int(match[2]), {})[match[3]] = string(value)
    for number in sorted(found):
        if not role or found[number].get("role", role) == role:
            yield found[number].get("content", "")


def _question(attributes: Mapping[str, Any], span: SpanRecord, troubles: Counter[str]) -> str | None:
    """What the person asked last, else what was looked for."""
    messages = parsed(attributes.get("gen_ai.input.messages"))
    asked = [_message_text(item) for item in messages if _is_user(item)] if isinstance(messages, list) else []
    for event in span.events:
        if event.name == "gen_ai.user.message":
            value = event.body if isinstance(event.body, Mapping) else event.attributes
            asked.append(_message_text(value))
    asked += _numbered(attributes, "prompt", "user")
    found = [text for text in asked if text.strip()] or [string(attributes.get("gen_ai.retrieval.query.text"))]
    return told(found[-1], "question", troubles)


def _is_user(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "user"


def _tool_result(attributes: Mapping[str, Any], troubles: Counter[str]) -> tuple[RetrievedText, ...]:
    value = attributes.get("gen_ai.tool.call.result")
    text = told(value if isinstance(value, str) else "", "tool_result", troubles, whole=True)
    return (RetrievedText(chunk_id=content_name(text), text=text),) if text else ()
