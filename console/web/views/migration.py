"""What the re-embed page says of campaigns, of what one would cost, and of two versions in different spaces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.page import View, Visit
from console.web.work.background import command_of
from console.web.work.launching import Going, Order
from corpus.catalog import evaluations, versions
from corpus.catalog.evaluations import EvaluationRecord
from corpus.catalog.records import VersionRecord
from corpus.errors import StemmaError
from index.approvals import Standing
from ingestion.approving import standing_of
from ingestion.campaigns import Campaign, Pair
from ingestion.runtime import Runtime

QUIET_S = 90.0
"""A run that saved nothing for so long may be gone: vectors are saved every five seconds, and a batch takes seconds."""


class GoingTold(View):
    """Work that was started from a console."""

    name: str
    state: str = Field(description="`waiting`, `working`, `ended`, `failed` or `stopped`.")
    words: str = Field(description="More, for people; empty for nothing.")


class Way(View):
    """One re-embed: a contract's way into another space."""

    model: str
    mode: str = Field(description="`shadow` or `cutover`.")
    alias: str = Field(description="The alias that it moves.")
    phase: str = Field(
        description="embedding, releasing, refused, waiting, held (rolled back from), finished or abandoned."
    )
    by: str = Field(description="Who started the run that works on it, or did last.")
    run_id: str
    started_at: datetime
    ended_at: datetime | None
    dual: bool = Field(description="Whether documents that are ingested go to both models.")
    segments: int
    segments_done: int
    chunks: int
    chunks_done: int
    chunks_per_second: float | None = Field(description="Pace of the run at work, measured; null where not known.")
    seconds_left: float | None = Field(description="At that pace, estimated; null where not known.")
    sign: datetime | None = Field(description="When a vector was last saved.")
    quiet: bool = Field(description="Whether it is so long ago that nobody may work on it.")
    problem: str = Field(description="Why the last run failed; empty where it did not.")
    version: int | None = Field(description="The version that it led to.")
    going: GoingTold | None = Field(description="The work behind it, as far as this console knows.")
    resume: str = Field(description="The command that goes on with it.")

    @property
    def alive(self) -> bool:
        """Whether somebody seems to work on it."""
        if self.phase not in ("embedding", "releasing"):
            return False
        if self.going is not None and self.going.state in ("waiting", "working"):
            return True
        return not self.quiet and (self.going is None or self.going.state == "ended")


class Estimate(View):
    """What a re-embed would cost from here."""

    model: str
    same: bool = Field(description="Whether it is the space that serves.")
    declared: bool = Field(description="Whether the contract declares the model.")
    segments: int
    chunks: int
    tokens: int
    distinct_texts: int
    tokens_to_embed: int
    tokens_per_second: float
    rate_from: str = Field(description="`measured here`, `measured on` another machine, or `assumed`.")
    seconds: float = Field(description="Estimated.")
    rate: str = Field(description="The limit that it was reckoned with; empty for none.")
    price: float | None = Field(description="Estimated; null where nothing is known of a price.")
    commands: dict[str, str] = Field(description="Mode to the command line that starts it.")


class Measured(View):
    """What golden questions said of a version."""

    k: int
    items: int
    holding: int
    ndcg: float | None
    recall: float | None
    mrr: float | None
    measured_at: datetime


class Side(View):
    """One of two versions."""

    version: int
    sha256: str = Field(description="Digest of its manifest: what an approval holds for.")
    model: str
    state: str
    created_at: datetime
    documents: int
    chunks: int
    dimension: int | None
    bytes: int
    golden: Measured | None = Field(description="Its last evaluation; null where there is none.")


class Gate(View):
    """What a gate found in the newer version when it was built."""

    name: str
    passed: bool
    expected: str
    actual: str
    message: str


class Kept(View):
    """How many of its nearest neighbours a chunk keeps from the older version to the newer."""

    share: float | None = Field(description="In [0, 1], measured over a sample; null where it could not be.")
    k: int = Field(description="Neighbours of each chunk.")
    sample: int = Field(description="Chunks looked at.")
    why_not: str = Field(description="Why it could not be measured; empty where it was.")


class Asked(View):
    """Which approvals the newer version has, and how many it needs."""

    alias: str
    persons: int
    missing: int
    by: list[str]
    passed_over: dict[str, str] = Field(description="Person to why their approval does not count.")


class Compared(View):
    """Two versions of one index, in the old space and in the new one."""

    before: Side
    after: Side
    alias: str = Field(description="The alias that points to the newer one; empty for none.")
    gates: list[Gate]
    parity: Gate | None = Field(description="Whether both hold the same chunks; null where nobody looked.")
    overlap: Gate | None = Field(description="How many neighbours a chunk keeps; null where the contract does not ask.")
    kept: Kept | None = Field(description="The same, measured now; null where nobody asked for it.")
    approvals: Asked | None = Field(description="Null where the contract asks for none.")
    command: str = Field(description="The command that compares them in full.")


