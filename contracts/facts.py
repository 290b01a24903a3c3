"""What batch rules are judged on: figures of a whole run, gathered by the caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.drift.profile import Baseline, Profile
from corpus.types import Basis, OriginKind, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """A run, as the batch rules see it.

    Attributes:
        documents: Documents that the next version would hold: admitted in this run or standing.
        violations: Document id to what `row_violations` found, for the documents of this run.
        origins: Documents by IPTC digital source type, of those counted in `documents`, as `known_origins` counts.
        chunk_origins: Chunks by IPTC digital source type; None before they are cut.
        previous_documents: Documents of the last accepted run; None on the first.
        rows: Rows of `documents`, with at least `evaluate.batch_columns(contract)`; rules on unique
            values and shares of rows are judged on them.
        profile: How the columns of those documents are distributed; None where nobody measured it.
        baseline: The profile of the last accepted run; None on the first.
    """

    documents: int
    violations: Mapping[str, Sequence[Violation]] = field(default_factory=dict)
    origins: Mapping[str, int] = field(default_factory=dict)
    chunk_origins: Mapping[str, int] | None = None
    previous_documents: int | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    profile: Profile | None = None
    baseline: Baseline | None = None


def known_origins(found: Iterable[tuple[str, str]]) -> Counter[str]:
    """Counts IPTC digital source types that are declared or matched; what is only suspected counts as unknown.

    Args:
        found: Digital source type and basis of each document or chunk.
    """
    return Counter(str(OriginKind.UNKNOWN) if basis == Basis.SUSPECTED else kind for kind, basis in found)
