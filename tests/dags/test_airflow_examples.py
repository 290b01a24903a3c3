"""The example configuration names real keys, and the preloading does what it says and no more."""

import configparser
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

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
