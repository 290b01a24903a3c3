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


class Family(Protocol):
    """What is registered: describes and loads the embedders of one kind."""

    def describe(self, model: str) -> Space:
        """Says which space a name stands for, without loading the model."""
        ...

    def load(self, space: Space, precision: Precision, *, compiled: bool) -> Embedder:
        """Loads the model of a described space."""
        ...
