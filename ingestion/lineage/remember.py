"""Writes lineage into the catalog, and keeps the depths that rest on it right.

A document's edges are written in the transaction that writes its decision, whatever that is: what was held back or
rejected keeps its evidence. An answer's are written when its log is imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import documents, lineage
from corpus.catalog.lineage_records import LineageEdge, LineageNode
from corpus.types import Outcome
from ingestion.lineage.stored import givens, repeat_of
from provenance.lineage import Given, Kind, Node, Repeat, depths, graph_of

Row = Mapping[str, Any]


def remember(tx: Session, contract: str, run_id: str, rows: Sequence[Row]) -> None:
    """Writes which answers the decided revisions repeat, in place of what was written of them before.

    Args:
        tx: The transaction that writes their decisions.
        contract: The contract.
        run_id: The run.
        rows: Assessed rows.
    """
    read = [row for row in rows if row["outcome"] != Outcome.FAIL]
    edges = [edge for row in read for edge in _edges_of(contract, run_id, row)]
    lineage.replace(tx, [lineage.document(contract, row["doc_id"], row["revision_id"]) for row in read], edges)


def _edges_of(contract: str, run_id: str, row: Row) -> Iterator[LineageEdge]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    if '"answer.' not in row["findings"]:
        return
    for finding in batches.loads(row["findings"]):
        answer_id = (finding["detail"] or {}).get("answer_id")
        if finding["code"].startswith("answer.") and answer_id:
            found[answer_id].append(finding)
    subject = lineage.document(contract, row["doc_id"], row["revision_id"])
    for answer_id, findings in sorted(found.items()):
        yield LineageEdge(
            subject=subject,
            object=lineage.answer(answer_id),
            relation=lineage.DERIVED,
            detail=_detail(findings),
            run_id=run_id,
        )


def _detail(findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what an edge says of an answer that stands in one or more places of a document."""
    first = findings[0]
    passages = [part for item in findings for part in (item["detail"].get("passages") or [item["span"]]) if part]
    return {
        "basis": first["basis"],
        "scope": first["scope"],
        "containment": first["detail"].get("containment"),
        "share": first["detail"].get("share_of_document"),
        "passages": sorted(passages),
    }


def remember_answers(tx: Session, found: Mapping[str, Sequence[tuple[int, Given]]]) -> None:
    """Writes which revisions answers were given chunks of; what was found at an earlier import stays.

    Args:
        tx: The transaction.
        found: What `located` gave.
    """
    edges = []
    for answer_id, given in found.items():
        of_revision: dict[LineageNode, list[tuple[int, Given]]] = defaultdict(list)
        for place, item in given:
            contract, _, doc_id = item.document.partition("/")
            of_revision[lineage.document(contract, doc_id, item.revision_id)].append((place, item))
        edges += [_given_edge(answer_id, node, chunks) for node, chunks in of_revision.items()]
    lineage.add(tx, edges)


def _given_edge(answer_id: str, node: LineageNode, chunks: Sequence[tuple[int, Given]]) -> LineageEdge:
    detail = {
        "chunks": [[place, item.span.start, item.span.end] for place, item in chunks if item.span],
        "depth": max(item.least_depth for _, item in chunks),
    }
    return LineageEdge(subject=lineage.answer(answer_id), object=node, relation=lineage.DERIVED, detail=detail)


def refresh(tx: Session, changed: Iterable[LineageNode]) -> int:
    """Works out the depth of every answer downstream of a change, and has its documents looked at again.

    Args:
        tx: The transaction that wrote the change.
        changed: Answers, or documents at a revision, whose own lineage is new.

    Returns:
        Number of documents that the next run looks at again, because what they repeat is deeper or less deep now.
    """
    answers = _downstream(tx, changed)
    if not answers:
        return 0
    stored = lineage.depths(tx, answers)
    fresh = {name: depth for name, depth in _depths(tx, answers).items() if stored.get(name, depth) != depth}
    lineage.set_depths(tx, fresh)
    repeating = {edge.subject for edge in lineage.children(tx, map(lineage.answer, fresh))}
    by_contract: dict[str, set[str]] = defaultdict(set)
    for node in repeating:
        by_contract[node.contract].add(node.doc_id)
    for contract, doc_ids in by_contract.items():
        documents.look_again(tx, contract, doc_ids=sorted(doc_ids))
    return sum(len(doc_ids) for doc_ids in by_contract.values())


def _downstream(tx: Session, changed: Iterable[LineageNode]) -> set[str]:
    """Returns the answers among some nodes and all that were given what came of them."""
    seen: set[LineageNode] = set()
    fresh = set(changed)
    while fresh:
        seen |= fresh
        fresh = {edge.subject for edge in lineage.children(tx, fresh)} - seen
    return {node.name for node in seen if node.kind == "answer"}


def _depths(tx: Session, answers: set[str]) -> dict[str, int]:
    """Works out the depths of some answers; those of all others count as they are stored."""
    given = lineage.parents(tx, map(lineage.answer, sorted(answers)))
    repeated = lineage.parents(tx, {edge.object for edge in given})
    repeats: list[Repeat] = [repeat_of(edge) for edge in repeated]
    outer = lineage.depths(tx, {item.answer_id for item in repeats} - answers)
    graph = graph_of(repeats, [item for edge in given for item in givens(edge)])
    facts = {
        node: {**known, "least_depth": outer[node.name]} if node.kind is Kind.ANSWER and node.name in outer else known
        for node, known in graph.nodes.items()
    }
    found = depths(type(graph)(nodes=facts, edges=graph.edges))
    return {name: found[node].value for name in answers if (node := Node(Kind.ANSWER, name)) in found}
