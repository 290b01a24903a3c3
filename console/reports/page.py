"""A report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Everything that came from documents is escaped by the template engine, after characters that a reader
cannot see were made visible; a content security policy forbids the page to load anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from console.reports.shown import LISTED, counted, ordered, plots, safe, state_of, what_of

Json = Mapping[str, Any]

_TEMPLATES = ("report.html.jinja", "report.css")


def page(report: Json) -> str:
    """Returns a report as an HTML page."""
    rules = ordered(list(report["rules"]))
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            rules=rules,
            counts=counted(rules),
            plots=plots(report),
            fields=sorted((report.get("profile") or {}).get("fields", {}).items()),
            baseline=report.get("baseline"),
            notices=report.get("notices") or (),
            run_id=report.get("run_id"),
            judged_at=report.get("judged_at"),
            listed=LISTED,
        )
    )


@cache
def _environment() -> Environment:
    folder = files("console.reports") / "templates"
    sources = {name: (folder / name).read_text("utf-8") for name in _TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(state=state_of, what=what_of, percent=_percent)
    return environment


def _visible(value: Any) -> Any:
    """Returns text without characters that cannot be seen; what is markup already stays as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else safe(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
