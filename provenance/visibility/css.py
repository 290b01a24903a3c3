"""Reads style sheets as far as they can hide text: rules, selectors, specificity, the media of a desktop screen.

CSS Syntax 3 (strings, comments, escapes, blocks), Selectors 4 without relational ones, Cascade 5 without layers'
order. Imports are never followed. Numbers of rules are bounded; what lies beyond is told by `CssTooLarge`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from provenance.visibility.selectors import Selector, read_selectors

Declaration = tuple[str, str, bool]
"""Name, value, whether `!important`."""

MAX_RULES = 20_000
MAX_SHEET = 4_000_000
"""Characters of one style sheet; the largest of our real pages has 300,000."""
MAX_VALUE = 400
_MAX_DEPTH = 20
# What a desktop screen is taken to be.
_WIDTH, _HEIGHT, _ROOT_PX = 1280.0, 800.0, 16.0
_SIGN = re.compile(
    r"/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*(?:\"|(?=\n)|\Z)|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)"
    r"|url\([^\"'()]*\)|\\.|[{};]|[^{};\"'\\/u]+|.",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\f]?|\n|(.))", re.DOTALL)
# Properties that can hide text, show it again, or set what it is held against.
RELEVANT = frozenset(
    [
        "display",
        "visibility",
        "opacity",
        "font",
        "font-size",
        "color",
        "background",
        "background-color",
        "background-image",
        "text-indent",
        "clip",
        "clip-path",
        "position",
        "left",
        "right",
        "top",
        "bottom",
        "inset",
        "margin",
        "margin-left",
        "margin-top",
        "width",
        "height",
        "max-width",
        "max-height",
        "overflow",
        "overflow-x",
        "overflow-y",
        "transform",
        "scale",
        "zoom",
        "filter",
        "content-visibility",
        "-webkit-text-fill-color",
        "z-index",
        "all",
        "translate",
        "text-size-adjust",
        "line-height",
    ]
)
_RELEVANT_NAME = re.compile(
    r"(?:^|[;{\s])(?:display|visibility|opacity|font|color|background|text-indent|clip|position|left|right|top|bottom|"
    r"inset|margin|width|height|inline-size|block-size|max-|overflow|transform|scale|zoom|filter|content-visib|z-index|all|translate|"
    r"-webkit-text-fill|--)",
    re.IGNORECASE,
)
# CSS Logical Properties 1, of text that runs from left to right and from top to bottom.
_LOGICAL = {
    "inset-inline-start": "left", "inset-inline-end": "right", "inset-inline": "left",
    "inset-block-start": "top", "inset-block-end": "bottom", "inset-block": "top",
    "margin-inline-start": "margin-left", "margin-inline": "margin-left",
    "margin-block-start": "margin-top", "margin-block": "margin-top",
    "inline-size": "width", "block-size": "height",
    "max-inline-size": "max-width", "max-block-size": "max-height",
}  # fmt: skip
_PLAIN_STYLE = re.compile(r"[^\\\"'/{}]*")
_NEGATED = re.compile(r"^not\s+", re.IGNORECASE)
_FEATURE = re.compile(r"\(\s*([a-z-]+)\s*(?::\s*([^)]+?)\s*)?\)", re.IGNORECASE)
_RANGE = re.compile(r"\(\s*(width|height)\s*([<>]=?)\s*([\d.]+)(px|em|rem)\s*\)", re.IGNORECASE)
_SCREEN = {
    "orientation": ("landscape",), "prefers-color-scheme": ("light",), "prefers-reduced-motion": ("no-preference",),
    "hover": ("hover", ""), "pointer": ("fine", ""), "any-hover": ("hover", ""), "any-pointer": ("fine", ""),
    "scripting": ("enabled",), "color": ("",), "update": ("fast", ""), "display-mode": ("browser",),
}  # fmt: skip
_TRANSPARENT_AT = ("@supports", "@layer", "@container", "@scope", "@starting-style")


class CssTooLarge(ValueError):
    """More rules than are read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One selector with its declarations."""

    selector: Selector
    order: int
    declarations: tuple[Declaration, ...]


@functools.lru_cache(maxsize=64)
def read_sheet(text: str) -> tuple[Rule, ...]:
    """Reads a style sheet.

    Args:
        text: Its source.

    Returns:
        The rules that can matter on a desktop screen, in order.

    Raises:
        CssTooLarge: It has more than `MAX_RULES` rules.
    """
    if len(text) > MAX_SHEET:
        raise CssTooLarge(f"a style sheet has more than {MAX_SHEET} characters")
    rules: list[Rule] = []
    for prelude, body in _blocks(text, 0):
        declarations = tuple(item for item in read_declarations(body) if item[0] in RELEVANT or item[0][:2] == "--")
        if not declarations:
            continue
        rules += (Rule(selector, len(rules), declarations) for selector in read_selectors(unescape(prelude)))
        if len(rules) > MAX_RULES:
            raise CssTooLarge(f"a style sheet has more than {MAX_RULES} rules that can hide text")
    return tuple(rules)


@functools.lru_cache(maxsize=2048)
def read_declarations(style: str) -> tuple[Declaration, ...]:
    """Reads the declarations of a rule or a `style` attribute, in order; names are lower case."""
    if not _RELEVANT_NAME.search(style) and "\\" not in style and "/*" not in style:
        return ()
    parts = style.split(";") if _PLAIN_STYLE.fullmatch(style) and "url(" not in style.lower() else _statements(style)
    return tuple(item for part in parts if (item := _declaration(part)) is not None)


def _declaration(part: str) -> Declaration | None:
    name, colon, value = unescape(part).partition(":")
    if not colon:
        return None
    name, value = name.strip().lower(), value.strip()[:MAX_VALUE]
    name = _LOGICAL.get(name, name)
    important = value.lower().endswith("important") and "!" in value
    if important:
        value = value.rpartition("!")[0].strip()
    return (name, value if name.startswith("--") else value.lower(), important) if name and value else None


def unescape(text: str) -> str:
    """Resolves CSS escapes, such as one for the `i` of `display`."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        number = int(match[1], 16)
        return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return match[2] or ""


