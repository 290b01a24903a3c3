"""Registers answers that the RAG system served, so that they are known when they come back as documents.

Started by hand or by whatever exports the answer log, in Stemma's JSON Lines or in OTLP. The same file twice changes
nothing. What is kept, and how long, is for the contract to say; then what is overdue is forgotten.
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
            type="string", minLength=1, description="Answer log: a file that the workers can read, JSON Lines or OTLP."
        ),
        "format": Param(
            default="auto", type="string", enum=["auto", "native", "otlp"], description="Its format; auto looks at it."
        ),
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

        return answers.import_answers(open_runtime(), Path(params["path"]), file_format=params["format"]).to_json()

    @task
    def forget_overdue() -> ReceiptJson:
        """Removes the answers whose term is over."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import forget

        return forget.prune(open_runtime()).to_json()

    import_answers() >> forget_overdue()


answers_import()
