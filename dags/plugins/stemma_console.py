"""Puts the console into Airflow's web pages: an application of the API server, and a view that shows it in a frame.

Name this folder in `[core] plugins_folder`, or copy the file into the one that is named there. Every component of
Airflow reads it, so it imports nothing of ours before the API server is asked for a page; and whatever is wrong with
the project, a page says so and Airflow goes on. Who asks, and what they may, Airflow says.
"""

# ruff: noqa: PLC0415 - as above

from __future__ import annotations

import hashlib
import json
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from console.web.http.access import Person, Right
    from console.web.work.launching import Going, Order
    from ingestion.runtime import Runtime

LOG = logging.getLogger("stemma.console")

PREFIX = "/stemma"
USER, SERVER = "stemma.airflow_user", "stemma.airflow_server"
"""Keys of a request's scope: who Airflow says it is, and Airflow's own application."""

REEMBED = "corpus_reembed"
STOPPED = "Stopped from the console."


def ingest_dag(contract: str) -> str:
    """Returns the DAG whose rights are those of a contract."""
    return f"corpus_ingest__{contract}"


class AirflowAccess:
    """People whom Airflow knows, with the rights that they have there.

    To see a contract one must be allowed to read its ingest DAG, to decide about it to edit that DAG; what shows all
    contracts asks for all DAGs. Airflow says yes to "any DAGs" where somebody may read one of many, since its own lists
    leave out the others; so it is asked about an ingest DAG of a name that none can have.
    """

    signs_in = False
    how = "Airflow does not know you. Sign in to Airflow, then load this page again."

    @cached_property
    def key(self) -> bytes:
        """What forms are signed with: the same in every worker that shares Airflow's secrets."""
        return hashlib.sha256(b"stemma console in airflow\0" + _secret()).digest()

    def person(self, request: Request) -> Person | None:
        """Returns who asks, as Airflow's `get_user` said before."""
        from console.web.http.access import Person, require_name
        from corpus.errors import ConfigurationError

        user = request.scope.get(USER)
        if user is None:
            return None
        try:
            name = require_name(user.get_name())
        except ConfigurationError as error:
            LOG.warning("a user of Airflow has a name that cannot stand in the audit log: %s", error)
            return None
        return Person(name=name, session=f"airflow:{user.get_id()}", fixed=True)

    def may(self, request: Request, right: Right, contract: str) -> bool:
        """Asks Airflow's auth manager about the ingest DAG of a contract, or about all DAGs."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
        from airflow.models.dag import DagModel

        dag_id = ingest_dag(contract or "*")
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id) if contract else None)
        method = {"read": "GET", "write": "PUT"}[right]
        user = request.scope[USER]
        return bool(get_auth_manager().is_authorized_dag(method=method, details=details, user=user))


def _secret() -> bytes:
    """Returns a secret that all workers of the API server have."""
    path = conf.get("api_auth", "jwt_private_key_path", fallback="")
    if path:
        return Path(path).read_bytes()
    found = conf.get("api_auth", "jwt_secret", fallback="") or conf.get("api", "secret_key", fallback="")
    if not found:
        raise RuntimeError("neither [api_auth] jwt_secret nor [api] secret_key is set, so no form could be signed")
    return found.encode()


class Console:
    """The application that Airflow mounts: asks Airflow who it is, then hands on to the console."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        from starlette.requests import Request

        scope[SERVER] = scope.get("app")
        scope[USER] = await _user(Request(scope, receive))
        if self._app is None:
            self._app = _mounted()
        await self._app(scope, receive, send)


async def _user(request: Request) -> Any:
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from fastapi import HTTPException

    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None


def _mounted() -> Any:
    try:
        from console.web.mounted import Mounted
    except ModuleNotFoundError as error:
        LOG.error("the console needs %s", error.name)
        return _missing(error.name or "")
    return Mounted(_opened, AirflowAccess(), Runs())


def _missing(name: str) -> Any:
    from starlette.responses import PlainTextResponse

    async def say(scope: Scope, receive: Receive, send: Send) -> None:
        words = f"The console needs {name}: pip install 'stemma-rag[console]' where the API server runs.\n"
        await PlainTextResponse(words, status_code=503)(scope, receive, send)

    return say


def _opened() -> Runtime:
    """Opens the project that the DAGs work on (`STEMMA_PROJECT`)."""
    from corpus.errors import ConfigurationError
    from corpus.settings import PROJECT_FILE, load_settings
    from ingestion.runtime import open_runtime

    settings = load_settings()
    if not (settings.project / PROJECT_FILE).is_file():
        raise ConfigurationError(
            f"there is no {PROJECT_FILE} in {settings.project}. Set STEMMA_PROJECT in the environment of the API "
            "server to the project that the DAGs work on."
        )
    return open_runtime(settings)


