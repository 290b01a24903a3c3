"""A machine whose clock is wrong, by days in either direction: nothing young is removed, nothing has a negative age."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project

from console.cli.main import main
from corpus.catalog import segments, versions
from corpus.errors import ConfigurationError
from ingestion import pipeline
from ingestion.stages import acquire, assess, collect, forget, reconcile, release, settle, stage
from ingestion.stages.answers import import_answers

DAYS = timedelta(days=30)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project.create(tmp_path / "project")
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    project.fill(3)
    project.ingest()
    yield project
    project.runtime.catalog.close()


def test_a_clock_that_is_ahead_removes_nothing_and_says_so(project: Project) -> None:
    """The home's files are stamped by another clock, as on a file server."""
    project.write("new", page("new valve"))
    acquired = acquire.acquire(project.runtime, NAME, "at-work")
    for shard in acquired.outputs:
        assess.assess(project.runtime, NAME, "at-work", shard)
    with time_machine.travel(datetime.now(UTC) + DAYS, tick=True):
        for remove in (
            lambda: reconcile.reconcile(project.runtime, NAME),
            lambda: collect.prune(project.runtime, NAME, limits=collect.Limits(keep=1, days=1)),
            lambda: collect.gc(project.runtime, NAME, limits=collect.Limits(keep=1, days=1)),
            lambda: forget.prune(project.runtime),
        ):
            with pytest.raises(ConfigurationError, match=r"2,\d{3},\d{3} seconds apart.*Set the clocks by NTP"):
                remove()
    staged = [stage.stage(project.runtime, NAME, "at-work", shard) for shard in acquired.outputs]
    assert settle.settle(project.runtime, NAME, "at-work", staged).counts.indexed == 1
    release.release(project.runtime, NAME, "at-work")
    judge(project, inbox(project))


@pytest.mark.parametrize("off", [DAYS, -DAYS], ids=["ahead", "behind"])
def test_versions_follow_each_other_whatever_the_clocks_said(
    project: Project, off: timedelta, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(datetime.now(UTC) + off, tick=True):
        project.write("second", page("second valve"))
        assert project.ingest().figures["version"] == 2
    project.write("third", page("third valve"))
    assert project.ingest().figures["version"] == 3
    assert project.ingest().figures["status"] == "unchanged"
    judge(project, inbox(project))
    assert live(project) == 3
    folder = str(project.folder)
    capsys.readouterr()
    for command in (["index", "list", NAME], ["index", "show", NAME], ["report", NAME]):
        assert main([*command, "--project", folder]) == 0
        assert not re.search(r"(?<![\w.])-\d+ (second|minute|hour|day)", capsys.readouterr().out)
    with project.runtime.catalog.reading() as tx:
        created = [version.created_at for version in versions.all_of(tx, NAME)]
    assert (created[1] > created[2]) is (off > timedelta(0))
    release.move(project.runtime, NAME, "live", 2, reason="back")
    assert live(project) == 2


def test_an_answer_recognised_by_a_machine_whose_clock_is_behind_is_in_the_next_version(project: Project) -> None:
    said = (
        "You can send the device back within a month after it reached you, but note three exceptions that often "
        "surprise people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders "
        "are credited to whoever paid. Start by printing the label from your account page and pack every cable."
    )
    project.write("copied", f"# Refunds\n\n{said}")
    assert project.ingest().figures["version"] == 2
    log = project.folder / "answers.jsonl"
    log.write_text(json.dumps({"text": said, "served_at": "2020-01-01T00:00:00+00:00", "retrieved": []}))
    assert import_answers(project.runtime, log).figures["documents_to_look_at"] == 1
    with time_machine.travel(datetime.now(UTC) - DAYS, tick=True):  # one worker's; the release runs on another
        assert pipeline.ingest(project.runtime, NAME, release=False).counts.balanced
    with project.runtime.catalog.reading() as tx:
        assert min(item.created_at for item in segments.live(tx, NAME)) < datetime.now(UTC) - DAYS / 2
    assert release.release(project.runtime, NAME, "later").figures["status"] == "published"
    assert {hit.origin_basis for hit in project.search("send the device back", k=1)} == {"suspected"}


def test_a_clock_that_is_behind_is_found_by_doctor(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with time_machine.travel(datetime.now(UTC) - DAYS, tick=True):
        capsys.readouterr()
        assert main(["doctor", "--skip-models", "--json", "--project", str(project.folder)]) == 1
        assert "in the future of this machine's clock" in capsys.readouterr().out


def test_what_expires_is_judged_again_and_comes_back_when_the_clock_is_right(project: Project) -> None:
    """Freshness that a wrong clock saw as over is no loss: the document waits in quarantine and returns by itself."""
    project.write(
        "dated",
        "---\nlast_validated_date: 2026-11-20\neffective_until: 2026-12-15\n---\n" + page("dated valve"),
    )
    assert project.ingest().counts.indexed == 1
    with time_machine.travel(datetime(2027, 3, 1, tzinfo=UTC), tick=True):
        wrong = project.ingest()
        assert wrong.counts.balanced
        held = [state for state in project.states().values() if state.state == "quarantined"]
        assert [state.doc_id for state in held] == ["dated.md"]
    again = project.ingest()
    assert again.counts.balanced
    assert project.states()["dated.md"].state == "active"
    judge(project, inbox(project))


def test_a_date_of_the_future_is_no_negative_age(project: Project) -> None:
    (project.folder / "stemma.toml").write_text('home = "home"\nmetrics_file = "figures.prom"\n')
    project.settings = project.settings.model_copy(update={"metrics_file": str(project.folder / "figures.prom")})
    project.write("ahead", "---\nlast_validated_date: 2030-01-01\n---\n" + page("valve that is ahead"))
    receipt = project.ingest()
    assert receipt.counts.balanced
    figures = Path(project.settings.metrics_file).read_text()
    assert "stemma_index_built_timestamp_seconds" in figures
    assert not re.search(r"_seconds\{[^}]*\} -", figures)
    judge(project, {state.doc_id for state in project.states().values() if state.state == "active"})
