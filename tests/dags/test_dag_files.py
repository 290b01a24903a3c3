"""The DAG files: thin, light, named as promised, each choice with a schema, no import error."""

import ast
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from corpus.errors import StemmaError
from index.pacing import PATTERN

DAGS = Path(__file__).parents[2] / "dags"
SHARED = "stemma_edge.py"
FILES = sorted(path for path in DAGS.glob("*.py") if path.name != SHARED)
PACKAGES = ("corpus", "contracts", "provenance", "index", "ingestion", "console")
HEAVY = ("numpy", "pandas", "torch", "faiss", "pyarrow", "sentence_transformers", "great_expectations", "unstructured")
EXPECTED = {
    *(f"corpus_{kind}__{name}" for kind in ("ingest", "release") for name in ("support-kb", "policies")),
    "corpus_reembed",
    "corpus_reconcile",
    "corpus_audit",
    "answers_import",
}
DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
def task(item):
    policy, calls = item.retry_policy, item.on_failure_callback
    return {"retries": item.retries, "policy": policy and policy.serialize(), "rule": str(item.trigger_rule),
            "pool": item.pool, "owner": item.owner, "backoff": item.retry_exponential_backoff,
            "tells": [call.__name__ for call in ([calls] if callable(calls) else calls)],
            "outlets": [asset.name for asset in item.outlets], "upstream": sorted(item.upstream_task_ids)}
print(json.dumps({"errors": bag.import_errors, "dags": {dag.dag_id: {
    "params": {name: [param.schema, param.description]
               for name, param in ((name, dag.params.get_param(name)) for name in dag.params)},
    "deadlines": [[alert.interval.total_seconds(), alert.callback.path, alert.callback.kwargs]
                  for alert in dag.deadline or ()],
    "runs": dag.max_active_runs, "catchup": dag.catchup, "doc": dag.doc_md, "schedule": str(dag.schedule),
    "tasks": {item.task_id: task(item) for item in dag.tasks},
} for dag in bag.dags.values()}}))
"""

DECIDE = """
import importlib, json
from corpus.errors import StemmaError
import stemma_edge
def below(kind):
    for child in kind.__subclasses__():
        yield child
        yield from below(child)
named = {"botocore.exceptions": "EndpointConnectionError", "aiohttp.client_exceptions": "ClientConnectorError"}
kinds = [ConnectionResetError, TimeoutError, ValueError, MemoryError, FileNotFoundError, *below(StemmaError)]
kinds += [getattr(importlib.import_module(place), name) for place, name in named.items()]
print(json.dumps({kind.__name__: stemma_edge.RetryWhatMayHelp().evaluate(
    exception=kind.__new__(kind), try_number=1, max_tries=3).action.value for kind in kinds}))
