"""The vocabulary: the frozen values that travel between the stages.

`SourceRef -> RawBlob -> ParsedDocument -> Assessment(findings, origin, score, violations, Decision)
-> Chunk`, and between stages a `Receipt`. The module knows no storage, no database and no engine.
Times are aware UTC datetimes. Offsets count Python code points of `ParsedDocument.text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

EMPTY: Mapping[str, Any] = MappingProxyType({})

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class OriginKind(StrEnum):
    """IPTC digital source type of a text. Absence of a mark proves nothing: the default is UNKNOWN.

    Source: https://cv.iptc.org/newscodes/digitalsourcetype/
    """

    HUMAN = IPTC + "digitalCreation"
    AI_ASSISTED = IPTC + "compositeWithTrainedAlgorithmicMedia"
    AI_GENERATED = IPTC + "trainedAlgorithmicMedia"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """What a statement about origin rests on."""

    DECLARED = "declared"
    MATCHED = "matched"
    SUSPECTED = "suspected"
    NONE = "none"


class Scope(StrEnum):
    """How much of a document a statement speaks of."""

    DOCUMENT = "document"
    PASSAGE = "passage"
    LINK = "link"


class Outcome(StrEnum):
    """What was decided about one revision of a document."""

    ACCEPT = "accept"
    REPAIR = "repair"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    FAIL = "fail"
    """No decision could be reached (torn read, source unavailable); tried again on the next run."""

    @property
    def admitted(self) -> bool:
        """Whether the revision may enter an index."""
        return self in (Outcome.ACCEPT, Outcome.REPAIR)


class Severity(StrEnum):
    """How much a finding or violation weighs."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OnFail(StrEnum):
    """What a contract wants done when a rule fails."""

    BLOCK = "block"
    QUARANTINE = "quarantine"
    REPAIR = "repair"
    WARN = "warn"


