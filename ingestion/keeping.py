"""What may be kept of an answer, and until when: as the contract says whose index served it.

An answer that does not name its index may have come from any: the strictest contract of the project speaks
for it. So does a name that no contract has.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from contracts.model import AnswerSpec
from corpus.catalog.records import AnswerRecord
from ingestion.discovery import discover
from ingestion.runtime import Runtime

_LATEST = datetime.max.replace(tzinfo=UTC)


class Keeping:
    """The contracts' word on answers; each contract is read when an answer first asks for it.

    Args:
        runtime: The project.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._names = frozenset(stub.name for stub in discover(runtime.settings.contracts))
        self._known: dict[str, AnswerSpec] = {}

    def spec(self, index_version: str) -> AnswerSpec:
        """Returns what holds for an answer that was retrieved from `NAME/v000001`, or from nowhere that is known.

        Raises:
            ContractError: A contract that would speak is invalid: what it lets be kept is not known.
        """
        name = index_version.partition("/")[0]
        name = name if name in self._names else ""
        if name not in self._known:
            names = [name] if name else sorted(self._names)
            self._known[name] = strictest(*(self._runtime.contract(item).answers for item in names))
        return self._known[name]

    def expires_at(self, index_version: str, served_at: datetime) -> datetime | None:
        """Returns when an answer has to be forgotten; None for never."""
        days = self.spec(index_version).retention_days
        if days is None or (_LATEST - served_at).days <= days:
            return None
        return served_at + timedelta(days=days)

    def kept(self, record: AnswerRecord) -> AnswerRecord:
        """Returns a record with only what may be kept."""
        expires_at = self.expires_at(record.index_version, record.served_at)
        if self.spec(record.index_version).text == "keep":
            return replace(record, expires_at=expires_at)
        return replace(record, text=None, question=None, expires_at=expires_at)


def strictest(*specs: AnswerSpec) -> AnswerSpec:
    """Returns what keeps least of all that any of these keeps."""
    days = [spec.retention_days for spec in specs if spec.retention_days is not None]
    return AnswerSpec(
        text="hash" if any(spec.text == "hash" for spec in specs) else "keep",
        retention_days=min(days) if days else None,
    )
