"""Evaluation of index versions by golden items: bound, asked, compared with the version before, and kept.

An item is bound once to a version; from then on it is judged against that, until somebody rebases it with a reason.
The version before is asked the same items on the same day, so that a difference is one of versions. Where it
is gone, its stored results stand in. Everything here changes the catalog only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from contracts.model import Contract
from corpus.catalog import audit, evaluations, versions
from corpus.catalog.evaluations import BindingRecord, EvaluationRecord
from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, EvaluationStale, FingerprintMismatch, StemmaError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from corpus.types import utc_now
from index import layout
from index.evaluation import Change, ItemResult, compare
from index.evidence import State
from index.golden import GoldenItem
from ingestion.aliases import alias_state
from ingestion.evaluating import Asked, Evaluated, bound_of, evaluate, published
from ingestion.evaluationreport import Binding, Evaluation, Point, Rebase, point_of
from ingestion.golden import golden_items
from ingestion.runtime import Runtime


def bind(runtime: Runtime, name: str, *, version: int | None = None, alias: str = "live") -> Binding:
    """Binds the items that are not bound yet to where their evidence stands in a version.

    Args:
        runtime: The project.
        name: Name of the contract, and of its index.
        version: Number of the version; None takes what `alias` points to.
        alias: The alias, where no version is given.

    Raises:
        ConfigurationError: There is no such contract, alias or version, no golden item, or the set cannot be read.
        IntegrityError: The version or its model is not what it was.
    """
    contract = runtime.contract(name)
    items = _items(runtime, contract)
    record = _version(runtime, name, version, alias)
    known = _bindings(runtime, name)
    fresh = [item for item in items if item.id not in known]
    found = evaluate(runtime, published(runtime, record), fresh, contract.evaluation, {})
    bound = _bind_new(runtime, record, fresh, found)
    edited = [item.id for item in items if item.id in known and known[item.id].digest != item.digest]
    unbound = {result.id: result.why for result in found.results if not result.counts}
    unbound |= dict.fromkeys(edited, "question or evidence were edited since it was bound: rebase it")
    rivals = {name: found.rivals[name] for name in bound if found.rivals[name]}
    return Binding(
        name=name,
        number=record.number,
        bound=bound,
        already=len(items) - len(fresh) - len(edited),
        unbound=unbound,
        accepted={item: tuple(rival.document for rival in these) for item, these in rivals.items()},
    )


def run(
    runtime: Runtime,
    name: str,
    *,
    version: int | None = None,
    against: int | None = None,
    alias: str = "live",
    asked: Asked | None = None,
    reason: str = "",
) -> Evaluation:
    """Evaluates a version, compares it with an earlier one, and keeps the result.

    Items that were never bound are bound to this version, which the result says; nothing is bound anew.

    Args:
        runtime: The project.
        name: Name of the contract, and of its index.
        version: Number of the version; None takes what `alias` points to.
        against: Number of the version to compare with; None takes the one that it follows, where it is known.
        alias: The alias, where no version is given.
        asked: What versions answered in the release that this comes after; None asks all of it now.
        reason: Why a person asks; it is written to the audit log with the result. Empty where nobody asked by hand.

    Raises:
        ConfigurationError: As in `bind`, or nothing is known of the version to compare with.
        IntegrityError: A version or its model is not what it was.
    """
    contract = runtime.contract(name)
    items = _items(runtime, contract)
    record = _version(runtime, name, version, alias)
    if against == record.number:
        raise ConfigurationError(f"{layout.version_name(record.number)} cannot be compared with itself: name another.")
    asked = asked or Asked()
    found = _evaluated(runtime, contract, items, record, asked)
    bound_now = _bind_new(runtime, record, items, found)
    other = _other(runtime, record, against)
    named = against is not None
    change = _change(runtime, contract, items, other, found.results, asked, named=named) if other else None
    made = Evaluation(
        name=name,
        number=record.number,
        measured_at=utc_now(),
        spec=contract.evaluation,
        results=found.results,
        bound_now=bound_now,
        change=change,
    )
    with runtime.catalog.transaction() as tx:
        if reason.strip():
            detail = {"reason": reason.strip(), "against": against, "items": made.bound, "holding": made.holding}
            subject = f"{name}@{layout.version_name(record.number)}"
            audit.append(tx, actor=runtime.settings.actor, action="golden.run", subject=subject, detail=detail)
        evaluations.add(tx, _record(made))
    return made


def rebase(
    runtime: Runtime,
    name: str,
    *,
    reason: str,
    items: Collection[str] = (),
    version: int | None = None,
    alias: str = "live",
) -> Rebase:
    """Binds items anew to where their evidence stands in a version: a new baseline, with a reason, in the audit log.

    Args:
        runtime: The project.
        name: Name of the contract, and of its index.
        reason: Why.
        items: Ids of the items; empty for all that are not `valid`.
        version: Number of the version; None takes what `alias` points to.
        alias: The alias, where no version is given.

    Raises:
        ConfigurationError: No reason, an unknown item, or as in `bind`.
        IntegrityError: The version or its model is not what it was.
    """
    if not reason.strip():
        raise ConfigurationError("a new baseline needs a reason: give --reason '...', it goes into the audit log.")
    contract = runtime.contract(name)
    known = _items(runtime, contract)
    unknown = sorted(set(items) - {item.id for item in known})
    if unknown:
        raise ConfigurationError(
            f"index {name!r} has no golden item {', '.join(unknown)}. See them with `stemma eval show {name}`."
        )
    record = _version(runtime, name, version, alias)
    found = _evaluated(runtime, contract, known, record, Asked())
    states = {result.id: result.state for result in found.results}
    chosen = [item for item in known if (item.id in items if items else states[item.id] is not State.VALID)]
    stands = [item for item in chosen if all(pin.stands for pin in found.pins[item.id])]
    now = utc_now()
    if stands:
        with runtime.catalog.transaction() as tx:
            evaluations.rebind(
                tx,
                name,
                [_binding(record, item, found, now) for item in stands],
                actor=runtime.settings.actor,
                reason=reason,
                states={item.id: states[item.id].value for item in stands},
            )
    done = {item.id for item in stands}
    return Rebase(
        name=name,
        number=record.number,
        reason=reason.strip(),
        rebased={item.id: states[item.id].value for item in stands},
        left={item.id: states[item.id].value for item in chosen if item.id not in done},
    )


def show(runtime: Runtime, name: str, *, version: int | None = None, alias: str = "live") -> Mapping[str, object]:
    """Returns the last evaluation of a version as it was kept.

    Raises:
        ConfigurationError: There is no such contract, alias or version, or it was never evaluated.
    """
    number = _version(runtime, name, version, alias).number
    with runtime.catalog.reading() as tx:
        found = evaluations.latest(tx, name, [number])
    if number not in found:
        raise ConfigurationError(
            f"{name} {layout.version_name(number)} was never evaluated: `stemma eval run {name} --version {number}`."
        )
    return found[number].report


def history(runtime: Runtime, name: str) -> tuple[Point, ...]:
    """Returns every evaluation of an index in figures, oldest first: how golden items went stale over time.

    Raises:
        ConfigurationError: There is no such contract.
    """
    runtime.contract(name)
    with runtime.catalog.reading() as tx:
        return tuple(point_of(record) for record in evaluations.history(tx, name))


def watch(runtime: Runtime, contract_name: str, *, alias: str = "live") -> Receipt:
    """Evaluates what an alias serves, and fails where fewer items hold than the contract asks (`minValid`).

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        alias: The alias.

    Raises:
        EvaluationStale: Too few items hold; the figures are kept all the same.
        ConfigurationError: There is no such contract or alias, or the golden set cannot be read.
        IntegrityError: A version or its model is not what it was.
    """
    contract = runtime.contract(contract_name)
    if not golden_items(runtime, contract):
        return _receipt(contract_name, alias, None, {"items": 0})
    found = run(runtime, contract_name, alias=alias)
    if found.stale:
        raise EvaluationStale(
            f"{contract_name} {layout.version_name(found.number)}: evidence of {found.holding} of {found.bound} golden "
            f"items holds, the contract asks for {contract.evaluation.min_valid:.0%}. Look at the others with `stemma "
            f"eval show {contract_name}`; mend them and run `stemma eval rebase {contract_name} --reason '...'`."
        )
    return _receipt(contract_name, alias, found.number, found.figures())


def after_release(
    runtime: Runtime, contract: Contract, version: VersionRecord, asked: Asked
) -> dict[str, int | float | str]:
    """Evaluates a version that has just been released, and returns figures for the receipt of its run.

    The release stands whatever is found here, so what cannot be evaluated is said in the figures and not raised.

    Args:
        runtime: The project.
        contract: The contract.
        version: The version.
        asked: What it and the version before answered when gates asked them.
    """
    try:
        if not golden_items(runtime, contract):
            return {}
        return run(runtime, contract.name, version=version.number, asked=asked).figures()
    except StemmaError as error:
        return {"golden_evaluation": f"not made: {error}"}


def _items(runtime: Runtime, contract: Contract) -> tuple[GoldenItem, ...]:
    items = golden_items(runtime, contract)
    if not items:
        raise ConfigurationError(
            f"contract {contract.name!r} has no golden item. Name a file in ragEvaluation.golden, or evidence in "
            "context.verifiedStatements (docs/evaluation.md)."
        )
    return items


def _bindings(runtime: Runtime, name: str) -> dict[str, BindingRecord]:
    with runtime.catalog.reading() as tx:
        return evaluations.bindings(tx, name)


def _version(runtime: Runtime, name: str, number: int | None, alias: str) -> VersionRecord:
    wanted = number if number is not None else alias_state(runtime, name, alias).number
    with runtime.catalog.reading() as tx:
        found = versions.get(tx, name, wanted)
        known = ", ".join(str(item.number) for item in versions.all_of(tx, name)) or "none"
    if found is None:
        raise ConfigurationError(f"index {name!r} has no version {wanted}. Versions: {known}.")
    return found


def _other(runtime: Runtime, record: VersionRecord, against: int | None) -> VersionRecord | None:
    """Returns the version to compare with: the one that is named, or the one that it follows, if it is known."""
    if against is not None:
        return _version(runtime, record.name, against, "")
    followed = record.manifest.get("previous")
    with runtime.catalog.reading() as tx:
        return None if followed is None else versions.get(tx, record.name, int(followed))


def _evaluated(
    runtime: Runtime, contract: Contract, items: Sequence[GoldenItem], record: VersionRecord, asked: Asked
) -> Evaluated:
    """Evaluates a version against the bindings; binds nothing."""
    known = _bindings(runtime, record.name)
    edited = frozenset(item.id for item in items if item.id in known and known[item.id].digest != item.digest)
    return asked.evaluate(
        runtime,
        record.identity,
        lambda: published(runtime, record),
        items,
        contract.evaluation,
        bound_of(known, items),
        edited=edited,
    )


def _bind_new(
    runtime: Runtime, record: VersionRecord, items: Sequence[GoldenItem], found: Evaluated
) -> tuple[str, ...]:
    """Binds items that were never bound and whose evidence stands in a version, and returns their ids."""
    known, results, now = _bindings(runtime, record.name), {result.id: result for result in found.results}, utc_now()
    fresh = [item for item in items if item.id not in known and item.id in results and results[item.id].counts]
    if not fresh:
        return ()
    with runtime.catalog.transaction() as tx:
        return evaluations.bind(
            tx, [_binding(record, item, found, now) for item in fresh], actor=runtime.settings.actor
        )


def _binding(record: VersionRecord, item: GoldenItem, found: Evaluated, now: datetime) -> BindingRecord:
    return BindingRecord(
        name=record.name,
        item=item.id,
        digest=item.digest,
        number=record.number,
        bound_at=now,
        pins=tuple(pin.to_json() for pin in found.pins[item.id]),
        rivals=tuple(asdict(rival) for rival in found.rivals[item.id]),
    )


def _change(
    runtime: Runtime,
    contract: Contract,
    items: Sequence[GoldenItem],
    other: VersionRecord,
    after: Sequence[ItemResult],
    asked: Asked,
    *,
    named: bool,
) -> Change | None:
    """Compares with another version: asked now, or by its stored results if it or its model is gone."""
    try:
        if runtime.store.exists(f"{layout.version_path(other.name, other.number)}/{layout.MANIFEST}"):
            return compare(other.number, _evaluated(runtime, contract, items, other, asked).results, after)
    except (ConfigurationError, FingerprintMismatch):
        pass  # its model cannot be loaded any more
    with runtime.catalog.reading() as tx:
        stored = evaluations.latest(tx, other.name, [other.number]).get(other.number)
    if stored is not None and stored.k == contract.evaluation.k:
        return compare(other.number, [ItemResult.from_json(item) for item in stored.report["results"]], after)
    if named:
        raise ConfigurationError(
            f"{other.name} {layout.version_name(other.number)} or its model is no longer there, and it was never "
            f"evaluated at k = {contract.evaluation.k}. Compare with another one (`stemma index list {other.name}`)."
        )
    return None


def _record(made: Evaluation) -> EvaluationRecord:
    measures = made.measures or {}
    return EvaluationRecord(
        name=made.name,
        number=made.number,
        measured_at=made.measured_at,
        k=made.spec.k,
        compared_with=made.change.before if made.change else None,
        items=made.bound,
        holding=made.holding,
        ndcg=measures.get("ndcg"),
        recall=measures.get("recall"),
        mrr=measures.get("mrr"),
        report=made.to_json(),
    )


def _receipt(name: str, alias: str, number: int | None, figures: Mapping[str, int | float | str]) -> Receipt:
    return Receipt(
        stage="evaluation",
        contract=name,
        run_id=new_run_id(),
        key=alias,
        inputs=(layout.version_name(number),) if number is not None else (),
        figures=dict(figures),
    )
