"""What a person sees of evaluation. Pure; figures are over the items whose evidence holds, and that is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import Json, facts, page, plain, table, when

_STYLES = {"valid": "green", "moved": "green", "contested": "yellow", "changed": "red", "gone": "red"}
_MOST = 40
_ASSUMPTIONS = {
    "retrievable": "evidence among the first hits",
    "complete": "all of it among them",
    "above_threshold": "at the score that the contract asks",
    "uncontradicted": "no hit stands against it",
}


def binding(data: Json) -> RenderableType:
    """Returns what was bound, and what could not be."""
    known = {
        "version": _version(data["name"], data["version"]),
        "bound": len(data["bound"]),
        "bound before": data["already"],
        "not bound": len(data["unbound"]),
    }
    accepted = ", ".join(f"{item} ({', '.join(documents)})" for item, documents in data["accepted"].items())
    note = f"Documents stand against these already; that is taken as known: {accepted}" if accepted else ""
    return page(facts(known), _table(("item", "why not"), data["unbound"].items()), _note(note))


def evaluation(data: Json) -> RenderableType:
    """Returns an evaluation, with the items that need a look."""
    return _evaluation(data, [item for item in data["results"] if not _fine(item)])


def evaluation_of_all(data: Json) -> RenderableType:
    """Returns an evaluation with every item."""
    return _evaluation(data, data["results"])


def history(data: Json) -> RenderableType:
    """Returns how many items held, evaluation by evaluation."""
    rows = [
        (
            f"v{point['number']:06d}",
            when(point["measured_at"]),
            point["items"],
            point["holding"],
            "-" if point["share"] is None else f"{point['share']:.1%}",
            _figure(point["recall"]),
            _figure(point["ndcg"]),
            _figure(point["mrr"]),
            _states(point["states"]),
        )
        for point in data["points"]
    ]
    numbers = ("items", "hold", "share", "recall", "nDCG", "MRR")
    columns = ("version", "measured", *numbers, "states")
    return table(columns, rows, numbers=numbers) if rows else Text("Nothing was evaluated yet: stemma eval run NAME")


def rebased(data: Json) -> RenderableType:
    """Returns what was bound anew, and what could not be."""
    known = {
        "version": _version(data["name"], data["version"]),
        "reason": data["reason"],
        "bound anew": len(data["rebased"]),
        "left": len(data["left"]),
    }
    left = "Evidence of these is not in the version; mend the quotes, then rebase again." if data["left"] else ""
    return page(
        facts(known),
        _table(("bound anew", "was"), data["rebased"].items()),
        _note(left),
        _table(("left", "is"), data["left"].items()),
    )


def _evaluation(data: Json, listed: list[Json]) -> RenderableType:
    rows = [_row(item) for item in listed[:_MOST]]
    more = f"and {len(listed) - _MOST} more; --json lists them all" if len(listed) > _MOST else ""
    items = table(("item", "state", "hits", "recall", "why"), rows) if rows else None
    return page(
        facts(dict(_facts(data))),
        Padding(table(("assumption", "holds", "broken", "not asked"), _assumptions(data)), (1, 0, 0, 0)),
        _changes(data["change"]),
        Padding(items, (1, 0, 0, 0)) if items else None,
        _note(more),
    )


def _facts(data: Json) -> Iterator[tuple[str, str]]:
    yield "version", _version(data["name"], data["version"])
    yield "items", f"{data['holding']} of {data['bound']} hold; {_states(data['states'])}"
    measures = data["measures"]["holding"]
    if measures:
        k = data["k"]
        figures = f"recall@{k} {measures['recall']:.4f}, nDCG@{k} {measures['ndcg']:.4f}, MRR@{k} {measures['mrr']:.4f}"
        yield "those that hold", figures
    for tag, found in data["slices"].items():
        yield f"slice {tag}", f"{found['items']} items, recall {found['recall']:.4f}, MRR {found['mrr']:.4f}"
    if data["bound_now"]:
        yield "bound by this", ", ".join(data["bound_now"][:_MOST])


def _assumptions(data: Json) -> Iterator[tuple[Any, ...]]:
    for name, words in _ASSUMPTIONS.items():
        found = data["assumptions"][name]
        yield words, found["holds"], found["broken"], found["not_asked"]


def _changes(change: Json | None) -> RenderableType | None:
    if change is None or not change["measures"]:
        return None
    rows = [
        (name, *(f"{split[part]:.4f}" for part in ("before", "after")), *_signed(split))
        for name, split in change["measures"].items()
    ]
    columns = (f"since v{change['before']:06d}", "before", "after", "change", "invalidation", "regression")
    said = f"over {change['items']} items, {change['invalid']} of which lost their evidence in one of the two"
    return Padding(page(table(columns, rows, numbers=columns[1:]), Text(said, style="dim")), (1, 0, 0, 0), expand=False)


def _signed(split: Mapping[str, float]) -> Iterator[str]:
    yield from (f"{split[part] + 0.0:+.4f}" for part in ("change", "invalidation", "regression"))


def _row(item: Json) -> tuple[Any, ...]:
    hits = ", ".join("-" if rank is None else str(rank) for rank in item["ranks"])
    state = Text(plain(item["state"]), style=_STYLES.get(item["state"], "yellow"))
    recall = "-" if item["state"] == "unbound" else f"{item['scores']['recall']:.2f}"
    return (item["id"], state, hits, recall, item["why"])


def _fine(item: Json) -> bool:
    return item["state"] in ("valid", "moved") and item["complete"] and item["above_threshold"] is not False


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in states.items() if number) or "no item"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _version(name: str, number: int) -> str:
    return f"{name} v{number:06d}"


def _table(columns: tuple[str, str], pairs: Any) -> RenderableType | None:
    rows = list(pairs)
    return Padding(table(columns, rows), (1, 0, 0, 0)) if rows else None


def _note(text: str) -> RenderableType | None:
    return Padding(Text(plain(text), style="yellow"), (1, 0, 0, 0), expand=False) if text else None
