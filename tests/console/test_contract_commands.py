"""`stemma contract diff | test | explain | import | export`, over real projects and real documents."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.drift.rule import MINIMUM
from contracts.load import parse_contract, problems_of

OLD = "mustBeGreaterOrEqualTo: 0.5"


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file, and the name of every folder."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for name, path in paths.items()
    }


def variant(cli: Any, *changes: tuple[str, str]) -> Path:
    """A copy of the project's contract with texts replaced."""
    text = cli.contract.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path: Path = cli.folder / "new.odcs.yaml"
    path.write_text(text, "utf-8")
    return path


# diff


def test_diff_asks_for_the_number_that_a_change_needs(project: Any) -> None:
    stricter = variant(project, (OLD, "mustBeGreaterOrEqualTo: 0.7"))
    found = project.json("contract", "diff", str(project.contract), str(stricter), code=1)
    assert (found["verdict"], found["required"], found["made"], found["sufficient"]) == (
        "breaking",
        "major",
        "none",
        False,
    )
    [change] = found["changes"]
    assert (change["path"], change["before"], change["after"]) == (
        "rule quality-score.threshold",
        "at least 0.5",
        "at least 0.7",
    )
    assert change["tell"] == ["owner support-team", "authors of the documents of handbook"]
    raised = variant(project, (OLD, "mustBeGreaterOrEqualTo: 0.7"), ("version: 1.0.0", "version: 2.0.0"))
    ran = project("contract", "diff", "handbook", str(raised))
    assert "The changes ask for major; the version was raised by major." in ran.out
    assert "at least 0.5 -> at least 0.7" in ran.out


def test_diff_of_the_same_contract_is_silent_about_layout(project: Any) -> None:
    same = variant(project, ("# Who answers for these documents.", "# Somebody."))
    assert project.json("contract", "diff", "handbook", str(same))["verdict"] == "same"


def test_diff_against_a_version_that_was_used(ingested: Any) -> None:
    text = ingested.contract.read_text("utf-8")
    ingested.contract.write_text(
        text.replace(OLD, "mustBeGreaterOrEqualTo: 0.2").replace("version: 1.0.0", "version: 1.1.0"), "utf-8"
    )
    found = ingested.json("contract", "diff", "handbook", "--against", "1.0.0")
    assert (found["before"], found["after"], found["verdict"], found["sufficient"]) == (
        "1.0.0",
        "1.1.0",
        "compatible",
        True,
    )
    assert "readers of the index handbook" in found["tell"]
    unknown = ingested.json("contract", "diff", "handbook", "--against", "9.0.0", code=2)
    assert "1.0.0" in unknown["error"]["message"]


def test_diff_without_a_second_contract_says_how(project: Any) -> None:
    assert "--against" in project.json("contract", "diff", "handbook", code=2)["error"]["message"]
    both = project.json("contract", "diff", "handbook", "handbook", "--against", "1.0.0", code=2)
    assert "give two contracts, or one" in both["error"]["message"]


def test_diff_of_invalid_contracts_reports_the_problems_of_both(project: Any) -> None:
    one = variant(project, ("version: 1.0.0", "version: one"))
    other = project.folder / "other.odcs.yaml"
    other.write_text(one.read_text("utf-8").replace("name: handbook #", "name: Hand Book #"), "utf-8")
    found = project.json("contract", "diff", str(one), str(other), code=2)
    assert len(found["error"]["problems"]) == 3
    assert {"new.odcs.yaml", "other.odcs.yaml"} == {line.split(":")[0] for line in found["error"]["problems"]}


# test


@pytest.mark.parametrize("words", [(), ("--all",), ("--sample", "2")])
def test_a_dry_run_writes_nothing_where_nothing_ever_ran(cli: Any, words: tuple[str, ...]) -> None:
    for number in range(4):
        cli.write(
            f"page{number}", f"# Page {number}\n\nThe order {number} is answered within two working days, by mail.\n"
        )
    (cli.folder / "stemma.toml").write_text("", "utf-8")
    cli("contract", "new", "handbook", "--path", "docs/**/*.md", "--model", "wordllama-256", "--owner", "team")
    before = tree(cli.folder)
    assert not any("stemma" in Path(name).parts[0] for name in before if Path(name).parts[0].startswith("."))
    found = cli.json("contract", "test", "handbook", *words)
    assert tree(cli.folder) == before
    assert (found["passes"], found["listed"], found["remembers"]) == (True, 4, False)
    assert found["examined"] == (2 if words == ("--sample", "2") else 4)


def test_a_dry_run_writes_nothing_where_there_is_a_home(ingested: Any) -> None:
    before = tree(ingested.folder)
    found = ingested.json("contract", "test", "handbook", code=1)
    assert tree(ingested.folder) == before
    assert found["remembers"]
    assert found["outcomes"] == {"accept": 3, "quarantine": 1}
    [held] = [item for item in found["documents"] if item["outcome"] == "quarantine"]
    assert held["doc_id"] == "returns.md"
    verdicts = {rule["name"]: rule["verdict"] for rule in found["rules"]}
    assert (verdicts["governance_fields"], verdicts["self-ingestion"]) == ("fail", "pass")


