"""Lineage as PROV-JSON, the W3C's exchange form of provenance (member submission, 2013): pure, text to text.

A quotation and a revision are derivations with a type there, as the data model has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

from provenance.lineage import Depth, Edge, Graph, Kind, Node, Relation

PREFIX = "stemma"
NAMESPACE = "urn:stemma:"

_GROUPS = {Kind.RUN: "activity", Kind.SERVING: "activity", Kind.AGENT: "agent"}
_ENDS: Mapping[Relation, tuple[str, str, str]] = {
    Relation.DERIVED: ("wasDerivedFrom", "prov:generatedEntity", "prov:usedEntity"),
    Relation.QUOTED: ("wasDerivedFrom", "prov:generatedEntity", "prov:usedEntity"),
    Relation.REVISION: ("wasDerivedFrom", "prov:generatedEntity", "prov:usedEntity"),
    Relation.SPECIALIZATION: ("specializationOf", "prov:specificEntity", "prov:generalEntity"),
    Relation.GENERATED: ("wasGeneratedBy", "prov:entity", "prov:activity"),
    Relation.INVALIDATED: ("wasInvalidatedBy", "prov:entity", "prov:activity"),
    Relation.USED: ("used", "prov:activity", "prov:entity"),
    Relation.ATTRIBUTED: ("wasAttributedTo", "prov:entity", "prov:agent"),
    Relation.ASSOCIATED: ("wasAssociatedWith", "prov:activity", "prov:agent"),
}
"""Relation to its group in PROV-JSON, and what its two ends are called there."""
_TYPES = {Relation.QUOTED: "prov:Quotation", Relation.REVISION: "prov:Revision"}
_STARTS = "started_at"


def prov_json(graph: Graph, depths: Mapping[Node, Depth]) -> dict[str, Any]:
    """Returns a PROV-JSON document.

    Args:
        graph: Nodes and edges; facts of nodes become attributes with the prefix `stemma`.
        depths: Generation depths, written as `stemma:generation_depth` and `stemma:depth_known`.
    """
    made: dict[str, Any] = {"prefix": {PREFIX: NAMESPACE}}
    for node in sorted(graph.nodes):
        group = made.setdefault(_GROUPS.get(node.kind, "entity"), {})
        group[name_of(node)] = dict(_attributes(node, graph.nodes[node], depths.get(node)))
    for number, edge in enumerate(graph.edges, start=1):
        group, subject, object_ = _ENDS[edge.relation]
        ends = {subject: name_of(edge.subject), object_: name_of(edge.object)}
        made.setdefault(group, {})[f"_:r{number}"] = {**ends, **_details(edge)}
    return made


def name_of(node: Node) -> str:
    """Returns the qualified name of a node; what a name may not hold is percent-encoded."""
    return f"{PREFIX}:{node.kind.value}/{quote(node.name, safe='/@-._~')}"


def _attributes(node: Node, facts: Mapping[str, Any], depth: Depth | None) -> Iterator[tuple[str, Any]]:
    yield "prov:type", _qualified(f"{PREFIX}:{node.kind.value}")
    yield "prov:label", node.name
    for key, value in facts.items():
        if key == _STARTS:
            yield "prov:startTime", value.isoformat()
        elif value is not None and value != "":
            yield f"{PREFIX}:{key}", _plain(value)
    if depth is not None:
        yield f"{PREFIX}:generation_depth", depth.value
        yield f"{PREFIX}:depth_known", depth.known


def _details(edge: Edge) -> dict[str, Any]:
    if edge.relation is Relation.SPECIALIZATION:
        return {}
    kind = {"prov:type": _qualified(_TYPES[edge.relation])} if edge.relation in _TYPES else {}
    return kind | {f"{PREFIX}:{key}": _plain(value) for key, value in edge.detail.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$": value.isoformat(), "type": "xsd:dateTime"}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return ";".join("-".join(map(str, item)) if isinstance(item, list | tuple) else str(item) for item in value)
    return value


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}
