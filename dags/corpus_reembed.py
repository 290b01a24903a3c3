"""Embeds the stored segments of a contract with another model, and publishes the result.

Nothing is read or parsed again. Started by hand after the model in a contract changed, or with a
`model` to try. Resumable: a segment that has its vectors is not done twice, so run it again after a
failure. `shadow` publishes under the alias `shadow` and leaves `live` alone; `cutover` moves `live`.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

from typing import Any

from airflow.sdk import AssetAlias, Param, TriggerRule, dag, task
from stemma_edge import NOTHING_NEW, START, TASK_DEFAULTS, ReceiptJson, contract_param, index_asset, run_key

INDEX = AssetAlias(name="stemma-reembedded-index")
"""Which index is only known when a person has chosen the contract."""

ALIASES = {"cutover": "live", "shadow": "shadow"}


@dag(
    description="Embeds stored segments with another model and publishes the result.",
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    params={
        "contract": contract_param(),
        "model": Param(
            default=None,
            type=["null", "string"],
            examples=["all-MiniLM-L6-v2", "wordllama-256"],
            description="Name of the model; empty for the one that the contract now names.",
        ),
        "mode": Param(default="cutover", enum=[*ALIASES], type="string", description="Which alias is moved."),
    },
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["stemma", "reembed"],
)
def corpus_reembed() -> None:
    """Declares the DAG."""

    @task
    def estimate(*, params: dict[str, Any]) -> ReceiptJson:
        """Says how much there is to do, before anything is done."""
        from ingestion.observing import begin
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        begin(open_runtime(), "reembed", params["contract"], run_key())
        return reembed.estimate(open_runtime(), params["contract"], model=params["model"]).to_json()

    @task
    def pending(*, params: dict[str, Any]) -> list[str]:
        """Lists the segments that have no vectors of this model yet."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        return list(reembed.pending(open_runtime(), params["contract"], model=params["model"]))

    @task
    def embed_segment(segment: str, *, params: dict[str, Any]) -> ReceiptJson:
        """Embeds one segment."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        return reembed.embed_segment(
            open_runtime(), params["contract"], run_key(), segment, model=params["model"]
        ).to_json()

    @task(outlets=[INDEX], trigger_rule=TriggerRule.NONE_FAILED)
    def release(*, params: dict[str, Any], outlet_events: Any) -> ReceiptJson:
        """Publishes a version in the new space."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        options = {key: params[key] for key in ("model", "mode")}
        receipt = reembed.cut_over(open_runtime(), params["contract"], run_key(), **options)
        if receipt.figures["status"] not in NOTHING_NEW:
            extra = {"alias": ALIASES[params["mode"]], **receipt.figures}
            outlet_events[INDEX].add(index_asset(params["contract"]), extra=extra)
        return receipt.to_json()

    segments = pending()
    estimate() >> segments
    embed_segment.expand(segment=segments) >> release()


corpus_reembed()
