"""From edges as the catalog keeps them to what the graph of lineage is made of."""

from __future__ import annotations

from collections.abc import Iterator

from corpus.catalog.lineage_records import LineageEdge
from corpus.catalog.records import AnswerRecord
from corpus.types import Basis, Scope, Span
from provenance.lineage import Given, Repeat


def repeat_of(edge: LineageEdge) -> Repeat:
    """Reads an edge from a document to an answer."""
    return Repeat(
        document=edge.subject.name,
        revision_id=edge.subject.revision_id,
        answer_id=edge.object.name,
        basis=Basis(edge.detail["basis"]),
        scope=Scope(edge.detail["scope"]),
        passages=tuple(Span(start=start, end=end) for start, end in edge.detail["passages"]),
        containment=edge.detail.get("containment"),
    )


def givens(edge: LineageEdge, answer: AnswerRecord | None = None) -> Iterator[Given]:
    """Reads an edge from an answer to a document, one chunk after the other.

    Args:
        edge: The edge.
        answer: The answer, from which chunks have their names; without it they go by their places.
    """
    names = answer.retrieved if answer else ()
    for place, start, end in edge.detail["chunks"]:
        chunk_id = str(names[place]) if place < len(names) else f"{place}"
        yield Given(
            answer_id=edge.subject.name,
            chunk_id=chunk_id,
            document=edge.object.name,
            revision_id=edge.object.revision_id,
            span=Span(start=start, end=end),
            cited=answer is not None and chunk_id in answer.cited,
            least_depth=edge.detail["depth"],
        )
