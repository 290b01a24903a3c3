"""Which contracts a project holds, found cheaply enough for every parse of a DAG file.

Reads only what an orchestrator must know before anything runs: the name, the version, the schedule and
the owner of each contract, and which of its tasks need a model. It refuses to validate: `contracts.load` does that, and
`stemma contract validate` reports what is skipped here. Imports nothing from outside but PyYAML,
because the DAG processor imports it for each DAG file every time it looks.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from contracts.text.timing import cron_problem

CONTRACT_GLOB = "*.odcs.yaml"
PROJECT_FILE = "stemma.toml"
"""As in `corpus.settings`, which is not imported: it would bring pydantic-settings along."""

_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_DEPTH = 100
"""Contracts are nested some ten deep."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ContractStub:
    """What can be known of a contract without validating it.

    Attributes:
        name: The contract's name, as inside its file.
        version: Its version, as text.
        path: Its file.
        schedule: Cron expression of its `frequency`; None where it has none.
        owner: Team that answers for it; empty where it says none.
        embeds_early: Whether it has the rule `paraphrase`, under which documents are embedded while they are assessed.
    """

    name: str
    version: str
    path: Path
    schedule: str | None
    owner: str = ""
    embeds_early: bool = False


def discover(folder: Path) -> tuple[ContractStub, ...]:
    """Lists the contracts in a folder, by name and then by file.

    Files that are unreadable, are not YAML mappings, or carry no usable name are left out.

    Args:
        folder: Where `*.odcs.yaml` files are; one that does not exist holds none.
    """
    stubs = (_stub(path) for path in sorted(folder.glob(CONTRACT_GLOB)))
    return tuple(sorted((stub for stub in stubs if stub), key=lambda stub: (stub.name, stub.path)))


def contracts_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Returns the contracts folder of the project, as `corpus.settings.load_settings` would.

    Args:
        environ: The environment; None takes this process's. `STEMMA_PROJECT` names the project
            (else the nearest folder at or above the working directory with stemma.toml), and
            `STEMMA_CONTRACTS` wins over stemma.toml.
    """
    return _project(os.environ if environ is None else environ) / setting("contracts", "contracts", environ)


def setting(name: str, default: str, environ: Mapping[str, str] | None = None) -> str:
    """Returns one setting as text, as `corpus.settings.load_settings` would, without checking it.

    Args:
        name: The setting.
        default: What it is where neither environment nor stemma.toml, or an unreadable one, says.
        environ: The environment; None takes this process's.
    """
    environ = os.environ if environ is None else environ
    if found := environ.get(f"STEMMA_{name.upper()}"):
        return found
    try:
        configured = tomllib.loads((_project(environ) / PROJECT_FILE).read_text("utf-8")).get(name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return default
    return str(configured) if isinstance(configured, str | int | float) else default


def _stub(path: Path) -> ContractStub | None:
    try:
        return _stub_of(path, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


@lru_cache(maxsize=256)
def _stub_of(path: Path, text: str) -> ContractStub | None:
    """Reads one contract, once per process and content: a page of the console asks for all of them."""
    try:
        _refuse_deep(text)
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is the safe loader, in C
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str) or not _NAME.match(name):
        return None
    version = document.get("version", "")
    return ContractStub(
        name=name,
        version=str(version) if isinstance(version, str | int | float) else "",
        path=path,
        schedule=next(_schedules(document.get("slaProperties")), None),
        owner=_owner(document.get("team")),
        embeds_early="paraphrase" in _rules(document.get("schema")),
    )


def _refuse_deep(text: str) -> None:
    """Raises ValueError for nesting that would end this process: PyYAML's compiled half composes by recursion in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise ValueError(f"nested deeper than {_MOST_DEPTH}")


def _owner(team: Any) -> str:
    name = team.get("name") if isinstance(team, dict) else None
    return name.strip() if isinstance(name, str) else ""


def _rules(schema: Any) -> Iterator[str]:
    """Yields the rules of ours that a contract has for its documents."""
    checks = [item.get("quality") for item in schema if isinstance(item, dict)] if isinstance(schema, list) else []
    for check in (check for listed in checks if isinstance(listed, list) for check in listed):
        said = check.get("implementation") if isinstance(check, dict) else None
        rule = said.get("rule") if isinstance(said, dict) else None
        if isinstance(rule, str):
            yield rule


def _schedules(properties: Any) -> Iterator[str]:
    """Yields valid cron expressions of ODCS `slaProperties`: `{property: frequency, scheduler: cron, schedule: ...}`.

    An invalid one would keep Airflow from importing the DAGs of every contract, so it is left out here.
    """
    for item in properties if isinstance(properties, list) else ():
        if not isinstance(item, dict) or item.get("property") != "frequency":
            continue
        cron = item.get("schedule")
        if item.get("scheduler", "cron") == "cron" and isinstance(cron, str) and not cron_problem(cron):
            yield cron


def _project(environ: Mapping[str, str]) -> Path:
    named = environ.get("STEMMA_PROJECT")
    return (Path(named) if named else _nearest_project(Path.cwd())).absolute()


def _nearest_project(start: Path) -> Path:
    start = start.absolute()
    holders = (folder for folder in (start, *start.parents) if (folder / PROJECT_FILE).is_file())
    return next(holders, start)
