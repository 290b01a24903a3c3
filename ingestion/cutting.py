"""Cuts the admitted documents of a shard; one that cannot be cut is rejected with a reason, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corpus import batches
from corpus.errors import ParseError
from corpus.seams import Chunker
from corpus.types import Chunk, ParsedDocument
from ingestion.chunkers.cut import chunks_of
from ingestion.examine import OVERRAN, Tools, limited_key
from ingestion.judge import judge_unparsed
from ingestion.suspects import Attempt, given_up

FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a chunker raises where it has a fault: of its document, as far as anybody can tell."""
MARKED_AT_ONCE = 64
"""Documents under one mark: a write each would cost more than cutting them."""

Row = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Knife:
    """Cuts documents, each within reach of the guard against those that end the task.

    Attributes:
        chunker: Cuts a text.
        attempt: Takes the marks of what is in hand.
        deadly: Documents that were given up, by id.
        refused: Documents that could not be cut, to the reason.
        owners: Digest of a chunk's text to the documents that it is of.
    """

    chunker: Chunker
    attempt: Attempt
    deadly: Collection[str] = ()
    refused: dict[str, ParseError] = field(default_factory=dict)
    owners: dict[str, list[str]] = field(default_factory=dict)

    def cut(
        self, rows: Sequence[Row], document_of: Callable[[Row], ParsedDocument]
    ) -> Iterator[tuple[Row, tuple[Chunk, ...]]]:
        """Yields documents with their chunks, in order; those that cannot be cut are left out, and in `refused`."""
        for lot in batches.batched(rows, MARKED_AT_ONCE):
            self.attempt.cutting(row["doc_id"] for row in lot)
            for row in lot:
                try:
                    chunks = self.chunks(row["doc_id"], row["revision_id"], document_of(row))
                except ParseError as error:
                    self.refused[row["doc_id"]] = error
                else:
                    yield row, chunks

    def chunks(self, doc_id: str, revision_id: str, document: ParsedDocument) -> tuple[Chunk, ...]:
        """Cuts one document.

        Raises:
            ParseError: It was given up, or the chunker has a fault.
        """
        if doc_id in self.deadly:
            raise given_up("Cutting or embedding")
        try:
            chunks = chunks_of(doc_id, revision_id, document, self.chunker)
        except FAULTS as error:
            raise ParseError(
                f"The chunker {type(self.chunker).__name__} has a fault: {type(error).__name__}: {error}"[:500]
                + ". Report it to whoever made it.",
                code="crash",
            ) from error
        for chunk in chunks:
            self.owners.setdefault(chunk.text_sha256, []).append(doc_id)
        return chunks

    def judged(self, row: Row, tools: Tools) -> Row:
        """Returns an assessed row as it is after cutting."""
        error = self.refused.get(row["doc_id"])
        return row if error is None else rejected(row, error, tools)


def rejected(row: Row, error: ParseError, tools: Tools) -> Row:
    """Returns an assessed row whose document is rejected; under other limits it is judged again."""
    decision = judge_unparsed(error)
    return {
        **row,
        "outcome": decision.outcome.value,
        "actor": decision.actor,
        "reasons": batches.dumps([*batches.loads(row["reasons"]), *map(batches.reason_json, decision.reasons)]),
        "state_key": limited_key(tools, row["state_key"]) if error.code in OVERRAN else row["state_key"],
    }
