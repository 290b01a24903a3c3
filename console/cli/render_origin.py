"""What a person sees of a document's origin: the verdict, the ladder of evidence, the passages. Pure."""

from __future__ import annotations

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import Json, facts, origin, page, plain, word

_ROLES = {
    "supports": "this is what the verdict rests on",
    "contradicts": "says otherwise",
    "passage": "decides about its passage",
    "silent": "decides nothing",
}


def shown(data: Json) -> RenderableType:
    """Returns the verdict, then every finding from the strongest rung down, then the passages."""
    verdict = data["origin"]
    head = facts(
        {
            "document": data["doc_id"],
            "outcome": word(data["outcome"]),
            "origin": Text(plain(origin(verdict["digital_source_type"])), style="bold"),
            "basis": verdict["basis"],
            "rung": verdict["level"] or "-",
            "scope": verdict["scope"],
            "depth": verdict["generation_depth"],
        }
    )
    said = Text(plain(data["statement"]))
    if not data["findings"]:
        return page(head, Text(), said, Text("No evidence about its origin was found.", style="dim"))
    return page(head, Text(), said, *map(_finding, data["findings"]), *_passages(data["passages"]))


def _finding(found: Json) -> RenderableType:
    role = (f"  {_ROLES[found['role']]}", "dim")
    line = Text.assemble((f"{found['level']:<4}", "bold"), plain(found["code"]), role)
    body = facts(
        {
            "why": found["why"],
            "says": f"{origin(found['digital_source_type'])} ({found['basis']}), scope {found['scope']}",
            "place": found["place"],
            "quote": found["quote"],
            "detector": found["detector"],
        }
    )
    return page(Text(), line, Padding(body, (0, 0, 0, 4)))


def _passages(passages: list[Json]) -> list[RenderableType]:
    if not passages:
        return []
    rows = [page(Text(plain(_said(found))), Padding(_quoted(found), (0, 0, 0, 4))) for found in passages]
    title = "Passages with a verdict of their own; the rest has that of the document"
    return [Text(), Text(title, style="bold"), *rows]


def _said(found: Json) -> str:
    start, end = found["span"]
    return f"line {found['line']}, characters {start} to {end}: {found['statement']}"


def _quoted(found: Json) -> Text:
    return Text(plain(found["quote"]), style="dim")
