"""What the pages say to type works, and prints what they say it prints."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.pages import DEFAULT_MODEL, ROOT, SMALL_MODEL, STORY, Block, Page, page, pages
from prometheus_client.parser import text_string_to_metric_families
from provenance_parts.styles import known

from console.cli.main import main
from contracts.load import parse_contract

RECIPES = ROOT / "docs" / "recipes"
RETRIEVER = page("docs/recipes/retriever.md")
WITH_PYTHON = [found for found in pages() if found.blocks("python") and found.path.parent != RECIPES]

EDIT = f"s/dimensions: 256/dimensions: 384/; s/{SMALL_MODEL}/{DEFAULT_MODEL}/; s/^version: .*/version: 2.0.0/"
SEEN = {
    "docs/operations.md": ("v000002 -> v000001",),
    "docs/reports.md": ("3        2          0            1", "report.xml (junit)"),
    "docs/reembed.md": ("tokens to embed", "published"),
    "docs/embedders.md": ('"checks": []',),
    "docs/statistical-origin.md": ("On these texts:", "false positives", "AUROC"),
}
"""What the blocks that run in a copy have to print."""

COPIES = [(found, block) for found in pages() for block in found.blocks() if block.mark == "run in a copy"]


def test_no_other_page_has_shell_blocks_that_nobody_runs() -> None:
    runnable = {found.name for found in pages() if any(block.runs for block in found.blocks("bash"))}
    assert runnable == set(STORY)


@pytest.mark.parametrize("name", STORY)
def test_what_is_shown_is_what_is_printed(story, name: str) -> None:
    shown = list(_shown(page(name)))
    printed = story.output[name]
    for place, text in shown:
        assert _plain(text) in _plain(printed[place]), f"{name}, shell block {place}:\n{printed[place]}"
    assert name not in ("README.md", "docs/answers.md") or shown


def _shown(found: Page) -> list[tuple[int, str]]:
    """Pairs of (number of the shell block that runs, the text block right behind it)."""
    pairs: list[tuple[int, str]] = []
    place, last = -1, ""
    for block in found.blocks():
        if block.language == "bash" and block.runs:
            place += 1
        elif block.language == "text" and last == "bash":
            pairs.append((place, block.text))
        last = block.language
    return pairs


def _plain(text: str) -> str:
    """Text without what differs from run to run: seconds, scores, digests, dates, and how lines were broken."""
    text = re.sub(r"(embed seconds) +[\d.]+", r"\1 #", text)
    text = re.sub(r"\b[0-9a-f]{12,}\b|\d+(?:[.:-]\d+)+", "#", text)
    return " ".join(text.replace("─", "").split())


@pytest.mark.parametrize("found", WITH_PYTHON, ids=lambda found: found.name)
def test_python_blocks_run(found: Page, in_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(found)
    if found.name == "README.md":
        shown = capsys.readouterr().out
        assert "refunds.md[" in shown
        assert "A refund may be asked for within" in shown, "later pages change how many days"
        assert "log beside each answer: handbook" in shown


def test_the_retriever_of_the_recipe_keeps_to_what_its_page_says(in_project: Path) -> None:
    module, *_ = RETRIEVER.blocks("python")
    Path("house_passages.py").write_text(module.text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(in_project)
        names = _run(RETRIEVER, skip=1)
    choose, reader = names["HousePassages"], names["reader"]
    for question in ("refund", "parcel", "kettle", "Bring the toaster to the counter"):
        for budget, per_document, of_models in ((4_000, 1, 0), (300, 2, 1), (4_000, 30, 30)):
            got = choose(index=reader, budget=budget, per_document=per_document, of_models=of_models)(question).hits
            counted = Counter(hit.doc_id for hit in got)
            models = [hit for hit in got if hit.digital_source_type.lower().endswith("trainedalgorithmicmedia")]
            assert sum(len(hit.text) for hit in got) <= budget
            assert max(counted.values(), default=0) <= per_document
            assert len(models) <= of_models
            assert [hit.score for hit in got] == sorted((hit.score for hit in got), reverse=True)
    assert Path("spool/house.jsonl").read_text("utf-8").count("\n") >= 1


def _run(found: Page, skip: int = 0) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}  # one for the page: a block may go on where the one before ended
    for block in found.blocks("python")[skip:]:
        code = block.text.replace(f'load_embedder("{DEFAULT_MODEL}")', f'load_embedder("{SMALL_MODEL}")')
        exec(compile("\n" * block.line + code, found.name, "exec"), names)
    return names


def _stemma(*arguments: str) -> dict[str, Any]:
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(out):
        code = main(list(arguments))
    out.seek(0)
    said = out.read()
    assert code == 0, said
    return json.loads(said)


def test_the_example_contract_is_valid_and_says_what_the_page_says() -> None:
    [block] = page("docs/contracts.md").blocks("yaml")
    contract = parse_contract(block.text, "support-kb.odcs.yaml")
    assert (contract.source.root, contract.source.exclude) == ("inbox", ("drafts/**",))
    assert contract.source.include == ("**/*.md", "**/*.html", "**/*.pdf")
    assert contract.governance.max_validation_age_days == 365
    assert contract.schedule == "0 2 * * *"
    assert {check.rule for check in contract.checks} >= {"quality_score", "self_ingestion", "freshness", "rowCount"}


def test_concepts_has_every_gate_and_every_place_of_a_real_home(story) -> None:
    concepts = page("docs/concepts.md").text
    home = story.project / ".stemma"
    version = home / "indexes" / "handbook" / "v000001"
    gates = [gate["name"] for gate in json.loads((version / "manifest.json").read_bytes())["gates"]]
    assert [name for name in gates if f"| `{name}` |" not in concepts] == []
    assert [path.name for path in version.iterdir() if f"`{path.name}`" not in concepts] == []
    places = {path.name for path in home.iterdir() if not path.name.startswith((".", "catalog.db-"))}
    assert [name for name in sorted(places) if name not in concepts] == []


def test_a_returned_answer_is_known_by_its_name(story) -> None:
    assert "matched" in page("docs/answers.md").text
    [listed] = [shown for shown in story.output["docs/answers.md"] if "kettles.md" in shown]
    assert "self_ingestion" in listed


def test_an_erased_answer_of_the_page_stays_erased(story) -> None:
    [told] = [shown for shown in story.output["docs/answers.md"] if "request 17" in shown]
    assert "Bring the toaster" in told.partition("was erased")[0]
    assert "Bring the toaster" not in told.partition("was erased")[2]
    assert re.search(r"registered +0\b", told)


@pytest.mark.parametrize("name", ["langchain", "llamaindex"])
def test_what_an_application_of_the_page_answered_is_registered(name: str, in_project: Path) -> None:
    Path(f"spool/{name}.jsonl").unlink(missing_ok=True)
    _run(page(f"docs/{name}.md"))
    told = _stemma("answers", "import", f"spool/{name}.jsonl", "--json")["figures"]
    assert (told["registered"], told["refused"], told["context_unknown"]) == (3, 0, 0), told


@pytest.mark.parametrize(("found", "block"), COPIES, ids=lambda value: getattr(value, "name", None))
def test_blocks_run_in_a_copy_of_the_first_project(story, tmp_path: Path, found: Page, block: Block) -> None:
    folder = tmp_path / "my-corpus"
    shutil.copytree(story.first, folder)
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nexec sed -i "{EDIT}" "$1"\n')
    editor.chmod(0o755)
    if found.name == "docs/statistical-origin.md":
        _texts(folder)
    careful = "" if "$?" in block.text else "set -euo pipefail\n"  # a script that looks at exit codes goes on after one
    done = story.shell(careful + block.text, folder, EDITOR=str(editor))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert [words for words in SEEN[found.name] if words not in done.stdout] == [], done.stdout


def _texts(folder: Path) -> None:
    """What the page on statistical origin trains and measures with, under its names."""
    for human, ai, made in (
        ("docs/before-2021", "answers.jsonl.gz", known(520, 300)),
        ("other-team", "newer-model.jsonl", known(120, 120, start=50_000)),
    ):
        for number, item in enumerate(item for item in made if item.human):
            path = folder / human / item.domain / f"{number:03}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(item.text, "utf-8")
        rows = [
            {"text": item.text, "domain": item.domain, "generator": item.generator} for item in made if not item.human
        ]
        lines = "\n".join(map(json.dumps, rows)).encode()
        (folder / ai).write_bytes(gzip.compress(lines) if ai.endswith(".gz") else lines)


def test_alerts_ask_for_metrics_that_there_are(story) -> None:
    [block] = page("docs/monitoring.md").blocks("yaml")
    rules = [rule for group in yaml.safe_load(block.text)["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"\bstemma_\w+", rule["expr"])}
    done = story.shell("stemma metrics", story.project)
    written = {sample.name for family in text_string_to_metric_families(done.stdout) for sample in family.samples}
    assert asked - written == set()
    assert len(asked) >= 3
