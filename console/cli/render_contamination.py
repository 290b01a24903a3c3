"""What a person sees of contamination. Pure; every figure says whether it is declared, matched or neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import Json, facts, page, plain, table, word

_COLUMNS = (
    "hits",
    "AI text",
    "95 %",
    "amplification",
    "95 %",
    "all AI",
    "suspected",
    "human",
    "unknown",
    "documents",
    "depth",
)


def contamination(data: Json) -> RenderableType:
    """Returns the figures of a version, how they compare, and the alarms in words."""
    rows = [_row(item) for item in data["at"]]
    return page(
        facts(dict(_facts(data))),
        Padding(table(_COLUMNS, rows, numbers=[name for name in _COLUMNS if name != "95 %"]), (1, 0, 0, 0)),
        *(Padding(Text(plain(note), style="yellow"), (1, 0, 0, 0), expand=False) for note in data["notes"]),
        *(_alarm(item) for item in data["alarms"]),
        Padding(Text.assemble(word("ok"), "  no alarm"), (1, 0, 0, 0)) if not data["alarms"] else None,
    )


def _facts(data: Json) -> Iterator[tuple[str, str]]:
    yield "version", f"{data['name']} v{data['version']:06d}"
    asked = ", ".join(f"{number} {group}" for group, number in data["queries"].items()) or "none"
    unsaid = f"; {data['answers_without_question']} answers without a question"
    yield "questions", f"{asked}; {data['without_hits']} found nothing{unsaid}"
    yield "pool", _pool(data["pool"])
    for group, found in data["groups"].items():
        yield f"{group} questions", f"{_share(found['value'])} of the first {data['k']} hits are AI text"
    if data["answers"]:
        yield "served answers", _citation(data["citation"])
    if data["change"]:
        yield f"since v{data['change']['before']:06d}", _change(data["change"])


def _pool(pool: Json) -> str:
    known = f"{_share(pool['ai_declared_share'])} declared, {_share(pool['ai_matched_share'])} matched"
    beside = (
        f"{_share(pool['ai_suspected_share'])} suspected, {_share(pool['human_declared_share'])} declared human, "
        f"{_share(pool['unknown_share'])} unknown"
    )
    return f"{_share(pool['ai_share'])} of {pool['chunks']} chunks are AI text ({known}); {beside}"


def _citation(found: Json) -> str:
    cited, retrieved = found["cited"], found["retrieved"]
    lost = f"; {found['unresolved']} of {found['resolved'] + found['unresolved']} chunk ids are not in this version"
    return (
        f"{_share(cited['value'])} of citations ({cited['n']} answers) and {_share(retrieved['value'])} of what was "
        f"retrieved ({retrieved['n']} answers) is AI text{lost}"
    )


def _change(change: Json) -> str:
    rise, entropy = change["exposure"]["value"], change["entropy"]
    exposure = "not known" if rise is None else f"{rise * 100:+.1f} points{_points(change['exposure'])}"
    spread = "not known" if entropy is None else f"{entropy:+.1%}"
    how = "the same questions" if change["paired"] else "its stored figures"
    return f"AI text among hits {exposure}, pool {change['pool'] * 100:+.1f} points, source entropy {spread}; {how}"


def _points(found: Json) -> str:
    return "" if found["low"] is None else f" ({found['low'] * 100:+.1f} to {found['high'] * 100:+.1f})"


def _row(item: Json) -> tuple[Any, ...]:
    amplification = item["amplification"]
    return (
        item["k"],
        _share(item["exposure"]["value"]),
        _interval(item["exposure"], "{:.1%}"),
        "-" if amplification["value"] is None else f"{amplification['value']:.2f}",
        _interval(amplification, "{:.2f}"),
        _share(item["all_ai"]["value"]),
        _share(item["suspected"]),
        _share(item["human"]),
        _share(item["unknown"]),
        "-" if item["sources"] is None else f"{item['sources']:.1f}",
        item["max_depth"],
    )


def _interval(found: Json, form: str) -> str:
    return "-" if found["low"] is None else f"{form.format(found['low'])} to {form.format(found['high'])}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _alarm(item: Json) -> RenderableType:
    code = Text(plain(item["code"]), style="red bold")
    return Padding(Text.assemble(code, "  ", plain(item["message"])), (1, 0, 0, 0), expand=False)
