"""Two people whose orders cross within milliseconds, on both databases: one is carried out, the other is told why not.

A third transaction holds the catalog until both are under way, so both have looked before either can write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from laws.handbook import DEFAULTS, NAME, Project, real_texts

from contracts.scaffold import new_contract
from corpus.catalog import audit, decisions, queue, runs, versions
from corpus.catalog.session import open_catalog
from corpus.errors import ConcurrentRelease, ConfigurationError, StemmaError
from corpus.types import Span
from ingestion import approving, holding
from ingestion.releasing import KIND, order_release, unfinished_order
from ingestion.shown import standing_of
from ingestion.splitting.deciding import Wanted, split_held, whole_of
from ingestion.stages import release
from ingestion.triage import reject_held, release_held

UNSAID = "last_validated_date"
UNDER_WAY_S = 0.6


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two versions, and two documents in quarantine; one person decides."""
    made = Project.create(tmp_path_factory.mktemp(request.param) / "project")
    if request.param == "postgresql":
        url = request.getfixturevalue("two_databases")[0]
        made.settings = made.settings.model_copy(update={"catalog_url": url})
        fresh = open_catalog(url)
        fresh.upgrade()
        fresh.close()
    defaults = {name: value for name, value in DEFAULTS.items() if name != UNSAID}
    made.contract_path.write_text(
        new_contract(
            NAME, root="./inbox", include=("**/*.md",), embedder="wordllama-256", owner="docs-team", defaults=defaults
        )
    )
    for number, (name, text) in enumerate(real_texts()[:4]):
        made.write(name, text if number < 2 else f"---\n{UNSAID}: 2026-02-01\n---\n{text}")
        if number > 1:
            made.ingest()
    yield made
    made.runtime.catalog.close()


def _held(project: Project) -> list[str]:
    return sorted(name for name, state in project.states().items() if state.state == "quarantined")


def _crossed(project: Project, *orders: Callable[[], Any]) -> list[Any]:
    """Gives orders while nobody can write, lets go, and returns what became of each: its answer or its error."""

    def told(order: Callable[[], Any]) -> Any:
        try:
            return order()
        except StemmaError as error:
            return error

    with ThreadPoolExecutor(len(orders)) as pool:
        with project.runtime.catalog.transaction() as tx:
            audit.lock(tx)
            audit.tail(tx, 1)  # SQLite takes its lock with the first statement
            waiting = [pool.submit(told, order) for order in orders]
            time.sleep(UNDER_WAY_S)
            assert [order.result() for order in waiting if order.done()] == [], "nothing could be written by then"
        return [order.result(60) for order in waiting]


def _refused(found: list[Any], kind: type[StemmaError], words: str) -> None:
    [error] = [item for item in found if isinstance(item, Exception)]
    assert (type(error), words in str(error)) == (kind, True), error
    assert len(found) == 2


def _shown(project: Project, document: str) -> str:
    with project.runtime.catalog.reading() as tx:
        return standing_of(queue.override_of(tx, NAME, project.states()[document]))


def test_of_two_decisions_that_saw_the_same_one_holds(project: Project) -> None:
    document, runtime = _held(project)[0], project.runtime
    for _ in range(2):  # the second time both saw a decision
        shown: Any = {"seen": project.states()[document].judged_sha256, "standing": _shown(project, document)}
        found = _crossed(
            project,
            partial(release_held, runtime, NAME, [document], reason="ours", actor="mara", **shown),
            partial(reject_held, runtime, NAME, [document], reason="theirs", actor="ines", **shown),
        )
        _refused(found, ConfigurationError, "Since this page was loaded")
        [settled] = next(item for item in found if not isinstance(item, Exception))
        with runtime.catalog.reading() as tx:
            override = queue.override_of(tx, NAME, project.states()[document])
            trail = decisions.trail(tx, NAME, document)
        assert override is not None
        assert (override.outcome, trail[0].detail["outcome"]) == (settled.outcome, settled.outcome)
    assert len(trail) == 2, "one entry each time"


def test_of_a_split_and_a_decision_that_saw_the_same_one_holds(project: Project) -> None:
    document, runtime = _held(project)[1], project.runtime
    size = len(whole_of(runtime, NAME, document).text)
    wanted = Wanted(spans=(Span(start=0, end=40), Span(start=40, end=size)), kept=(2,))
    shown: Any = {"seen": project.states()[document].judged_sha256, "standing": ""}
    found = _crossed(
        project,
        lambda: split_held(runtime, NAME, document, wanted, reason="half of it", actor="mara", **shown),
        lambda: reject_held(runtime, NAME, [document], reason="none of it", actor="ines", **shown),
    )
    _refused(found, ConfigurationError, "Since this page was loaded")
    with runtime.catalog.reading() as tx:
        assert len(decisions.trail(tx, NAME, document)) == 1


