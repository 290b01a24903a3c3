"""Tombstones, erasures, the redacted log and the gate, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from corpus.catalog import audit, erasures, scrub, versions
from corpus.catalog.exclusive import gate
from corpus.catalog.session import Catalog, open_catalog
from corpus.catalog.tables import AuditRow
from corpus.errors import CatalogError
from corpus.ids import tomb_digest

NAME = "handbook"


def test_tombstones_count_up_and_an_equal_one_changes_nothing(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert erasures.sequence(tx, NAME) == 0
        assert erasures.bury(tx, NAME, "document", ["a", "b"]) == 1
        assert erasures.bury(tx, NAME, "document", ["a"]) == 1
        assert erasures.bury(tx, NAME, "chunk", ["c"]) == 2
        assert erasures.bury(tx, NAME, "document", ["a"], lifted=True) == 3
        assert erasures.bury(tx, NAME, "document", ["a", "never"], lifted=True) == 3
    with catalog.reading() as tx:
        assert erasures.buried(tx, NAME, "document") == {"b"}
        assert erasures.buried(tx, NAME, "chunk") == {"c"}
        assert erasures.buried(tx, "other", "document") == frozenset()
        assert (erasures.sequence(tx, NAME), erasures.sequence(tx, "other")) == (3, 0)


def test_a_new_catalog_counts_on_from_the_file_that_is_there(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        assert erasures.bury(tx, NAME, "document", ["a"], after=41) == 42
        assert erasures.bury(tx, NAME, "document", ["b"], after=41) == 43


def test_two_that_bury_at_once_do_not_count_the_same(catalog: Catalog) -> None:
    def bury(number: int) -> None:
        with catalog.transaction() as tx:
            erasures.bury(tx, NAME, "document", [f"d{number}"])

    threads = [threading.Thread(target=bury, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.reading() as tx:
        assert erasures.sequence(tx, NAME) == 8
        assert len(erasures.buried(tx, NAME, "document")) == 8


def test_an_erasure_keeps_the_id_only_while_it_is_at_work(catalog: Catalog) -> None:
    digest = tomb_digest(NAME, "people/mara.md")
    with catalog.transaction() as tx:
        record = erasures.request(tx, NAME, "people/mara.md", reason="request 17", actor="ann")
        assert erasures.request(tx, NAME, "people/mara.md", reason="another", actor="bob") == record
        erasures.remember_contents(tx, NAME, digest, ["y", "x"])
        erasures.remember_contents(tx, NAME, digest, ["x", "z"])
    with catalog.reading() as tx:
        [pending] = erasures.pending(tx)
        assert (pending.doc_id, pending.contents) == ("people/mara.md", ("x", "y", "z"))
    with catalog.transaction() as tx:
        erasures.finish(tx, NAME, digest)
    with catalog.reading() as tx:
        assert erasures.pending(tx) == ()
        [done] = erasures.of_contract(tx, NAME)
        assert (done.state, done.doc_id, done.contents) == ("done", "", ("x", "y", "z"))
        assert [entry.action for entry in audit.tail(tx)] == [erasures.ERASE]
        assert "people/mara.md" not in str(audit.tail(tx))
    with catalog.transaction() as tx:
        assert erasures.lift(tx, NAME, digest, reason="consent", actor="ann")
        assert not erasures.lift(tx, NAME, digest, reason="consent", actor="ann")
    with catalog.reading() as tx:
        [lifted] = erasures.of_contract(tx, NAME)
        assert (lifted.state, lifted.contents) == ("lifted", ())


def test_replacements_follow_a_version_that_was_replaced_twice(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        erasures.replace_version(tx, NAME, 1, 3)
        erasures.replace_version(tx, NAME, 2, 4)
        erasures.replace_version(tx, NAME, 3, 5)
    with catalog.reading() as tx:
        assert erasures.replacements(tx, NAME) == {1: 5, 2: 4, 3: 5}
        assert versions.served(tx, NAME, "live") == ()


def _log(catalog: Catalog) -> None:
    with catalog.transaction() as tx:
        for number in range(4):
            detail = {"reason": "quotes a secret" if number % 2 else "fine"}
            audit.append(tx, actor="ann", action="decision.vote", subject=f"{NAME}/doc{number}", detail=detail)


def _redact(catalog: Catalog) -> tuple[int, ...]:
    with catalog.transaction() as tx:
        return audit.redact(tx, "f" * 64, "ann", lambda entry: "secret" in str(entry.detail))


def test_a_redacted_log_holds_and_says_so(catalog: Catalog) -> None:
    _log(catalog)
    assert _redact(catalog) == (2, 4)
    assert _redact(catalog) == ()
    with catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None
        entries = {entry.number: entry for entry in audit.tail(tx)}
    assert "secret" not in str(entries)
    assert (entries[2].subject, entries[2].detail, entries[2].actor) == ("f" * 64, {"erased": "f" * 64}, "ann")
    assert (entries[5].action, entries[5].detail) == (audit.REDACT, {"entries": [2, 4]})


@pytest.mark.parametrize("number", [1, 3])
def test_an_entry_that_is_emptied_without_a_word_breaks_the_chain(catalog: Catalog, number: int) -> None:
    _log(catalog)
    _redact(catalog)
    with catalog.transaction() as tx:
        tx.execute(update(AuditRow).where(AuditRow.number == number).values(detail={"erased": "f" * 64}))
    with catalog.reading() as tx:
        assert audit.verify(tx).broken_at == number


def test_a_redacted_entry_cannot_leave_the_chain_or_change_its_digest(catalog: Catalog) -> None:
    _log(catalog)
    _redact(catalog)
    with catalog.transaction() as tx:
        tx.execute(update(AuditRow).where(AuditRow.number == 2).values(digest="0" * 64))
    with catalog.reading() as tx:
        assert audit.verify(tx).broken_at == 3


def test_those_who_add_share_the_gate_and_who_takes_out_holds_it_alone(catalog: Catalog) -> None:
    order: list[str] = []

    def alone() -> None:
        with gate(catalog, alone=True):
            order.append("alone")

    with gate(catalog), gate(catalog):
        thread = threading.Thread(target=alone)
        thread.start()
        time.sleep(0.3)
        order.append("adding")
    thread.join()
    assert order == ["adding", "alone"]
    with (
        gate(catalog, alone=True),
        pytest.raises(CatalogError, match="neither ended in time"),
        gate(catalog, seconds=0.2),
    ):
        pass
    with gate(catalog, seconds=0.2):
        pass


def test_a_killed_process_lets_go_of_the_gate(catalog: Catalog) -> None:
    script = (
        "import sys, os; from corpus.catalog.exclusive import gate; from corpus.catalog.session import open_catalog\n"
        "with gate(open_catalog(sys.argv[1]), alone=True):\n print('held', flush=True); os.kill(os.getpid(), 9)\n"
    )
    root = str(Path(__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", script, catalog.url],
        capture_output=True, text=True, check=False, cwd=root, env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (run.stdout, run.returncode) == ("held\n", -9), run.stderr
    with gate(catalog, alone=True, seconds=20):
        pass


def test_compacting_leaves_the_catalog_as_it_was(catalog: Catalog) -> None:
    _log(catalog)
    scrub.compact(catalog)
    with catalog.reading() as tx:
        assert audit.verify(tx).entries == 4


def test_sqlite_keeps_nothing_that_was_deleted(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(sqlite_template.read_bytes())
    catalog = open_catalog(f"sqlite:///{path}")
    _log(catalog)
    _redact(catalog)

    def said() -> bool:
        return any(b"quotes a secret" in each.read_bytes() for each in tmp_path.glob("catalog.db*"))

    assert said(), "the log of the database and its free pages hold it"
    scrub.compact(catalog)
    assert not said()
    catalog.close()
