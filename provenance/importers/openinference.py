"""Reads what a span says by the OpenInference conventions (https://arize-ai.github.io/openinference/spec/).

Lists are flattened into numbered attributes, such as `retrieval.documents.0.document.content`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from provenance.answers import RetrievedText
from provenance.importers.spans import SpanRecord
from provenance.importers.steps import Kind, Step, content_name, documents_of, joined, own, parsed, string, told

_KINDS: Mapping[str, Kind] = {
    "LLM": "model",
    "RETRIEVER": "retrieval",
    "RERANKER": "retrieval",
    "TOOL": "tool",
    "CHAIN": "served",
    "AGENT": "served",
}
_NUMBER = re.compile(r"([0-9]{1,6})\.(.+)", re.DOTALL)
_ANSWER_KEYS = ("answer", "output", "result", "response", "text", "content")
"""Keys under which chains put the answer when their output is an object."""
_QUESTION_KEYS = ("question", "query", "input", "query_str", "user_input", "prompt", "text", "content")


def read(span: SpanRecord, troubles: Counter[str]) -> Step | None:
    """Returns what a span says; None where it does not follow the convention.

    Args:
        span: The span.
        troubles: Reason to number of values that are missing or cannot be read; added to.
    """
    attributes = span.attributes
    name = string(attributes.get("openinference.span.kind")).upper()
    if not name:
        return None
    kind = _KINDS.get(name, "other")
    said = own(attributes)
    documents, version = _documents(attributes, troubles) if kind == "retrieval" else ((), "")
    if kind == "tool":
        documents = _tool_result(attributes, troubles)
    return Step(
        kind=kind,
        text=_output(attributes, kind, troubles) if kind in ("model", "served") else None,
        question=_question(attributes, kind, troubles),
        model=string(attributes.get("llm.model_name")),
        system="",
        retrieved=documents,
        index_version=said.pop("index_version") or version,
        **said,
    )


def _listed(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Puts a flattened list together: one mapping of the rest of each key for each number, in order."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        match = _NUMBER.fullmatch(key[len(prefix) :]) if key.startswith(prefix) else None
        if match is not None:
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[number] for number in sorted(found)]


def _documents(attributes: Mapping[str, Any], troubles: Counter[str]) -> tuple[tuple[RetrievedText, ...], str]:
    listed = _listed(attributes, "retrieval.documents.") or _listed(attributes, "reranker.output_documents.")
    if not listed:
        troubles["retrieval_without_documents"] += 1
    values = [{key.removeprefix("document."): value for key, value in item.items()} for item in listed]
    return documents_of(values, troubles)


def _output(attributes: Mapping[str, Any], kind: Kind, troubles: Counter[str]) -> str | None:
    if kind == "model":
        messages = [_content(item) for item in _listed(attributes, "llm.output_messages.")]
        if any(messages):
            return told(next(text for text in messages if text), "output", troubles)
    raw = attributes.get("output.value")
    if not _is_json(attributes, "output", raw):
        return told(raw, "output", troubles)
    return told(_under(parsed(raw), _ANSWER_KEYS), "output", troubles)


def _content(message: Mapping[str, Any]) -> str:
    plain = string(message.get("message.content"))
    if plain:
        return plain
    parts = _listed(message, "message.contents.")
    return joined(string(part.get("message_content.text")) for part in parts)


def _is_json(attributes: Mapping[str, Any], side: str, raw: Any) -> bool:
    kind = string(attributes.get(f"{side}.mime_type"))
    return kind == "application/json" or (isinstance(raw, str) and not kind and isinstance(parsed(raw), dict | list))


def _under(value: Any, keys: tuple[str, ...]) -> str:
    """Returns the text under the first of some keys, one level of objects down; an object alone says nothing."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found.strip():
            return found
        if isinstance(found, Mapping):
            return _under({key: item for key, item in found.items() if isinstance(item, str)}, keys)
    return ""


def _question(attributes: Mapping[str, Any], kind: Kind, troubles: Counter[str]) -> str | None:
    if kind == "model":
        asked = [
            _content(item)
            for item in _listed(attributes, "llm.input_messages.")
            if string(item.get("message.role")) == "user"
        ]
        return told(asked[-1], "question", troubles) if any(asked) else None
    raw = attributes.get("input.value")
    if not _is_json(attributes, "input", raw):
        return told(raw, "question", troubles)
    return told(_under(parsed(raw), _QUESTION_KEYS), "question", troubles)


def _tool_result(attributes: Mapping[str, Any], troubles: Counter[str]) -> tuple[RetrievedText, ...]:
    text = told(attributes.get("output.value"), "tool_result", troubles, whole=True)
    return (RetrievedText(chunk_id=content_name(text), text=text),) if text else ()
