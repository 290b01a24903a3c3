"""What another tool of the standard says of our contracts and of our documents.parquet.

`datacontract lint` ignores `unevaluatedProperties`, so the vendored schema is asked as well. `datacontract test`
skips engines that are not its own without a word: it judges the standard half of a contract.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft201909Validator

from console.cli.main import QUIET, main
from contracts.build import EMBEDDERS
from contracts.reading.standard import schema
from contracts.scaffold import new_contract
from contracts.suggest import Observed, suggested_contract
from contracts.text.yamltext import parse_yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NAME = "handbook"
DEMO_GLOB = "**/*.{md,rst,txt,pdf}"
_YAML = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = "A customer may ask for a refund within thirty days of delivery, and the team answers in two days. "


def shipped() -> Iterator[tuple[str, str]]:
    """Every contract that is in the repository as a file or as a block of a page, whole."""
    folders = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith((".", "build"))]
    for path in sorted(path for folder in folders for path in folder.glob("**/*.odcs.yaml")):
        inside = path.relative_to(ROOT)
        if inside.parts[:2] != ("contracts", "templates"):
            yield inside.as_posix(), path.read_text("utf-8")
    for page in sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))):
        for number, match in enumerate(_YAML.finditer(page.read_text("utf-8"))):
            if match[1].startswith("apiVersion:"):
                yield f"{page.relative_to(ROOT).as_posix()}-{number}", match[1]


def generated() -> Iterator[tuple[str, str]]:
    """What the code writes: of the template in each form, and of `contract import`."""
    for model in EMBEDDERS:
        yield f"new-{model}", new_contract("kb", root="./docs", owner="team", embedder=model)
    odd = {"owner": 'a "quoted": owner', "last_validated_date": "2026-01-31", "version": "1"}
    yield "new-full", new_contract("kb", root="in", owner="Süd #1", defaults=odd, schedule="0 2 * * *")
    yield "new-demo", new_contract("package-docs", root="../inbox", include=(DEMO_GLOB,), owner="demo")
    seen = Observed(
        name="kb",
        root="./in",
        include=("**/*.md", "**/*.html"),
        exclude={"broken?.html": "it could not be read"},
        listed=40,
        examined=38,
        languages={"en": 30, "no": 8},
        lengths=[120, 5000],
        scores=[0.42, 0.9],
        ages=[3.0, 500.0],
        origins={"unknown": 38},
    )
    yield (
        "import",
        suggested_contract(seen, owner="team", defaults={"last_validated_date": "2026-01-31", "version": "1"}).text,
    )
    yield "import-todo", suggested_contract(seen).text


CONTRACTS = [pytest.param(text, id=name) for name, text in (*shipped(), *generated())]


def test_there_is_something_to_judge() -> None:
    names = [name for name, _ in shipped()]
    assert any(name.startswith("docs/contracts.md") for name in names), names
    assert len(names) >= 2


@pytest.mark.parametrize("text", CONTRACTS)
def test_our_contracts_pass_the_outside_linter(datacontract: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "contract.odcs.yaml"
    path.write_text(text, "utf-8")
    ran = datacontract("lint", path, "--all-errors")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "is valid" in ran.stdout
    assert list(Draft201909Validator(schema()).iter_errors(parse_yaml(text)[0])) == []


def test_the_outside_linter_can_say_no(datacontract: Any, tmp_path: Path) -> None:
    path = tmp_path / "contract.odcs.yaml"
    path.write_text(new_contract("kb", root="in", owner="me").replace("kind: DataContract", "kind: Nonsense"), "utf-8")
    assert datacontract("lint", path).returncode != 0


PROMISES = """
      - name: title
        logicalType: string
        logicalTypeOptions: {maxLength: 200}
        quality:
          - {metric: missingValues, arguments: {missingValues: ["", "untitled"]}, mustBe: 0}
      - name: content_sha256
        logicalType: string
        required: true
        logicalTypeOptions: {pattern: "^[0-9a-f]{64}$"}
      - name: language
        logicalType: string
        quality:
          - {metric: invalidValues, arguments: {validValues: [en, de]}, mustBe: 0}
      - name: owner
        logicalType: string
        quality:
          - {metric: nullValues, mustBe: 0}
      - name: quality_score
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 1}
    quality:
      - {metric: duplicateValues, arguments: {properties: [content_sha256, media_type]}, mustBe: 0}
      - {type: sql, query: "SELECT COUNT(*) FROM ${object} WHERE size_bytes > 100000", mustBe: 0}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project at version 1, with a contract that promises something of every kind, and one document held."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("STEMMA_") and name != "STEMMA_DATACONTRACT"]:
            patch.delenv(name)
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        run("init")
        (folder / "docs").mkdir()
        for number in range(12):
            text = f"# Page {number}\n\nPage {number} is about case {number * 7}. {WORDS * 3}\n"
            (folder / "docs" / f"page{number}.md").write_text(text, "utf-8")
        (folder / "docs" / "held.md").write_text(
            "# Held\n\nA page in a language that nobody asked for? No: too short.\n"
        )
        said = ["--default", "version=1", "--default", "last_validated_date=2026-02-01"]
        words = ["--path", "docs/**/*.md", "--model", "wordllama-256", "--owner", "team", *said]
        run("contract", "new", NAME, *words)
        path = folder / "contracts" / f"{NAME}.odcs.yaml"
        text = path.read_text("utf-8").replace("minLength: 1\n", "minLength: 100\n")
        path.write_text(text.replace("\n    quality:\n", PROMISES, 1), "utf-8")
        run("contract", "validate")
        run("ingest", NAME)
        yield folder


