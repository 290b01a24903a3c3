"""Contracts on their way into another space: new documents go to both, and the model's speed is noted.

What cannot be embedded in the second space is left to the re-embed, which looks for segments without vectors
before it cuts over: trouble with a model that does not serve yet stops no ingest.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from corpus.catalog import embedders, reembeds, segments
from corpus.catalog.records import EmbedderRecord, VersionRecord
from corpus.catalog.reembeds import RateRecord, ReembedRecord
from corpus.errors import StemmaError
from corpus.types import utc_now
from index.reembed import blend
from ingestion.embedding import Embedded, describe, embed_segment, open_embedder
from ingestion.pacing import UNPACED, Pace
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime

ALIASES: Mapping[str, str] = {"cutover": "live", "shadow": "shadow"}
"""Mode of a re-embed to the alias that it moves."""

_FEWEST_TEXTS = 32
"""With fewer the first call of a model, which is slow, would be most of what is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlsoEmbedded:
    """What a segment got in other spaces than the one that its contract writes.

    Attributes:
        done: Space and vectors.
        left: Spaces in which it has none yet.
    """

    done: tuple[tuple[EmbedderRecord, Embedded], ...] = ()
    left: int = 0

    def commit(self, tx: Session) -> None:
        """Refers to the vectors; the segment is in the catalog."""
        for space, vectors in self.done:
            embedders.register(tx, space)
            segments.add_vectors(tx, vectors.record)
            note_rate(tx, vectors)

    def figures(self) -> dict[str, int]:
        """Returns what a receipt says of it, as far as there is anything."""
        found = {"also_embedded": sum(vectors.texts for _, vectors in self.done), "left_to_reembed": self.left}
        return {name: number for name, number in found.items() if number}


def also_embed(
    runtime: Runtime,
    contract: str,
    segment_id: str,
    written: EmbedderRecord,
    progress: Progress = NO_PROGRESS,
    pace: Pace = UNPACED,
) -> AlsoEmbedded:
    """Embeds a new segment in every space that its contract is on its way into.

    Args:
        runtime: The project.
        contract: Name of the contract.
        segment_id: A segment whose chunks are published.
        written: The space that it is in already.
        progress: Told about each text embedded.
        pace: Says when the next texts may be embedded.
    """
    with runtime.catalog.reading() as tx:
        moving = [item for item in reembeds.running(tx, contract) if item.embedder_fingerprint != written.fingerprint]
    done = []
    for item in moving:
        try:
            space = space_of(runtime, item)
            embedder = open_embedder(runtime, space)
            done.append((space, embed_segment(runtime, embedder, segment_id, progress, pace=pace)))
        except StemmaError:
            continue
    return AlsoEmbedded(done=tuple(done), left=len(moving) - len(done))


def space_of(runtime: Runtime, moving: ReembedRecord) -> EmbedderRecord:
    """Returns the space that a re-embed leads into, as its model stands now.

    Raises:
        ConfigurationError: The model is gone.
        FingerprintMismatch: The model changed behind its name.
    """
    return describe(runtime, moving.model, moving.revision or None)


def arrived(runtime: Runtime, version: VersionRecord, alias: str) -> None:
    """Ends the re-embed that leads to what an alias serves now: new documents go to one space again.

    Called after each move of an alias, and where one is there already, so that a re-embed whose version waited for
    approval ends when the version is promoted, and one that was killed behind the move ends when it is run again.

    Args:
        runtime: The project.
        version: The version that the alias points to.
        alias: The alias.
    """
    with runtime.catalog.reading() as tx:
        moving = reembeds.get(tx, version.contract, version.embedder_fingerprint)
    if moving is None or moving.state != "running" or ALIASES[moving.mode] != alias:
        return
    with runtime.catalog.transaction() as tx:
        reembeds.end(tx, version.contract, version.embedder_fingerprint, state="finished")


def note_rate(tx: Session, *done: Embedded) -> None:
    """Keeps how fast the model was over some segments of one space, for the estimate of the next re-embed.

    A handful of texts says nothing and is not kept.
    """
    texts, tokens = sum(item.texts for item in done), sum(item.tokens for item in done)
    seconds = sum(item.seconds for item in done)
    if texts < _FEWEST_TEXTS or not tokens or seconds <= 0:
        return
    fingerprint, machine = done[0].record.embedder_fingerprint, platform.node() or "unknown"
    known = next((rate for rate in reembeds.rates(tx, fingerprint) if rate.machine == machine), None)
    summed = blend((known.tokens, known.seconds) if known else (0.0, 0.0), (tokens, seconds))
    rate = RateRecord(
        embedder_fingerprint=fingerprint, machine=machine, tokens=summed[0], seconds=summed[1], measured_at=utc_now()
    )
    reembeds.set_rate(tx, rate)
