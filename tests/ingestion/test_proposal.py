"""A contract proposed from a folder: what is there enters under it, and nothing is made up."""

from __future__ import annotations

import re
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from contracts.load import parse_contract, problems_of
from contracts.suggest import Observed, globs_of, quantile, suggested_contract
from corpus.errors import ConfigurationError, ContractError
from corpus.settings import Settings
from ingestion.proposal import propose
from ingestion.rehearsal import elsewhere, rehearse

ENGLISH = "The support team checks the order number, the payment and the reason, and answers within two working days. "
GERMAN = "Das Team prüft die Bestellnummer, die Zahlung und den Grund und antwortet innerhalb von zwei Arbeitstagen. "
DAY = (datetime.now(UTC) - timedelta(days=400)).date().isoformat()
GIVEN = {"last_validated_date": "2026-01-31", "version": "1"}
_FINE = ("pass", "not judged")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pages in two languages and two formats, a file that no parser can read, and one without words."""
    docs = tmp_path / "docs"
    (docs / "deep [x]").mkdir(parents=True)
    for number in range(5):
        front = f"---\nowner: support\nversion: '{number}'\nupdated: {DAY}\n---\n"
        (docs / f"en{number}.md").write_text(f"{front}# Case {number}\n\n{ENGLISH * (number + 2)}\n", "utf-8")
    for number in range(3):
        page = f"<html><head><title>Fall {number}</title></head><body><p>{GERMAN * 4}</p></body></html>"
        (docs / f"de{number}.html").write_text(page, "utf-8")
    (docs / "deep [x]" / "broken.md").write_bytes(bytes(range(1, 256)) * 4 + b"\x00" * 300)
    (docs / "data.bin").write_bytes(b"\x00\x01\x02" * 200)
    return docs


def test_what_is_there_enters_under_the_proposed_contract(folder: Path) -> None:
    settings = Settings(project=folder.parent)
    suggestion, seen = propose(folder, settings, name="kb", owner="docs team", defaults=GIVEN)
    assert suggestion.todo == ()
    contract = parse_contract(suggestion.text, "kb.odcs.yaml")
    assert contract.source.include == ("**/*.html", "**/*.md")
    assert (seen.examined, dict(seen.languages)) == (8, {"en": 5, "de": 3})
    assert (seen.said["owner"], seen.said["version"], seen.dated) == (5, 5, 5)
    found = rehearse(contract, settings)
    assert found.passes, [(item.ref.path, item.decision) for item in found.assessments]
    assert found.listed == 8
    # The pages are made from one text: what warns of copies is right.
    assert [(item.result.spec.name, item.verdict) for item in found.trials if item.verdict not in _FINE] == [
        ("near-duplicate", "warn")
    ]


def test_every_figure_says_what_it_rests_on(folder: Path) -> None:
    suggestion, _ = propose(folder, Settings(project=folder.parent), name="kb", owner="docs", defaults=GIVEN)
    lengths = re.search(r"# Observed: ([\d,]+) to ([\d,]+) characters", suggestion.text)
    assert lengths is not None
    contract = parse_contract(suggestion.text, "kb")
    [text] = [field for field in contract.fields if field.name == "text"]
    low, high = (int(figure.replace(",", "")) for figure in lengths.groups())
    assert text.min_length == low // 2
    assert text.max_length is not None
    assert text.max_length >= 2 * high
    assert "owner is said by 5 of 8, mostly support" in suggestion.text
    assert "the oldest changed 400 days ago" in suggestion.text
    assert contract.freshness is not None
    assert contract.freshness.max_age_days == 730


def test_what_nobody_said_is_left_to_a_person_and_validation_names_it(folder: Path) -> None:
    suggestion, _ = propose(folder, Settings(project=folder.parent), name="kb")
    assert suggestion.todo == ("last_validated_date", "version")
    assert yaml.safe_load(suggestion.text)["team"]["name"] == "support"
    lines = suggestion.text.splitlines()
    problems = problems_of(suggestion.text, "kb")
    assert {name for name in suggestion.todo for problem in problems if f"`{name}`" in problem.message} == set(
        suggestion.todo
    )
    assert all("TODO" in lines[problem.line - 1] for problem in problems)


def test_a_team_that_nobody_names_is_asked_for() -> None:
    suggestion = suggested_contract(bare())
    assert suggestion.todo == ("team", "owner", "last_validated_date", "version")
    assert any("team" in problem.message for problem in problems_of(suggestion.text))


def bare(**changes: object) -> Observed:
    values: dict[str, object] = {
        "name": "kb", "root": "./in", "include": ("**/*.md",), "listed": 3, "examined": 3, "languages": {"no": 3},
        "lengths": [10, 20, 30], "scores": [0.2, 0.9, 0.9], "ages": [1.0, 2.0, 3.0],
    }  # fmt: skip
    return Observed(**{**values, **changes})  # type: ignore[arg-type]


def test_words_that_yaml_reads_otherwise_stay_words() -> None:
    text = suggested_contract(bare(exclude={"a: b #.md": "why\n#: not"}), owner="on", defaults=GIVEN).text
    contract = parse_contract(text, "kb")
    assert contract.owner_team == "on"
    assert contract.source.exclude == ("a: b #.md",)
    assert [check.arguments["validValues"] for check in contract.checks if check.name == "languages"] == [["no"]]


def test_many_languages_make_no_rule() -> None:
    text = suggested_contract(bare(languages={f"l{number}": 1 for number in range(9)}), owner="me", defaults=GIVEN).text
    assert "languages" not in [check.name for check in parse_contract(text, "kb").checks]


def test_dates_of_files_alone_promise_at_least_a_year() -> None:
    young = parse_contract(suggested_contract(bare(), owner="me", defaults=GIVEN).text, "kb").freshness
    dated = parse_contract(suggested_contract(bare(dated=3), owner="me", defaults=GIVEN).text, "kb").freshness
    assert young is not None
    assert dated is not None
    assert (young.max_age_days, dated.max_age_days) == (365, 30)


def test_hidden_text_that_was_seen_is_only_reported_at_first() -> None:
    text = suggested_contract(bare(hidden=2), owner="me", defaults=GIVEN).text
    found = {check.rule: check.on_fail for check in parse_contract(text, "kb").checks}
    assert found["hidden_text"] == "warn"
    assert "2 documents have text that people do not see; look at them, then write quarantine" in text


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\x00\x01\x02" * 200)
    with pytest.raises(ConfigurationError, match="could be read"):
        propose(tmp_path, Settings(project=tmp_path), name="kb")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ContractError, match="not known"):
        suggested_contract(bare(), model="nobody/knows")


def test_quantiles_are_values_that_were_seen() -> None:
    assert [quantile([3, 1, 2, 4], share) for share in (0.0, 0.05, 0.5, 0.75, 1.0)] == [1, 1, 2, 3, 4]
    assert quantile([], 0.5) == 0.0


def test_a_file_without_a_suffix_asks_for_every_file() -> None:
    assert globs_of(["", ".md"]) == ("**/*",)
    assert globs_of([".md", ".html", ".md"]) == ("**/*.html", "**/*.md")


@pytest.mark.parametrize("name", ["formats_markitdown", "html_readability"])
def test_real_documents_enter_under_what_is_proposed_of_them(shared_data: Path, tmp_path: Path, name: str) -> None:
    source, project = tmp_path / "source", tmp_path / "project"
    project.mkdir()
    with tarfile.open(shared_data / name / "files.tar.xz") as archive:
        archive.extractall(source, filter="data")
    suggestion, seen = propose(source, Settings(project=project), name="formats", owner="me", defaults=GIVEN, sample=60)
    contract = parse_contract(suggestion.text, "formats")
    found = rehearse(elsewhere(contract, source), Settings(project=project), sample=60)
    assert seen.examined >= 15
    assert list(project.iterdir()) == []
    if seen.listed <= 60:
        held = [(item.ref.path, item.decision) for item in found.assessments if not item.decision.outcome.admitted]
        assert (held, found.passes) == ([], True)
        assert found.listed == seen.listed
