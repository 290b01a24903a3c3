"""Embeds the stored segments of a contract with another model, and publishes the result.

Nothing is read or parsed again. Started by hand after the model in a contract changed, or with a
`model` to try. Resumable: a text that has its vector is not embedded twice, so run it again after a
failure. `shadow` publishes under the alias `shadow` and leaves `live` alone; `cutover` moves `live`. From the
first task until the release, documents that are ingested go to both models.
"""

# ruff: noqa: PLC0415 - a task imports late: the DAG processor reads this file every few seconds

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import AssetAlias, Param, TriggerRule, dag, task
from stemma_edge import (
    EMBED_POOL,
    NOTHING_NEW,
    START,
    TASK_DEFAULTS,
    ReceiptJson,
    contract_param,
    index_asset,
    opened_as,
    run_key,
    triggered_by,
)

LOG = logging.getLogger("stemma.reembed")

INDEX = AssetAlias(name="stemma-reembedded-index")
"""Which index is only known when a person has chosen the contract."""

ALIASES = {"cutover": "live", "shadow": "shadow"}

RATE = r"^[0-9]+(\.[0-9]+)? ?((chunks|tokens)(/s)?)?$"
"""What `index.pacing.parse_rate` reads; a test holds the two together."""


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
        "rate": Param(
            default=None,
            type=["null", "string"],
            pattern=RATE,
            examples=["50 chunks/s", "20000 tokens/s"],
            description="Limit on the whole run; empty for as fast as the model is.",
        ),
        "group_chunks": Param(
            default=2000,
            type="integer",
            minimum=1,
            description="Small segments are worked on together until a group has about so many chunks.",
        ),
        "reason": Param(default=None, type=["null", "string"], description="Why; it goes into the audit log."),
        "price_per_million_tokens": Param(
            default=None, type=["null", "number"], minimum=0, description="For the estimate, where a model costs money."
        ),
    },
    default_args=TASK_DEFAULTS,
    doc_md=__doc__,
    tags=["stemma", "reembed"],
)
def corpus_reembed() -> None:
    """Declares the DAG."""

    @task
    def begin(*, params: dict[str, Any]) -> ReceiptJson:
        """Opens the re-embed: from now on new documents go to both models."""
        from ingestion.stages import reembed

        options = {key: params[key] for key in ("model", "mode")}
        options["reason"] = params["reason"] or ""
        return reembed.begin(opened_as(triggered_by()), params["contract"], run_key(), **options).to_json()

    @task
    def estimate(*, params: dict[str, Any]) -> ReceiptJson:
        """Says how much there is to do, before anything is done."""
        from ingestion.observing import begin
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        begin(open_runtime(), "reembed", params["contract"], run_key())
        options = {key: params[key] for key in ("model", "rate", "price_per_million_tokens")}
        return reembed.estimate(open_runtime(), params["contract"], **options).to_json()

    @task
    def pending(*, params: dict[str, Any]) -> list[list[str]]:
        """Lists the segments that have no vectors of this model yet, in groups."""
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        found = reembed.groups(
            open_runtime(), params["contract"], params["model"], chunks_per_group=params["group_chunks"]
        )
        return [list(group) for group in found]

    @task(pool=EMBED_POOL)
    def embed_segments(group: list[str], *, params: dict[str, Any]) -> ReceiptJson:
        """Embeds the segments of one group; each is kept as soon as it is done."""
        from ingestion.progress import Logged
        from ingestion.runtime import open_runtime
        from ingestion.stages import reembed

        options = {"model": params["model"], "rate": params["rate"], "progress": Logged(LOG)}
        return reembed.embed_segments(open_runtime(), params["contract"], run_key(), group, **options).to_json()

    @task(pool=EMBED_POOL, outlets=[INDEX], trigger_rule=TriggerRule.NONE_FAILED)
    def release(*, params: dict[str, Any], outlet_events: Any) -> ReceiptJson:
        """Publishes a version in the new space."""
        from ingestion.stages import reembed

        options = {key: params[key] for key in ("model", "mode", "rate")}
        options["reason"] = params["reason"] or ""
        receipt = reembed.cut_over(opened_as(triggered_by()), params["contract"], run_key(), **options)
        if receipt.figures["status"] not in NOTHING_NEW:
            extra = {"alias": ALIASES[params["mode"]], **receipt.figures}
            outlet_events[INDEX].add(index_asset(params["contract"]), extra=extra)
        return receipt.to_json()

    groups = pending()
    estimate() >> begin() >> groups
    embed_segments.expand(group=groups) >> release()


corpus_reembed()
