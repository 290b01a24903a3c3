"""One DAG per contract: from a settled corpus to a signed, published index version.

Started by the corpus asset, or by hand. `release` builds the version, runs the gates, signs, publishes
and moves the alias; `announce` updates the index asset. A gate that fails raises, so the asset is not
updated; where no alias moved, `announce` is skipped for the same reason: a corpus that gives the same
version as before, or a version that waits for approval. With `version` set the alias is moved to that
version instead: a promotion or a rollback.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from stemma_edge import (
    EMBED_POOL,
    NOTHING_NEW,
    START,
    ContractStub,
    ReceiptJson,
    contracts,
    corpus_asset,
    deadline,
    defaults_of,
    index_asset,
    settled_run,
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
        @task(pool=EMBED_POOL)
        def release(*, params: dict[str, Any], triggering_asset_events: Any) -> ReceiptJson:
            """Publishes a version, or moves the alias to one that exists."""
            from ingestion.runtime import open_runtime
            from ingestion.stages import release as stage

            if params["version"]:
                receipt = stage.move(
                    open_runtime(), name, params["alias"], params["version"], reason=params["reason"] or "by DAG"
                )
            else:
                options = {key: params[key] for key in ("alias", "force", "reason")}
                receipt = stage.release(open_runtime(), name, settled_run(triggering_asset_events), **options)
            return receipt.to_json()

        @task(outlets=[index])
        def announce(receipt: ReceiptJson, *, params: dict[str, Any], outlet_events: Any) -> None:
            """Tells the DAGs that wait for the index that its alias moved."""
            figures = receipt["figures"]
            if figures["status"] in NOTHING_NEW:
                raise AirflowSkipException(f"{name}: {figures['status']}, {params['alias']} stays where it is")
            outlet_events[index].extra = {"alias": params["alias"], **figures}

        announce(release())

    corpus_release()


for contract in contracts().values():
    build(contract)
