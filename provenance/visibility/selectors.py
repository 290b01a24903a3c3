"""CSS selectors over an lxml tree: read once, matched from the right.

What depends on what a person does (`:hover`, `:focus`, `:checked` by click) or on a pseudo-element never matches:
text is judged as the page first stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

_PART = re.compile(
    r"(?P<tag>\*|[\w-]+)|\#(?P<id>[\w-]+)|\.(?P<cls>[\w-]+)"
    r"|\[\s*(?P<attr>[\w:-]+)\s*(?:(?P<op>[~|^$*]?=)\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\]\s]+)\s*(?P<flag>[iIsS])?\s*)?\]"
    r"|(?P<pseudo>::?[\w-]+)"
)
_COMBINATOR = re.compile(r"\s*([>+~])\s*|\s+")
_PUNCTUATION = re.compile(r"[,()\[\]]")
_NTH = re.compile(r"\s*(?:(?P<word>odd|even)|(?P<a>[+-]?\d*)n\s*(?:(?P<b>[+-]\s*\d+))?|(?P<only>[+-]?\d+))\s*\Z", re.I)
_MAX_SELECTOR = 2_000
_DYNAMIC = frozenset(
    [
        "hover",
        "focus",
        "active",
        "focus-within",
        "focus-visible",
        "target",
        "visited",
        "checked",
        "invalid",
        "user-invalid",
        "fullscreen",
        "before",
        "after",
        "first-letter",
        "first-line",
        "selection",
        "placeholder",
        "marker",
        "backdrop",
        "file-selector-button",
        "-webkit-scrollbar",
        "-moz-focus-inner",
        "open",
        "popover-open",
        "modal",
        "autofill",
        "print",
        "indeterminate",
        "has",
        "host",
        "slotted",
        "part",
        "cue",
    ]
)
_NTH_NAMES = frozenset({"nth-child", "nth-of-type", "nth-last-child", "nth-last-of-type"})
_ENDS = {
    "first-child": ("nth-child", "1"), "last-child": ("nth-last-child", "1"),
    "first-of-type": ("nth-of-type", "1"), "last-of-type": ("nth-last-of-type", "1"),
}  # fmt: skip

Test = tuple[str, str, str]
"""Kind of test (`attr`, `nth-child`, ...), its name or argument, its value."""


@dataclass(frozen=True, slots=True)
class Compound:
    """What must hold for one element: tag, id, classes, and other tests."""

    tag: str
    identity: str
    classes: frozenset[str]
    tests: tuple[Test, ...]
    negated: tuple[tuple[Compound, ...], ...]
    """Lists of which none may match."""
    either: tuple[tuple[Compound, ...], ...]
    """Lists of which one must match."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Compounds from right to left with the combinator that leads to each; the first leads nowhere."""

    steps: tuple[tuple[str, Compound], ...]
    specificity: tuple[int, int, int]


def read_selectors(prelude: str) -> Iterator[Selector]:
    """Yields the selectors of a list that can match as a page first stands; others are left out."""
    for source in _listed(prelude[: _MAX_SELECTOR * 10]):
        steps = _steps(source.strip()[:_MAX_SELECTOR])
        if steps:
            yield Selector(tuple(steps), _specificity(steps))


def _listed(prelude: str) -> Iterator[str]:
    """Yields the parts of a list; commas in brackets part nothing."""
    depth = start = 0
    for match in _PUNCTUATION.finditer(prelude):
        if match[0] in "([":
            depth += 1
        elif match[0] in ")]":
            depth = max(0, depth - 1)
        elif depth == 0:
            yield prelude[start : match.start()]
            start = match.end()
    yield prelude[start:]


