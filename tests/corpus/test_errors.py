from __future__ import annotations

import re

import pytest

from corpus import errors
from corpus.errors import ContractError, ParseError, StemmaError

CLASSES = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, StemmaError)}


def drawn() -> list[tuple[str, str | None, str]]:
    """The tree of the module's docstring: class, parent, words beside it."""
    rows, path = [], {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│ ]*[├└]── |)(\w+)(.*)$", line)
        if found and found.group(2) in {cls.__name__ for cls in CLASSES}:
            depth = len(found.group(1)) // 4
            path[depth] = found.group(2)
            rows.append((found.group(2), path.get(depth - 1), found.group(3)))
    return rows


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert {(name, parent) for name, parent, _ in drawn()} == {
        (cls.__name__, cls.__base__.__name__ if cls is not StemmaError and cls.__base__ else None) for cls in CLASSES
    }


def test_the_docstring_says_what_is_retryable() -> None:
    said = {name for name, _, words in drawn() if "retryable" in words}
    assert said == {cls.__name__ for cls in CLASSES if cls.retryable}


def test_the_docstring_says_the_exit_codes() -> None:
    said = {name: int(found.group(1)) for name, _, words in drawn() if (found := re.search(r"exit (\d)", words))}
    parents = {name: parent for name, parent, _ in drawn()}
    for cls in CLASSES - {StemmaError}:
        name: str | None = cls.__name__
        while name not in said:
            assert name is not None
            name = parents[name]
        assert cls.exit_code == said[name], cls.__name__


def test_exit_codes_are_the_documented_five() -> None:
    assert {cls.exit_code for cls in CLASSES} == {1, 2, 3, 4}
    assert errors.EXIT_OK == 0


def test_a_contract_error_lists_every_problem() -> None:
    error = ContractError("bad contract", ("line 1: a", "line 2: b"))
    assert str(error) == "bad contract\n  line 1: a\n  line 2: b"
    assert error.problems == ("line 1: a", "line 2: b")


def test_a_parse_error_carries_a_code() -> None:
    assert ParseError("no text").code == "unparseable"
    assert ParseError("locked", "encrypted").code == "encrypted"


@pytest.mark.parametrize("cls", sorted(CLASSES, key=lambda cls: cls.__name__))
def test_every_error_says_what_it_is(cls: type[StemmaError]) -> None:
    assert cls.__doc__
