"""What people see of a split: the parts with their evidence, and what was decided."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli.render import Json, next_step, page, plain, table

_CUTS = "Cut elsewhere with --at OFFSET, once for each place."


def proposed(data: Json) -> RenderableType:
    """Returns the parts of a document as they are proposed, or as they are cut by now."""
    what = "is cut into" if data["cut"] else "can be cut into"
    number = len(data["parts"])
    head = f"{data['document']} {what} {number} part{'' if number == 1 else 's'}"
    return page(Text(plain(head), style="bold"), Text(), _parts(data), Text(_CUTS, style="dim"), next_step(data))


def decided(data: Json) -> RenderableType:
    """Returns what a split means, and who else is needed."""
    if data["settled"]:
        who = plain(" and ".join(data["settled_by"]))
        said = [Text(f"Split by {who}: {plain(data['document'])}"), _parts(data), Text(plain(data["means"]))]
    else:
        people = "one more person" if data["missing"] == 1 else f"{data['missing']} more people"
        said = [
            Text(
                f"Vote of {plain(data['by'])} to split {plain(data['document'])} is kept. The contract asks for "
                f"{data['persons']} people: {people} must want the same parts."
            )
        ]
    return page(*said, next_step(data))


def _parts(data: Json) -> RenderableType:
    rows = [
        (
            str(part["number"]),
            "keep" if part["kept"] else "drop",
            f"{part['start']} to {part['end']}",
            ", ".join(part["evidence"]) or "-",
            part["title"],
        )
        for part in data["parts"]
    ]
    return table(("part", "", "characters", "evidence", "begins"), rows)
