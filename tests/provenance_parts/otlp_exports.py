"""Exports for tests: written by hand in the JSON form of OTLP, or by the real SDK of OpenTelemetry."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

START = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


def value(item: Any) -> dict[str, Any]:
    if isinstance(item, bool):
        return {"boolValue": item}
    if isinstance(item, int):
        return {"intValue": str(item)}
    if isinstance(item, float):
        return {"doubleValue": item}
    if isinstance(item, list):
        return {"arrayValue": {"values": [value(part) for part in item]}}
    if isinstance(item, Mapping):
        return {"kvlistValue": {"values": attributes(item)}}
    return {"stringValue": item}


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item)} for key, item in values.items()]


def span(
    name: str,
    values: Mapping[str, Any],
    *,
    trace: str = "5b8efff798038103d269b633813fc60c",
    parent: str = "",
    end: int = 5,
    events: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": trace,
        "spanId": name.encode().hex()[:16].ljust(16, "0"),
        "name": name,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + end * 1_000_000_000),
        "attributes": attributes(values),
    }
    if parent:
        made["parentSpanId"] = parent.encode().hex()[:16].ljust(16, "0")
    if events:
        made["events"] = list(events)
    return made


def export(*spans: dict[str, Any], service: str = "support-bot", **resource: str) -> dict[str, Any]:
    scope = {"scope": {"name": "test"}, "spans": list(spans)}
    said = attributes({"service.name": service, **resource})
    return {"resourceSpans": [{"resource": {"attributes": said}, "scopeSpans": [scope]}]}


def logs(*entries: dict[str, Any], service: str = "support-bot") -> dict[str, Any]:
    scope = {"scope": {"name": "test"}, "logRecords": list(entries)}
    return {"resourceLogs": [{"resource": {"attributes": attributes({"service.name": service})}, "scopeLogs": [scope]}]}


def file_of(*documents: Any) -> BytesIO:
    return BytesIO(b"".join(json.dumps(item).encode() + b"\n" for item in documents))


def hexed(message: dict[str, Any]) -> dict[str, Any]:
    """The protobuf library writes ids in base64; OTLP in JSON wants them in hexadecimal."""
    for group in message.get("resourceSpans", ()):
        for scope in group["scopeSpans"]:
            for item in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if item.get(key):
                        item[key] = base64.b64decode(item[key]).hex()
    return message
