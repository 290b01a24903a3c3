"""The decision about one document: a pure function of everything that is known about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from corpus.catalog.records import OverrideRecord
from corpus.errors import ParseError, SourceError, TornRead
from corpus.types import Decision, Finding, OnFail, Outcome, Reason, Score, Violation

_HOLDS = frozenset({OnFail.BLOCK, OnFail.QUARANTINE, OnFail.REPAIR})


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
) -> Decision:
    """Decides about a parsed document.

    A person's override wins and is named as the actor. Otherwise a text that is unusable whatever
    its score, or that breaks a rule whose `onFail` holds documents back, is quarantined; with
    enforcement `warn` it is accepted and the reasons stay on it.

    Args:
        violations: Row rules that the document broke.
        score: Its quality.
        findings: Evidence found in it, quoted as the place of the reasons that rest on it.
        enforcement: `block` or `warn`, as the contract says.
        override: What a person decided about exactly these bytes.
    """
    broken, evidence = tuple(violations), tuple(findings)
    places = {finding.code: finding for finding in evidence if finding.span is not None}
    fatal = tuple(_fatal(code) for code in (score.fatal if score else ()))
    notes = tuple(Reason(code=finding.code, message=finding.quote) for finding in evidence if finding.level == "-")
    reasons = (*fatal, *notes, *(_reason(violation, places) for violation in broken))
    if override is not None:
        note = Reason(code="override", message=f"{override.outcome} by {override.actor}: {override.reason}")
        return Decision(outcome=Outcome(override.outcome), reasons=(note, *reasons), actor=override.actor)
    held = bool(fatal) or any(violation.on_fail in _HOLDS for violation in broken)
    outcome = Outcome.QUARANTINE if held and enforcement != "warn" else Outcome.ACCEPT
    return Decision(outcome=outcome, reasons=reasons)


def _fatal(code: str) -> Reason:
    return Reason(
        code=f"quality.{code}", message=f"the text is unusable: {code.replace('_', ' ')}", rule="quality_score"
    )


def _reason(violation: Violation, places: Mapping[str, Finding]) -> Reason:
    evidence = places.get("answer.match") if violation.rule == "self_ingestion" else None
    where = f"{violation.field}: " if violation.field else ""
    return Reason(
        code=f"rule.{violation.rule}",
        message=f"{where}expected {violation.expected}, found {violation.actual}",
        rule=violation.rule,
        span=evidence.span if evidence else None,
        quote=evidence.quote if evidence else "",
    )
