"""Keys of documents and references between them: `primaryKey` and `relationships`.

Reads both into checks, and judges the foreign keys of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.build import CHUNK_COLUMNS, DOCUMENT_COLUMNS
from contracts.model import CheckSpec, FieldSpec, RelationSpec
from contracts.text.node import Node, is_number
from contracts.text.problems import listed, nearest, shown
from corpus.types import OnFail

_OBJECTS: Mapping[str, Mapping[str, str]] = {"document": DOCUMENT_COLUMNS, "chunk": CHUNK_COLUMNS}
# Chunks are cut from their document and carry its columns, so these hold by construction and need no check.
_HELD = ("doc_id", "revision_id", "digital_source_type", "generation_depth", "origin_basis")
_KEYS = ("doc_id", "revision_id")
"""Columns of which no two documents share a value."""
_SAID = "metadata"
_CONSEQUENCES = ("block", "warn")
_FOREIGN_KEY = "foreignKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The objects of a contract, as far as references need them: their nodes and fields by name."""

    nodes: Mapping[str, Node]
    fields: Mapping[str, Mapping[str, FieldSpec]]


def key_checks(document: Node, fields: Sequence[FieldSpec]) -> Iterator[CheckSpec]:
    """Yields the checks that the primary key of documents amounts to.

    Args:
        document: The object `document`; what is wrong with its key becomes problems.
        fields: Its fields.
    """
    columns = _key_columns(document)
    for field in fields:
        if field.name in columns and not field.required:
            yield _check(f"{field.name}.required", "required", field.name, {}, scope="row")
    if not columns or "doc_id" in columns:
        return
    unique = {field.name for field in fields if field.unique}
    if len(columns) == 1 and columns[0] not in unique:
        yield _check(f"{columns[0]}.unique", "unique", columns[0], {})
    elif len(columns) > 1:
        yield _check("document.primaryKey", "duplicateValues", "", {"properties": list(columns)})


def chunk_key(chunk: Node) -> None:
    """Refuses a primary key of chunks other than theirs."""
    columns = _key_columns(chunk)
    if columns and set(columns) not in ({"chunk_id"}, {"doc_id", "ordinal"}):
        keys = _key_nodes(chunk)
        wrong = next((node for node in keys if node.get("name").value != "chunk_id"), keys[0])
        message = f"the key of a chunk is not {listed(columns)}."
        wrong.get("primaryKey").problem(message, "Write `primaryKey: true` under chunk_id alone.", key=True)


def _key_nodes(thing: Node) -> list[Node]:
    return [node for node in thing.get("properties").items() if node.get("primaryKey").flag()]


def _key_columns(thing: Node) -> tuple[str, ...]:
    """Returns the columns of a primary key in their order; a wrong position is a problem."""
    keys = _key_nodes(thing)
    for node in thing.get("properties").items():
        position = node.get("primaryKeyPosition")
        if not node.get("primaryKey").flag() and is_number(position.value) and position.value > 0:
            position.problem("`primaryKeyPosition` without `primaryKey: true`.", "Add it, or remove this.", key=True)
    places: dict[int, str] = {}
    for node in keys:
        position = node.get("primaryKeyPosition")
        if not isinstance(position.value, int) or isinstance(position.value, bool):
            continue
        if not 1 <= position.value <= len(keys):
            message = f"`primaryKeyPosition: {position.value}` is out of range: the key has {len(keys)} columns."
            position.problem(message, f"Write 1 to {len(keys)}.")
        elif position.value in places:
            position.problem(f"`{places[position.value]}` has the position {position.value} already.", "Count them up.")
        places.setdefault(position.value, node.get("name").text())
    ordered = sorted(keys, key=lambda node: _position(node.get("primaryKeyPosition")))
    return tuple(node.get("name").text() for node in ordered if isinstance(node.get("name").value, str))


def _position(node: Node) -> float:
    return node.value if is_number(node.value) else float("inf")


