"""Everything that can be known about one document, in the order that keeps evidence intact.

Read at a stable revision, inspect the bytes, match the text against served answers, classify. The
contract's rules and the decision come after, over the whole shard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.model import ORIGIN, Contract, GovernanceSpec
from corpus.errors import ParseError, SourceError
from corpus.ids import fingerprint, judged_digest, revision_id, sha256_hex
from corpus.seams import Source
from corpus.types import (
    Assessment,
    Basis,
    Decision,
    Finding,
    Governance,
    Origin,
    Outcome,
    ParsedDocument,
    RawBlob,
    Score,
    SourceRef,
    utc_now,
)
from ingestion.governance import declared_beside, governance_of, sidecar_problem, updated_at_of
from ingestion.inspect import Inspection, Recipe
from ingestion.judge import judge_unparsed, judge_unread
from ingestion.relations.families import author_of
from ingestion.scorers.context import ScoreContext, with_context
from ingestion.snapshot import Entry
from ingestion.splitting.cut import NO_CUTS, Cut, Cuts
from ingestion.splitting.narrow import lean
from ingestion.statistical import Statistics
from provenance.classify import verdict
from provenance.declarations import declarations

Matcher = Callable[[Assessment], tuple[Finding, ...]]
Inspect = Callable[[Recipe, RawBlob], Inspection]

UNDECIDED = Decision(outcome=Outcome.FAIL)
OVERRAN = ("timeout", "memory", "crash")
"""Codes of what a worker was ended for: only these depend on its limits."""
_NO_GOVERNANCE = Governance(values={}, basis={})
_BROKEN_FRONT_MATTER = "front_matter_invalid"
_MEND_FRONT_MATTER = "The front matter is neither valid YAML nor TOML, so what it declares is not known. Mend it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What assessing the documents of one contract needs.

    Attributes:
        source: Where documents come from.
        recipe: What to do with their bytes.
        assess_fingerprint: Digest of everything that changes an assessment.
        limits_fingerprint: Digest of the limits of a worker: they change what overran them, and nothing else.
        chunker_fingerprint: Digest of everything that changes where chunks are cut.
        statistics: The statistical model that the contract names; None where it names none.
    """

    source: Source
    recipe: Recipe
    assess_fingerprint: str
    limits_fingerprint: str
    chunker_fingerprint: str
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What is known about one document.

    Attributes:
        assessment: With every repair that all documents get. Its decision is `UNDECIDED` exactly
            when the document has text.
        mended: The same with more repairs, for the case that a rule asks for them.
    """

    assessment: Assessment
    mended: Assessment | None = None


def state_key(tools: Tools, blob: RawBlob) -> str:
    """Returns the digest that is equal exactly when a document's outcome still holds.

    The place is in it because hits cite it: a source that moved is read again, and embeds nothing.
    """
    return key_of(tools, blob.ref, blob.sha256, sidecar_digest(blob))


def key_of(tools: Tools, ref: SourceRef, raw_sha256: str, sidecar_sha256: str) -> str:
    """Returns the same of a document whose bytes, and what is beside them, are known by their digests."""
    return _state_key(tools, ref, raw_sha256, sidecar_sha256)


def limited_key(tools: Tools, key: str) -> str:
    """Returns the state key of a document that overran the limits: under other limits it may be readable."""
    return fingerprint("limited", {"key": key, "limits": tools.limits_fingerprint})


def sidecar_digest(blob: RawBlob) -> str:
    """Returns the digest of what is beside a document, metadata and manifest; empty where there is nothing."""
    if blob.manifest:
        return fingerprint("beside", {"sidecar": sha256_hex(blob.sidecar), "manifest": sha256_hex(blob.manifest)})
    return sha256_hex(blob.sidecar) if blob.sidecar else ""


def cut_key(key: str, cut: Cut) -> str:
    """Returns what takes the place of a state key in the id of a revision of which a person dropped parts.

    What is kept is another content than the whole, though the bytes are the same.
    """
    return fingerprint("split", {"key": key, "cut": cut.digest})


def unread_key(tools: Tools, ref: SourceRef) -> str:
    """Returns the state key of a document that is refused unread, because of its size or its sidecar's."""
    changed = ref.modified_at.isoformat() if ref.modified_at else ""
    return _state_key(tools, ref, f"unread:{ref.size}:{changed}", "")


def _state_key(tools: Tools, ref: SourceRef, raw: str, sidecar: str) -> str:
    parts = {"raw": raw, "sidecar": sidecar, "uri": ref.uri}
    return fingerprint("state", {**parts, "assess": tools.assess_fingerprint, "chunker": tools.chunker_fingerprint})


