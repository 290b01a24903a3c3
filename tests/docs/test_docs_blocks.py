"""No block of a page is left alone: a program runs, here or in the test that its mark names, and data is read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.pages import ROOT, STORY, Block, Page, pages

from contracts.load import parse_contract
from contracts.scaffold import new_contract
from corpus.endpoints import Endpoint
from corpus.errors import ContractError
from corpus.settings import Settings

SHOWN = {"text", "console"}
"""Languages of what is printed, drawn or answered, and of installing; a program is in another."""

NO_CONTRACT = {("docs/monitoring.md", "groups"), ("docs/openlineage.md", "transport")}
"""YAML that others read, by page and first key."""

RUN_BY = [(found, block) for found in pages() for block in found.blocks() if block.mark == "run by"]


def _name(value: Any) -> str | None:
    return str(getattr(value, "name", getattr(value, "line", "part")))


def test_every_program_of_a_page_runs() -> None:
    for found in pages():
        for block in found.blocks():
            assert block.language in {"bash", "python", "yaml", "yml", "toml", "json"} | SHOWN, f"{found.name} {block}"
            if block.language == "python":
                assert block.runs, f"{found.name}:{block.line}"
            if block.language == "bash":
                assert not block.runs or found.name in STORY, f"{found.name}:{block.line}"
            assert block.runs or block.language == "bash", f"{found.name}:{block.line}"
        assert "<!-- not run" not in found.text, f"{found.name}: run it, or let a test read and run it (run by)"


def test_fences_are_all_read() -> None:
    """A fence that the pattern misses would be no block, and no test would look at it."""
    for found in pages():
        fences = len(re.findall(r"^ *```", found.text, re.MULTILINE))
        plain = len(re.findall(r"^```\n(?:.*?)^```$", found.prose, re.MULTILINE | re.DOTALL))
        assert fences == 2 * (len(found.blocks()) + plain), found.name
        assert plain == 0 or found.name == "CONTRIBUTING.md", f"{found.name}: name the language of a block"


@pytest.mark.parametrize(("found", "block"), RUN_BY, ids=_name)
def test_blocks_that_another_test_runs_are_read_by_it(found: Page, block: Block) -> None:
    [test] = re.findall(r"tests/[\w/]+\.py", block.reason)
    assert f'page("{found.name}")' in (ROOT / test).read_text("utf-8")


def test_what_pages_say_to_install_are_extras_of_ours() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for found in pages():
        named = re.findall(r"stemma-rag\[([\w,-]+)\]|-e '\.\[([\w,-]+)\]'", found.text)
        wanted = {extra for names in named for name in names for extra in name.split(",") if extra}
        assert wanted <= set(extras), found.name


PARSE = """
import shlex, sys
from airflow.cli.cli_parser import get_parser
for line in sys.stdin:
    get_parser().parse_args(shlex.split(line, comments=True)[1:])
    print(line.strip())
"""


@pytest.mark.airflow
def test_commands_of_airflow_are_understood_by_airflow(tmp_path: Path) -> None:
    pytest.importorskip("airflow")
    lines = [line for found in pages() for block in found.blocks("bash") for line in _of_airflow(block.text)]
    home = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}
    done = subprocess.run(
        [sys.executable, "-c", PARSE],
        input="\n".join(lines),
        env=home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(lines) >= 9
    assert [line for line in lines if line not in done.stdout.splitlines()] == []


def _of_airflow(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        for command in line.partition(" #")[0].split("&"):
            if command.strip().startswith("airflow "):
                yield " ".join(command.split())


# YAML and TOML


def _yaml() -> Iterator[tuple[Page, Block, Any]]:
    for found in pages():
        for block in found.blocks("yaml", "yml"):
            yield found, block, yaml.safe_load(block.text)


@pytest.mark.parametrize(("found", "block", "value"), list(_yaml()), ids=_name)
def test_every_part_of_a_contract_on_a_page_is_valid_in_a_contract(found: Page, block: Block, value: Any) -> None:
    first = next(iter(value)) if isinstance(value, dict) else ""
    if (found.name, first) in NO_CONTRACT or (found.name, first) == ("docs/origin.md", "digital_source_type"):
        return
    if found.name.startswith("docs/recipes/"):
        return  # names a plug-in, which the recipe's own test installs
    whole = value if first == "apiVersion" else _in_a_contract(value)
    parsed = parse_contract(yaml.safe_dump(whole, sort_keys=False), f"{whole['name']}.odcs.yaml")
    assert parsed.name == whole["name"]


def _in_a_contract(value: Any) -> dict[str, Any]:
    """Puts a part where it belongs: properties at the end, checks and relationships at the documents."""
    whole: dict[str, Any] = yaml.safe_load(new_contract("handbook", root="./docs", owner="team"))
    parts = {"quality": value} if isinstance(value, list) else value
    documents = whole["schema"][0]
    for key, part in parts.items():
        if key == "customProperties":
            replaced = {item["property"] for item in part}
            kept = [item for item in whole.get(key, []) if item["property"] not in replaced]
            whole[key] = [*kept, *part]
        elif key in {"properties", "quality", "relationships"}:
            documents[key] = [*documents.get(key, []), *part]
        else:
            whole[key] = part
    return whole


def test_a_wrong_part_would_be_found() -> None:
    gates = {"property": "ragGates", "vendor": "stemma", "value": {"contamination": {"maxExposur": 1}}}
    broken = yaml.safe_dump(_in_a_contract({"customProperties": [gates]}))
    with pytest.raises(ContractError, match="maxExposur"):
        parse_contract(broken, "handbook.odcs.yaml")


def test_toml_on_pages_is_settings_or_the_entry_point_of_a_recipe() -> None:
    for found in pages():
        for block in found.blocks("toml"):
            value = tomllib.loads(block.text)
            if found.name.startswith("docs/recipes/"):
                assert set(value["project"]) == {"entry-points"}
                continue
            for options in value.pop("embedders", {}).values():
                Endpoint.model_validate(options)
            assert set(value) <= set(Settings.model_fields), found.name
