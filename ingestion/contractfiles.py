"""The contract files of a project as a person looks at them: each with its contract, or with what is wrong and where.

`ingestion.discovery` leaves out what cannot be read, since nothing can be run of it; here every file has a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from contracts.load import parse_contract, problems_of
from contracts.model import Contract
from contracts.text.problems import Problem
from contracts.text.yamltext import MAX_BYTES
from corpus.errors import ContractError
from corpus.settings import Settings
from ingestion.discovery import CONTRACT_GLOB, discover

_SUFFIX = CONTRACT_GLOB.removeprefix("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFile:
    """One contract file.

    Attributes:
        file: The file, relative to the project where it is inside.
        name: Name of the contract; of a file that cannot be read as YAML, what the file is called.
        owner: Team that answers for it, where that can be read.
        text: Its text; empty where it cannot be read.
        contract: The contract; None where it is invalid.
        problems: Everything that is wrong with it, in order of place.
    """

    file: str
    name: str
    owner: str
    text: str
    contract: Contract | None
    problems: tuple[Problem, ...] = ()


def contract_files(settings: Settings) -> tuple[ContractFile, ...]:
    """Returns every contract file of a project, by name; those that share a name are all invalid."""
    stubs = {stub.path: (stub.name, stub.owner) for stub in discover(settings.contracts)}
    found = []
    for path in sorted(settings.contracts.glob(CONTRACT_GLOB)):
        try:
            stat = path.stat()
        except OSError:
            continue  # removed while this looked
        name, owner = stubs.get(path, (path.name.removesuffix(_SUFFIX), ""))
        read = _read(path, settings.project, stat.st_mtime_ns, stat.st_size)
        found.append(replace(read, name=read.contract.name if read.contract else name, owner=owner))
    return tuple(sorted(_without_twins(found), key=lambda item: (item.name, item.file)))


def told(text: str, label: str) -> ContractFile:
    """Reads the text of a contract; what is wrong with it is in the result.

    Args:
        text: The YAML.
        label: What messages call it.
    """
    try:
        contract = parse_contract(text, label)
    except ContractError:
        return ContractFile(file=label, name="", owner="", text=text, contract=None, problems=problems_of(text, label))
    return ContractFile(file=label, name=contract.name, owner=contract.owner_team, text=text, contract=contract)


@lru_cache(maxsize=256)
def _read(path: Path, project: Path, mtime_ns: int, size: int) -> ContractFile:  # noqa: ARG001 - what a file must keep
    label = _label(path, project)
    try:
        with path.open("rb") as handle:
            text = handle.read(MAX_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        return _unreadable(label, f"the file cannot be read: {error.strerror or error}.", "Check who may read it.")
    except UnicodeDecodeError as error:
        return _unreadable(label, f"the file is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.")
    return told(text, label)


def _unreadable(label: str, message: str, hint: str) -> ContractFile:
    problem = Problem(line=1, column=1, path="", message=message, hint=hint)
    return ContractFile(file=label, name="", owner="", text="", contract=None, problems=(problem,))


def _without_twins(files: Sequence[ContractFile]) -> list[ContractFile]:
    """Makes files that share a name invalid: no run could tell which is meant."""
    found = []
    for item in files:
        others = [other.file for other in files if other.name == item.name and other.file != item.file]
        if others:
            message = f"the name {item.name!r} is also declared by {', '.join(others)}."
            twin = Problem(line=1, column=1, path="name", message=message, hint="Rename one.")
            item = replace(item, contract=None, problems=(*item.problems, twin))  # noqa: PLW2901 - the same, told
        found.append(item)
    return found


def _label(path: Path, project: Path) -> str:
    try:
        return path.resolve().relative_to(project.resolve()).as_posix()
    except ValueError:
        return path.name
