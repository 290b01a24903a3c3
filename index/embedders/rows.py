"""What every embedder does around its model: each text once, similar lengths together, checked rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from corpus.errors import IntegrityError
from corpus.seams import Vectors

# A row that the model gave with a length outside this range did not come out of a sound model:
# bf16 weights give norms of .997 to 1.004 before renormalisation (measured 2026).
_SMALLEST_NORM = 1e-6


def embed_once(texts: Sequence[str], dimension: int, embed: Callable[[list[str]], Vectors]) -> Vectors:
    """Embeds each distinct text once and returns unit rows for all.

    Args:
        texts: Any texts; equal ones get equal rows.
        dimension: Numbers per vector.
        embed: Gives vectors of shape `(len(texts), dimension)` for distinct texts.

    Returns:
        Array of shape `(len(texts), dimension)`, float32, rows of unit length.

    Raises:
        IntegrityError: A row is zero, not finite, or of another dimension.
    """
    if not texts:
        return np.empty((0, dimension), dtype=np.float32)
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    distinct = list(places)
    rows = unit_rows(embed([speakable(text) for text in distinct]), distinct)
    if rows.shape != (len(distinct), dimension):
        raise IntegrityError(
            f"the embedding model gave vectors of shape {rows.shape} for {len(distinct)} texts, but its files say "
            f"dimension {dimension}. Nothing may be stored: install the model again."
        )
    if len(distinct) == len(texts):
        return rows
    return rows[[places[text] for text in texts]]


def unit_rows(rows: Vectors, texts: Sequence[str]) -> Vectors:
    """Scales rows to unit length in float32.

    Args:
        rows: Array of shape `(len(texts), dimension)`.
        texts: The texts of the rows, for the message.

    Raises:
        IntegrityError: A row is zero or not finite: no direction, so no neighbour, and a store that
            took it would serve it for nothing or for everything.
    """
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(norms[:, 0]) & (norms[:, 0] > _SMALLEST_NORM)))
    if len(bad):
        place = int(bad[0])
        raise IntegrityError(
            f"the embedding model gave a vector of length {float(norms[place, 0])} for {len(bad)} of {len(rows)} "
            f"texts, first for {texts[place][:60]!r}. Nothing may be stored for it: leave the text out, or check "
            "the model with its canaries."
        )
    scaled: Vectors = rows / norms
    return scaled


def speakable(text: str) -> str:
    """Returns the text with lone surrogates, which UTF-8 and tokenizers cannot say, as `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def by_length(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Yields batches of positions, longest first, so that padding costs next to nothing.

    Args:
        lengths: Tokens of each text.
        tokens_per_batch: Upper limit of (texts in a batch) x (longest of them), except for one text
            that is longer alone.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    start = 0
    while start < len(order):
        size = max(1, tokens_per_batch // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
