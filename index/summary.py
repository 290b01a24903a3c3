"""What a candidate version holds, counted while it streams by. Pure, and the same on every run.

Nothing here depends on today: freshness is a distribution of dates. The result goes into
report.json, whose bytes are part of a version's identity, and into the manifest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from corpus.types import Basis, OriginKind
from index.manifest import AiShare, Contents, Distribution, OriginMix, distribution_json, origin_json

V = TypeVar("V", float, str)

DOCUMENT_COLUMNS = (
    "doc_id",
    "raw_sha256",
    "content_sha256",
    "owner",
    "source_system",
    "sensitivity_label",
    "language",
    "last_validated_date",
    "digital_source_type",
    "origin_basis",
    "generation_depth",
    "quality_score",
)
CHUNK_COLUMNS = ("doc_id", "token_count", "digital_source_type", "origin_basis", "generation_depth")

_QUANTILES = {"min": 0.0, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "max": 1.0}
_AI = (OriginKind.AI_GENERATED.value, OriginKind.AI_ASSISTED.value)
_FACETS = ("owner", "source_system", "sensitivity_label", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is inside a candidate.

    Attributes:
        contents: How much.
        origin: Where it came from.
        quality: Quality scores of the documents.
        freshness: Dates of last validation of the documents.
        facets: `owner`, `source_system`, `sensitivity_label`, `language` to value to documents.
        ownerless: Documents without an owner.
        documents_without_chunks: Documents that no search can find.
        document_chunks: Chunks that belong to a document of this version.
    """

    contents: Contents
    origin: OriginMix
    quality: Distribution
    freshness: Distribution
    facets: Mapping[str, Mapping[str, int]]
    ownerless: int
    documents_without_chunks: int
    document_chunks: int

    def to_json(self) -> dict[str, Any]:
        """Returns the content of report.json."""
        return {
            "contents": asdict(self.contents),
            "origin": origin_json(self.origin),
            "quality": distribution_json(self.quality),
            "freshness": distribution_json(self.freshness),
            "facets": {name: dict(values) for name, values in self.facets.items()},
            "ownerless": self.ownerless,
            "documents_without_chunks": self.documents_without_chunks,
            "document_chunks": self.document_chunks,
        }


@dataclass(slots=True)
class Tally:
    """Counts rows as they pass, documents of a range before its chunks, in the order of the files."""

    documents: Counter[tuple[str, str]] = field(default_factory=Counter)
    chunks: Counter[tuple[str, str]] = field(default_factory=Counter)
    facets: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _FACETS})
    qualities: list[float | None] = field(default_factory=list)
    dates: list[str | None] = field(default_factory=list)
    tokens: int = 0
    depth: int = 0
    ownerless: int = 0
    barren: int = 0
    housed: int = 0
    _corpus: Any = field(default_factory=hashlib.sha256)

    def add_range(self, documents: Mapping[str, Sequence[Any]], chunks: Mapping[str, Sequence[Any]]) -> None:
        """Counts one range of whole documents.

        Args:
            documents: Column name (`DOCUMENT_COLUMNS`) to values, sorted by document id.
            chunks: Column name (`CHUNK_COLUMNS`) to values of the same documents' chunks.
        """
        self._add_documents(documents)
        self.chunks.update(zip(chunks["digital_source_type"], chunks["origin_basis"], strict=True))
        self.tokens += sum(chunks["token_count"])
        self.depth = max(self.depth, 0, *documents["generation_depth"], *chunks["generation_depth"])
        per_document = Counter(chunks["doc_id"])
        self.barren += sum(1 for doc_id in documents["doc_id"] if doc_id not in per_document)
        self.housed += sum(per_document[doc_id] for doc_id in documents["doc_id"])

    def _add_documents(self, documents: Mapping[str, Sequence[Any]]) -> None:
        self.documents.update(zip(documents["digital_source_type"], documents["origin_basis"], strict=True))
        self.qualities.extend(documents["quality_score"])
        self.dates.extend(documents["last_validated_date"])
        self.ownerless += sum(1 for owner in documents["owner"] if not owner)
        for name, counter in self.facets.items():
            counter.update(value or "" for value in documents[name])
        for doc_id, raw, text in zip(
            documents["doc_id"], documents["raw_sha256"], documents["content_sha256"], strict=True
        ):
            self._corpus.update(f"{doc_id}\0{raw or text or ''}\n".encode())

    def summary(self) -> Summary:
        """Returns what was counted so far."""
        return Summary(
            contents=Contents(
                documents=self.documents.total(),
                chunks=self.chunks.total(),
                tokens=self.tokens,
                corpus_sha256=self._corpus.hexdigest(),
            ),
            origin=OriginMix(
                documents=_by_kind(self.documents),
                chunks=_by_kind(self.chunks),
                ai_share_documents=_ai_share(self.documents),
                ai_share_chunks=_ai_share(self.chunks),
                max_generation_depth=self.depth,
            ),
            quality=distribution(self.qualities),
            freshness=distribution(self.dates),
            facets=self.facets,
            ownerless=self.ownerless,
            documents_without_chunks=self.barren,
            document_chunks=self.housed,
        )


def distribution(values: Iterable[V | None]) -> Distribution:
    """Returns the quantiles of values by nearest rank; None and "" count as missing."""
    every = list(values)
    known = sorted(value for value in every if value not in (None, ""))
    last = len(known) - 1
    quantiles = {name: known[round(share * last)] for name, share in _QUANTILES.items()} if known else {}
    return Distribution(count=len(known), missing=len(every) - len(known), quantiles=quantiles)


def _by_kind(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for (kind, _), number in counts.items():
        kinds[kind] += number
    return dict(kinds)


def _ai_share(counts: Mapping[tuple[str, str], int]) -> AiShare:
    total = sum(counts.values())

    def share(basis: Basis) -> float:
        held = sum(counts.get((kind, basis.value), 0) for kind in _AI)
        return round(held / total, 6) if total else 0.0

    return AiShare(declared=share(Basis.DECLARED), matched=share(Basis.MATCHED))
