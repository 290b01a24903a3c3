"""How a contract's ways into other spaces go: how far each is, how fast, who works on it, and what it led to.

Reads the catalog and the names of stored files, and changes nothing. How fast is measured on the run at work: what it
has embedded since it started, over the time of that. A killed process says nothing, so the last sign of life is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from corpus.catalog import reembeds, runs, segments, versions
from corpus.catalog.records import RunRecord, VersionRecord
from corpus.catalog.reembeds import ReembedRecord
from ingestion import checkpoints
from ingestion.migrating import ALIASES
from ingestion.runtime import Runtime
from ingestion.waiting import WAITING

Phase: TypeAlias = Literal["embedding", "releasing", "refused", "waiting", "held", "finished", "abandoned"]

_LEAST_S = 2.0
"""A rate of less than so long says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the vectors of a contract's live segments are in one space.

    Attributes:
        segments: Live segments with chunks.
        segments_done: Those that have vectors there.
        chunks: Chunks in them.
        chunks_done: Chunks that have vectors, those of saved parts among them.
        since: Chunks that got theirs since the run at work started.
        sign: When a vector was last saved; None where none is.
    """

    segments: int
    segments_done: int
    chunks: int
    chunks_done: int
    since: int
    sign: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One re-embed.

    Attributes:
        record: Its row.
        run: The run that works on it or did last; None where the catalog has none.
        extent: How far its vectors are.
        phase: What it is at: `refused` where a run failed, `waiting` for approval, `held` after a person rolled back.
        chunks_per_second: Pace of the run at work; None where it is not known yet.
        seconds_left: Time for what has no vectors yet, at that pace; None where it is not known.
        problem: Why the last run failed; empty where it did not.
        version: Number of the version that its last run released or found; None where there is none.
    """

    record: ReembedRecord
    run: RunRecord | None
    extent: Extent
    phase: Phase
    chunks_per_second: float | None
    seconds_left: float | None
    problem: str
    version: int | None

    @property
    def alias(self) -> str:
        """The alias that it moves."""
        return ALIASES[self.record.mode]


def campaigns(runtime: Runtime, contract: str) -> tuple[Campaign, ...]:
    """Returns every re-embed of a contract, those under way first, then the newest first."""
    with runtime.catalog.reading() as tx:
        found = reembeds.of_contract(tx, contract)
        ran = runs.those(tx, [item.run_id for item in found])
        spans = {
            item.embedder_fingerprint: segments.extent(
                tx, contract, item.embedder_fingerprint, since=_started(item, ran.get(item.run_id))
            )
            for item in found
            if item.state == "running"
        }
    return tuple(_campaign(runtime, item, ran.get(item.run_id), spans.get(item.embedder_fingerprint)) for item in found)


def _started(record: ReembedRecord, run: RunRecord | None) -> datetime:
    return run.started_at if run is not None else record.started_at


def _campaign(runtime: Runtime, record: ReembedRecord, run: RunRecord | None, span: segments.Extent | None) -> Campaign:
    extent = _extent(runtime, record, run, span)
    pace, left = _pace(record, run, extent)
    figures = _figures(run)
    failed = run is not None and run.state == "failed"
    return Campaign(
        record=record,
        run=run,
        extent=extent,
        phase=_phase(record, run, extent),
        chunks_per_second=pace,
        seconds_left=left,
        problem=str(run.receipt.get("error", "")) if run is not None and failed else "",
        version=version if isinstance(version := figures.get("version"), int) else None,
    )


def _extent(runtime: Runtime, record: ReembedRecord, run: RunRecord | None, span: segments.Extent | None) -> Extent:
    if span is None:
        return Extent(segments=0, segments_done=0, chunks=0, chunks_done=0, since=0, sign=None)
    started, rows, recent, sign = _started(record, run), 0, 0, span.last_at
    for segment in set(checkpoints.unfinished(runtime.store, record.embedder_fingerprint)) & set(span.pending):
        for saved in checkpoints.saved(runtime.store, record.embedder_fingerprint, segment):
            rows += saved.texts
            recent += saved.texts if saved.at >= started else 0
            sign = max(sign, saved.at) if sign else saved.at
    return Extent(
        segments=span.segments,
        segments_done=span.segments - len(span.pending),
        chunks=span.chunks,
        chunks_done=min(span.chunks, span.chunks_done + rows),
        since=span.since + recent,
        sign=sign,
    )


def _pace(record: ReembedRecord, run: RunRecord | None, extent: Extent) -> tuple[float | None, float | None]:
    left = extent.chunks - extent.chunks_done
    if record.state != "running" or extent.sign is None:
        return None, None
    seconds = (extent.sign - _started(record, run)).total_seconds()
    if seconds < _LEAST_S or not extent.since:
        return None, None
    pace = extent.since / seconds
    return pace, left / pace if left else None


def _phase(record: ReembedRecord, run: RunRecord | None, extent: Extent) -> Phase:
    if record.state == "finished":
        return "finished"
    if record.state == "abandoned":
        return "abandoned"
    if run is not None and run.state == "failed":
        return "refused"
    status = _figures(run).get("status")
    if status == WAITING:
        return "waiting"
    if status == "held":
        return "held"
    return "embedding" if extent.chunks_done < extent.chunks else "releasing"


def _figures(run: RunRecord | None) -> Mapping[str, object]:
    figures = run.receipt.get("figures") if run is not None else None
    return figures if isinstance(figures, Mapping) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two versions of one index in different spaces: what serves or served, and what a re-embed led to.

    Attributes:
        before: The version in the old space.
        after: The version in the new one.
        alias: The alias that points to the newer one; empty where none does.
    """

    before: VersionRecord
    after: VersionRecord
    alias: str


def pair_of(runtime: Runtime, contract: str) -> Pair | None:
    """Returns what there is to compare: `live` with a newer version of another space, else with what it left.

    Returns:
        The pair; None where all versions are of one space.
    """
    with runtime.catalog.reading() as tx:
        known = versions.spaces(tx, contract)
        aliases = {state.alias: state.number for state in versions.aliases(tx, contract)}
        chosen = _chosen(known, aliases.get("live", 0))
        if chosen is None:
            return None
        before, after = (versions.require(tx, contract, number) for number in chosen)
    return Pair(before=before, after=after, alias=_pointing(aliases, after.number))


def _chosen(known: Sequence[tuple[int, str, str]], live: int) -> tuple[int, int] | None:
    space = next((fingerprint for number, _, fingerprint in known if number == live), None)
    if space is None:
        return None
    others = [(number, state) for number, state, fingerprint in known if fingerprint != space]
    newer = [number for number, state in others if number > live and state != "retired"]
    if newer:
        return live, newer[-1]
    older = [number for number, _ in others if number < live]
    return (older[-1], live) if older else None


def _pointing(aliases: Mapping[str, int], number: int) -> str:
    """Returns an alias that points to a version, `live` before any other; empty where none does."""
    found = sorted(alias for alias, at in aliases.items() if at == number)
    return "live" if "live" in found else next(iter(found), "")
