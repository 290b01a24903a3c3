"""Re-embed: vectors of another model for the stored segments; no document is read, parsed or cut.

The work is "live segments without vectors of this fingerprint", so a killed run resumes by itself. While it is
under way, documents that arrive go to both spaces; what slipped through is embedded before the cut-over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy.orm import Session

from corpus.catalog import audit, contracts, embedders, reembeds, runs, segments, versions
from corpus.catalog.records import EmbedderRecord, SegmentRecord
from corpus.catalog.reembeds import ReembedRecord
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index.pacing import parse_rate
from index.reembed import group
from ingestion import checkpoints
from ingestion.costing import cost_of
from ingestion.embedding import Embedded, describe, embed_lot, open_embedder
from ingestion.erasure.left import adding
from ingestion.migrating import ALIASES, arrived, note_rate
from ingestion.models import declared_price
from ingestion.observing import observed
from ingestion.pacing import UNPACED, Pace, Paced
from ingestion.progress import NO_PROGRESS, Progress, Whole
from ingestion.runtime import Runtime
from ingestion.sparing import Spared, require_let_go

Mode = Literal["cutover", "shadow"]

CHUNKS_PER_TASK = 2000
"""Twenty seconds of all-MiniLM-L6-v2: more than a mapped task costs beside (0.4 to 2.3 s and loading the model),
little enough to spread over workers."""

CHUNKS_PER_LOT = 4000
"""Canaries are 64 texts, under two percent of so many; the vectors of the default model take 6 MB."""

_CATCH_UPS = 20


def target(runtime: Runtime, contract_name: str, model: str | None) -> EmbedderRecord:
    """Returns the space to re-embed into: the contract's, or that of a model named for a trial."""
    contract = runtime.contract(contract_name)
    spec = contract.embedder
    with runtime.catalog.reading() as tx:
        contracts.require_same_terms(tx, name=contract.name, version=contract.version, digest=contract.digest)
    if model is None or model == spec.model:
        return describe(runtime, spec.model, spec.revision)
    return describe(runtime, model, None)


def pending(runtime: Runtime, contract_name: str, model: str | None = None) -> tuple[str, ...]:
    """Returns the live segments that have no vectors of the target yet."""
    return tuple(segment.segment_id for segment in _pending(runtime, contract_name, model))


def _pending(runtime: Runtime, contract_name: str, model: str | None) -> tuple[SegmentRecord, ...]:
    space = target(runtime, contract_name, model)
    with runtime.catalog.reading() as tx:
        return segments.without_vectors(tx, contract_name, space.fingerprint)


def groups(
    runtime: Runtime, contract_name: str, model: str | None = None, *, chunks_per_group: int = CHUNKS_PER_TASK
) -> tuple[tuple[str, ...], ...]:
    """Returns the pending segments in groups, each worth a task of its own."""
    found = _pending(runtime, contract_name, model)
    return group(((segment.segment_id, segment.chunks) for segment in found), chunks_per_group)


def estimate(
    runtime: Runtime,
    contract_name: str,
    model: str | None = None,
    *,
    rate: str | None = None,
    price_per_million_tokens: float | None = None,
) -> Receipt:
    """Says what a re-embed would cost from here, without loading the model.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        model: The target; None takes the contract's.
        rate: A limit that the re-embed will keep to, such as `50 chunks/s` or `20000 tokens/s`.
        price_per_million_tokens: What a remote model costs; None for what its endpoint declares.

    Returns:
        A receipt with the figures `segments`, `chunks` and `tokens` that have no vectors, `distinct_texts` and
        `tokens_to_embed` of those that the model has to read, `seconds_estimated` for them, `tokens_per_second`
        and where it is from (`rate_from`: `measured here`, `measured on` another machine, or `assumed`), and
        `price_estimated` where a price is given.
    """
    space = target(runtime, contract_name, model)
    found = pending(runtime, contract_name, model)
    limit = parse_rate(rate) if rate else None
    price = price_per_million_tokens
    if price is None:
        price = declared_price(runtime.settings, space.model)
    figures = cost_of(runtime, space, found, rate=limit, price_per_million_tokens=price)
    return Receipt(
        stage="estimate",
        contract=contract_name,
        run_id=new_run_id(),
        key=space.model,
        inputs=found,
        figures=figures | _under_way(runtime, contract_name, space.fingerprint),
        fingerprints={"embedder": space.fingerprint},
    )


