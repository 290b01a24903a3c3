"""Registers answers that the RAG system served, so that they are known when they come back as documents.

Started by hand or by whatever exports the answer log. The same file twice changes nothing.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task
from stemma_edge import START, TASK_DEFAULTS, ReceiptJson


@dag(
    description="Registers answers that the RAG system served.",
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params={
        "path": Param(
            type="string", minLength=1, description="Answer log: a JSON Lines file that the workers can read."
        )
    },
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["stemma", "answers"],
)
def answers_import() -> None:
    """Declares the DAG."""

    @task
    def import_answers(*, params: dict[str, Any]) -> ReceiptJson:
        """Imports one file."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import answers

        return answers.import_answers(open_runtime(), Path(params["path"])).to_json()

    import_answers()


answers_import()
