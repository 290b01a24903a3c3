"""Talks to a running Airflow over its public REST API, with nothing but the standard library."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FINISHED = frozenset({"success", "failed"})


class AirflowTrouble(RuntimeError):
    """Airflow did not answer, answered with an error, or did not get ready in time."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task instance as Airflow sees it.

    Attributes:
        task_id: The task.
        map_index: Which of a mapped task's; -1 where it is not mapped.
        state: Such as `running`; `none` before it is scheduled.
        try_number: How often it was started.
        pid: Its process, on the machine that runs it; 0 before there is one.
        seconds: From its start to its end, as Airflow counts; 0 before.
    """

    task_id: str
    map_index: int
    state: str
    try_number: int
    pid: int = 0
    seconds: float = 0.0


class AirflowApi:
    """A client for the few calls that the demo and the end-to-end tests need.

    Args:
        url: Base address of the API server, such as `http://127.0.0.1:8080`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._token = ""

    def health(self) -> Mapping[str, str]:
        """Returns component name to status; a component that never reported is `unknown`.

        Raises:
            AirflowTrouble: The server does not answer.
        """
        answer = self._call("GET", "/api/v2/monitor/health", authorised=False)
        return {name: str((state or {}).get("status")) for name, state in answer.items()}

    def warm_up(self) -> None:
        """Lets the server build the API that tasks report to, which it does at the first request.

        Otherwise the first task waits for it, times out and tries again: six seconds, measured.
        """
        self._call("GET", "/execution/health", authorised=False)

    def dag_ids(self) -> tuple[str, ...]:
        """Lists every DAG that the DAG processor has stored."""
        return tuple(dag["dag_id"] for dag in self._pages("/api/v2/dags", "dags"))

    def import_errors(self) -> tuple[str, ...]:
        """Lists what the DAG processor could not import, one stack trace each."""
        return tuple(error["stack_trace"] for error in self._pages("/api/v2/importErrors", "import_errors"))

    def unpause(self, dag_id: str) -> None:
        """Lets the scheduler run a DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Starts a run by hand and returns its id.

        Raises:
            AirflowTrouble: The DAG is unknown, or `conf` breaks the schema of its Params.
        """
        body = {"logical_date": datetime.now(UTC).isoformat(), "conf": dict(conf or {})}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> dict[str, str]:
        """Returns run id to state, oldest first."""
        found = self._pages(f"/api/v2/dags/{dag_id}/dagRuns?order_by=id", "dag_runs")
        return {run["dag_run_id"]: run["state"] for run in found}

    def tasks(self, dag_id: str, run_id: str) -> tuple[TaskState, ...]:
        """Lists the task instances of a run, mapped ones each on their own."""
        quoted = urllib.parse.quote(run_id, safe="")
        found = self._pages(f"/api/v2/dags/{dag_id}/dagRuns/{quoted}/taskInstances", "task_instances")
        return tuple(
            TaskState(
                item["task_id"], item["map_index"], item["state"] or "none", item["try_number"],
                item.get("pid") or 0, item.get("duration") or 0.0,
            )
            for item in found
        )  # fmt: skip

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Returns what a task returned."""
        quoted = urllib.parse.quote(run_id, safe="")
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quoted}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._call("GET", f"{path}?map_index={map_index}&deserialize=true")["value"]

    def asset_events(self, uri: str) -> tuple[Mapping[str, Any], ...]:
        """Lists the events of one asset, oldest first, each with its `extra`."""
        assets = {asset["uri"]: asset["id"] for asset in self._pages("/api/v2/assets", "assets")}
        if uri not in assets:
            return ()
        return tuple(self._pages(f"/api/v2/assets/events?asset_id={assets[uri]}&order_by=timestamp", "asset_events"))

    def backfills(self, dag_id: str) -> tuple[Mapping[str, Any], ...]:
        """Lists the backfills of a DAG; `completed_at` is null until the scheduler has looked, twice a minute."""
        return tuple(self._pages(f"/api/v2/backfills?dag_id={dag_id}", "backfills"))

    def wait_for_run(self, dag_id: str, run_id: str, timeout_s: float, tell: Callable[[str], None]) -> str:
        """Waits for a run to end, telling of each task as it changes, and returns the run's state.

        Raises:
            AirflowTrouble: The run has not ended after `timeout_s` seconds.
        """
        seen: dict[tuple[str, int], str] = {}
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            state = self.runs(dag_id).get(run_id, "none")
            for line in _changes(self.tasks(dag_id, run_id), seen):
                tell(line)
            if state in FINISHED:
                return state
            time.sleep(0.5)
        raise AirflowTrouble(f"{dag_id} run {run_id} is still {state} after {timeout_s:.0f} s")

    def wait_for_new_run(self, dag_id: str, known: frozenset[str], timeout_s: float) -> str:
        """Waits until a DAG has a run that is not among `known`, such as one that an asset started.

        Raises:
            AirflowTrouble: There is none after `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            fresh = [run_id for run_id in self.runs(dag_id) if run_id not in known]
            if fresh:
                return fresh[0]
            time.sleep(0.5)
        raise AirflowTrouble(f"no new run of {dag_id} after {timeout_s:.0f} s")

    def _pages(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while True:
            joint = "&" if "?" in path else "?"
            answer = self._call("GET", f"{path}{joint}limit=100&offset={offset}")
            yield from answer[key]
            offset += len(answer[key])
            if not answer[key] or offset >= answer["total_entries"]:
                return

    def _call(self, method: str, path: str, body: Any = None, *, authorised: bool = True) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if authorised:
            headers["Authorization"] = f"Bearer {self._bearer()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own http address
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AirflowTrouble(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except (OSError, ValueError) as error:
            raise AirflowTrouble(f"{method} {path}: {error}") from error

    def _bearer(self) -> str:
        """Returns a token; with SimpleAuthManager's `all_admins` one is given without a password."""
        if not self._token:
            self._token = str(self._call("GET", "/auth/token", authorised=False)["access_token"])
        return self._token


def _changes(tasks: tuple[TaskState, ...], seen: dict[tuple[str, int], str]) -> Iterator[str]:
    """Yields a line per task that is running or has ended since `seen`, which it brings up to date."""
    for task in tasks:
        key = (task.task_id, task.map_index)
        if seen.get(key) == task.state:
            continue
        seen[key] = task.state
        if task.state in {"running", "success", "failed", "up_for_retry", "upstream_failed"}:
            name = task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"
            yield f"{name:<22} {task.state}"
