"""The plugin as every component of Airflow loads it: it costs nothing, it is in the menu, and it breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "dags" / "plugins"
LOADED = f"""
import json, os, sys
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = {str(PLUGINS)!r}
os.environ["AIRFLOW__API__BASE_URL"] = "https://data.example/airflow"
from airflow import plugins_manager
apps, _ = plugins_manager.get_fastapi_plugins()
views, _ = plugins_manager._get_ui_plugins()
ours = ("console", "ingestion", "corpus", "index", "contracts", "provenance")
found = {{
    "errors": plugins_manager.get_import_errors(),
    "apps": [(app["name"], app["url_prefix"]) for app in apps],
    "views": views,
    "loaded": sorted(name for name in sys.modules if name.partition(".")[0] in ours),
}}
sys.modules["console.web.mounted"] = None  # as where the extra is not installed
from starlette.testclient import TestClient
client = TestClient(apps[0]["app"])
found["missing"] = [(answer.status_code, answer.text) for answer in (client.get("/corpus"), client.get("/corpus"))]
print(json.dumps(found))
"""


def test_it_is_in_the_menu_loads_nothing_of_ours_and_says_which_extra_is_missing(
    tmp_path: Path, airflow_python: Callable[[Path, str], str]
) -> None:
    found = json.loads(airflow_python(tmp_path, LOADED).splitlines()[-1])
    assert (found["errors"], found["loaded"]) == ({}, [])
    assert found["apps"] == [["Stemma", "/stemma"]]
    [view] = found["views"]
    assert (view["href"], view["destination"], view["url_route"]) == ("/airflow/stemma/corpus", "nav", "stemma")
    for status, text in found["missing"]:
        assert (status, "pip install 'stemma-rag[console]'" in text) == (503, True), text


RIGHTS = f"""
import json, sys
sys.path.insert(0, {str(PLUGINS)!r})
from airflow.api_fastapi import app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.models.dag import DagModel
from starlette.requests import Request
import stemma_console

class OneDag(SimpleAuthManager):
    # Somebody with rights on one DAG: a list of DAGs may be asked for, since Airflow leaves out the others.
    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        return details is None or details.id in (None, "corpus_ingest__drafts")

app.get_auth_manager = OneDag
DagModel.get_team_name = lambda dag_id: None  # there is no database here, and no team
request = Request({{"type": "http", "headers": [], stemma_console.USER: object()}})
access = stemma_console.AirflowAccess()
print(json.dumps({{name: access.may(request, "read", name) for name in ("drafts", "handbook", "")}}))
"""


def test_a_right_on_one_dag_is_none_on_all_contracts(
    tmp_path: Path, airflow_python: Callable[[Path, str], str]
) -> None:
    found = json.loads(airflow_python(tmp_path, RIGHTS).splitlines()[-1])
    assert found == {"drafts": True, "handbook": False, "": False}