def way_of(visit: Visit, found: Campaign, going: Going | None) -> Way:
    """Returns a campaign as the page shows it."""
    record, extent = found.record, found.extent
    last = max(at for at in (extent.sign, found.run.started_at if found.run else None, record.started_at) if at)
    order = Order(
        contract=record.contract, model=record.model, mode="shadow" if record.mode == "shadow" else "cutover",
        rate="", reason="", by=visit.person.name,
    )  # fmt: skip
    return Way(
        model=record.model,
        mode=record.mode,
        alias=found.alias,
        phase=found.phase,
        by=found.run.actor if found.run else "",
        run_id=record.run_id,
        started_at=record.started_at,
        ended_at=record.ended_at,
        dual=record.state == "running",
        segments=extent.segments,
        segments_done=extent.segments_done,
        chunks=extent.chunks,
        chunks_done=extent.chunks_done,
        chunks_per_second=found.chunks_per_second,
        seconds_left=found.seconds_left,
        sign=extent.sign,
        quiet=(visit.now - last).total_seconds() > QUIET_S,
        problem=found.problem,
        version=found.version,
        going=GoingTold(name=going.name, state=going.state, words=going.words) if going else None,
        resume=command_of(order),
    )


def estimate_of(visit: Visit, contract: str, model: str, rate: str, price: float | None) -> Estimate:
    """Returns what a re-embed would cost.

    Raises:
        ConfigurationError: There is no such model, or the rate cannot be read.
    """
    from ingestion.stages import reembed  # noqa: PLC0415 - brings numpy

    runtime = visit.runtime
    receipt = reembed.estimate(runtime, contract, model, rate=rate or None, price_per_million_tokens=price)
    figures: Mapping[str, Any] = receipt.figures
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract, "live")
        served = versions.get(tx, contract, live.number) if live else None
    orders = {
        mode: Order(contract=contract, model=model, mode=mode, rate=rate, reason="", by=visit.person.name)
        for mode in ("shadow", "cutover")
    }
    return Estimate(
        model=model,
        same=served is not None and served.embedder_fingerprint == receipt.fingerprints["embedder"],
        declared=runtime.contract(contract).embedder.model == model,
        segments=figures["segments"],
        chunks=figures["chunks"],
        tokens=figures["tokens"],
        distinct_texts=figures["distinct_texts"],
        tokens_to_embed=figures["tokens_to_embed"],
        tokens_per_second=figures["tokens_per_second"],
        rate_from=figures["rate_from"],
        seconds=figures["seconds_estimated"],
        rate=figures.get("rate", ""),
        price=figures.get("price_estimated"),
        commands={mode: command_of(order) for mode, order in orders.items()},
    )


def compared_of(runtime: Runtime, pair: Pair, *, measure: bool) -> Compared:
    """Returns what is known of two versions: sizes, gates, golden questions, approvals. Loads no model.

    Args:
        runtime: The project.
        pair: The versions.
        measure: Whether to measure how many neighbours chunks keep, which opens both indexes.
    """
    name, numbers = pair.before.name, [pair.before.number, pair.after.number]
    with runtime.catalog.reading() as tx:
        golden = evaluations.latest(tx, name, numbers)
    gates = [Gate(**gate) for gate in pair.after.manifest.get("gates", ())]
    named = {gate.name: gate for gate in gates}
    before, after = (side_of(version, golden.get(version.number)) for version in (pair.before, pair.after))
    return Compared(
        before=before,
        after=after,
        alias=pair.alias,
        gates=gates,
        parity=named.get("chunk-parity"),
        overlap=named.get("overlap"),
        kept=_kept(runtime, pair) if measure else None,
        approvals=approvals_of(runtime, pair),
        command=f"stemma index diff {name} {pair.before.number} {pair.after.number}",
    )


def _kept(runtime: Runtime, pair: Pair) -> Kept:
    from ingestion.nearness import K, nearness  # noqa: PLC0415 - brings faiss

    try:
        found = nearness(runtime, pair.before, pair.after)
    except StemmaError as error:
        return Kept(share=None, k=K, sample=0, why_not=str(error))
    return Kept(share=found.share, k=found.k, sample=found.sample, why_not=found.why_not)


def side_of(version: VersionRecord, golden: EvaluationRecord | None) -> Side:
    """Returns one version as the page shows it."""
    manifest = version.manifest
    return Side(
        version=version.number,
        sha256=version.manifest_sha256,
        model=model_of(version),
        state=version.state,
        created_at=version.created_at,
        documents=version.documents,
        chunks=version.chunks,
        dimension=manifest.get("index", {}).get("dimension"),
        bytes=sum(int(file["size"]) for file in manifest["files"].values()),
        golden=_measured(golden) if golden else None,
    )


def model_of(version: VersionRecord) -> str:
    """Returns the name that the model of a version went by when it was built, else the beginning of its fingerprint."""
    parts = version.manifest["fingerprints"]["embedder"].get("parts", {})
    return str(parts.get("model") or version.embedder_fingerprint[:12])


def _measured(found: EvaluationRecord) -> Measured:
    return Measured(
        k=found.k, items=found.items, holding=found.holding, ndcg=found.ndcg, recall=found.recall, mrr=found.mrr,
        measured_at=found.measured_at,
    )  # fmt: skip


def approvals_of(runtime: Runtime, pair: Pair) -> Asked | None:
    """Returns the approvals of the newer version, where `live` asks for some and does not point to it yet."""
    if pair.alias == "live":
        return None
    try:
        standing: Standing = standing_of(runtime, pair.after, "live")
    except StemmaError:
        return None
    if not standing.asked:
        return None
    return Asked(
        alias="live",
        persons=standing.asked,
        missing=standing.missing,
        by=[item.by for item in standing.counted],
        passed_over=dict(standing.passed_over),
    )
