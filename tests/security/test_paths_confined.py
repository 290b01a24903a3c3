"""No path leads out: of a source, of the project, of a home, of a version; and nothing waits for a pipe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from contracts.load import load_contract
from corpus.errors import ConfigurationError, SourceGone, StemmaError
from corpus.storage import open_store
from index.manifest import Manifest
from ingestion.golden import golden_items
from ingestion.sources.files import FilesSource

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1")
    source = FilesSource(str(tmp_path))
    [ref] = source.list()
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(SourceGone):
        source.read(ref)


@as_root
def test_a_hard_link_to_a_file_of_somebody_else_is_no_document(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "own.txt").write_bytes(b"1")
    (inbox / "twice.txt").hardlink_to(inbox / "own.txt")
    source = FilesSource(str(inbox))
    [own, twice] = source.list()
    (tmp_path / "secret").write_bytes(b"secret")
    os.chown(tmp_path / "secret", 65534, 65534)
    (inbox / "linked.txt").hardlink_to(tmp_path / "secret")
    assert [ref.path for ref in source.list()] == ["own.txt", "twice.txt"]
    (inbox / "own.txt").unlink()
    (inbox / "own.txt").hardlink_to(tmp_path / "secret")
    with pytest.raises(SourceGone):
        source.read(own)
    assert source.read(twice).data == b"1"


def test_a_link_of_a_folder_on_the_way_is_not_followed(tmp_path: Path) -> None:
    inbox, secret = tmp_path / "inbox", tmp_path / "secret"
    (inbox / "deep").mkdir(parents=True)
    secret.mkdir()
    (inbox / "deep" / "a.txt").write_bytes(b"1")
    (secret / "a.txt").write_bytes(b"secret")
    source = FilesSource(str(inbox))
    [ref] = source.list()
    (inbox / "deep" / "a.txt").unlink()
    (inbox / "deep").rmdir()
    (inbox / "deep").symlink_to(secret)
    assert list(source.list()) == []
    with pytest.raises(SourceGone):
        source.read(ref)


@pytest.mark.parametrize("name", ["../outside.jsonl", "{outside}", "link.jsonl", "pipe.jsonl", "folder.jsonl"])
def test_the_golden_file_of_a_contract_is_a_file_of_the_project(tmp_path: Path, name: str) -> None:
    project = Project.create(tmp_path / "project")
    outside = tmp_path / "outside.jsonl"
    outside.write_text('{"id": "s3cret-line", "question": "x"}\n')
    (project.folder / "link.jsonl").symlink_to(outside)
    (project.folder / "folder.jsonl").mkdir()
    os.mkfifo(project.folder / "pipe.jsonl")
    text = project.contract_path.read_text()
    given = name.format(outside=outside)
    value = f"\n  - property: ragEvaluation\n    value: {{golden: {given}}}\n"
    project.contract_path.write_text(text.rstrip("\n") + value)
    contract = load_contract(project.contract_path, project.folder)
    with pytest.raises(ConfigurationError, match="inside the project folder") as caught:
        golden_items(project.runtime, contract)
    assert "s3cret-line" not in str(caught.value)
    assert contract.name == NAME


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..", "a/.."])
def test_a_home_has_no_way_out(tmp_path: Path, name: str) -> None:
    store = open_store(str(tmp_path / "home"))
    for act in (store.exists, store.read_bytes, store.remove, store.names, lambda each: store.replace(each, b"x")):
        with pytest.raises(ValueError, match="not a path inside a home"):
            act(name)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["../../../keys/stemma-signing.pem", "/etc/passwd", "a/../../b", "..", ""])
def test_a_manifest_names_no_file_outside_its_version(name: str) -> None:
    given = json.loads((Path(__file__).parents[1] / "index" / "golden" / "manifest.json").read_bytes())
    given["files"][name] = next(iter(given["files"].values()))
    with pytest.raises(StemmaError):
        Manifest.from_bytes(json.dumps(given).encode())
