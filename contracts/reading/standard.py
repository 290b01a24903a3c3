"""Open Data Contract Standard 3.2.0: validation against its JSON Schema, in readable words.

The schema is vendored unchanged (`schemas/README.md`). A checker that ignores
`unevaluatedProperties` passes misspelt keys; this one does not, and it tells a key that is really
unknown from one that only looks so because its neighbour is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError

from contracts.text.problems import DocumentPath, Sink, listed, nearest, shown

SCHEMA_FILE = "odcs-3.2.0.schema.json"

OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
"""The comparison operators of the standard (schema, `DataQualityOperators`)."""

_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
    "null": "null",
}
# Keys whose value chooses which other keys are valid: while they are wrong, no key beside them is judged.
_SELECTORS = ("type", "metric", "logicalType")


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Returns the vendored JSON Schema of ODCS 3.2.0."""
    text = files("contracts").joinpath("schemas", SCHEMA_FILE).read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@lru_cache(maxsize=1)
def _validator() -> Draft201909Validator:
    return Draft201909Validator(schema())


def check_standard(value: Any, sink: Sink) -> None:
    """Reports every violation of the ODCS schema.

    Args:
        value: The parsed document.
        sink: Where the problems go.
    """
    errors = list(_validator().iter_errors(value))
    wrong = {tuple(error.absolute_path) for error in errors}
    for error in errors:
        _report(error, sink, wrong)


def _report(error: ValidationError, sink: Sink, wrong: set[DocumentPath]) -> None:
    path = tuple(error.absolute_path)
    if error.validator in ("unevaluatedProperties", "additionalProperties"):
        _unknown_keys(error, path, sink, wrong)
    elif error.validator in ("oneOf", "anyOf"):
        _alternatives(error, path, sink, wrong)
    else:
        explain = _EXPLAIN.get(str(error.validator), _as_it_is)
        sink.add(path, explain(error, _name(path)))


def _instance(error: ValidationError) -> Any:
    return error.instance


def _wanted(error: ValidationError) -> Any:
    return error.validator_value


def _unknown_keys(error: ValidationError, path: DocumentPath, sink: Sink, wrong: set[DocumentPath]) -> None:
    everything = any((*path, selector) in wrong for selector in _SELECTORS)
    valid = sorted(set(_known_keys(error.schema, _instance(error), everything=everything)))
    for key in _instance(error):
        if key in valid:
            continue
        if key in OPERATORS and _instance(error).get("type") == "custom":
            message = f"the comparison operator `{key}` cannot stand beside a custom check."
            sink.add((*path, key), message, f"Put it inside `implementation: threshold: {{{key}: ...}}`.", key=True)
            continue
        hint = nearest(key, valid) or f"Valid: {listed(valid)}."
        sink.add((*path, key), f"unknown key `{key}` in {_name(path)}.", hint, key=True)


def _known_keys(part: Any, instance: Any, *, everything: bool) -> Iterator[str]:
    """Yields the keys that a schema part names for an instance; with `everything`, of all its branches."""
    if not isinstance(part, Mapping):
        return
    yield from part.get("properties", {})
    if "$ref" in part:
        yield from _known_keys(_resolve(part["$ref"]), instance, everything=everything)
    for keyword in ("allOf", "oneOf", "anyOf"):
        for branch in part.get(keyword, ()):
            yield from _known_keys(branch, instance, everything=everything)
    if "then" in part and (everything or _validator().evolve(schema=part["if"]).is_valid(instance)):
        yield from _known_keys(part["then"], instance, everything=everything)


