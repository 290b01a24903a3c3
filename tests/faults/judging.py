"""What has to hold of a home after any fault: the judge that every test of the matrix calls."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow.parquet as pq
from laws.handbook import NAME, Project

from corpus.catalog import audit, documents, runs, segments, versions
from corpus.receipts import Receipt
from index import layout
from index.pointer import version_numbers
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.stages.release import is_projected


def page(words: str) -> str:
    """Returns a page long enough to be indexed, that says `words`."""
    return (
        f"# About {words}\n\n" + f"The {words} is explained here at some length for the people of the night shift. " * 8
    )


def judge(project: Project, wanted: Iterable[str], *, every_version: bool = True) -> None:
    """No lost document, no duplicate chunk, no half version, and every run that closed accounts for what it received.

    Args:
        project: After the fault, and after whatever the message said to do.
        wanted: Ids of the documents that the source has.
        every_version: Read every byte of every version too; a test with many rounds does that in its last one.
    """
    wanted = set(wanted)
    _catalog_holds(project, wanted)
    _served_holds(project, wanted)
    if every_version:
        _folders_hold(project)


def inbox(project: Project) -> set[str]:
    """Returns the ids of the documents in a project's folder."""
    return {path.relative_to(project.inbox).as_posix() for path in project.inbox.rglob("*.md")}


def live(project: Project) -> int:
    """Returns the version that readers without a database see."""
    return project.reader().manifest.number


def _catalog_holds(project: Project, wanted: set[str]) -> None:
    with project.runtime.catalog.reading() as tx:
        active = list(documents.active(tx, NAME))
        assert {item.doc_id for item in active} == wanted
        assert len(active) == len(wanted)
        for item in active:
            assert segments.get(tx, item.segment_id) is not None
        assert audit.verify(tx).broken_at is None
        for run in runs.recent(tx, NAME, limit=1_000):
            if run.state == "succeeded" and "counts" in run.receipt:
                assert Receipt.from_json(run.receipt).counts.balanced, run


def _served_holds(project: Project, wanted: set[str]) -> None:
    store = project.runtime.store
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    assert state is not None
    assert is_projected(store, state)
    folder = layout.version_path(NAME, state.number)
    served = pq.read_table(io.BytesIO(store.read_bytes(f"{folder}/{layout.DOCUMENTS}")))["doc_id"].to_pylist()
    assert sorted(served) == sorted(wanted)
    chunks = pq.read_table(io.BytesIO(store.read_bytes(f"{folder}/{layout.CHUNKS}")))
    ids = chunks["chunk_id"].to_pylist()
    assert len(ids) == len(set(ids)) == len(project.reader())
    assert set(chunks["doc_id"].to_pylist()) == wanted


def _folders_hold(project: Project) -> None:
    """Every folder that looks like a version is one, whole and signed, whoever left it."""
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    store = project.runtime.store
    for number in version_numbers(store, NAME):
        folder = layout.version_path(NAME, number)
        if store.is_local or store.exists(f"{folder}/{layout.ENVELOPE}"):
            verify_version(store, NAME, number, trust)
