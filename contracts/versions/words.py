"""Changes that are only in the text of a contract: promises on chunks, and words for people.

What a run reads is compiled and compared elsewhere. Here the parsed documents are laid flat, entries of
lists by their names, and what no compiled value holds is compared leaf by leaf.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.text.yamltext import parse_yaml
from contracts.versions.changes import Change, Kind, added, edited, removed

_KEYS = ("name", "property", "server", "id", "role", "username", "url", "channel", "value")
_COMPILED = re.compile(
    r"^(version|name|id|kind|servers\..*|team(\.(name|members)\b.*)?|team\.[^.]+\.(username|role)|roles\.[^.]+\.(role|access)"
    r"|slaProperties\.(freshness|retention|frequency)\..*|customProperties\.rag[A-Za-z]*\..*"
    r"|schema\.document\.(name|quality\..*|context\.verifiedStatements\..*)|context\.verifiedStatements\..*"
    r"|schema\.document\.properties\.[^.]+"
    r"\.(name|logicalType|required|unique|primaryKey|classification|quality\..*|logicalTypeOptions\..*|enum\..*\.value)"
    r"|schema\.[a-z]+(\.properties\.[^.]+)?\.relationships\..*|schema\.chunk\.name|schema\.chunk\.properties\.embedding\.logicalTypeOptions\..*"
    r"|schema\.chunk\.properties\.[^.]+\.name)$"
)
_WORDS = "words for people and other tools; no document fares otherwise."
_FOR_READERS = ("status", "support", "price", "slaProperties")
_CHUNK = re.compile(r"^schema\.chunk\.properties\.([^.]+)\.(.+)$")


def text_changes(old: str, new: str) -> Iterator[Change]:
    """Yields what changed in two texts beside what is compiled.

    Args:
        old: The earlier contract's YAML.
        new: The later one's.
    """
    was, now = (parse_yaml(text)[0] for text in (old, new))
    yield from _chunk_columns(was, now)
    moved = set(_columns(was)) ^ set(_columns(now))
    before, after = _flat(was), _flat(now)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path) and not _COMPILED.match(path):
            chunk = _CHUNK.match(path)
            if chunk is None:
                told = path.split(".")[0] in _FOR_READERS
                yield edited(path, before.get(path), after.get(path), "notice", _WORDS, consumers=told)
            elif chunk[1] not in moved:
                yield from _of_chunk(path, chunk[2], before.get(path), after.get(path))


def _of_chunk(path: str, key: str, before: Any, after: Any) -> Iterator[Change]:
    if key == "required":
        kind: Kind = "compatible" if after is True else "breaking"
        yield edited(path, before, after, kind, "what readers of chunks can rely on changed.", consumers=True)
    elif key == "logicalType" and None not in (before, after):
        yield edited(
            path, before, after, "breaking", "the column has another type: readers must change.", consumers=True
        )
    else:
        yield edited(path, before, after, "notice", _WORDS)


def _chunk_columns(was: Any, now: Any) -> Iterator[Change]:
    before, after = _columns(was), _columns(now)
    for name in before:
        if name not in after:
            why = "the column of chunks is no longer promised: readers cannot rely on it."
            yield removed(f"schema.chunk.{name}", name, "breaking", why, consumers=True)
    for name in after:
        if name not in before:
            yield added(f"schema.chunk.{name}", name, "compatible", "one more column is promised.", consumers=True)


def _columns(value: Any) -> list[str]:
    items = value.get("schema") if isinstance(value, Mapping) else None
    objects = [item for item in items or () if isinstance(item, Mapping) and item.get("name") == "chunk"]
    return [str(column.get("name")) for item in objects for column in item.get("properties") or ()]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Returns path to scalar; an entry of a list goes by its name, else by its place."""
    pairs: list[tuple[str, Any]]
    if isinstance(value, Mapping):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(_key(item, number), item) for number, item in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, item in pairs:
        found.update(_flat(item, f"{path}.{key}" if path else key))
    return found


def _key(item: Any, number: int) -> str:
    if isinstance(item, Mapping):
        named = (str(item[key]) for key in _KEYS if isinstance(item.get(key), str | int))
        return next(named, str(number)).replace(".", "·")
    return str(number) if isinstance(item, list) else str(item).replace(".", "·")
