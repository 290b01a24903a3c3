"""Everything that a person may type, set, write or catch is on a page, and pages speak of nothing else."""

from __future__ import annotations

import importlib.util
import inspect
import re
import tomllib
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

import pytest
import typer
from docs.pages import HEADING, ROOT, Page, page, pages, slug
from fastapi.openapi.utils import get_openapi

from console.cli.main import app
from console.web.app import create_app
from console.web.http.access import TokenAccess
from contracts.reading.options import PROPERTIES
from contracts.rules.table import RULES
from corpus import errors, seams
from corpus.plugins import Registry
from corpus.settings import Settings
from index.embedders.registry import EMBEDDERS
from ingestion.chunkers.registry import CHUNKERS
from ingestion.parsers.registry import PARSERS
from ingestion.scorers.registry import SCORERS
from ingestion.sources.registry import SOURCES
from provenance.detectors.registry import DETECTORS

REGISTRIES = {found.seam: found for found in (SOURCES, PARSERS, CHUNKERS, SCORERS, DETECTORS, EMBEDDERS)}
SEAMS = [
    name
    for name, found in vars(seams).items()
    if inspect.isclass(found) and found.__module__ == seams.__name__ and getattr(found, "_is_protocol", False)
]
NO_SETTING = {"STEMMA_HOEM", "STEMMA_TEST_POSTGRES_URL"}
"""A mistake that a page shows, and a variable of the tests."""


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_reference_generate", ROOT / "docs/reference/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _commands() -> dict[str, set[str]]:
    """Every command with its options, `stemma index query` to `--k` and so on."""
    return dict(_walk(typer.main.get_command(app), "stemma"))


