"""Tables of index versions: who may read which, what was measured of them, and what must not be served.

`corpus.catalog.tables` gives them on, with all the others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from corpus.catalog.columns import KEY, Base, JsonTuple, UtcTime, one_of

VERSION_STATES = ("candidate", "released", "retired")
ERASURE_STATES = ("pending", "done", "lifted")
TOMBSTONE_KINDS = ("document", "chunk")


class VersionRow(Base):
    """One immutable index version."""

    __tablename__ = "versions"
    __table_args__ = (one_of("state", VERSION_STATES),)
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    contract: Mapped[str] = mapped_column(KEY)
    contract_version: Mapped[str] = mapped_column(String)
    manifest_sha256: Mapped[str] = mapped_column(String)
    identity: Mapped[str] = mapped_column(String)
    embedder_fingerprint: Mapped[str] = mapped_column(String)
    chunker_fingerprint: Mapped[str] = mapped_column(String)
    documents: Mapped[int] = mapped_column(Integer)
    chunks: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(String)
    state: Mapped[str] = mapped_column(String)
    run_id: Mapped[str] = mapped_column(KEY)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)


class AliasRow(Base):
    """A name that points to one version; the generation makes a lost race visible."""

    __tablename__ = "aliases"
    __table_args__ = (ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),)
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    alias: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    generation: Mapped[int] = mapped_column(Integer)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String)


class VersionHoldRow(Base):
    """A version that retention must not remove, and why."""

    __tablename__ = "version_holds"
    __table_args__ = (ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),)
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String)
    at: Mapped[datetime] = mapped_column(UtcTime)


class OriginEstimateRow(Base):
    """What was estimated of the share of AI-written text in one version, and when; counts only."""

    __tablename__ = "origin_estimates"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    measured_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class ContaminationRow(Base):
    """What was measured of the contamination of one version, and when."""

    __tablename__ = "contamination"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    measured_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    k: Mapped[int] = mapped_column(Integer)
    compared_with: Mapped[int | None] = mapped_column(Integer)
    questions: Mapped[int] = mapped_column(Integer)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    alarms: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)


class GoldenBindingRow(Base):
    """Where the evidence of one golden item stood when it was bound; digests and offsets, no text."""

    __tablename__ = "golden_bindings"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    item: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(Integer)
    bound_at: Mapped[datetime] = mapped_column(UtcTime)
    pins: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    rivals: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)


class EvaluationRow(Base):
    """How one version answered the golden items, and when that was measured."""

    __tablename__ = "evaluations"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    measured_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    k: Mapped[int] = mapped_column(Integer)
    compared_with: Mapped[int | None] = mapped_column(Integer)
    items: Mapped[int] = mapped_column(Integer)
    holding: Mapped[int] = mapped_column(Integer)
    ndcg: Mapped[float | None] = mapped_column(Float)
    recall: Mapped[float | None] = mapped_column(Float)
    mrr: Mapped[float | None] = mapped_column(Float)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class TombstoneRow(Base):
    """A document or chunk that no reader of an index may serve; `sequence` grows with every change of an index."""

    __tablename__ = "tombstones"
    __table_args__ = (one_of("kind", TOMBSTONE_KINDS),)
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    kind: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(KEY, primary_key=True)
    lifted: Mapped[bool]
    sequence: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


class ErasureRow(Base):
    """A document that was erased: digests only, but for the id while the erasure is at work."""

    __tablename__ = "erasures"
    __table_args__ = (one_of("state", ERASURE_STATES),)
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(KEY, primary_key=True)
    state: Mapped[str] = mapped_column(String)
    doc_id: Mapped[str] = mapped_column(String)
    contents: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String)
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ReplacedVersionRow(Base):
    """A version that was built again without an erased document, and the number that it has since."""

    __tablename__ = "replaced_versions"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    replaced_by: Mapped[int] = mapped_column(Integer)
    replaced_at: Mapped[datetime] = mapped_column(UtcTime)


class CanaryRow(Base):
    """One time that canary texts were embedded and compared with stored vectors."""

    __tablename__ = "canary_checks"
    __table_args__ = (Index(None, "fingerprint", "checked_at"),)
    check_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String)
    checked_at: Mapped[datetime] = mapped_column(UtcTime)
    occasion: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    passed: Mapped[bool]
    texts: Mapped[int] = mapped_column(Integer)
    min_cosine: Mapped[float]
    mean_cosine: Mapped[float]
    threshold: Mapped[float]
    moved: Mapped[tuple[Any, ...]] = mapped_column(JsonTuple)
    runtime: Mapped[dict[str, Any]] = mapped_column(JSON)
    differs: Mapped[dict[str, Any]] = mapped_column(JSON)
