"""Build in parts: train an index once, add ranges of its rows in tasks of their own; `release` puts them together.

Only where `index_shard_rows` asks for it, and only ahead of a release, which does all that it does without. These
stages spare it the adding, and never decide what it publishes: it builds alone where anything does not fit.
"""

from __future__ import annotations

from corpus.errors import IntegrityError
from corpus.receipts import Receipt
from ingestion.candidate import Candidate
from ingestion.erasure.left import adding
from ingestion.observing import observed
from ingestion.runtime import Runtime
from ingestion.stages.release import candidate_of, in_the_way


@observed("release")
@adding
def prepare(
    runtime: Runtime,
    contract_name: str,
    run_id: str,
    *,
    alias: str = "live",
    force: bool = False,
    version: int | None = None,
) -> Receipt:
    """Trains the index of the next version, and says which ranges of its rows are to be added.

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        run_id: The run that the version will belong to.
        alias: The alias that the release moves.
        force: As the release is asked.
        version: The version that the release moves the alias to; it builds none then.

    Returns:
        A receipt whose outputs are the shards for `add`; none where one task does it all, and the figure `why` says so.

    Raises:
        ConfigurationError: As of `release`.
        IntegrityError: Stored files contradict each other.
    """
    candidate = candidate_of(runtime, runtime.contract(contract_name), run_id, alias, None)
    found = ("moves", None) if version else in_the_way(runtime, candidate, alias, force=force)
    shards, said = ((), f"nothing to build: {found[0]}") if found else _prepared(runtime, candidate)
    return Receipt(
        stage="prepare",
        contract=contract_name,
        run_id=run_id,
        key=contract_name,
        outputs=shards,
        figures={"shards": len(shards), "why": said},
        fingerprints={"embedder": candidate.space.fingerprint},
    )


@observed("release")
@adding
def add(runtime: Runtime, contract_name: str, run_id: str, shard: str) -> Receipt:
    """Adds one range of rows to a copy of the trained index.

    Args:
        runtime: The project.
        contract_name: Name of the contract, and of its index.
        run_id: The run that the version will belong to.
        shard: One of the outputs of `prepare`.

    Returns:
        A receipt with the digests of the range and of the trained index. One without outputs says in the figure `why`
        what was gone or torn; the release then builds alone.
    """
    from index import builds  # noqa: PLC0415 - faiss

    try:
        added = builds.add(runtime.store, contract_name, shard)
    except IntegrityError as error:
        return Receipt(
            stage="add", contract=contract_name, run_id=run_id, key=shard, figures={"added": 0, "why": str(error)}
        )
    return Receipt(
        stage="add",
        contract=contract_name,
        run_id=run_id,
        key=shard,
        outputs=(added.sha256,),
        figures={"added": 1},
        fingerprints={"trained": added.trained},
    )


def _prepared(runtime: Runtime, candidate: Candidate) -> tuple[tuple[str, ...], str]:
    """Trains, and returns the shards and why they are as many."""
    from index import builds, shards  # noqa: PLC0415 - faiss
    from index.build import map_vectors, write_vectors  # noqa: PLC0415 - as above
    from index.factory import choose  # noqa: PLC0415 - as above
    from index.spill import Space, sorted_ranges  # noqa: PLC0415 - as above

    settings, space = runtime.settings, candidate.space
    most = sum(segment.chunks for segment in candidate.segments)  # those that left are among them
    if not settings.index_shard_rows or len(shards.plan(most, settings.index_shard_rows)) < 2:
        return (), f"{most} chunks at the most are one shard"
    with runtime.store.scratch() as scratch:
        file = scratch / "vectors.f32"
        wanted = Space(fingerprint=space.fingerprint, dimension=space.dimension)
        (scratch / "work").mkdir()
        rows = write_vectors(file, sorted_ranges(runtime.store, wanted, candidate.active, scratch / "work"))
        index = candidate.contract.index
        factory = choose(index.factory, rows, index.deletes).factory
        ranges = shards.plan(rows, settings.index_shard_rows, settings.max_shards)
        if len(ranges) < 2:
            return (), f"{rows} chunks are one shard"
        if not shards.can_merge(factory):
            return (), f"{factory} cannot be put together from parts"
        vectors = map_vectors(file, rows, space.dimension)
        made = builds.prepare(runtime.store, candidate.contract.name, factory, vectors, file, ranges)
        return made, f"{rows} chunks, {factory}"
