"""The vector space behind a model name, and what a family of embedders can do with one.

This module knows no model and no file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from corpus.seams import Embedder

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The vector space that a model name stands for.

    Attributes:
        model: The name it was asked for by; not part of the fingerprint.
        fingerprint: Identity of the space.
        parts: What the fingerprint is made of.
        dimension: Numbers per vector.
        max_tokens: Tokens that the model reads, special ones included; 0 for no limit.
    """

    model: str
    fingerprint: str
    parts: Mapping[str, Any]
    dimension: int
    max_tokens: int


class OfSpace:
    """The half of an embedder that says which space it embeds into.

    Args:
        space: What describing the model found.
    """

    def __init__(self, space: Space) -> None:
        self._space = space

    @property
    def fingerprint(self) -> str:
        """Identity of the space."""
        return self._space.fingerprint

    @property
    def parts(self) -> Mapping[str, Any]:
        """What the fingerprint is made of."""
        return self._space.parts

    @property
    def model(self) -> str:
        """The name it was asked for by."""
        return self._space.model

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self._space.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, special ones included; 0 where a text of any length is read whole."""
        return self._space.max_tokens


class Family(Protocol):
    """What is registered: describes and loads the embedders of one kind."""

    def describe(self, model: str) -> Space:
        """Says which space a name stands for, without loading the model."""
        ...

    def load(self, space: Space, precision: Precision, *, compiled: bool) -> Embedder:
        """Loads the model of a described space."""
        ...