def _steps(source: str) -> list[tuple[str, Compound]]:
    """Returns the compounds from right to left, none where the selector is not understood or cannot match."""
    found: list[Compound] = []
    signs: list[str] = []
    at = 0
    while at < len(source):
        compound, at = _compound(source, at)
        if compound is None:
            return []
        found.append(compound)
        combinator = _COMBINATOR.match(source, at)
        if combinator and combinator.end() < len(source):
            signs.append(combinator[1] or " ")
            at = combinator.end()
        elif at < len(source):
            return []
    return list(zip(["", *reversed(signs)], reversed(found), strict=True)) if len(found) == len(signs) + 1 else []


def _compound(source: str, at: int) -> tuple[Compound | None, int]:
    tag, identity, classes = "", "", set()
    tests: list[Test] = []
    negated: list[tuple[Compound, ...]] = []
    either: list[tuple[Compound, ...]] = []
    start = at
    while (match := _PART.match(source, at)) and match.end() > at:
        if match["tag"] and at > start:
            break
        if match["tag"]:
            tag = "" if match["tag"] == "*" else match["tag"].lower()
        elif match["id"]:
            identity = match["id"]
        elif match["cls"]:
            classes.add(match["cls"])
        elif match["attr"]:
            folded = "i" if (match["flag"] or "").lower() == "i" else ""
            value = (match["value"] or "").strip("\"'")
            tests.append(((match["op"] or "has") + folded, match["attr"].lower(), value.lower() if folded else value))
        else:
            argument, at = _argument(source, match.end())
            if not _pseudo(match["pseudo"], argument, tests, negated, either):
                return None, at
            continue
        at = match.end()
    if at == start:
        return None, at
    return Compound(tag, identity, frozenset(classes), tuple(tests), tuple(negated), tuple(either)), at


def _argument(source: str, at: int) -> tuple[str, int]:
    """Returns what stands in the brackets that open at a place, and where they end; nothing where none opens."""
    if source[at : at + 1] != "(":
        return "", at
    depth = 0
    for match in _PUNCTUATION.finditer(source, at):
        depth += (match[0] == "(") - (match[0] == ")")
        if depth == 0:
            return source[at + 1 : match.start()], match.end()
    return source[at + 1 :], len(source)


def _pseudo(
    pseudo: str,
    argument: str,
    tests: list[Test],
    negated: list[tuple[Compound, ...]],
    either: list[tuple[Compound, ...]],
) -> bool:
    """Reads a pseudo-class; False where it cannot hold or is not known."""
    name = pseudo.strip(":").lower()
    if pseudo.startswith("::") or name in _DYNAMIC:
        return False
    if name in ("not", "is", "where", "matches", "-webkit-any", "-moz-any"):
        listed = tuple(compound for part in _listed(argument) if (compound := _compound(part.strip(), 0)[0]))
        (negated if name == "not" else either).append(listed)
        return True
    name, argument = _ENDS.get(name, (name, argument))
    if name in _NTH_NAMES or name in ("root", "empty", "link", "any-link", "only-child", "lang", "enabled", "disabled"):
        tests.append((name, argument, ""))
        return True
    return False


def _specificity(steps: list[tuple[str, Compound]]) -> tuple[int, int, int]:
    parts = [compound for _, compound in steps]
    inner = [item for part in parts for group in (*part.negated, *part.either) for item in group[:1]]
    every = [*parts, *inner]
    return (
        sum(bool(part.identity) for part in every),
        sum(len(part.classes) + len(part.tests) for part in every),
        sum(bool(part.tag) for part in every),
    )


class TooMuchStyle(ValueError):
    """The page asks for more matching than is done."""


class Effort:
    """Counts tries; raises TooMuchStyle when there are too many.

    Args:
        most: Tries that are allowed.
    """

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self) -> None:
        """Counts one try."""
        self._left -= 1
        if self._left < 0:
            raise TooMuchStyle("the page asks for more rules to be tried on its elements than is done")


def matches(selector: Selector, element: Any, effort: Effort) -> bool:
    """Whether a selector matches an element; every ancestor or sibling that fits is tried where it matters."""
    effort.spend()
    return fits(selector.steps[0][1], element) and _leads(selector.steps, 1, element, effort)


