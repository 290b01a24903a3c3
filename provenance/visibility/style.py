"""What an element looks like as far as it decides whether its text is seen: cascade, inheritance, boxes.

A `Look` is what an element hands to its children. Only first appearance on a desktop screen counts: nothing is
run, and what opens by a click (`details`, `dialog`) is not hidden.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provenance.visibility import colours
from provenance.visibility.css import MAX_VALUE, Declaration, Rule, read_declarations
from provenance.visibility.selectors import Effort, Selector, matches

MAX_STEPS = 1_000_000
"""Tries of a part of a selector on an element, per page: some seconds. The largest real page of ours takes 90,000."""
MAX_STYLE = 20_000
"""Characters of a `style` attribute that are read at its start and again at its end, whose words win."""
TINY_PX = 2.0
"""Font size that nobody reads; browsers let people set 9 px as a minimum."""
FAR_PX = 400.0
"""How far off the left or the top edge a box must be moved so that nothing of a line is left on the page."""
BEYOND_PX = 4_000.0
"""How far right or down: beyond any screen, and not a place on a long page."""
_FAINT = 0.06
_ROOT_PX = 16.0
_UNITS = {
    "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "em": 0.0, "rem": 16.0,
    "ex": 0.0, "ch": 0.0, "%": 0.0, "vw": 12.8, "vh": 8.0, "vmin": 8.0, "vmax": 12.8, "": 1.0,
}  # fmt: skip
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(px|pt|pc|in|cm|mm|q|rem|em|ex|ch|%|vw|vh|vmin|vmax)?")
_SIZES = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0, "xx-large": 32.0,
}  # fmt: skip
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*))?\)", re.IGNORECASE)
_FUNCTION = re.compile(r"(?<![a-z-])([a-z-]+)\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_HIDING_CLIP = re.compile(
    r"rect\(\s*([\d.]+)(?:px)?[\s,]+([\d.]+)(?:px)?[\s,]+([\d.]+)(?:px)?[\s,]+([\d.]+)(?:px)?\s*\)"
)
# Without one of these a box stays where it is and as large as its text.
_MOVING = frozenset(
    {"content-visibility", "clip", "clip-path", "transform", "scale", "zoom", "translate", "position", "margin"}
    | {"margin-left", "margin-top", "overflow", "overflow-x", "overflow-y"}
)
_CHOICE = re.compile(r"(min|max|clamp)\(([^()]*)\)")
_PERCENT = re.compile(r"([\d.]+)%")


@dataclass(frozen=True, slots=True)
class Look:
    """How the text of one element looks.

    Attributes:
        gone: Technique that hides the whole subtree, empty where none does.
        shown: Whether `visibility` lets the text be seen.
        font_px: Size of letters.
        colour: Colour of letters, None where it cannot be told.
        back: Colour behind them, None where it cannot be told.
        indent: `text-indent`, in pixels.
        opacity: Product over the ancestors.
        root: The element that hides the subtree.
    """

    gone: str = ""
    shown: bool = True
    font_px: float = _ROOT_PX
    colour: colours.Rgba | None = (0.0, 0.0, 0.0, 1.0)
    back: colours.Rgb | None = colours.WHITE
    indent: float = 0.0
    opacity: float = 1.0
    root: Any = None

    @property
    def technique(self) -> str:
        """How text that stands here is hidden, empty for text that is seen."""
        if self.gone:
            return self.gone
        if not self.shown:
            return "visibility"
        if self.font_px <= TINY_PX:
            return "font_size"
        if self.indent <= -FAR_PX or self.indent >= BEYOND_PX:
            return "text_indent"
        return "" if self._has_colour else "colour"

    @property
    def is_certain(self) -> bool:
        """Whether the colour behind the letters is known; colours count little where it is not."""
        return bool(self.gone) or self.technique != "colour" or self.back is not None or _is_clear(self.colour)

    @property
    def _has_colour(self) -> bool:
        if self.colour is None:
            return True
        if _is_clear(self.colour):
            return False
        # Where nobody knows what lies behind, white letters are suspect, no more.
        return colours.is_seen(self.colour, self.back or colours.WHITE)


def _is_clear(colour: colours.Rgba | None) -> bool:
    return colour is not None and colour[3] <= _FAINT


class Cascade:
    """Finds what the style sheets and attributes of one page say of an element.

    Args:
        rules: The rules of its style sheets, in order.
        names: Every class and id of the page; rules that ask for another are left out.
    """

    def __init__(self, rules: Iterable[Rule], names: frozenset[str] = frozenset()) -> None:
        self.variables: dict[str, str] = {}
        self._by: dict[str, list[tuple[tuple[int, int, int], int, Rule]]] = defaultdict(list)
        self._effort = Effort(MAX_STEPS)
        self.notes: list[str] = []
        for order, rule in enumerate(rules):
            if not _can_match(rule.selector, names):
                continue
            last = rule.selector.steps[0][1]
            name = f"#{last.identity}" if last.identity else f".{min(last.classes)}" if last.classes else last.tag
            self._by[name].append((rule.selector.specificity, order, rule))
            self.variables.update((name, value) for name, value, _ in rule.declarations if name.startswith("--"))

    def of(self, element: Any) -> dict[str, str]:
        """Returns the values that win for an element, by property; empty where nothing speaks of it."""
        found = self._candidates(element) if self._by else []
        style = element.get("style")
        inline = self._inline(style) if style else ()
        if not found and not inline:
            return {}
        hits = [(weight, order, rule) for weight, order, rule in found if matches(rule.selector, element, self._effort)]
        hits.sort(key=lambda hit: hit[:2])
        said: list[Declaration] = [item for _, _, rule in hits for item in rule.declarations]
        said += inline
        values = {name: value for name, value, important in said if not important}
        values.update((name, value) for name, value, important in said if important)
        # An important declaration of a sheet beats the attribute; one of the attribute beats all.
        values.update((name, value) for name, value, important in inline if important)
        return {name: self._resolved(value) for name, value in values.items()}

    def _inline(self, style: str) -> tuple[Declaration, ...]:
        """Reads a `style` attribute; the middle of one that is too long is left out, and told."""
        if len(style) <= 2 * MAX_STYLE:
            return read_declarations(style)
        said = f"a style attribute has {len(style)} characters; {2 * MAX_STYLE} of them are read"
        self.notes.append(f"unchecked: {said}")
        tail = style[-MAX_STYLE:].partition(";")[2]
        return (*read_declarations(style[:MAX_STYLE]), *read_declarations(tail))

    def _candidates(self, element: Any) -> list[tuple[tuple[int, int, int], int, Rule]]:
        by = self._by
        found = [*by.get(element.tag, ()), *by.get("", ())]
        if identity := element.get("id"):
            found += by.get(f"#{identity}", ())
        if classes := element.get("class"):
            for name in set(classes.split()):
                found += by.get(f".{name}", ())
        return found

    def _resolved(self, value: str) -> str:
        for _ in range(5):
            if "var(" not in value:
                break
            value = _VARIABLE.sub(lambda match: self.variables.get(match[1], match[2] or "").lower(), value[:MAX_VALUE])
        return value.strip()


def _can_match(selector: Selector, names: frozenset[str]) -> bool:
    return all(
        compound.classes <= names and (not compound.identity or compound.identity in names)
        for _, compound in selector.steps
    )


def pixels(value: str, font_px: float) -> float | None:
    """Returns a length in pixels; None for what is none or depends on its container (percentages of size)."""
    value = value.strip()
    if (chosen := _CHOICE.fullmatch(value)) is not None:
        return _chosen(chosen[1], [pixels(part, font_px) for part in chosen[2].split(",")])
    if value.startswith("calc("):
        found = _LENGTH.findall(value)
        big = max(found, key=lambda item: abs(float(item[0])), default=None)
        return None if big is None else _times(float(big[0]), big[1], font_px) * (-1 if "* -1" in value else 1)
    match = _LENGTH.fullmatch(value)
    return _times(float(match[1]), match[2] or "", font_px) if match and match[2] != "%" else None


def _chosen(name: str, parts: list[float | None]) -> float | None:
    """Returns what `min()`, `max()` or `clamp()` gives (CSS Values 4, 10.2), None where a part is not known."""
    known = [part for part in parts if part is not None]
    if name == "min":
        return min(known, default=None)
    if len(known) < len(parts):
        return None
    if name == "clamp":
        return max(known[0], min(known[1], known[2])) if len(known) == 3 else None
    return max(known, default=None)


def _times(number: float, unit: str, font_px: float) -> float:
    if unit == "em":
        return number * font_px
    return number * font_px / 2 if unit in ("ex", "ch") else number * _UNITS[unit]


def child_look(parent: Look, values: Mapping[str, str], element: Any) -> Look:
    """Returns the look of an element.

    Args:
        parent: That of its parent.
        values: What the cascade says.
        element: The element itself, remembered where it hides its subtree.
    """
    if not values or parent.gone:
        return parent
    font_px = _font(values, parent.font_px)
    opacity = parent.opacity * _fraction(values.get("opacity", "1"))
    gone = _gone(values, font_px, opacity)
    visibility = values.get("visibility", "")
    shown = parent.shown if visibility in ("", "inherit", "unset") else visibility not in ("hidden", "collapse")
    return replace(
        parent,
        gone=gone,
        root=element if gone or (parent.shown and not shown) else parent.root,
        shown=shown,
        font_px=font_px,
        colour=_colour(values, parent),
        back=_back(values, parent),
        indent=_indent(values, parent, font_px),
        opacity=opacity,
    )


def _indent(values: Mapping[str, str], parent: Look, font_px: float) -> float:
    value = values.get("text-indent")
    if value is None:
        return parent.indent
    percent = _PERCENT.search(value)
    if percent:
        return float(percent[1]) * 12.8 * (-1 if value.startswith("-") else 1)
    return pixels(value.split()[0], font_px) or 0.0 if value else 0.0


def _font(values: Mapping[str, str], parent_px: float) -> float:
    size = values.get("font-size")
    if size is None and "font" in values:
        found = re.search(r"(?<![\w-])([\d.]+(?:px|pt|em|rem|%|vw)|0)(?:\s*/|\s)", values["font"] + " ")
        size = found[1] if found else None
    if not size:
        return parent_px
    if size in _SIZES:
        return _SIZES[size]
    if size.endswith("%"):
        match = _LENGTH.fullmatch(size)
        return float(match[1]) * parent_px / 100 if match else parent_px
    length = pixels(size, parent_px)
    return parent_px if length is None or length < 0 else length


def _fraction(value: str) -> float:
    match = _LENGTH.fullmatch(value.strip())
    if not match:
        return 1.0
    return max(0.0, min(1.0, float(match[1]) / (100 if match[2] == "%" else 1)))


def _colour(values: Mapping[str, str], parent: Look) -> colours.Rgba | None:
    value = values.get("-webkit-text-fill-color") or values.get("color")
    if value is None or value in ("inherit", "currentcolor", "unset"):
        return parent.colour
    return colours.parse(value)


def _back(values: Mapping[str, str], parent: Look) -> colours.Rgb | None:
    image = values.get("background-image", "") + values.get("background", "")
    if "url(" in image or "gradient(" in image:
        return None
    value = values.get("background-color")
    found = colours.parse(value) if value else None
    if found is None and (short := values.get("background")):
        words = _FUNCTION.findall(short)
        parts = [f"{name}({inner})" for name, inner in words if name[:3] in ("rgb", "hsl", "hwb", "lab", "lch", "okl")]
        parts += _FUNCTION.sub(" ", short).split()
        found = next((colour for part in parts if (colour := colours.parse(part))), None)
    if found is None or found[3] == 0:
        return parent.back
    if parent.back is None and found[3] < 1:
        return None
    return colours.over(found, parent.back or colours.WHITE)


def _gone(values: Mapping[str, str], font_px: float, opacity: float) -> str:
    """Returns the technique by which an element takes its whole subtree out of sight, empty for none."""
    filtered = values.get("filter", "")
    if values.get("display", "").split(" ")[0] == "none":
        return "display"
    if opacity <= _FAINT or ("opacity(0" in filtered and "opacity(0." not in filtered):
        return "opacity"
    if _MOVING.isdisjoint(values):
        return ""
    tests: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("content_visibility", lambda: values.get("content-visibility") == "hidden"),
        ("clip", lambda: _is_clipped(values)),
        ("transform", lambda: _is_scaled_away(values)),
        ("off_screen", lambda: _is_off_screen(values, font_px)),
        ("zero_box", lambda: _is_zero_box(values, font_px)),
    )
    return next((name for name, holds in tests if holds()), "")


def _is_clipped(values: Mapping[str, str]) -> bool:
    old = _HIDING_CLIP.search(values.get("clip", ""))
    if old and values.get("position") in ("absolute", "fixed"):
        top, right, bottom, left = (float(part) for part in old.groups())
        if right - left <= 1 or bottom - top <= 1:
            return True
    path = values.get("clip-path", "")
    for name, argument in _FUNCTION.findall(path):
        numbers = [float(part) for part in _PERCENT.findall(argument)]
        if name == "inset" and numbers and _inset_is_empty(numbers):
            return True
        if name in ("circle", "ellipse") and re.match(r"\s*0(?:px|%)?(?:\s|$)", argument):
            return True
        if name == "polygon" and argument and not re.search(r"[1-9]", argument):
            return True
    return False


def _inset_is_empty(numbers: list[float]) -> bool:
    top, right, bottom, left = (*numbers, *numbers, *numbers, *numbers)[:4] if len(numbers) in (1, 2, 4) else (
        numbers[0], numbers[1], numbers[2], numbers[1])  # fmt: skip
    return top + bottom >= 100 or left + right >= 100


def _is_scaled_away(values: Mapping[str, str]) -> bool:
    shapes = _FUNCTION.findall(values.get("transform", ""))
    for name, argument in shapes:
        parts = [float(match[0]) for match in _LENGTH.findall(argument)]
        if name == "matrix" and len(parts) == 6 and abs(parts[0] * parts[3] - parts[1] * parts[2]) <= 0.0025:
            return True
    scales = [argument for name, argument in shapes if name in ("scale", "scalex", "scaley", "scale3d")]
    scales += [values[name] for name in ("scale", "zoom") if name in values]
    for argument in scales:
        numbers = [abs(float(match[0])) for match in _LENGTH.findall(argument)]
        if numbers and min(numbers[:2]) <= 0.05 and values.get("zoom") != "normal":
            return True
    return any(
        name in ("rotatex", "rotatey") and argument.strip() in ("90deg", "-90deg", "270deg")
        for name, argument in shapes
    )


def _is_off_screen(values: Mapping[str, str], font_px: float) -> bool:
    sides = dict(values)
    if "inset" in values:
        parts = values["inset"].split()
        sides.update(zip(("top", "right", "bottom", "left"), (parts * 4)[:4], strict=True))
    positioned = values.get("position") in ("absolute", "fixed", "relative", "sticky")
    moved = [sides[name] for name in ("left", "top") if positioned and name in sides]
    moved += [f"-{sides[name]}".replace("--", "") for name in ("right", "bottom") if positioned and name in sides]
    moved += [values[name] for name in ("margin-left", "margin-top") if name in values]
    moved += values.get("margin", "").split()
    shapes = [
        (name, part) for name, part in _FUNCTION.findall(values.get("transform", "")) if name.startswith("transl")
    ]
    moved += [part.strip() for _, argument in shapes for part in argument.split(",")]
    moved += values.get("translate", "").split()
    lengths = (pixels(value, font_px) for value in moved)
    far_percent = any(
        value.startswith("-") and (found := _PERCENT.search(value)) and float(found[1]) >= 300 for value in moved
    )
    return far_percent or any(length is not None and (length <= -FAR_PX or length >= BEYOND_PX) for length in lengths)


def _is_zero_box(values: Mapping[str, str], font_px: float) -> bool:
    cut = " ".join(values.get(name, "") for name in ("overflow", "overflow-x", "overflow-y"))
    if not ("hidden" in cut or "clip" in cut):
        return False
    sizes = (pixels(values[name], font_px) for name in ("width", "height", "max-width", "max-height") if name in values)
    return any(size is not None and 0 <= size <= 1 for size in sizes)
