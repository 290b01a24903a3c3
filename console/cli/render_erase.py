"""Deletions and erasures for a person."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli import render
from console.cli.render import Json

_SHOWN = 5


def erased(data: Json) -> RenderableType:
    """Returns what an erasure came to, and who else says the same."""
    signed = data["signed"]
    facts = {
        "erasure": data["key"],
        "receipt": data["receipt"],
        "versions built again": ", ".join(f"{old} as {new}" for old, new in signed["versions"].items()) or "none",
        "files searched": data["figures"]["files_searched"],
        "left": signed["left"],
    }
    also = data["also_said_by"]
    missed = [] if any(signed["found"].values()) or data["figures"]["rows"] else [Text(_missed(data), style="yellow")]
    notes = [Text(f"{len(also)} other documents say some of the same and stay:", style="yellow")] if also else []
    notes += [Text(f"  {render.plain(item)}") for item in also[:_SHOWN]]
    return render.page(render.receipt(data), render.facts(facts), *missed, *notes)


def _missed(data: Json) -> str:
    """Says that nothing was found, which a typing error looks like too."""
    near = data.get("near") or []
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else " Ids are those that hits name."
    return f"Nothing of a document with this id was found. It is refused from now on, which --lift takes back.{meant}"


def completed(data: Json) -> RenderableType:
    """Returns the erasures that were completed."""
    if not data["completed"]:
        return render.page(Text(f"No erasure of {render.plain(data['name'])} was cut short."))
    return render.page(*(erased(item) for item in data["completed"]))


def lifted(data: Json) -> RenderableType:
    """Returns that a document may be taken in again."""
    return render.page(render.receipt(data))


def deleted(data: Json) -> RenderableType:
    """Returns that a document is served no more, or again, and the version that was built for it."""
    released = [render.receipt(data["released"])] if data.get("released") else []
    return render.page(render.receipt(data), *released)