def _leads(steps: tuple[tuple[str, Compound], ...], at: int, element: Any, effort: Effort) -> bool:
    """Whether the steps from `at` on lead away from an element."""
    if at == len(steps):
        return True
    sign, compound = steps[at]
    following = steps[at + 1][0] if at + 1 < len(steps) else ""
    for each in _reached(sign, element):
        effort.spend()
        if each is None or not fits(compound, each):
            continue
        if _leads(steps, at + 1, each, effort):
            return True
        # From a farther one, these lead nowhere that the nearest does not.
        if (sign, following) in _NEAREST_DECIDES:
            return False
    return False


_NEAREST_DECIDES = frozenset({(" ", " "), ("~", "~"), ("~", " "), ("~", ">")})


def _reached(sign: str, element: Any) -> Iterable[Any]:
    if sign == " ":
        ancestors: Iterable[Any] = element.iterancestors()
        return ancestors
    if sign == ">":
        return (element.getparent(),)
    siblings: Iterable[Any] = element.itersiblings("*", preceding=True)
    return islice(siblings, 1) if sign == "+" else siblings


def fits(compound: Compound, element: Any) -> bool:
    """Whether one element meets all that a compound asks for."""
    named = (not compound.tag or element.tag == compound.tag) and (
        not compound.identity or element.get("id") == compound.identity
    )
    if not named or (compound.classes and not compound.classes.issubset((element.get("class") or "").split())):
        return False
    if not (compound.tests or compound.negated or compound.either):
        return True
    return (
        all(_holds(test, element) for test in compound.tests)
        and not any(fits(item, element) for group in compound.negated for item in group)
        and all(any(fits(item, element) for item in group) for group in compound.either)
    )


def _holds(test: Test, element: Any) -> bool:
    kind, name, value = test
    if kind in _NTH_NAMES:
        return _nth(kind, name, element)
    structural: dict[str, Callable[[], bool]] = {
        "root": lambda: element.getparent() is None,
        "empty": lambda: len(element) == 0 and not element.text,
        "only-child": lambda: element.getnext() is None and element.getprevious() is None,
        "link": lambda: element.tag == "a" and element.get("href") is not None,
        "any-link": lambda: element.tag == "a" and element.get("href") is not None,
        "enabled": lambda: element.get("disabled") is None,
        "disabled": lambda: element.get("disabled") is not None,
        "lang": lambda: (element.get("lang") or "").startswith(name.strip("\"'")),
    }
    if kind in structural:
        return structural[kind]()
    return _attribute(kind, element.get(name), value)


def _attribute(kind: str, actual: str | None, value: str) -> bool:
    if actual is None:
        return False
    if kind.endswith("=i"):
        kind, actual = kind[:-1], actual.lower()
    operators: dict[str, Callable[[], bool]] = {
        "has": lambda: True,
        "=": lambda: actual == value,
        "~=": lambda: value in actual.split(),
        "|=": lambda: actual == value or actual.startswith(value + "-"),
        "^=": lambda: bool(value) and actual.startswith(value),
        "$=": lambda: bool(value) and actual.endswith(value),
        "*=": lambda: bool(value) and value in actual,
    }
    return operators[kind]()


def _nth(kind: str, argument: str, element: Any) -> bool:
    found = _NTH.match(argument.split(" of ", maxsplit=1)[0])
    if not found:
        return False
    if found["word"]:
        step, offset = 2, 1 if found["word"].lower() == "odd" else 0
    elif found["only"]:
        step, offset = 0, int(found["only"])
    else:
        step = int(found["a"] + "1") if found["a"] in ("", "+", "-") else int(found["a"])
        offset = int((found["b"] or "0").replace(" ", ""))
    tag = element.tag if kind.endswith("type") else "*"
    place = 1 + sum(1 for _ in element.itersiblings(tag, preceding="last" not in kind))
    return place == offset if step == 0 else (place - offset) * step >= 0 and (place - offset) % step == 0
