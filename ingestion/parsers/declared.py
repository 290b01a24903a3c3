"""What documents declare about themselves in YAML or JSON: front matter and sidecars.

Values stay the strings that the author wrote: `version: 1.10` is not 1.1. Aliases are refused,
since a few lines of them expand to gigabytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

MAX_CHARACTERS = 256_000
_MAX_DEPTH = 50
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_KEY_SPACE = re.compile(r"\s+")
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class DeclarationError(ValueError):
    """A declaration that cannot be read; the message says why."""


def read_yaml(source: str) -> dict[str, str]:
    """Reads a YAML (or JSON) mapping as flat metadata.

    Args:
        source: The text, without fences.

    Returns:
        Lower-case keys; nested values as JSON; keys without a value are left out.

    Raises:
        DeclarationError: It is not YAML, not a mapping, too long, too deep or uses aliases.
    """
    if len(source) > MAX_CHARACTERS:
        raise DeclarationError(f"it has {len(source)} characters, at most {MAX_CHARACTERS} are read")
    try:
        _refuse_unsafe(source)
        # A base loader builds nothing but strings, lists and dictionaries.
        value = yaml.load(source, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DeclarationError(f"it is not YAML: {_one_line(error)}") from error
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        raise DeclarationError(f"it is a {type(value).__name__}, not a mapping of names to values")
    return flatten(value)


def _refuse_unsafe(source: str) -> None:
    """Refuses aliases, and nesting so deep that the C loader, which recurses, would end the process."""
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise DeclarationError("it uses YAML aliases (*name), which are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise DeclarationError(f"it is nested more than {_MAX_DEPTH} deep")


def flatten(value: Mapping[Any, Any]) -> dict[str, str]:
    """Turns a mapping into metadata: lower-case keys, string values, no empty ones."""
    pairs = ((_KEY_SPACE.sub(" ", str(key)).strip().lower(), _text(item)) for key, item in value.items())
    return {key: item for key, item in pairs if key and item}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return "" if value.strip() in _NULLS else value.strip()
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if value else ""
    return "" if value is None else str(value)


def _one_line(error: BaseException) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())[:200]
