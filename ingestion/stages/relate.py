"""Relate: compare what a run assessed with the corpus and with itself: copies, versions, conflicts, poisoning.

Serial and cheap: it reads signatures and declarations, and texts only of the few siblings that may
contradict each other. A standing document that a newcomer supersedes is taken into the run, as one more shard,
so that the counts say where it went. Nothing is written to the catalog here; run again, it gives the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contracts.evaluate import row_violations
from contracts.model import Contract
from corpus import batches
from corpus.catalog import authors, decisions, relations, sketches
from corpus.catalog.records import DocumentState
from corpus.receipts import Receipt
from corpus.types import Finding, Outcome, utc_now
from ingestion import drifting, staging
from ingestion.erasure.left import adding
from ingestion.judge import holds_back
from ingestion.observing import observed
from ingestion.relations.codes import CONFLICT, HOLDING, SUPERSEDED
from ingestion.relations.displaced import entry_of, row_of, rows_of, standing_row
from ingestion.relations.families import Place, places
from ingestion.relations.neighbours import COLUMNS, compare_with_corpus, newcomer_of, recent, relatives
from ingestion.relations.relating import Near, Related, copy_finding, patch_of, relate_all
from ingestion.relations.siblings import compare_siblings
from ingestion.relations.twins import Copy, Likeness, Newcomer, bursts, compare_all, copies, in_order
from ingestion.runtime import Runtime


@observed("ingest")
@adding
def relate(runtime: Runtime, contract_name: str, run_id: str, shards: Sequence[str]) -> Receipt:
    """Compares the documents of a run with each other and with those that stand.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        shards: The assessed shards, as `acquire` gave them.

    Returns:
        A receipt whose outputs are the shards to admit and stage: those given, and one more where standing
        documents are superseded.
    """
    contract = runtime.contract(contract_name)
    note = staging.read_note(runtime.store, run_id, contract)
    staging.write_relations(runtime.store, run_id, {})
    where, decided = _newcomers(runtime, contract, run_id, shards)
    newcomers = in_order(item for items in where.values() for item in items)
    leaving = {doc_id for doc_id, _ in note.vanished} | decided
    related, patches = _settled(runtime, contract, run_id, shards, where, newcomers, leaving)
    listed = {entry.ref.doc_id for shard in shards for entry in staging.read_shard(runtime.store, run_id, shard)}
    # One that this run could not read is in it already, as failed: it leaves with the newcomer, uncounted.
    taken = {doc_id: found for doc_id, found in related.displaced.items() if doc_id not in listed}
    extra, before = _take_in(runtime, contract, run_id, taken)
    for doc_id, row in before.items():
        patches[doc_id][drifting.STANDING] = row
    staging.write_relations(runtime.store, run_id, patches)
    _note(runtime, run_id, note, shards, extra)
    return Receipt(
        stage="relate",
        contract=contract.name,
        run_id=run_id,
        key=contract.name,
        inputs=tuple(shards),
        outputs=(*shards, *extra),
        figures=_figures(related),
    )


def _newcomers(
    runtime: Runtime, contract: Contract, run_id: str, shards: Sequence[str]
) -> tuple[dict[str, list[Newcomer]], set[str]]:
    """Returns, by shard, the documents that have a text, and the ids of all about which this run decides."""
    found: dict[str, list[Newcomer]] = {}
    decided: set[str] = set()
    for shard in shards:
        rows = staging.read_assessed(runtime.store, run_id, shard, list(COLUMNS))
        rows = [row for row in rows if row["outcome"] != Outcome.FAIL]
        decided.update(row["doc_id"] for row in rows)
        rows = [row for row in rows if row["content_sha256"]]
        with runtime.catalog.reading() as tx:
            states = relations.states(tx, contract.name, (row["doc_id"] for row in rows))
        active = {doc_id for doc_id, state in states.items() if state.state == "active"}
        found[shard] = [newcomer_of(row, active=row["doc_id"] in active) for row in rows]
    return found, decided


def _settled(
    runtime: Runtime,
    contract: Contract,
    run_id: str,
    shards: Sequence[str],
    where: Mapping[str, Sequence[Newcomer]],
    newcomers: Sequence[Newcomer],
    leaving: set[str],
) -> tuple[Related, dict[str, dict[str, Any]]]:
    """Compares until nothing is superseded by, or a copy of, a newcomer that the rules on relations hold.

    A pass adds to the held ones only those that do not rest on another of them, so what it says stays true.
    """
    held: set[str] = set()
    while True:
        judged = [replace(item, sound=False) if item.doc_id in held else item for item in newcomers]
        related = _related(runtime, contract, run_id, where, judged, leaving) if newcomers else Related()
        patches = _patches(runtime, contract, run_id, shards, related)
        sound = {item.doc_id for item in judged if item.sound}
        fresh = {name for name in sound & related.leaned_on() if name in patches and not patches[name]["sound"]}
        free = {name for name in fresh if not fresh & related.copied_by(name)}
        if not fresh:
            return related, patches
        held |= free or fresh


def _related(
    runtime: Runtime,
    contract: Contract,
    run_id: str,
    where: Mapping[str, Sequence[Newcomer]],
    newcomers: Sequence[Newcomer],
    leaving: set[str],
) -> Related:
    now, likeness, threshold = utc_now(), Likeness(), contract.families.similarity
    compare_all(newcomers, likeness)
    with runtime.catalog.reading() as tx:
        near = compare_with_corpus(tx, contract.name, newcomers, leaving, likeness)
        members, standing = relatives(tx, contract.name, newcomers, leaving)
        late = recent(tx, contract.name, _alike(newcomers, near, likeness, threshold), now)
        known = authors.known(tx, contract.name, (item.author for item in newcomers if item.author))
        history = authors.has_any(tx, contract.name)
        released = _decided_by_person(tx, contract.name, standing) if standing else set()
        found = places(members, now, claims=contract.trust.tier != "open")
        again = _free(tx, contract.name, found, standing)
    displaced = _displaced(contract, found, standing, released)
    mine = {item.doc_id for item in newcomers}
    found = {doc_id: place for doc_id, place in found.items() if doc_id in mine}
    out = {doc_id for doc_id, place in found.items() if place.code in HOLDING and contract.enforcement != "warn"}
    related = relate_all(
        contract,
        newcomers,
        likeness,
        near=near,
        ranked=Related(
            places=found, displaced=displaced, again=again, overtakes=_overtakes(contract, newcomers, found)
        ),
        copies=copies(
            newcomers,
            likeness,
            {name for name, state in near.states.items() if state.state == "active"} - set(displaced),
            out,
            threshold=threshold,
            holds=lambda copy: _held(contract, copy, now),
        ),
        bursts=bursts(newcomers, likeness, late, threshold=threshold),
        strangers=frozenset(item.author for item in newcomers if item.author and history) - known,
    )
    compare_siblings(runtime, contract.name, run_id, where, related, near)
    return related


def _decided_by_person(tx: Session, contract: str, standing: Mapping[str, DocumentState]) -> set[str]:
    """Returns the standing documents about whose bytes a person decided; a split says nothing of their standing."""
    found = decisions.overrides(tx, contract)
    decided = {key for key, override in found.items() if override.outcome != decisions.SPLIT}
    return {doc_id for doc_id, state in standing.items() if (doc_id, state.judged_sha256) in decided}


def _free(
    tx: Session, contract: str, found: Mapping[str, Place], standing: Mapping[str, DocumentState]
) -> tuple[str, ...]:
    """Returns the standing documents that are held as superseded and are not any more: a newcomer closed a circle."""
    held = [doc_id for doc_id, state in standing.items() if state.state == "quarantined"]
    free = {doc_id for doc_id in held if doc_id not in found or found[doc_id].code not in HOLDING}
    told = relations.around(tx, contract, free)
    return tuple(sorted({item.doc_id for item in told if item.kind == SUPERSEDED and item.doc_id in free}))


def _alike(newcomers: Sequence[Newcomer], near: Near, likeness: Likeness, threshold: float) -> dict[str, DocumentState]:
    """Returns the standing documents that are near-identical to a newcomer."""
    names = {other for item in newcomers for other, alike in likeness.of(item.doc_id).items() if alike >= threshold}
    return {name: near.states[name] for name in sorted(names & set(near.states))}


def _displaced(
    contract: Contract, found: Mapping[str, Place], standing: Mapping[str, DocumentState], released: set[str]
) -> dict[str, tuple[DocumentState, Place]]:
    """Returns the standing documents that are active and superseded now; a person's decision outweighs it."""
    if contract.enforcement == "warn":
        return {}
    return {
        doc_id: (standing[doc_id], place)
        for doc_id, place in sorted(found.items())
        if doc_id in standing
        and standing[doc_id].state == "active"
        and place.code == SUPERSEDED
        and doc_id not in released
    }


