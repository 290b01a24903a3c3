"""The six seams: one Protocol each, one verb each, and a fingerprint.

Where someone wants another way to list, parse, cut, score, detect or embed, they implement one of
these and register it (`corpus.plugins`). Options are given to the constructor and are part of the
fingerprint. No implementation gets a store, a session or a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from corpus.types import Block, Finding, ParsedDocument, RawBlob, Score, SourceRef, Span

Vectors = npt.NDArray[np.float32]


class Source(Protocol):
    """Lists documents and reads their bytes.

    `read` is the second half of the one verb "acquire": listing without it is of no use.
    """

    @property
    def fingerprint(self) -> str:
        """Digest of the options that change what is listed."""
        ...

    def list(self) -> Iterator[SourceRef]:
        """Yields every document, sorted by path.

        One with the `stamp` of its last reading is not read again.

        Raises:
            SourceUnavailable: The place cannot be listed completely. A partial listing is never
                returned as if it were whole.
        """
        ...

    def read(self, ref: SourceRef) -> RawBlob:
        """Reads one document at a stable revision.

        Raises:
            TornRead: The bytes changed while they were read.
            SourceGone: The document is no longer there.
            SourceUnavailable: The place did not answer.
        """
        ...


class Parser(Protocol):
    """Turns bytes into text with structure."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        ...

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document.

        Args:
            blob: The bytes.
            media_type: What they are, already sniffed.

        Raises:
            ParseError: No text can be had; its `code` says why.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a chunker cuts: a place, the headings above it and its size in tokens."""

    span: Span
    headings: tuple[str, ...]
    token_count: int


class Chunker(Protocol):
    """Cuts a text into pieces."""

    @property
    def fingerprint(self) -> str:
        """Digest of tokenizer, sizes and boundary rules."""
        ...

    def chunk(self, text: str, blocks: Sequence[Block]) -> tuple[Piece, ...]:
        """Cuts `text` into pieces, in order; every non-blank character is in at least one."""
        ...


class Scorer(Protocol):
    """Scores the quality of one text."""

    @property
    def fingerprint(self) -> str:
        """Digest of version and thresholds."""
        ...

    def score(self, document: ParsedDocument) -> Score:
        """Returns the score; never raises for any text."""
        ...


class Detector(Protocol):
    """Finds evidence about one document."""

    @property
    def fingerprint(self) -> str:
        """Digest of version, patterns and thresholds."""
        ...

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:
        """Returns the evidence found, in order of place; never raises for any document."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors of one space."""

    @property
    def fingerprint(self) -> str:
        """Digest of weights, tokenizer and every parameter that changes a vector (the space)."""
        ...

    @property
    def parts(self) -> Mapping[str, Any]:
        """What the fingerprint is made of, by name."""
        ...

    @property
    def model(self) -> str:
        """The name it was asked for by; not part of the fingerprint."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of its own tokenizer that it reads, special tokens included; 0 for no limit."""
        ...

    @property
    def runtime(self) -> Mapping[str, str]:
        """Backend, element type, library versions, CPU features: recorded, not part of the space."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts.

        Args:
            texts: Any number of texts, in any order and of any length.

        Returns:
            Array of shape `(len(texts), dimension)`, float32, rows of unit length.

        Raises:
            IntegrityError: A row came out as zero, NaN or not of unit length.
        """
        ...
