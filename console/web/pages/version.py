"""One version: how each gate judged it, what is in it, who may believe it, what was measured, and what one may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from console.web.http.failures import Missing
from console.web.page import OfContract, Page, View, Visit
from console.web.pages.index import around_of
from console.web.views.gathering import contract_of, require_source
from console.web.views.golden import GoldenItems, golden_of
from console.web.views.health import Mix, Spread
from console.web.views.inside import FileTold, Kind, inside_of
from console.web.views.measures import AlarmTold, Check, Series, alarms_of, check_of, contamination_series
from console.web.views.refused import refused_of
from console.web.views.seals import Seal, seal_now
from console.web.views.versions import LIVE, Around, GateTold, comparable
from contracts.model import Contract
from corpus.catalog import canaries, contamination, evaluations, timeline, versions
from corpus.catalog.records import VersionRecord
from corpus.errors import StemmaError
from index.manifest import Manifest
from ingestion.history.states import MEANS
from ingestion.runtime import Runtime

_CHECKS = 40
Can = Literal["promote", "rollback", "approve", "hold", "unhold", "insist"]


class Asked(OfContract):
    """The query of a version."""

    number: int | None = Field(
        default=None, ge=1, le=999_999_999, description="The version; what serves where it is empty."
    )
    candidate: str = Field(default="", max_length=64, description="Id of a version that a gate refused, instead.")
    page: int = Field(default=1, ge=1, description="Which page of the golden items, from 1.")


class Approval(View):
    """One person's signed word for a version."""

    by: str
    at: datetime
    reason: str


class Standing(View):
    """How far a version is from being approved; signatures of approvals were checked."""

    asked: int = Field(description="People who must approve: by the contract inside the version or that of today.")
    may: list[str] = Field(
        description="Who may approve, by the contract of today; empty for anybody who did not build it."
    )
    counted: list[Approval]
    passed_over: dict[str, str] = Field(description="Who approved and does not count, with the reason.")
    refused: dict[str, str] = Field(description="Statements that do not hold, with the reason.")
    missing: int
    problem: str = Field(description="Why that is not known; empty where it is.")


class Act(View):
    """Something that was done with the version."""

    at: datetime
    by: str
    did: str
    reason: str


class Version(View):
    """One version of an index, or one that a gate refused."""

    contract: str
    number: int | None = Field(description="Null for one that a gate refused.")
    candidate: str = Field(description="Id of one that a gate refused; empty for a version.")
    stage: str = Field(
        description="`live`, `candidate`, `superseded` and so on; `refused` for one that a gate refused."
    )
    means: str = Field(description="What that means.")
    built_again: int | None = Field(description="Version that took its place when a document was erased.")
    aliases: list[str]
    held: str = Field(description="Why retention must not remove it; empty where it is not protected.")
    live: int | None = Field(description="Number of the version that readers get.")
    generation: int = Field(description="Moves of `live` so far: an action is refused where it moved since.")
    older: int | None = Field(description="The version before it in the list.")
    newer: int | None = Field(description="The version after it.")
    compare: int | None = Field(description="Version to compare it with; null where none is kept.")
    gates: list[GateTold] = Field(description="Those that failed first.")
    documents: int
    chunks: int
    mix: Mix
    kinds: list[Kind]
    quality: Spread
    validated: dict[str, str] = Field(
        description="Quantiles of the dates of last validation; empty where none is known."
    )
    seal: Seal | None = Field(description="Null for one that a gate refused: nothing is signed.")
    standing: Standing | None = Field(description="Null where nobody has to approve it before it serves.")
    acts: list[Act] = Field(description="Who did what with it, newest first.")
    golden: GoldenItems | None = Field(description="Null where it was never evaluated.")
    contamination: list[Series] = Field(description="What was measured last; empty where nothing was.")
    alarms: list[AlarmTold]
    checks: list[Check] = Field(description="The last checks of the canary texts of its model, oldest first.")
    canaries: int = Field(description="Canary vectors inside.")
    facts: dict[str, str] = Field(description="What the manifest says beside, for people.")
    fingerprints: dict[str, str] = Field(description="Digests of what read, cut, judged and embedded it.")
    files: list[FileTold]
    sha256: str = Field(description="Digest of its manifest.")
    can: list[Can] = Field(description="What one may do with it.")
    manifest: dict[str, Any] = Field(description="The manifest as it was signed.")


def load(visit: Visit, query: Asked) -> Version:
    """Reads the page."""
    if query.candidate:
        return _refused(visit, query)
    name, runtime = query.contract, visit.runtime
    contract = contract_of(runtime, name)[0]
    with runtime.catalog.reading() as tx:
        require_source(runtime, tx, name)
        states = timeline.states(tx, name)
        number = _number(tx, name, query.number, states)
        record = versions.require(tx, name, number)
        around = around_of(tx, name, contract, [number])
        pointed = versions.alias(tx, name, LIVE)
        noted = timeline.acts(tx, name, number)
        evaluated = evaluations.latest(tx, name, [number]).get(number)
        measured = contamination.latest(tx, name, number)
        checks = canaries.newest(tx, fingerprints=[record.embedder_fingerprint], limit=_CHECKS)
    stage, listed = around.stage(record), list(states)
    served = around.served(number)
    standing = None if served or stage == "removed" else _standing(runtime, record, contract)
    place = listed.index(number)
    held = around.holds.get(number)
    return Version(
        number=number,
        candidate="",
        stage=stage,
        means=MEANS[stage],
        built_again=around.replaced.get(number),
        aliases=sorted(alias for alias, to in around.aliases.items() if to == number),
        held=held.reason if held else "",
        live=around.aliases.get(LIVE),
        generation=pointed.generation if pointed else 0,
        older=listed[place + 1] if place + 1 < len(listed) else None,
        newer=listed[place - 1] if place else None,
        compare=comparable(record, states),
        seal=seal_now(runtime, record),
        standing=standing,
        acts=_acts(number, around, noted),
        golden=golden_of(runtime, contract, evaluated, query.page),
        contamination=contamination_series([measured] if measured else []),
        alarms=alarms_of(measured) if measured else [],
        checks=[check_of(check, visit.sees) for check in reversed(checks)],
        sha256=record.manifest_sha256,
        can=_can(stage, served=served, held=held is not None, standing=standing),
        **inside_of(name, record.manifest, around.model(record.embedder_fingerprint)),
    )


