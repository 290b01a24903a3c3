"""Adds to a lineage what other tables say: versions of a document, runs, who served an answer and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from corpus.catalog import lineage
from corpus.catalog.lineage_records import LineageNode
from ingestion.lineage.gather import Lineage
from ingestion.runtime import Runtime
from provenance.lineage import Edge, Graph, Kind, Node, Relation

Facts = dict[str, Any]


def with_activities(runtime: Runtime, found: Lineage) -> Graph:
    """Returns the graph of a lineage with runs, servings, agents, index versions, and older revisions.

    Args:
        runtime: The project.
        found: What was gathered.
    """
    nodes: dict[Node, Facts] = {node: dict(facts) for node, facts in found.graph.nodes.items()}
    edges = list(found.graph.edges)
    with runtime.catalog.reading() as tx:
        for edge, facts in (*_of_revisions(tx, found.graph), *_of_answers(found.graph)):
            nodes.setdefault(edge.subject, {})
            nodes.setdefault(edge.object, {}).update(facts)
            edges.append(edge)
    return Graph(nodes=nodes, edges=tuple(edges))


def _of_revisions(tx: Session, graph: Graph) -> Iterator[tuple[Edge, Facts]]:
    """Yields which run decided about each revision, which ended it, and which revision came before it."""
    known = {node: _stored(node) for node in graph.nodes if node.kind is Kind.REVISION}
    served = lineage.revisions(tx, known.values())
    standing = lineage.standing(tx, known.values())
    for node in known:
        facts = graph.nodes[node]
        if facts.get("run_id"):
            run = Node(Kind.RUN, facts["run_id"])
            yield _edge(node, Relation.GENERATED, run), {}
            yield _edge(run, Relation.ASSOCIATED, Node(Kind.AGENT, facts["actor"])), {}
        now = standing.get(node.document)
        if now and facts.get("state") in ("replaced", "gone"):
            yield _edge(node, Relation.INVALIDATED, Node(Kind.RUN, now["run_id"])), {}
    for document, revisions in served.items():
        named = [Node(Kind.REVISION, f"{document}@{revision_id}") for revision_id, _ in revisions]
        for older, newer in pairwise(named):
            yield _edge(newer, Relation.REVISION, older), {}


def _of_answers(graph: Graph) -> Iterator[tuple[Edge, Facts]]:
    """Yields that an answer was served: when, by what, out of which index version and chunks."""
    given: dict[Node, list[Node]] = {}
    for edge in graph.edges:
        if edge.relation is Relation.DERIVED and edge.object.kind is Kind.CHUNK:
            given.setdefault(edge.subject, []).append(edge.object)
    for node, facts in graph.nodes.items():
        if node.kind is not Kind.ANSWER or not facts.get("registered"):
            continue
        serving = Node(Kind.SERVING, node.name)
        yield _edge(node, Relation.GENERATED, serving), {"started_at": facts["served_at"]}
        for chunk in given.get(node, ()):
            yield _edge(serving, Relation.USED, chunk), {}
        yield from _named(node, serving, facts)


def _named(answer: Node, serving: Node, facts: Mapping[str, Any]) -> Iterator[tuple[Edge, Facts]]:
    if facts["index_version"]:
        yield _edge(serving, Relation.USED, Node(Kind.VERSION, facts["index_version"])), {}
    if facts["model"]:
        yield _edge(answer, Relation.ATTRIBUTED, Node(Kind.AGENT, facts["model"])), {"role": "model"}
    if facts["system"]:
        yield _edge(serving, Relation.ASSOCIATED, Node(Kind.AGENT, facts["system"])), {"role": "system"}


def _edge(subject: Node, relation: Relation, object_: Node) -> Edge:
    return Edge(subject=subject, relation=relation, object=object_)


def _stored(node: Node) -> LineageNode:
    name, _, revision_id = node.name.partition("@")
    return LineageNode(kind="document", name=name, revision_id=revision_id)
