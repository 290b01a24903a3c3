"""What needs a person now, from what is known of a source. Pure; each has a code, words, and where to deal with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from console.web.http.templating import span
from console.web.page import Tone, Trouble
from console.web.views.health import Facts, Source
from ingestion.contractfiles import ContractFile

HELD_LONG = timedelta(days=7)
"""A document that is held for longer than a week is a warning: the same week after which an undone decision is asked
again in weekly rounds. A choice, not a measurement."""
RUNS_LONG = timedelta(hours=6)
"""A run that was not closed for so long was most likely killed. The next one resumes it."""
_ORDER: tuple[Tone, ...] = ("bad", "warning", "notice", "good", "quiet")


def troubles_of(source: Source, facts: Facts, now: datetime) -> list[Trouble]:
    """Returns what needs a person in one source, most urgent first."""
    found = [*_contract(source), *_runs(source, facts, now), *_served(source, facts), *_people(source, facts, now)]
    return sorted(found, key=lambda trouble: _ORDER.index(trouble.tone))


def trouble_of_file(file: ContractFile) -> Trouble:
    """Returns what is wrong with a contract file that no source is known by, such as one that is no YAML."""
    first = next(iter(file.problems), None)
    words = f"The file {file.file} cannot be used"
    return Trouble(
        tone="bad",
        contract=file.name,
        code="contract.invalid",
        words=f"{words}: line {first.line}, {first.message}" if first else f"{words}.",
        path="/contract",
        query={"contract": file.name},
    )


def _contract(source: Source) -> Iterator[Trouble]:
    if source.problem:
        yield _trouble(
            source,
            "bad",
            "contract.invalid",
            f"The contract cannot be used: {source.problem.splitlines()[0]}",
            "/contract",
        )


def _runs(source: Source, facts: Facts, now: datetime) -> Iterator[Trouble]:
    last = next((run for run in facts.runs if run.kind == "ingest"), None)
    if last is None:
        if source.live is None:
            yield _trouble(
                source, "notice", "never.ingested", f"Nothing was ingested yet. Run stemma ingest {source.contract}"
            )
        return
    if last.state == "failed":
        yield _trouble(source, "bad", "run.failed", f"The last ingest failed {span(now - last.started_at)} ago.")
    if last.state == "running" and now - last.started_at > RUNS_LONG:
        words = f"An ingest runs since {span(now - last.started_at)}. If it was killed, the next one resumes it."
        yield _trouble(source, "warning", "run.long", words)
    if source.last_run is not None and source.last_run.balanced is False:
        yield _trouble(
            source, "bad", "run.unbalanced", "The counts of the last run do not balance: documents were lost."
        )


def _served(source: Source, facts: Facts) -> Iterator[Trouble]:
    newest, served = facts.newest, source.live or 0
    if newest is not None and newest.state == "candidate" and newest.number > served:
        asked = facts.contract.approvals.persons if facts.contract else 0
        yield _trouble(
            source,
            "notice",
            "version.candidate",
            f"v{newest.number:06d} is not served: it waits to be {'approved' if asked else 'released'}.",
            "/version",
            number=str(newest.number),
        )
    yield from _refused(source, facts)
    if source.ai_limit is not None and source.ai_limit.kept is False:
        words = f"AI text: {source.ai_limit.actual}; the contract asks for {source.ai_limit.expected}."
        yield _trouble(source, "bad", "ai.share", words)
    if facts.alarms:
        yield _trouble(
            source,
            "bad",
            "contamination",
            f"{_number(facts.alarms, 'alarm')} of contamination in what is served.",
            "/index",
        )
    if facts.golden is not None and facts.golden[0] < facts.golden[1]:
        holding, items = facts.golden
        words = f"{_number(items - holding, 'golden question')} of {items} lost evidence."
        yield _trouble(source, "warning", "golden.stale", words, "/version")
    ages = source.ages
    if ages.limit is not None and ages.oldest is not None and ages.oldest > ages.limit:
        words = f"The oldest validation is {ages.oldest} days old; the contract allows {ages.limit}."
        yield _trouble(source, "warning", "freshness", words)


def _refused(source: Source, facts: Facts) -> Iterator[Trouble]:
    """Tells of a version that a gate refused after the newest one was built: mended since, it is history."""
    refused, newest = facts.refused, facts.newest
    if refused is None or refused.created_at is None or (newest is not None and newest.created_at > refused.created_at):
        return
    words = f"A new version was refused: gate {', '.join(refused.failed)} failed."
    yield _trouble(source, "bad", "version.refused", words, "/version", candidate=refused.id)


def _people(source: Source, facts: Facts, now: datetime) -> Iterator[Trouble]:
    held = source.states.get("quarantined", 0)
    if held and source.oldest_held is not None:
        waits = now - source.oldest_held
        words = f"{_number(held, 'document')} held, the longest for {span(waits)}."
        yield _trouble(source, "warning" if waits > HELD_LONG else "notice", "quarantine", words, "/quarantine")
    if facts.waiting.votes and facts.contract is not None and facts.contract.triage.persons > 1:
        words = f"{_number(facts.waiting.votes, 'held document')} with a vote and not enough of them."
        yield _trouble(source, "warning", "votes", words, "/quarantine")
    failed = source.states.get("failed", 0)
    if failed:
        yield _trouble(
            source,
            "warning",
            "documents.failed",
            f"{_number(failed, 'document')} could not be read.",
            "/quarantine",
            outcome="fail",
        )
    if facts.waiting.erasures:
        words = f"{_number(facts.waiting.erasures, 'erasure')} asked for and not finished."
        yield _trouble(source, "bad", "erasure", words)


def _trouble(source: Source, tone: Tone, code: str, words: str, path: str = "/source", **query: str) -> Trouble:
    return Trouble(
        tone=tone,
        contract=source.contract,
        code=code,
        words=words,
        path=path,
        query={"contract": source.contract, **query},
    )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
