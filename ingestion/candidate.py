"""What a release would publish, gathered before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import Contract
from corpus.catalog.records import ActiveRevision, AliasState, EmbedderRecord, SegmentRecord, VersionRecord
from corpus.receipts import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a release would publish.

    Attributes:
        contract: The contract.
        space: The vector space.
        active: The revision of each document that belongs into it.
        segments: The segments that hold them.
        counts: Where every document of the run went.
        shrink_allowed: Whether a person let the run remove more than the contract's guard allows.
        alias: State of the alias that would move; None where it does not exist.
        served: The version that the alias points to; None where there is none.
    """

    contract: Contract
    space: EmbedderRecord
    active: tuple[ActiveRevision, ...]
    segments: tuple[SegmentRecord, ...]
    counts: Counts
    shrink_allowed: bool
    alias: AliasState | None
    served: VersionRecord | None