def _under_way(runtime: Runtime, contract_name: str, space: str) -> dict[str, str]:
    with runtime.catalog.reading() as tx:
        moving = reembeds.get(tx, contract_name, space)
    running = moving is not None and moving.state == "running"
    return {"under_way_since": moving.started_at.isoformat()} if moving is not None and running else {}


def require_declared(runtime: Runtime, contract_name: str, model: str | None, mode: Mode) -> None:
    """Refuses a cut-over to a model that the contract does not declare.

    Raises:
        ConfigurationError: It does not.
    """
    contract = runtime.contract(contract_name)
    if mode == "cutover" and model not in (None, contract.embedder.model):
        raise ConfigurationError(
            f"contract {contract_name!r} declares the model {contract.embedder.model!r}, not {model!r}: the next "
            "ingest would be refused. Change the contract first, or try the model with mode shadow."
        )


def begin(
    runtime: Runtime, contract_name: str, run_id: str, *, model: str | None = None, mode: Mode, reason: str = ""
) -> Receipt:
    """Opens a re-embed, or goes on with the one that is under way: from now on new documents go to both spaces.

    Who opened it, and why, is in the audit log; who goes on with it, where a reason is given.

    Raises:
        ConfigurationError: A cut-over to a model that the contract does not declare.
        FingerprintMismatch: The model changed behind its name.
    """
    require_declared(runtime, contract_name, model, mode)
    space = target(runtime, contract_name, model)
    with runtime.catalog.transaction() as tx:
        standing = reembeds.get(tx, contract_name, space.fingerprint)
        if reason or standing is None or standing.state != "running":
            _note(tx, runtime, "reembed.begin", contract_name, space, mode=mode, reason=reason)
        runs.start(tx, run_id=run_id, contract=contract_name, kind="reembed", actor=runtime.settings.actor)
        moving = reembeds.begin(
            tx,
            contract=contract_name,
            embedder_fingerprint=space.fingerprint,
            model=space.model,
            revision=space.revision,
            mode=mode,
            run_id=run_id,
        )
    return Receipt(
        stage="begin",
        contract=contract_name,
        run_id=run_id,
        key=space.model,
        figures={"mode": mode, "under_way_since": moving.started_at.isoformat()},
        fingerprints={"embedder": space.fingerprint},
    )


def _note(
    tx: Session, runtime: Runtime, action: str, contract_name: str, space: EmbedderRecord, *, mode: Mode, reason: str
) -> None:
    detail = {"model": space.model, "embedder": space.fingerprint, "mode": mode}
    given = {"reason": reason} if reason else {}
    audit.append(tx, actor=runtime.settings.actor, action=action, subject=contract_name, detail=detail | given)


def note_stop(runtime: Runtime, contract_name: str, work: str, *, reason: str) -> None:
    """Writes to the audit log that a person orders work on a re-embed to stop; the order comes before the signal.

    Nothing else changes here: what the work did is kept, and starting it again goes on.

    Args:
        runtime: The project; its `actor` is who orders it.
        contract_name: Name of the contract.
        work: What is stopped, as it is called where it runs.
        reason: Why; not empty.

    Raises:
        ConfigurationError: No reason.
    """
    if not reason.strip():
        raise ConfigurationError("a stop needs a reason: somebody will ask why it rests. Nothing was stopped.")
    with runtime.catalog.transaction() as tx:
        models = [item.model for item in reembeds.running(tx, contract_name)]
        detail = {"reason": reason.strip(), "work": work, "models": models}
        audit.append(tx, actor=runtime.settings.actor, action="reembed.stop", subject=contract_name, detail=detail)


def require_under_way(runtime: Runtime, contract_name: str, model: str) -> ReembedRecord:
    """Returns the re-embed into a model that is under way.

    Raises:
        ConfigurationError: None is.
    """
    with runtime.catalog.reading() as tx:
        return _under_way_into(tx, contract_name, model)


def _under_way_into(tx: Session, contract_name: str, model: str) -> ReembedRecord:
    running = reembeds.running(tx, contract_name)
    moving = next((item for item in running if item.model == model), None)
    if moving is None:
        raise ConfigurationError(_nothing_to_abandon(contract_name, model, running))
    return moving