def _statements(style: str) -> Iterator[str]:
    part: list[str] = []
    for sign in _SIGN.findall(style):
        if sign == ";":
            yield "".join(part)
            part.clear()
        elif not sign.startswith("/*"):
            part.append(sign)
    yield "".join(part)


def _blocks(text: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yields prelude and body of each style rule, those inside media that apply included."""
    for prelude, body in _outer_blocks(text.replace("<!--", " ").replace("-->", " ")):
        if not prelude.startswith("@"):
            yield prelude, body
        elif depth < _MAX_DEPTH and _applies(prelude):
            yield from _blocks(body, depth + 1)


def _outer_blocks(text: str) -> Iterator[tuple[str, str]]:
    prelude: list[str] = []
    body: list[str] = []
    depth = 0
    for sign in _SIGN.findall(text):
        if sign.startswith("/*"):
            continue
        if sign == "{":
            depth += 1
            if depth == 1:
                continue
        elif sign == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                yield "".join(prelude).strip(), "".join(body)
                prelude, body = [], []
                continue
        elif sign == ";" and depth == 0:
            prelude.clear()
            continue
        (body if depth else prelude).append(sign)
    if depth:  # an open block ends with the sheet
        yield "".join(prelude).strip(), "".join(body)


def _applies(prelude: str) -> bool:
    name, _, query = prelude.partition(" ")
    head = name.partition("(")[0].lower()
    if head == "@media":
        return media_applies(query if query else prelude[6:])
    return head in _TRANSPARENT_AT


def media_applies(queries: str) -> bool:
    """Whether a list of media queries holds on a desktop screen of 1280 by 800; an unknown feature does not."""
    return not queries.strip() or any(_query(query.strip().lower()) for query in queries.split(","))


def _query(query: str) -> bool:
    if _NEGATED.match(query):
        return not _query(_NEGATED.sub("", query))
    kind = query.split("(", maxsplit=1)[0].replace("only", "").split()
    if kind and kind[0] not in ("all", "screen", "and", "or", "not"):
        return False
    compared = [_compare(*match) for match in _RANGE.findall(query)]
    return all(compared) and all(_feature(name, value) for name, value in _FEATURE.findall(query))


def _compare(name: str, sign: str, number: str, unit: str) -> bool:
    actual = _WIDTH if name == "width" else _HEIGHT
    wanted = float(number) * (1.0 if unit == "px" else _ROOT_PX)
    return actual >= wanted if sign.startswith(">") else actual <= wanted


def _feature(name: str, value: str) -> bool:
    side, _, dimension = name.removeprefix("device-").partition("-")
    dimension = dimension.removeprefix("device-")
    if side in ("min", "max") and dimension in ("width", "height"):
        found = re.match(r"([\d.]+)\s*(px|em|rem)?", value)
        if not found:
            return False
        wanted = float(found[1]) * (_ROOT_PX if found[2] in ("em", "rem") else 1.0)
        actual = _WIDTH if dimension == "width" else _HEIGHT
        return actual >= wanted if side == "min" else actual <= wanted
    return value in _SCREEN.get(name, ())
