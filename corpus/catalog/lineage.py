"""Edges of lineage: what a document was derived from, and what an answer had retrieved; walked both ways.

Only what no other table can say quickly is kept here: which answers a revision repeats, and which revisions an
answer was given. Versions of a document, who served an answer and in which run a document was decided
are read from the tables that have them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.orm import Session, aliased

from corpus.catalog import rows
from corpus.catalog.lineage_records import LineageEdge, LineageNode
from corpus.catalog.tables import (
    AnswerRow,
    DecisionRow,
    DocumentRow,
    LineageEdgeRow,
    LineageNodeRow,
    RevisionRow,
)

DERIVED = "wasDerivedFrom"
"""Name of the relation in PROV."""

_KEY = ("kind", "name", "revision_id")
_AT_ONCE = 1_000
"""Edges written at once."""
_SUBJECT = aliased(LineageNodeRow)
_OBJECT = aliased(LineageNodeRow)


def document(contract: str, doc_id: str, revision_id: str) -> LineageNode:
    """Returns the node of a document at one revision."""
    return LineageNode(kind="document", name=f"{contract}/{doc_id}", revision_id=revision_id)


def answer(answer_id: str) -> LineageNode:
    """Returns the node of an answer."""
    return LineageNode(kind="answer", name=answer_id)


def add(tx: Session, edges: Iterable[LineageEdge]) -> None:
    """Keeps edges; one that is there already gets the new detail."""
    for batch in rows.chunks(edges, _AT_ONCE):
        ends = [end for edge in batch for end in (edge.subject, edge.object)]
        rows.insert(tx, LineageNodeRow, [rows.values(node) for node in sorted(set(ends))], key=_KEY)
        numbers = _numbers(tx, ends)
        written = [_row(edge, numbers) for edge in batch]
        written.sort(key=lambda row: (row["subject"], row["object"]))
        rows.insert(tx, LineageEdgeRow, written, key=("subject", "object", "relation"), update=("detail", "run_id"))


def replace(tx: Session, subjects: Iterable[LineageNode], edges: Sequence[LineageEdge]) -> None:
    """Writes the edges that lead from some nodes in place of those that did; nodes without any now lose theirs."""
    numbers = _numbers(tx, subjects)
    for batch in rows.chunks(sorted(numbers.values())):
        tx.execute(delete(LineageEdgeRow).where(LineageEdgeRow.subject.in_(batch)))
    add(tx, edges)


def forget(tx: Session, nodes: Iterable[LineageNode]) -> None:
    """Removes nodes and every edge from and to them: an answer that was erased, a document that is."""
    for batch in rows.chunks(sorted(_numbers(tx, nodes).values())):
        tx.execute(delete(LineageNodeRow).where(LineageNodeRow.id.in_(batch)))


def parents(tx: Session, nodes: Iterable[LineageNode]) -> tuple[LineageEdge, ...]:
    """Returns the edges that lead from some nodes: what these were derived from, sorted by both ends."""
    return _edges(tx, nodes, LineageEdgeRow.subject)


def children(tx: Session, nodes: Iterable[LineageNode]) -> tuple[LineageEdge, ...]:
    """Returns the edges that lead to some nodes: what was derived from these, sorted by both ends."""
    return _edges(tx, nodes, LineageEdgeRow.object)


def of_kind(tx: Session, kind: str) -> Iterator[LineageEdge]:
    """Yields every edge that leads from a node of one kind, in no order."""
    return map(_edge, tx.execute(_all().where(_SUBJECT.kind == kind).execution_options(yield_per=rows.WRITE_BATCH)))


def written_by(tx: Session, run_id: str) -> tuple[LineageNode, ...]:
    """Returns the documents whose edges a run wrote, sorted."""
    statement = (
        select(*rows.columns(LineageNodeRow, LineageNode))
        .join(LineageEdgeRow, LineageEdgeRow.subject == LineageNodeRow.id)
        .where(LineageEdgeRow.run_id == run_id)
        .distinct()
    )
    return tuple(sorted(rows.read(tx, LineageNode, statement)))


def decided(tx: Session, nodes: Iterable[LineageNode]) -> dict[LineageNode, dict[str, Any]]:
    """Returns what was decided last about documents at a revision, findings and reasons left out.

    Returns:
        Node to `run_id`, `outcome`, `actor`, `decided_at`, `digital_source_type` and `origin_basis`; nodes about which
        nothing was decided are left out.
    """
    told = ("run_id", "outcome", "actor", "decided_at", "digital_source_type", "origin_basis")
    columns: list[Any] = [getattr(DecisionRow, name) for name in ("contract", "doc_id", "revision_id", *told)]
    statement = select(*columns).order_by(DecisionRow.id)
    wanted = set(nodes)
    found: dict[LineageNode, dict[str, Any]] = {}
    for contract, batch in _by_contract(wanted):
        for row in tx.execute(statement.where(DecisionRow.contract == contract, DecisionRow.doc_id.in_(batch))):
            node = document(row.contract, row.doc_id, row.revision_id)
            if node in wanted:
                found[node] = {name: getattr(row, name) for name in told}
    return found


def revisions(tx: Session, nodes: Iterable[LineageNode]) -> dict[str, list[tuple[str, str]]]:
    """Returns, by `CONTRACT/DOCUMENT`, the revisions that were ever served and the run of each, oldest first."""
    statement = select(RevisionRow.contract, RevisionRow.doc_id, RevisionRow.revision_id, RevisionRow.run_id)
    found: dict[str, list[tuple[str, str]]] = {}
    for contract, batch in _by_contract(nodes):
        wanted = statement.where(RevisionRow.contract == contract, RevisionRow.doc_id.in_(batch))
        for row in tx.execute(wanted.order_by(RevisionRow.activated_at, RevisionRow.run_id)):
            known = found.setdefault(f"{row.contract}/{row.doc_id}", [])
            if row.revision_id not in [revision_id for revision_id, _ in known]:
                known.append((row.revision_id, row.run_id))
    return found


def standing(tx: Session, nodes: Iterable[LineageNode]) -> dict[str, dict[str, Any]]:
    """Returns, by `CONTRACT/DOCUMENT`, what its source says now: `state`, `revision_id`, `run_id` and `updated_at`."""
    told = ("state", "revision_id", "run_id", "updated_at")
    columns: list[Any] = [getattr(DocumentRow, name) for name in ("contract", "doc_id", *told)]
    found: dict[str, dict[str, Any]] = {}
    for contract, batch in _by_contract(nodes):
        wanted = select(*columns).where(DocumentRow.contract == contract, DocumentRow.doc_id.in_(batch))
        for row in tx.execute(wanted):
            found[f"{row.contract}/{row.doc_id}"] = {name: getattr(row, name) for name in told}
    return found


def of_contract(tx: Session, contract: str) -> tuple[LineageNode, ...]:
    """Returns the documents of a contract that lineage knows, at every revision, sorted."""
    statement = select(*rows.columns(LineageNodeRow, LineageNode)).where(LineageNodeRow.kind == "document")
    # "0" is the character behind "/": a range, so that the index on names is used.
    named = statement.where(LineageNodeRow.name >= f"{contract}/", LineageNodeRow.name < f"{contract}0")
    return tuple(sorted(rows.read(tx, LineageNode, named)))


def depths(tx: Session, answer_ids: Iterable[str]) -> dict[str, int]:
    """Returns the greatest generation depth of what each answer retrieved; unknown answers are left out."""
    statement = select(AnswerRow.answer_id, AnswerRow.depth)
    return {
        row.answer_id: row.depth
        for batch in rows.chunks(dict.fromkeys(answer_ids))
        for row in tx.execute(statement.where(AnswerRow.answer_id.in_(batch)))
    }


def set_depths(tx: Session, found: Mapping[str, int]) -> None:
    """Notes the greatest generation depth of what answers retrieved."""
    # In one order everywhere, so that two runs wait for each other and do not block.
    values = [{"id_": answer_id, "depth_": found[answer_id]} for answer_id in sorted(found)]
    table = AnswerRow.__table__
    change = update(AnswerRow).where(table.c.answer_id == bindparam("id_")).values(depth=bindparam("depth_"))
    if values:
        tx.connection().execute(change, values)


def _all() -> Select[Any]:
    subject = [column.label(f"subject_{column.key}") for column in (_SUBJECT.kind, _SUBJECT.name, _SUBJECT.revision_id)]
    object_ = [column.label(f"object_{column.key}") for column in (_OBJECT.kind, _OBJECT.name, _OBJECT.revision_id)]
    own = (LineageEdgeRow.relation, LineageEdgeRow.detail, LineageEdgeRow.run_id)
    columns: list[Any] = [*subject, *object_, *own]
    joined = select(*columns).join(_SUBJECT, _SUBJECT.id == LineageEdgeRow.subject)
    return joined.join(_OBJECT, _OBJECT.id == LineageEdgeRow.object)


def _edges(tx: Session, nodes: Iterable[LineageNode], column: Any) -> tuple[LineageEdge, ...]:
    numbers = sorted(_numbers(tx, nodes).values())
    found = [_edge(row) for batch in rows.chunks(numbers) for row in tx.execute(_all().where(column.in_(batch)))]
    return tuple(sorted(found, key=lambda edge: (edge.subject, edge.object, edge.relation)))


def _edge(row: Any) -> LineageEdge:
    ends = {
        side: LineageNode(**{name: getattr(row, f"{side}_{name}") for name in _KEY}) for side in ("subject", "object")
    }
    return LineageEdge(**ends, relation=row.relation, detail=row.detail, run_id=row.run_id)


def _row(edge: LineageEdge, numbers: Mapping[LineageNode, int]) -> dict[str, Any]:
    return {
        "subject": numbers[edge.subject],
        "object": numbers[edge.object],
        "relation": edge.relation,
        "detail": dict(edge.detail),
        "run_id": edge.run_id,
    }


def _numbers(tx: Session, nodes: Iterable[LineageNode]) -> dict[LineageNode, int]:
    statement = select(*rows.columns(LineageNodeRow, LineageNode), LineageNodeRow.id)
    # By name and then in memory: SQLite reads the whole table for an IN list of rows.
    by_kind: dict[str, set[LineageNode]] = defaultdict(set)
    for node in nodes:
        by_kind[node.kind].add(node)
    found: dict[LineageNode, int] = {}
    for kind, wanted in by_kind.items():
        here = statement.where(LineageNodeRow.kind == kind)
        for batch in rows.chunks(sorted({node.name for node in wanted})):
            for row in tx.execute(here.where(LineageNodeRow.name.in_(batch))):
                node = LineageNode(kind=row.kind, name=row.name, revision_id=row.revision_id)
                if node in wanted:
                    found[node] = row.id
    return found


def _by_contract(nodes: Iterable[LineageNode]) -> Iterator[tuple[str, list[str]]]:
    """Yields documents by contract, in lists short enough for a statement."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        found[node.contract].add(node.doc_id)
    for contract, doc_ids in found.items():
        for batch in rows.chunks(sorted(doc_ids)):
            yield contract, batch
