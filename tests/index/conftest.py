"""A home with segments and versions, made by the test itself."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from corpus import batches
from corpus.ids import chunk_id, fingerprint, revision_id, text_digest, tomb_digest
from corpus.receipts import Counts
from corpus.seams import Vectors
from corpus.storage import Store, open_store
from index.build import BuildSpec, Built, Circumstances, build_version, manifest_of
from index.canaries import CANARY_TEXTS
from index.manifest import FINGERPRINT_ROLES, ContractRef, FingerprintRef, Manifest, RunInfo
from index.pointer import AliasPointer
from index.release import publish, seal
from index.signing import TrustStore, generate_keypair, load_signer
from index.tombstones import Tombstones, write_tombstones

NAME = "handbook"
SCHEMA = jsonschema.Draft202012Validator(
    json.loads(files("index").joinpath("schemas/manifest.schema.json").read_bytes())
)
"""The published schema: every manifest that a test makes has to follow it."""


@dataclass(frozen=True)
class HashEmbedder:
    """Deterministic word vectors: texts that share words are near. `salt` makes another space."""

    salt: str = "one"
    dimension: int = 32
    noise: float = 0.0
    max_tokens: int = 0
    runtime: Mapping[str, str] = field(default_factory=lambda: {"backend": "hash"})

    @property
    def model(self) -> str:
        return f"hash-{self.salt}"

    @property
    def parts(self) -> dict[str, Any]:
        return {"salt": self.salt, "dimension": self.dimension}

    @property
    def fingerprint(self) -> str:
        return fingerprint("embedder", self.parts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.stack([self._row(text) for text in texts]) if texts else np.zeros((0, self.dimension))
        rows += self.noise * np.random.default_rng(7).normal(size=rows.shape)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _row(self, text: str) -> np.ndarray:
        return sum((self._word(word) for word in text.lower().split()), self._word("")) / 1.0

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(f"{self.salt}/{word}".encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.dimension)


@dataclass(frozen=True)
class Active:
    doc_id: str
    revision_id: str
    segment_id: str


@dataclass(frozen=True)
class Doc:
    """A document whose paragraphs become its chunks."""

    doc_id: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision_id(self) -> str:
        return revision_id(self.doc_id, fingerprint("state", {"text": self.text, "fields": dict(self.fields)}))

    def row(self) -> dict[str, Any]:
        plain = dict.fromkeys(batches.DOCUMENTS.names)
        return {
            **plain,
            "doc_id": self.doc_id,
            "revision_id": self.revision_id,
            "uri": f"file:///srv/{self.doc_id}",
            "title": self.doc_id.title(),
            "text": self.text,
            "content_sha256": text_digest(self.text),
            "raw_sha256": text_digest(self.text),
            "media_type": "text/plain",
            "language": "en",
            "size_bytes": len(self.text),
            "owner": "docs-team",
            "source_system": "wiki",
            "last_validated_date": "2026-01-02",
            "sensitivity_label": "internal",
            "version": "1",
            "digital_source_type": "unknown",
            "origin_basis": "none",
            "generation_depth": 0,
            "quality_score": 0.8,
            "quality_reasons": "[]",
            "document_type": "prose",
            "repairs": "[]",
            "findings": "[]",
            "outcome": "accept",
            "reasons": "[]",
            "metadata": "{}",
            "blocks": "[]",
            "parser": "text/1",
            **self.fields,
        }

    def chunk_rows(self) -> list[dict[str, Any]]:
        rows, start, seen = [], 0, {}
        for ordinal, text in enumerate(self.text.split("\n\n")):
            digest = text_digest(text)
            seen[digest] = seen.get(digest, -1) + 1
            rows.append(
                {
                    "chunk_id": chunk_id(self.doc_id, digest, seen[digest]),
                    "doc_id": self.doc_id,
                    "revision_id": self.revision_id,
                    "ordinal": ordinal,
                    "start": start,
                    "end": start + len(text),
                    "text": text,
                    "text_sha256": digest,
                    "headings": '["Guide"]',
                    "token_count": len(text.split()),
                    **{
                        name: self.row()[name]
                        for name in ("digital_source_type", "origin_basis", "generation_depth", "quality_score")
                    },
                }
            )
            start += len(text) + 2
        return rows


def _segment(
    store: Store, docs: Iterable[Doc], embedder: HashEmbedder, tamper: Callable[[Vectors], Vectors] = lambda rows: rows
) -> list[Active]:
    docs = list(docs)
    segment_id = fingerprint("segment", {"docs": [[doc.doc_id, doc.revision_id] for doc in docs]})[:32]
    chunks = [row for doc in docs for row in doc.chunk_rows()]
    with store.scratch() as folder:
        batches.write_rows(folder / "d", batches.DOCUMENTS, (doc.row() for doc in docs))
        batches.write_rows(folder / "c", batches.CHUNKS, chunks)
        store.publish_file(f"segments/{segment_id}/documents.parquet", folder / "d")
        store.publish_file(f"segments/{segment_id}/chunks.parquet", folder / "c")
    _vectors(store, segment_id, chunks, embedder, tamper)
    return [Active(doc.doc_id, doc.revision_id, segment_id) for doc in docs]


def _vectors(
    store: Store,
    segment_id: str,
    chunks: Sequence[Mapping[str, Any]],
    embedder: HashEmbedder,
    tamper: Callable[[Vectors], Vectors],
) -> None:
    rows = tamper(embedder.embed([row["text"] for row in chunks]))
    digests = tuple(row["text_sha256"] for row in chunks)
    with store.scratch() as folder:
        batches.write_vectors(folder / "v", [(digests, rows)], embedder.dimension)
        store.publish_file(f"vectors/{embedder.fingerprint}/{segment_id}.parquet", folder / "v")


@dataclass
class World:
    """A home, a key pair, and short words for what the tests do with them."""

    store: Store
    embedder: Any
    trust: TrustStore
    key: Path

    def segment(self, docs: Iterable[Doc], tamper: Callable[[Vectors], Vectors] = lambda rows: rows) -> list[Active]:
        return _segment(self.store, docs, self.embedder, tamper)

    def spec(self, factory: str = "Flat") -> BuildSpec:
        return BuildSpec(
            embedder_fingerprint=self.embedder.fingerprint,
            dimension=self.embedder.dimension,
            factory=factory,
            contract_yaml=b"kind: DataContract\n",
            canaries=self.embedder.embed(CANARY_TEXTS),
        )

    def facts(self, number: int, *, name: str = NAME, run_id: str = "run-1", contract: str = "c" * 64) -> Circumstances:
        prints = {role: FingerprintRef(digest=fingerprint(role, {}), parts={}) for role in FINGERPRINT_ROLES}
        prints["embedder"] = FingerprintRef(digest=self.embedder.fingerprint, parts=dict(self.embedder.parts))
        return Circumstances(
            name=name,
            number=number,
            previous=number - 1 or None,
            created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            run=RunInfo(run_id=run_id, code_version="0.1.0", actor="tester"),
            contract=ContractRef(id="c-1", name=name, version="1.0.0", digest=contract),
            fingerprints=prints,
            runtime=dict(self.embedder.runtime),
            conservation=Counts(),
        )

    def build(self, scratch: Path, active: Iterable[Active], factory: str = "Flat") -> Built:
        return build_version(scratch, self.store, self.spec(factory), active)

    def publish(
        self,
        number: int,
        docs: Iterable[Doc] | None = None,
        *,
        signed: bool = True,
        aliases_signed: bool = False,
        alias: str | None = None,
        **facts: Any,
    ) -> Manifest:
        """Builds, seals and publishes a version, without a catalog."""
        active = self.segment(docs if docs is not None else DOCS)
        with self.store.scratch() as scratch:
            built = self.build(scratch, active)
            manifest = manifest_of(built, self.facts(number, **facts))
            SCHEMA.validate(json.loads(manifest.to_bytes()))
            signer = load_signer(self.key) if signed else None
            seal(built.folder, manifest, signer, aliases_signed=aliases_signed)
            digest = publish(self.store, manifest.name, number, built.folder)
        if alias:
            self.point(alias, number, digest, name=manifest.name, signed=aliases_signed)
        return manifest

    def point(
        self,
        alias: str,
        number: int,
        digest: str,
        *,
        name: str = NAME,
        generation: int = 1,
        signed: bool = False,
        tombstones: int = 0,
    ) -> None:
        pointer = AliasPointer(
            alias=alias,
            version=number,
            manifest_sha256=digest,
            generation=generation,
            moved_at="2026-01-02T03:04:05+00:00",
            actor="tester",
            tombstones=tombstones,
        )
        signer = load_signer(self.key) if signed else None
        self.store.replace(f"indexes/{name}/aliases/{alias}.json", pointer.to_bytes(signer, name))

    def bury(
        self, sequence: int, *doc_ids: str, chunks: Iterable[str] = (), name: str = NAME, key: Path | None = None
    ) -> None:
        """Puts tombstones on documents and chunks, those before gone."""
        documents = frozenset(tomb_digest(name, doc_id) for doc_id in doc_ids)
        tombstones = Tombstones(index=name, sequence=sequence, documents=documents, chunks=frozenset(chunks))
        write_tombstones(self.store, tombstones, load_signer(key or self.key))


AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

DOCS = (
    Doc("travel", "Claim travel expenses within thirty days.\n\nUse the blue form for train tickets."),
    Doc("security", "Lock your screen when you leave.\n\nReport lost badges to the front desk.", {"owner": "security"}),
    Doc(
        "bread",
        "Bread dough rises because of yeast.\n\nCold slows the yeast.\n\nBake bread at high heat.",
        {
            "digital_source_type": AI,
            "origin_basis": "declared",
            "generation_depth": 1,
            "quality_score": 0.3,
            "language": "de",
            "source_system": "drive",
            "sensitivity_label": "public",
        },
    ),
)


@pytest.fixture
def docs() -> tuple[Doc, ...]:
    return DOCS


@pytest.fixture
def make_doc() -> type[Doc]:
    return Doc


@pytest.fixture
def make_embedder() -> type[HashEmbedder]:
    return HashEmbedder


@pytest.fixture
def world(tmp_path: Path) -> World:
    generate_keypair(tmp_path / "keys/signing.pem", tmp_path / "keys/trusted/signing.pub")
    return World(
        store=open_store(str(tmp_path / "home")),
        embedder=HashEmbedder(),
        trust=TrustStore.from_folder(tmp_path / "keys/trusted"),
        key=tmp_path / "keys/signing.pem",
    )