def test_a_dry_run_decides_as_the_run_did(ingested: Any) -> None:
    decided = {item["doc_id"] for item in ingested.json("quarantine", "list", "handbook")["documents"]}
    found = ingested.json("contract", "test", "handbook", "--all", code=1)
    assert {item["doc_id"] for item in found["documents"] if item["outcome"] == "quarantine"} == decided
    ingested("quarantine", "release", "handbook", "returns.md", "--reason", "looked at", "--by", "mara")
    assert ingested.json("contract", "test", "handbook")["outcomes"] == {"accept": 4}


def test_a_dry_run_finds_answers_that_were_served(ingested: Any) -> None:
    answer = (
        "Parcels to the islands leave on Tuesday with the mail boat and reach the harbour office after four working "
        "days, where a clerk named Ottilie keeps them dry beside the old customs scale until somebody signs."
    )
    line = {
        "answer_id": "a1",
        "text": answer,
        "served_at": "2026-01-05T10:00:00Z",
        "retrieved": [{"chunk_id": "c", "text": "Parcels."}],
    }
    (ingested.folder / "answers.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    imported = ingested("answers", "import", "answers.jsonl", code=None)
    assert imported.code == 0, imported
    ingested.write("islands", f"# Islands\n\n{answer}\n")
    found = ingested.json("contract", "test", "handbook", code=1)
    [rule] = [rule for rule in found["rules"] if rule["name"] == "self-ingestion"]
    assert rule["failing"] == ["islands.md"]


def test_a_dry_run_compares_with_the_last_accepted_run(project: Any) -> None:
    german = "Das Team prüft die Bestellnummer, die Zahlung und den Grund und antwortet innerhalb von zwei Tagen. "
    for number in range(MINIMUM):
        project.write(
            f"page{number}", f"# Page {number}\n\nThe team answers order {number} within two days, by mail.\n"
        )
    project("ingest", "handbook")
    same = verdicts(project.json("contract", "test", "handbook"))
    assert same["language-drift"]["verdict"] == "pass"
    for number in range(MINIMUM):
        project.write(f"page{number}", f"# Seite {number}\n\n{german * 3}\n")
    drifted = verdicts(project.json("contract", "test", "handbook"))
    assert drifted["language-drift"]["verdict"] == "warn"
    few = verdicts(project.json("contract", "test", "handbook", "--sample", "5"))
    assert few["language-drift"]["unjudged"] == "a sample differs from the whole by chance"
    assert few["near-duplicate"]["verdict"] == "not judged"


def verdicts(found: Any) -> dict[str, Any]:
    return {rule["name"]: rule for rule in found["rules"]}


def test_a_dry_run_shows_rules_decisions_and_what_would_be_held(ingested: Any) -> None:
    out = ingested("contract", "test", "handbook", code=1).out
    for words in (
        "governance_fields",
        "returns.md: no last_validated_date",
        "quarantine",
        "1 of 4 documents would not enter",
    ):
        assert words in out, out
    assert "Nothing was written." in out


def test_a_dry_run_says_which_rule_would_stop_the_run(project: Any) -> None:
    blocked = variant(project, ("mustBeGreaterThan: 0", "mustBeGreaterThan: 10"))
    ran = project("contract", "test", str(blocked), code=1)
    assert "The run would be stopped by some-documents." in ran.out


def test_an_invalid_contract_is_not_tried(project: Any) -> None:
    broken = variant(project, ("version: 1.0.0", "version: one"), ("engine: stemma", "engine: stema"))
    found = project.json("contract", "test", str(broken), code=2)
    assert len(found["error"]["problems"]) >= 3


def test_documents_from_another_folder(project: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.md").write_text(
        "# One\n\nA page about one order, and what the team answers to it by mail.\n", "utf-8"
    )
    found = project.json("contract", "test", "handbook", "--path", str(other), code=1)
    assert [item["doc_id"] for item in found["documents"]] == ["one.md"]
    assert "no folder" in project.json("contract", "test", "handbook", "--path", "nowhere", code=2)["error"]["message"]
    assert (
        "contradict"
        in project.json("contract", "test", "handbook", "--all", "--sample", "3", code=2)["error"]["message"]
    )


# explain


def test_explain_says_each_rule_with_its_line(project: Any) -> None:
    found = project.json("contract", "explain", "handbook")
    lines = project.contract.read_text("utf-8").splitlines()
    rules = {rule["name"]: rule for rule in found["rules"]}
    assert "name: quality-score" in lines[rules["quality-score"]["line"] - 1]
    assert rules["quality-score"]["expects"] == "a quality score of at least 0.5"
    assert all(rule["checks"] and rule["fails"] and rule["tells"] == "support-team" for rule in found["rules"])
    assert {"source", "governance", "chunking", "embedding", "schedule", "origins"} <= {
        part["part"] for part in found["parts"]
    }
    out = project("contract", "explain", "handbook").out
    assert "quality-score (quality_score)" in out
    assert "otherwise  the document is held in quarantine" in out


def test_explain_of_one_rule_by_name_or_by_kind(project: Any) -> None:
    by_name = project.json("contract", "explain", "handbook", "quality-score")
    by_kind = project.json("contract", "explain", "handbook", "quality_score")
    assert by_name == by_kind
    assert (len(by_name["rules"]), by_name["parts"]) == (1, [])
    wrong = project.json("contract", "explain", "handbook", "quality", code=2)["error"]["message"]
    assert "quality" in wrong


def test_a_contract_that_nobody_knows(project: Any) -> None:
    assert "Did you mean 'handbook'" in project.json("contract", "explain", "handbok", code=2)["error"]["message"]


# import


def test_import_shows_a_contract_and_writes_nothing(project: Any) -> None:
    before = tree(project.folder)
    out = project("contract", "import", "docs", "--name", "kb").out
    assert tree(project.folder) == before
    assert yaml.safe_load(out)["name"] == "kb"
    assert [problem.message for problem in problems_of(out)] != []
    assert "TODO" in out


def test_a_filled_import_is_valid_and_passes_its_own_test(project: Any) -> None:
    said = ("--owner", "docs", "--default", "version=1", "--default", "last_validated_date=2026-01-31")
    data = project.json("contract", "import", "docs", "--name", "kb", *said, "--output", "contracts/kb.odcs.yaml")
    assert (data["todo"], data["problems"], data["examined"]) == ([], [], 3)
    assert data["next"] == "stemma contract test contracts/kb.odcs.yaml"
    written = (project.folder / "contracts" / "kb.odcs.yaml").read_text("utf-8")
    assert written == data["yaml"]
    assert parse_contract(written, "kb").owner_team == "docs"
    assert project.json("contract", "test", "kb")["passes"]
    again = project.json("contract", "import", "docs", "--output", "contracts/kb.odcs.yaml", code=2)
    assert "is not overwritten" in again["error"]["message"]


def test_long_lines_of_a_shown_contract_are_not_cut(cli: Any) -> None:
    name = "a-folder-with-a-rather-long-name-" * 4
    path = cli.folder / name / name
    path.mkdir(parents=True)
    (path / "one.md").write_text("# One\n\nA page about one order, and what the team answers to it by mail.\n", "utf-8")
    out = cli("contract", "import", str(path), "--name", "kb").out
    assert yaml.safe_load(out)["servers"][0]["path"].endswith(f"{name}/{name}/**/*.md")
    assert max(map(len, out.splitlines())) > 200


def test_a_folder_that_is_none(project: Any) -> None:
    assert "no folder" in project.json("contract", "import", "nowhere", code=2)["error"]["message"]


# export


def test_export_points_the_contract_at_the_documents_that_serve(ingested: Any) -> None:
    out = ingested("contract", "export", "handbook").out
    value = yaml.safe_load(out)
    [server] = value["servers"]
    assert (server["format"], server["path"].endswith("v000001/documents.parquet")) == ("parquet", True)
    assert [item["name"] for item in value["schema"]] == ["document"]
    assert "updated_at" in [column["name"] for column in value["schema"][0]["properties"]]


def test_export_before_the_first_run_says_what_to_do(project: Any) -> None:
    assert "stemma ingest handbook" in project.json("contract", "export", "handbook", code=2)["error"]["message"]
    assert (
        "no file" in project.json("contract", "export", "handbook", "--data", "x.parquet", code=2)["error"]["message"]
    )


def test_a_proposal_names_files_of_formats_that_nobody_reads(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    page = "# Harbour\n\nThe harbour froze in January, and the town lived from its stores.\n"
    (folder / "a.md").write_text(page, "utf-8")
    (folder / "data.bin").write_bytes(bytes(range(256)) * 8)
    found = cli.json("contract", "import", str(folder), "--output", "-")
    assert (found["output"], found["examined"]) == (None, 1)
    assert list(found["beside"]) == ["data.bin"]
    assert not (cli.folder / "-").exists()
    target = tmp_path / "mixed.odcs.yaml"
    shown = cli("contract", "import", str(folder), "--output", str(target)).out
    assert "left out: data.bin" in shown
    assert f"stemma contract test {target}" in " ".join(shown.split()).replace(" /", " /")


def test_a_version_that_no_run_used_is_named_with_those_that_were(ingested: Any) -> None:
    ran = ingested("contract", "diff", "handbook", "--against", "9.9.9", code=2)
    assert "no run has used version '9.9.9'" in ran.err
    assert "Used: 1.0.0. Name one of them with --against." in " ".join(ran.err.split())
