"""The recipe of a watermark detector: installed as its page says, found by its name, and its use runs."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from docs.pages import page

from contracts.load import parse_contract
from contracts.scaffold import new_contract
from ingestion.toolkit import fingerprints_of, recipe_of
from provenance.detectors.registry import DETECTORS
from provenance.watermarks import WatermarkDetector

PAGE = "docs/recipes/watermark.md"


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = tmp_path_factory.mktemp("site")
    info = site / "house_marks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-marks\nVersion: 1.0\n")
    [block] = page(PAGE).blocks("toml")
    [(group, names)] = tomllib.loads(block.text)["project"]["entry-points"].items()
    [(name, target)] = names.items()
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
    assert f"`{target.partition(':')[0]}.py`:" in page(PAGE).text
    (site / f"{target.partition(':')[0]}.py").write_text(page(PAGE).blocks("python")[0].text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield
    sys.modules.pop("green_list", None)


def test_its_use_runs() -> None:
    _, *uses = page(PAGE).blocks("python")
    assert uses
    for use in uses:
        exec(compile(use.text, PAGE, "exec"), {"__name__": "__main__"})


def test_it_is_found_by_its_name() -> None:
    assert "green-list" in DETECTORS.names()
    assert isinstance(DETECTORS.load("green-list")(), WatermarkDetector)


def test_the_contract_on_the_page_asks_it_and_says_so_in_the_manifest() -> None:
    [block] = page(PAGE).blocks("yaml")
    plain = new_contract("handbook", root="./docs", owner="team")
    value = yaml.safe_load(plain)
    value["customProperties"] = [*value.get("customProperties", []), *yaml.safe_load(block.text)["customProperties"]]
    contract = parse_contract(yaml.safe_dump(value, sort_keys=False), "handbook.odcs.yaml")
    assert recipe_of(contract).detectors[-1] == "green-list"
    assert "green-list" in fingerprints_of(contract)["detectors"]
    assert "green-list" not in fingerprints_of(parse_contract(plain, "handbook.odcs.yaml"))["detectors"]


def test_the_conformance_suite_that_the_page_names_exists() -> None:
    assert Path(__file__).parents[1].joinpath("provenance/test_watermark_conformance.py").is_file()
