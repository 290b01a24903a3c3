"""A run costs what changed: unchanged documents are not read, and what left its source leaves the index."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.ids import new_run_id
from corpus.types import RawBlob, utc_now
from ingestion.sources import local
from ingestion.sources.files import FilesSource
from ingestion.sources.remote import RemotePlace
from ingestion.stages import acquire

DOCUMENTS = 8


BOTH = pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose documents are taken in; listings are believed at once, so that no test has to wait."""
    monkeypatch.setattr(local, "SETTLED_SECONDS", 0)
    made = Project.create(tmp_path / "project")
    if getattr(request, "param", "") == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    made.fill(DOCUMENTS)
    made.ingest()
    yield made
    made.runtime.catalog.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the documents that are read, as they are."""
    seen: list[str] = []
    real = FilesSource.read

    def read(self: FilesSource, ref: Any) -> RawBlob:
        seen.append(ref.doc_id)
        return real(self, ref)

    monkeypatch.setattr(FilesSource, "read", read)
    return seen


def _acquired(project: Project) -> dict[str, Any]:
    return dict(acquire.acquire(project.runtime, NAME, new_run_id()).figures)


def _one(project: Project) -> Path:
    return sorted(project.inbox.glob("*.md"))[0]


def _put_back(path: Path, text: str) -> None:
    """Writes another text of the same size, and puts the time of modification back."""
    before = path.stat()
    path.write_text(text)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@BOTH
def test_only_what_the_listing_does_not_show_to_be_unchanged_is_read(project: Project, reads: list[str]) -> None:
    path = _one(project)
    beside = path.with_name(path.name + ".meta.yaml")

    assert project.ingest().counts.unchanged == DOCUMENTS
    assert reads == []

    os.utime(path)  # touched: read once more, and then no more
    assert _acquired(project) == {"due": 0, "vanished": 0, "shards": 0, "read": 1}
    assert _acquired(project)["read"] == 0

    _put_back(path, path.read_text().replace("the", "teh", 1))
    assert _acquired(project) == {"due": 1, "vanished": 0, "shards": 1, "read": 1}

    beside.write_text("owner: ann\n")
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.unchanged) == (1, DOCUMENTS - 1)
    assert set(reads) == {path.name}
    assert _acquired(project)["read"] == 0

    _put_back(beside, "owner: bob\n")
    assert _acquired(project) == {"due": 1, "vanished": 0, "shards": 1, "read": 1}
    beside.unlink()
    assert _acquired(project) == {"due": 1, "vanished": 0, "shards": 1, "read": 1}

    project.runtime.catalog.close()
    project.settings = project.settings.model_copy(update={"trust_listing": False})
    assert _acquired(project) == {"due": 1, "vanished": 0, "shards": 1, "read": DOCUMENTS}


def test_other_terms_make_documents_due_that_are_not_read_for_it(project: Project) -> None:
    text = project.contract_path.read_text()
    assert "package-index" in text
    project.contract_path.write_text(text.replace("package-index", "archive").replace("1.0.0", "1.1.0", 1))
    assert _acquired(project) == {"due": DOCUMENTS, "vanished": 0, "shards": 1, "read": 0}


def test_deletions_renames_and_edits_reach_the_index_and_cost_what_they_are(project: Project) -> None:
    gone, renamed, edited, *_ = sorted(project.inbox.glob("*.md"))
    text = renamed.read_text()
    gone.unlink()
    renamed.rename(project.inbox / "renamed.md")
    receipt = project.ingest()
    assert (receipt.counts.removed, receipt.counts.indexed, receipt.figures["embedded"]) == (2, 1, 0)
    states = {doc_id: state.state for doc_id, state in project.states().items()}
    assert (states[gone.name], states[renamed.name], states["renamed.md"]) == ("gone", "gone", "active")
    found = {hit.doc_id for hit in project.search(text[:200], k=50)}
    assert "renamed.md" in found
    assert not {gone.name, renamed.name} & found
    edited.write_text(edited.read_text() + "\n\nOne more sentence about gaskets was added at the very end.\n")
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.counts.unchanged) == (1, DOCUMENTS - 2)
    assert receipt.figures["embedded"] <= 2
    assert project.ingest().figures["status"] == "unchanged"


@pytest.mark.parametrize(("age", "stamped"), [(1.9, False), (2.1, True), (-3600.0, False)])
def test_a_fresh_file_and_one_from_the_future_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, stamped: bool
) -> None:
    """A second write within the same tick of the clock would leave no trace in the listing."""
    path = tmp_path / "a.md"
    path.write_text("# A")
    now = path.stat().st_ctime_ns + int(age * 1e9)
    monkeypatch.setattr(time, "time_ns", lambda: now)
    [ref] = FilesSource(str(tmp_path)).list()
    assert bool(ref.stamp) is stamped


class Tagged:
    """A file system that lists one object, as an object store does; nothing is read."""

    def __init__(self, **info: Any) -> None:
        self._info = {"name": "bucket/a.md", "size": 3, "type": "file", **info}

    def invalidate_cache(self) -> None: ...

    def isdir(self, path: str) -> bool:
        return path == "bucket"

    def find(self, path: str, *, detail: bool) -> dict[str, Any]:
        return {f"{path}/a.md": self._info} if detail else {}

    def unstrip_protocol(self, path: str) -> str:
        return f"s3://{path}"


@pytest.mark.parametrize(
    ("tag", "minutes", "stamped"), [("0f", 2, True), ("0f", 0.5, False), ("", 2, False), ("0f", -5, False)]
)
def test_an_object_is_believed_by_its_tag_and_only_when_it_has_settled(tag: str, minutes: float, stamped: bool) -> None:
    info = {"ETag": f'"{tag}"', "LastModified": utc_now() - timedelta(minutes=minutes)}
    [entry] = RemotePlace(Tagged(**info), "bucket").entries()
    assert bool(entry.stamp) is stamped
