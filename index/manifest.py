"""The manifest: what exactly is inside a version, and why.

Canonical JSON, with the law `Manifest.from_json(manifest.to_json()) == manifest`. The published
schema is `index/schemas/manifest.schema.json`. A manifest knows nothing of files, stores or keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from corpus.errors import IntegrityError
from corpus.ids import canonical_json, fingerprint
from corpus.receipts import Counts

FORMAT_VERSION = 1

FINGERPRINT_ROLES = ("chunker", "detectors", "embedder", "parser", "scorer")
"""Everything whose change alters what a version holds; each manifest names all five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """Who made the version, and with what; no part of its identity.

    Attributes:
        run_id: The run that built it.
        code_version: Version of this software.
        actor: The person or service that ran it.
    """

    run_id: str
    code_version: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRef:
    """The contract under which the documents were admitted.

    Attributes:
        id: The contract's own id.
        name: Its name.
        version: Its version.
        digest: SHA-256 of its meaning, as the contract engine says.
    """

    id: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintRef:
    """A fingerprint and what it was made of.

    Attributes:
        digest: 64 hexadecimal characters.
        parts: The parameters behind it, by name.
    """

    digest: str
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """How much is inside.

    Attributes:
        documents: Documents admitted.
        chunks: Chunks, each with one vector.
        tokens: Tokens of all chunks under the chunker's tokenizer.
        corpus_sha256: Digest over document ids and the digests of their bytes. Equal means that the
            source was the same, whatever parser, chunker or model worked on it.
    """

    documents: int
    chunks: int
    tokens: int
    corpus_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AiShare:
    """Share that is AI-written or AI-assisted, by what the statement rests on, each in [0, 1].

    There is no share of what is merely suspected: that would need an interval.
    """

    declared: float
    matched: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginMix:
    """Where the contents came from.

    Attributes:
        documents: IPTC digital source type (or `unknown`) to number of documents.
        chunks: The same over chunks, whose origin may differ from their document's.
        ai_share_documents: AI share over documents.
        ai_share_chunks: AI share over chunks, which is what retrieval draws from.
        max_generation_depth: Largest generation depth of any chunk or document.
    """

    documents: Mapping[str, int]
    chunks: Mapping[str, int]
    ai_share_documents: AiShare
    ai_share_chunks: AiShare
    max_generation_depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Quantiles by nearest rank: every figure is a value that occurs, so nothing is interpolated.

    Attributes:
        count: Values known.
        missing: Documents without a value.
        quantiles: `min p10 p25 p50 p75 p90 max` to value; empty when `count` is 0. Quality is in
            [0, 1]; freshness is a date, YYYY-MM-DD, and not an age, which would depend on today.
    """

    count: int
    missing: int
    quantiles: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexInfo:
    """The FAISS index.

    Attributes:
        factory: FAISS factory string.
        metric: `cosine`: inner product of unit vectors.
        dimension: Numbers per vector.
        vectors: Vectors inside; row number is id.
        recall_at_10: Share of the exact ten nearest that the index finds, measured; None when there
            were too few vectors to measure.
        recall_sample: Queries behind `recall_at_10`.
        reason: Why this factory; empty in versions of older builds, and then not written.
    """

    factory: str
    metric: str
    dimension: int
    vectors: int
    recall_at_10: float | None
    recall_sample: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryInfo:
    """The canary vectors: how many, and the digest of their float32 bytes."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate found.

    Attributes:
        name: Stable name of the gate.
        passed: Whether the candidate may be served as far as this gate is concerned.
        expected: What is asked, in words.
        actual: What was found, in words.
        message: One sentence for a person; where it failed, with the next step.
    """

    name: str
    passed: bool
    expected: str
    actual: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file of the version: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a version holds and how it came to be.

    Attributes:
        name: The index.
        number: The version's number, from 1.
        previous: Number of the version it follows, None for the first.
        created_at: When it was built, aware UTC.
        run: Who built it.
        contract: Under which contract.
        fingerprints: Role (`FINGERPRINT_ROLES`) to fingerprint.
        runtime: Backend and library versions of the embedder; recorded, no part of the identity.
        contents: How much is inside.
        conservation: Where every document of the run went.
        origin: Where the contents came from.
        quality: Quality scores of the documents.
        freshness: Dates of last validation of the documents.
        index: The FAISS index.
        canaries: The canary vectors.
        gates: What the gates found.
        files: File name to size and digest, the manifest and its signature aside.
    """

    name: str
    number: int
    previous: int | None
    created_at: datetime
    run: RunInfo
    contract: ContractRef
    fingerprints: Mapping[str, FingerprintRef]
    runtime: Mapping[str, str]
    contents: Contents
    conservation: Counts
    origin: OriginMix
    quality: Distribution
    freshness: Distribution
    index: IndexInfo
    canaries: CanaryInfo
    gates: tuple[GateResult, ...]
    files: Mapping[str, FileRef]

    @property
    def identity(self) -> str:
        """Digest of what is inside, not of when, by whom or under which number it was built.

        Two builds over the same inputs on one runtime have the same identity.
        """
        return fingerprint(
            "index-version",
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "contract": asdict(self.contract),
                "fingerprints": {role: ref.digest for role, ref in self.fingerprints.items()},
                "contents": asdict(self.contents),
                "index": {"factory": self.index.factory, "metric": self.index.metric},
                "files": _objects(self.files),
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the manifest as a JSON object."""
        return {
            "format_version": FORMAT_VERSION,
            "identity": self.identity,
            "name": self.name,
            "number": self.number,
            "previous": self.previous,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "run": asdict(self.run),
            "contract": asdict(self.contract),
            "fingerprints": {
                role: {"digest": ref.digest, "parts": dict(ref.parts)} for role, ref in self.fingerprints.items()
            },
            "runtime": dict(self.runtime),
            "contents": asdict(self.contents),
            "conservation": asdict(self.conservation),
            "origin": origin_json(self.origin),
            "quality": distribution_json(self.quality),
            "freshness": distribution_json(self.freshness),
            "index": {key: item for key, item in asdict(self.index).items() if key != "reason" or item},
            "canaries": asdict(self.canaries),
            "gates": [asdict(gate) for gate in self.gates],
            "files": _objects(self.files),
        }

    def to_bytes(self) -> bytes:
        """Returns the canonical bytes of manifest.json."""
        return canonical_json(self.to_json())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            IntegrityError: The format is unknown, a field is missing or superfluous, or the stated
                identity is not that of the contents.
        """
        found = value.get("format_version")
        if found != FORMAT_VERSION:
            raise IntegrityError(
                f"manifest format {found!r} is unknown; this build reads format {FORMAT_VERSION}. "
                "Open the index with the build that wrote it."
            )
        try:
            manifest = cls(**_fields(value))
            identity = manifest.identity  # no number may be infinite, as 1e999 is
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IntegrityError(
                f"not a manifest of format {FORMAT_VERSION}: {error!r}. Restore the version, or roll back."
            ) from error
        if identity != value.get("identity"):
            raise IntegrityError(
                f"manifest of {manifest.name} v{manifest.number:06d} states identity {value.get('identity')!r} but its "
                f"contents have {identity!r}. It was edited by hand; restore it, or roll back."
            )
        return manifest

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads the bytes of manifest.json.

        Raises:
            IntegrityError: They are no manifest.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise IntegrityError(f"manifest is not JSON: {error}. Restore the version, or roll back.") from error
        if not isinstance(value, dict):
            raise IntegrityError(f"manifest is a JSON {type(value).__name__}, not an object.")
        return cls.from_json(value)


def origin_json(mix: OriginMix) -> dict[str, Any]:
    """Returns an origin mix as a JSON object."""
    return {
        "documents": dict(mix.documents),
        "chunks": dict(mix.chunks),
        "ai_share_documents": asdict(mix.ai_share_documents),
        "ai_share_chunks": asdict(mix.ai_share_chunks),
        "max_generation_depth": mix.max_generation_depth,
    }


def distribution_json(value: Distribution) -> dict[str, Any]:
    """Returns a distribution as a JSON object."""
    return {"count": value.count, "missing": value.missing, "quantiles": dict(value.quantiles)}


def _objects(items: Mapping[str, FileRef]) -> dict[str, Any]:
    return {name: asdict(item) for name, item in items.items()}


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the constructor's arguments, with every nested value of its own type."""
    origin = value["origin"]
    plain = {key: item for key, item in value.items() if key not in ("format_version", "identity")}
    return {
        **plain,
        "created_at": _instant(value["created_at"]),
        "run": RunInfo(**value["run"]),
        "contract": ContractRef(**value["contract"]),
        "fingerprints": {role: FingerprintRef(**ref) for role, ref in value["fingerprints"].items()},
        "contents": Contents(**value["contents"]),
        "conservation": Counts(**value["conservation"]),
        "origin": OriginMix(
            **{
                **origin,
                "ai_share_documents": AiShare(**origin["ai_share_documents"]),
                "ai_share_chunks": AiShare(**origin["ai_share_chunks"]),
            }
        ),
        "quality": Distribution(**value["quality"]),
        "freshness": Distribution(**value["freshness"]),
        "index": IndexInfo(**value["index"]),
        "canaries": CanaryInfo(**value["canaries"]),
        "gates": tuple(GateResult(**gate) for gate in value["gates"]),
        "files": {name: FileRef(**ref) for name, ref in value["files"].items()},
    }


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"created_at without time zone: {text!r}")
    return instant.astimezone(UTC)
