"""What the DAG files of Stemma have in common. Holds no DAG; `.airflowignore` says so to Airflow.

Imports nothing heavy: it is read at every parse of every DAG file. Airflow puts the folder of DAG
files on `sys.path`, so the name must be nobody else's.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from airflow.sdk import (
    Asset,
    DeadlineAlert,
    DeadlineReference,
    Param,
    RetryDecision,
    RetryPolicy,
    SyncCallback,
    get_current_context,
    task,
)

from ingestion.discovery import ContractStub, contracts_folder, discover, setting

ALARMS = logging.getLogger("stemma.alarms")

ReceiptJson: TypeAlias = Any
"""A `corpus.types.Receipt` as JSON. Not annotated as a dict: Airflow would push each key as an XCom of its own."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""No run covers a time before this; the DAGs do not catch up, so it only anchors backfills."""

NOTHING_NEW = frozenset({"unchanged", "empty", "held", "waiting-for-approval"})
"""What a release says of itself when no alias moved; then no asset is updated."""

EMBED_POOL = setting("embed_pool", "default_pool")
"""The pool of the tasks that have a model embed something.

One that does not exist would let them wait for ever; `stemma doctor` looks.
"""

SHARDED = setting("index_shard_rows", "0").strip() not in ("", "0")
"""Whether rows of an index are added by tasks of their own."""

TRANSIENT = frozenset(
    {
        "builtins.ConnectionError",
        "builtins.TimeoutError",
        "aiohttp.client_exceptions.ClientConnectionError",
        "botocore.exceptions.ConnectionError",
        "botocore.exceptions.HTTPClientError",
    }
)
"""Errors of others that say only that somebody did not answer. By name: nothing is imported to compare."""


class RetryWhatMayHelp(RetryPolicy):
    """Tries again after what may be over by then, and after nothing else: it would only hide a defect for longer.

    An error of ours says so itself (`retryable`). A task whose machine died has no exception, and is tried again.
    """

    def evaluate(self, exception: BaseException, *_asked: Any, **_of: Any) -> RetryDecision:
        """Decides by the exception alone."""
        name = type(exception).__name__
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(exception).__mro__}
        if getattr(exception, "retryable", bool(names & TRANSIENT)):
            return RetryDecision.retry(reason=f"{name} may be over by then")
        return RetryDecision.fail(reason=f"{name} would come again")

    def serialize(self) -> dict[str, Any]:
        """Names the policy; it has no options."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, _data: dict[str, Any]) -> RetryWhatMayHelp:
        """Returns the policy."""
        return cls()


PARENT = "OPENLINEAGE_PARENT_ID"
"""OpenLineage's own variable for the run that ours is part of."""


def tell_parent(context: Any) -> None:
    """Names the DAG run for our own OpenLineage events, where Airflow's provider emits some for it.

    The DAG run and not the task: a run of ours spans several tasks, and has one parent.
    """
    try:
        from airflow.providers.openlineage.plugins.macros import lineage_root_parent_id  # noqa: PLC0415 - an extra
    except ImportError:
        return
    os.environ[PARENT] = lineage_root_parent_id(context["ti"])


def tell_failure(context: Any) -> None:
    """Says in one line, for people and for what watches logs: which contract, whose, which documents, why."""
    from ingestion.alarms import Failure, told  # noqa: PLC0415 - only a task that failed pays for it

    task, instance = context["task"], context["ti"]
    given = {**dict(getattr(task, "op_kwargs", None) or {}), **context.get("params", {})}
    ALARMS.error(
        told(
            Failure(
                contract=str(given.get("name") or given.get("contract") or instance.dag_id.partition("__")[2]),
                task=instance.task_id,
                run_id=_run_key(instance.dag_id, instance.run_id),
                shard=str(given.get("shard") or ""),
                tries=instance.try_number,
                error=context.get("exception"),
            )
        )
    )


TASK_DEFAULTS: dict[str, Any] = {
    "owner": "stemma",
    "pre_execute": tell_parent,
    "on_failure_callback": tell_failure,
    # Ten seconds, half a minute, one and a half: what a database or a store takes to come back.
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": RetryWhatMayHelp(),
}


