"""Promises about single values that Great Expectations has no rule for: formats, periods, multiples, lists, keys.

One pure function each, in one table. A value of null says nothing: `required` is what forbids it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from contracts.model import CheckSpec
from contracts.text.patterns import parsed_date

# RFC 5321, 4.5.3.1: 64 octets before the @, 255 after. The form is that of HTML's input type=email.
_EMAIL = re.compile(r"^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,255}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$", re.ASCII)
# RFC 1123, 2.1: labels of 1 to 63 letters, digits and hyphens, none of them at an end; 253 in all.
_HOST = re.compile(r"^(?=.{1,253}$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$", re.ASCII)
_MOST_SHOWN = 80


def judged(spec: CheckSpec, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the documents whose value breaks a rule of `VALUE_RULES`, with the value found there."""
    keeps = VALUE_RULES[spec.rule]
    found: dict[str, str] = {}
    for row in rows:
        value = row.get(spec.field)
        if value is not None and not keeps(value, spec.arguments):
            found[str(row["doc_id"])] = _shown(value)
    return found


def multiple_of(value: Any, arguments: Mapping[str, Any]) -> bool:
    """The number is a whole multiple of `step`, counted in decimals so that 0.3 is three times 0.1."""
    try:
        return Decimal(str(value)) % Decimal(str(arguments["step"])) == 0
    except InvalidOperation:
        return False


def formatted(value: Any, arguments: Mapping[str, Any]) -> bool:
    """The text has the format `name`; a date has the pattern `pattern`."""
    try:
        if "pattern" in arguments:
            parsed_date(str(value), arguments["pattern"])
            return True
        return STRING_FORMATS[arguments["name"]](str(value))
    except (ValueError, UnicodeError):
        return False


def in_period(value: Any, arguments: Mapping[str, Any]) -> bool:
    """The date or the moment lies between `min_value` and `max_value`; a date that cannot be read does not."""
    try:
        moment = instant(value, arguments.get("pattern", ""))
    except ValueError:
        return False
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is not None and not (moment > instant(low) if arguments.get("strict_min") else moment >= instant(low)):
        return False
    return high is None or (moment < instant(high) if arguments.get("strict_max") else moment <= instant(high))


def counted_items(value: Any, arguments: Mapping[str, Any]) -> bool:
    """The list has as many entries as it should, and no entry twice where that is asked."""
    entries = _json(value)
    if not isinstance(entries, list):
        return False
    if arguments.get("uniqueItems") and len({json.dumps(entry, sort_keys=True) for entry in entries}) < len(entries):
        return False
    return _counted(len(entries), arguments.get("minItems"), arguments.get("maxItems"))


def counted_keys(value: Any, arguments: Mapping[str, Any]) -> bool:
    """The object has as many keys as it should, and those that it must have."""
    entries = _json(value)
    if not isinstance(entries, dict) or not set(arguments.get("required", ())) <= set(entries):
        return False
    return _counted(len(entries), arguments.get("minProperties"), arguments.get("maxProperties"))


def _counted(count: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= count) and (high is None or count <= high)


def instant(value: Any, pattern: str = "") -> datetime:
    """Returns a moment, in UTC where nothing says otherwise.

    Raises:
        ValueError: The text is no date and no time.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, datetime.min.time())
    else:
        moment = parsed_date(str(value), pattern) if pattern else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(value: Any) -> Any:
    try:
        return json.loads(str(value))
    except ValueError:
        return None


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _is_uuid(text: str) -> bool:
    return str(uuid.UUID(text)) == text.lower()


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", text)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def _is_address(version: int) -> Callable[[str], bool]:
    return lambda text: ipaddress.ip_address(text).version == version


STRING_FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "byte": _is_base64,
        "email": lambda text: bool(_EMAIL.match(text)),
        "hostname": lambda text: bool(_HOST.match(text)),
        "ipv4": _is_address(4),
        "ipv6": _is_address(6),
        "uri": _is_uri,
        "uuid": _is_uuid,
    }
)
"""Formats of the standard that say something of a text. `password` and `binary` say how it is shown or stored."""

VALUE_RULES: Mapping[str, Callable[[Any, Mapping[str, Any]], bool]] = MappingProxyType(
    {
        "multipleOf": multiple_of,
        "format": formatted,
        "period": in_period,
        "items": counted_items,
        "keys": counted_keys,
    }
)
"""Rules of engine `library` that are judged here."""
