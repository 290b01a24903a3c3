"""`logicalTypeOptions` to what they promise of values: rule name to its arguments.

One reader per logical type. An option that promises nothing of our columns is a problem, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from contracts.rules.values import STRING_FORMATS, instant
from contracts.text.node import Node, is_number
from contracts.text.patterns import is_pattern, parsed_date, strptime_form
from contracts.text.problems import listed, nearest, shown

Limits = dict[str, dict[str, Any]]

_EXTENT = {
    "minimum": ("min_value", ""),
    "maximum": ("max_value", ""),
    "exclusiveMinimum": ("min_value", "strict_min"),
    "exclusiveMaximum": ("max_value", "strict_max"),
}
_BITS = {kind + str(bits): bits for kind in "iu" for bits in (8, 16, 32, 64, 128)}
_COLUMN_BITS = 64
_F32_MAX = 3.4028234663852886e38  # IEEE 754 binary32: (2 - 2**-23) * 2**127
_ISO_DATE = "yyyy-MM-dd"


def read_limits(options: Node, kind: str) -> Limits:
    """Reads the options of one property.

    Args:
        options: `logicalTypeOptions`; what is wrong with it becomes problems.
        kind: Logical type of the property.

    Returns:
        Rule to its arguments, among them `pattern`, `length`, `range` and the rules of `contracts.rules.values`.
    """
    reader = _READERS.get(kind)
    return reader(options) if reader is not None else {}


def _string(options: Node) -> Limits:
    found: Limits = {}
    low, high = options.get("minLength"), options.get("maxLength")
    _ordered(low, high)
    limits = {"min_value": low.value, "max_value": high.value}
    given = {key: value for key, value in limits.items() if isinstance(value, int) and not isinstance(value, bool)}
    if given:
        found["length"] = given
    pattern, form = options.get("pattern"), options.get("format")
    if pattern.value is not None and is_pattern(pattern):
        found["pattern"] = {"regex": pattern.value}
    if form.value is not None and _string_format(form):
        found["format"] = {"name": form.value}
    return found


def _string_format(form: Node) -> bool:
    if not isinstance(form.value, str) or form.value in STRING_FORMATS:
        return isinstance(form.value, str)
    hint = f"{nearest(form.value, STRING_FORMATS)} Valid: {listed(STRING_FORMATS)}; or use `pattern`.".strip()
    form.problem(f"this build does not run the format {shown(form.value)}.", hint)
    return False


def _number(options: Node) -> Limits:
    found: Limits = {}
    extent = _extent(options, lambda node: node.value if is_number(node.value) else None)
    _within_format(options.get("format").value, extent)
    if extent:
        found["range"] = extent
    step = options.get("multipleOf").value
    if is_number(step) and step > 0:
        found["multipleOf"] = {"step": step}
    return found


def _extent(options: Node, read: Callable[[Node], Any]) -> dict[str, Any]:
    """Reads both ends of a range; the two ways to say one end exclude each other."""
    found: dict[str, Any] = {}
    for key, (name, strict) in _EXTENT.items():
        if not options.has(key):
            continue
        if name in found:
            other = key.replace("exclusiveM", "m")
            options.get(key).problem(f"`{key}` and `{other}` say the same end of the range.", "Keep one.", key=True)
            continue
        value = read(options.get(key))
        if value is not None:
            found[name] = value
            if strict:
                found[strict] = True
    low, high = found.get("min_value"), found.get("max_value")
    if low is not None and high is not None and low > high:
        options.problem(f"the least value {low} is more than the greatest {high}.")
    elif low is not None and low == high and ("strict_min" in found or "strict_max" in found):
        options.problem(f"no value lies between {low} and {high}.")
    return found


def _within_format(form: Any, extent: dict[str, Any]) -> None:
    """Narrows a range to what a number format holds; our columns hold 64 bits anyway."""
    low: float | None = None
    high: float | None = None
    if isinstance(form, str) and form in _BITS:
        bits, signed = _BITS[form], form.startswith("i")
        if signed and bits < _COLUMN_BITS:
            low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        elif not signed:
            low, high = 0, (2**bits - 1 if bits < _COLUMN_BITS else None)
    elif form == "f32":
        low, high = -_F32_MAX, _F32_MAX
    if low is not None and extent.get("min_value", low) <= low:
        extent.pop("strict_min", None)
        extent["min_value"] = low
    if high is not None and extent.get("max_value", high) >= high:
        extent.pop("strict_max", None)
        extent["max_value"] = high


def _date(options: Node) -> Limits:
    form = options.get("format")
    pattern = form.text(_ISO_DATE)
    try:
        strptime_form(pattern)
    except ValueError as error:
        form.problem(f"{shown(form.value)} is not a date format: {error}.", "Write it like yyyy-MM-dd.")
        return {}
    found: Limits = {"format": {"pattern": pattern}}
    extent = _extent(options, lambda node: _day(node, pattern))
    if extent:
        found["period"] = {**extent, "pattern": pattern}
    return found


def _day(node: Node, pattern: str) -> str | None:
    try:
        return parsed_date(node.text(), pattern).isoformat()
    except ValueError:
        node.problem(f"`{node.path[-1]}` must be a date in the format {pattern}, not {shown(node.value)}.")
        return None


def _timestamp(options: Node) -> Limits:
    if options.has("format"):
        message = "a timestamp is stored as a moment, not as text: it has no `format`."
        options.get("format").problem(message, "Remove it.", key=True)
    if options.get("timezone").value is False:
        options.get("timezone").problem("`timezone: false` is wrong: every moment is stored in UTC.", "Write true.")
    zone = options.get("defaultTimezone")
    if isinstance(zone.value, str) and zone.value not in ("UTC", "Etc/UTC", "Z"):
        zone.problem(f"defaultTimezone {shown(zone.value)} is not run by this build: moments are in UTC.", "Write UTC.")
    extent = _extent(options, _moment)
    return {"period": extent} if extent else {}


def _moment(node: Node) -> str | None:
    try:
        return instant(node.text()).astimezone(UTC).isoformat()
    except ValueError:
        example = "2026-01-31 or 2026-01-31T00:00:00Z"
        node.problem(f"`{node.path[-1]}` must be a date or a time such as {example}, not {shown(node.value)}.")
        return None


def _array(options: Node) -> Limits:
    _ordered(options.get("minItems"), options.get("maxItems"))
    found = {key: options.get(key).value for key in ("minItems", "maxItems") if is_number(options.get(key).value)}
    if options.get("uniqueItems").flag():
        found["uniqueItems"] = True
    return {"items": found} if found else {"items": {"minItems": 0}}


def _object(options: Node) -> Limits:
    _ordered(options.get("minProperties"), options.get("maxProperties"))
    names = ("minProperties", "maxProperties")
    found: dict[str, Any] = {key: options.get(key).value for key in names if is_number(options.get(key).value)}
    if options.has("required"):
        found["required"] = list(options.get("required").texts())
    return {"keys": found} if found else {"keys": {"minProperties": 0}}


def _ordered(low: Node, high: Node) -> None:
    if is_number(low.value) and is_number(high.value) and low.value > high.value:
        low.problem(f"`{low.path[-1]}: {low.value}` is more than `{high.path[-1]}: {high.value}`.")


_READERS: Mapping[str, Callable[[Node], Limits]] = {
    "string": _string,
    "number": _number,
    "integer": _number,
    "date": _date,
    "timestamp": _timestamp,
    "array": _array,
    "object": _object,
}
