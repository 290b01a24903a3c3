"""Discovery finds contracts, skips what is broken, agrees with the settings, and stays light."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.settings import load_settings
from ingestion.discovery import contracts_folder, discover


def write(folder: Path, file: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.odcs.yaml"
    path.write_text(text, "utf-8")
    return path


def contract(name: str, *sla: str) -> str:
    lines = [f"name: {name}", "version: 1.2.0", *(["slaProperties:"] if sla else []), *sla]
    return "\n".join(lines) + "\n"


CRON = "  - {property: frequency, value: 1, unit: d, scheduler: cron, schedule: '0 2 * * *'}"


def test_name_version_path_and_schedule_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a", contract("support-kb", "  - {property: retention, value: 3}", CRON))
    (stub,) = discover(tmp_path)
    assert (stub.name, stub.version, stub.path, stub.schedule) == ("support-kb", "1.2.0", path, "0 2 * * *")


@pytest.mark.parametrize(
    "line",
    [
        "  - {property: frequency, value: 1, scheduler: cron, schedule: 'at noon'}",
        "  - {property: frequency, value: 1, scheduler: cron, schedule: '61 2 * * *'}",
        "  - {property: frequency, value: 1, scheduler: cron, schedule: '0 2 * * 9'}",
        "  - {property: frequency, value: 1, scheduler: cron, schedule: '*/0 2 * * *'}",
        "  - {property: frequency, value: 1, scheduler: cron, schedule: 2}",
        "  - {property: frequency, value: 1, scheduler: systemd, schedule: '0 2 * * *'}",
        "  - {property: freshness, value: 1, schedule: '0 2 * * *'}",
        "  - frequency",
    ],
)
def test_a_schedule_that_is_not_a_cron_expression_is_no_schedule(tmp_path: Path, line: str) -> None:
    write(tmp_path, "a", contract("a", line))
    assert [stub.schedule for stub in discover(tmp_path)] == [None]


@pytest.mark.parametrize("cron", ["*/5 0-6,22 1,15 JAN-mar mon-FRI", "0 0 1 1 7", "@daily"])
def test_cron_expressions_of_every_form_are_taken(tmp_path: Path, cron: str) -> None:
    write(tmp_path, "a", contract("a", f"  - {{property: frequency, schedule: '{cron}'}}"))
    assert [stub.schedule for stub in discover(tmp_path)] == [cron]


@pytest.mark.parametrize("text", ["", "- a list", "name: [", "name: Upper", "version: 1", "name: &a [*a, *b]", "\x00"])
def test_a_broken_file_is_skipped_and_the_others_stay(tmp_path: Path, text: str) -> None:
    write(tmp_path, "broken", text)
    write(tmp_path, "whole", contract("whole"))
    assert [stub.name for stub in discover(tmp_path)] == ["whole"]


@given(data=st.binary(max_size=200))
def test_no_bytes_make_it_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "any.odcs.yaml").write_bytes(data)
    discover(folder)


def test_a_name_declared_twice_gives_two_stubs_in_a_stable_order(tmp_path: Path) -> None:
    paths = [write(tmp_path, file, contract("same")) for file in ("b", "a")]
    assert [stub.path for stub in discover(tmp_path)] == sorted(paths)


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "none") == ()


@pytest.mark.parametrize("toml", ["", "contracts = 'promises'\n", "contracts = '/srv/promises'\n"])
@pytest.mark.parametrize("environ", [{}, {"STEMMA_CONTRACTS": "elsewhere"}])
def test_the_folder_is_the_one_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, environ: dict[str, str]
) -> None:
    (tmp_path / "stemma.toml").write_text(toml, "utf-8")
    monkeypatch.setenv("STEMMA_PROJECT", str(tmp_path))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert contracts_folder() == load_settings().contracts


def test_without_a_named_project_the_nearest_one_above_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stemma.toml").touch()
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    monkeypatch.delenv("STEMMA_PROJECT", raising=False)
    assert contracts_folder() == tmp_path / "contracts" == load_settings().contracts


def test_it_imports_nothing_but_yaml_and_the_standard_library() -> None:
    bare = modules_after("import sys")
    added = {name.partition(".")[0] for name in modules_after("import ingestion.discovery") - bare}
    compiled_yaml = {"_yaml", "cython_runtime", *(name for name in added if name.startswith("_cython"))}
    assert added - set(sys.stdlib_module_names) - compiled_yaml == {"contracts", "ingestion", "yaml"}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_file_that_is_nested_too_deep_or_refers_to_itself_takes_no_scheduler_down(tmp_path):
    """PyYAML's compiled loader overflows the stack of the process; Airflow reads these files in its DAG processor."""
    (tmp_path / "deep.odcs.yaml").write_text("[" * 200_000)
    (tmp_path / "mapped.odcs.yaml").write_text("{a: " * 100_000)
    laughs = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
    )
    (tmp_path / "laughs.odcs.yaml").write_text(laughs + "name: *l\nversion: *l\n")
    (tmp_path / "good.odcs.yaml").write_text(laughs + "name: good\nversion: *l\n")
    assert [stub.name for stub in discover(tmp_path)] == ["good"]
