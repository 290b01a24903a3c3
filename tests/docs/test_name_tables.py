"""What a contract may name is what exists: tables of packages that may not import each other, compared."""

from __future__ import annotations

import json
import re
from typing import get_args, get_type_hints

import pytest
from docs.pages import ROOT, page
from provenance_parts.hidden_fixtures import CASES

from console.cli.index import query
from console.cli.quarantine import _ABOVE
from contracts.build import (
    CHUNK_COLUMNS,
    DOCUMENT_COLUMNS,
    DOCUMENT_TYPES,
    FIXED_FACTORY,
    HIDDEN_TECHNIQUES,
    SCORE_PARTS,
    THIS_BUILD,
)
from contracts.load import parse_contract
from contracts.model import REPAIRS, IndexSpec
from contracts.reading.curation import _ALWAYS_RUN
from contracts.scaffold import new_contract
from corpus.batches import CHUNKS, DOCUMENTS
from index import factory
from index.embedders.registry import EMBEDDERS, describe_embedder
from index.filters import FILTERS
from ingestion.chunkers.registry import CHUNKERS
from ingestion.parsers.registry import DEFAULTS, PARSERS
from ingestion.repair import KINDS
from ingestion.scorers.limits import PARTS
from ingestion.scorers.profile import PROFILES, WEIGHTS, Profile
from ingestion.scorers.registry import SCORERS
from ingestion.sources.registry import SOURCES
from ingestion.toolkit import DETECTORS as ALWAYS
from ingestion.toolkit import fingerprints_of
from provenance.detectors.registry import DETECTORS
from provenance.statistics.detector import ABOVE

SPECIAL_TOKENS = 2
"""[CLS] and [SEP], which the model reads and a chunk does not hold."""


def _server_types() -> set[str]:
    schema = json.loads((ROOT / "contracts/schemas/odcs-3.2.0.schema.json").read_text("utf-8"))
    [found] = [item for item in _enums(schema) if {"s3", "local", "custom"} <= set(item)]
    return set(found)


def _enums(value: object) -> list[list[str]]:
    if isinstance(value, list):
        return [found for item in value for found in _enums(item)]
    if not isinstance(value, dict):
        return []
    own = [value["enum"]] if isinstance(value.get("enum"), list) else []
    return own + [found for item in value.values() for found in _enums(item)]


def test_parsers_of_a_contract_are_the_parsers() -> None:
    assert set(THIS_BUILD.parsers) == set(PARSERS.table)
    assert set(DEFAULTS.values()) <= set(PARSERS.table)


def test_index_factories_of_a_contract_are_the_factories() -> None:
    assert THIS_BUILD.factories == factory.FAMILIES
    assert factory.FIXED.pattern == FIXED_FACTORY
    assert get_args(factory.Deletes) == get_args(get_type_hints(IndexSpec)["deletes"])


def test_every_filter_is_in_the_help_and_on_the_page() -> None:
    named = re.findall(r"[a-z_]+", query.__doc__ or "")
    table = re.findall(r"`([a-z_]+)`", page("docs/reader.md").text)
    assert set(FILTERS) - set(named) == set()
    assert set(FILTERS) - set(table) == set()


def test_chunkers_of_a_contract_are_the_chunkers() -> None:
    assert set(THIS_BUILD.chunkers) == set(CHUNKERS.table)
    assert set(THIS_BUILD.chunker_aliases.values()) <= set(CHUNKERS.table)


def test_sources_of_a_contract_are_those_that_the_standard_can_name() -> None:
    assert set(THIS_BUILD.sources) == set(SOURCES.table) & _server_types()


def test_models_of_a_contract_are_the_embedders() -> None:
    assert {*THIS_BUILD.embedders, *THIS_BUILD.embedder_aliases} == set(EMBEDDERS.table)
    assert set(THIS_BUILD.embedder_aliases.values()) <= set(THIS_BUILD.embedders)


@pytest.mark.parametrize("name", sorted(THIS_BUILD.embedders))
def test_what_a_contract_knows_of_a_model_is_what_the_model_is(name: str) -> None:
    known, space = THIS_BUILD.embedders[name], describe_embedder(name)
    assert known.dimension == space.dimension
    assert known.max_tokens == max(space.max_tokens - SPECIAL_TOKENS, 0)


@pytest.mark.parametrize(("alias", "name"), sorted(THIS_BUILD.embedder_aliases.items()))
def test_two_names_of_a_model_are_one_space(alias: str, name: str) -> None:
    assert describe_embedder(alias).fingerprint == describe_embedder(name).fingerprint


def test_every_detector_is_asked_and_the_only_scorer() -> None:
    contract = parse_contract(new_contract("handbook", root="./docs", owner="team"), "handbook.odcs.yaml")
    asked = fingerprints_of(contract)
    assert set(asked["detectors"]) == set(DETECTORS.table)
    assert set(asked["scorer"]) == set(SCORERS.table)


def test_detectors_that_always_run_cannot_be_asked_for_again() -> None:
    assert set(_ALWAYS_RUN) == set(DETECTORS.table) == set(ALWAYS)


def test_the_finding_that_orders_lists_is_the_one_of_the_detector() -> None:
    assert _ABOVE == ABOVE


def test_sub_scores_that_a_contract_may_weigh_are_those_of_the_scorer() -> None:
    assert set(SCORE_PARTS) == set(PARTS) == set(WEIGHTS)


def test_document_types_of_a_contract_are_the_kinds_that_are_told_apart() -> None:
    assert set(DOCUMENT_TYPES) == {kind.value for kind in Profile} == {kind.value for kind in PROFILES}


def test_repairs_of_a_contract_are_the_repairs() -> None:
    assert tuple(REPAIRS) == KINDS


def test_the_pages_on_quality_say_every_sub_score_kind_and_repair_with_its_weight() -> None:
    text = page("docs/quality.md").text
    section = text.partition("## Sub-scores")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert {cells[0].strip("`"): float(cells[2]) for cells in rows} == dict(WEIGHTS)
    assert [name for name in (*DOCUMENT_TYPES, *REPAIRS) if f"`{name}`" not in text] == []


def test_columns_of_a_contract_are_the_columns_of_the_files() -> None:
    undecided = {"outcome", "reasons"}
    assert set(DOCUMENT_COLUMNS) == set(DOCUMENTS.names) - undecided
    assert set(CHUNK_COLUMNS) - {"embedding"} == set(CHUNKS.names)


def test_the_recipes_list_what_a_contract_can_name() -> None:
    text = page("docs/recipes/README.md").text
    rows = {row[0]: set(re.findall(r"`([\w.:-]+)`", row[1])) for row in _rows(text)}
    assert rows["Source"] == set(THIS_BUILD.sources)
    assert rows["Parser"] == set(THIS_BUILD.parsers)
    assert rows["Chunker"] == {*THIS_BUILD.chunkers, *THIS_BUILD.chunker_aliases}
    assert rows["Embedder"] == {*THIS_BUILD.embedders, "path:DIR", "remote:NAME"}


def _rows(text: str) -> list[tuple[str, str]]:
    section = text.partition("## What a contract can name")[2]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(cell[0], cell[2]) for cell in cells[1:]]


def test_techniques_of_a_contract_are_those_that_are_found() -> None:
    found = {case.technique for case in CASES}
    assert found <= set(HIDDEN_TECHNIQUES)
    assert set(HIDDEN_TECHNIQUES) - found == {"terminal"}  # shown in test_hidden_evasion
