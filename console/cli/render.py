"""From data to what a person sees: pure functions over the documents that `--json` prints.

Text that came from documents may hold anything, terminal escapes and direction overrides too, so
every value goes through `plain`, and no value is read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from console.drawings import words

Json = words.Json
plain = words.plain

STYLES = {
    "ok": "green",
    "pass": "green",
    "made": "green",
    "kept": "dim",
    "warn": "yellow",
    "extended": "yellow",
    "missing": "yellow",
    "quarantine": "yellow",
    "fail": "red",
    "reject": "red",
    "block": "red",
    "broken": "red",
    "invalid": "red",
    "valid": "green",
}
"""Style of a word of state; colour never says what the word does not."""

COUNTS = ("received", "indexed", "unchanged", "quarantined", "rejected", "failed", "removed")
"""Documents of a run by outcome, in the order of the law that they balance."""


LISTED = 50
"""Held documents that a person is shown at once; the reasons are counted over all of them."""


def record(value: Any) -> dict[str, Any]:
    """Returns a frozen record as a JSON object: times as ISO 8601, enums as their values."""
    plain_value: dict[str, Any] = record_json(asdict(value))
    return plain_value


def record_json(value: Any) -> Any:
    """Returns a value as plain JSON: mappings, lists and scalars."""
    if isinstance(value, Mapping):
        return {str(key): record_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [record_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = ()) -> Table:
    """Returns a table of plain cells.

    Args:
        columns: Headings.
        rows: One value per column; a `Text` keeps its style.
        numbers: Columns that are set flush right.
    """
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        right = column in numbers
        made.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    return made


def facts(pairs: Mapping[str, Any]) -> Table:
    """Returns name and value, one pair a line."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs.items():
        made.add_row(name, value if isinstance(value, Text) else Text(plain(value)))
    return made


def word(state: str) -> Text:
    """Returns a word of state in its colour."""
    return Text(plain(state), style=STYLES.get(state, ""))


def page(*parts: RenderableType | None) -> Group:
    """Returns parts one below the other."""
    return Group(*(part for part in parts if part is not None))


def next_step(data: Json) -> RenderableType | None:
    """Returns the line that says what to do next, None where the data says nothing."""
    step = data.get("next")
    return (
        Padding(Text.assemble(("Next: ", "dim"), (plain(step), "bold")), (1, 0, 0, 0), expand=False) if step else None
    )


def when(moment: str | None) -> str:
    """Returns an ISO 8601 time to the minute, in UTC."""
    return f"{moment[:10]} {moment[11:16]}" if moment else "-"


def size(bytes_: int) -> str:
    """Returns a number of bytes for a person, in powers of 1024."""
    amount = float(bytes_)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def origin(kind: str | None) -> str:
    """Returns the last part of an IPTC digital source type."""
    return (kind or "-").rsplit("/", 1)[-1]


def steps(data: Json) -> RenderableType:
    """Returns what `init` did."""
    rows = [(word(step["action"]), step["part"], step["path"], step["note"]) for step in data["steps"]]
    return page(Text(f"Project {plain(data['project'])}"), table(("", "part", "path", "note"), rows), next_step(data))


def status(data: Json) -> RenderableType:
    """Returns where a project stands."""
    rows = [(c["name"], c["version"], c["live"], c["documents"], c["quarantined"]) for c in data["contracts"]]
    columns = ("contract", "version", "live", "documents", "quarantined")
    known = table(columns, rows, numbers=("documents", "quarantined")) if rows else None
    hint = Text("All commands: stemma --help", style="dim")
    return page(Text(plain(data["says"])), known, next_step(data), hint)


def new_contract(data: Json) -> RenderableType:
    """Returns the contract that was written."""
    found = data["documents"]
    matches = "the folder is not there yet" if found is None else f"{found} now"
    pairs = {"contract": data["name"], "file": data["path"], "model": data["model"], "documents": matches}
    return page(facts(pairs), Text(_governance_hint(data["unsaid"])), next_step(data))


def _governance_hint(unsaid: Sequence[str]) -> str:
    if not unsaid:
        return "Every governance field has a default; a document's own value wins."
    return (
        f"Each document must say {' and '.join(unsaid)} (front matter, meta tags or a sidecar file), or is held in "
        "quarantine. If one value holds for all, write it under `defaults` in the file."
    )


def validation(data: Json) -> RenderableType:
    """Returns which contracts are valid, and every problem of those that are not."""
    rows = [
        (word("valid" if item["valid"] else "invalid"), item["path"], item["name"], item["version"], item["checks"])
        for item in data["contracts"]
    ]
    columns = ("", "file", "contract", "version", "checks")
    problems = [Text(plain(problem)) for item in data["contracts"] for problem in item["problems"]]
    return page(table(columns, rows, numbers=("checks",)), *problems)


def receipt(data: Json) -> RenderableType:
    """Returns what a run did: documents by outcome, and its figures."""
    counts = data["counts"]
    balance = table(COUNTS, [[counts[name] for name in COUNTS]], numbers=COUNTS) if any(counts.values()) else None
    figures = {name.replace("_", " "): _short(value) for name, value in data["figures"].items()}
    title = f"{data['stage']} {data['contract']}".strip()
    lines = [Text(plain(line), style="yellow") for line in data["outputs"]] if data["stage"] == "answers" else []
    return page(Text(plain(title), style="bold"), balance, facts(figures), *lines, next_step(data))


def audit_entries(data: Json) -> RenderableType:
    """Returns entries of the audit log."""
    rows = [
        (
            entry["number"],
            when(entry["at"]),
            entry["actor"],
            entry["action"],
            entry["subject"],
            _detail(entry["detail"]),
        )
        for entry in data["entries"]
    ]
    return table(("#", "when (UTC)", "who", "did", "to", "detail"), rows, numbers=("#",))


def _detail(detail: Json) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in detail.items() if value not in (None, ""))


def _short(value: Any) -> Any:
    """Returns a digest as its first characters, anything else as it is."""
    return f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 and value.isalnum() else value


def audit_report(data: Json) -> RenderableType:
    """Returns whether the audit log holds."""
    if data["intact"]:
        return Text.assemble(word("ok"), f"  {data['entries']} entries, the chain holds; head {data['head'][:12]}")
    return Text.assemble(
        word("broken"),
        f"  entry {data['broken_at']} of {data['entries']} was altered, removed or put in between. "
        "Compare it with a backup of the catalog.",
    )


def checks(data: Json) -> RenderableType:
    """Returns what `doctor` found."""
    rows = [(word(check["status"]), check["name"], check["found"], check["next"]) for check in data["checks"]]
    return table(("", "check", "found", "next step"), rows)


def versions_installed(data: Json) -> RenderableType:
    """Returns what is installed."""
    shown = {name: found or "not installed" for name, found in data["packages"].items()}
    return facts({"stemma": data["stemma"], "python": data["python"], **shown})
