"""What came out: one line per rule, the worst of them, and how the documents are distributed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.drift.profile import Baseline, Profile
from contracts.model import CheckSpec, Contract, Enforcement, Verdict
from corpus.types import OnFail

_ORDER = tuple(Verdict)
_VERDICTS = {
    OnFail.BLOCK: Verdict.BLOCK,
    OnFail.QUARANTINE: Verdict.FAIL,
    OnFail.REPAIR: Verdict.FAIL,
    OnFail.WARN: Verdict.WARN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """How one rule came out.

    Attributes:
        spec: The rule.
        expected: What it asks, in words.
        actual: What was found, in words.
        failing: Ids of the documents that do not keep it, sorted; empty for a rule about a whole run.
        verdict: How bad that is, under the contract's enforcement.
        judged: Whether there was enough to judge it; where there was not, `actual` says what is missing.
    """

    spec: CheckSpec
    expected: str
    actual: str
    failing: tuple[str, ...]
    verdict: Verdict
    judged: bool = True

    def to_json(self) -> dict[str, Any]:
        """Returns the result as a JSON object."""
        return {
            "name": self.spec.name,
            "rule": self.spec.rule,
            "engine": self.spec.engine,
            "scope": self.spec.scope,
            "field": self.spec.field,
            "dimension": self.spec.dimension,
            "severity": self.spec.severity.value,
            "on_fail": self.spec.on_fail.value,
            "owner": self.spec.owner,
            "expected": self.expected,
            "actual": self.actual,
            "failing_count": len(self.failing),
            "failing": list(self.failing),
            "verdict": self.verdict.value,
            "judged": self.judged,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How far one column is from its baseline.

    Attributes:
        column: The column.
        statistic: What was measured.
        value: The figure; None where it cannot be judged.
        chance: What chance alone may give; None where the figure is counted.
        words: The figure in words, or why there is none.
    """

    column: str
    statistic: str
    value: float | None
    chance: float | None
    words: str

    def to_json(self) -> dict[str, Any]:
        """Returns the figure as a JSON object."""
        return {
            "column": self.column,
            "statistic": self.statistic,
            "value": self.value,
            "chance": self.chance,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReport:
    """How a contract came out.

    Attributes:
        contract: Name of the contract.
        version: Its version.
        digest: Its digest.
        enforcement: Its mode; with `warn` nothing is worse than a warning.
        documents: Documents that the next version would hold.
        results: One per rule, in the order of the contract.
        notices: What a person should know though no rule is broken.
        profile: How the documents are distributed; None where nobody measured it.
        baseline: What that is compared with; None on the first run.
        drift: How far each column is from it.
    """

    contract: str
    version: str
    digest: str
    enforcement: Enforcement
    documents: int
    results: tuple[RuleResult, ...]
    notices: tuple[str, ...] = ()
    profile: Profile | None = None
    baseline: Baseline | None = None
    drift: tuple[ColumnDrift, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any rule; a pass where there is no rule."""
        return worst(result.verdict for result in self.results)

    @property
    def blocking(self) -> tuple[RuleResult, ...]:
        """The rules that stop the run."""
        return tuple(result for result in self.results if result.verdict is Verdict.BLOCK)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as a JSON object of plain lists, dictionaries and scalars."""
        return {
            "contract": self.contract,
            "version": self.version,
            "digest": self.digest,
            "enforcement": self.enforcement,
            "documents": self.documents,
            "verdict": self.verdict.value,
            "rules": [result.to_json() for result in self.results],
            "notices": list(self.notices),
            "profile": self.profile.to_json() if self.profile else None,
            "baseline": _baseline_json(self.baseline) if self.baseline else None,
            "drift": [item.to_json() for item in self.drift],
        }


def _baseline_json(baseline: Baseline) -> dict[str, Any]:
    return {
        "run_id": baseline.run_id,
        "accepted_at": baseline.accepted_at.isoformat(),
        "profile": baseline.profile.to_json(),
    }


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Returns the worst of some verdicts; a pass of none."""
    return max(verdicts, key=_ORDER.index, default=Verdict.PASS)


def verdict_of(spec: CheckSpec, *, failed: bool, enforcement: Enforcement) -> Verdict:
    """Returns how bad a rule's outcome is: nothing is worse than a warning while enforcement is `warn`."""
    if not failed:
        return Verdict.PASS
    return Verdict.WARN if enforcement == "warn" else _VERDICTS[spec.on_fail]


def report_of(contract: Contract, documents: int, results: Iterable[RuleResult]) -> ContractReport:
    """Returns the report of a contract's results."""
    return ContractReport(
        contract=contract.name,
        version=contract.version,
        digest=contract.digest,
        enforcement=contract.enforcement,
        documents=documents,
        results=tuple(results),
    )
