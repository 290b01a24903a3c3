"""Passages that stand against evidence: the same sentence but for a number, a negation or a duty, and near copies.

Looked for among the hits of the question, which are what a reader would be given, and in documents that the catalog
knows to contradict or to supersede that of the evidence. Nothing here asks a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from corpus.catalog.records import RelationRecord
from index.evidence import Pin, Rival, reworded, shared
from index.golden import GoldenItem
from ingestion.evidence import Passages
from ingestion.relations.codes import CONFLICT, SUPERSEDED
from ingestion.relations.conflicts import contradictions

KINDS = (CONFLICT, SUPERSEDED)
"""Relations of the catalog that may stand against evidence."""

_AROUND = 600
"""Characters on either side of a quote that are read with it, so that its first and last sentence are whole."""
_ALIKE = 0.2
"""Share of a quote's three-word groups below which no sentence of a passage can be its counterpart: it saves time."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that may stand against evidence, and its document."""

    document: str
    text: str


def related(relations: Sequence[RelationRecord]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Returns for each document the others that may stand against it, with the kind of relation, sorted.

    A conflict holds both ways; a document that is superseded has its successor against it.
    """
    found: dict[str, set[tuple[str, str]]] = {}
    for relation in relations:
        if relation.kind in KINDS:
            found.setdefault(relation.doc_id, set()).add((relation.other_id, relation.kind))
        if relation.kind == CONFLICT:
            found.setdefault(relation.other_id, set()).add((relation.doc_id, relation.kind))
    return {doc_id: tuple(sorted(others)) for doc_id, others in found.items()}


def rivals_of(
    item: GoldenItem,
    pins: Sequence[Pin],
    hits: Sequence[Passage],
    passages: Passages,
    against: Mapping[str, Collection[tuple[str, str]]],
) -> tuple[Rival, ...]:
    """Returns what stands against the evidence of an item, sorted, each document and kind once.

    Args:
        item: The item.
        pins: Where its evidence stands.
        hits: What its question finds.
        passages: The version's documents.
        against: What `related` returned.
    """
    own = {at.document for at in pins}
    found: set[tuple[str, str]] = set()
    for evidence, at in zip(item.evidence, pins, strict=True):
        if evidence.quote.strip() and at.stands:
            others = [hit for hit in hits if hit.document not in own]
            found.update(_against(evidence.quote, at, passages.texts[at.document], others))
        found.update(_known(evidence.quote, at, passages, against.get(at.document, ()), own))
    return tuple(
        Rival(document=document, kind=kind, content_sha256=passages.contents[document])
        for document, kind in sorted(found)
    )


def _against(quote: str, at: Pin, text: str, others: Sequence[Passage]) -> Iterator[tuple[str, str]]:
    for other in others:
        if shared(quote, other.text) < _ALIKE:
            continue
        kinds = set(_contradicted(at, text, other.text))
        if not kinds and reworded(quote, other.text):
            kinds = {"rewording"}
        yield from ((other.document, kind) for kind in kinds)


def _contradicted(at: Pin, text: str, other: str) -> Iterator[str]:
    """Yields how sentences that a quote reaches into differ from their counterparts."""
    for place in at.places[:1]:
        first = max(0, place.start - _AROUND)
        window = text[first : place.end + _AROUND]
        for item in contradictions(window, other):
            if item.ours.start + first < place.end and place.start < item.ours.end + first:
                yield item.kind


def _known(
    quote: str, at: Pin, passages: Passages, against: Collection[tuple[str, str]], own: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yields what the catalog knows; a conflict counts where it touches the quote, or the document is the evidence."""
    for other, kind in against:
        if other in own or other not in passages.contents:
            continue
        touched = not quote.strip() or kind != CONFLICT
        if touched or any(_contradicted(at, passages.texts.get(at.document, ""), passages.texts.get(other, ""))):
            yield other, kind
