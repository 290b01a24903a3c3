"""Where the evidence of golden items stands in one version: read from its documents and chunks, in two passes.

A document that is no longer there is looked for by its words in every other one, so that a file that was renamed
is moved and not gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from index.evidence import Piece, Pin, occurrences, pin
from index.golden import Evidence, GoldenItem

Opened = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens one file of a version by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """What evaluation needs of a version's documents.

    Attributes:
        contents: Every document to the digest of its text.
        texts: Text of the documents that were asked for and are there.
        pieces: Their chunks, by offset.
    """

    contents: Mapping[str, str]
    texts: Mapping[str, str]
    pieces: Mapping[str, tuple[Piece, ...]]

    def place(self, evidence: Evidence, document: str | None = None) -> Pin:
        """Finds one piece of evidence in its document, or in the one named."""
        name = document or evidence.document
        return pin(
            name, self.contents.get(name, ""), self.texts.get(name, ""), evidence.quote, self.pieces.get(name, ())
        )


@dataclass(slots=True)
class _Search:
    """What is still looked for: quotes and digests of whole documents, each to where it was found."""

    quotes: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)


def read_passages(documents: IO[bytes], chunks: IO[bytes], wanted: Collection[str]) -> Passages:
    """Reads documents.parquet and chunks.parquet of a version.

    Args:
        documents: The one file.
        chunks: The other.
        wanted: Documents whose text is needed; those that are not there are passed over.
    """
    contents: dict[str, str] = {}
    texts: dict[str, str] = {}
    for batch in batches.stream_batches(documents, ["doc_id", "content_sha256", "text"]):
        ids = batch.column("doc_id").to_pylist()
        contents.update(zip(ids, (value or "" for value in batch.column("content_sha256").to_pylist()), strict=True))
        for row, doc_id in enumerate(ids):
            if doc_id in wanted:
                texts[doc_id] = batch.column("text")[row].as_py() or ""
    return Passages(contents=contents, texts=texts, pieces=_pieces(chunks, wanted))


def _pieces(chunks: IO[bytes], wanted: Collection[str]) -> dict[str, tuple[Piece, ...]]:
    table = batches.read_table(chunks, ["doc_id", "start", "end", "text_sha256"])
    mine = table.filter(pc.is_in(table["doc_id"], value_set=pa.array(sorted(wanted), pa.string())))
    found: dict[str, list[Piece]] = {}
    for row in mine.to_pylist():
        piece = Piece(start=row["start"], end=row["end"], text_sha256=row["text_sha256"])
        found.setdefault(row["doc_id"], []).append(piece)
    return {doc_id: tuple(sorted(pieces, key=lambda piece: piece.start)) for doc_id, pieces in found.items()}


def pin_items(
    items: Sequence[GoldenItem], bound: Mapping[str, Sequence[Pin]], opened: Opened, more: Iterable[str] = ()
) -> tuple[dict[str, tuple[Pin, ...]], Passages]:
    """Finds the evidence of all items in a version.

    Args:
        items: The items.
        bound: Item id to where its evidence stood when it was bound, for those that are bound.
        opened: Opens `documents` and `chunks` of the version.
        more: Other documents whose text is needed.

    Returns:
        Item id to where each piece of its evidence stands, and the passages.
    """
    wanted = {place.document for item in items for place in item.evidence} | set(more)
    wanted |= {at.document for pins in bound.values() for at in pins}
    passages = _read(opened, wanted)
    found = {item.id: tuple(_stands(passages, item, bound.get(item.id))) for item in items}
    lost = _lost(items, found, bound)
    if lost.quotes or lost.contents:
        _elsewhere(lost, opened)
        moved = {*lost.quotes.values(), *lost.contents.values()} - {""}
        passages = _read(opened, wanted | moved)
        found = {item.id: tuple(_followed(passages, item, found[item.id], bound, lost)) for item in items}
    return found, passages


def _read(opened: Opened, wanted: Collection[str]) -> Passages:
    with opened("documents") as documents, opened("chunks") as chunks:
        return read_passages(documents, chunks, wanted)


def _stands(passages: Passages, item: GoldenItem, bound: Sequence[Pin] | None) -> Iterable[Pin]:
    """Yields where evidence stands: in the document it was bound to, which a rename may have made another one."""
    for number, evidence in enumerate(item.evidence):
        own = passages.place(evidence)
        where = bound[number].document if bound and number < len(bound) else evidence.document
        yield own if own.stands or where == evidence.document else passages.place(evidence, where)


def _lost(
    items: Sequence[GoldenItem], found: Mapping[str, Sequence[Pin]], bound: Mapping[str, Sequence[Pin]]
) -> _Search:
    """Returns what is looked for elsewhere: evidence of documents that are not there."""
    search = _Search()
    for item in items:
        for number, (evidence, at) in enumerate(zip(item.evidence, found[item.id], strict=True)):
            if at.content_sha256:
                continue
            if evidence.quote.strip():
                search.quotes[evidence.quote] = ""
            elif item.id in bound:
                search.contents[bound[item.id][number].content_sha256] = ""
    return search


def _elsewhere(search: _Search, opened: Opened) -> None:
    """Notes for each thing that is looked for the first document by id that holds it."""
    quotes = {quote for quote, place in search.quotes.items() if not place}
    with opened("documents") as documents:
        for batch in batches.stream_batches(documents, ["doc_id", "content_sha256", "text"]):
            for row in batch.to_pylist():
                if search.contents.get(row["content_sha256"]) == "":
                    search.contents[row["content_sha256"]] = row["doc_id"]
                here = {quote for quote in quotes if occurrences(row["text"] or "", quote)}
                search.quotes.update(dict.fromkeys(here, row["doc_id"]))
                quotes -= here


def _followed(
    passages: Passages, item: GoldenItem, found: Sequence[Pin], bound: Mapping[str, Sequence[Pin]], search: _Search
) -> Iterable[Pin]:
    for number, (evidence, at) in enumerate(zip(item.evidence, found, strict=True)):
        if at.content_sha256:
            yield at
            continue
        if evidence.quote.strip():
            other = search.quotes.get(evidence.quote, "")
        else:
            other = search.contents.get(bound[item.id][number].content_sha256, "") if item.id in bound else ""
        yield passages.place(evidence, other) if other else replace(at, content_sha256="")
