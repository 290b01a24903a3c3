"""`doctor`: each trouble is found, and comes with its next step."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from console.cli import health
from index.signing import generate_keypair


def _check(cli: Any, name: str, code: int = 1) -> dict[str, Any]:
    found = cli.json("doctor", "--skip-models", code=code)
    assert found["healthy"] == (code == 0)
    check: dict[str, Any] = next(item for item in found["checks"] if item["name"] == name)
    return check


def test_a_sound_project_is_healthy_with_its_model(project: Any) -> None:
    found = project.json("doctor")
    assert found["healthy"]
    checks = {item["name"]: item for item in found["checks"]}
    assert "256 numbers" in checks["model wordllama-256"]["found"]
    assert checks["contract handbook.odcs.yaml"]["status"] == "ok"
    assert {item["next"] for item in found["checks"] if item["status"] == "ok"} == {""}


def test_outside_a_project_only_the_environment_is_looked_at(cli: Any) -> None:
    check = _check(cli, "project", code=0)
    assert check["status"] == "warn"
    assert "stemma init" in check["next"]


def test_a_key_that_others_can_read(project: Any) -> None:
    path = project.folder / "keys" / "stemma-signing.pem"
    path.chmod(0o644)
    check = _check(project, "signing key")
    assert check["next"] == f"chmod 600 {path}"


def test_a_key_that_nobody_trusts(project: Any, tmp_path: Path) -> None:
    public = project.folder / "keys" / "trusted" / "stemma-signing.pub"
    public.unlink()
    assert "trusts nobody" in _check(project, "trusted keys")["found"]
    generate_keypair(tmp_path / "other.pem", public)
    assert "own key" in _check(project, "trusted keys")["found"]
    public.write_text("no key")
    assert "no PEM" in _check(project, "trusted keys")["found"]


def test_a_missing_catalog_and_home(project: Any) -> None:
    home = project.folder / ".stemma"
    (home / "catalog.db").unlink()
    assert "stemma init" in _check(project, "catalog")["next"]
    home.rename(project.folder / "moved")
    assert "does not exist" in _check(project, "home")["found"]
    assert not home.exists()


def test_a_broken_contract_and_bad_settings(project: Any) -> None:
    project.contract.write_text("kind: DataContract\n")
    assert "stemma contract validate" in _check(project, "contract handbook.odcs.yaml")["next"]
    (project.folder / "stemma.toml").write_text("hoem = 'x'\n")
    assert "hoem" in _check(project, "project")["found"]


def test_an_unreachable_catalog(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_CATALOG_URL", "mysql://somewhere/stemma")
    assert "mysql" in _check(project, "catalog")["found"]


def test_the_real_environment_has_no_collision() -> None:
    [check] = [check for check in health.environment() if check.name == "package names"]
    assert (check.status, check.next) == ("ok", "")
    assert set(health.PACKAGES) <= {*packages_distributions(), *health.PACKAGES}


def test_another_distribution_of_our_names_is_named(tmp_path: Path) -> None:
    places: dict[str, Path | None] = {"index": tmp_path / "index", "console": tmp_path / "console"}
    shared = health.collisions({"index": ["stemma-rag", "index-tools"]}, places, tmp_path / "console")
    assert shared.status == "fail"
    assert "index is also installed by index-tools" in shared.found
    assert "Uninstall" in shared.next
    places["index"] = tmp_path / "elsewhere" / "index"
    assert "imported from" in health.collisions({}, places, tmp_path / "console").found
    places["index"] = None
    assert health.collisions({}, places, tmp_path / "console").status == "fail"