def _number(tx: Session, name: str, asked: int | None, states: Mapping[int, str]) -> int:
    """Returns the version that is asked for; what serves, or the newest, where none is.

    Raises:
        Missing: There is none.
    """
    if not states:
        raise Missing(f"index {name!r} has no version yet. Run `stemma ingest {name}`.")
    if asked is None:
        pointed = versions.alias(tx, name, LIVE)
        return pointed.number if pointed else max(states)
    if asked not in states:
        raise Missing(
            f"index {name!r} has no version v{asked:06d}. It has {len(states)}, from v{min(states):06d} to "
            f"v{max(states):06d}; the page of the index lists them."
        )
    return asked


def _refused(visit: Visit, query: Asked) -> Version:
    """Reads the page of a version that a gate refused.

    Raises:
        Missing: It is not kept, or cannot be read.
    """
    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        require_source(runtime, tx, name)
        models = timeline.models(tx, name)
        pointed = versions.alias(tx, name, LIVE)
    kept = {item.id: item for item in refused_of(runtime, name)}
    found = kept.get(query.candidate)
    if found is None or found.problem:
        listed = ", ".join(kept) or "none"
        why = found.problem if found else f"it is not kept any more. Kept now: {listed}."
        raise Missing(f"refused version {query.candidate!r} of {name!r}: {why}")
    manifest = _manifest(runtime, name, found.id)
    return Version(
        number=None,
        candidate=found.id,
        stage="refused",
        means="a gate refused it: it has no number, is not signed, and no reader opens it",
        built_again=None,
        aliases=[],
        held="",
        live=pointed.number if pointed else None,
        generation=pointed.generation if pointed else 0,
        older=None,
        newer=None,
        compare=pointed.number if pointed else None,
        seal=None,
        standing=None,
        acts=[],
        golden=None,
        contamination=[],
        alarms=[],
        checks=[],
        sha256="",
        can=["insist"],
        **inside_of(name, manifest.to_json(), models.get(manifest.fingerprints["embedder"].digest, "")),
    )


def _manifest(runtime: Runtime, name: str, candidate: str) -> Manifest:
    from index.candidates import read_candidate  # noqa: PLC0415 - brings faiss

    return read_candidate(runtime.store, name, candidate)


def _standing(runtime: Runtime, record: VersionRecord, contract: Contract | None) -> Standing | None:
    """Returns how far a version that never served is from being approved; None where nobody has to."""
    from ingestion.approving import approvals_of, standing_of  # noqa: PLC0415 - with the signing library

    try:
        stands, given = standing_of(runtime, record, LIVE), approvals_of(runtime, record)
    except (StemmaError, OSError) as error:
        return Standing(asked=0, may=[], counted=[], passed_over={}, refused={}, missing=0, problem=str(error))
    if not stands.asked and not given.accepted:
        return None
    return Standing(
        asked=stands.asked,
        may=list(contract.approvals.approvers) if contract else [],
        counted=[Approval(by=item.by, at=item.at, reason=item.reason) for item in stands.counted],
        passed_over=dict(stands.passed_over),
        refused=dict(given.refused),
        missing=stands.missing,
        problem="",
    )


_DID: Mapping[str, str] = {
    "version.approve": "approved it",
    "version.hold": "protected it",
    "version.unhold": "ended its protection",
    "version.retire": "removed it",
    "version.propose": "built it, to be approved",
    "golden.run": "asked it the golden questions",
    "origin.estimate": "estimated its share of AI text",
}


def _acts(number: int, around: Around, noted: Sequence[timeline.VersionAct]) -> list[Act]:
    """Returns what was done with a version, moves of aliases to it and away from it included."""
    found = [Act(at=act.at, by=act.actor, did=_DID.get(act.action, act.action), reason=act.reason) for act in noted]
    for move in around.moves:
        to, was = (around.replaced.get(item or 0, item or 0) for item in (move.number, move.before))
        if to == number:
            did = f"pointed {move.alias} to it"
        elif was == number:
            did = f"moved {move.alias} on to v{to:06d}" if to > was else f"went back from it to v{to:06d}"
        else:
            continue
        found.append(Act(at=move.at, by=move.actor, did=did, reason=move.reason))
    return sorted(found, key=lambda act: act.at, reverse=True)


def _can(stage: str, *, served: bool, held: bool, standing: Standing | None) -> list[Can]:
    if stage == "removed":
        return []
    found: list[Can] = []
    if stage != "live":
        found.append("rollback" if served else "promote")
    if standing is not None and standing.missing:
        found.append("approve")
    return [*found, "unhold" if held else "hold"]


PAGE = Page(
    path="/version",
    title="Version",
    template="version.html",
    model=Version,
    load=load,
    query=Asked,
    under="/index",
)
