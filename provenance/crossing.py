"""Where hidden text and orders to a model meet: each says of the other what a rule must know.

Runs once all detectors are done, on findings alone: it knows no text and no detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from corpus.types import Finding, Span
from provenance.instructions import instructions_in

_HIDDEN, _ORDER = "hidden.", "instruction."


def cross(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Marks orders that are hidden, and hidden text that gives orders.

    An order whose place overlaps hidden text gets `detail.hidden`; the hidden text gets `detail.instruction`. Hidden
    text that gives orders but has no such partner, because it never reached the text or the order was not seen in
    it, gets one: a finding `instruction.<kind>` with `detail.hidden`, at its place if it has one.

    Args:
        findings: All findings about one document, in any order.

    Returns:
        The same findings in the same order, those that were added last. Doing it again changes nothing.
    """
    known = tuple(findings)
    hidden = [finding for finding in known if finding.code.startswith(_HIDDEN)]
    if not hidden:
        return known
    orders = [finding for finding in known if finding.code.startswith(_ORDER)]
    marked = tuple(_marked(finding, hidden, orders) for finding in known)
    partners = [finding for finding in marked if finding.code.startswith(_ORDER)]
    lone = (finding for finding in marked if finding.code.startswith(_HIDDEN) and finding.detail.get("instruction"))
    return (*marked, *(_partner(finding) for finding in lone if not _has_partner(finding, partners)))


def _marked(finding: Finding, hidden: Sequence[Finding], orders: Sequence[Finding]) -> Finding:
    if finding.code.startswith(_ORDER) and any(_overlap(finding.span, other.span) for other in hidden):
        return replace(finding, detail={**finding.detail, "hidden": True})
    if finding.code.startswith(_HIDDEN):
        gives = (
            bool(finding.detail.get("instruction"))
            or any(_overlap(finding.span, other.span) for other in orders)
            or bool(instructions_in(finding.quote))
        )
        return replace(finding, detail={**finding.detail, "instruction": gives})
    return finding


def _has_partner(finding: Finding, orders: Sequence[Finding]) -> bool:
    if finding.span is not None:
        return any(_overlap(finding.span, other.span) for other in orders)
    return any(other.span is None and other.quote == finding.quote for other in orders)


def _partner(finding: Finding) -> Finding:
    said = instructions_in(finding.quote)
    best = max(said, key=lambda passage: passage.score, default=None)
    detail = {"hidden": True, "from": finding.code}
    if best is not None:
        detail |= {"score": best.score, "cues": list(best.cues)}
    return replace(finding, code=f"{_ORDER}{best.kind if best else 'hidden'}", detail=detail)


def _overlap(one: Span | None, other: Span | None) -> bool:
    return one is not None and other is not None and one.start < other.end and other.start < one.end
