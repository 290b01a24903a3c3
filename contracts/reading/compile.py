"""A parsed document to a `Contract`: every part read, every problem noted.

Pure: no file is read here but the vendored schema. The result means something only when the sink holds no
problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contracts.build import CHUNK_COLUMNS, DOCUMENT_COLUMNS, NEVER_NULL, Build
from contracts.model import CheckSpec, Contract, FieldSpec, GovernanceSpec, Statement
from contracts.reading.context import read_evaluation, read_golden, read_statements
from contracts.reading.curation import (
    read_answers,
    read_families,
    read_origin,
    read_quality,
    read_repair,
    read_triage,
    read_trust,
)
from contracts.reading.fields import field_checks, read_fields, secrecy
from contracts.reading.gates import read_gates
from contracts.reading.keys import Ends, chunk_key, key_checks, read_relations
from contracts.reading.lifecycle import read_approvals, read_version_retention
from contracts.reading.locations import read_source
from contracts.reading.logical import Limits
from contracts.reading.options import (
    Options,
    read_chunker,
    read_embedder,
    read_enforcement,
    read_governance,
    read_guards,
    read_index,
    read_options,
    read_parsers,
)
from contracts.reading.people import read_owner, read_roles, read_team
from contracts.reading.promises import end_checks, read_freshness, read_retention, read_schedule, read_sla
from contracts.reading.ragchecks import governance_check
from contracts.reading.specs import Context, chunk_checks, quality_checks, statements
from contracts.reading.standard import check_standard
from contracts.reading.wholefile import check_everywhere
from contracts.text.node import Node, unique_names
from contracts.text.problems import Sink, listed, nearest, shown
from corpus.ids import NAME_PATTERN, canonical_json, sha256_hex
from corpus.types import OriginKind

_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([.+-][0-9A-Za-z.+-]+)?\Z")
_OBJECTS = ("document", "chunk")


def _checked(value: Any, sink: Sink) -> tuple[Node, Options]:
    check_standard(value, sink)
    root = Node(value, (), sink)
    check_everywhere(root)
    return root, read_options(root.get("customProperties"))


def _lifecycle(options: Options) -> dict[str, Any]:
    """Returns what is said about the life of versions, by the name of its field."""
    return {
        "gates": read_gates(options.get("ragGates")),
        "versions": read_version_retention(options.get("ragRetention")),
        "approvals": read_approvals(options.get("ragApprovals")),
    }


def compile_contract(value: Any, sink: Sink, *, build: Build, raw_yaml: str, path: str) -> Contract:
    """Compiles a document and validates it on the way.

    Args:
        value: The parsed document.
        sink: Where problems go.
        build: Names that a contract may use.
        raw_yaml: The text it was parsed from.
        path: The file, for the record.
    """
    root, options = _checked(value, sink)
    sla = read_sla(root)
    context = _context(root, options)
    document, chunk = _objects(root)
    fields, checks = _document(document, context)
    vector, chunk_fields = _chunk(chunk)
    embedder, model = read_embedder(vector, options.get("ragEmbedding"), build)
    relationships, references = read_relations(_ends(document, fields, chunk, chunk_fields))
    blocks = (root.get("context"), document.get("context"), chunk.get("context"))
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
        governance=context.governance,
        checks=_all_checks((*checks, *references, *end_checks(sla)), context),
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
        families=context.families,
        **_lifecycle(options),
        origin=read_origin(options.get("ragOrigin")),
        repair=read_repair(options.get("ragRepair")),
        quality=read_quality(options.get("ragQuality")),
        triage=read_triage(options.get("ragTriage")),
        trust=read_trust(options.get("ragTrust")),
        answers=read_answers(options.get("ragAnswers")),
        golden=read_golden(blocks, fields),
        evaluation=read_evaluation(options.get("ragEvaluation")),
        team=read_team(root),
        roles=read_roles(root),
        relationships=relationships,
        sla=sla,
        statements=(*_words(document), *_words(chunk), *read_statements(blocks)),
        tags=tuple(item.text() for item in root.get("tags").items() if item.text()),
        status=root.get("status").text(),
    )


def _context(root: Node, options: Options) -> Context:
    return Context(
        owner=read_owner(root),
        freshness=read_freshness(root),
        governance=read_governance(options.get("ragGovernance")),
        families=read_families(options.get("ragFamilies")),
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
        node.problem(
            f"{shown(node.value)} is not a version.", "Write three numbers of at most nine digits, such as 1.0.0."
        )
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
    """Reads the promises of documents, in file order."""
    checks: list[CheckSpec] = []
    fields: list[FieldSpec] = []
    for node, field, limits in read_fields(document, DOCUMENT_COLUMNS):
        fields.append(field)
        checks.extend(field_checks(field, limits))
        checks.extend(quality_checks(node.get("quality"), field.name, context))
    checks.extend(key_checks(document, fields))
    checks.extend(quality_checks(document.get("quality"), "", context))
    _unique_check_names(document)
    _not_more_secret(document, fields, checks, context.governance)
    return tuple(fields), tuple(checks)


def _all_checks(checks: tuple[CheckSpec, ...], context: Context) -> tuple[CheckSpec, ...]:
    """Returns the checks with the one on governance that every contract has, and with unique names."""
    found = list(checks)
    if context.governance.required and not any(check.rule == "governance_fields" for check in found):
        found.append(governance_check(context.governance, context.owner))
    return _named_apart(found, context.owner)


def _not_more_secret(
    document: Node, fields: list[FieldSpec], checks: list[CheckSpec], governance: GovernanceSpec
) -> None:
    """Refuses labels that are more secret than the contract says that the text is."""
    text = next((field for field in fields if field.name == "text"), None)
    limit = secrecy(text.classification) if text else None
    if text is None or limit is None:
        return
    allowed = [label for check in checks if check.rule == "sensitivity" for label in check.arguments.get("allowed", ())]
    node = next(item for item in document.get("properties").items() if item.get("name").value == "text")
    for label in (*allowed, governance.defaults.get("sensitivity_label", "")):
        if (secrecy(label) or 0) > limit:
            said = "is allowed" if label in allowed else "is the default of ragGovernance"
            node.get("classification").problem(
                f"the text is classified {text.classification}, and the more secret label {label!r} {said}.",
                f"Classify it {label}, or leave the label out.",
            )
            return


def _words(thing: Node) -> Iterator[Statement]:
    yield from statements(thing.get("quality"), "")
    for node in thing.get("properties").items():
        yield from statements(node.get("quality"), node.get("name").text())


def _ends(document: Node, fields: tuple[FieldSpec, ...], chunk: Node, chunk_fields: tuple[FieldSpec, ...]) -> Ends:
    given = {"document": (document, fields), "chunk": (chunk, chunk_fields)}
    there = {name: pair for name, pair in given.items() if pair[0].value is not None}
    return Ends(
        nodes={name: node for name, (node, _) in there.items()},
        fields={name: {field.name: field for field in pair[1]} for name, pair in there.items()},
    )


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


def _chunk(chunk: Node) -> tuple[Node, tuple[FieldSpec, ...]]:
    """Returns the options of the vector and the fields of chunks, after judging the rest of the object."""
    found: Node | None = None
    fields: list[FieldSpec] = []
    for node, field, limits in read_fields(chunk, CHUNK_COLUMNS):
        fields.append(field)
        if field.name == "embedding":
            found = node.get("logicalTypeOptions")
        _not_run_on_chunks(node, field, limits)
    chunk_key(chunk)
    chunk_checks(chunk.get("quality"), "")
    if found is None and chunk.value is not None:
        hint = "Add `- name: embedding` with `logicalType: vector` and its options."
        chunk.problem("the property `embedding` is missing in the object chunk.", hint)
    return found or Node({}, (*chunk.path, "properties"), _silent(chunk)), tuple(fields)


def _silent(chunk: Node) -> Sink:
    """What a missing object would say of its parts is said already."""
    return Sink(chunk.sink.places)


def _not_run_on_chunks(node: Node, field: FieldSpec, limits: Limits) -> None:
    chunk_checks(node.get("quality"), field.name)
    promised = {
        "unique": field.unique and field.name != "chunk_id",
        "enum": bool(field.enum),
        "logicalTypeOptions": bool(limits),
    }
    for key, given in promised.items():
        if given:
            node.get(key).problem(f"this build runs no `{key}` of a property of chunk.", "Remove it.", key=True)
    if field.required and field.name not in NEVER_NULL:
        node.get("required").problem(f"`{field.name}` may be null in chunks.", "Remove `required`.", key=True)


def _origins(fields: tuple[FieldSpec, ...], document: Node) -> tuple[str, ...]:
    """Reads which origins may enter, from the enum of `digital_source_type`; all of them by default."""
    every = tuple(kind.value for kind in OriginKind)
    for item in document.get("properties").items():
        if item.get("name").value == "digital_source_type":
            for entry in item.get("enum").items():
                entry.get("value").choice(every, "", "origin")
    field = next((field for field in fields if field.name == "digital_source_type"), None)
    return tuple(str(value) for value in field.enum) if field and field.enum else every