def read_relations(ends: Ends) -> tuple[tuple[RelationSpec, ...], tuple[CheckSpec, ...]]:
    """Reads every relationship of a contract.

    Args:
        ends: The objects; a relationship whose ends do not exist, or do not fit, is a problem.

    Returns:
        The relationships, and the checks of those between documents: chunks keep theirs by construction.
    """
    relations: list[RelationSpec] = []
    checks: list[CheckSpec] = []
    for node, home, columns in _relationships(ends):
        relation = _relation(node, home, columns, ends)
        if relation is None:
            continue
        relations.append(relation)
        consequence = _consequence(node)
        if relation.object == "document":
            arguments = {"from": list(relation.columns), "to": list(relation.to)}
            name = f"{'+'.join(relation.columns)}.{_FOREIGN_KEY}"
            field = relation.columns[0].partition(".")[0] if len(relation.columns) == 1 else ""
            checks.append(_check(name, _FOREIGN_KEY, field, arguments, on_fail=consequence))
    return tuple(relations), tuple(checks)


def _relationships(ends: Ends) -> Iterator[tuple[Node, str, tuple[str, ...] | None]]:
    """Yields each relationship, the object it stands in, and the columns it starts from where its place says."""
    for home, thing in ends.nodes.items():
        for node in thing.get("properties").items():
            for entry in node.get("relationships").items():
                yield entry, home, (node.get("name").text(),)
        for entry in thing.get("relationships").items():
            yield entry, home, None


def _relation(node: Node, home: str, columns: tuple[str, ...] | None, ends: Ends) -> RelationSpec | None:
    source = [(home, column) for column in columns] if columns else _ends(node.get("from"), ends)
    target = _ends(node.get("to"), ends)
    if not source or not target or None in source or None in target:
        return None
    starts = [end for end in source if end is not None]
    goals = [end for end in target if end is not None]
    if len(starts) != len(goals):
        node.get("to").problem(f"{len(starts)} columns cannot refer to {len(goals)}.", "Name as many on both sides.")
        return None
    relation = RelationSpec(
        object=starts[0][0],
        columns=tuple(column for _, column in starts),
        to_object=goals[0][0],
        to=tuple(column for _, column in goals),
    )
    mixed = len({name for name, _ in starts}) > 1 or len({name for name, _ in goals}) > 1
    if mixed:
        node.get("to").problem("the columns of one side belong to different objects.", "Make two relationships.")
        return None
    return relation if _fits(node, relation, home, ends) else None


def _fits(node: Node, relation: RelationSpec, home: str, ends: Ends) -> bool:
    """Judges whether a relationship can be kept at all."""
    goal, before = node.get("to"), len(node.sink.found)
    if relation.object != home:
        node.get("from").problem(f"the relationship stands in `{home}` and starts in `{relation.object}`.", "Move it.")
    for column, other in zip(relation.columns, relation.to, strict=True):
        kinds = (_type(ends, relation.object, column), _type(ends, relation.to_object, other))
        if kinds[0] != kinds[1]:
            goal.problem(f"`{column}` is a {kinds[0]} and `{other}` a {kinds[1]}: they are never equal.")
        if column.startswith(f"{_SAID}.") is False and column == _SAID:
            hint = "Write `from: document.metadata.KEY` under the object's `relationships`."
            goal.problem("`metadata` holds many values: none of them is named.", hint)
    if relation.object == "chunk":
        _of_chunks(goal, relation)
    elif relation.to_object == "chunk":
        goal.problem("a document cannot refer to chunks: they are cut after it is admitted.", "Turn it round.")
    elif not _is_key(relation.to, ends):
        hint = f"Refer to {listed(_KEYS)}, or to a property with `unique: true`."
        goal.problem(f"{listed(relation.to)} is not unique: a foreign key must name one document.", hint)
    return len(node.sink.found) == before


def _of_chunks(goal: Node, relation: RelationSpec) -> None:
    held = relation.to_object == "document" and relation.columns == relation.to and set(relation.to) <= set(_HELD)
    if not held:
        ways = listed(f"chunk.{name} to document.{name}" for name in _HELD)
        goal.problem("this build does not run this relationship of chunks.", f"Chunks keep: {ways}.")


def _is_key(columns: tuple[str, ...], ends: Ends) -> bool:
    fields = ends.fields.get("document", {})
    return any(column in _KEYS or (column in fields and fields[column].unique) for column in columns)


def _type(ends: Ends, name: str, column: str) -> str:
    if column.startswith(f"{_SAID}."):
        return "string"
    field = ends.fields.get(name, {}).get(column)
    return field.logical_type if field else _OBJECTS[name].get(column, "string")


def _ends(node: Node, ends: Ends) -> list[tuple[str, str] | None]:
    nodes = list(node.items()) if isinstance(node.value, list) else [node]
    return [_end(item, ends) for item in nodes if isinstance(item.value, str)]


