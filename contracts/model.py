"""A contract, compiled: the frozen values that the rest of the system reads.

Nothing here knows YAML, the standard's layout or an engine. `contracts.reading.compile` makes these values, and what
they say has been validated. Mappings are plain dictionaries, so that `dataclasses.asdict` can take a value apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from contracts import lifecycle
from contracts.evaluation import EvaluationSpec, GoldenEvidence
from contracts.gates import GateSpec
from corpus.types import OnFail, Severity

Enforcement = Literal["block", "warn"]
Engine = Literal["library", "stemma", "greatExpectations", "sql"]
Scope = Literal["row", "batch"]

GOVERNANCE_FIELDS = ("owner", "source_system", "last_validated_date", "sensitivity_label", "version")
"""What a document must say before it is indexed, unless the contract asks for less."""

ORIGIN = "digital_source_type"
"""Where the contract says among its defaults what its documents are; a sidecar says otherwise for one document."""

REPAIRS = ("encoding", "control_characters", "hyphenation", "boilerplate")
"""Repairs that change how a text is written and not what it says."""


class Verdict(StrEnum):
    """How a rule, or a whole contract, came out; the later the worse."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Where documents come from.

    Attributes:
        type: Kind of source, a name in the source registry.
        root: Folder or URL prefix; a relative one starts at the project folder.
        include: Globs under the root, braces already expanded.
        exclude: Globs under the root that are left out.
        format: The server's `format`, for people and other tools; of a server of type `api`, what its location is.
        source_name: Name of the server.
        urls: Further documents of a server of type `api`.
        hosts: Hosts that a server of type `api` may ask.
    """

    type: str
    root: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    format: str = ""
    source_name: str = ""
    urls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One column of the documents, as promised.

    Attributes:
        name: Column of documents.parquet.
        logical_type: ODCS logical type.
        required: Whether it may not be null.
        unique: Whether no two documents may share a value.
        pattern: Regular expression that a value must hold a match of; None for no limit.
        min_length: Least code points of a text; None for no limit.
        max_length: Most code points of a text; None for no limit.
        enum: Allowed values, empty for any.
        classification: As the contract says, empty where it says nothing.
        primary_key: Whether it is the key of a document, or part of it.
        options: The other `logicalTypeOptions`, by their name in the standard.
    """

    name: str
    logical_type: str
    required: bool = False
    unique: bool = False
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    enum: tuple[str | int | float | bool, ...] = ()
    classification: str = ""
    primary_key: bool = False
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernanceSpec:
    """What a document must say about itself, and what the contract says for it.

    Attributes:
        required: Fields that must be known before a document is indexed.
        defaults: Field to value, for documents that do not say it themselves.
        max_validation_age_days: Days after which a human's validation no longer counts; None for never.
    """

    required: tuple[str, ...] = GOVERNANCE_FIELDS
    defaults: Mapping[str, str] = dataclasses.field(default_factory=dict)
    max_validation_age_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A comparison.

    Attributes:
        op: Operator of the standard, such as `mustBeGreaterOrEqualTo`.
        value: A number; two of them for the `Between` operators.
    """

    op: str
    value: float | tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One rule, in the neutral form that lint, explain, dry-run and execution share.

    Attributes:
        name: Unique in the contract.
        rule: What is checked: a shape rule, a library metric, an `expect_...` or a rule of ours.
        engine: Who runs it.
        scope: `row` when one document is enough to judge it, else `batch`.
        field: Column it speaks of, empty for a whole document or batch.
        severity: How much a failure weighs.
        on_fail: What a failure leads to.
        threshold: What the measured number is compared with; None where nothing is compared.
        arguments: The rule's own options.
        owner: Team that is told.
        dimension: Quality dimension of the standard, empty where none is given.
    """

    name: str
    rule: str
    engine: Engine
    scope: Scope
    field: str = ""
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.QUARANTINE
    threshold: Threshold | None = None
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    owner: str = ""
    dimension: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkerSpec:
    """How documents are cut: name of the chunker and its sizes in tokens of the embedder."""

    strategy: str = "structural"
    max_tokens: int = 254
    overlap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """The vector space that chunks are put into.

    Attributes:
        model: A name in the embedder registry, or `path:` and a folder.
        revision: What the contract pins the model to; None where it pins nothing.
        dimension: Numbers per vector.
        metric: `cosine` or `dotProduct`; the same for rows of unit length.
        normalized: Always true: every embedder gives rows of unit length.
    """

    model: str
    revision: str | None
    dimension: int
    metric: str = "cosine"
    normalized: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessSpec:
    """How old a document may be.

    Attributes:
        max_age_days: Days; months count 30, years 365.
        field: Column that holds the time.
    """

    max_age_days: float
    field: str = "updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSpec:
    """Limits that stop a run before it does harm.

    Attributes:
        max_removed_share: Share of known documents that may vanish in one run.
        min_documents: Fewest documents that a version may hold.
    """

    max_removed_share: float = 0.5
    min_documents: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """How chunks are indexed.

    Attributes:
        factory: A faiss factory name, or `auto` for one that fits the number of chunks.
        deletes: Whether `few` or `many` documents are expected to leave or change; `auto` looks at it.
        lexical: `bm25` for an index of words beside the vectors, empty for none.
        rebuild_share: Share of the documents, in [0, 1]: where more are deleted, it is built again at once.
    """

    factory: str = "auto"
    deletes: Literal["few", "many"] = "many"
    lexical: str = ""
    rebuild_share: float = 0.1  # a search that has to leave out more costs more (10-15 %, design of this system)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairSpec:
    """Which safe repairs are made: any of `REPAIRS`."""

    kinds: tuple[str, ...] = ("encoding", "control_characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySpec:
    """How documents are scored.

    Attributes:
        document_type: The profile that every document is judged by; empty to tell each document's own.
        weights: Sub-score to its weight in the composite, where the profile's is not wanted.
    """

    document_type: str = ""
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSpec:
    """How many persons must agree before a held document is released or rejected."""

    persons: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSpec:
    """How far a source is trusted.

    Attributes:
        tier: `curated` (few known people write), `reviewed` (others look at it), `open` (anyone writes).
        authors: Authors who are known already.
    """

    tier: Literal["curated", "reviewed", "open"] = "reviewed"
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySpec:
    """From which estimated Jaccard similarity two texts are near duplicates."""

    similarity: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpec:
    """What is kept of the answers that were served from the contract's index.

    Attributes:
        text: `keep`, or `hash` where neither question nor answer is stored, only digests of their words.
        retention_days: Days after serving until an answer is forgotten; None for never.
    """

    text: Literal["keep", "hash"] = "keep"
    retention_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginSpec:
    """What is asked about the origin of documents beside what is always asked.

    Attributes:
        detectors: Names of detectors that another package registers, such as one of a watermark.
        model: Name of the statistical model that documents are scored by; empty for none.
    """

    detectors: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenQuestion:
    """A question whose answer somebody verified, the documents that hold it or the words in them, and its slices."""

    id: str
    question: str
    answer: str
    relevant_doc_ids: tuple[str, ...] = ()
    evidence: tuple[GoldenEvidence, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who answers for the contract, and as what."""

    username: str
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role of readers or writers, and the access that it has."""

    role: str
    access: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSpec:
    """A foreign key.

    Attributes:
        object: Object that refers, `document` or `chunk`.
        columns: Its columns; `metadata.KEY` is what the document itself says under that key.
        to_object: Object that is referred to.
        to: Its columns, one for each of `columns`.
    """

    object: str
    columns: tuple[str, ...]
    to_object: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaSpec:
    """One promise about the service, in the words of the contract.

    Attributes:
        property: Name in the standard, such as `endOfLife`.
        value: The value, as text.
        unit: Its unit, empty where there is none.
        element: What it is promised of, such as `document.updated_at`.
        driver: Why it matters: regulatory, analytics or operational.
        description: For people.
    """

    property: str
    value: str
    unit: str = ""
    element: str = ""
    driver: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the contract says to people and models, and what no machine judges.

    Attributes:
        kind: `quality` (a check of type text), `instruction` or `constraint` (of a context).
        text: What it says.
        name: Its name or id, empty where it has none.
        field: Column that it stands under, empty for the whole.
    """

    kind: Literal["quality", "instruction", "constraint"]
    text: str
    name: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A validated contract.

    Attributes:
        name: Name of the contract, and of its index.
        version: Version of the contract.
        id: Its `id`.
        digest: SHA-256 of the canonical JSON of the parsed document; comments do not change it.
        path: File it was read from, relative to the project where there is one.
        raw_yaml: Its text.
        description: Its purpose, in a sentence.
        owner_team: Who answers for it.
        source: Where documents come from.
        fields: What a document's columns promise.
        governance: The governance fields.
        checks: Every rule, in file order, shape rules of fields included.
        chunker: How documents are cut.
        embedder: The vector space.
        parsers: Media type to parser name, where the contract overrides the choice.
        freshness: How old a document may be; None where nothing is said.
        retention_days: How long documents are kept; None where nothing is said.
        schedule: Cron expression; None for on demand.
        enforcement: `block`, or `warn` where failures are reported and nothing is held back.
        guards: Limits that stop a run.
        index: How vectors are indexed.
        allowed_origins: IPTC digital source types (and `unknown`) that may enter.
        repair: Which safe repairs are made.
        quality: How documents are scored.
        triage: Who must agree about held documents.
        trust: How far the source is trusted.
        families: What counts as a near duplicate.
        answers: What is kept of the answers served from its index.
        gates: Gates of a release beside those that every release passes.
        versions: Which versions are kept that no alias points to.
        approvals: Who must approve a version before an alias points to it.
        origin: What is asked about the origin of documents beside what is always asked.
        golden: Verified questions.
        evaluation: How versions are evaluated by golden items.
        team: Who answers for it.
        roles: Who may do what with it.
        relationships: Foreign keys, of documents and of chunks.
        sla: Every promise about the service, in file order.
        statements: What is said and not judged.
        tags: Its tags.
        status: Its state of life, empty where it says none.
    """

    name: str
    version: str
    id: str
    digest: str
    path: str
    raw_yaml: str
    description: str
    owner_team: str
    source: SourceSpec
    fields: tuple[FieldSpec, ...]
    governance: GovernanceSpec
    checks: tuple[CheckSpec, ...]
    chunker: ChunkerSpec
    embedder: EmbedderSpec
    parsers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    freshness: FreshnessSpec | None = None
    retention_days: float | None = None
    schedule: str | None = None
    enforcement: Enforcement = "block"
    guards: GuardSpec = dataclasses.field(default_factory=GuardSpec)
    index: IndexSpec = dataclasses.field(default_factory=IndexSpec)
    allowed_origins: tuple[str, ...] = ()
    repair: RepairSpec = dataclasses.field(default_factory=RepairSpec)
    quality: QualitySpec = dataclasses.field(default_factory=QualitySpec)
    triage: TriageSpec = dataclasses.field(default_factory=TriageSpec)
    trust: TrustSpec = dataclasses.field(default_factory=TrustSpec)
    families: FamilySpec = dataclasses.field(default_factory=FamilySpec)
    answers: AnswerSpec = dataclasses.field(default_factory=AnswerSpec)
    gates: GateSpec = dataclasses.field(default_factory=GateSpec)
    versions: lifecycle.VersionRetention = dataclasses.field(default_factory=lifecycle.VersionRetention)
    approvals: lifecycle.ApprovalSpec = dataclasses.field(default_factory=lifecycle.ApprovalSpec)
    origin: OriginSpec = dataclasses.field(default_factory=OriginSpec)
    golden: tuple[GoldenQuestion, ...] = ()
    evaluation: EvaluationSpec = dataclasses.field(default_factory=EvaluationSpec)
    team: tuple[Member, ...] = ()
    roles: tuple[Role, ...] = ()
    relationships: tuple[RelationSpec, ...] = ()
    sla: tuple[SlaSpec, ...] = ()
    statements: tuple[Statement, ...] = ()
    tags: tuple[str, ...] = ()
    status: str = ""
