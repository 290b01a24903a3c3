"""Estimates the share of AI-written text in a version when it is built, and again when a person asks; keeps both.

What the model said of each document was found when the document was judged and stands in the version, so no text is
read and no model is asked. An estimate is as good as a model that expires: it stands in the catalog with its date, and
in no manifest. One that a person asked for stands in the audit log too, with their name and reason.
"""

from __future__ import annotations

import logging
from typing import Any

from contracts.model import Contract
from corpus.catalog import audit, estimates, versions
from corpus.catalog.estimates import EstimateRecord
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, StemmaError
from corpus.types import utc_now
from index.layout import version_name
from ingestion.runtime import Runtime

_log = logging.getLogger(__name__)


def after_build(runtime: Runtime, contract: Contract, version: VersionRecord | None) -> dict[str, float]:
    """Keeps the estimate of a version that was just built, where the contract names a model.

    The version is released by then: that nothing can be estimated undoes nothing, and is logged.

    Returns:
        Figures for the receipt: the interval, where there is one.
    """
    if version is None or not contract.origin.model:
        return {}
    try:
        found = _kept(runtime, contract.name, version.number)
    except (StemmaError, OSError) as error:
        _log.warning("the AI share of %s v%06d is not estimated: %s", contract.name, version.number, error)
        return {}
    if found.report["low"] is None:
        return {}
    return {"ai_estimated_low": found.report["low"], "ai_estimated_high": found.report["high"]}


def estimate_version(runtime: Runtime, contract: str, number: int | None = None, *, reason: str) -> EstimateRecord:
    """Estimates one version anew, keeps that beside earlier ones, and writes who asked for it to the audit log.

    Args:
        runtime: The project; its `actor` is who asks.
        contract: Name of the contract.
        number: The version; None for the one that serves.
        reason: Why; not empty.

    Raises:
        ConfigurationError: There is no such version, or no reason.
        DigestMismatch: Its documents are not those that its manifest names.
        IntegrityError: Its manifest or a model card is not what was signed.
    """
    if not reason.strip():
        raise ConfigurationError(
            "an estimate that is kept needs a reason: give --reason '...', it goes into the audit log."
        )
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract, "live")
        wanted = number or (live.number if live else 0)
        known = versions.get(tx, contract, wanted) if wanted else None
    if known is None:
        raise ConfigurationError(
            f"{contract} has no version {version_name(wanted) if wanted else 'that serves'}: nothing can be estimated."
        )
    return _kept(runtime, contract, known.number, reason.strip())


def _kept(runtime: Runtime, contract: str, number: int, reason: str = "") -> EstimateRecord:
    from ingestion.shares import shares  # noqa: PLC0415 - brings numpy

    found = shares(runtime, contract, "version", number=number)
    report = found[0]["estimated"] if found else {"point": None, "low": None, "high": None, "why_not": "no documents"}
    record = EstimateRecord(name=contract, number=number, measured_at=utc_now(), report=report)
    with runtime.catalog.transaction() as tx:
        if reason:
            subject, detail = f"{contract}@{version_name(number)}", _detail(record, reason)
            audit.append(tx, actor=runtime.settings.actor, action="origin.estimate", subject=subject, detail=detail)
        estimates.add(tx, record)
    return record


def _detail(record: EstimateRecord, reason: str) -> dict[str, Any]:
    told = {name: record.report.get(name) for name in ("point", "low", "high", "model", "why_not")}
    return {"reason": reason, **{name: value for name, value in told.items() if value not in (None, "")}}
