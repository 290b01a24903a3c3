"""A change of a contract, before it is made: what differs, what breaks, what becomes of documents. Writes nothing."""

from __future__ import annotations

import re
import time
from typing import Literal

from pydantic import Field

from console.web.page import OfContract, Page, View, Visit
from console.web.views.gathering import sources_of
from console.web.views.judged import ProblemTold, problems_told
from contracts.versions.compare import Comparison
from corpus.errors import ConfigurationError, SourceError
from corpus.types import IPTC
from ingestion import preview
from ingestion.contractfiles import ContractFile
from ingestion.preview import Standing
from ingestion.rehearsal import Trial

_MOST_MOVED = 50
_NUMBERS = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})$")
_LONGEST = 200_000
"""Characters of a text that is taken: a contract has some thousand."""


class Asked(OfContract):
    """The query of the page."""

    yaml: str = Field(default="", max_length=_LONGEST, description="The changed contract; empty for the file as it is.")
    against: str = Field(default="", max_length=100, description="Version to compare with; empty for the file.")
    sample: int = Field(
        default=50, ge=0, le=preview.MOST, description="Documents to try it on; 0 to compare the texts only."
    )


class ChangeTold(View):
    """One thing that is not as it was."""

    path: str = Field(description="Part of the contract; empty for words that no run reads.")
    before: str | None
    after: str | None
    kind: Literal["breaking", "compatible", "notice"]
    why: str
    tell: list[str] = Field(description="Who must be told.")


class RuleTried(View):
    """How one rule came out on the documents that were looked at."""

    name: str
    expected: str
    verdict: str = Field(description="`pass`, `warn`, `fail`, `block`, or `not judged`.")
    actual: str
    failing_count: int
    unjudged: str = Field(description="Why it could not be judged; empty where it was.")
    examples: list[tuple[str, str]] = Field(description="Documents that do not keep it, with what was found.")


class Moves(View):
    """How many documents would go from one state to another."""

    now: str = Field(description="State now; `new` for one that was never seen.")
    would: str
    documents: int


class Moved(View):
    """A document whose state would be another one."""

    doc_id: str
    now: str
    would: str
    reasons: list[str]


class TriedTold(View):
    """What the changed contract would decide."""

    listed: int = Field(description="Documents that the source lists.")
    examined: int = Field(description="Documents that were looked at, the same ones each time.")
    seconds: float
    elsewhere: bool = Field(description="Whether the text names another source, of which nothing was read.")
    blocking: list[str] = Field(description="Rules that would stop the run.")
    moves: list[Moves]
    moved: list[Moved] = Field(description="50 at the most.")
    more_moved: int
    rules: list[RuleTried] = Field(description="Those that do not come out well, then those that were not judged.")
    kept: int = Field(description="Rules that every document kept.")


class ChangePage(View):
    """A change of a contract."""

    contract: str
    file: str
    sourced: bool = Field(description="Whether there are pages of its source: its file is YAML, or once was used.")
    against: str = Field(description="Version that was asked for; empty for the file.")
    compared_with: str = Field(description="What the text is compared with, in words.")
    versions: list[str] = Field(description="Versions that runs have used, newest first.")
    sample: int
    yaml: str = Field(description="The text that was read.")
    asked: bool = Field(description="Whether a text was given.")
    problems: list[ProblemTold] = Field(description="What is wrong with it.")
    before: str = Field(description="Version of what stands.")
    after: str = Field(description="Version of the text.")
    verdict: Literal["", "same", "notice", "compatible", "breaking"]
    required: str = Field(description="Step of the version number that the changes ask for.")
    made: str = Field(description="The step that was made.")
    sufficient: bool
    next_version: str = Field(description="The version number that the changes ask for; empty where none can be told.")
    refused: str = Field(description="Why the next run would refuse it; empty where it would not.")
    changes: list[ChangeTold] = Field(description="Breaking ones first.")
    tell: list[str]
    tried: TriedTold | None
    untried: str = Field(description="Why it was not tried on documents; empty where it was, or was not asked to be.")


