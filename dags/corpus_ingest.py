"""One DAG per contract: documents in, decisions and segments out.

`acquire` lists and hashes the source, `assess` parses and judges each shard, `relate` compares the
documents with each other and with the corpus (copies, versions, conflicts), `admit` applies the rules over
the whole batch (a `block` stops here and nothing is committed), `stage` chunks, embeds and commits each
shard, `settle` balances the counts and removes what vanished. The schedule is the contract's. Settling
updates `stemma://corpus/<contract>`, which starts the release.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task
from stemma_edge import (
    EMBED_POOL,
    START,
    ContractStub,
    ReceiptJson,
    contracts,
    corpus_asset,
    deadline,
    defaults_of,
    run_key,
    shards,
)

ALLOW_SHRINK = Param(
    default=False,
    type="boolean",
    description="Accept a source that lists far fewer documents than before; without it nothing is removed.",
)
REASON = Param(default="", type="string", maxLength=500, description="Why, for the audit log; with allow_shrink.")


@task
def acquire(name: str, *, params: dict[str, Any]) -> ReceiptJson:
    """Lists the source and hashes what is new; the receipt's outputs are the shards with work in them."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import acquire as stage

    override = {key: params[key] for key in ("allow_shrink", "reason")}
    return stage.acquire(open_runtime(), name, run_key(), **override).to_json()


@task
def assess(name: str, shard: str) -> ReceiptJson:
    """Parses and judges the documents of one shard."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import assess as stage

    return stage.assess(open_runtime(), name, run_key(), shard).to_json()


@task(trigger_rule=TriggerRule.NONE_FAILED)
def relate(name: str, due: Sequence[str]) -> ReceiptJson:
    """Finds copies, versions and conflicts; the receipt's outputs are the shards to admit and stage."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import relate as stage

    return stage.relate(open_runtime(), name, run_key(), list(due)).to_json()


@task
def admit(name: str, due: Sequence[str]) -> ReceiptJson:
    """Applies the rules over the whole batch. Runs with no shards too: documents may have vanished."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import admit as stage

    return stage.admit(open_runtime(), name, run_key(), list(due)).to_json()


@task(pool=EMBED_POOL)
def stage(name: str, shard: str) -> ReceiptJson:
    """Chunks, embeds and commits the admitted documents of one shard."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import stage as staging

    return staging.stage(open_runtime(), name, run_key(), shard).to_json()


@task(trigger_rule=TriggerRule.NONE_FAILED)
def settle(name: str, staged: Sequence[ReceiptJson] | None, *, outlet_events: Any) -> ReceiptJson:
    """Balances the counts, removes what vanished, closes the run."""
    from corpus.receipts import Receipt
    from ingestion.runtime import open_runtime
    from ingestion.stages import settle as closing

    receipts = [Receipt.from_json(item) for item in staged or ()]
    receipt = closing.settle(open_runtime(), name, run_key(), receipts).to_json()
    outlet_events[corpus_asset(name)].extra = {"run_id": receipt["run_id"], "counts": receipt["counts"]}
    return receipt


def build(stub: ContractStub) -> None:
    """Declares the ingest DAG of one contract."""
    name = stub.name
    early = EMBED_POOL if stub.embeds_early else "default_pool"

    @dag(
        dag_id=f"corpus_ingest__{name}",
        description=f"Ingests the documents of contract {name}.",
        schedule=stub.schedule,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params={"allow_shrink": ALLOW_SHRINK, "reason": REASON},
        default_args=defaults_of(stub),
        deadline=deadline(name, stub.owner),
        doc_md=__doc__,
        tags=["stemma", "ingest"],
    )
    def corpus_ingest() -> None:
        due = shards(acquire.override(pool=early)(name))
        related = relate(name, due)
        assess.override(pool=early).partial(name=name).expand(shard=due) >> related
        decided = shards.override(task_id="decided")(related)
        staged = stage.partial(name=name).expand(shard=decided)
        admit(name, decided) >> staged
        settle.override(outlets=[corpus_asset(name)])(name, staged)

    corpus_ingest()


for contract in contracts().values():
    build(contract)
