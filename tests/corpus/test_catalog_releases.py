from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import text

from corpus.catalog import audit, versions
from corpus.catalog.records import AliasState, AuditReport, VersionRecord
from corpus.catalog.session import Catalog, open_catalog
from corpus.errors import CatalogError, ConcurrentRelease, ConfigurationError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def version(number: int, name: str = "docs") -> VersionRecord:
    return VersionRecord(
        name=name,
        number=number,
        contract=name,
        contract_version="1.0.0",
        manifest_sha256=f"m{number}",
        identity=f"i{number}",
        embedder_fingerprint="f",
        chunker_fingerprint="c",
        documents=3,
        chunks=9,
        path=f"indexes/{name}/v{number:06d}",
        state="candidate",
        run_id="r",
        created_at=NOW,
        manifest={"files": {"index.faiss": "00"}, "share": 0.1},
    )


def move(catalog: Catalog, number: int, expected: int | None, alias: str = "live", actor: str = "ann") -> AliasState:
    with catalog.transaction() as tx:
        return versions.move_alias(
            tx, name="docs", alias=alias, number=number, expected_generation=expected, actor=actor, reason="test"
        )


@pytest.fixture
def released(catalog: Catalog) -> Catalog:
    with catalog.transaction() as tx:
        for number in (1, 2, 3):
            versions.add(tx, version(number))
    return catalog


def test_versions_come_back_as_they_were_added(released: Catalog) -> None:
    with released.transaction() as tx:
        versions.add(tx, version(3))
        versions.add(tx, version(1, "other"))
        assert versions.get(tx, "docs", 2) == version(2)
        assert versions.get(tx, "docs", 9) is None
        assert versions.all_of(tx, "docs") == (version(1), version(2), version(3))
        assert versions.latest_number(tx, "docs") == 3
        assert versions.latest_number(tx, "nothing") == 0


def test_a_number_that_another_release_took_is_a_concurrent_release(released: Catalog) -> None:
    with pytest.raises(ConcurrentRelease, match="v000003"), released.transaction() as tx:
        versions.add(tx, replace(version(3), manifest_sha256="other"))
    with released.transaction() as tx:
        assert versions.get(tx, "docs", 3) == version(3)


def test_the_state_of_a_version_is_one_of_three(released: Catalog) -> None:
    with released.transaction() as tx:
        versions.set_state(tx, "docs", 1, "retired")
        assert versions.get(tx, "docs", 1) == replace(version(1), state="retired")
    unknown = pytest.raises(ConfigurationError, match=r"no version v000009\. Known: v000001, v000002, v000003")
    with unknown, released.transaction() as tx:
        versions.set_state(tx, "docs", 9, "retired")
    with pytest.raises(CatalogError, match=r"(?i)constraint"), released.transaction() as tx:
        versions.set_state(tx, "docs", 1, "lost")


def test_an_alias_moves_by_compare_and_swap_and_every_move_is_audited(released: Catalog) -> None:
    first = move(released, 1, None)
    second = move(released, 2, first.generation, actor="bob")
    move(released, 3, None, alias="canary")
    assert (first.generation, second.generation, second.manifest_sha256) == (1, 2, "m2")
    with released.transaction() as tx:
        assert versions.alias(tx, "docs", "live") == second
        assert versions.alias(tx, "docs", "nope") is None
        assert [(found.alias, found.number) for found in versions.aliases(tx, "docs")] == [("canary", 3), ("live", 2)]
        log = [(entry.actor, entry.subject, entry.detail["from"], entry.detail["to"]) for entry in audit.tail(tx)]
    assert log == [("ann", "docs@canary", None, 3), ("bob", "docs@live", 1, 2), ("ann", "docs@live", None, 1)]


@pytest.mark.parametrize("expected", [None, 1, 3])
def test_an_alias_that_moved_since_stays_where_it_is(released: Catalog, expected: int | None) -> None:
    move(released, 1, None)
    standing = move(released, 2, 1)
    with pytest.raises(ConcurrentRelease, match="generation 2, v000002, moved by ann") as caught:
        move(released, 3, expected)
    assert caught.value.retryable
    with released.transaction() as tx:
        assert versions.alias(tx, "docs", "live") == standing
        assert audit.verify(tx).entries == 2


def test_an_alias_that_was_never_set_has_no_generation_to_expect(released: Catalog) -> None:
    with pytest.raises(ConcurrentRelease, match="it is not there"):
        move(released, 1, 1)


def test_an_alias_never_points_to_a_version_that_is_not_there(released: Catalog) -> None:
    with pytest.raises(ConfigurationError, match="no version v000007"):
        move(released, 7, None)
    move(released, 1, None)
    with pytest.raises(CatalogError, match=r"(?i)foreign key"), released.transaction() as tx:
        tx.execute(text("DELETE FROM versions WHERE number = 1"))