"""


@pytest.fixture(scope="module")
def described(two_contracts: Path, airflow_python: Callable[[Path, str], str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(airflow_python(two_contracts, DESCRIBE).splitlines()[-1])
    assert found["errors"] == {}
    return dict(found["dags"])


def test_each_contract_gets_its_dags_and_broken_ones_cost_nothing(described: dict[str, Any]) -> None:
    assert set(described) == EXPECTED


def test_the_schedule_is_the_one_of_the_contract(described: dict[str, Any]) -> None:
    assert described["corpus_ingest__support-kb"]["schedule"] == "0 2 * * *"
    assert described["corpus_ingest__policies"]["schedule"] == "None"


def test_without_contracts_nothing_breaks(tmp_path: Path, airflow_python: Callable[[Path, str], str]) -> None:
    found = json.loads(airflow_python(tmp_path, DESCRIBE).splitlines()[-1])
    assert found["errors"] == {}
    assert set(found["dags"]) == {name for name in EXPECTED if "__" not in name}


def test_every_param_has_a_type_and_a_description(described: dict[str, Any]) -> None:
    params = [(dag_id, name, *said) for dag_id, dag in described.items() for name, said in dag["params"].items()]
    assert {name for _, name, _, _ in params} >= {"contract", "model", "mode", "alias", "force", "reason", "version"}
    for dag_id, name, schema, description in params:
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("type"), (dag_id, name)
        assert description, (dag_id, name)


@pytest.mark.parametrize(
    ("dag_id", "name", "good", "bad"),
    [
        ("corpus_reembed", "contract", ["support-kb"], ["unknown", None, 1]),
        ("corpus_reembed", "mode", ["shadow", "cutover"], ["both", None]),
        ("corpus_reembed", "model", [None, "wordllama-256"], [1]),
        ("corpus_reembed", "rate", [None, "50", "50 chunks/s", "2.5 tokens/s"], ["fast", "-1", "5 pages/s", 5]),
        ("corpus_reembed", "group_chunks", [1, 2000], [0, "many", None]),
        ("corpus_reembed", "price_per_million_tokens", [None, 0.02], [-1, "cheap"]),
        ("corpus_release__policies", "alias", ["live", "shadow-2"], ["", "../x", "A"]),
        ("corpus_release__policies", "version", [None, 3], [0, "3"]),
        ("corpus_reconcile", "contract", [None, "policies"], ["unknown"]),
        ("answers_import", "path", ["answers.jsonl"], ["", None]),
        ("answers_import", "format", ["auto", "native", "otlp"], ["csv", None]),
    ],
)
def test_the_schemas_let_in_what_is_meant(
    described: dict[str, Any], dag_id: str, name: str, good: list[Any], bad: list[Any]
) -> None:
    validator = jsonschema.Draft202012Validator(described[dag_id]["params"][name][0])
    assert [value for value in good if not validator.is_valid(value)] == []
    assert [value for value in bad if validator.is_valid(value)] == []


def test_one_run_at_a_time_no_catching_up_and_a_page_of_words(described: dict[str, Any]) -> None:
    assert {(dag["runs"], dag["catchup"]) for dag in described.values()} == {(1, False)}
    assert all(len(dag["doc"]) > 100 for dag in described.values())


def test_every_task_is_tried_again_with_backoff_where_that_may_help(described: dict[str, Any]) -> None:
    for dag in described.values():
        for task in dag["tasks"].values():
            assert task["policy"] == {"__type": "RetryWhatMayHelp"}
            assert (task["retries"], task["backoff"], task["tells"]) == (3, 3.0, ["tell_failure"])


def test_exactly_what_may_help_is_tried_again(two_contracts: Path, airflow_python: Callable[[Path, str], str]) -> None:
    decided: dict[str, str] = json.loads(airflow_python(two_contracts, DECIDE).splitlines()[-1])
    ours = {
        error.__name__: "retry" if error.retryable else "fail"
        for error in _below(StemmaError)
        if error.__module__ == StemmaError.__module__  # others are known to this process only if a test imported them
    }
    assert {name: decided[name] for name in ours} == ours
    assert {"retry", "fail"} == set(ours.values())
    theirs = {name: action for name, action in decided.items() if name not in ours}
    assert theirs == {
        "ConnectionResetError": "retry", "TimeoutError": "retry", "EndpointConnectionError": "retry",
        "ClientConnectorError": "retry", "ValueError": "fail", "MemoryError": "fail", "FileNotFoundError": "fail",
    }  # fmt: skip


def test_what_embeds_stands_in_the_pool_that_the_settings_name(
    two_contracts: Path, airflow_python: Callable[[Path, str], str], described: dict[str, Any]
) -> None:
    assert {task["pool"] for dag in described.values() for task in dag["tasks"].values()} == {"default_pool"}
    code = "import os\nos.environ['STEMMA_EMBED_POOL'] = 'embedding'\n" + DESCRIBE
    dags = json.loads(airflow_python(two_contracts, code).splitlines()[-1])["dags"]
    pooled = {
        (name, task)
        for name, dag in dags.items()
        for task, item in dag["tasks"].items()
        if item["pool"] != "default_pool"
    }
    assert pooled == {
        *(("corpus_ingest__support-kb", task) for task in ("acquire", "assess", "stage")),  # asks for `paraphrase`
        ("corpus_ingest__policies", "stage"), ("corpus_release__support-kb", "release"),
        ("corpus_release__policies", "release"), ("corpus_reembed", "embed_segments"), ("corpus_reembed", "release"),
        *(("corpus_audit", task) for task in ("audit", "contamination", "evaluation")),
    }  # fmt: skip


def test_with_the_setting_an_index_is_added_by_tasks_of_their_own(
    two_contracts: Path, airflow_python: Callable[[Path, str], str], described: dict[str, Any]
) -> None:
    assert set(described["corpus_release__policies"]["tasks"]) == {"release", "announce"}
    code = "import os\nos.environ['STEMMA_INDEX_SHARD_ROWS'] = '100000'\n" + DESCRIBE
    found = json.loads(airflow_python(two_contracts, code).splitlines()[-1])
    assert found["errors"] == {}
    tasks = found["dags"]["corpus_release__policies"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "prepare": [], "shards": ["prepare"], "add": ["shards"], "release": ["add"], "announce": ["release"],
    }  # fmt: skip
    lenient = {name for name, task in tasks.items() if task["rule"].lower().endswith("none_failed")}
    assert lenient == {"release"}, "without shards add is skipped, and the release is not"
    assert {task["policy"]["__type"] for task in tasks.values()} == {"RetryWhatMayHelp"}
    assert set(found["dags"]) == EXPECTED


def test_a_deadline_that_is_no_time_takes_no_dag_away(
    two_contracts: Path, airflow_python: Callable[[Path, str], str]
) -> None:
    code = """
import os
from stemma_edge import deadline
for minutes in ("1e300", "nan", "inf", "soon", "-1"):
    os.environ["STEMMA_RUN_DEADLINE_MINUTES"] = minutes
    print(minutes, deadline())
