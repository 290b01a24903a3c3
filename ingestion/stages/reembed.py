"""Re-embed: vectors of another model for the stored segments; no document is read, parsed or cut.

The work is "live segments without vectors of this fingerprint", so a killed run resumes by itself and
documents that arrive meanwhile are found by the next look.
"""

from __future__ import annotations

from typing import Literal

from corpus import batches
from corpus.catalog import contracts, embedders, runs, segments
from corpus.catalog.records import EmbedderRecord
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id
from corpus.receipts import Receipt
from index.reembed import DEFAULT_RATES, tokens_per_second
from index.reembed import estimate as price
from ingestion.embedding import describe, open_embedder
from ingestion.embedding import embed_segment as vectors_of_segment
from ingestion.observing import observed
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime
from ingestion.stages import release

Mode = Literal["cutover", "shadow"]


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
    space = target(runtime, contract_name, model)
    with runtime.catalog.reading() as tx:
        found = segments.without_vectors(tx, contract_name, space.fingerprint)
    return tuple(segment.segment_id for segment in found)


def estimate(runtime: Runtime, contract_name: str, model: str | None = None) -> Receipt:
    """Says what a re-embed would cost, without loading the model.

    Returns:
        A receipt with the figures `segments`, `chunks`, `tokens` and `seconds_estimated`; the time
        is from rates measured on two cores, an upper bound.
    """
    space = target(runtime, contract_name, model)
    found = pending(runtime, contract_name, model=model)
    counts = [_tokens(runtime, segment) for segment in found]
    rate = DEFAULT_RATES["static" if space.parts.get("family") == "static" else "fp32"]
    cost = price(
        segments=len(found),
        chunks=sum(len(tokens) for tokens in counts),
        tokens=sum(sum(tokens) for tokens in counts),
        tokens_per_second=tokens_per_second(rate),
    )
    return Receipt(
        stage="estimate",
        contract=contract_name,
        run_id=new_run_id(),
        key=space.model,
        inputs=found,
        figures={
            "segments": cost.segments,
            "chunks": cost.chunks,
            "tokens": cost.tokens,
            "seconds_estimated": cost.seconds,
        },
        fingerprints={"embedder": space.fingerprint},
    )


def _tokens(runtime: Runtime, segment: str) -> list[int]:
    with runtime.store.open(f"segments/{segment}/chunks.parquet") as handle:
        tokens: list[int] = batches.read_table(handle, ["token_count"])["token_count"].to_pylist()
    return tokens


@observed("reembed")
def embed_segment(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    segment: str,
    *,
    model: str | None = None,
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Embeds one stored segment in the target space.

    Raises:
        FingerprintMismatch: The model changed behind its name.
        IntegrityError: The model gave a vector that is zero, NaN or not of unit length.
    """
    space = target(runtime, contract_name, model)
    done = vectors_of_segment(runtime, open_embedder(runtime, space), segment, progress)
    with runtime.catalog.transaction() as tx:
        embedders.register(tx, space)
        segments.add_vectors(tx, done.record)
    return Receipt(
        stage="embed",
        contract=contract_name,
        run_id=run_id,
        key=segment,
        inputs=(segment,),
        outputs=(segment,),
        figures={"chunks": done.record.rows, "embedded": done.texts, "embed_seconds": round(done.seconds, 3)},
        fingerprints={"embedder": space.fingerprint},
    )


@observed("reembed", ends=True)
def cut_over(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    model: str | None = None,
    mode: Mode = "cutover",
    progress: Progress = NO_PROGRESS,
) -> Receipt:
    """Releases the re-embedded segments: `live` moves in mode `cutover`, only `shadow` in mode `shadow`.

    Raises:
        ConfigurationError: A cut-over to a model that the contract does not declare.
        GateFailed: The candidate is not fit to be served.
    """
    contract = runtime.contract(contract_name)
    if mode == "cutover" and model not in (None, contract.embedder.model):
        raise ConfigurationError(
            f"contract {contract_name!r} declares the model {contract.embedder.model!r}, not {model!r}: the next "
            "ingest would be refused. Change the contract first, or try the model with mode shadow."
        )
    with runtime.catalog.transaction() as tx:
        runs.start(tx, run_id=run_id, contract=contract_name, kind="reembed", actor=runtime.settings.actor)
    alias = "live" if mode == "cutover" else "shadow"
    receipt = release.release(runtime, contract_name, run_id, alias=alias, model=model, progress=progress)
    with runtime.catalog.transaction() as tx:
        contracts.register(
            tx, name=contract.name, version=contract.version, digest=contract.digest, yaml=contract.raw_yaml
        )
        runs.finish(tx, run_id, state="succeeded", receipt=receipt.to_json())
    return receipt
