"""`init`: every part is made once, and what exists is never overwritten."""

from __future__ import annotations

import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from console.cli.project import IGNORED, make_project, settings_text
from corpus.errors import ConfigurationError
from corpus.settings import Settings, load_settings
from index.signing import TrustStore, load_signer


def test_init_makes_a_project_that_its_own_doctor_finds_healthy(cli: Any) -> None:
    made = cli.json("init")
    assert [step["action"] for step in made["steps"]] == ["made"] * 5
    private = cli.folder / "keys" / "stemma-signing.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    trust = TrustStore.from_folder(cli.folder / "keys" / "trusted")
    assert list(trust.keys) == [load_signer(private).public_key.keyid]
    checks = {check["name"]: check["status"] for check in cli.json("doctor", "--skip-models")["checks"]}
    assert {name: checks[name] for name in ("home", "catalog", "signing key", "trusted keys")} == {
        "home": "ok",
        "catalog": "ok",
        "signing key": "ok",
        "trusted keys": "ok",
    }


def test_a_second_init_changes_nothing(cli: Any) -> None:
    cli("init")
    before = cli.files()
    again = cli.json("init")
    assert {step["action"] for step in again["steps"]} == {"kept"}
    assert cli.files() == before


def test_what_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "stemma.toml").write_text("contracts = 'promises'\n")
    (tmp_path / ".gitignore").write_text("*.log")
    make_project(tmp_path)
    assert (tmp_path / "stemma.toml").read_text() == "contracts = 'promises'\n"
    assert (tmp_path / "promises").is_dir()
    assert (tmp_path / ".gitignore").read_text().splitlines() == ["*.log", *IGNORED]


def test_a_lost_public_half_comes_back(tmp_path: Path) -> None:
    make_project(tmp_path)
    public = tmp_path / "keys" / "trusted" / "stemma-signing.pub"
    before = public.read_bytes()
    public.unlink()
    steps = {step.part: step for step in make_project(tmp_path)}
    assert steps["signing key"].action == "extended"
    assert public.read_bytes() == before


def test_a_clone_without_the_private_key_gets_no_second_key(tmp_path: Path) -> None:
    make_project(tmp_path)
    private = tmp_path / "keys" / "stemma-signing.pem"
    private.unlink()
    steps = {step.part: step for step in make_project(tmp_path)}
    assert steps["signing key"].action == "missing"
    assert "copy their private key" in steps["signing key"].note
    assert not private.exists()


def test_a_file_is_no_project_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="no project can be made"):
        make_project(tmp_path / "file")


def test_the_settings_file_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    text = settings_text()
    assert tomllib.loads(text) == {}
    settable = set(Settings.model_fields) - {"project", "embedders"}
    assert "# [embedders.NAME]" in text
    uncommented = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ") and " = " in line
    ).replace("your login", '"mara"')
    assert set(tomllib.loads(uncommented)) == settable
    (tmp_path / "stemma.toml").write_text(uncommented)
    defaults = Settings(project=tmp_path, actor="mara")
    assert load_settings(tmp_path) == defaults


def test_the_private_key_and_the_home_are_ignored_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    make_project(tmp_path)
    names = ("keys/stemma-signing.pem", ".stemma/catalog.db", "keys/trusted/stemma-signing.pub", "stemma.toml")
    run = subprocess.run(["git", "check-ignore", *names], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["keys/stemma-signing.pem", ".stemma/catalog.db"]


def test_init_elsewhere_says_where_to_go(cli: Any) -> None:
    ran = cli.json("init", "sub/corpus")
    assert (cli.folder / "sub" / "corpus" / "stemma.toml").is_file()
    assert ran["next"].startswith("cd sub/corpus && stemma contract new")