def _resolve(reference: str) -> Any:
    part: Any = schema()
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def _alternatives(error: ValidationError, path: DocumentPath, sink: Sink, wrong: set[DocumentPath]) -> None:
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    if _is_operators(error):
        _operators(error, path, sink)
        return
    kinds = {str(inner.validator_value) for inner in error.context or () if _is_root_type(inner, error)}
    fitting = [group for group in branches.values() if not any(_is_root_type(inner, error) for inner in group)]
    if not fitting and kinds:
        words = " or ".join(_TYPES.get(kind, kind) for kind in sorted(kinds))
        sink.add(path, f"{_name(path)} must be {words}, not {shown(_instance(error))}.")
    elif fitting:
        for inner in min(fitting, key=len):
            _report(inner, sink, wrong | {tuple(item.absolute_path) for item in min(fitting, key=len)})
    else:
        sink.add(path, f"{_name(path)} fits more than one of the forms that the standard allows.")


def _is_root_type(inner: ValidationError, outer: ValidationError) -> bool:
    return inner.validator == "type" and inner.absolute_path == outer.absolute_path


def _is_operators(error: ValidationError) -> bool:
    required = [branch.get("required") for branch in _wanted(error) if isinstance(branch, Mapping)]
    return ["mustBe"] in required


def _operators(error: ValidationError, path: DocumentPath, sink: Sink) -> None:
    if not isinstance(_instance(error), Mapping):
        return  # its type is reported already
    used = [operator for operator in OPERATORS if operator in _instance(error)]
    if len(used) > 1:
        sink.add(
            path, f"{len(used)} comparison operators in one check ({listed(used)}).", "Keep one, or make two checks."
        )
    elif not used:
        sink.add(path, "the check has no comparison operator.", f"Add one of: {listed(OPERATORS)}.")
    for inner in error.context or ():
        if used and list(inner.absolute_path) == [*path, used[0]]:
            _report(inner, sink, set())


def _type(error: ValidationError, name: str) -> str:
    wanted = _wanted(error)
    kinds = [wanted] if isinstance(wanted, str) else list(wanted)
    return f"{name} must be {' or '.join(_TYPES.get(kind, kind) for kind in kinds)}, not {shown(_instance(error))}."


def _enum(error: ValidationError, name: str) -> str:
    valid = [str(item) for item in _wanted(error)]
    hint = nearest(str(_instance(error)), valid)
    return " ".join(
        filter(
            None, (f"{shown(_instance(error))} is not a valid value of {name}.", hint, f"Valid: {listed(valid, 50)}.")
        )
    )


def _required(error: ValidationError, name: str) -> str:
    missing = [key for key in _wanted(error) if key not in _instance(error)]
    said = next((key for key in missing if error.message.startswith(repr(key))), missing[0] if missing else "")
    return f"the key `{said}` is missing in {name}."


def _limit(error: ValidationError, name: str) -> str:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
    }
    return f"{name} must be {words[str(error.validator)]} {_wanted(error)}, not {shown(_instance(error))}."


def _pattern(error: ValidationError, name: str) -> str:
    return f"{shown(_instance(error))} is not a valid {name}: it must match {_wanted(error)}."


def _items(error: ValidationError, name: str) -> str:
    words = {"minItems": "at least", "maxItems": "at most"}
    count = len(_instance(error))
    return f"{name} must have {words[str(error.validator)]} {_wanted(error)} entries, not {count}."


def _distinct(_error: ValidationError, name: str) -> str:
    return f"{name} holds the same entry twice."


def _as_it_is(error: ValidationError, name: str) -> str:
    return f"{name}: {error.message[:200]}."


_EXPLAIN: Mapping[str, Callable[[ValidationError, str], str]] = {
    "type": _type,
    "enum": _enum,
    "const": _as_it_is,
    "required": _required,
    "minimum": _limit,
    "maximum": _limit,
    "exclusiveMinimum": _limit,
    "exclusiveMaximum": _limit,
    "pattern": _pattern,
    "minItems": _items,
    "maxItems": _items,
    "uniqueItems": _distinct,
}


def _name(path: DocumentPath) -> str:
    """Names a place by its last key: `required`, an entry of `servers`, the contract."""
    if not path:
        return "the contract"
    if isinstance(path[-1], int):
        owner = next((part for part in reversed(path) if isinstance(part, str)), "list")
        return f"an entry of `{owner}`"
    return f"`{path[-1]}`"
