"""From evidence to a verdict on origin: the ladder, and nothing else.

Unknown by default: the absence of a mark never makes a text human. A match with a served answer (E2) wins; then a
signed manifest whose signer is trusted (E1); then what is declared, signed by somebody unknown (E1b) or not at all
(E3): anybody can sign, so a signature nobody vouches for weighs no more than a word. Interface residue (E4) decides
about its passage only; dialogue residue (E5) suspects; statistics (E6) and findings about links never decide. The
order of the findings does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from corpus.types import Basis, Finding, Origin, OriginKind, Scope, Span

LADDER = ("E2", "E1", "E1b", "E3", "E4", "E5")
"""The rungs that speak of origin, strongest first."""
_RANKS = {"E2": 0, "E1": 1, "E1b": 2, "E3": 2, "E4": 3, "E5": 4}
_DECIDES = frozenset({"E1", "E1b", "E2", "E3"})
_MAY_SAY_HUMAN = frozenset({"E1", "E1b", "E3"})
_BASES = (Basis.MATCHED, Basis.DECLARED, Basis.SUSPECTED)
# Two declarations of one weight that contradict each other: the one that keeps AI text visible holds.
_KINDS = (OriginKind.AI_GENERATED, OriginKind.AI_ASSISTED, OriginKind.HUMAN)

PassageOrigins = tuple[tuple[Span, Origin], ...]


def verdict(findings: Iterable[Finding]) -> tuple[Origin, PassageOrigins]:
    """Weighs all evidence about one document.

    Args:
        findings: In any order. `detail.generation_depth` of an E2 finding is 1 + the depth of what the
            answer retrieved (1 when it says nothing); `detail.passage` of an E4 finding is the
            `[start, end]` of the passage around it.

    Returns:
        The verdict on the document, and those on passages, by place; a place has one verdict.
    """
    usable = [finding for finding in findings if speaks(finding)]
    whole = [origin_of(finding) for finding in usable if _of_document(finding)]
    places: dict[Span, Origin] = {}
    for finding in usable:
        span = passage_of(finding)
        if span is not None:
            places[span] = _strongest([origin_of(finding), *([places[span]] if span in places else [])])
    return _strongest(whole), tuple(sorted(places.items(), key=lambda item: item[0]))


def speaks(finding: Finding) -> bool:
    """Whether a finding says anything about the origin of text, at a rung where it may."""
    if finding.level not in _RANKS or finding.scope is Scope.LINK or finding.basis is Basis.NONE:
        return False
    if finding.origin is OriginKind.HUMAN:
        return finding.level in _MAY_SAY_HUMAN and finding.basis is Basis.DECLARED
    return finding.origin is not OriginKind.UNKNOWN


def passage_of(finding: Finding) -> Span | None:
    """Returns the passage that a finding decides about; None where it decides about none."""
    if finding.scope is not Scope.PASSAGE or finding.level == "E5":
        return None
    around = finding.detail.get("passage")
    return Span(start=int(around[0]), end=int(around[1])) if around else finding.span


def origin_of(finding: Finding) -> Origin:
    """Returns what one finding, taken alone, makes of the origin."""
    decides = finding.level in _DECIDES or finding.level == "E4"
    return Origin(
        kind=finding.origin,
        basis=finding.basis if decides else Basis.SUSPECTED,
        scope=Scope.PASSAGE if finding.level == "E4" else finding.scope,
        level=finding.level,
        generation_depth=int(finding.detail.get("generation_depth", 1)) if finding.level == "E2" else 0,
    )


def _of_document(finding: Finding) -> bool:
    return finding.scope is Scope.DOCUMENT and finding.level != "E4"


def _strongest(origins: list[Origin]) -> Origin:
    """Returns the strongest verdict: what decides before what suspects, then by weight, then by kind."""
    return min(origins, key=_rank, default=Origin())


def _rank(origin: Origin) -> tuple[bool, int, int, int, int, int]:
    return (
        origin.basis is Basis.SUSPECTED,
        _RANKS[origin.level],
        _BASES.index(origin.basis),
        _KINDS.index(origin.kind),
        LADDER.index(origin.level),
        -origin.generation_depth,
    )
