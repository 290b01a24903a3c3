"""One DAG per contract: from a settled corpus to a signed, published index version.

Started by the corpus asset, or by hand. `release` builds the version, runs the gates, signs, publishes
and moves the alias; `announce` updates the index asset. A gate that fails raises, so the asset is not
updated; where no alias moved, `announce` is skipped for the same reason: a corpus that gives the same
version as before, or a version that waits for approval. With `version` set the alias is moved to that
version instead: a promotion or a rollback.

With the setting `index_shard_rows`, `prepare` trains the index first, `add` adds a range of its rows in each task, and
`release` puts these together, to the same bytes; it builds alone where they do not fit its own vectors exactly.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from stemma_edge import (
    EMBED_POOL,
    NOTHING_NEW,
    SHARDED,
    START,
    ContractStub,
    ReceiptJson,
    contracts,
    corpus_asset,
    deadline,
    defaults_of,
    index_asset,
    settled_run,
    shards,
)

PARAMS = {
    "alias": Param(
        default="live", type="string", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="Alias that is moved."
    ),
    "force": Param(
        default=False, type="boolean", description="Publish although a gate that may be waived fails; needs a reason."
    ),
    "reason": Param(default="", type="string", maxLength=500, description="Why, for the audit log."),
    "version": Param(
        default=None,
        type=["null", "integer"],
        minimum=1,
        description="Move the alias to this existing version (promote, roll back); empty builds a new one.",
    ),
}


@task
def prepare(name: str, *, params: dict[str, Any], triggering_asset_events: Any) -> ReceiptJson:
    """Trains the index; the receipt's outputs are the ranges of rows to add, none where one task does all."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import building as stage

    options = {key: params[key] for key in ("alias", "force", "version")}
    return stage.prepare(open_runtime(), name, settled_run(triggering_asset_events), **options).to_json()


@task
def add(name: str, shard: str, *, triggering_asset_events: Any) -> ReceiptJson:
    """Adds one range of rows to a copy of the trained index."""
    from ingestion.runtime import open_runtime
    from ingestion.stages import building as stage

    return stage.add(open_runtime(), name, settled_run(triggering_asset_events), shard).to_json()


def build(stub: ContractStub) -> None:
    """Declares the release DAG of one contract."""
    name = stub.name
    index = index_asset(name)

    @dag(
        dag_id=f"corpus_release__{name}",
        description=f"Publishes the index of contract {name}, or moves its alias.",
        schedule=[corpus_asset(name)],
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        default_args=defaults_of(stub),
        deadline=deadline(name, stub.owner),
        doc_md=__doc__,
        tags=["stemma", "release"],
    )
    def corpus_release() -> None:
        @task(pool=EMBED_POOL, trigger_rule=TriggerRule.NONE_FAILED)
        def release(
            added: Sequence[ReceiptJson] | None, *, params: dict[str, Any], triggering_asset_events: Any
        ) -> ReceiptJson:
            """Publishes a version, or moves the alias to one that exists."""
            from corpus.receipts import Receipt
            from ingestion.runtime import open_runtime
            from ingestion.stages import release as stage

            if params["version"]:
                receipt = stage.move(
                    open_runtime(), name, params["alias"], params["version"], reason=params["reason"] or "by DAG"
                )
            else:
                options = {key: params[key] for key in ("alias", "force", "reason")}
                options["shards"] = [Receipt.from_json(item) for item in added or ()]
                receipt = stage.release(open_runtime(), name, settled_run(triggering_asset_events), **options)
            return receipt.to_json()

        @task(outlets=[index])
        def announce(receipt: ReceiptJson, *, params: dict[str, Any], outlet_events: Any) -> None:
            """Tells the DAGs that wait for the index that its alias moved."""
            figures = receipt["figures"]
            if figures["status"] in NOTHING_NEW:
                raise AirflowSkipException(f"{name}: {figures['status']}, {params['alias']} stays where it is")
            outlet_events[index].extra = {"alias": params["alias"], **figures}

        added = add.partial(name=name).expand(shard=shards(prepare(name))) if SHARDED else None
        announce(release(added))

    corpus_release()


for contract in contracts().values():
    build(contract)
