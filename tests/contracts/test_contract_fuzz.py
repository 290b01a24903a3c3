"""Whatever a file holds, loading it gives a contract or a ContractError with places inside the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.load import parse_contract, problems_of
from corpus.errors import ContractError

VALID = Path(__file__).with_name("valid.odcs.yaml").read_text("utf-8")
FULL = Path(__file__).with_name("full.odcs.yaml").read_text("utf-8")
TEXTS = (VALID, FULL)
LINES = [line for text in TEXTS for line in text.splitlines(keepends=True)]
PIECES = "- @: @{@}@[@]@*x@&x @!!set@>@|@\"@'@#@<<: *x@null@.nan@1e999@\t@\x00@\u2028@no@0x@2026-01-01@\ufeff@? a@---\n"
SCRAPS = st.sampled_from(PIECES.split("@"))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | SCRAPS
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def load(text: str) -> None:
    found = problems_of(text)
    last = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\u2029") + text.count("\x85") + 2
    for problem in found:
        assert 1 <= problem.line <= last
        assert problem.column >= 1
        assert problem.message
    if not found:
        assert parse_contract(text, "fuzz.yaml").checks
        return
    with pytest.raises(ContractError) as caught:
        parse_contract(text, "fuzz.yaml")
    assert len(caught.value.problems) == len(found)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_edits_of_lines(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["drop", "double", "indent", "scrap", "cut"]))
        line = lines[at]
        edits = {
            "drop": "",
            "double": line * 2,
            "indent": "  " + line,
            "scrap": line.rstrip("\n") + data.draw(SCRAPS) + "\n",
            "cut": line[: len(line) // 2] + "\n",
        }
        lines[at] = edits[kind]
    load("".join(lines))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in paths(item, (*path, key)))]


PATHS = {text: [path for path in paths(yaml.safe_load(text)) if path] for text in TEXTS}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_value_anywhere(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    document = yaml.safe_load(text)
    for path, value in data.draw(st.lists(st.tuples(st.sampled_from(PATHS[text]), values), min_size=1, max_size=3)):
        parent = document
        for key in path[:-1]:
            try:
                parent = parent[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(parent, dict | list) and (isinstance(parent, dict) or isinstance(path[-1], int)):
                try:
                    parent[path[-1]] = value
                except IndexError:
                    continue
    load(yaml.safe_dump(document, allow_unicode=True))


@settings(max_examples=60, deadline=None)
@given(st.text() | st.lists(SCRAPS | st.sampled_from(LINES), max_size=12).map("".join))
def test_any_text(text: str) -> None:
    load(text)
