"""A new contract from the template: commented YAML that validates, and that a person then edits."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from contracts.build import EMBEDDER_ALIASES, EMBEDDERS
from contracts.load import parse_contract
from corpus.errors import ContractError

TEMPLATE = "contract.odcs.yaml"

_NAMESPACE = uuid.UUID("6f1d6c1e-3b0b-5c0e-9d53-7a3f4b1e2c90")  # ours alone, so that ids repeat
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def new_contract(
    name: str,
    *,
    root: str,
    include: Sequence[str] = ("**/*",),
    embedder: str = "all-MiniLM-L6-v2",
    owner: str,
    dimension: int | None = None,
    defaults: Mapping[str, str] | None = None,
    schedule: str | None = None,
) -> str:
    """Returns the YAML of a new contract.

    Args:
        name: Name of the contract and of its index.
        root: Folder of the documents, relative to the project.
        include: Globs under the root.
        embedder: Name of an embedding model, or `path:` and a folder.
        owner: Team that answers for the documents.
        dimension: Numbers per vector; needed only for a model that is not known by name.
        defaults: Governance fields that hold for documents which say nothing themselves; None takes the
            owner, the contract's name as source system, and the label `internal`.
        schedule: Cron expression; None for runs on demand.

    Raises:
        ContractError: What was given does not make a valid contract.
    """
    known = EMBEDDERS.get(EMBEDDER_ALIASES.get(embedder, embedder))
    size = dimension or (known.dimension if known else 0)
    if not size:
        valid = ", ".join((*EMBEDDERS, *EMBEDDER_ALIASES))
        raise ContractError(
            f"the dimension of the model {embedder!r} is not known. Valid names: {valid}; or path: and the "
            "folder of a model, or remote: and the name of an endpoint in stemma.toml."
        )
    given = {"owner": owner, "source_system": name, "sensitivity_label": "internal"} if defaults is None else defaults
    text = _template().substitute(
        plain_name=_CONTROL.sub(" ", name),
        id=uuid.uuid5(_NAMESPACE, name),
        name=_quoted(name),
        purpose=_quoted(f"Documents of {name}, for retrieval."),
        owner=_quoted(owner),
        path=_quoted(_path(root, include)),
        min_length=1,
        min_quality="0.5",
        dimension=size,
        embedder=_quoted(embedder),
        freshness_days=365,
        schedule=_schedule(schedule),
        defaults=_defaults(given),
        max_tokens=min(254, known.max_tokens) if known and known.max_tokens else 254,
    )
    parse_contract(text, f"{name}.odcs.yaml")
    return text


def _template() -> Template:
    return Template(files("contracts").joinpath("templates", TEMPLATE).read_text("utf-8"))


def _quoted(value: str) -> str:
    """Returns a text as YAML: plain where it is only letters, else as JSON, which YAML reads as it is."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value) and value.lower() not in _WORDS
    return value if plain else _escaped(value)


def _escaped(value: str) -> str:
    """Returns a text as a double-quoted YAML scalar; what YAML does not print is escaped."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def _path(root: str, include: Sequence[str]) -> str:
    globs = tuple(include) or ("**/*",)
    return f"{root.rstrip('/') or '/'}/{globs[0] if len(globs) == 1 else '{' + ','.join(globs) + '}'}"


def _schedule(cron: str | None) -> str:
    if cron is None:
        return ""
    lines = (
        "  - property: frequency",
        "    value: 1",
        "    unit: d",
        "    scheduler: cron",
        f"    schedule: {json.dumps(cron)}",
        "",
    )
    return "\n".join(lines)


def _defaults(given: Mapping[str, str]) -> str:
    """Returns the defaults block; a validation date is never made up: it says that a human looked."""
    lines = ["      defaults:" if given else "      # defaults:"]
    lines += [f"        {name}: {_escaped(value)}" for name, value in given.items()]
    for name, example in (("last_validated_date", '"2026-01-31"'), ("version", '"1"')):
        if name not in given:
            lines.append(f"      #   {name}: {example}")
    return "\n".join(lines)