"""
    said = airflow_python(two_contracts, code).splitlines()[-5:]
    assert said == [f"{minutes} None" for minutes in ("1e300", "nan", "inf", "soon", "-1")]


def test_tasks_and_deadlines_name_who_answers_for_the_contract(described: dict[str, Any]) -> None:
    for kind in ("ingest", "release"):
        dag = described[f"corpus_{kind}__support-kb"]
        assert {task["owner"] for task in dag["tasks"].values()} == {"support-team"}
        said = {"contract": "support-kb", "owner": "support-team", "minutes": 240.0}
        assert dag["deadlines"] == [[240 * 60, "stemma_edge.tell_deadline", said]]
        assert {task["owner"] for task in described[f"corpus_{kind}__policies"]["tasks"].values()} == {"stemma"}


def test_only_the_last_task_of_a_stage_updates_an_asset(described: dict[str, Any]) -> None:
    outlets = {
        (dag_id, task_id): task["outlets"]
        for dag_id, dag in described.items()
        for task_id, task in dag["tasks"].items()
        if task["outlets"]
    }
    assert outlets == {
        ("corpus_ingest__support-kb", "settle"): ["corpus-support-kb"],
        ("corpus_ingest__policies", "settle"): ["corpus-policies"],
        ("corpus_release__support-kb", "announce"): ["index-support-kb"],
        ("corpus_release__policies", "announce"): ["index-policies"],
        ("corpus_reembed", "release"): ["stemma-reembedded-index"],
    }


def test_nothing_is_staged_before_the_batch_is_admitted(described: dict[str, Any]) -> None:
    tasks = described["corpus_ingest__support-kb"]["tasks"]
    assert tasks["relate"]["upstream"] == ["assess", "shards"]
    assert tasks["decided"]["upstream"] == ["relate"]
    assert tasks["admit"]["upstream"] == ["decided"]
    assert tasks["stage"]["upstream"] == ["admit", "decided"]
    assert tasks["settle"]["upstream"] == ["stage"]


def test_a_re_embed_is_priced_and_opened_before_anything_is_embedded(described: dict[str, Any]) -> None:
    tasks = described["corpus_reembed"]["tasks"]
    upstream = {name: task["upstream"] for name, task in tasks.items()}
    assert upstream == {
        "estimate": [], "begin": ["estimate"], "pending": ["begin"],
        "embed_segments": ["pending"], "release": ["embed_segments"],
    }  # fmt: skip


def test_the_form_takes_the_rates_that_the_stage_reads(described: dict[str, Any]) -> None:
    assert described["corpus_reembed"]["params"]["rate"][0]["pattern"] == PATTERN


def test_parsing_loads_nothing_heavy(two_contracts: Path, airflow_python: Callable[[Path, str], str]) -> None:
    imports = "\n".join(f"import {path.stem}" for path in FILES)
    loaded = airflow_python(two_contracts, f"{imports}\nimport sys\nprint(*sys.modules)").splitlines()[-1].split()
    assert [name for name in HEAVY if name in loaded] == []
    ours = {name for name in loaded if name.partition(".")[0] in PACKAGES}
    assert ours <= {
        "corpus",
        "corpus.errors",
        "contracts",
        "contracts.text",
        "contracts.text.timing",
        "ingestion",
        "ingestion.discovery",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_for_its_dag_and_not_like_a_package(path: Path) -> None:
    assert path.stem.startswith("corpus_") or path.stem == "answers_import"
    assert path.stem not in {module.name for module in pkgutil.iter_modules()} - {path.stem}


def test_the_shared_module_is_hidden_from_the_dag_processor() -> None:
    assert SHARED in (DAGS / ".airflowignore").read_text().split()
    assert {path.name for path in DAGS.glob("*.py")} == {SHARED, *(path.name for path in FILES)}


@pytest.mark.parametrize("path", [*FILES, DAGS / SHARED], ids=lambda path: path.stem)
def test_the_top_level_imports_airflow_and_the_standard_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    modules = {name for node in tree.body for name in _imported(node)}
    allowed = {"airflow.sdk", "airflow.sdk.exceptions", "stemma_edge", "ingestion.discovery"}
    foreign = {name for name in modules - allowed if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == set()
    assert (path.name == SHARED) == ("ingestion.discovery" in modules)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tasks_are_a_few_lines_that_call_ingestion(path: Path) -> None:
    tasks = list(_tasks(ast.parse(path.read_text("utf-8"))))
    assert tasks
    for task in tasks:
        statements = [node for node in task.body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
        assert ast.get_docstring(task), task.name
        assert len(statements) <= 5, task.name
        imported = {name for node in task.body for name in _imported(node)}
        assert {name.partition(".")[0] for name in imported} <= {"ingestion", "corpus"}, task.name


def test_each_stage_that_a_task_calls_exists() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "ingestion.stages":
                for alias in node.names:
                    importlib.import_module(f"ingestion.stages.{alias.name}")


def _tasks(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("task" in ast.unparse(item) for item in node.decorator_list):
            yield node


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""


def _below(error: type[StemmaError]) -> Iterator[type[StemmaError]]:
    for child in error.__subclasses__():
        yield child
        yield from _below(child)