def defaults_of(stub: ContractStub) -> dict[str, Any]:
    """Returns the defaults of the tasks of one contract, which belong to its owner."""
    return {**TASK_DEFAULTS, "owner": stub.owner or TASK_DEFAULTS["owner"]}


def tell_deadline(contract: str, owner: str, minutes: float, *, context: Any) -> None:
    """Says that a run takes longer than it may; runs in the executor, and stops nothing."""
    run = context["dag_run"]
    ALARMS.error(
        f"contract {contract!r} (owner {owner or 'unknown'}): run {run['dag_run_id']} of {run['dag_id']} has not ended "
        f"{minutes:g} minutes after it was queued. It goes on; look at what its tasks wait for, or raise "
        "run_deadline_minutes."
    )


def deadline(contract: str = "", owner: str = "") -> DeadlineAlert | None:
    """Returns the deadline of a run, from the time it was queued; None where the settings want none."""
    try:
        minutes = float(setting("run_deadline_minutes", "240"))
        interval = timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return None  # the first task says what is wrong with it
    # `airflow dags test` of Airflow 3.3 ends with an error where a DAG has a deadline; nobody waits for one there.
    if minutes <= 0 or sys.argv[1:3] == ["dags", "test"]:
        return None
    said = {"contract": contract, "owner": owner, "minutes": minutes}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=SyncCallback(tell_deadline, kwargs=said),
        name="run_deadline_minutes",
    )


def contracts() -> dict[str, ContractStub]:
    """Returns the contracts of the project by name. A name declared twice fails when it runs, not here."""
    return {stub.name: stub for stub in discover(contracts_folder())}


def corpus_asset(contract: str) -> Asset:
    """The settled corpus of a contract: updated when a run has committed its documents."""
    return Asset(uri=f"stemma://corpus/{contract}", name=f"corpus-{contract}")


def index_asset(contract: str) -> Asset:
    """The index of a contract: updated when a version was published; `extra` carries its manifest digest."""
    return Asset(uri=f"stemma://index/{contract}", name=f"index-{contract}")


def contract_param(*, optional: bool = False) -> Param:
    """A choice among the contracts of the project; an optional one is null for all of them."""
    names: list[str | None] = [*sorted(contracts())]
    choices: dict[str, Any] = {"enum": [None, *names] if optional else names} if names else {}
    kind = ["null", "string"] if optional else "string"
    what = "Name of the contract" + ("; empty for every contract." if optional else ".")
    default = {"default": None} if optional else {}
    return Param(**default, type=kind, description=what, **choices)


def run_key() -> str:
    """Names the Stemma run of this DAG run: the same for each task and each retry, unlike in another DAG."""
    context = get_current_context()
    return _run_key(context["dag"].dag_id, context["dag_run"].run_id)


def triggered_by() -> str:
    """Returns who triggered this run by hand, as Airflow knows them; empty where Airflow does not say."""
    return str(getattr(get_current_context()["dag_run"], "triggering_user_name", None) or "")


def opened_as(actor: str) -> Any:
    """Opens the project under the name of a person, who stands in the audit log; under its own for an empty one."""
    from corpus.settings import load_settings  # noqa: PLC0415 - the DAG processor reads this file every few seconds
    from ingestion.runtime import open_runtime  # noqa: PLC0415 - as above

    return open_runtime(load_settings(**({"actor": actor} if actor else {})))


def _run_key(dag_id: str, run_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dag_id}.{run_id}")


def settled_run(triggering_asset_events: Any) -> str:
    """Names the run whose corpus is released: the ingest that settled last, else this run.

    The release reads that run's counts, so that the manifest says where every document went.
    """
    runs = [
        event.extra["run_id"]
        for events in triggering_asset_events.values()
        for event in events
        if "run_id" in event.extra
    ]
    return str(runs[-1]) if runs else run_key()


@task
def shards(receipt: ReceiptJson) -> list[str]:
    """Airflow maps over the return value of a task and nothing else."""
    return list(receipt["outputs"])