class BlockKind(StrEnum):
    """The structure that a parser saw around a stretch of text."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    CODE = "code"
    TABLE = "table"
    DROPPED = "dropped"
    """A stretch that a person dropped: its text is blank, line for line, so that all else stays where it stood."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """A half-open range `[start, end)` of code points."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Returns the stretch of `text` that the span covers."""
        return text[self.start : self.end]

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRef:
    """One document as a source lists it, before a byte is read.

    Attributes:
        doc_id: Stable id of the logical document inside its contract.
        uri: Where its bytes are, absolute.
        path: Its path relative to the root of the source, with `/` between parts.
        size: Bytes, as listed.
        modified_at: Last change of the bytes, as the source says; None where it does not say.
        version_tag: ETag, generation or inode-like tag of the source, empty where there is none.
        sidecar_uri: Where metadata beside the document is, empty where there is none.
        manifest_uri: Where a C2PA manifest beside the document is, empty where there is none.
        stamp: What the listing says of the document and of all that is beside it: where it is what it was, not a byte
            of them has changed. Empty where the source cannot promise that; then they are read.
        sha256: Digest of the bytes where the source learnt it when it listed and nothing is beside them; empty where
            the document has to be read.
    """

    doc_id: str
    uri: str
    path: str
    size: int
    modified_at: datetime | None
    version_tag: str = ""
    sidecar_uri: str = ""
    manifest_uri: str = ""
    stamp: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlob:
    """The bytes of one document at one stable revision.

    Attributes:
        ref: The listing entry that was read.
        data: The bytes.
        sha256: Digest of `data`, hexadecimal.
        sidecar: Bytes of the metadata beside the document, empty where there is none.
        manifest: Bytes of the C2PA manifest beside the document, empty where there is none.
    """

    ref: SourceRef
    data: bytes
    sha256: str
    sidecar: bytes = b""
    manifest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A structural unit of a document: a heading, a paragraph, a table.

    Attributes:
        kind: What the unit is.
        span: Where it stands in the document's text.
        level: 1 to 6 for headings, 0 for all else.
    """

    kind: BlockKind
    span: Span
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """The text of one document and what the document says of itself.

    Attributes:
        text: The extracted text, the only thing that offsets refer to. It holds no lone surrogate
            and no NUL, so UTF-8 and every database can say it.
        blocks: Structural units, in order, not overlapping.
        title: The document's title, empty where it has none.
        media_type: What the bytes are, sniffed from the bytes.
        metadata: What the document declares (front matter, meta tags, PDF Info), lower-case keys.
        parser: `name/version` of the parser that made this.
        notes: Reason codes of what the parser had to do, such as `decoded:cp1252`.
        links: Link targets whose text is in `text` but whose address is not.
    """

    text: str
    blocks: tuple[Block, ...]
    title: str
    media_type: str
    metadata: Mapping[str, str]
    parser: str
    notes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """The five governance fields and where each came from.

    Attributes:
        values: Field name to value, for the fields that were found.
        basis: Field name to `document`, `sidecar` or `contract`.
    """

    values: Mapping[str, str]
    basis: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One piece of evidence about a text.

    Attributes:
        detector: `name/version` of the detector.
        code: What was found, stable, such as `openai.contentReference`.
        level: Rung of the evidence ladder, `E1` to `E6` with `E1b`, or `-` for findings not about origin.
        origin: What the evidence says about origin; UNKNOWN when it says nothing.
        basis: What the statement rests on.
        scope: How much of the document it speaks of.
        span: Where it stands in the text as it is stored, repaired; None when it stands in metadata.
        quote: The evidence itself as it came, at most 200 characters. Where a repair changed the text there, it
            differs from the text at `span`, and says more.
        detail: Figures behind the finding, such as a containment or an answer id.
    """

    detector: str
    code: str
    level: str
    origin: OriginKind = OriginKind.UNKNOWN
    basis: Basis = Basis.NONE
    scope: Scope = Scope.DOCUMENT
    span: Span | None = None
    quote: str = ""
    detail: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The verdict on where a text came from.

    Attributes:
        kind: IPTC digital source type, UNKNOWN by default.
        basis: What it rests on.
        scope: How much of the document it speaks of.
        level: Strongest rung of the ladder that supports it, empty for UNKNOWN.
        generation_depth: 0 for a primary source, 1 + max over what it was derived from.
    """

    kind: OriginKind = OriginKind.UNKNOWN
    basis: Basis = Basis.NONE
    scope: Scope = Scope.DOCUMENT
    level: str = ""
    generation_depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One repair of a text, kept so that it can be seen and undone.

    Edits of one text are ordered and do not overlap.

    Attributes:
        span: What was replaced, in the text before the repair.
        before: What stood there.
        after: What stands there now.
        code: Kind of repair, such as `encoding`.
    """

    span: Span
    before: str
    after: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The quality of one text.

    Attributes:
        scorer: `name/version` of the scorer.
        value: Composite in [0, 1], higher is better.
        parts: Sub-score name to value in [0, 1].
        reasons: Reason codes of what lowered it.
        fatal: Reason codes that make the text unusable whatever its score.
        document_type: The profile it was judged by (prose, reference, faq, ...), empty for none.
    """

    scorer: str
    value: float
    parts: Mapping[str, float]
    reasons: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    document_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule of the contract that a document or a batch did not keep.

    Attributes:
        rule: Name of the rule.
        field: Field that the rule speaks of, empty for a whole document or batch.
        severity: As the contract says.
        on_fail: As the contract says.
        expected: What the contract asks, in words.
        actual: What was found, in words.
    """

    rule: str
    field: str
    severity: Severity
    on_fail: OnFail
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a decision is what it is, for a person.

    Attributes:
        code: Stable code, such as `governance.owner.missing` or `parse.encrypted`.
        message: One sentence with the value found and the value asked.
        rule: Name of the contract rule, empty when none was involved.
        span: Where the evidence stands in the text, if anywhere.
        quote: The evidence itself.
    """

    code: str
    message: str
    rule: str = ""
    span: Span | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one revision, and why.

    Attributes:
        outcome: Accept, repair, quarantine, reject or fail.
        reasons: At least one unless the outcome is ACCEPT.
        actor: `stemma` or the person who overrode it.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    actor: str = "stemma"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Everything that is known about one revision when it is decided.

    Attributes:
        ref: The listing entry.
        state_key: Digest of content, sidecar and assessment fingerprint; equal means nothing to do.
        revision_id: Id of the revision.
        raw_sha256: Digest of the raw bytes, empty when they could not be read.
        document: The parsed document; None when parsing was impossible.
        governance: The governance fields.
        language: ISO 639-1 code, `und` when not determined.
        updated_at: When the content last changed, as document or source say.
        score: Its quality; None when there is no text.
        findings: All evidence found.
        origin: The verdict on origin.
        passage_origins: Verdicts on passages, each with its place.
        violations: Row-level rules that failed.
        decision: The outcome.
        repairs: What was repaired in the text, in order.
        sketch: MinHash signature of the text, empty for a text too short to have one.
        due_at: When the decision must be made again, though nothing changed; None for never.
        sidecar_sha256: Digest of the metadata beside the document, empty where there is none.
        whole: The document with all its parts, where a person dropped some of them; else None.
    """

    ref: SourceRef
    state_key: str
    revision_id: str
    raw_sha256: str
    document: ParsedDocument | None
    governance: Governance
    language: str
    updated_at: datetime | None
    score: Score | None
    findings: tuple[Finding, ...]
    origin: Origin
    passage_origins: tuple[tuple[Span, Origin], ...]
    violations: tuple[Violation, ...]
    decision: Decision
    repairs: tuple[Edit, ...] = ()
    sketch: bytes = b""
    due_at: datetime | None = None
    sidecar_sha256: str = ""
    whole: ParsedDocument | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A stretch of a document that is embedded and retrieved as one.

    Law: `document.text[chunk.span.start:chunk.span.end] == chunk.text`.

    Attributes:
        chunk_id: Stable over edits elsewhere in the document.
        doc_id: The document it belongs to.
        revision_id: The revision it was cut from.
        ordinal: Its place in the document, from 0.
        span: Its place in the document's text.
        text: The text that is embedded.
        text_sha256: Digest of `text`.
        headings: Titles of the headings above it, outermost first.
        token_count: Tokens under the chunker's tokenizer, special tokens not counted.
    """

    chunk_id: str
    doc_id: str
    revision_id: str
    ordinal: int
    span: Span
    text: str
    text_sha256: str
    headings: tuple[str, ...]
    token_count: int


def utc_now() -> datetime:
    """Returns the current time, aware and in UTC."""
    return datetime.now(UTC)
