"""Contamination of an index version: asked, compared with the version before, kept, and judged.

The version before is asked the same questions on the same day, so that a difference is one of versions and
not of questions. Where it is gone, its stored figures stand in, and the result says so. It changes
nothing but the catalog's list of measurements.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from corpus.catalog import contamination as measurements
from corpus.catalog import versions
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, ContaminationAlarm
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from corpus.types import utc_now
from index import layout
from ingestion.aliases import alias_state
from ingestion.contamination import LATEST_ANSWERS, Asked, Measured, measure_version, questions_for
from ingestion.runtime import Runtime
from provenance.alarms import Alarm, Change, alarms, notes, paired_change, stored_change
from provenance.exposure import KS, Contamination, Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What was found of one version.

    Attributes:
        name: The index.
        number: The version.
        measured_at: When.
        asked: The questions and answers behind it.
        found: The figures.
        change: How it compares with an earlier version; None where there is none to compare with.
        alarms: Figures that are out of bounds.
        notes: What could not be judged, in sentences.
    """

    name: str
    number: int
    measured_at: datetime
    asked: Asked
    found: Contamination
    change: Change | None
    alarms: tuple[Alarm, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the assessment as a JSON object; it holds no question and no text."""
        return {
            "name": self.name,
            "version": self.number,
            "measured_at": self.measured_at.isoformat(),
            "k": self.found.top.k,
            "questions": self.found.top.exposure.n,
            "answers": len(self.asked.answers),
            "answers_without_question": self.asked.without_question,
            "repeated_questions": self.asked.repeated,
            **self.found.to_json(),
            "change": asdict(self.change) if self.change else None,
            "alarms": [asdict(item) for item in self.alarms],
            "notes": list(self.notes),
        }


def contamination(
    runtime: Runtime,
    name: str,
    *,
    version: int | None = None,
    against: int | None = None,
    alias: str = "live",
    k: int = KS[-1],
    limit: int = LATEST_ANSWERS,
) -> Assessment:
    """Measures a version, keeps the figures and compares them.

    Args:
        runtime: The project.
        name: Name of the contract, and of its index.
        version: Number of the version; None takes what `alias` points to.
        against: Number of the version to compare with; None takes the one that it follows.
        alias: The alias, where no version is given.
        k: Hits of each question that alarms look at.
        limit: How many logged answers are looked at, newest first.

    Raises:
        ConfigurationError: There is no such contract, alias or version, or nothing is known of the other one.
        IntegrityError: A version or its model is not what it was.
    """
    if k < 1:
        raise ConfigurationError(f"k is {k}; look at 1 hit or more.")
    asked = questions_for(runtime, runtime.contract(name), limit)
    known = _known(runtime, name)
    record = _require(known, name, version if version is not None else alias_state(runtime, name, alias).number)
    if against == record.number:
        raise ConfigurationError(f"{layout.version_name(record.number)} cannot be compared with itself: name another.")
    ks = {item for item in (*KS, k) if item <= k}
    measured = measure_version(runtime, record, asked, ks)
    other = _require(known, name, against) if against is not None else _before(known, record)
    change = _change(runtime, other, measured, asked, ks, named=against is not None) if other else None
    result = Assessment(
        name=name,
        number=record.number,
        measured_at=utc_now(),
        asked=asked,
        found=measured.found,
        change=change,
        alarms=alarms(measured.found, change),
        notes=notes(measured.found, change),
    )
    with runtime.catalog.transaction() as tx:
        measurements.add(tx, _record(result))
    return result


def watch(runtime: Runtime, contract_name: str, *, alias: str = "live") -> Receipt:
    """Measures what an alias serves, and fails where it alarms.

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        alias: The alias.

    Raises:
        ContaminationAlarm: A figure is out of bounds; the figures are kept all the same.
        ConfigurationError: There is no such contract or alias.
        IntegrityError: A version or its model is not what it was.
    """
    found = contamination(runtime, contract_name, alias=alias)
    if found.alarms:
        lines = (f"  {item.code}: {item.message}" for item in found.alarms)
        raise ContaminationAlarm(
            "\n".join(
                (f"{contract_name} {layout.version_name(found.number)} raises {len(found.alarms)} alarms:", *lines)
            )
        )
    top = found.found.top
    figures: dict[str, int | float | str] = {
        "version": found.number,
        "questions": top.exposure.n,
        "ai_share_of_chunks": float(found.found.pool["ai_share"]),
        "max_depth_found": top.max_depth,
    }
    if top.exposure.value is not None:
        figures["ai_share_of_hits"] = round(top.exposure.value, 6)
    return Receipt(
        stage="contamination",
        contract=contract_name,
        run_id=new_run_id(),
        key=alias,
        inputs=(layout.version_name(found.number),),
        outputs=found.notes,
        figures=figures,
    )


def _known(runtime: Runtime, name: str) -> dict[int, VersionRecord]:
    with runtime.catalog.reading() as tx:
        return {item.number: item for item in versions.all_of(tx, name)}


def _require(known: dict[int, VersionRecord], name: str, number: int) -> VersionRecord:
    if number not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise ConfigurationError(f"index {name!r} has no version {number}. Versions: {listed}.")
    return known[number]


def _before(known: dict[int, VersionRecord], record: VersionRecord) -> VersionRecord | None:
    """Returns the version that another one follows, or the nearest older one."""
    older = [number for number in known if number < record.number]
    stated = record.manifest.get("previous")
    return known[stated] if stated in older else known[max(older)] if older else None


def _change(
    runtime: Runtime, other: VersionRecord, after: Measured, asked: Asked, ks: set[int], *, named: bool
) -> Change | None:
    """Compares with another version: asked now if it is there, by its stored figures if it is gone."""
    if runtime.store.exists(f"{layout.version_path(other.name, other.number)}/{layout.MANIFEST}"):
        before = measure_version(runtime, other, asked, ks)
        return paired_change(other.number, (before.found, before.retrieved), (after.found, after.retrieved))
    with runtime.catalog.reading() as tx:
        stored = measurements.latest(tx, other.name, other.number)
    change = None
    if stored is not None:
        top = Exposure.from_json(stored.report["at"][-1])
        change = stored_change(other.number, float(stored.report["pool"]["ai_share"]), top, after.found)
    if change is None and named:
        raise ConfigurationError(
            f"{other.name} {layout.version_name(other.number)} is no longer there, and was never measured at k = "
            f"{after.found.top.k}. Compare with another version (`stemma index list {other.name}`)."
        )
    return change


def _record(found: Assessment) -> ContaminationRecord:
    return ContaminationRecord(
        name=found.name,
        number=found.number,
        measured_at=found.measured_at,
        k=found.found.top.k,
        compared_with=found.change.before if found.change else None,
        questions=found.found.top.exposure.n,
        report=found.to_json(),
        alarms=tuple(asdict(item) for item in found.alarms),
    )
