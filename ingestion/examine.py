"""Everything that can be known about one document, in the order that keeps evidence intact.

Read at a stable revision, extract provenance from the raw bytes, parse, score, match against served
answers, classify. The contract's rules and the decision come after, over the whole shard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from contracts.model import Contract, GovernanceSpec
from corpus.errors import ParseError, SourceError
from corpus.ids import fingerprint, revision_id, sha256_hex
from corpus.seams import Detector, Scorer, Source
from corpus.types import (
    Assessment,
    Decision,
    Finding,
    Governance,
    Origin,
    Outcome,
    ParsedDocument,
    RawBlob,
    SourceRef,
)
from ingestion.governance import governance_of, sidecar_problem, updated_at_of
from ingestion.judge import judge_unparsed, judge_unread
from ingestion.language import language_of
from ingestion.parsers.route import parse
from ingestion.snapshot import Entry
from provenance.classify import verdict

Matcher = Callable[[Assessment], tuple[Finding, ...]]

UNDECIDED = Decision(outcome=Outcome.FAIL)
_NO_GOVERNANCE = Governance(values={}, basis={})
_BROKEN_FRONT_MATTER = "front_matter_invalid"
_MEND_FRONT_MATTER = "The front matter is neither valid YAML nor TOML, so what it declares is not known. Mend it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The seams of one contract, as built from its options.

    Attributes:
        source: Where documents come from.
        scorer: Scores their quality.
        detectors: Find evidence about them.
        assess_fingerprint: Digest of everything that changes an assessment.
        chunker_fingerprint: Digest of everything that changes where chunks are cut.
    """

    source: Source
    scorer: Scorer
    detectors: tuple[Detector, ...]
    assess_fingerprint: str
    chunker_fingerprint: str


def state_key(tools: Tools, blob: RawBlob) -> str:
    """Returns the digest that is equal exactly when a document's outcome still holds.

    The place is in it because hits cite it: a source that moved is read again, and embeds nothing.
    """
    return _state_key(tools, blob.ref, blob.sha256, sha256_hex(blob.sidecar) if blob.sidecar else "")


def unread_key(tools: Tools, ref: SourceRef) -> str:
    """Returns the state key of a document that is refused unread, because of its size or its sidecar's."""
    changed = ref.modified_at.isoformat() if ref.modified_at else ""
    return _state_key(tools, ref, f"unread:{ref.size}:{changed}", "")


def _state_key(tools: Tools, ref: SourceRef, raw: str, sidecar: str) -> str:
    parts = {"raw": raw, "sidecar": sidecar, "uri": ref.uri}
    return fingerprint("state", {**parts, "assess": tools.assess_fingerprint, "chunker": tools.chunker_fingerprint})


def examine(contract: Contract, tools: Tools, entry: Entry, match: Matcher) -> Assessment:
    """Works out what is known about one document; its decision is final only where it has no text.

    Args:
        contract: The contract it comes under.
        tools: The contract's seams.
        entry: The due document.
        match: Looks the text up among the answers that the RAG system served.

    Returns:
        An assessment whose decision is `UNDECIDED` exactly when the document has text.
    """
    try:
        blob = tools.source.read(entry.ref)
    except SourceError as error:
        return _without_text(tools, entry.ref, None, judge_unread(error))
    except ParseError as error:
        return _without_text(tools, entry.ref, None, judge_unparsed(error))
    try:
        document = parse(blob, contract.parsers)
    except ParseError as error:
        return _without_text(tools, entry.ref, blob, judge_unparsed(error))
    return _with_text(contract, tools, blob, document, match)


def _with_text(contract: Contract, tools: Tools, blob: RawBlob, document: ParsedDocument, match: Matcher) -> Assessment:
    key = state_key(tools, blob)
    spec = contract.governance
    draft = Assessment(
        ref=blob.ref,
        state_key=key,
        revision_id=revision_id(blob.ref.doc_id, key),
        raw_sha256=blob.sha256,
        document=document,
        governance=_governance(document, blob, spec),
        language=language_of(document.text),
        updated_at=updated_at_of(document.metadata, blob.ref),
        score=tools.scorer.score(document),
        findings=(),
        origin=Origin(),
        passage_origins=(),
        violations=(),
        decision=UNDECIDED,
    )
    return _classify(draft, blob, tools.detectors, match)


def _without_text(tools: Tools, ref: SourceRef, blob: RawBlob | None, decision: Decision) -> Assessment:
    key = state_key(tools, blob) if blob else unread_key(tools, ref)
    if decision.outcome is Outcome.FAIL:
        key = ""
    return Assessment(
        ref=ref,
        state_key=key,
        revision_id=revision_id(ref.doc_id, key),
        raw_sha256=blob.sha256 if blob else "",
        document=None,
        governance=_NO_GOVERNANCE,
        language="und",
        updated_at=ref.modified_at,
        score=None,
        findings=(),
        origin=Origin(),
        passage_origins=(),
        violations=(),
        decision=decision,
    )


def _classify(draft: Assessment, blob: RawBlob, detectors: tuple[Detector, ...], match: Matcher) -> Assessment:
    """Adds evidence and the verdict on origin to an assessment that has text."""
    document = draft.document
    if document is None:
        return draft
    found = [finding for detector in detectors for finding in detector.detect(blob, document)]
    findings = (*_unreadable_declarations(document, blob), *found, *match(draft))
    origin, passages = verdict(findings)
    return replace(draft, findings=findings, origin=origin, passage_origins=passages)


def _governance(document: ParsedDocument, blob: RawBlob, spec: GovernanceSpec) -> Governance:
    """Returns the governance fields; none where a declaration cannot be read.

    What cannot be read may have said `restricted`: no default may speak in its place.
    """
    if _BROKEN_FRONT_MATTER in document.notes:
        return _NO_GOVERNANCE
    return governance_of(document.metadata, blob.sidecar, spec.required, spec.defaults)


def _unreadable_declarations(document: ParsedDocument, blob: RawBlob) -> tuple[Finding, ...]:
    problem = sidecar_problem(blob.sidecar)
    found = [(problem.code, problem.message)] if problem else []
    if _BROKEN_FRONT_MATTER in document.notes:
        found.append(("governance.front_matter.invalid", _MEND_FRONT_MATTER))
    return tuple(Finding(detector="governance/1", code=code, level="-", quote=message[:200]) for code, message in found)
