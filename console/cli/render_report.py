"""What a person sees of reports: pure functions over the documents that `--json` prints."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli.render import LISTED, Json, facts, next_step, page, plain, table, when, word
from console.reports.shown import counted, ordered, short, state_of, what_of

_NAMED = 10
"""Failing documents that are named per rule."""


def report(data: Json) -> RenderableType:
    """Returns how each rule of a run came out, the worst first."""
    rules, baseline = ordered(data["rules"]), data.get("baseline")
    head = Text.assemble((plain(f"{data['contract']} {data['version']}"), "bold"), "  ", word(data["verdict"]))
    about = facts(
        {
            "run": data["run_id"],
            "judged (UTC)": when(data["judged_at"]),
            **({"compared with": f"run {baseline['run_id']} of {baseline['accepted_at'][:10]}"} if baseline else {}),
            "documents": data["documents"],
            "rules": ", ".join(f"{count} {verdict}" for verdict, count in counted(rules).items() if count) or "none",
            "enforcement": data["enforcement"],
        }
    )
    rows = [
        (
            word(state_of(rule)),
            f"{rule['name']} ({what_of(rule)})",
            rule["severity"],
            short(rule["expected"]),
            rule["actual"],
            rule["failing_count"] or "",
        )
        for rule in rules
    ]
    columns = ("", "rule", "severity", "expected", "found", "documents")
    return page(
        head,
        about,
        Text(),
        table(columns, rows, numbers=("documents",)),
        *(_failing(rule) for rule in rules if rule["failing"]),
        *(Text(plain(f"notice: {notice}"), style="yellow") for notice in data.get("notices", ())),
        next_step({"next": f"stemma report {data['contract']} --format html --output report.html"}),
    )


def _failing(rule: Json) -> Text:
    named = ", ".join(plain(doc_id) for doc_id in rule["failing"][:_NAMED])
    more = rule["failing_count"] - _NAMED
    return Text(f"{plain(rule['name'])}: {named}" + (f" and {more} more" if more > 0 else ""))


def listed(data: Json) -> RenderableType:
    """Returns the runs of a contract that were judged."""
    if not data["runs"]:
        return Text(f"No run of {plain(data['contract'])} was judged yet.")
    rows = [
        (word(item["verdict"]), item["run_id"], when(item["judged_at"]), item["documents"], item["state"] or "-")
        for item in data["runs"][:LISTED]
    ]
    more = len(data["runs"]) - LISTED
    return page(
        table(("", "run", "judged (UTC)", "documents", "ended"), rows, numbers=("documents",)),
        Text(f"... and {more} more; --json lists all of them.") if more > 0 else None,
        next_step(data),
    )
