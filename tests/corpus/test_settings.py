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
        ("shard_byts = 5", "'shard_byts' is no setting: did you mean 'shard_bytes'? Valid settings: actor, "),
        ("shard_bytes = 0", "shard_bytes = '0' (stemma.toml): input should be greater than or equal to 1."),
        ('shard_bytes = "lots"', "shard_bytes = 'lots' (stemma.toml): input should be a valid integer"),
        ('precision = "fp8"', "precision = 'fp8' (stemma.toml): input should be 'auto', 'fp32' or 'bf16'."),
        ("run_deadline_minutes = 1e300", "run_deadline_minutes = '1e+300' (stemma.toml): input should be less"),
        ("run_deadline_minutes = nan", "run_deadline_minutes = 'nan' (stemma.toml): "),
        ("inspect_seconds = inf", "inspect_seconds = 'inf' (stemma.toml): "),
        ('http_private_networks = ["10.0.0.0/99"]', "'10.0.0.0/99' is no network"),
        ('http_token_env = {"https://x" = "T"}', "'https://x' is no host: write docs.example.com or"),
    ],
)
def test_a_wrong_file_is_refused_with_the_value_and_what_is_valid(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "stemma.toml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)
    unknown = "is no setting" in said
    assert all(name in str(caught.value) for name in Settings.model_fields) == unknown
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "content",
    [
        'http_token_env = {"docs.example.com" = "ghp_sekrit"}',
        'home = "s3://AKIA:sekrit@bucket/stemma"',
        'home = "sftp://me:sekrit@host/stemma"',
        'api_key = "sekrit"',
        "catalog_url = {sekrit = 1}",
        'console_token = ["sekrit"]',
    ],
)
def test_what_may_be_a_secret_is_not_repeated(tmp_path: Path, content: str) -> None:
    (tmp_path / "stemma.toml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert "sekrit" not in str(caught.value)
    assert caught.value.__cause__ is None, "a traceback would repeat it"


@pytest.mark.parametrize("name", ["HTTP_PRIVATE_NETWORKS", "HTTP_TOKEN_ENV", "EMBEDDERS"])
@pytest.mark.parametrize("value", ["sekrit", ""])
def test_a_list_in_the_environment_that_is_no_json_says_how_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"STEMMA_{name}", value)
    with pytest.raises(ConfigurationError, match=f"STEMMA_{name} in the environment .*JSON") as caught:
        load_settings(tmp_path)
    assert "sekrit" not in str(caught.value)


def test_a_wrong_value_in_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_SHARD_BYTES", "many")
    with pytest.raises(ConfigurationError, match=r"STEMMA_SHARD_BYTES = 'many' \(the environment\)"):
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
