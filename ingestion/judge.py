"""The decision about one document: a pure function of everything that is known about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from corpus.catalog.decisions import SPLIT
from corpus.catalog.records import OverrideRecord
from corpus.errors import ParseError, SourceError, TornRead
from corpus.types import Decision, Edit, Finding, OnFail, Outcome, Reason, Score, Violation
from ingestion.splitting.cut import STALE, cut_in

_STALE = Reason(
    code=STALE,
    message="a person cut this document, and its text is another one now: a newer parser reads its bytes otherwise. "
    "Cut it again, or release or reject it whole.",
)
HOLDS = frozenset({OnFail.BLOCK, OnFail.QUARANTINE, OnFail.REPAIR})
"""What a rule may say on failure that keeps a document out."""


def judge_unread(error: SourceError) -> Decision:
    """Returns the decision about a document whose bytes could not be read: none was possible."""
    code = "source.torn_read" if isinstance(error, TornRead) else f"source.{type(error).__name__.lower()}"
    return Decision(outcome=Outcome.FAIL, reasons=(Reason(code=code, message=_sayable(error)),))


def judge_unparsed(error: ParseError) -> Decision:
    """Returns the decision about bytes that no parser can turn into text."""
    return Decision(outcome=Outcome.REJECT, reasons=(Reason(code=f"parse.{error.code}", message=_sayable(error)),))


def _sayable(error: Exception) -> str:
    """Returns an error's message as UTF-8 can say it: file names may hold bytes that are no text."""
    return str(error).encode("utf-8", "replace").decode("utf-8")


def judge(
    *,
    violations: Iterable[Violation],
    score: Score | None,
    findings: Iterable[Finding],
    enforcement: str,
    override: OverrideRecord | None,
    repairs: Iterable[Edit] = (),
) -> Decision:
    """Decides about a parsed document.

    A person's override wins and is named as the actor. Otherwise a text that is unusable whatever
    its score, or that breaks a rule whose `onFail` holds documents back, is quarantined; with
    enforcement `warn` it is accepted and the reasons stay on it. What is admitted with repairs says so.

    A split overrides no rule: what a person keeps of a document is judged like any other text. A document that was cut
    and reads otherwise now is held, whatever its rules say: nobody looked at what it says.

    Args:
        violations: Row rules that the document broke.
        score: Its quality.
        findings: Evidence found in it, quoted as the place of the reasons that rest on it.
        enforcement: `block` or `warn`, as the contract says.
        override: What a person decided about exactly these bytes.
        repairs: What was repaired in its text.
    """
    broken, evidence, repairs = tuple(violations), tuple(findings), tuple(repairs)
    fatal = tuple(_fatal(code) for code in (score.fatal if score else ()))
    notes = tuple(
        Reason(code=finding.code, message=finding.quote)
        for finding in evidence
        if finding.level == "-" and finding.code.startswith("governance.")
    )
    reasons = (
        *_split(override),
        *fatal,
        *notes,
        *(_reason(violation, evidence) for violation in broken),
        *_repaired(repairs),
    )
    if any(finding.code == STALE for finding in evidence) and not _rejected(override):
        return Decision(outcome=Outcome.QUARANTINE, reasons=(_STALE, *reasons))
    if override is not None and override.outcome != SPLIT:
        note = Reason(code="override", message=f"{override.outcome} by {override.actor}: {override.reason}")
        return Decision(outcome=Outcome(override.outcome), reasons=(note, *reasons), actor=override.actor)
    held = bool(fatal) or any(violation.on_fail in HOLDS for violation in broken)
    if held and enforcement != "warn":
        return Decision(outcome=Outcome.QUARANTINE, reasons=reasons)
    return Decision(outcome=Outcome.REPAIR if repairs else Outcome.ACCEPT, reasons=reasons)


def _rejected(override: OverrideRecord | None) -> bool:
    return override is not None and override.outcome == Outcome.REJECT.value


def _split(override: OverrideRecord | None) -> tuple[Reason, ...]:
    cut = cut_in(override.parts) if override is not None else None
    if override is None or cut is None or not cut.dropped:
        return ()
    by = f" by {override.actor}: {override.reason}" if override.outcome == SPLIT else ""
    return (Reason(code="override.split", message=f"split{by} ({cut.words()})"),)


def holds_back(violations: Iterable[Violation], enforcement: str) -> bool:
    """Returns whether documents that break these rules are held, under the contract's enforcement."""
    return enforcement != "warn" and any(violation.on_fail in HOLDS for violation in violations)


def reasons_of(violations: Iterable[Violation], findings: Iterable[Finding]) -> tuple[Reason, ...]:
    """Returns what to tell a person about broken rules, each with the evidence that it rests on."""
    evidence = tuple(findings)
    return tuple(_reason(violation, evidence) for violation in violations)


def _repaired(repairs: Iterable[Edit]) -> tuple[Reason, ...]:
    made = Counter(edit.code for edit in repairs)
    return tuple(
        Reason(code=f"repair.{code}", message=f"{code.replace('_', ' ')} repaired in {count} places; it can be undone")
        for code, count in sorted(made.items())
    )


def _fatal(code: str) -> Reason:
    return Reason(
        code=f"quality.{code}", message=f"the text is unusable: {code.replace('_', ' ')}", rule="quality_score"
    )


def _reason(violation: Violation, findings: Sequence[Finding]) -> Reason:
    evidence = _evidence(violation.rule, findings)
    where = f"{violation.field}: " if violation.field and violation.field != "findings" else ""
    return Reason(
        code=f"rule.{violation.rule}",
        message=f"{where}expected {violation.expected}, found {violation.actual}",
        rule=violation.rule,
        span=evidence.span if evidence else None,
        quote=evidence.quote if evidence else "",
    )


_EVIDENCE = {
    "self_ingestion": "answer.ma",  # answer.match and answer.marked
    "paraphrase": "answer.paraphrase",
    "hidden_text": "hidden.",
    "instruction_text": "instruction.",
    "near_duplicate": "duplicate.",
    "conflict": "family.conflict",
    "poisoning": "poison.",
}
"""Rule to the codes of the findings that it is judged on."""


def evidence_prefix(rule: str) -> str:
    """Returns what the codes of the findings begin with that a rule is judged on; empty for a rule of figures."""
    return _EVIDENCE.get(rule, "")


def _evidence(rule: str, findings: Sequence[Finding]) -> Finding | None:
    """Returns the finding that a person should look at first: one with a place in the text, if any has."""
    prefix = evidence_prefix(rule)
    found = [finding for finding in findings if prefix and finding.code.startswith(prefix)]
    return next((finding for finding in found if finding.span is not None), next(iter(found), None))
