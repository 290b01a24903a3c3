"""`stemma report` over real runs: forms, files, the list, and what it ends with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from lxml import html

NAME = "handbook"


def _runs(project: Any) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = project.json("report", NAME, "--list")["runs"]
    return runs


def test_the_last_run_is_shown_and_a_rule_that_was_broken_ends_with_one(ingested: Any) -> None:
    shown = ingested("report", NAME, code=1)
    assert "handbook 1.0.0  fail" in shown.out
    assert "governance_fields: returns.md" in shown.out
    assert "not judged" in shown.out
    found = ingested.json("report", NAME, code=1)
    assert (found["verdict"], found["documents"]) == ("fail", 3)
    [broken] = [rule for rule in found["rules"] if rule["verdict"] == "fail"]
    assert broken["failing"] == ["returns.md"]
    assert {"expected", "actual", "severity", "owner", "dimension"} <= broken.keys()


def test_a_contract_that_is_kept_ends_with_zero(project: Any) -> None:
    project("ingest", NAME)
    assert "pass" in project("report", NAME).out.splitlines()[0]


@pytest.mark.parametrize("form", ["json", "junit", "markdown", "html"])
def test_a_form_is_printed_as_it_is_written(ingested: Any, form: str) -> None:
    path = ingested.folder / "out" / f"report.{form}"
    printed = ingested("report", NAME, "--format", form, code=1).out
    said = ingested("report", NAME, "--format", form, "--output", str(path), code=1).out
    assert path.read_text("utf-8") == printed
    assert str(path) in said
    assert "returns.md" in printed
    assert [name.name for name in path.parent.iterdir()] == [path.name]


def test_each_form_is_what_it_says(ingested: Any) -> None:
    def form(name: str) -> str:
        out: str = ingested("report", NAME, "--format", name, code=1).out
        return out

    assert json.loads(form("json")) == ingested.json("report", NAME, code=1)
    suites = JUnitXml.fromstring(form("junit").encode("utf-8"))
    assert (suites.failures, suites.tests) == (1, len(ingested.json("report", NAME, code=1)["rules"]))
    assert html.fromstring(form("html")).xpath("string(//h1)").split() == ["handbook", "1.0.0:", "fail"]
    assert form("markdown").startswith("# handbook 1.0.0: fail\n")


def test_lines_of_a_page_are_not_cut_at_the_width_of_a_terminal(ingested: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    printed = ingested("report", NAME, "--format", "html", code=1).out
    assert max(map(len, printed.splitlines())) > 200


def test_a_run_is_found_by_its_id_and_the_newest_comes_first(ingested: Any) -> None:
    ingested.write("returns", "# Returns\n\nGoods come back in their box, with the slip that lay inside.\n")
    ingested("ingest", NAME)
    newest, first = _runs(ingested)
    assert (newest["verdict"], first["verdict"]) == ("pass", "fail")
    assert (newest["state"], newest["documents"], first["documents"]) == ("succeeded", 4, 3)
    assert ingested.json("report", NAME)["run_id"] == newest["run_id"]
    assert ingested.json("report", NAME, "--run", first["run_id"], code=1)["run_id"] == first["run_id"]
    assert newest["run_id"] in ingested("report", NAME, "--list").out


def test_a_run_that_was_blocked_has_a_report_that_the_error_names(project: Any) -> None:
    text = project.contract.read_text("utf-8")
    project.contract.write_text(text.replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 100"), "utf-8")
    said = project("ingest", NAME, code=1).err
    [run] = _runs(project)
    assert (run["verdict"], run["state"]) == ("block", "failed")
    assert f"stemma report {NAME} --run {run['run_id']}" in said
    assert "more than 100 documents" in project("report", NAME, code=1).out


def test_an_unknown_run_is_refused_with_the_nearest_one(ingested: Any) -> None:
    [run] = _runs(ingested)
    near = run["run_id"][:-1] + ("0" if run["run_id"][-1] != "0" else "1")
    refused = ingested("report", NAME, "--run", near, code=2)
    assert run["run_id"] in refused.err
    assert "Did you mean" in refused.err
    known = ingested("report", NAME, "--run", "x", code=2).err
    assert run["run_id"] in known
    assert "--list" in known
    assert ingested("report", NAME, "--run", "../../stemma", code=2).out == ""


def test_unknown_contracts_and_contracts_without_a_run_say_what_to_do(project: Any) -> None:
    assert "Did you mean 'handbook'" in project("report", "handbok", code=2).err
    assert f"stemma ingest {NAME}" in project("report", NAME, code=2).err
    assert "No run of handbook was judged yet" in project("report", NAME, "--list").out


def test_a_file_is_replaced_whole_or_not_at_all(ingested: Any, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old", "utf-8")
    link = tmp_path / "link.html"
    link.symlink_to(target)
    ingested("report", NAME, "--format", "html", "--output", str(link), code=1)
    assert link.is_symlink()
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    for wrong in (tmp_path, Path(os.devnull)):
        assert "no regular file" in ingested("report", NAME, "--format", "html", "--output", str(wrong), code=2).err
    blocked = ingested("report", NAME, "--format", "html", "--output", str(target / "below.html"), code=2)
    assert "cannot be written" in blocked.err
    assert "needs a format" in ingested("report", NAME, "--output", str(target), code=2).err
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".tmp")} == set()


def test_as_json_a_written_file_is_named(ingested: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    said = ingested.json("report", NAME, "--format", "junit", "--output", str(path), code=1)
    assert (said["output"], said["format"], said["verdict"]) == (str(path), "junit", "fail")
    assert path.exists()


def test_documents_that_no_rule_held_are_in_the_report(project):
    project.write("scan", "\n\n".join(f"{'T h e q u i c k b r o w n f o x ' * 4} {n}" for n in range(6)) + "\n")
    old = project.write("old", "# Old\n\nThe harbour rules of the year before last, kept for whoever asks.\n")
    old.write_text(old.read_text("utf-8").replace("---\n", "---\nstatus: superseded\n", 1), "utf-8")
    project("ingest", "handbook", code=None)
    found = project.json("report", "handbook", code=1)
    assert found["verdict"] == "fail"
    beside = {rule["name"]: rule for rule in found["rules"] if rule["name"] in ("in-force", "usable-text")}
    assert beside["in-force"]["failing"] == ["old.md"]
    assert beside["usable-text"]["failing"] == ["scan.md"]
    assert "in-force" in project("report", "handbook", code=1).out
