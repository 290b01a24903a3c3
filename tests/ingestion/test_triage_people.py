"""People who decide at the same time, on both databases: each is counted once, and the log holds them all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from laws.handbook import DEFAULTS, NAME, Project, real_texts

from contracts.scaffold import new_contract
from corpus.catalog import audit, decisions
from corpus.errors import ConfigurationError
from ingestion.triage import Settlement, reject_held, release_held

UNSAID = "last_validated_date"
PERSONS = 3


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project whose contract asks for three people, with two documents in quarantine and one in the index."""
    made = Project.create(tmp_path)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    defaults = {name: value for name, value in DEFAULTS.items() if name != UNSAID}
    text = new_contract(
        NAME, root="./inbox", include=("**/*.md",), embedder="wordllama-256", owner="docs-team", defaults=defaults
    )
    mark = "\ncustomProperties:\n"
    triage = f"{mark}  - property: ragTriage\n    vendor: stemma\n    value: {{persons: {PERSONS}}}\n"
    assert mark in text
    made.contract_path.write_text(text.replace(mark, triage))
    for name, document in real_texts()[:2]:
        made.write(name, document)
    admitted, document = real_texts()[2]
    made.write(admitted, f"---\n{UNSAID}: 2026-02-01\n---\n{document}")
    assert made.ingest().counts.quarantined == 2
    yield made
    made.runtime.catalog.close()


def _held(project: Project) -> list[str]:
    return sorted(name for name, state in project.states().items() if state.state == "quarantined")


def test_people_who_decide_at_once_are_each_counted(project: Project) -> None:
    held, runtime = _held(project), project.runtime

    def decide(number: int) -> tuple[Settlement, ...]:
        return release_held(runtime, NAME, held, reason=f"read it, {number}", actor=f"person {number % 6}")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(decide, range(12)))
    for place, doc_id in enumerate(held):
        missing = [answer[place].missing for answer in answers]
        assert answers[0][place].doc_id == doc_id
        assert {1, 2} <= set(missing), "the first two people settle nothing"
        assert 0 in missing
    with project.runtime.catalog.reading() as tx:
        report = audit.verify(tx)
        trail = decisions.trail(tx, NAME, held[0])
    assert report.broken_at is None
    assert sum(entry.action == "decision.vote" for entry in trail) == 12
    first = [entry for entry in trail if entry.action == "decision.override"][-1]
    assert len(set(first.actor.split(" and "))) == PERSONS
    assert project.ingest().counts.indexed == 2


def test_all_are_decided_or_none(project: Project) -> None:
    [known, _] = _held(project)
    with pytest.raises(ConfigurationError, match="unknown document"):
        reject_held(project.runtime, NAME, [known, "nowhere.md"], reason="x", actor="mara")
    with project.runtime.catalog.reading() as tx:
        assert decisions.trail(tx, NAME, known) == ()


def test_three_reject_and_the_document_stays_out(project: Project) -> None:
    [known, other] = _held(project)
    missing = [
        reject_held(project.runtime, NAME, [known, known], reason="not ours", actor=name)[0].missing
        for name in ("mara", "MARA", "jonas", "li")
    ]
    assert missing == [2, 2, 1, 0]
    assert project.ingest().counts.rejected == 1
    assert project.ingest().counts.unchanged == 3
    states = {name: state.state for name, state in project.states().items()}
    assert (states[known], states[other]) == ("rejected", "quarantined")
