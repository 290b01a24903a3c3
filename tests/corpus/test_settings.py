from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from corpus.errors import ConfigurationError
from corpus.settings import Settings, find_project, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STEMMA_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stemma.toml").write_text('home = "from-file"\nshard_bytes = 5\nactor = "file"\n')
    return tmp_path


def test_arguments_win_over_environment_over_file_over_defaults(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_SHARD_BYTES", "6")
    monkeypatch.setenv("STEMMA_ACTOR", "environment")
    settings = load_settings(project, actor="argument")
    assert (settings.actor, settings.shard_bytes, settings.precision) == ("argument", 6, "auto")
    assert settings.home == str(project / "from-file")


def test_relative_paths_start_at_the_project_wherever_one_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = load_settings()
    assert settings.project == project == find_project(below)
    assert settings.contracts == project / "contracts"
    assert settings.signing_key == project / "keys" / "stemma-signing.pem"
    assert load_settings(project, contracts=Path("/elsewhere")).contracts == Path("/elsewhere")


def test_the_environment_may_name_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_PROJECT", str(project))
    assert load_settings().project == project


def test_without_a_file_the_folder_itself_is_the_project(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.home == str(tmp_path / ".stemma")
    assert settings.catalog_url == ""
    assert settings.actor


def test_a_url_as_home_is_left_alone(tmp_path: Path) -> None:
    assert load_settings(tmp_path, home="s3://bucket/prefix/").home == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('hom = "x"', "hom"),
        ("shard_bytes = 0", "shard_bytes"),
        ('precision = "fp8"', "'auto', 'fp32' or 'bf16'"),
    ],
)
def test_a_wrong_file_is_refused_with_the_valid_names(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "stemma.toml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)
    assert all(name in str(caught.value) for name in Settings.model_fields)
    assert caught.value.exit_code == 2


def test_a_wrong_value_in_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_SHARD_BYTES", "many")
    with pytest.raises(ConfigurationError, match="shard_bytes"):
        load_settings(tmp_path)


@pytest.mark.parametrize("name", ["STEMMA_HOMES", "STEMMA_CATALOG_URI", "STEMMA_SHARDBYTES"])
def test_a_misspelt_name_in_the_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError, match=f"{name} in the environment is no setting; did you mean STEMMA_"):
        load_settings(tmp_path)


def test_other_names_in_the_environment_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_TEST_POSTGRES_URL", "postgresql://h/d")
    assert load_settings(tmp_path).project == tmp_path


@pytest.mark.parametrize("content", [b"home = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stemma.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_settings(tmp_path)


def test_settings_are_frozen_and_do_not_show_the_catalogs_password(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, catalog_url="postgresql://me:secret@h/d")
    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.home = "x"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
