"""A second real space that costs nothing to load: the first half of wordllama's numbers, for which it was trained too.

Wordllama's table is a Matryoshka model: its first 128 numbers are a model of their own. Each text that goes through
is written to a file, so that a test can count over processes that were killed what was embedded, and how often.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.build import EMBEDDERS as KNOWN
from contracts.build import THIS_BUILD, Model
from corpus.ids import text_digest
from corpus.seams import Vectors
from index.canaries import CANARY_TEXTS
from index.embedders.registry import EMBEDDERS
from index.embedders.rows import embed_once
from index.embedders.space import OfSpace, Precision, Space
from index.embedders.static import FAMILY as WHOLE
from index.embedders.static import StaticEmbedder
from index.fingerprint import embedder_fingerprint

if TYPE_CHECKING:
    from laws.handbook import Project

NAME = "wordllama-128"
LOG = "HALF_MODEL_LOG"
_CANARIES = frozenset(CANARY_TEXTS)


class HalfModel(OfSpace):
    """Embeds with the whole table and keeps the first half."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        whole = WHOLE.load(WHOLE.describe("wordllama-256"), "auto", compiled=False)
        assert isinstance(whole, StaticEmbedder)
        self._whole = whole
        self.runtime = whole.runtime

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = embed_once(texts, self.dimension, lambda distinct: self._whole.embed(distinct)[:, : self.dimension])
        _note([text for text in texts if text not in _CANARIES])
        return rows


class _Half:
    def describe(self, model: str) -> Space:
        whole = WHOLE.describe("wordllama-256")
        parts = {**whole.parts, "dimension": 128, "truncated": True}
        return Space(model=model, fingerprint=embedder_fingerprint(parts), parts=parts, dimension=128, max_tokens=0)

    def load(self, space: Space, precision: Precision, *, compiled: bool) -> HalfModel:
        return HalfModel(space)


FAMILY = _Half()


def _note(texts: Sequence[str]) -> None:
    if texts and (log := os.environ.get(LOG)):
        with Path(log).open("a") as handle:
            handle.write("".join(f"{text_digest(text)}\n" for text in texts))


def install() -> None:
    """Makes the name known to this process, as a distribution that brings the model would."""
    EMBEDDERS.table[NAME] = "laws.half_model:FAMILY"  # type: ignore[index]
    known = {**KNOWN, NAME: Model(dimension=128, max_tokens=0)}
    object.__setattr__(THIS_BUILD, "embedders", known)


def declare(project: Project, version: str) -> None:
    """Edits the contract of a project to name this model."""
    project.declare("wordllama-256", version)
    text = project.contract_path.read_text()
    project.contract_path.write_text(text.replace("wordllama-256", NAME).replace("dimensions: 256", "dimensions: 128"))


def embedded(log: Path) -> list[str]:
    """Returns the digests of the texts that went through, in order, each as often as it did."""
    return log.read_text().split() if log.exists() else []