def _walk(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:
    yield path, {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{path} {name}")


COMMANDS = _commands()


@pytest.mark.parametrize("name", sorted(_generator().PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert page(f"docs/reference/{name}").text == _generator().PAGES[name](), "run `make docs`"


def test_every_reference_page_is_generated() -> None:
    assert {path.name for path in (ROOT / "docs/reference").glob("*.md")} == set(_generator().PAGES)


def test_the_page_of_the_twins_has_every_path_query_and_field_that_a_console_serves() -> None:
    application = create_app(cast("Any", None), TokenAccess("a token of this test"), launcher=cast("Any", object()))
    schema = get_openapi(title="x", version="0", routes=application.routes)
    sections = re.split(r"^##+ ", page("docs/reference/console.md").text, flags=re.MULTILINE)
    text = {section.partition("\n")[0]: section for section in sections}
    assert len(schema["paths"]) >= 6
    for path, methods in schema["paths"].items():
        assert path.endswith(".json")
        assert {"get"} <= set(methods) <= {"get", "post"}, "a query too long for an address comes as a form"
        model = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        named = {item["name"] for item in methods["get"].get("parameters", ())}
        for name in named | set(schema["components"]["schemas"][model]["properties"]):
            assert f"| `{name}` |" in text[f"`{path}`"], f"{path} has {name}: run `make docs`"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_its_help_on_a_page(command: str) -> None:
    assert f"`{command}`" in page("docs/reference/cli.md").text


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_commands_on_pages_exist_with_their_options(found: Page) -> None:
    wrong = [line for line in _typed(found) if not _exists(line)]
    assert wrong == []


def _typed(found: Page) -> Iterator[str]:
    spans = re.findall(r"`(stemma(?: [^`\n]+)?)`", found.prose)
    joined = (block.text.replace("\\\n", " ") for block in found.blocks("bash"))
    lines = (line.split(" #")[0].strip() for text in joined for line in text.splitlines())
    yield from (*spans, *(line for line in lines if line.startswith("stemma ")))


def _exists(line: str) -> bool:
    words = line.split()
    path = max((name for name in COMMANDS if words[: len(name.split())] == name.split()), key=len)
    rest = words[len(path.split()) :]
    has_children = any(name.startswith(path + " ") for name in COMMANDS)
    if has_children and rest and re.fullmatch(r"[a-z]+", rest[0]):
        return False
    used = {word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)}
    return used <= COMMANDS[path] | {"--help"}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_on_a_page(name: str) -> None:
    text = page("docs/reference/settings.md").text
    assert f"| `{name}` | `STEMMA_{name.upper()}` |" in text


def test_pages_name_no_setting_that_does_not_exist() -> None:
    named = {word for found in pages() for word in re.findall(r"\bSTEMMA_[A-Z_]+[A-Z]\b", found.text)}
    assert named - NO_SETTING - {f"STEMMA_{name.upper()}" for name in Settings.model_fields} == set()


@pytest.mark.parametrize("name", [*RULES, *PROPERTIES])
def test_every_rule_and_property_is_on_a_page(name: str) -> None:
    assert f"`{name}`" in page("docs/reference/rules.md").text


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_the_page_on_contracts_names_every_property(name: str) -> None:
    assert name in page("docs/contracts.md").text


def test_every_error_is_on_a_page() -> None:
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.StemmaError)]
    text = page("docs/reference/errors.md").text
    assert len(kinds) > 10
    for kind in kinds:
        retryable = "yes" if kind.retryable else "no"
        assert re.search(rf"^\| `{kind.__name__}` \| .* \| {kind.exit_code} \| {retryable} \| ", text, re.MULTILINE)


def test_every_exit_code_is_in_the_readme() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    readme = page("README.md").text
    assert [code for code in sorted(codes) if f"| {code} |" not in readme] == []


@pytest.mark.parametrize("name", SEAMS)
def test_every_seam_has_a_recipe(name: str) -> None:
    registry: Registry = REGISTRIES[name.lower()]
    recipe = page(f"docs/recipes/{name.lower()}.md").text
    assert f"`corpus.seams.{name}`" in recipe
    assert f'[project.entry-points."{registry.group}"]' in recipe
    assert f"| [{name}]({name.lower()}.md) | `{registry.group}` |" in page("docs/recipes/README.md").text


def test_there_are_six_seams() -> None:
    assert len(SEAMS) == len(REGISTRIES) == 6


def test_every_dag_and_parameter_is_on_the_page_about_airflow() -> None:
    text = page("docs/airflow.md").text
    for path in sorted((ROOT / "dags").glob("*.py")):
        if path.stem == "stemma_edge":
            continue
        assert f"`{path.stem}" in text
        source = path.read_text("utf-8")
        parameters = re.findall(r'"(\w+)": (?:contract_param|Param|ALLOW_SHRINK)\b', source)
        parameters += re.findall(r'params\["(\w+)"\]', source)
        assert [name for name in parameters if f"`{name}`" not in text] == []


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_relative_links_resolve(found: Page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", found.prose):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        linked = Page((found.path.parent / place).resolve()) if place else found
        assert linked.path.exists(), f"{found.name} links to {target}"
        assert not anchor or anchor in linked.anchors, f"{found.name} links to {target}"


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_no_two_sections_of_a_page_have_one_name(found: Page) -> None:
    """A second section of a name gets a number, which changes when another is put in between."""
    names = [slug(title) for title in HEADING.findall(found.prose)]
    assert [name for name in names if names.count(name) > 1] == []
    assert all(names)
    assert len(re.findall(r"^# ", found.prose, re.MULTILINE)) == 1


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_links_to_other_sites_are_whole(found: Page) -> None:
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", found.prose) if "://" in target]
    assert [target for target in targets if not re.fullmatch(r"https://[\w.-]+\.[a-z]{2,}(?:/\S*)?", target)] == []


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_files_and_tests_that_pages_name_exist(found: Page) -> None:
    folders = "console|contracts|corpus|dags|docs|examples|index|ingestion|provenance|tests|benchmarks"
    named = re.findall(rf"`((?:{folders})/[\w./-]+\.(?:py|json|md|yaml))(?:::(\w+))?`", found.prose)
    for path, test in named:
        assert (ROOT / path).is_file(), f"{found.name} names {path}"
        assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), f"{found.name} names {path}::{test}"


def test_each_guarantee_names_the_test_that_keeps_it() -> None:
    section = page("README.md").text.partition("## Guarantees")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| **")]
    assert len(rows) == 11
    assert all(re.search(r"`tests/[\w/]+\.py", row) for row in rows)


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    files = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    listed = page("docs/adr/README.md").text
    for path in files:
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        number, _, words = title.partition(" ")
        assert number == path.name[:4]
        assert f"| [{number}]({path.name}) | {words} |" in listed


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    newest = re.findall(r"^## (\S+)", page("CHANGELOG.md").text, re.MULTILINE)[0]
    assert newest == project["version"]


def test_every_page_is_linked_from_the_index_of_pages() -> None:
    index = page("docs/README.md").text + page("docs/recipes/README.md").text + page("docs/adr/README.md").text
    unlinked = [
        found.name for found in pages() if found.path.is_relative_to(ROOT / "docs") and found.path.name not in index
    ]
    assert unlinked == []
