"""What a contract promises, in one line: for lists of contracts. `contracts.explain` says all of it."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.model import CheckSpec, Contract
from contracts.text.thresholds import words
from contracts.text.timing import days_words
from corpus.types import OnFail

_ASKED = {"quality_score": "quality {}", "ai_generated_share": "AI share {}", "self_ingestion": "own answers {}"}
"""Rules with a threshold that a reader looks for first, and how they are said."""


def gist(contract: Contract) -> str:
    """Returns the promises of a contract that matter most, in one line.

    Args:
        contract: A valid contract.
    """
    return "; ".join(_parts(contract)) + "."


def _parts(contract: Contract) -> Iterator[str]:
    stops = sum(check.on_fail is OnFail.BLOCK for check in contract.checks)
    yield f"{len(contract.checks)} rules" + (f", {stops} of which stop a run" if stops else "")
    if contract.enforcement == "warn":
        yield "nothing is held back (ragEnforcement: warn)"
    for rule, said in _ASKED.items():
        check = _first(contract, rule)
        if check is not None and check.threshold is not None:
            yield said.format(words(check.threshold))
    languages = _first(contract, "language")
    if languages is not None:
        yield f"language {' or '.join(map(str, languages.arguments.get('allowed', ())))}"
    if contract.freshness is not None:
        yield f"changed within {days_words(contract.freshness.max_age_days)}"
    if contract.governance.max_validation_age_days is not None:
        yield f"validated within {days_words(contract.governance.max_validation_age_days)}"
    yield f"{len(contract.governance.required)} governance fields known"


def _first(contract: Contract, rule: str) -> CheckSpec | None:
    return next((check for check in contract.checks if check.rule == rule), None)
