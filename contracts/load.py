"""Loading a contract: read the file, report everything that is wrong with it at once, or return it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.build import THIS_BUILD, Build
from contracts.model import Contract
from contracts.reading.compile import compile_contract
from contracts.text.node import Node
from contracts.text.problems import Problem, Sink, shown
from contracts.text.yamltext import MAX_BYTES, parse_yaml
from corpus.errors import ContractError


def load_contract(path: Path, project: Path | None = None, *, build: Build = THIS_BUILD) -> Contract:
    """Loads and validates one contract.

    Args:
        path: The file.
        project: Project folder; the contract's `path` is then relative to it.
        build: Names that a contract may use.

    Raises:
        ContractError: The file cannot be read, or the contract is invalid; `problems` holds every
            problem as `file:line:column: message`.
    """
    label = _label(path, project)
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ContractError(
            f"the contract {label} cannot be read: {error.strerror or error}. Check the path."
        ) from error
    except UnicodeDecodeError as error:
        message = f"the contract {label} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        raise ContractError(message, (f"{label}:1:1: not UTF-8 text.",)) from error
    return parse_contract(text, label, build=build)


def parse_contract(text: str, path: str, *, build: Build = THIS_BUILD) -> Contract:
    """Validates the text of a contract and compiles it.

    Args:
        text: The YAML.
        path: The file it came from, for messages and for the record.
        build: Names that a contract may use.

    Raises:
        ContractError: The contract is invalid.
    """
    contract, problems = _compiled(text, path, build)
    if contract is None or problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise ContractError(
            f"the contract {path} is invalid ({count}). Mend it and run `stemma contract validate` again:",
            tuple(problem.located(path) for problem in problems),
        )
    return contract


def problems_of(text: str, path: str = "contract.odcs.yaml", *, build: Build = THIS_BUILD) -> tuple[Problem, ...]:
    """Returns everything that is wrong with the text of a contract, in order of place.

    Args:
        text: The YAML.
        path: The file it came from.
        build: Names that a contract may use.
    """
    return _compiled(text, path, build)[1]


def _compiled(text: str, path: str, build: Build) -> tuple[Contract | None, tuple[Problem, ...]]:
    value, sink = parse_yaml(text)
    if not isinstance(value, dict):
        if not sink.found:
            sink.add((), f"a contract is a mapping, not {shown(value)}.", "Start from `stemma contract new`.")
        return None, sink.problems()
    contract = _contract(value, sink, build, text, path)
    return contract, sink.problems()


def _contract(value: dict[str, Any], sink: Sink, build: Build, text: str, path: str) -> Contract | None:
    try:
        return compile_contract(value, sink, build=build, raw_yaml=text, path=path)
    except UnicodeEncodeError:
        Node(value, (), sink).problem("the text holds characters that UTF-8 cannot say.", "Remove lone surrogates.")
        return None


def _label(path: Path, project: Path | None) -> str:
    if project is None:
        return path.as_posix()
    try:
        return path.resolve().relative_to(project.resolve()).as_posix()
    except ValueError:
        return path.name
