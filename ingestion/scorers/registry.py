"""The scorers by name. Another package adds its own under the entry-point group `stemma.scorers`."""

from __future__ import annotations

from corpus.plugins import Registry

SCORERS = Registry(
    seam="scorer",
    group="stemma.scorers",
    table={"heuristic": "ingestion.scorers.heuristic:HeuristicScorer"},
)