def _overtakes(contract: Contract, newcomers: Sequence[Newcomer], found: Mapping[str, Place]) -> dict[str, str]:
    """Returns the newcomers that are held as superseded, by what: a faster run may have let one in meanwhile."""
    if contract.enforcement == "warn":
        return {}
    places = ((item.doc_id, found.get(item.doc_id)) for item in newcomers if not item.decided)
    return {doc_id: place.of for doc_id, place in places if place is not None and place.code == SUPERSEDED}


def _held(contract: Contract, copy: Copy, now: datetime) -> bool:
    """Returns whether the rules hold such a copy back."""
    row = {"doc_id": copy.of, "findings": batches.dumps([batches.finding_json(copy_finding(copy))])}
    broken = row_violations(contract, [row], now=now, relations=True).get(copy.of, ())
    return holds_back(broken, contract.enforcement)


def _patches(
    runtime: Runtime, contract: Contract, run_id: str, shards: Sequence[str], related: Related
) -> dict[str, dict[str, Any]]:
    """Returns what changes in the assessed rows; rows that nothing was found about are not in it."""
    now = utc_now()
    columns = ["doc_id", "findings", "violations", "reasons", "outcome", "actor", "due_at"]
    patches: dict[str, dict[str, Any]] = {}
    for shard in shards:
        rows = [
            row
            for row in staging.read_assessed(runtime.store, run_id, shard, columns)
            if row["doc_id"] in related.touched or '"poison.' in row["findings"]
        ]
        findings = {row["doc_id"]: related.findings.get(row["doc_id"], ()) for row in rows}
        judged = [_with_findings(row, findings[row["doc_id"]]) for row in rows]
        broken = row_violations(contract, judged, now=now, relations=True)
        for row in judged:
            doc_id = row["doc_id"]
            patch = patch_of(row, broken.get(doc_id, ()), related.places.get(doc_id), contract)
            beside = {
                "relations": related.relations.get(doc_id, []),
                "displaces": related.displacing(doc_id),
                "family": related.families.get(doc_id, ""),
            }
            patches[doc_id] = patch | {name: value for name, value in beside.items() if value}
    if related.again:
        patches[staging.WHOLE_RUN] = {"again": list(related.again)}
    for doc_id, (_, place) in related.displaced.items():
        relation = {"doc_id": doc_id, "other_id": place.of, "kind": place.code, "detail": {"of": place.of}}
        patches[doc_id] = {"relations": [relation], "sound": True, "family": related.families.get(place.of, place.of)}
    return patches


