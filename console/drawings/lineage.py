"""A lineage made ready to be drawn: documents and answers, chunks counted on the lines between them. Pure.

What is drawn is one JSON document: the same that `--json` prints, and that the tree, DOT and SVG are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ingestion.lineage.gather import Lineage
from provenance.lineage import Edge, Kind, Node, Relation

Json: TypeAlias = dict[str, Any]


def drawn(found: Lineage, most: int) -> Json:
    """Returns what is drawn of a lineage.

    Args:
        found: What was gathered; it has one root.
        most: Generations drawn; what lies behind is counted.

    Returns:
        `root`; `depth` (`value`, `known`, `words`); `nodes`, each with `id`, `kind`, `name`, `depth` and its facts, and
        `distance` from the root in answers; `edges`, each with `from`, `to` and what the line says; `loops`, each a
        list of names; `hidden`, the number of nodes behind the last generation; `cut`.
    """
    [root] = found.roots
    lines = list(_lines(found))
    distance = _distances(root, lines)
    near = {node for node, steps in distance.items() if steps <= most}
    depth = found.depths[root]
    return {
        "root": _id(root),
        "depth": {"value": depth.value, "known": depth.known, "words": depth.words},
        "nodes": [_node(found, node, distance[node]) for node in sorted(near, key=lambda n: (distance[n], n))],
        "edges": [_edge(a, b, said) for a, b, said in lines if a in near and b in near],
        "loops": [[node.name for node in loop.path] for loop in found.loops],
        "hidden": len(distance.keys() - near),
        "cut": found.cut,
    }


def _lines(found: Lineage) -> Iterator[tuple[Node, Node, Json]]:
    """Yields revision to answer, and answer to revision with its chunks counted; unknown ones have an own node."""
    homes: dict[Node, Node] = {}
    through: dict[Node, list[str]] = defaultdict(list)
    given: dict[Node, list[Edge]] = defaultdict(list)
    for edge in found.graph.edges:
        if edge.relation is Relation.QUOTED:
            homes[edge.subject] = edge.object
        elif edge.relation is Relation.DERIVED and edge.subject.kind is Kind.CHUNK:
            through[edge.subject].append(edge.object.name)
        elif edge.relation is Relation.DERIVED and edge.subject.kind is Kind.ANSWER:
            given[edge.subject].append(edge)
    for edge in found.graph.edges:
        if edge.relation is Relation.DERIVED and edge.subject.kind is Kind.REVISION:
            yield edge.subject, edge.object, dict(edge.detail)
    for answer, edges in given.items():
        yield from _given(answer, edges, homes, through)


def _given(
    answer: Node, edges: list[Edge], homes: Mapping[Node, Node], through: Mapping[Node, list[str]]
) -> Iterator[tuple[Node, Node, Json]]:
    places: dict[Node, list[Edge]] = defaultdict(list)
    for edge in edges:
        places[homes.get(edge.object, Node(Kind.CHUNK, f"{answer.name}#unknown"))].append(edge)
    for place, chunks in places.items():
        said = {
            "chunks": len(chunks),
            "cited": sum(bool(edge.detail.get("cited")) for edge in chunks),
            "of_answers": sorted({name for edge in chunks for name in through.get(edge.object, ())}),
        }
        yield answer, place, said


def _distances(root: Node, lines: list[tuple[Node, Node, Json]]) -> dict[Node, int]:
    """Returns how many answers lie between the root and each node, on the shortest way."""
    after: dict[Node, list[Node]] = defaultdict(list)
    for a, b, _ in lines:
        after[a].append(b)
    found = {root: 0}
    waiting = [root]
    while waiting:
        here = waiting.pop(0)
        for node in after[here]:
            if node not in found:
                found[node] = found[here] + (here.kind is not Kind.ANSWER)
                waiting.append(node)
    return found


def _node(found: Lineage, node: Node, distance: int) -> Json:
    depth = found.depths.get(node)
    facts = dict(found.graph.nodes.get(node, {}))
    known = {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in facts.items()}
    return {
        "id": _id(node),
        "kind": "document" if node.kind is Kind.REVISION else "unknown" if node.kind is Kind.CHUNK else "answer",
        "name": node.document.partition("/")[2] if node.kind is Kind.REVISION else node.name,
        "depth": depth.words if depth else "unknown",
        "distance": distance,
        **known,
    }


def _edge(a: Node, b: Node, said: Json) -> Json:
    return {"from": _id(a), "to": _id(b), **said}


def _id(node: Node) -> str:
    return f"{node.kind.value}:{node.name}"
