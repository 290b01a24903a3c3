"""A report as Markdown: for a pull request, a chat or a wiki.

Document ids and quotes stand in it as code, whatever they hold: pipes, angle brackets, backticks; and no address in
them becomes a link, no name after an `@` a message to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from console.cli.render import plain
from console.reports.shown import LISTED, counted, ordered, plots, short, state_of, what_of

Json = Mapping[str, Any]

_ACTIVE = re.compile(r"([\\`*_\[\]|~#!])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(report: Json) -> str:
    """Returns a report as GitHub-flavoured Markdown."""
    rules = ordered(list(report["rules"]))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in counted(rules).items() if count) or "no rules"
    judged = f"Run {code(report.get('run_id'))}, judged {_text(report.get('judged_at'))}"
    lines = [
        f"# {_text(report['contract'])} {_text(report['version'])}: {_text(report['verdict'])}",
        "",
        f"{judged}: {counts} over {report['documents']} documents. Enforcement: {_text(report['enforcement'])}.",
        "",
        *_table(
            ("Verdict", "Rule", "Severity", "Expected", "Found", "Documents", "Dimension", "Owner"),
            (_row(rule) for rule in rules),
        ),
        *_notices(report),
        *_failing(rules),
        *_drift(report),
    ]
    return "\n".join(lines).rstrip() + "\n"


def code(value: Any) -> str:
    """Returns a value as a code span."""
    text = short(plain(value))
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    padded = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{fence}{padded}{fence}" if text else ""


def _cell(value: Any) -> str:
    """Returns a value as a code span inside a table, where a pipe ends the cell even in code."""
    return code(value).replace("|", r"\|")


def _text(value: Any) -> str:
    return _ACTIVE.sub(r"\\\1", short(plain(value))).translate(_ENTITIES)


def _row(rule: Json) -> tuple[str, ...]:
    return (
        f"**{_text(state_of(rule))}**" if rule["verdict"] != "pass" else _text(state_of(rule)),
        f"{_cell(rule['name'])}<br>{_text(what_of(rule))}",
        _text(rule["severity"]),
        _cell(rule["expected"]),
        _cell(rule["actual"]),
        str(rule["failing_count"]) if rule["failing_count"] else "",
        _cell(rule["dimension"]) if rule["dimension"] else "",
        _cell(rule["owner"]) if rule["owner"] else "",
    )


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = list(columns)
    return [_line(heads), _line(["---"] * len(heads)), *map(_line, rows), ""]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notices(report: Json) -> list[str]:
    notices = report.get("notices") or ()
    return ["## Notices", "", *(f"- {code(notice)}" for notice in notices), ""] if notices else []


def _failing(rules: Iterable[Json]) -> list[str]:
    lines = []
    for rule in (rule for rule in rules if rule["failing"]):
        lines += [f"### Documents that break {code(rule['name'])}", ""]
        lines += [f"- {code(doc_id)}" for doc_id in rule["failing"][:LISTED]]
        more = rule["failing_count"] - LISTED
        lines += [f"- and {more} more" if more > 0 else "", ""]
    return ["## Failing documents", "", *lines] if lines else []


def _drift(report: Json) -> list[str]:
    compared = [plot for plot in plots(report) if plot.words]
    if not compared:
        return []
    against = report["baseline"]
    rows = ((_cell(plot.column), _text(plot.level), _text(plot.words)) for plot in compared)
    head = f"Against run {code(against['run_id'])} of {_text(against['accepted_at'][:10])}."
    return ["## Drift", "", head, "", *_table(("Column", "", "Figure"), rows)]