def _end(node: Node, ends: Ends) -> tuple[str, str] | None:
    """Resolves one reference, `document.doc_id` or `schema/document/properties/doc_id`; None with a problem."""
    text = node.text()
    if "#" in text:
        node.problem(f"{shown(text)} lies in another file: this build reads one contract at a time.", "Name it here.")
        return None
    if "/" in text:
        return _by_id(node, text.strip("/").split("/"), ends)
    name, _, column = text.partition(".")
    if name not in ends.nodes:
        hint = f"{nearest(name, ends.nodes)} Objects: {listed(ends.nodes)}.".strip()
        node.problem(f"unknown object {name!r} in {shown(text)}.", hint)
        return None
    column, dot, key = column.partition(".")
    declared = ends.fields.get(name, {})
    if column not in declared:
        exists = f"Add `- name: {column}` to its properties." if column in _OBJECTS[name] else ""
        hint = nearest(column, declared) or exists or f"Properties: {listed(declared)}."
        node.problem(f"{name} has no property {column!r} in this contract.", hint)
        return None
    if dot and (column != _SAID or name != "document" or not key):
        node.problem(f"`{column}` holds plain values: there is no {key!r} in it.", f"Write {name}.{column}.")
        return None
    return name, f"{column}.{key}" if dot else column


def _by_id(node: Node, parts: list[str], ends: Ends) -> tuple[str, str] | None:
    """Resolves `schema/<id>/properties/<id>`: the ids, not the names, of the object and the property."""
    if len(parts) != 4 or parts[0] != "schema" or parts[2] != "properties":
        node.problem(f"{shown(node.value)} is not a property.", "Write schema/<id>/properties/<id>.")
        return None
    for name, thing in ends.nodes.items():
        if thing.get("id").value != parts[1]:
            continue
        ids = {item.get("id").text(): item.get("name").text() for item in thing.get("properties").items()}
        ids.pop("", None)
        if parts[3] in ids and ids[parts[3]] in ends.fields.get(name, {}):
            return name, ids[parts[3]]
        hint = nearest(parts[3], ids) or f"Ids: {listed(ids) or 'none'}."
        node.problem(f"no property of {name} has the id {parts[3]!r}.", hint)
        return None
    known = [thing.get("id").text() for thing in ends.nodes.values() if thing.get("id").text()]
    node.problem(f"no object has the id {parts[1]!r}.", nearest(parts[1], known) or f"Ids: {listed(known) or 'none'}.")
    return None


def _consequence(node: Node) -> OnFail:
    for item in node.get("customProperties").items():
        name = item.get("property")
        if item.get("vendor").value not in (None, "stemma"):
            continue
        if name.value == "onFail":
            return OnFail(item.get("value").choice(_CONSEQUENCES, "block", "onFail"))
        name.problem(f"unknown property {shown(name.value)} of a relationship.", "Valid: onFail.")
    return OnFail.BLOCK


def _check(
    name: str, rule: str, field: str, arguments: dict[str, Any], *, scope: str = "batch", on_fail: OnFail | None = None
) -> CheckSpec:
    return CheckSpec(
        name=name,
        rule=rule,
        engine="library",
        scope="row" if scope == "row" else "batch",
        field=field,
        arguments=arguments,
        on_fail=on_fail or (OnFail.QUARANTINE if scope == "row" else OnFail.BLOCK),
        dimension="completeness" if rule == "required" else "consistency" if rule == _FOREIGN_KEY else "uniqueness",
    )


def broken_references(spec: CheckSpec, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the documents that refer to one which is not there, with what they refer to.

    A reference with a null in it refers to nothing, as in SQL.

    Args:
        spec: A check of the rule `foreignKey`.
        rows: Rows of documents, with `doc_id` and the columns of both sides.
    """
    known = {_key(row, spec.arguments["to"]) for row in rows}
    found: dict[str, str] = {}
    for row in rows:
        key = _key(row, spec.arguments["from"])
        if None not in key and key not in known:
            found[str(row["doc_id"])] = ", ".join(repr(str(part)[:80]) for part in key)
    return found


def _key(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_value(row, column) for column in columns)


def _value(row: Mapping[str, Any], column: str) -> Any:
    name, dot, key = column.partition(".")
    if not dot:
        return row.get(name)
    said = json.loads(row.get(name) or "{}").get(key)
    return str(said) if said not in (None, "") else None