def load(visit: Visit, query: Asked) -> ChangePage:
    """Reads, compares and tries."""
    standing = preview.standing_of(visit.runtime, query.contract, query.against)
    text = query.yaml.replace("\r\n", "\n")
    file = preview.read(text) if text.strip() else None
    proposed = file.contract if file else None
    found = preview.compared(standing, proposed) if proposed else None
    with visit.runtime.catalog.reading() as tx:
        sourced = query.contract in sources_of(visit.runtime, tx)
    tried, untried = _tried(visit, standing, file, query.sample)
    return ChangePage(
        contract=query.contract,
        file=standing.file.file,
        sourced=sourced,
        against=query.against,
        compared_with=standing.label if standing.contract else "",
        versions=list(reversed(standing.versions)),
        sample=query.sample,
        yaml=text if file else standing.file.text,
        asked=file is not None,
        problems=problems_told(file) if file else [],
        before=standing.contract.version if standing.contract else "",
        after=proposed.version if proposed else "",
        verdict=found.verdict if found else "",
        required=found.required if found else "",
        made=found.made if found else "",
        sufficient=found.sufficient if found else True,
        next_version=_next(found.before, found.required) if found else "",
        refused=preview.refusal(visit.runtime, proposed) if proposed and visit.sees(proposed.name) else "",
        changes=_changes(found) if found else [],
        tell=list(found.tell) if found else [],
        tried=tried,
        untried=untried,
    )


def _next(version: str, step: str) -> str:
    """Returns a version number raised by a step; empty where it is none of three numbers, or nothing is asked."""
    match = _NUMBERS.match(version)
    steps = ("major", "minor", "patch")
    if match is None or step not in steps:
        return ""
    place = steps.index(step)
    numbers = [int(match[part + 1]) for part in range(3)]
    return ".".join(map(str, (*numbers[:place], numbers[place] + 1, *(0 for _ in numbers[place + 1 :]))))


def _changes(found: Comparison) -> list[ChangeTold]:
    order = ("breaking", "compatible", "notice")
    return [
        ChangeTold(
            path=change.path,
            before=change.before,
            after=change.after,
            kind=change.kind,
            why=change.why,
            tell=list(change.tell),
        )
        for change in sorted(found.changes, key=lambda change: order.index(change.kind))
    ]


def _tried(visit: Visit, standing: Standing, file: ContractFile | None, sample: int) -> tuple[TriedTold | None, str]:
    if file is None or file.contract is None or not sample:
        return None, ""
    begun = time.monotonic()
    try:
        found = preview.tried(visit.runtime, standing, file.contract, sample)
    except (ConfigurationError, SourceError) as error:
        return None, str(error)
    moved = [fate for fate in found.fates if fate.moves]
    trials = found.rehearsal.trials
    told = [trial for trial in trials if trial.verdict != "pass"]
    told.sort(key=lambda trial: ("block", "fail", "warn", "not judged").index(trial.verdict))
    return TriedTold(
        listed=found.rehearsal.listed,
        examined=len(found.fates),
        seconds=round(time.monotonic() - begun, 1),
        elsewhere=found.elsewhere,
        blocking=[trial.result.spec.name for trial in found.rehearsal.blocking],
        moves=[Moves(now=now, would=would, documents=number) for (now, would), number in sorted(found.moves.items())],
        moved=[
            Moved(doc_id=fate.doc_id, now=fate.now, would=fate.would, reasons=list(fate.reasons[:3]))
            for fate in moved[:_MOST_MOVED]
        ],
        more_moved=max(0, len(moved) - _MOST_MOVED),
        rules=[_rule(trial) for trial in told],
        kept=len(trials) - len(told),
    ), ""


def _rule(trial: Trial) -> RuleTried:
    return RuleTried(
        name=trial.result.spec.name,
        expected=trial.result.expected.replace(IPTC, ""),
        verdict=trial.verdict,
        actual=trial.result.actual.replace(IPTC, ""),
        failing_count=len(trial.result.failing),
        unjudged=trial.unjudged,
        examples=[(name, found.replace(IPTC, "")) for name, found in trial.examples],
    )


PAGE = Page(
    path="/change",
    title="Change of a contract",
    template="change.html",
    model=ChangePage,
    load=load,
    query=Asked,
    under="/contracts",
    posts=True,
)
