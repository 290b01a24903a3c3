"""The contract's limits on origin, laid to a candidate as it would be served: depth, own answers, share of AI text.

Admission lays the same rules to what comes in. Here they are laid to the whole: to what stands, to what people let in,
and to chunks, which admission has not cut yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from contracts.facts import BatchFacts, known_origins
from contracts.model import CheckSpec, Contract
from contracts.rules.table import RULES, ai_share
from contracts.text.thresholds import holds
from contracts.wording import expected_of
from corpus import batches
from corpus.types import OnFail, utc_now
from index import gates, layout

_DOCUMENT_GATES: dict[str, Callable[..., gates.GateResult]] = {
    "generation_depth": gates.depth,
    "self_ingestion": gates.self_ingestion,
}
_SHARE = "ai_generated_share"
_COLUMNS = ["doc_id", "generation_depth", "digital_source_type", "origin_basis", "findings", "reasons"]
_ORIGIN = ["digital_source_type", "origin_basis"]
_OVERRIDE = '"override"'


def origin_gates(contract: Contract, folder: Path, *, forced: bool = False) -> tuple[gates.GateResult, ...]:
    """Judges a built candidate by those of its contract's rules that speak of origin.

    A rule that quarantines lets pass what a person let in; one that blocks does not; one that warns is reported.

    Args:
        contract: The contract.
        folder: Where the candidate's files are.
        forced: Whether a person insisted on the release, with a reason.

    Returns:
        One result per such rule, in the order of the contract; none where it has none.
    """
    checks = [check for check in contract.checks if check.rule in (*_DOCUMENT_GATES, _SHARE)]
    broken: dict[str, dict[str, str]] = {check.name: {} for check in checks}
    released: set[str] = set()
    for row in _rows(folder, checks):
        for check, words in _broken(checks, row):
            broken[check.name][row["doc_id"]] = words
            if _OVERRIDE in row["reasons"]:
                released.add(row["doc_id"])
    found = []
    for check in checks:
        limit = _limit(contract, check, forced=forced)
        if check.rule == _SHARE:
            found.append(_share_gate(check, limit, folder))
        else:
            found.append(_DOCUMENT_GATES[check.rule](limit, broken[check.name], released))
    return tuple(found)


def _rows(folder: Path, checks: list[CheckSpec]) -> Iterator[dict[str, Any]]:
    if any(check.rule in _DOCUMENT_GATES for check in checks):
        yield from batches.stream_rows(folder / layout.DOCUMENTS, _COLUMNS)


def _broken(checks: list[CheckSpec], row: dict[str, Any]) -> Iterator[tuple[CheckSpec, str]]:
    for check in checks:
        judge = RULES[check.rule].row
        words = judge(check, row, utc_now()) if judge is not None else None
        if words is not None:
            yield check, words


def _limit(contract: Contract, check: CheckSpec, *, forced: bool) -> gates.Limit:
    return gates.Limit(
        words=expected_of(check),
        strict=check.on_fail is OnFail.BLOCK,
        warns=check.on_fail is OnFail.WARN or contract.enforcement == "warn",
        forced=forced,
    )


def _share_gate(check: CheckSpec, limit: gates.Limit, folder: Path) -> gates.GateResult:
    documents, chunks = (known_origins(_origins(folder / name)) for name in (layout.DOCUMENTS, layout.CHUNKS))
    share, words = ai_share(check, BatchFacts(documents=documents.total(), origins=documents, chunk_origins=chunks))
    return gates.ai_share(limit, words, kept=check.threshold is None or holds(check.threshold, share))


def _origins(path: Path) -> Iterator[tuple[str, str]]:
    for batch in batches.stream_batches(path, _ORIGIN):
        yield from zip(*(batch.column(name).to_pylist() for name in _ORIGIN), strict=True)
