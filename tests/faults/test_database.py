"""PostgreSQL goes away: around each COMMIT, in a crash of the server, and behind the back of who holds the home."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.cutting import Plan, cutting
from faults.judging import inbox, judge, live, page
from laws.handbook import NAME, Project
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from corpus.catalog import documents, runs
from corpus.catalog.exclusive import gate
from corpus.errors import CatalogUnavailable
from ingestion.sources.local import SETTLED_SECONDS
from ingestion.stages import release

MOST = 60
"""An ingest and its release commit fewer changes than that."""
SETTLED_S = SETTLED_SECONDS + 0.5
"""After that long a file's stamp is believed (`ingestion.sources.local`)."""


@pytest.fixture
def cut(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Project, Plan]]:
    """A released project whose catalog is behind the proxy."""
    with cutting(postgres_url) as (url, plan):
        project = Project.create(tmp_path / "project")
        project.settings = project.settings.model_copy(update={"catalog_url": url})
        project.fill(3)
        project.ingest()
        yield project, plan
        project.runtime.catalog.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_is_lost_around_any_commit_costs_one_more_run(cut: tuple[Project, Plan], when: str) -> None:
    project, plan = cut
    struck = 0
    for at in range(1, MOST):
        project.write(f"page-{at}", page(f"valve number {at}"))
        before = live(project)
        plan.reset(at, when)  # type: ignore[arg-type]
        said = _trouble(project)
        if not plan.struck:
            break
        assert "may be there or not" in said or (when == "before" and "Nothing was changed" in said), said
        struck += 1
        assert live(project) in (before, before + 1)
        plan.reset(0)
        assert project.ingest().counts.balanced
        judge(project, inbox(project), every_version=False)
    judge(project, inbox(project))
    assert struck >= 5
    with project.runtime.catalog.reading() as tx:
        assert not [run for run in runs.recent(tx, NAME, limit=1_000) if run.state == "running"]


def test_a_run_whose_last_commit_was_kept_is_not_called_failed(cut: tuple[Project, Plan]) -> None:
    project, plan = cut
    for name in ("early", "late", "later"):
        project.write(name, page(f"{name} valve"))
        time.sleep(SETTLED_S)  # what was written just now has its stamp noted by a later run, which is a commit more
        if name != "later":
            plan.reset(0)
            project.ingest(publish=False)
    plan.reset(plan.seen, "after")
    with pytest.raises(CatalogUnavailable, match="may be there or not"):
        project.ingest(publish=False)
    with project.runtime.catalog.reading() as tx:
        newest = runs.recent(tx, NAME, limit=1)[0]
    assert newest.state == "succeeded"
    assert project.ingest().counts.unchanged == len(inbox(project))
    judge(project, inbox(project))


def test_a_server_that_crashes_in_the_middle_comes_back_and_the_run_goes_on(
    cut: tuple[Project, Plan], postgres_url: str
) -> None:
    """SIGKILL of one backend: the server ends all others and recovers from its log, as after `restart -m immediate`."""
    if os.environ.get("STEMMA_TEST_POSTGRES_URL"):
        pytest.skip("STEMMA_TEST_POSTGRES_URL names a server that is not this test's to crash")
    project, plan = cut
    project.write("first", page("first pump"))
    plan.reset(0)
    project.ingest()
    commits = plan.seen
    for at in (1, commits // 2, commits):
        project.write(f"next-{at}", page(f"pump number {at}"))
        plan.reset(at, act=lambda: _crash(postgres_url))
        with pytest.raises(CatalogUnavailable):
            project.ingest()
        assert plan.struck
        plan.reset(0)
        _wait_for(postgres_url)
        assert project.ingest().counts.balanced
        judge(project, inbox(project))


def test_who_lost_the_home_to_a_restart_changes_nothing_more(cut: tuple[Project, Plan], postgres_url: str) -> None:
    """The lock of a run ends with its connection; an erasure may have come and gone since."""
    project, _ = cut
    catalog = project.runtime.catalog
    with gate(catalog):
        _terminate(postgres_url)
        with pytest.raises(CatalogUnavailable, match="let go of this run's hold"), catalog.transaction() as tx:
            documents.mark_gone(tx, NAME, "late", inbox(project))
    judge(project, inbox(project))
    with gate(catalog, alone=True):
        _terminate(postgres_url)
        with pytest.raises(CatalogUnavailable, match="let go of this run's hold"), catalog.transaction():
            pass
    with gate(catalog, alone=True, seconds=5), catalog.transaction() as tx:
        assert documents.count_by_state(tx, NAME) == {"active": 3}


def test_every_connection_ended_between_two_statements(cut: tuple[Project, Plan], postgres_url: str) -> None:
    project, _ = cut
    project.write("third", page("third pump"))
    project.ingest(publish=False)
    with pytest.raises(CatalogUnavailable, match="Nothing was changed"):
        _let_go(project, postgres_url)
    assert release.release(project.runtime, NAME, "again").figures["status"] == "published"
    judge(project, inbox(project))


def _trouble(project: Project) -> str:
    """Ingests and returns what went wrong; empty where nothing did."""
    try:
        project.ingest()
    except CatalogUnavailable as error:
        return str(error)
    return ""


def _let_go(project: Project, url: str) -> None:
    with project.runtime.catalog.transaction() as tx:
        documents.mark_gone(tx, NAME, "cut", ["third.md"])
        _terminate(url)
        documents.mark_gone(tx, NAME, "cut", inbox(project))


def _crash(url: str) -> None:
    engine = create_engine(url)
    with contextlib.suppress(OperationalError), engine.connect() as connection:
        os.kill(connection.execute(text("SELECT pg_backend_pid()")).scalar_one(), signal.SIGKILL)
    engine.dispose()


def _terminate(url: str) -> None:
    """Ends every other connection of the database, as an administrator does."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name"
        named = {"name": make_url(url).database}
        connection.execute(text(f"{others} AND pid <> pg_backend_pid()"), named)
    engine.dispose()


def _wait_for(url: str) -> None:
    """Waits until the server has recovered."""
    deadline = time.monotonic() + 60
    while True:
        engine = create_engine(url)
        try:
            engine.connect().close()
        except OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
        finally:
            engine.dispose()
