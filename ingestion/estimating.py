"""Estimates the share of AI-written text in a version when it is built, and again when a person asks; keeps both.

What the model said of each document was found when the document was judged and stands in the version, so no text is
read and no model is asked. An estimate is as good as a model that expires: it stands in the catalog with its date, and
in no manifest.
"""

from __future__ import annotations

import logging

from contracts.model import Contract
from corpus.catalog import estimates, versions
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


def estimate_version(runtime: Runtime, contract: str, number: int | None = None) -> EstimateRecord:
    """Estimates one version anew and keeps that beside earlier ones.

    Args:
        runtime: The project.
        contract: Name of the contract.
        number: The version; None for the one that serves.

    Raises:
        ConfigurationError: There is no such version.
        DigestMismatch: Its documents are not those that its manifest names.
        IntegrityError: Its manifest or a model card is not what was signed.
    """
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract, "live")
        wanted = number or (live.number if live else 0)
        known = versions.get(tx, contract, wanted) if wanted else None
    if known is None:
        raise ConfigurationError(
            f"{contract} has no version {version_name(wanted) if wanted else 'that serves'}: nothing can be estimated."
        )
    return _kept(runtime, contract, known.number)


def _kept(runtime: Runtime, contract: str, number: int) -> EstimateRecord:
    from ingestion.shares import shares  # noqa: PLC0415 - brings numpy

    found = shares(runtime, contract, "version", number=number)
    report = found[0]["estimated"] if found else {"point": None, "low": None, "high": None, "why_not": "no documents"}
    record = EstimateRecord(name=contract, number=number, measured_at=utc_now(), report=report)
    with runtime.catalog.transaction() as tx:
        estimates.add(tx, record)
    return record