def examine(
    contract: Contract, tools: Tools, entry: Entry, match: Matcher, inspect: Inspect, cuts: Cuts = NO_CUTS
) -> Examined:
    """Works out what is known about one document; its decision is final only where it has no text.

    Args:
        contract: The contract it comes under.
        tools: What assessing its documents needs.
        entry: The due document.
        match: Looks the text up among the answers that the RAG system served.
        inspect: Works out what the bytes are, within limits.
        cuts: Which parts of documents people keep, by what they looked at.
    """
    try:
        blob = tools.source.read(entry.ref)
    except SourceError as error:
        return Examined(assessment=_without_text(tools, entry.ref, None, judge_unread(error)))
    except ParseError as error:
        return Examined(assessment=_without_text(tools, entry.ref, None, judge_unparsed(error)))
    cut = cuts.get((entry.ref.doc_id, judged_digest(blob.sha256, sidecar_digest(blob))))
    recipe = tools.recipe if cut is None else replace(tools.recipe, cut=cut)
    try:
        found = inspect(recipe, blob)
    except ParseError as error:
        limited = error.code in OVERRAN
        return Examined(assessment=_without_text(tools, entry.ref, blob, judge_unparsed(error), limited=limited))
    return Examined(
        assessment=_with_text(contract, tools, blob, found, match, cut),
        mended=_with_text(contract, tools, blob, found.mended, match) if found.mended else None,
    )


def _with_text(
    contract: Contract, tools: Tools, blob: RawBlob, found: Inspection, match: Matcher, cut: Cut | None = None
) -> Assessment:
    key = state_key(tools, blob)
    document = replace(found.document, metadata={**found.document.metadata, **declared_beside(blob.sidecar)})
    governance = _governance(document, blob, contract.governance)
    updated_at = updated_at_of(document.metadata, blob.ref)
    draft = Assessment(
        ref=blob.ref,
        state_key=key,
        revision_id=revision_id(blob.ref.doc_id, cut_key(key, cut) if found.whole and cut else key),
        raw_sha256=blob.sha256,
        document=document,
        governance=governance,
        language=found.language,
        updated_at=updated_at,
        score=_score(contract, replace(found, document=document), governance, updated_at),
        findings=found.findings,  # the look-up judges the marks among them
        origin=Origin(),
        passage_origins=(),
        violations=(),
        decision=UNDECIDED,
        repairs=found.repairs,
        sketch=found.sketch,
        sidecar_sha256=sidecar_digest(blob),
        whole=found.whole,
    )
    modelled = tools.statistics.detect(blob, lean(document)) if tools.statistics else ()
    findings = (
        *_unreadable_declarations(document, blob),
        *found.findings,
        *_declared_outside(contract.governance, blob),
        *match(draft),
        *modelled,
    )
    origin, passages = verdict(findings)
    return replace(draft, findings=findings, origin=origin, passage_origins=passages)


def _score(contract: Contract, found: Inspection, governance: Governance, updated_at: datetime | None) -> Score:
    """Adds to the score of the text what only its surroundings tell.

    Freshness depends on the day, so it is told only where the contract gives it weight: without that,
    the same work gives the same files on any day.
    """
    weights = contract.quality.weights
    surroundings = ScoreContext(
        fields={name: governance.values.get(name, "") for name in contract.governance.required},
        tier=contract.trust.tier,
        authors=tuple(author_of({"author": name}) for name in contract.trust.authors),
        author=author_of(found.document.metadata),
        updated_at=updated_at,
        as_of=utc_now() if weights.get("freshness") else None,
    )
    return with_context(found.score, surroundings, weights)


def _without_text(
    tools: Tools, ref: SourceRef, blob: RawBlob | None, decision: Decision, *, limited: bool = False
) -> Assessment:
    key = state_key(tools, blob) if blob else unread_key(tools, ref)
    key = limited_key(tools, key) if limited else key
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
        sidecar_sha256=sidecar_digest(blob) if blob else "",
    )


def _governance(document: ParsedDocument, blob: RawBlob, spec: GovernanceSpec) -> Governance:
    """Returns the governance fields; none where a declaration cannot be read.

    What cannot be read may have said `restricted`: no default may speak in its place.
    """
    if _BROKEN_FRONT_MATTER in document.notes:
        return _NO_GOVERNANCE
    defaults = {name: value for name, value in spec.defaults.items() if name != ORIGIN}
    return governance_of(document.metadata, blob.sidecar, spec.required, defaults)


def _declared_outside(spec: GovernanceSpec, blob: RawBlob) -> tuple[Finding, ...]:
    """Returns what the sidecar declares about origin; where it declares nothing, what the contract does.

    A sidecar that cannot be read may have said something else, so nothing speaks in its place.
    """
    if sidecar_problem(blob.sidecar):
        return ()
    beside = declarations(declared_beside(blob.sidecar), "sidecar")
    if any(finding.basis is not Basis.NONE for finding in beside) or ORIGIN not in spec.defaults:
        return beside
    return (*beside, *declarations({ORIGIN: spec.defaults[ORIGIN]}, "contract"))


def _unreadable_declarations(document: ParsedDocument, blob: RawBlob) -> tuple[Finding, ...]:
    problem = sidecar_problem(blob.sidecar)
    found = [(problem.code, problem.message)] if problem else []
    if _BROKEN_FRONT_MATTER in document.notes:
        found.append(("governance.front_matter.invalid", _MEND_FRONT_MATTER))
    return tuple(Finding(detector="governance/1", code=code, level="-", quote=message[:200]) for code, message in found)
