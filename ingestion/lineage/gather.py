"""Gathers from the catalog the lineage of documents: for a person to look at, for loops, for export."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from corpus.catalog import answers, lineage
from corpus.catalog.lineage_records import LineageEdge, LineageNode
from corpus.catalog.records import AnswerRecord
from ingestion.lineage.stored import givens, repeat_of
from ingestion.runtime import Runtime
from provenance.lineage import Depth, Given, Graph, Kind, Loop, Node, depths, graph_of, loops

MOST = 20_000
"""Documents and answers of one lineage that are gathered; what is cut off is said and counts as not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What was gathered.

    Attributes:
        roots: What it is the lineage of: revisions, or an answer.
        graph: Everything that these were derived from, with facts of each node.
        depths: Generation depth of each revision, chunk and answer.
        loops: Documents in it that were made of what came of themselves.
        cut: Number of nodes whose own lineage was not gathered, because there is too much of it.
    """

    roots: tuple[Node, ...]
    graph: Graph
    depths: Mapping[Node, Depth]
    loops: tuple[Loop, ...]
    cut: int = 0


def lineage_of(runtime: Runtime, contract: str, doc_id: str, revision_id: str) -> Lineage:
    """Gathers what one document was derived from, as far back as it is known.

    Args:
        runtime: The project.
        contract: The contract.
        doc_id: The document.
        revision_id: Which revision of it.
    """
    with runtime.catalog.reading() as tx:
        return _gathered(tx, [lineage.document(contract, doc_id, revision_id)])


def depth_of_answer(runtime: Runtime, answer_id: str) -> Depth:
    """Returns the depth of a registered answer: "at least" where something that it was given is not known here."""
    with runtime.catalog.reading() as tx:
        return _gathered(tx, [lineage.answer(answer_id)]).depths[Node(Kind.ANSWER, answer_id)]


def lineage_of_contract(runtime: Runtime, contract: str) -> Lineage:
    """Gathers the lineage of every document of a contract that repeats an answer, or that an answer was given."""
    with runtime.catalog.reading() as tx:
        return _gathered(tx, lineage.of_contract(tx, contract))


def all_loops(runtime: Runtime, contract: str | None = None) -> tuple[tuple[Loop, ...], Mapping[str, AnswerRecord]]:
    """Finds every loop, of one contract's documents or of all.

    Returns:
        The loops, and the answers on their way by id.
    """
    with runtime.catalog.reading() as tx:
        repeated = list(lineage.of_kind(tx, "document"))
        given = lineage.parents(tx, {edge.object for edge in repeated})
        graph = graph_of([repeat_of(edge) for edge in repeated], [item for edge in given for item in givens(edge)])
        found = loops(graph)
        mine = tuple(loop for loop in found if contract is None or loop.document.name.startswith(f"{contract}/"))
        return mine, answers.get(tx, sorted({name for loop in mine for name in loop.answers}))


def standing_of(runtime: Runtime, found: Iterable[Node]) -> dict[str, str]:
    """Returns the state of documents now, by `CONTRACT/DOCUMENT`."""
    with runtime.catalog.reading() as tx:
        known = lineage.standing(tx, [LineageNode(kind="document", name=node.name) for node in found])
    return {name: str(facts["state"]) for name, facts in known.items()}


def _gathered(tx: Session, roots: Sequence[LineageNode]) -> Lineage:
    edges, cut = _upstream(tx, roots)
    repeated = [edge for edge in edges if edge.subject.kind == "document"]
    told = [edge for edge in edges if edge.subject.kind == "answer"]
    named = {edge.object.name for edge in repeated} | {node.name for node in roots if node.kind == "answer"}
    records = answers.get(tx, sorted(named | {edge.subject.name for edge in told}))
    found = [item for edge in told for item in givens(edge, records.get(edge.subject.name))]
    blind = [name for name in sorted(named) if name not in records or not records[name].retrieved]
    graph = graph_of(
        [repeat_of(edge) for edge in repeated],
        [*found, *_unknown(found, records)],
        [*blind, *(node.name for node in cut if node.kind == "answer")],
    )
    own = [
        Node(Kind.ANSWER, node.name)
        if node.kind == "answer"
        else Node(Kind.REVISION, f"{node.name}@{node.revision_id}")
        for node in roots
    ]
    nodes = {**{node: {} for node in own}, **graph.nodes}
    whole = Graph(nodes=_with_facts(tx, nodes, records), edges=graph.edges)
    return Lineage(roots=tuple(own), graph=whole, depths=depths(whole), loops=loops(whole), cut=len(cut))


def _upstream(tx: Session, roots: Iterable[LineageNode]) -> tuple[list[LineageEdge], Collection[LineageNode]]:
    """Follows edges from subjects to objects, a step at a time; returns what was left over where there are too many."""
    edges: list[LineageEdge] = []
    seen: set[LineageNode] = set()
    fresh = set(roots)
    while fresh and len(seen) < max(MOST, len(fresh)):
        seen |= fresh
        step = lineage.parents(tx, fresh)
        edges += step
        fresh = {edge.object for edge in step} - seen
    return edges, sorted(fresh)


def _unknown(found: Iterable[Given], records: Mapping[str, AnswerRecord]) -> list[Given]:
    """Returns the chunks that answers retrieved or cited and that stand nowhere here."""
    known = {(item.answer_id, item.chunk_id) for item in found}
    return [
        Given(answer_id=answer_id, chunk_id=str(chunk_id), cited=chunk_id in record.cited)
        for answer_id, record in records.items()
        for chunk_id in dict.fromkeys((*record.retrieved, *record.cited))
        if (answer_id, chunk_id) not in known
    ]


def _with_facts(
    tx: Session, nodes: Mapping[Node, Mapping[str, Any]], records: Mapping[str, AnswerRecord]
) -> dict[Node, Mapping[str, Any]]:
    stored = {node: _stored(node) for node in nodes if node.kind is Kind.REVISION}
    decided = lineage.decided(tx, stored.values())
    now = lineage.standing(tx, stored.values())
    facts: dict[Node, Mapping[str, Any]] = {}
    for node, known in nodes.items():
        own = dict(known)
        if node in stored:
            state = now.get(node.document, {})
            standing = state.get("revision_id") == stored[node].revision_id
            own |= decided.get(stored[node], {})
            own["state"] = state.get("state", "unknown") if standing else "replaced"
        elif node.kind is Kind.ANSWER:
            own |= _answer_facts(records.get(node.name))
        facts[node] = own
    return facts


def _stored(node: Node) -> LineageNode:
    name, _, revision_id = node.name.partition("@")
    return LineageNode(kind="document", name=name, revision_id=revision_id)


def _answer_facts(record: AnswerRecord | None) -> dict[str, Any]:
    if record is None:
        return {"registered": False}
    return {
        "registered": True,
        "system": record.system,
        "model": record.model,
        "served_at": record.served_at,
        "index_version": record.index_version,
    }