class Runs:
    """Re-embeds as runs of the DAG `corpus_reembed`."""

    def of(self, request: Request) -> Asked:
        """Returns what whoever makes a request may do with them."""
        return Asked(request)


class Asked:
    """Runs of `corpus_reembed`, asked for through Airflow's public API with the caller's own session.

    So Airflow checks rights and parameters, and logs who triggered what, as it does for its own pages.

    Args:
        request: The request.
    """

    place = "airflow"

    def __init__(self, request: Request) -> None:
        self._request = request

    def start(self, order: Order) -> str:
        """Triggers a run."""
        from datetime import UTC, datetime

        params = {"contract": order.contract, "model": order.model, "mode": order.mode}
        params |= {name: value for name in ("rate", "reason") if (value := getattr(order, name))}
        body = {"logical_date": datetime.now(UTC).isoformat(), "conf": params, "note": order.reason or None}
        run = self._call("POST", f"/api/v2/dags/{REEMBED}/dagRuns", body)
        paused = self._call("GET", f"/api/v2/dags/{REEMBED}")["is_paused"]
        wait = f" The DAG {REEMBED} is paused: it waits until somebody unpauses it." if paused else ""
        return f"Airflow's run {run['dag_run_id']} of {REEMBED} is queued.{wait}"

    def going(self, contract: str) -> Going | None:
        """Returns how the last run goes that names a contract."""
        from console.web.work.launching import Going

        found = self._last(contract)
        if found is None:
            return None
        states = {"queued": "waiting", "running": "working", "success": "ended", "failed": "failed"}
        state = states.get(str(found["state"]), "waiting")
        words = ""
        if state == "waiting" and self._call("GET", f"/api/v2/dags/{REEMBED}")["is_paused"]:
            words = f"The DAG {REEMBED} is paused: the run waits until somebody unpauses it."
        elif state == "failed" and found["note"] == STOPPED:
            state, words = "stopped", "It was stopped from a console."
        elif state == "failed":
            words = "The log of its failed task, in Airflow, says why."
        return Going(name=f"run {found['dag_run_id']}", state=state, words=words)

    def stop(self, contract: str) -> bool:
        """Marks the run as failed, which ends its tasks."""
        found = self._last(contract)
        if found is None or found["state"] not in ("queued", "running"):
            return False
        run_id = quote(str(found["dag_run_id"]), safe="")
        self._call("PATCH", f"/api/v2/dags/{REEMBED}/dagRuns/{run_id}", {"state": "failed", "note": STOPPED})
        return True

    def _last(self, contract: str) -> Any:
        from corpus.errors import ConfigurationError

        try:
            runs = self._call("GET", f"/api/v2/dags/{REEMBED}/dagRuns?order_by=-id&limit=50")["dag_runs"]
        except ConfigurationError:
            return None  # not theirs to see, or the DAG is not known yet
        return next((run for run in runs if (run["conf"] or {}).get("contract") == contract), None)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """Asks Airflow's API inside this process, as whoever asked us.

        Raises:
            ConfigurationError: Airflow refuses; the message is its own.
        """
        import anyio.from_thread

        status, answer = anyio.from_thread.run(self._answered, method, path, body)
        if status < 400:
            return answer
        from corpus.errors import ConfigurationError

        detail = answer.get("detail") if isinstance(answer, dict) else answer
        words = detail if isinstance(detail, str) else json.dumps(detail)
        raise ConfigurationError(f"Airflow refuses ({status}): {words}")

    async def _answered(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        import httpx

        asked, root = self._request, conf.get("api", "base_url", fallback="") or str(self._request.base_url)
        headers = {name: asked.headers[name] for name in ("cookie", "authorization", "host") if name in asked.headers}
        prefix = urlsplit(root).path.rstrip("/")
        transport = httpx.ASGITransport(app=asked.scope[SERVER])
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow", headers=headers) as client:
            answer = await client.request(method, f"{prefix}{path}", json=body)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text[:500]


def _href(path: str) -> str:
    """Returns a path below the address that Airflow is reached at."""
    return f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}{path}"


class StemmaConsole(AirflowPlugin):
    """The application and its place in the menu."""

    name = "stemma_console"
    fastapi_apps = [{"app": Console(), "url_prefix": PREFIX, "name": "Stemma"}]  # noqa: RUF012 - Airflow's way
    external_views = [  # noqa: RUF012
        {
            "name": "Stemma",
            "href": _href("/corpus"),
            "icon": _href("/static/tile.svg"),
            "destination": "nav",
            "url_route": "stemma",
            "nav_top_level": True,
        }
    ]
