"""The private key: from a file that is its owner's only, or from the environment; never in a message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from corpus.errors import ConfigurationError
from corpus.settings import Settings, load_settings
from index.signing import generate_keypair, load_signer
from ingestion.stages import tombstone


@pytest.fixture
def key(tmp_path: Path) -> Path:
    generate_keypair(tmp_path / "key.pem", tmp_path / "key.pub")
    return tmp_path / "key.pem"


def test_a_link_is_judged_by_what_it_leads_to(key: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(key)
    assert load_signer(link).public_key.keyid == load_signer(key).public_key.keyid
    key.chmod(0o640)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {link}"):
        load_signer(link)


def test_a_link_to_nothing_is_a_missing_key(tmp_path: Path) -> None:
    (tmp_path / "link.pem").symlink_to(tmp_path / "nothing")
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_signer(tmp_path / "link.pem")


def test_a_pipe_or_a_folder_is_no_key_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem", 0o600)
    for path in (tmp_path / "pipe.pem", tmp_path):
        with pytest.raises(ConfigurationError, match=r"is no file|cannot be read"):
            load_signer(path)


@pytest.mark.parametrize("cut", [0, 1, 30, 100])
def test_an_empty_or_cut_key_is_refused_without_being_shown(key: Path, cut: int) -> None:
    whole = key.read_text()
    key.write_text(whole[:cut])
    with pytest.raises(ConfigurationError) as caught:
        load_signer(key)
    assert whole.splitlines()[1] not in str(caught.value)


def test_a_key_may_be_in_the_environment(key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(project=tmp_path, signing_key=Path("env:HOUSE_KEY"))
    assert settings.key_in_environment
    for text in (key.read_text(), key.read_text().replace("\n", "\\n")):
        monkeypatch.setenv("HOUSE_KEY", text)
        assert load_signer(settings.signing_key).public_key.keyid == load_signer(key).public_key.keyid
    for wrong in ("", "  ", "not a key", key.read_text()[:60]):
        monkeypatch.setenv("HOUSE_KEY", wrong)
        with pytest.raises(ConfigurationError) as caught:
            load_signer(settings.signing_key)
        assert key.read_text().splitlines()[1] not in str(caught.value)


def test_a_key_where_its_place_belongs_is_not_repeated(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A common mistake: the variable that names the file is set to what is in it."""
    monkeypatch.setenv("STEMMA_SIGNING_KEY", key.read_text())
    with pytest.raises(ConfigurationError, match="env:NAME") as caught:
        load_settings(tmp_path)
    assert key.read_text().splitlines()[1] not in str(caught.value)


def test_a_key_that_nobody_trusts_publishes_nothing(tmp_path: Path) -> None:
    """Readers refuse what it signs: the old version has to go on serving, and the command has to say why."""
    project = Project.create(tmp_path / "project")
    project.fill(3)
    project.ingest()
    held = project.settings.signing_key.read_bytes()
    project.settings.signing_key.unlink()
    generate_keypair(project.settings.signing_key, tmp_path / "other.pub")
    project.write("more", "# More\n\nParcels that are lost are sent again without charge, within ten days. " * 3)
    with pytest.raises(ConfigurationError, match="readers would refuse") as caught:
        project.ingest()
    assert str(project.settings.trusted_keys) in str(caught.value)
    assert project.reader().manifest.number == 1, "what was served is served still"
    with pytest.raises(ConfigurationError, match="readers would refuse"):
        tombstone.delete(project.runtime, NAME, doc_id="more.md", reason="not ours", actor="mara")
    project.settings.signing_key.write_bytes(held)
    project.ingest()
    assert project.reader().manifest.number == 2
