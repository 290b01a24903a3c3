"""A contract for other tools of the standard: its documents as a parquet file that is there.

The text stays the contract's own; only where the data is, and which objects it holds, is said anew. Chunks are
left out: their vectors lie in another file than their texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from contracts.build import DOCUMENT_COLUMNS
from contracts.model import Contract
from contracts.text.yamltext import parse_yaml

_OBJECT = "document"


def handed_over(contract: Contract, path: str) -> str:
    """Returns the YAML of a contract whose one server is a file.

    Args:
        contract: The contract.
        path: A documents.parquet; with globs, several of them.
    """
    value, _ = parse_yaml(contract.raw_yaml)
    server = {"server": "documents", "type": "local", "path": path, "format": "parquet"}
    documents = [_with_promised(item, value) for item in value["schema"] if item.get("name") == _OBJECT]
    changed = {**value, "servers": [server], "schema": documents}
    note = (
        f"# {contract.name} {contract.version}, to be checked against {path!r}. Written by `stemma contract export`.\n"
    )
    text: str = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=110)
    return note + text


def _with_promised(document: Mapping[str, Any], contract: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the columns that a promise or a check speaks of and that no property declares.

    Other tools see only the declared ones (datacontract-cli 1.2.8 reads no others from the file).
    """
    properties = list(document.get("properties") or ())
    declared = {item.get("name") for item in properties}
    spoken = {*_promised(contract), *_checked(document)}
    extra = [name for name in DOCUMENT_COLUMNS if name in spoken and name not in declared]
    added = [{"name": name, "logicalType": DOCUMENT_COLUMNS[name]} for name in extra]
    return {**document, "properties": [*properties, *added]}


def _promised(contract: Mapping[str, Any]) -> Iterator[str]:
    for promise in contract.get("slaProperties") or ():
        thing, _, column = str(promise.get("element") or "").partition(".")
        if thing == _OBJECT:
            yield column


def _checked(document: Mapping[str, Any]) -> Iterator[str]:
    """Yields the columns that checks may read; a query may read any."""
    for thing in (document, *(document.get("properties") or ())):
        for check in thing.get("quality") or ():
            if check.get("type") == "sql":
                yield from DOCUMENT_COLUMNS
            yield from (check.get("arguments") or {}).get("properties", ())
