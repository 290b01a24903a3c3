"""The example configuration names real keys, and the preloading does what it says and no more."""

import configparser
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from corpus.settings import Settings

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "airflow.cfg.example"
KEY = re.compile(r"^(?:# )?([a-z_]+) = (.*)$")
KNOWN = """
import json
from airflow.configuration import conf
print(json.dumps([(name, list(section["options"])) for name, section in conf.configuration_description.items()]))
"""
LOCAL_SETTINGS = """
import os, sys
sys.argv = ["airflow", "{component}"]
sys.path.insert(0, "{folder}")
import airflow_local_settings as settings
threads = {{open(f"/proc/self/task/{{task}}/comm").read().strip() for task in os.listdir("/proc/self/task")}}
print(sum(name in sys.modules for name in settings.HEAVY), len(settings.HEAVY), end=" ")
print(len(os.listdir("/proc/self/task")), *threads)
"""


def example_keys() -> list[tuple[str, str]]:
    section, found = "", []
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif match := KEY.match(line):
            found.append((section, match[1]))
    return found


def test_every_key_is_one_of_airflow(tmp_path: Path, airflow_python: Callable[[Path, str], str]) -> None:
    described = dict(json.loads(airflow_python(tmp_path, KNOWN).splitlines()[-1]))
    keys = example_keys()
    assert len(keys) > 15
    assert [(section, key) for section, key in keys if key not in described[section]] == []


def test_every_key_says_why() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    bare = [line for before, line in pairwise(lines) if KEY.match(line) and not before.startswith("#")]
    assert bare == []


def test_it_is_a_configuration_with_the_keys_that_were_measured() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(EXAMPLE.read_text("utf-8"))
    assert config["core"]["executor"] == "LocalExecutor"
    assert config["workers"]["min_heartbeat_interval"] == "1"
    assert config["scheduler"]["create_cron_data_intervals"] == "True"
    assert config["core"]["load_examples"] == "False"


@pytest.mark.slow
def test_the_scheduler_imports_everything_heavy_and_starts_no_pool(
    tmp_path: Path, airflow_python: Callable[[Path, str], str]
) -> None:
    code = LOCAL_SETTINGS.format(component="scheduler", folder=REPOSITORY / "examples" / "airflow")
    loaded, heavy, threads, *names = airflow_python(tmp_path, code).splitlines()[-1].split()
    assert loaded == heavy
    # pyarrow's allocator has one thread of its own, which it ends and restarts around a fork.
    assert int(threads) == 1 + ("jemalloc_bg_thd" in names)


def test_the_other_components_import_nothing_heavy(tmp_path: Path, airflow_python: Callable[[Path, str], str]) -> None:
    code = LOCAL_SETTINGS.format(component="api-server", folder=REPOSITORY / "examples" / "airflow")
    assert airflow_python(tmp_path, code).splitlines()[-1].split()[0] == "0"


def test_each_executor_forks_its_tasks_from_the_process_that_pays(
    tmp_path: Path, airflow_python: Callable[[Path, str], str]
) -> None:
    code = f"""
import os, sys
sys.argv = ["airflow"]
sys.path.insert(0, "{REPOSITORY / "examples" / "airflow"}")
import airflow_local_settings as settings
found = []
for executor in ("LocalExecutor", "CeleryExecutor", "KubernetesExecutor"):
    os.environ["AIRFLOW__CORE__EXECUTOR"] = executor
    found += [settings.forks_tasks(words.split()) for words in
              ("airflow scheduler", "airflow celery worker -c 2", "airflow api-server", "airflow triggerer")]
print(*(int(value) for value in found))
"""
    assert airflow_python(tmp_path, code).splitlines()[-1] == "1 1 0 0 0 1 0 0 0 1 0 0"


LOAD = """
import json, warnings
warnings.simplefilter("error")
from airflow.configuration import conf
import airflow.settings
from airflow.executors.executor_loader import ExecutorLoader
said = {section: {key: conf.get(section, key) for key in keys} for section, keys in json.loads(%r).items()}
print(json.dumps([said, ExecutorLoader.get_default_executor_name().connector_source.name]))
"""


def test_the_example_loads_and_airflow_sees_every_value_of_it(tmp_path: Path) -> None:
    """As a person uses it: copied to airflow.cfg, and then each executor by environment."""
    home = tmp_path / "airflow"
    home.mkdir()
    text = EXAMPLE.read_text("utf-8")
    (home / "airflow.cfg").write_text(text)
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    written = {section: dict(config[section]) for section in config.sections()}
    for executor in ("LocalExecutor", "CeleryExecutor"):
        seen, source = loaded(home, written, executor)
        expected = {**written, "core": {**written["core"], "executor": executor}}
        assert (seen, source) == (expected, "CORE")


def loaded(home: Path, written: dict[str, dict[str, str]], executor: str) -> tuple[dict[str, dict[str, str]], str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__EXECUTOR": executor}
    done = subprocess.run(
        [sys.executable, "-c", LOAD % json.dumps(written)],
        env=kept | own, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen, source = json.loads(done.stdout.splitlines()[-1])
    return seen, source


def test_the_pod_of_a_task_names_settings_that_there_are_and_gives_it_the_memory_it_may_take() -> None:
    pod = yaml.safe_load((REPOSITORY / "examples" / "kubernetes" / "pod_template.yaml").read_text("utf-8"))
    [container] = pod["spec"]["containers"]
    [first] = pod["spec"]["initContainers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    ours = {name.removeprefix("STEMMA_").lower() for name in variables if name.startswith("STEMMA_")}
    assert ours <= set(Settings.model_fields)
    values = {name.removeprefix("STEMMA_").lower(): value for name, value in variables.items() if "STEMMA_" in name}
    settings = Settings(project=Path("/opt/stemma/project"), catalog_url="postgresql://x/y", **values)
    assert (container["name"], settings.shard_bytes, str(settings.signing_key)) == (
        "base", 8_000_000, "/signing/stemma-signing.pem"
    )  # fmt: skip
    needed = settings.inspect_workers * settings.inspect_memory_mb + 2048
    assert container["resources"]["limits"]["memory"] == f"{needed // 1024}Gi"
    mounted = {item["name"] for part in (container, first) for item in part["volumeMounts"]}
    assert mounted == {item["name"] for item in pod["spec"]["volumes"]}
    assert all(part["securityContext"]["readOnlyRootFilesystem"] for part in (container, first))


def test_the_image_copies_what_there_is() -> None:
    lines = (REPOSITORY / "examples" / "kubernetes" / "Dockerfile").read_text("utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert {name for name in copied if not (REPOSITORY / name).exists()} == {"project"}
    packages = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(packages["packages"]) <= copied
