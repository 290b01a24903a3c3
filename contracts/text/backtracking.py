r"""Whether a regular expression can take for ever on some text (ReDoS), told from its structure alone.

Python's engine backtracks: `(\w+\s?)*` parts twenty letters in a million ways before it gives up. A part that repeats
without end and holds a part of varying length is refused, unless something that must stand between two rounds tells
them apart, as the point of `(\.\w+)*` does; so are repeated alternatives that begin with one letter and are nothing
else. Texts that only take the square of their length are let be. Nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

_parser = import_module("re._parser")  # what `re` itself reads patterns with; it has no public name
_MANY = 20
"""Repetitions from which a part counts as repeated without end: two to the twentieth is a second."""
_LETTERS = frozenset(map(chr, range(0x180)))
"""Characters on which classes are compared."""
_CLASSES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip

Step = tuple[Any, Any]


def runs_away(pattern: str) -> bool:
    """Returns whether a pattern can take exponential time.

    Args:
        pattern: A regular expression that compiles.
    """
    return any(_is_ambiguous(body) for body in _repeated(_parser.parse(pattern)))


def _repeated(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yields what is repeated without end, wherever it stands; possessive and atomic parts never go back."""
    for name, value in steps:
        if str(name) in ("MAX_REPEAT", "MIN_REPEAT") and value[1] >= _MANY:
            yield value[2]
        if str(name) not in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT"):
            for inner in _inside(name, value):
                yield from _repeated(inner)


def _inside(name: Any, value: Any) -> list[Sequence[Step]]:
    kind = str(name)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [value[2]]
    if kind == "SUBPATTERN":
        return [value[-1]]
    if kind == "BRANCH":
        return list(value[1])
    if kind in ("ASSERT", "ASSERT_NOT"):
        return [value[1]]
    if kind == "ATOMIC_GROUP":
        return [value]
    return [item for item in value[1:] if item] if kind == "GROUPREF_EXISTS" else []


def _is_ambiguous(body: Sequence[Step]) -> bool:
    """Whether one text can be parted into rounds of a repeated body in more ways than one."""
    steps = list(_flat(body))
    if len(steps) == 1 and str(steps[0][0]) == "BRANCH":
        branches = [list(_flat(branch)) for branch in steps[0][1][1]]
        return any(map(_is_ambiguous, branches)) or _overlap(branches)
    for place, (name, value) in enumerate(steps):
        empty = [not branch for branch in value[1]].count(True) if str(name) == "BRANCH" else 0
        if empty > 1:  # (ab|ab)*: what two alternatives begin with is taken out of them when they are read
            return True
        if not (empty or _varies(name, value)):
            continue
        letters = _letters([(name, value)])
        others = (step for number, step in enumerate(steps) if number != place)
        if not any(_must_stand(*other) and letters.isdisjoint(_letters([other])) for other in others):
            return True
    return False


def _flat(steps: Sequence[Step]) -> Iterator[Step]:
    """Yields steps with groups opened; places (`^`, `$`) and assertions take no letter."""
    for name, value in steps:
        if str(name) == "SUBPATTERN":
            yield from _flat(value[-1])
        elif str(name) not in ("AT", "ASSERT", "ASSERT_NOT"):
            yield name, value


def _varies(name: Any, value: Any) -> bool:
    return str(name) in ("MAX_REPEAT", "MIN_REPEAT") and value[0] != value[1]


def _must_stand(name: Any, value: Any) -> bool:
    if str(name) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return bool(value[0] > 0)
    return str(name) in ("LITERAL", "NOT_LITERAL", "IN", "ANY")


def _overlap(branches: list[list[Step]]) -> bool:
    """Whether two alternatives of single characters share one."""
    single = [_letters(branch) for branch in branches if len(branch) == 1 and _must_stand(*branch[0])]
    return any(not one.isdisjoint(other) for number, one in enumerate(single) for other in single[:number])


def _letters(steps: Sequence[Step]) -> frozenset[str]:
    """Returns every character that may stand in some steps, in either case."""
    found: set[str] = set()
    for name, value in steps:
        inner = _inside(name, value)
        found.update(*(_letters(part) for part in inner)) if inner else found.update(_of(name, value))
    return frozenset(found | {char.swapcase() for char in found})


def _of(name: Any, value: Any) -> frozenset[str]:
    kind = str(name)
    if kind == "LITERAL":
        return frozenset({chr(value)})
    if kind == "NOT_LITERAL":
        return _LETTERS - {chr(value)}
    if kind == "RANGE":
        return frozenset(map(chr, range(value[0], min(value[1], 0x17F) + 1))) | {chr(value[0])}
    if kind == "CATEGORY":
        return _class(_CLASSES.get(str(value), r"[\s\S]"))
    if kind == "IN":
        negated = bool(value) and str(value[0][0]) == "NEGATE"
        union: frozenset[str] = frozenset().union(*(_of(*item) for item in value[1 if negated else 0 :]))
        return _LETTERS - union if negated else union
    return frozenset() if kind == "AT" else _LETTERS


@cache
def _class(pattern: str) -> frozenset[str]:
    return frozenset(filter(re.compile(pattern).match, _LETTERS))
