"""OTLP in JSON as plain records: spans, and log records, of one export document.

Follows the JSON form of OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), which the file
exporter of the collector writes: lower camel case, 64-bit numbers as text, ids as text. Snake case is read
too. Nothing is required: what is missing is empty, what is of a wrong type is counted and passed over. The
module knows no convention about what attributes mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from corpus.types import EMPTY

_KEPT = ("gen_ai.", "openinference.", "input.", "output.", "llm.", "retrieval.", "reranker.", "stemma.", "event.name")
"""Prefixes of the attributes that an importer looks at; the others are not held."""
_NANO = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """Something that happened at one time, inside a span or in the log.

    Attributes:
        name: Name of the event.
        at_ns: When, in nanoseconds since 1970; 0 where nothing is said.
        attributes: Its attributes, decoded.
        body: Its body, decoded; None where there is none.
    """

    name: str
    at_ns: int
    attributes: Mapping[str, Any]
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span, or what the log says about one.

    Attributes:
        trace_id: Its trace, empty where nothing is said.
        span_id: Its id, empty where nothing is said.
        parent_id: The span around it, empty for a root.
        name: Its name.
        started_ns: When it began, in nanoseconds since 1970; 0 where nothing is said.
        ended_ns: When it ended, likewise.
        attributes: Those that importers look at, decoded.
        events: What happened in it, in order.
        service: `service.name` of the resource, empty where nothing is said.
        index_version: `stemma.index_version` of the resource, empty where nothing is said.
        from_log: Whether this is a log record: what it says adds to the span of that id.
        dropped: Number of attributes and events that the sender says it left out.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    name: str = ""
    started_ns: int = 0
    ended_ns: int = 0
    attributes: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    events: tuple[EventRecord, ...] = ()
    service: str = ""
    index_version: str = ""
    from_log: bool = False
    dropped: int = 0


def records(document: Any, troubles: Counter[str]) -> Iterator[SpanRecord]:
    """Yields the spans and log records of one export document.

    Args:
        document: The parsed JSON: an export request, or a list of them.
        troubles: Reason to number of parts that could not be read; added to.
    """
    for part in document if isinstance(document, list) else [document]:
        if not isinstance(part, Mapping):
            troubles["not_an_export"] += 1
            continue
        for resource, item in _items(part, ("resourceSpans", "scopeSpans", "spans"), troubles):
            yield _span(item, resource, troubles)
        for resource, item in _items(part, ("resourceLogs", "scopeLogs", "logRecords"), troubles):
            yield _log(item, resource, troubles)


def clean(text: str) -> str:
    """Returns a text without what neither UTF-8 nor a database can say: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _items(
    part: Mapping[str, Any], names: tuple[str, str, str], troubles: Counter[str]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yields each record of a kind with the attributes of its resource."""
    outer, middle, inner = names
    for group in _objects(part, outer, troubles):
        resource = _get(group, "resource")
        attributes = _attributes(_get(resource, "attributes"), troubles) if isinstance(resource, Mapping) else {}
        # Before 1.0 the scope was called instrumentation library.
        for scope in (*_objects(group, middle, troubles), *_objects(group, f"instrumentationLibrary{inner}", troubles)):
            for item in _objects(scope, inner, troubles):
                yield attributes, item


def _get(value: Mapping[str, Any], name: str) -> Any:
    """Returns a field by its name in camel case, else in snake case."""
    if name in value:
        return value[name]
    return value.get("".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name))


def _objects(value: Mapping[str, Any], name: str, troubles: Counter[str]) -> Iterator[Mapping[str, Any]]:
    found = _get(value, name)
    if found is None:
        return
    if not isinstance(found, list):
        troubles["not_a_list"] += 1
        return
    for item in found:
        if isinstance(item, Mapping):
            yield item
        else:
            troubles["not_an_object"] += 1


def _span(item: Mapping[str, Any], resource: Mapping[str, Any], troubles: Counter[str]) -> SpanRecord:
    events = tuple(
        EventRecord(
            name=_text(_get(event, "name")),
            at_ns=_nano(_get(event, "timeUnixNano")),
            attributes=_attributes(_get(event, "attributes"), troubles),
        )
        for event in _objects(item, "events", troubles)
    )
    return SpanRecord(
        trace_id=_text(_get(item, "traceId")),
        span_id=_text(_get(item, "spanId")),
        parent_id=_text(_get(item, "parentSpanId")).strip("0"),
        name=_text(_get(item, "name")),
        started_ns=_nano(_get(item, "startTimeUnixNano")),
        ended_ns=_nano(_get(item, "endTimeUnixNano")),
        attributes=_kept(_attributes(_get(item, "attributes"), troubles)),
        events=events,
        dropped=_nano(_get(item, "droppedAttributesCount")) + _nano(_get(item, "droppedEventsCount")),
        service=_text(resource.get("service.name")),
        index_version=_text(resource.get("stemma.index_version")),
    )


def _log(item: Mapping[str, Any], resource: Mapping[str, Any], troubles: Counter[str]) -> SpanRecord:
    attributes = _attributes(_get(item, "attributes"), troubles)
    at_ns = _nano(_get(item, "timeUnixNano")) or _nano(_get(item, "observedTimeUnixNano"))
    event = EventRecord(
        name=_text(_get(item, "eventName")) or _text(attributes.get("event.name")),
        at_ns=at_ns,
        attributes=attributes,
        body=_value(_get(item, "body"), troubles),
    )
    return SpanRecord(
        trace_id=_text(_get(item, "traceId")).strip("0") and _text(_get(item, "traceId")),
        span_id=_text(_get(item, "spanId")).strip("0") and _text(_get(item, "spanId")),
        ended_ns=at_ns,
        events=(event,),
        from_log=True,
        dropped=_nano(_get(item, "droppedAttributesCount")),
        service=_text(resource.get("service.name")),
        index_version=_text(resource.get("stemma.index_version")),
    )


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key.startswith(_KEPT) or key == "metadata"}


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _nano(value: Any) -> int:
    """Returns a 64-bit number that may stand as text; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value if 0 <= value < 1 << 64 else 0
    return int(value) if isinstance(value, str) and _NANO.fullmatch(value) else 0


def _attributes(value: Any, troubles: Counter[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if value is None:
        return found
    if not isinstance(value, list):
        troubles["attributes_unreadable"] += 1
        return found
    for item in value:
        if isinstance(item, Mapping) and isinstance(item.get("key"), str):
            found[clean(item["key"])] = _value(item.get("value"), troubles)
        else:
            troubles["attributes_unreadable"] += 1
    return found


def _value(value: Any, troubles: Counter[str]) -> Any:
    """Decodes an AnyValue; None for one that is none."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        troubles["value_unreadable"] += 1
        return None
    for name in ("stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"):
        found = _get(value, name)
        if found is not None:
            return _decoded(name, found, troubles)
    return None


def _decoded(name: str, found: Any, troubles: Counter[str]) -> Any:
    if name == "arrayValue":
        values = found.get("values") if isinstance(found, Mapping) else None
        return [_value(item, troubles) for item in values] if isinstance(values, list) else []
    if name == "kvlistValue":
        return _attributes(found.get("values") if isinstance(found, Mapping) else None, troubles)
    if name == "intValue":
        return _nano(found) if isinstance(found, str) else found
    return clean(found) if isinstance(found, str) else found
