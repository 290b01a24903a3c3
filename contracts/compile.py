"""A parsed document to a `Contract`: every part read, every problem noted.

Pure: no file is read here but the vendored schema. The result means something only when the sink holds no
problem.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from contracts.build import CHUNK_COLUMNS, DOCUMENT_COLUMNS, Build
from contracts.fields import read_fields
from contracts.locations import read_source
from contracts.model import CheckSpec, Contract, FieldSpec
from contracts.node import Node, unique_names
from contracts.options import (
    read_chunker,
    read_embedder,
    read_enforcement,
    read_governance,
    read_guards,
    read_index,
    read_options,
    read_parsers,
)
from contracts.problems import Sink, listed, nearest, shown
from contracts.promises import read_freshness, read_owner, read_retention, read_schedule
from contracts.ragchecks import governance_check
from contracts.specs import Context, field_checks, quality_checks
from contracts.standard import check_standard
from corpus.ids import NAME_PATTERN, canonical_json, sha256_hex
from corpus.types import OriginKind

_VERSION = re.compile(r"^\d+\.\d+\.\d+([.+-][0-9A-Za-z.+-]+)?$")
_OBJECTS = ("document", "chunk")


def compile_contract(value: Any, sink: Sink, *, build: Build, raw_yaml: str, path: str) -> Contract:
    """Compiles a document and validates it on the way.

    Args:
        value: The parsed document.
        sink: Where problems go.
        build: Names that a contract may use.
        raw_yaml: The text it was parsed from.
        path: The file, for the record.
    """
    check_standard(value, sink)
    root = Node(value, (), sink)
    options = read_options(root.get("customProperties"))
    governance = read_governance(options.get("ragGovernance"))
    context = Context(owner=read_owner(root), freshness=read_freshness(root), governance=governance)
    document, chunk = _objects(root)
    fields, checks = _document(document, context)
    embedder, model = read_embedder(_embedding(chunk), options.get("ragEmbedding"), build)
    return Contract(
        name=_name(root.get("name")),
        version=_version(root.get("version")),
        id=root.get("id").text(),
        digest=digest_of(value),
        path=path,
        raw_yaml=raw_yaml,
        description=root.get("description").get("purpose").text(),
        owner_team=context.owner,
        source=read_source(root.get("servers"), build),
        fields=fields,
        governance=governance,
        checks=checks,
        chunker=read_chunker(options, build, model),
        embedder=embedder,
        parsers=read_parsers(options.get("ragParsers"), build),
        freshness=context.freshness,
        retention_days=read_retention(root),
        schedule=read_schedule(root),
        enforcement=read_enforcement(options.get("ragEnforcement")),
        guards=read_guards(options.get("ragGuards")),
        index=read_index(options.get("ragIndex"), build),
        allowed_origins=_origins(fields, document),
    )


def digest_of(value: Any) -> str:
    """Returns the digest of a parsed document; comments, order of keys and layout do not change it."""
    return sha256_hex(canonical_json(value))


def _name(node: Node) -> str:
    if not isinstance(node.value, str) or not NAME_PATTERN.match(node.value):
        where = node if node.value is not None else Node(None, (), node.sink)
        where.sink.add(
            where.path,
            f"the contract's name is {shown(node.value)}; it also names the index.",
            "Use lower-case letters, digits, `.`, `_` and `-`, at most 63, starting with a letter or digit.",
        )
    return node.text()


def _version(node: Node) -> str:
    if isinstance(node.value, str) and not _VERSION.match(node.value):
        node.problem(f"{shown(node.value)} is not a version.", "Write three numbers, such as 1.0.0.")
    return node.text()


def _objects(root: Node) -> tuple[Node, Node]:
    """Returns the objects `document` and `chunk`; a missing one is a problem and becomes a node of None."""
    schema = root.get("schema")
    unique_names(schema.items(), "schema objects")
    found: dict[str, Node] = {}
    for item in schema.items():
        name = item.get("name")
        if name.value in _OBJECTS:
            found.setdefault(name.text(), item)
        elif isinstance(name.value, str):
            name.problem(
                f"unknown schema object {name.value!r}.",
                f"{nearest(name.value, _OBJECTS)} Valid: {listed(_OBJECTS)}.".strip(),
            )
    for wanted in _OBJECTS:
        if wanted not in found and not isinstance(schema.value, str | int | dict):
            where = schema if isinstance(schema.value, list) else root
            where.sink.add(
                where.path,
                f"the schema object `{wanted}` is missing.",
                f"Add `- name: {wanted}` to `schema:`.",
                key=True,
            )
    nothing = Node(None, schema.path, root.sink)
    return found.get("document", nothing), found.get("chunk", nothing)


def _document(document: Node, context: Context) -> tuple[tuple[FieldSpec, ...], tuple[CheckSpec, ...]]:
    """Reads the promises of documents, in file order, and makes the names of checks unique."""
    checks: list[CheckSpec] = []
    fields: list[FieldSpec] = []
    for node, field, extent in read_fields(document, DOCUMENT_COLUMNS):
        fields.append(field)
        checks.extend(field_checks(field, extent))
        checks.extend(quality_checks(node.get("quality"), field.name, context))
    checks.extend(quality_checks(document.get("quality"), "", context))
    _unique_check_names(document)
    if context.governance.required and not any(check.rule == "governance_fields" for check in checks):
        checks.append(governance_check(context.governance, context.owner))
    return tuple(fields), _named_apart(checks, context.owner)


def _unique_check_names(document: Node) -> None:
    lists = [document.get("quality"), *(item.get("quality") for item in document.get("properties").items())]
    unique_names((check for quality in lists for check in quality.items()), "checks")


def _named_apart(checks: list[CheckSpec], owner: str) -> tuple[CheckSpec, ...]:
    seen: dict[str, int] = {}
    named = []
    for check in checks:
        seen[check.name] = seen.get(check.name, 0) + 1
        suffix = f"-{seen[check.name]}" if seen[check.name] > 1 else ""
        named.append(replace(check, name=check.name + suffix, owner=owner))
    return tuple(named)


def _embedding(chunk: Node) -> Node:
    """Returns the options of the vector, after reading the rest of the object `chunk`."""
    found: Node | None = None
    for node, field, extent in read_fields(chunk, CHUNK_COLUMNS):
        if field.name == "embedding":
            found = node.get("logicalTypeOptions")
        _not_run_on_chunks(node, field, extent)
    if chunk.has("quality"):
        chunk.get("quality").problem(
            "this build runs no checks on chunks.", "Move them to the object document.", key=True
        )
    if found is None and chunk.value is not None:
        hint = "Add `- name: embedding` with `logicalType: vector` and its options."
        chunk.problem("the property `embedding` is missing in the object chunk.", hint)
    return found or Node({}, (*chunk.path, "properties"), _silent(chunk))


def _silent(chunk: Node) -> Sink:
    """What a missing object would say of its parts is said already."""
    return Sink(chunk.sink.places)


def _not_run_on_chunks(node: Node, field: FieldSpec, extent: dict[str, Any]) -> None:
    promised = {
        "quality": node.has("quality"),
        "unique": field.unique and field.name != "chunk_id",
        "enum": bool(field.enum),
        "logicalTypeOptions": bool(extent)
        or any(v is not None for v in (field.pattern, field.min_length, field.max_length)),
    }
    for key, given in promised.items():
        if given:
            node.get(key).problem(f"this build runs no `{key}` of a property of chunk.", "Remove it.", key=True)
    if field.required and field.name == "quality_score":
        node.get("required").problem("`quality_score` may be null in chunks.", "Remove `required`.", key=True)


def _origins(fields: tuple[FieldSpec, ...], document: Node) -> tuple[str, ...]:
    """Reads which origins may enter, from the enum of `digital_source_type`; all of them by default."""
    every = tuple(kind.value for kind in OriginKind)
    for item in document.get("properties").items():
        if item.get("name").value == "digital_source_type":
            for entry in item.get("enum").items():
                entry.get("value").choice(every, "", "origin")
    field = next((field for field in fields if field.name == "digital_source_type"), None)
    return tuple(str(value) for value in field.enum) if field and field.enum else every