def abandon(runtime: Runtime, contract_name: str, *, model: str | None = None, reason: str = "") -> Receipt:
    """Gives up a re-embed that is under way: new documents go to one space again. Vectors that are there stay.

    It is found by the name of its model, which need not be there any more.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        model: Name of the model; None takes the contract's.
        reason: Why, for the audit log.

    Raises:
        ConfigurationError: None is under way into that model.
    """
    wanted = model or runtime.contract(contract_name).embedder.model
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)  # of two who give it up at once, the second finds nothing to give up
        moving = _under_way_into(tx, contract_name, wanted)
        reembeds.end(tx, contract_name, moving.embedder_fingerprint, state="abandoned")
        if runs.get(tx, moving.run_id) is not None:
            runs.finish(tx, moving.run_id, state="failed", receipt={"error": "abandoned by a person"})
        audit.append(
            tx,
            actor=runtime.settings.actor,
            action="reembed.abandon",
            subject=contract_name,
            detail={"model": moving.model, "embedder": moving.embedder_fingerprint}
            | ({"reason": reason} if reason else {}),
        )
    return Receipt(
        stage="abandon",
        contract=contract_name,
        run_id=moving.run_id,
        key=moving.model,
        figures={"status": "abandoned", "model": moving.model},
        fingerprints={"embedder": moving.embedder_fingerprint},
    )


def _nothing_to_abandon(contract: str, model: str, running: Sequence[ReembedRecord]) -> str:
    others = ", ".join(repr(item.model) for item in running) or "none"
    step = f" Name it: `stemma reembed {contract} --model {running[0].model} --abandon`." if running else ""
    return f"no re-embed of {contract!r} into {model!r} is under way. Under way: {others}.{step}"


