"""Served answers fed back round after round: depth, loops and exposure are right, and admission keeps the corpus clean.

The simulation is that of `benchmarks/generations.py`, with fewer conversations; its truth is worked out from what was
written where, and is compared exactly.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from corpus.catalog import decisions, lineage
from index.manifest import Manifest

pytestmark = pytest.mark.slow

ROUNDS = 5
CONVERSATIONS = 6


def _simulation() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "generations.py"
    spec = importlib.util.spec_from_file_location("generations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(shared_data: Path) -> Any:
    path = shared_data / "mtrag" / "mtrag_human_eval_subset.json.gz"
    if not path.exists():
        pytest.skip("mtrag is not beside the project: the simulation needs real questions and answers")
    return _simulation().Data.read(path, CONVERSATIONS, ROUNDS)


def _run(data: Any, folder: Path, *, admission: bool) -> tuple[Any, list[Any]]:
    simulation = sys.modules["generations"].Simulation(folder / "project", data, admission=admission)
    return simulation, [simulation.run(number) for number in range(1, ROUNDS + 1)]


@pytest.fixture(scope="module")
def unguarded(data: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    return _run(data, tmp_path_factory.mktemp("unguarded"), admission=False)


@pytest.fixture(scope="module")
def guarded(data: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    return _run(data, tmp_path_factory.mktemp("guarded"), admission=True)


def test_with_enforcement_off_each_round_is_one_generation_deeper(unguarded: tuple[Any, list[Any]]) -> None:
    _, rounds = unguarded
    assert [item.depth for item in rounds] == [item.true_depth for item in rounds] == [1, 2, 3, 4, 5]
    assert [item.answer_depth for item in rounds] == [item.true_answer_depth for item in rounds] == [0, 1, 2, 3, 4]
    assert [item.wrong_depths for item in rounds] == [0] * ROUNDS, "of every document, not of the deepest only"


def test_loops_are_found_when_they_close_over_one_hop_and_over_many(unguarded: tuple[Any, list[Any]]) -> None:
    simulation, rounds = unguarded
    for item in rounds:
        assert item.loops == item.true_loops
    assert min(rounds[0].loops.values()) == 1
    assert max(rounds[-1].loops.values()) >= 3
    loops, answers = sys.modules["generations"].all_loops(simulation.runtime)
    longest = max(loops, key=lambda loop: len(loop.answers))
    assert len({answers[name].model for name in longest.answers}) > 1, "through several models"


def test_exposure_is_what_it_is(unguarded: tuple[Any, list[Any]]) -> None:
    _, rounds = unguarded
    assert [item.exposure for item in rounds] == [item.true_exposure for item in rounds]
    assert rounds[-1].exposure > 0


def test_without_enforcement_the_manifest_says_which_limits_are_broken(unguarded: tuple[Any, list[Any]]) -> None:
    simulation, _ = unguarded
    manifest: Manifest = simulation.reader().manifest
    told = {gate.name: gate for gate in manifest.gates}
    assert told["depth"].passed
    assert "only a warning" in told["depth"].actual
    assert "do not keep to it" in told["self-ingestion"].actual


def test_with_admission_on_the_corpus_stays_clean_in_every_round(guarded: tuple[Any, list[Any]]) -> None:
    simulation, rounds = guarded
    assert [item.fed_back_served for item in rounds] == [0] * ROUNDS
    assert [item.held for item in rounds] == [item.fed_back for item in rounds]
    assert [(item.depth, item.answer_depth, item.exposure) for item in rounds] == [(0, 0, 0.0)] * ROUNDS
    assert all(item.balanced for item in rounds)
    assert [item.documents + item.held for item in rounds] == [item.received for item in rounds]
    assert all(gate.passed for gate in simulation.reader().manifest.gates)


def test_what_is_held_back_keeps_its_lineage(guarded: tuple[Any, list[Any]]) -> None:
    simulation, rounds = guarded
    name = sys.modules["generations"].NAME
    with simulation.runtime.catalog.reading() as tx:
        held = decisions.standing(tx, name, "quarantine")
        found = lineage.parents(tx, [lineage.document(name, item.doc_id, item.revision_id) for item in held])
    assert {edge.subject.doc_id for edge in found} == {item.doc_id for item in held}
    assert len(held) == rounds[-1].held