def _version(project: Project, number: int) -> Any:
    with project.runtime.catalog.reading() as tx:
        return versions.require(tx, NAME, number)


def _entries(project: Project, action: str) -> list[Any]:
    with project.runtime.catalog.reading() as tx:
        return [entry for entry in audit.tail(tx, 1_000) if entry.action == action]


def test_of_two_moves_that_saw_the_same_one_is_made(project: Project) -> None:
    runtime = project.runtime
    with runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    assert state is not None
    before = len(_entries(project, "alias.move"))
    seen: Any = {"generation": state.generation, "manifest_sha256": _version(project, 1).manifest_sha256}
    back = [partial(release.move, runtime, NAME, "live", 1, reason=who, **seen) for who in ("mara", "ines")]
    _refused(_crossed(project, *back), ConcurrentRelease, "was moved by somebody else")
    assert len(_entries(project, "alias.move")) == before + 1
    with pytest.raises(ConcurrentRelease):  # what was seen is long past, and nobody is at work
        release.move(runtime, NAME, "live", 2, reason="late", generation=state.generation)


def test_of_two_approvals_of_one_person_one_is_written(project: Project) -> None:
    runtime, digest = project.runtime, _version(project, 2).manifest_sha256
    twice = [
        lambda: approving.approve(runtime, NAME, 2, by="ada", reason="read it", manifest_sha256=digest)
        for _ in range(2)
    ]
    _refused(_crossed(project, *twice), ConfigurationError, "has approved handbook v000002 already")
    assert len(_entries(project, "version.approve")) == 1


def test_another_version_under_the_number_is_approved_moved_and_held_by_nobody(project: Project) -> None:
    """As after a catalog was restored from a copy and the next release took the number."""
    runtime, other = project.runtime, _version(project, 1).manifest_sha256
    before = len(_entries(project, "version.approve")) + len(_entries(project, "alias.move"))
    seen: Any = {"reason": "x", "manifest_sha256": other}
    orders: tuple[Callable[[], Any], ...] = (
        lambda: approving.approve(runtime, NAME, 2, by="bea", **seen),
        lambda: release.move(runtime, NAME, "live", 2, **seen),
        lambda: holding.hold(runtime, NAME, 2, **seen),
        lambda: holding.unhold(runtime, NAME, 2, **seen),
    )
    for order in orders:
        with pytest.raises(ConfigurationError, match="is not the version that was looked at"):
            order()
    assert len(_entries(project, "version.approve")) + len(_entries(project, "alias.move")) == before
    assert _entries(project, "version.hold") == []


def test_of_two_releases_that_were_ordered_one_is_made(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that began is at work until the other was told: on SQLite it might end before the other has its turn."""
    runtime, refused, release_it = project.runtime, threading.Event(), release.release

    def when_refused(*given: Any, **named: Any) -> Any:
        assert refused.wait(30), "both began"
        return release_it(*given, **named)

    def ordered(who: str) -> Any:
        try:
            return order_release(runtime, NAME, reason=who, force=True)
        except StemmaError:
            refused.set()
            raise

    monkeypatch.setattr(release, "release", when_refused)
    name, text = real_texts()[4]
    project.write(name, f"---\n{UNSAID}: 2026-02-01\n---\n{text}")
    project.ingest(publish=False)
    found = _crossed(project, partial(ordered, "mara"), partial(ordered, "ines"))
    _refused(found, ConfigurationError, "is at work since")
    [receipt] = [item for item in found if not isinstance(item, Exception)]
    [entry] = _entries(project, "release.order")
    assert (entry.subject, entry.detail["forced"], entry.detail["run_id"]) == (NAME, True, receipt.run_id)
    assert unfinished_order(runtime, NAME) is None


def test_an_order_of_another_machine_is_left_to_it_and_waits_for_nobody(project: Project) -> None:
    runtime = project.runtime
    with runtime.catalog.transaction() as tx:
        note = {"reason": "theirs", "process": {"host": "elsewhere.example", "pid": 1, "born": "x"}}
        runs.start(tx, run_id="theirs", contract=NAME, kind=KIND, actor="li", receipt=note)
    order = unfinished_order(runtime, NAME)
    assert order is not None
    assert (order.state, order.by, order.reason, order.place) == ("elsewhere", "li", "theirs", "elsewhere.example")
    order_release(runtime, NAME, reason="ours", force=True)
    assert unfinished_order(runtime, NAME) is None, "a later one has ended"
    with runtime.catalog.reading() as tx:
        theirs = runs.get(tx, "theirs")
    assert theirs is not None
    assert theirs.state == "running"
