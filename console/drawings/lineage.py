"""A lineage made ready to be drawn: documents and answers, chunks counted on the lines between them. Pure.

What is drawn is one JSON document: the same that `--json` prints, and that the tree, DOT and SVG are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ingestion.lineage.gather import Lineage
from provenance.lineage import Edge, Kind, Loop, Node, Relation

Json: TypeAlias = dict[str, Any]
Sees: TypeAlias = Callable[[str], bool]
"""Whether who asks may see a contract."""
UNSEEN = "a document of a contract that you may not see"


def drawn(found: Lineage, most: int, sees: Sees = lambda _contract: True) -> Json:
    """Returns what is drawn of a lineage.

    Args:
        found: What was gathered; it has one root.
        most: Generations drawn; what lies behind is counted.
        sees: Whether who looks may see a contract. A document of another is drawn without its name and its facts, and
            what only it leads to is left out.

    Returns:
        `root`; `depth` (`value`, `known`, `words`); `nodes`, each with `id`, `kind`, `name`, `depth` and its facts, and
        `distance` from the root in answers; `edges`, each with `from`, `to` and what the line says; `loops`, each a
        list of names; `hidden`, the number of nodes behind the last generation; `unseen`, that of documents without a
        name; `cut`.
    """
    [root] = found.roots
    lines = [(a, b, said) for a, b, said in _lines(found) if not _unseen(a, sees)]
    distance = _distances(root, lines)
    near = {node for node, steps in distance.items() if steps <= most}
    unseen = {node: f"unseen:{number}" for number, node in enumerate(sorted(n for n in near if _unseen(n, sees)), 1)}
    depth = found.depths[root]
    return {
        "root": _id(root),
        "depth": {"value": depth.value, "known": depth.known, "words": depth.words},
        "nodes": [
            _unnamed(unseen[node], distance[node]) if node in unseen else _node(found, node, distance[node], sees)
            for node in sorted(near, key=lambda n: (distance[n], n))
        ],
        "edges": [
            _edge(a, b, said | ({"of_answers": []} if b in unseen else {}), unseen)
            for a, b, said in lines
            if a in near and b in near
        ],
        "loops": [_way(loop, sees) for loop in found.loops if not _unseen(loop.document, sees)],
        "hidden": len(distance.keys() - near),
        "unseen": len(unseen),
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


def _unseen(node: Node, sees: Sees) -> bool:
    return node.kind in (Kind.REVISION, Kind.DOCUMENT) and not sees(node.document.partition("/")[0])


def _way(loop: Loop, sees: Sees) -> list[str]:
    """Returns the names on a loop's way; an answer between two documents that may not be seen has none either."""
    path = loop.path
    dark = [_unseen(node, sees) for node in path]
    names = []
    for place, node in enumerate(path):
        alone = node.kind is Kind.ANSWER and dark[place - 1] and dark[(place + 1) % len(path)]
        names.append("an answer" if alone else UNSEEN if dark[place] else node.name)
    return names


def _unnamed(node_id: str, distance: int) -> Json:
    return {"id": node_id, "kind": "unseen", "name": UNSEEN, "depth": "unknown", "distance": distance}


def _node(found: Lineage, node: Node, distance: int, sees: Sees) -> Json:
    depth = found.depths.get(node)
    facts = dict(found.graph.nodes.get(node, {}))
    if facts.get("index_version") and not sees(str(facts["index_version"]).partition("/")[0]):
        del facts["index_version"]
    known = {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in facts.items()}
    return {
        "id": _id(node),
        "kind": "document" if node.kind is Kind.REVISION else "unknown" if node.kind is Kind.CHUNK else "answer",
        "name": node.document.partition("/")[2] if node.kind is Kind.REVISION else node.name,
        "depth": depth.words if depth else "unknown",
        "distance": distance,
        **known,
    }


def _edge(a: Node, b: Node, said: Json, unseen: Mapping[Node, str]) -> Json:
    return {"from": _id(a), "to": unseen.get(b) or _id(b), **said}


def _id(node: Node) -> str:
    return f"{node.kind.value}:{node.name}"
