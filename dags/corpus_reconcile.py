"""Nightly: compares the source, the catalog and the index of each contract, and mends what may be mended.

Files that no row refers to, alias files that lag behind, runs that were given up, documents that one side
has and the other has not. Only an ingest takes documents in or out. Then versions, candidates, segments and
vectors are removed that the contract keeps no longer. Answers whose term is over are forgotten. A contract
that cannot be reconciled fails alone: the others are mended and collected.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task, task_group
from stemma_edge import START, TASK_DEFAULTS, ReceiptJson, contract_param, contracts


@dag(
    description="Compares source, catalog and index of each contract, and mends what may be mended.",
    schedule="15 3 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params={
        "contract": contract_param(optional=True),
        "dry_run": Param(default=False, type="boolean", description="Report only; change nothing."),
    },
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["stemma", "reconcile"],
)
def corpus_reconcile() -> None:
    """Declares the DAG."""

    @task
    def chosen(*, params: dict[str, Any]) -> list[str]:
        """Lists the contracts to look at."""
        return [params["contract"]] if params["contract"] else sorted(contracts())

    @task
    def reconcile(contract: str, *, params: dict[str, Any]) -> ReceiptJson:
        """Reconciles one contract."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import reconcile as stage

        return stage.reconcile(open_runtime(), contract, dry_run=params["dry_run"]).to_json()

    @task
    def collect(contract: str, *, params: dict[str, Any]) -> ReceiptJson:
        """Removes what one contract keeps no longer."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import collect as stage

        return stage.gc(open_runtime(), contract, dry_run=params["dry_run"]).to_json()

    @task
    def forget_overdue_answers(*, params: dict[str, Any]) -> ReceiptJson:
        """Removes the answers whose term is over, of every contract."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import forget

        return forget.prune(open_runtime(), dry_run=params["dry_run"]).to_json()

    @task_group(prefix_group_id=False)
    def mend(contract: str) -> None:
        """Removes what a contract keeps no longer when it is reconciled, whatever became of the others."""
        reconcile(contract) >> collect(contract)

    mend.expand(contract=chosen())
    forget_overdue_answers()


corpus_reconcile()
