"""Colours as a reader sees them: parsing and contrast (WCAG 2.2, relative luminance and contrast ratio)."""

from __future__ import annotations

import functools

Rgb = tuple[float, float, float]
Rgba = tuple[float, float, float, float]

WHITE: Rgb = (1.0, 1.0, 1.0)
BLACK: Rgb = (0.0, 0.0, 0.0)
UNSEEN = 1.25
"""Contrast ratio below which text is not seen: #ddd on white has 1.36 and can be made out, #eee has 1.16 and cannot."""


@functools.lru_cache(maxsize=1024)
def parse(value: str) -> Rgba | None:
    """Reads a CSS colour.

    Args:
        value: `#fff`, `white`, `rgb(255 255 255 / 10%)`, `hsl(...)`, `transparent`.

    Returns:
        Red, green, blue and alpha in [0, 1]; None for what is no colour or depends on others (`currentColor`).
    """
    # The package has no type information.
    from tinycss2.color4 import parse_color  # noqa: PLC0415 - most documents need none

    try:
        colour = parse_color(value)
        converted = None if colour is None or isinstance(colour, str) else colour.to("srgb")
        red, green, blue = (float(part or 0) for part in converted.coordinates) if converted else BLACK
    except (ValueError, TypeError, NotImplementedError, RecursionError):
        return None
    return None if converted is None else (red, green, blue, float(converted.alpha))


def over(front: Rgba, back: Rgb) -> Rgb:
    """Returns what is seen where a colour is laid over another."""
    alpha = front[3]
    red, green, blue = (front[at] * alpha + back[at] * (1 - alpha) for at in range(3))
    return red, green, blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Returns the contrast ratio of two colours, 1 (same) to 21 (black on white)."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@functools.lru_cache(maxsize=1024)
def is_seen(front: Rgba, back: Rgb) -> bool:
    """Whether text of one colour can be made out on another."""
    mixed = over(front, back)
    # Two hues of one luminance (red on green) have no contrast, yet are seen.
    apart = max(abs(mixed[at] - back[at]) for at in range(3))
    return contrast(mixed, back) >= UNSEEN or apart > 0.3


def _luminance(colour: Rgb) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
