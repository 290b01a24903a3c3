"""The one loop in which texts go through a model: paced, counted, and saved as it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from corpus.seams import Embedder, Vectors
from corpus.storage import Store
from ingestion import checkpoints
from ingestion.checkpoints import Unsaved
from ingestion.pacing import UNPACED, Pace
from ingestion.progress import NO_PROGRESS, Progress


@dataclass(slots=True)
class Cost:
    """What the model did.

    Attributes:
        texts: Texts that went through it.
        tokens: Tokens in those.
        seconds: Its time on the clock, without waiting for the pace.
    """

    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Keep:
    """Where vectors are saved on the way, so that a kill costs little.

    Attributes:
        store: The home.
        space: The model's fingerprint.
        segment_id: The segment.
    """

    store: Store
    space: str
    segment_id: str
    _unsaved: Unsaved = field(default_factory=Unsaved)
    _last: float = field(default_factory=time.monotonic)

    def add(self, digests: list[str], vectors: Vectors) -> None:
        """Notes one batch."""
        self._unsaved.add(digests, vectors)

    def save_if_due(self) -> None:
        """Writes a part when the last is `checkpoints.SECONDS` old."""
        if time.monotonic() - self._last >= checkpoints.SECONDS:
            self.save()

    def save(self) -> None:
        """Writes a part."""
        checkpoints.save(self.store, self.space, self.segment_id, self._unsaved)
        self._last = time.monotonic()


def embed_missing(
    embedder: Embedder,
    missing: Mapping[str, tuple[str, int]],
    progress: Progress = NO_PROGRESS,
    *,
    pace: Pace = UNPACED,
    cost: Cost | None = None,
    keep: Keep | None = None,
) -> dict[str, Vectors]:
    """Embeds texts in batches.

    Args:
        embedder: The model.
        missing: Digest to text and its tokens.
        progress: Told about each text.
        pace: Says when the next batch may start.
        cost: Counts what is done.
        keep: Saves vectors on the way, also when the model fails at a later batch; None saves nothing.

    Returns:
        Digest to vector.
    """
    made: dict[str, Vectors] = {}
    spent = cost or Cost()
    progress.start("embedding", len(missing))
    try:
        for batch in pace.batches(list(missing), [tokens for _, tokens in missing.values()]):
            began = time.perf_counter()
            vectors = embedder.embed([missing[digest][0] for digest in batch])
            spent.seconds += time.perf_counter() - began
            spent.texts += len(batch)
            spent.tokens += sum(missing[digest][1] for digest in batch)
            made.update(zip(batch, vectors, strict=True))
            if keep is not None:
                keep.add(batch, vectors)
                if len(made) < len(missing):  # the last part would be the file itself
                    keep.save_if_due()
            progress.advance(len(batch))
    except BaseException:  # an interrupt too: what the model has done is not done again
        if keep is not None:
            keep.save()
        raise
    progress.done()
    return made