def _with_findings(row: dict[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    listed = [*batches.loads(row["findings"]), *(batches.finding_json(finding) for finding in findings)]
    return row | {"findings": batches.dumps(listed)}


def _take_in(
    runtime: Runtime, contract: Contract, run_id: str, displaced: Mapping[str, tuple[DocumentState, Place]]
) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """Stages the standing documents that are superseded as one more shard.

    Returns:
        Its name, if there is one, and what the documents were, should their successors be held after all.
    """
    if not displaced:
        return (), {}
    entries = [entry_of(state) for state, _ in displaced.values()]
    shard = staging.write_shard(runtime.store, run_id, entries, {})
    stored = rows_of(runtime, contract.name, [state for state, _ in displaced.values()])
    with runtime.catalog.reading() as tx:
        signatures = {name: found.signature for name, found in sketches.of(tx, contract.name, stored).items()}
    rows = [
        row_of(stored[doc_id], state, place, signatures.get(doc_id, b""))
        for doc_id, (state, place) in displaced.items()
    ]
    staging.write_rows(runtime.store, run_id, shard, rows)
    return (shard,), {doc_id: standing_row(stored[doc_id], state) for doc_id, (state, _) in displaced.items()}


def _note(runtime: Runtime, run_id: str, note: staging.RunNote, shards: Sequence[str], extra: Sequence[str]) -> None:
    """Moves the documents that were taken in from the unchanged ones to a shard of their own."""
    store = runtime.store
    earlier = sum(len(staging.read_shard(store, run_id, shard)) for shard in note.shards if shard not in shards)
    now = sum(len(staging.read_shard(store, run_id, shard)) for shard in extra)
    if earlier or now:
        unchanged = note.unchanged + earlier - now
        staging.write_note(store, run_id, replace(note, unchanged=unchanged, shards=(*shards, *extra)))


def _figures(related: Related) -> dict[str, int | float | str]:
    codes = Counter(finding.code for findings in related.findings.values() for finding in findings)
    conflicts = sum(1 for findings in related.findings.values() if any(item.code == CONFLICT for item in findings))
    return {
        "duplicates": codes["duplicate.exact"],
        "near": codes["duplicate.near"],
        "superseded": codes[SUPERSEDED] + len(related.displaced),
        "conflicts": conflicts,
    }
