"""What a release would publish, gathered before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import Contract
from corpus.catalog.records import ActiveRevision, AliasState, EmbedderRecord, VersionRecord
from corpus.types import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a release would publish.

    Attributes:
        contract: The contract.
        space: The vector space.
        active: The revision of each document that belongs into it.
        counts: Where every document of the run went.
        alias: State of the alias that would move; None where it does not exist.
        served: The version that the alias points to; None where there is none.
    """

    contract: Contract
    space: EmbedderRecord
    active: tuple[ActiveRevision, ...]
    counts: Counts
    alias: AliasState | None
    served: VersionRecord | None
