"""A text that ends the process which embeds it again costs its document alone: found, named, held, and never served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from laws import half_model
from laws.handbook import NAME, Project

from contracts.build import THIS_BUILD
from corpus import batches
from corpus.catalog import decisions
from corpus.errors import GateFailed
from index.embedders.registry import EMBEDDERS, load_embedder
from index.reader import open_index
from index.signing import TrustStore
from ingestion import embedding, models, triage
from ingestion.sparing import CODE
from ingestion.stages import reembed, release
from ingestion.suspects import FOLDER

pytestmark = pytest.mark.slow

SITE = """
import os, signal
from laws import half_model

half_model.install()
embed = half_model.HalfModel.embed


def choking(self, texts):
    if any("choke" in text for text in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    return embed(self, texts)


half_model.HalfModel.embed = choking
"""
WORK = """
import json, sys
from pathlib import Path
from corpus.settings import Settings
from ingestion.runtime import open_runtime
from ingestion.stages import reembed
folder, run_id, *group = sys.argv[1:]
runtime = open_runtime(Settings(project=Path(folder), home=folder + "/home"))
print(json.dumps(reembed.embed_segments(runtime, "handbook", run_id, group).to_json()))
"""
CHOKE = "# Valves\n\n" + "A valve of the boiler house is read every hour by hand and written down. " * 40


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project at version 1 whose contract has just changed to a model that one chunk of one document kills."""
    known = THIS_BUILD.embedders
    half_model.install()
    models._local.cache_clear()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    made = Project.create(tmp_path / "project")
    made.settings = made.settings.model_copy(update={"shard_bytes": 1_000_000})
    made.fill(3)
    made.write("zz-choke", f"{CHOKE}\n\n## Last\n\nWords to choke on, in the boiler house. {CHOKE}")
    made.ingest()
    half_model.declare(made, "2.0.0")
    yield made
    object.__setattr__(THIS_BUILD, "embedders", known)
    EMBEDDERS.table.pop(half_model.NAME)  # type: ignore[attr-defined]
    models._local.cache_clear()


def attempt(project: Project, run_id: str, group: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Runs one attempt at a group of segments, as a mapped task does, in a process of its own."""
    repository = Path(__file__).parents[2]
    path = os.pathsep.join(map(str, (project.folder.parent / "site", repository / "tests", repository)))
    return subprocess.run(
        [sys.executable, "-c", WORK, str(project.folder), run_id, *group],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def served(project: Project, model: str) -> set[str]:
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    reader = open_index(project.settings.home, NAME, trust=trust, embedder=load_embedder(model))
    return {hit.doc_id for hit in reader.search("A valve of the boiler house is read by hand", k=20)}


def test_the_next_attempt_finds_the_text_and_its_document_is_held(project: Project) -> None:
    runtime, store = project.runtime, project.runtime.store
    reembed.begin(runtime, NAME, "run-2", mode="cutover")
    [group] = reembed.groups(runtime, NAME)
    first = attempt(project, "run-2", group)
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, ""), first.stderr
    assert len(store.names(FOLDER)) == 1
    last = attempt(project, "run-2", group)
    assert last.returncode == 0, last.stderr
    assert {name: json.loads(last.stdout)["figures"][name] for name in ("segments", "held")} == {
        "segments": 1, "held": 1,
    }  # fmt: skip
    assert store.names(FOLDER) == ()
    assert attempt(project, "run-2", group).returncode == 0  # delivered again: the file is there, and nothing is done

    [segment] = group
    assert {name: item.state for name, item in project.states().items() if item.state != "active"} == {
        "zz-choke.md": "quarantined"
    }
    with runtime.catalog.reading() as tx:
        [held] = decisions.standing(tx, NAME, "quarantine")
    assert (held.doc_id, held.reasons[-1]["code"]) == ("zz-choke.md", CODE)
    for part in ("of 'zz-choke.md'", "contract 'handbook'", f"segment {segment}", "wordllama-128", "release it"):
        assert part in str(held.reasons[-1]["message"])

    space = reembed.target(runtime, NAME, None).fingerprint
    with store.open(f"segments/{segment}/chunks.parquet") as handle:
        chunks = batches.read_table(handle).to_pylist()
    with store.open(embedding.vectors_path(space, segment)) as handle:
        vectors = batches.vectors_from_arrow(batches.read_table(handle)["vector"])
    lost = [row["text_sha256"] for row, vector in zip(chunks, vectors, strict=True) if not np.isfinite(vector).all()]
    assert lost == [row["text_sha256"] for row in chunks if "choke" in row["text"]]
    assert lost
    assert embedding._reuse(runtime, space, lost) == {}

    with pytest.raises(GateFailed, match=r"(?s)1 documents of 'handbook' are held .*index release.*zz-choke\.md"):
        reembed.cut_over(runtime, NAME, "run-2")
    assert "zz-choke.md" in served(project, project.model)
    release.release(runtime, NAME, "run-3")  # documents first, in the space that serves
    assert "zz-choke.md" not in served(project, project.model)
    assert reembed.cut_over(runtime, NAME, "run-4").figures["status"] == "published"
    found = served(project, half_model.NAME)
    assert found
    assert "zz-choke.md" not in found

    triage.release_held(runtime, NAME, ["zz-choke.md"], reason="more memory", actor="anna")
    project.ingest()  # here the model takes the text
    assert "zz-choke.md" in served(project, half_model.NAME)


def test_a_trial_of_a_model_takes_nothing_out_and_says_what_to_do(project: Project) -> None:
    runtime = project.runtime
    reembed.begin(runtime, NAME, "run-2", mode="shadow")
    [group] = reembed.groups(runtime, NAME)
    assert attempt(project, "run-2", group).returncode == -signal.SIGKILL
    for _ in range(2):
        refused = attempt(project, "run-2", group)
        assert refused.returncode == 1
        assert f"of 'zz-choke.md' (contract 'handbook', segment {group[0]})" in refused.stderr
        assert "Reject the document" in refused.stderr
    assert {item.state for item in project.states().values()} == {"active"}
    triage.reject_held(runtime, NAME, ["zz-choke.md"], reason="no model takes it", actor="anna")
    reembed.abandon(runtime, NAME)
    project.declare(project.model, "3.0.0")
    project.ingest()
    half_model.declare(project, "4.0.0")
    reembed.begin(runtime, NAME, "run-3", mode="shadow")
    [group] = reembed.groups(runtime, NAME)
    done = attempt(project, "run-3", group)
    assert done.returncode == 0, done.stderr
    assert reembed.cut_over(runtime, NAME, "run-3", mode="shadow").figures["status"] == "published"