def run(*words: str) -> None:
    assert main(list(words)) == 0, words


def exported(project: Path, folder: Path, *words: str) -> Path:
    path = folder / "check.odcs.yaml"
    run("contract", "export", NAME, "--output", str(path), "--project", str(project), *words)
    return path


def test_documents_that_serve_pass_the_outside_test(datacontract: Any, project: Path, tmp_path: Path) -> None:
    ran = datacontract("test", exported(project, tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "failed" not in ran.stdout
    for check in ("content_sha256", "duplicate", "Freshness of document.updated_at", "row_count", "owner"):
        assert check in ran.stdout, check


def test_an_exported_contract_passes_the_outside_linter(datacontract: Any, project: Path, tmp_path: Path) -> None:
    assert datacontract("lint", exported(project, tmp_path)).returncode == 0


Damage = Callable[[pa.Table], pa.Table]


def put(name: str, value: Any) -> Damage:
    """Puts a value into one cell of a column."""

    def damage(table: pa.Table) -> pa.Table:
        column = table.column(name).to_pylist()
        place, kind = table.schema.get_field_index(name), table.schema.field(name).type
        return table.set_column(place, pa.field(name, kind), pa.array([value, *column[1:]], kind))

    return damage


DAMAGES: dict[str, Damage] = {
    "a column is gone": lambda table: table.drop_columns(["language"]),
    "a text is gone": put("text", None),
    "a text is too short": put("text", "short"),
    "an origin of nobody": put("digital_source_type", "somewhere"),
    "another language": put("language", "xx"),
    "no owner": put("owner", None),
    "a digest that is none": put("content_sha256", "beef"),
    "two documents with one id": lambda table: pa.concat_tables([table, table.slice(0, 1)]),
    "a score beyond the end": put("quality_score", 3.0),
    "a query finds one": put("size_bytes", 200_000),
    "nothing at all": lambda table: table.slice(0, 0),
    "all is years old": lambda table: table.set_column(
        table.schema.get_field_index("updated_at"),
        "updated_at",
        pc.subtract(table.column("updated_at"), pa.scalar(3 * 365 * 86_400 * 1_000_000, pa.duration("us"))),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_outside_test_sees_damage(datacontract: Any, project: Path, tmp_path: Path, damage: Damage) -> None:
    [source] = project.glob(".stemma/indexes/handbook/v000001/documents.parquet")
    damaged = tmp_path / "documents.parquet"
    pq.write_table(damage(pq.read_table(source)), damaged)
    ran = datacontract("test", exported(project, tmp_path, "--data", str(damaged)))
    assert ran.returncode != 0, ran.stdout
    assert "failed" in ran.stdout or "error" in ran.stdout