@pytest.mark.parametrize("existing", [False, True])
def test_of_many_who_move_an_alias_at_once_exactly_one_wins(released: Catalog, existing: bool) -> None:
    expected = move(released, 1, None).generation if existing else None
    gate = Barrier(6)

    def attempt(racer: int) -> AliasState | None:
        gate.wait()
        try:
            return move(released, 2, expected, actor=f"racer {racer}")
        except ConcurrentRelease:
            return None

    with ThreadPoolExecutor(6) as pool:
        won = [state for state in pool.map(attempt, range(6)) if state is not None]
    assert len(won) == 1
    with released.transaction() as tx:
        assert versions.alias(tx, "docs", "live") == won[0]
        assert audit.tail(tx)[0].actor == won[0].actor
        assert audit.verify(tx) == AuditReport(entries=1 + existing, broken_at=None, head=audit.tail(tx)[0].digest)


def _race(url: str, gate: object, outcomes: object) -> None:
    catalog = open_catalog(url)
    gate.wait()  # type: ignore[attr-defined]
    try:
        outcomes.put(move(catalog, 2, 1).generation)  # type: ignore[attr-defined]
    except ConcurrentRelease:
        outcomes.put(None)  # type: ignore[attr-defined]
    for number in range(10):
        with catalog.transaction() as tx:
            audit.append(tx, actor="a", action="x", subject=str(number), detail={"number": number})
    catalog.close()


def test_processes_race_for_an_alias_and_for_the_audit_log(released: Catalog) -> None:
    move(released, 1, None)
    spawn = multiprocessing.get_context("fork")
    released.close()
    gate, outcomes = spawn.Barrier(2), spawn.SimpleQueue()
    processes = [spawn.Process(target=_race, args=(released.url, gate, outcomes)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted([outcomes.get(), outcomes.get()], key=str) == [2, None]
    with released.transaction() as tx:
        report = audit.verify(tx)
    assert (report.entries, report.broken_at) == (22, None)


def test_threads_that_append_at_once_keep_the_chain(catalog: Catalog) -> None:
    def append(number: int) -> None:
        with catalog.transaction() as tx:
            audit.append(tx, actor="a", action="x", subject=str(number), detail={})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(40)))
    with catalog.transaction() as tx:
        assert audit.verify(tx).broken_at is None
        assert {entry.subject for entry in audit.tail(tx, 100)} == {str(number) for number in range(40)}


@pytest.fixture
def logged(catalog: Catalog) -> Catalog:
    with catalog.transaction() as tx:
        for number in range(1, 6):
            audit.append(tx, actor="ann", action="note", subject=f"s{number}", detail={"share": 0.1, "text": "é\u2028"})
    return catalog


def test_an_untouched_log_is_whole_and_each_entry_names_the_one_before(logged: Catalog) -> None:
    with logged.transaction() as tx:
        newest = audit.tail(tx, 2)
        assert audit.verify(tx) == AuditReport(entries=5, broken_at=None, head=newest[0].digest)
        assert newest[0].previous == newest[1].digest
        assert [entry.number for entry in newest] == [5, 4]


@pytest.mark.parametrize(
    ("tampering", "broken_at"),
    [
        ("UPDATE audit_log SET actor = 'bob' WHERE number = 3", 3),
        ("UPDATE audit_log SET subject = 's9' WHERE number = 1", 1),
        ("""UPDATE audit_log SET detail = '{"share": 0.2}' WHERE number = 5""", 5),
        ("UPDATE audit_log SET previous = digest WHERE number = 2", 2),
        ("DELETE FROM audit_log WHERE number = 3", 3),
        ("DELETE FROM audit_log WHERE number = 1", 1),
        ("UPDATE audit_log SET number = number + 10 WHERE number = 4", 4),
    ],
)
def test_the_first_broken_entry_is_found(logged: Catalog, tampering: str, broken_at: int) -> None:
    with logged.transaction() as tx:
        tx.execute(text(tampering))
        assert audit.verify(tx).broken_at == broken_at


def test_removing_an_entry_and_closing_the_gap_is_found(logged: Catalog) -> None:
    with logged.transaction() as tx:
        tx.execute(text("DELETE FROM audit_log WHERE number = 3"))
        for number in (4, 5):
            tx.execute(
                text("UPDATE audit_log SET number = :new WHERE number = :old"), {"new": number - 1, "old": number}
            )
        assert audit.verify(tx).broken_at == 3


def test_an_end_that_was_cut_off_shows_against_a_head_kept_elsewhere(logged: Catalog) -> None:
    with logged.transaction() as tx:
        kept = audit.verify(tx).head
        tx.execute(text("DELETE FROM audit_log WHERE number = 5"))
        report = audit.verify(tx)
    assert report.broken_at is None
    assert report.head != kept


def test_an_empty_log_is_whole(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert audit.verify(tx) == AuditReport(entries=0, broken_at=None, head=audit.START)