@observed("reembed")
@adding
def embed_segments(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    chosen: Sequence[str],
    *,
    model: str | None = None,
    rate: str | None = None,
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Embeds stored segments in the target space, lot by lot; each is committed when it is done.

    A text that ends the process which embeds it is given up by the next attempt: `ingestion.sparing`.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        chosen: Segments, such as a group of `groups`.
        model: The target; None takes the contract's.
        rate: Limit, kept by all that work on the re-embed; it has to be under way (`begin`).
        progress: Told how far these segments are, as one piece of work.

    Raises:
        ConfigurationError: The rate cannot be read, or there is one and no re-embed is under way; or a text of the
            index cannot be embedded by the model of a trial.
        FingerprintMismatch: The model changed behind its name.
        IntegrityError: The model gave a vector that is zero, NaN or not of unit length.
    """
    space = target(runtime, contract_name, model)
    pace = _pace(runtime, contract_name, space, rate)
    embedder = open_embedder(runtime, space)
    done: list[Embedded] = []
    held = 0
    whole = _whole(runtime, space, chosen, progress)
    for lot in lots(runtime, chosen):
        with Spared(runtime=runtime, contract=contract_name, space=space).over(lot) as guard:
            made = embed_lot(runtime, embedder, lot, whole, pace=pace, guard=guard)
            held += _commit(runtime, run_id, space, made, guard)
        done += made
    with runtime.catalog.transaction() as tx:
        note_rate(tx, *done)
    return Receipt(
        stage="embed",
        contract=contract_name,
        run_id=run_id,
        key=space.model,
        inputs=tuple(chosen),
        outputs=tuple(vectors.record.segment_id for vectors in done),
        figures={
            "segments": len(done),
            "chunks": sum(vectors.record.rows for vectors in done),
            "embedded": sum(vectors.texts for vectors in done),
            "embed_seconds": round(sum(vectors.seconds for vectors in done), 3),
            **({"held": held} if held else {}),
        },
        fingerprints={"embedder": space.fingerprint},
    )


def _commit(runtime: Runtime, run_id: str, space: EmbedderRecord, made: Sequence[Embedded], guard: Spared) -> int:
    """Refers to vectors, and holds the documents that have none; returns how many."""
    with runtime.catalog.transaction() as tx:
        embedders.register(tx, space)
        for vectors in made:
            segments.add_vectors(tx, vectors.record)
        return guard.hold(tx, run_id)


def lots(runtime: Runtime, chosen: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Returns segments in lots that are embedded before one look at the canaries and one commit."""
    with runtime.catalog.reading() as tx:
        found = [segments.get(tx, segment) for segment in chosen]
    sizes = (record.chunks if record is not None else 0 for record in found)
    return group(zip(chosen, sizes, strict=True), CHUNKS_PER_LOT)


def _whole(runtime: Runtime, space: EmbedderRecord, chosen: Sequence[str], progress: Progress) -> Progress:
    """Shows all segments as one piece of work, unless they are part of a larger one or nobody looks."""
    if progress is NO_PROGRESS or isinstance(progress, Whole):
        return progress
    return Whole(progress, "embedding", int(cost_of(runtime, space, chosen)["distinct_texts"]))


def _pace(runtime: Runtime, contract_name: str, space: EmbedderRecord, rate: str | None) -> Pace:
    if not rate:
        return UNPACED
    with runtime.catalog.reading() as tx:
        moving = reembeds.get(tx, contract_name, space.fingerprint)
    if moving is None or moving.state != "running":
        raise ConfigurationError(
            f"a rate was given, but no re-embed of {contract_name!r} into {space.model!r} is under way, so there is "
            "nothing that keeps it. Begin one first."
        )
    return Paced(catalog=runtime.catalog, contract=contract_name, space=space.fingerprint, rate=parse_rate(rate))


@observed("reembed", ends=True)
def cut_over(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    model: str | None = None,
    mode: Mode = "cutover",
    rate: str | None = None,
    reason: str = "",
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Releases the re-embedded segments: `live` moves in mode `cutover`, only `shadow` in mode `shadow`.

    Segments that were staged meanwhile and slipped through are embedded first. Where the alias does not move, because
    the version waits for approval or a person rolled back from it (`held`), the re-embed stays under way and new
    documents go to both spaces, until the alias gets there or somebody gives it up.

    Args:
        runtime: The project.
        contract_name: Name of the contract.
        run_id: The run.
        model: The target; None takes the contract's.
        mode: Which alias moves.
        rate: Limit for what slipped through, as of `embed_segments`.
        reason: Why, for the audit log.
        progress: Told which step is at work.

    Raises:
        ConfigurationError: A cut-over to a model that the contract does not declare.
        GateFailed: The candidate is not fit to be served, or the version that serves holds a document whose text
            cannot be embedded; the re-embed stays under way.
    """
    from ingestion.stages import release  # noqa: PLC0415 - embedding alone does not need it

    begin(runtime, contract_name, run_id, model=model, mode=mode)
    contract, space = runtime.contract(contract_name), target(runtime, contract_name, model)
    caught_up = _catch_up(runtime, contract_name, run_id, model=model, rate=rate, progress=progress)
    if mode == "cutover":
        require_let_go(runtime, contract_name, space)
    alias = ALIASES[mode]
    options: dict[str, Any] = {"alias": alias, "model": space.model, "reason": reason, "progress": progress}
    receipt = release.release(runtime, contract_name, run_id, **options)
    figures: dict[str, Any] = {**receipt.figures, **({"caught_up": caught_up} if caught_up else {})}
    with runtime.catalog.transaction() as tx:
        contracts.register(
            tx, name=contract.name, version=contract.version, digest=contract.digest, yaml=contract.raw_yaml
        )
        state = versions.alias(tx, contract_name, alias)
        served = versions.get(tx, contract_name, state.number) if state else None
        runs.finish(tx, run_id, state="succeeded", receipt=receipt.to_json())
    if served is not None:
        arrived(runtime, served, alias)
    _sweep(runtime, space.fingerprint)
    figures |= _under_way(runtime, contract_name, space.fingerprint)
    return Receipt.from_json({**receipt.to_json(), "figures": figures})


def _catch_up(runtime: Runtime, contract_name: str, run_id: str, *, model: str | None, **options: Any) -> int:
    """Embeds what has no vectors yet, and looks again until there is nothing; returns how many segments it was."""
    number = 0
    for _ in range(_CATCH_UPS):
        left = pending(runtime, contract_name, model)
        if not left:
            return number
        embed_segments(runtime, contract_name, run_id, left, model=model, **options)
        number += len(left)
    return number


def _sweep(runtime: Runtime, space: str) -> None:
    """Removes parts that a killed run left of segments whose vectors are whole."""
    for segment in checkpoints.unfinished(runtime.store, space):
        with runtime.catalog.reading() as tx:
            whole = segments.vectors(tx, segment, space) is not None
        if whole:
            checkpoints.discard(runtime.store, space, segment)
