"""What a person sees of index versions: lists, one version, a difference, hits, verification. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import Json, next_step, origin, page, plain, table, when, word

SNIPPET = 240
"""Characters of a hit's text that are shown; `--json` gives all of it."""
LISTED = 8
"""Documents of a kind that a difference names; `--json` gives all of them."""


def versions(data: Json) -> RenderableType:
    """Returns the versions of one or more indexes, newest first."""
    if not data["versions"]:
        return page(Text("No version yet."), next_step(data))
    rows = [
        (
            item["name"],
            f"v{item['number']:06d}",
            Text(", ".join(item["aliases"]), style="green bold"),
            item["documents"],
            item["chunks"],
            item["model"],
            when(item["created_at"]),
        )
        for item in data["versions"]
    ]
    columns = ("index", "version", "alias", "documents", "chunks", "model", "created (UTC)")
    return page(table(columns, rows, numbers=("documents", "chunks")), next_step(data))


def gates(results: Sequence[Json]) -> RenderableType:
    """Returns what each gate asked for and found."""
    rows = [
        (word("pass" if gate["passed"] else "fail"), gate["name"], gate["expected"], gate["actual"]) for gate in results
    ]
    return table(("", "gate", "expected", "found"), rows)


def hits(data: Json) -> RenderableType:
    """Returns what a query found, best first."""
    head = Text(f"{plain(data['name'])} v{data['version']:06d}, {len(data['hits'])} hits", style="dim")
    if not data["hits"]:
        return page(head, Text("No chunk passes the filters."))
    return page(head, *(_hit(hit) for hit in data["hits"]))


def _hit(hit: Json) -> RenderableType:
    quality = "-" if hit["quality_score"] is None else f"{hit['quality_score']:.2f}"
    head = Text.assemble(
        (f"{hit['rank']:>2}  {hit['score']:.3f}  ", "bold"),
        (plain(hit["doc_id"]), "bold cyan"),
        (f"  origin {plain(origin(hit['digital_source_type']))}, quality {quality}", "dim"),
    )
    headings = [Text(" > ".join(plain(item) for item in hit["headings"]), style="italic")] if hit["headings"] else []
    body = page(*headings, Text(_snippet(hit["text"])))
    return Padding(page(head, Padding(body, (0, 0, 0, 4), expand=False)), (1, 0, 0, 0), expand=False)


def _snippet(text: str) -> str:
    line = plain(text)
    return line if len(line) <= SNIPPET else f"{line[:SNIPPET].rsplit(' ', 1)[0]} ..."


def moved(data: Json) -> RenderableType:
    """Returns where an alias points now."""
    before = f"v{data['from']:06d}" if data["from"] else "nothing"
    line = f"{plain(data['name'])}@{plain(data['alias'])}: {before} -> v{data['to']:06d}"
    return page(Text(line), Text(plain(data["means"])) if data["means"] else None, next_step(data))


def verification(data: Json) -> RenderableType:
    """Returns which versions and aliases hold."""
    rows = [_verified(item, f"v{item['number']:06d}") for item in data["versions"]]
    rows += [_verified(item, f"{item['alias']} -> v{item['number']:06d}") for item in data["aliases"]]
    errors = [
        Text(plain(item["error"]), style="red") for item in (*data["versions"], *data["aliases"]) if item["error"]
    ]
    return page(table(("", data["name"], "manifest sha256", "signed by"), rows), *errors)


def _verified(item: Json, what: str) -> Sequence[Any]:
    state = "ok" if item["ok"] else "broken"
    return (word(state), what, item.get("manifest_sha256"), (item.get("keyid") or "-")[:12])
