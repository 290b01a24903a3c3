"""The report of one run: what each rule expected and found, which documents failed, and how all are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from pydantic import Field

from console.reports.shown import counted, ordered, plots, short, state_of, what_of
from console.web.page import OfContract, Page, View, Visit
from console.web.views.gathering import require_source
from console.web.views.health import RunTold, run_told
from console.web.views.judged import moment_of
from corpus.catalog import board, queue
from corpus.catalog import runs as registry
from corpus.catalog.records import RunRecord
from corpus.errors import ConfigurationError
from corpus.receipts import Counts
from ingestion import reports
from ingestion.runtime import Runtime

Level: TypeAlias = Literal["", "stable", "shift", "change"]
_MOST_FAILING = 50
_MOST_BINS = 12
_RUNS = 60


class Asked(OfContract):
    """The query of the page."""

    run: str = Field(default="", max_length=200, description="Id of the run; empty for the last that was judged.")
    rule: str = Field(default="", max_length=200, description="Only this rule, with more of its documents.")


class Failing(View):
    """A document that did not keep a rule."""

    doc_id: str
    state: str = Field(
        description="Its state now; `gone` where the source lists it no more, `unknown` where it was erased."
    )


class RuleFound(View):
    """How one rule came out."""

    name: str
    rule: str
    what: str = Field(description="What it is and what it looks at.")
    severity: str
    on_fail: str
    owner: str
    expected: str
    actual: str
    verdict: str = Field(description="`pass`, `warn`, `fail`, `block`, or `not judged`.")
    failing: list[Failing] = Field(description="50 at the most.")
    failing_count: int


class Bin(View):
    """Documents in one bin of a column."""

    label: str
    now: float = Field(description="Share of the documents of this run.")
    before: float | None = Field(description="Share of those of the baseline; null without one.")


class Plot(View):
    """How one column is distributed."""

    column: str
    bins: list[Bin] = Field(description="12 at the most, the largest ones where there are more.")
    more: int = Field(description="How many bins are left out.")
    words: str = Field(description="How far it is from the baseline; empty without one.")
    level: Level = Field(description="By the convention for PSI.")


class RunPage(View):
    """The report of one run."""

    contract: str
    run_id: str
    version: str = Field(description="Version of the contract that judged it.")
    digest: str
    enforcement: str
    judged_at: datetime | None
    verdict: str
    documents: int = Field(description="Documents that the next version would hold.")
    compared_with: str = Field(description="Run whose profile is the baseline; empty for the first.")
    run: RunTold | None = Field(description="What the catalog knows of it; null where it knows nothing.")
    counts: dict[str, int] = Field(description="Rules by verdict.")
    rules: list[RuleFound] = Field(description="Worst first.")
    rule: str
    notices: list[str]
    plots: list[Plot]
    fields: dict[str, dict[str, int]] = Field(description="Metadata field to what its values read as.")
    newer: str = Field(description="The judged run after this one; empty where it is the last.")
    older: str = Field(description="The judged run before it; empty where it is the first that is near.")


def load(visit: Visit, query: Asked) -> RunPage:
    """Reads the page."""
    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        require_source(runtime, tx, name)
        near = [run.run_id for run in board.runs(tx, _RUNS, name).get(name, ()) if run.kind == "ingest"]
        report = _report(runtime, name, query.run, near)
        record = registry.get(tx, str(report["run_id"]))
        rules = [rule for rule in ordered(list(report["rules"])) if query.rule in ("", rule["name"])]
        named = sorted({doc_id for rule in rules for doc_id in rule["failing"][:_MOST_FAILING]})
        states = queue.states_of(tx, name, named)
    older, newer = _beside(runtime, name, str(report["run_id"]), near)
    baseline = report.get("baseline")
    return RunPage(
        contract=name,
        run_id=str(report["run_id"]),
        version=str(report["version"]),
        digest=str(report["digest"]),
        enforcement=str(report["enforcement"]),
        judged_at=moment_of(report.get("judged_at")),
        verdict=str(report["verdict"]),
        documents=int(report["documents"]),
        compared_with=str(baseline["run_id"]) if baseline else "",
        run=_run(record),
        counts=counted(list(report["rules"])),
        rules=[_rule(rule, states) for rule in rules],
        rule=query.rule,
        notices=list(report.get("notices") or ()),
        plots=_plots(report),
        fields={
            name: dict(types) for name, types in sorted(((report.get("profile") or {}).get("fields") or {}).items())
        },
        newer=newer,
        older=older,
    )


def _report(runtime: Runtime, name: str, run_id: str, near: Sequence[str]) -> dict[str, Any]:
    if run_id:
        return reports.read(runtime, name, run_id)
    found = reports.kept(runtime, name, near, 1)
    if not found:
        raise ConfigurationError(f"no run of {name!r} was judged yet. Run `stemma ingest {name}` first.")
    return found[0]


def _beside(runtime: Runtime, name: str, run_id: str, near: Sequence[str]) -> tuple[str, str]:
    """Returns the judged runs before and after one, of those that are near."""
    if run_id not in near:
        return "", ""
    place = near.index(run_id)
    judged = (run for run in near[place + 1 :] if runtime.store.exists(reports.path_of(name, run)))
    later = (run for run in near[:place][::-1] if runtime.store.exists(reports.path_of(name, run)))
    return next(judged, ""), next(later, "")


def _run(record: RunRecord | None) -> RunTold | None:
    if record is None:
        return None
    counts = dict((record.receipt or {}).get("counts") or {})
    return run_told(
        board.BoardRun(
            contract=record.contract,
            run_id=record.run_id,
            kind=record.kind,
            actor=record.actor,
            state=record.state,
            started_at=record.started_at,
            finished_at=record.finished_at,
            counts={name: number for name, number in counts.items() if name in _COUNTED},
        )
    )


_COUNTED = tuple(Counts.__dataclass_fields__)


def _rule(rule: Mapping[str, Any], states: Mapping[str, tuple[str, datetime]]) -> RuleFound:
    return RuleFound(
        name=str(rule["name"]),
        rule=str(rule["rule"]),
        what=what_of(rule),
        severity=str(rule["severity"]),
        on_fail=str(rule.get("on_fail") or ""),
        owner=str(rule.get("owner") or ""),
        expected=short(str(rule["expected"])),
        actual=short(str(rule["actual"])),
        verdict=state_of(rule),
        failing=[
            Failing(doc_id=doc_id, state=states[doc_id][0] if doc_id in states else "unknown")
            for doc_id in rule["failing"][:_MOST_FAILING]
        ],
        failing_count=int(rule["failing_count"]),
    )


def _plots(report: Mapping[str, Any]) -> list[Plot]:
    found = []
    for plot in plots(report):
        largest = sorted(plot.bins, key=lambda item: -max(item.now, item.before or 0.0))[:_MOST_BINS]
        kept = [item for item in plot.bins if item in largest][:_MOST_BINS]
        found.append(
            Plot(
                column=plot.column,
                bins=[Bin(label=item.label, now=item.now, before=item.before) for item in kept],
                more=len(plot.bins) - len(kept),
                words=plot.words,
                level=cast("Level", plot.level),
            )
        )
    return found


PAGE = Page(path="/run", title="Run", template="run.html", model=RunPage, load=load, query=Asked, under="/contracts")
