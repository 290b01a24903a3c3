"""Nightly: proves that each published index is still what its manifest says, and its model still the model.

Digests and signature, canaries against the embedder of today, the audit log's chain. Beside that, how much of
what its searches find is AI text, and which golden items still hold: the figures are kept, and an alarm fails the task.
Changes nothing else; a finding fails the task of that contract and of no other.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from stemma_edge import EMBED_POOL, START, TASK_DEFAULTS, ReceiptJson, contract_param, contracts


@dag(
    description="Verifies each published index: digests, signature, canaries, contamination.",
    schedule="45 3 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params={"contract": contract_param(optional=True)},
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["stemma", "audit"],
)
def corpus_audit() -> None:
    """Declares the DAG."""

    @task
    def chosen(*, params: dict[str, Any]) -> list[str]:
        """Lists the contracts to look at."""
        return [params["contract"]] if params["contract"] else sorted(contracts())

    @task(pool=EMBED_POOL)
    def audit(contract: str) -> ReceiptJson:
        """Audits one contract."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import audit as stage

        return stage.audit(open_runtime(), contract).to_json()

    @task(pool=EMBED_POOL)
    def contamination(contract: str) -> ReceiptJson:
        """Measures what searches find in one index."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import contamination as stage

        return stage.watch(open_runtime(), contract).to_json()

    @task(pool=EMBED_POOL)
    def evaluation(contract: str) -> ReceiptJson:
        """Asks the golden questions of one index."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import evaluation as stage

        return stage.watch(open_runtime(), contract).to_json()

    names = chosen()
    audit.expand(contract=names)
    contamination.expand(contract=names)
    evaluation.expand(contract=names)


corpus_audit()
