"""A lineage as SVG: layers from the document on the left to primary sources on the right. Pure, and nothing to install.

The layout is the plain one of layered drawings: a node stands in the column of its shortest way from the document,
and columns are ordered by the mean place of their neighbours (Sugiyama, Tagawa and Toda 1981). Graphviz draws large
graphs better: `--format dot`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from console.drawings.words import Json, labels, line_label, plain

_WIDTH, _HEIGHT = 250, 46
_ACROSS, _DOWN = 120, 22
_MARGIN = 20
_LETTERS = 33
"""Letters of 12 px sans-serif that a box of 250 px holds."""
_SWEEPS = 4
_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker>'
)
_STYLE = """
svg { background: #ffffff; color: #1b1b1b; font: 12px sans-serif; }
.box { fill: #f1f5f9; stroke: #475569; }
.answer { fill: #fef3c7; stroke: #92400e; }
.unknown { fill: none; stroke: #94a3b8; stroke-dasharray: 4 3; }
.line { fill: none; stroke: #64748b; }
.suspected { stroke-dasharray: 4 3; }
.in-loop { stroke: #b91c1c; stroke-width: 2; }
text { fill: currentColor; }
.small { font-size: 11px; opacity: 0.85; }
marker path { fill: #64748b; }
@media (prefers-color-scheme: dark) {
  svg { background: #16181d; color: #e8e8e8; }
  .box { fill: #1f2937; stroke: #94a3b8; }
  .answer { fill: #3b2f12; stroke: #fbbf24; }
  .line { stroke: #94a3b8; }
  .in-loop { stroke: #f87171; }
  marker path { fill: #94a3b8; }
}
"""


def svg(data: Json, *, styled: bool = True) -> str:
    """Returns a lineage as one SVG file without anything outside it, for light and dark pages.

    Args:
        data: What is drawn, as `console.drawings.lineage.drawn` makes it.
        styled: Whether it brings its own style; a page that forbids inline styles has the classes in its sheet.
    """
    places = _places(data)
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    title = escape(f"Lineage of {plain(data['document'])}: generation depth {data['depth']['words']}")
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    inside = {name for path in data["loops"] for name in path}
    lines = [_line(edge, places) for edge in data["edges"]]
    boxes = [_box(node, places[node["id"]], inside) for node in data["nodes"]]
    return "\n".join(
        [
            f'<svg {_NAMESPACE} {size} role="img" aria-label="{title}">',
            f"<title>{title}</title>",
            *([f"<style>{_STYLE}</style>"] if styled else []),
            f"<defs>{_HEAD}</defs>",
            *lines,
            *boxes,
            "</svg>",
            "",
        ]
    )


def _places(data: Json) -> dict[str, tuple[int, int]]:
    """Returns the upper left corner of each node's box."""
    columns = _columns(data)
    near: dict[str, set[str]] = defaultdict(set)
    for edge in data["edges"]:
        near[edge["from"]].add(edge["to"])
        near[edge["to"]].add(edge["from"])
    for _ in range(_SWEEPS):
        rank = {name: place for column in columns for place, name in enumerate(column)}
        columns = [sorted(column, key=lambda name: (_mean(near[name], rank), name)) for column in columns]
    tallest = max(len(column) for column in columns)
    found = {}
    for number, column in enumerate(columns):
        above = (tallest - len(column)) * (_HEIGHT + _DOWN) // 2
        for place, name in enumerate(column):
            found[name] = (_MARGIN + number * (_WIDTH + _ACROSS), _MARGIN + above + place * (_HEIGHT + _DOWN))
    return found


def _columns(data: Json) -> list[list[str]]:
    """Returns the nodes by steps from the root: right of a document its answers, right of these their sources."""
    columns: dict[int, list[str]] = defaultdict(list)
    for node in data["nodes"]:
        step = 2 * node["distance"] - (node["kind"] == "answer")
        columns[step].append(node["id"])
    return [columns[step] for step in sorted(columns)]


def _mean(names: set[str], rank: Mapping[str, int]) -> float:
    return sum(rank[name] for name in names) / len(names) if names else 0.0


def _box(node: Json, corner: tuple[int, int], inside: set[str]) -> str:
    x, y = corner
    kind = {"answer": " answer", "unknown": " unknown", "unseen": " unknown"}.get(node["kind"], "")
    looped = " in-loop" if node["name"] in inside or _document(node) in inside else ""
    first, second = (escape(_cut(text)) for text in labels(node))
    return (
        f"<g><title>{escape(plain(node['id']))}</title>"
        f'<rect class="box{kind}{looped}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{x + 10}" y="{y + 19}">{first}</text>'
        f'<text class="small" x="{x + 10}" y="{y + 36}">{second}</text></g>'
    )


def _document(node: Json) -> str:
    return str(node["id"]).removeprefix("revision:").partition("@")[0]


def _line(edge: Json, places: Mapping[str, Sequence[int]]) -> str:
    (ax, ay), (bx, by) = places[edge["from"]], places[edge["to"]]
    middle = _HEIGHT // 2
    forward = bx > ax
    start, end = (ax + _WIDTH, bx) if forward else (ax, bx + _WIDTH)
    bend = _ACROSS // 2 if forward else -_ACROSS // 2
    suspected = " suspected" if edge.get("basis") == "suspected" else ""
    label = escape(line_label(edge))
    way = f"M{start} {ay + middle} C{start + bend} {ay + middle} {end - bend} {by + middle} {end} {by + middle}"
    x, y = (start + end) // 2, (ay + by) // 2 + middle - 5
    return (
        f'<path class="line{suspected}" marker-end="url(#head)" d="{way}"/>'
        f'<text class="small" text-anchor="middle" x="{x}" y="{y}">{label}</text>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 3]}..."
