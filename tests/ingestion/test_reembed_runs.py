"""Re-embeds that are under way: what arrives meanwhile, what is kept of half work, what is loaded, how fast it goes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from laws import half_model
from laws.handbook import NAME, Project, real_texts

from contracts.build import THIS_BUILD
from corpus.catalog import reembeds, segments
from corpus.errors import ConfigurationError, GateFailed, SourceUnavailable
from corpus.seams import Vectors
from index.embedders.registry import EMBEDDERS, load_embedder
from index.pacing import parse_rate
from index.reader import open_index
from index.signing import TrustStore
from ingestion import approving, checkpoints, models, pacing, pipeline
from ingestion.history.replay import Then, replay
from ingestion.pacing import Paced
from ingestion.runtime import open_runtime
from ingestion.stages import audit, reembed, release

ZANZIBAR = "# Flamingos\n\n" + "Zanzibar flamingos nest beside the observatory in early spring. " * 12
HALF = half_model.NAME
LOADED = """
import json, sys
from pathlib import Path
from laws import half_model
half_model.install()
from corpus.settings import Settings
from ingestion.runtime import open_runtime
from ingestion.stages import reembed
NAME, folder = "handbook", Path(sys.argv[1])
runtime = open_runtime(Settings(project=folder, home=str(folder / "home")))
reembed.estimate(runtime, NAME)
reembed.begin(runtime, NAME, "r", mode="cutover")
for group in reembed.groups(runtime, NAME):
    reembed.embed_segments(runtime, NAME, "r", group)
embedded = set(sys.modules)
receipt = reembed.cut_over(runtime, NAME, "r")
print(json.dumps([dict(receipt.figures), sorted(embedded), sorted(sys.modules)]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project on the small model, beside which its half is known; every batch of eight texts is saved."""
    known = THIS_BUILD.embedders
    half_model.install()
    monkeypatch.setattr(pacing, "BATCH", 8)
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setenv(half_model.LOG, str(tmp_path / "embedded.log"))
    models._local.cache_clear()
    project = Project.create(tmp_path / "project")
    project.settings = project.settings.model_copy(update={"shard_bytes": 6_000})
    yield project
    object.__setattr__(THIS_BUILD, "embedders", known)
    EMBEDDERS.table.pop(HALF)  # type: ignore[attr-defined]
    models._local.cache_clear()


def _embedded(project: Project) -> Counter[str]:
    return Counter(half_model.embedded(project.folder.parent / "embedded.log"))


def _found(project: Project, alias: str) -> set[str]:
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    model = load_embedder(HALF if alias == "shadow" else project.model)
    reader = open_index(project.settings.home, NAME, alias=alias, trust=trust, embedder=model)
    return {hit.doc_id for hit in reader.search("Zanzibar flamingos beside the observatory", k=3)}


def test_documents_that_arrive_during_a_trial_go_to_both_models(project: Project) -> None:
    project.fill(6)
    project.ingest()
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    first, *rest = reembed.groups(project.runtime, NAME, HALF, chunks_per_group=1)
    assert rest
    reembed.embed_segments(project.runtime, NAME, "trial", first, model=HALF)
    project.write("flamingos", ZANZIBAR)
    receipt = project.ingest()
    assert receipt.figures["also_embedded"] == receipt.figures["embedded"] > 0
    assert (receipt.figures["version"], "flamingos.md" in _found(project, "live")) == (2, True)
    for group in rest:
        reembed.embed_segments(project.runtime, NAME, "trial", group, model=HALF)
    released = reembed.cut_over(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    assert "caught_up" not in released.figures
    assert "flamingos.md" in _found(project, "shadow")
    assert set(_embedded(project).values()) == {1}
    assert project.reader().manifest.number == 2
    project.write("later", ZANZIBAR.replace("Zanzibar", "Pemba"))
    assert "also_embedded" not in project.ingest().figures, "the trial is over"


def test_documents_that_arrive_during_a_cut_over_are_served_by_the_old_model_and_then_by_the_new(
    project: Project,
) -> None:
    project.fill(6)
    project.ingest()
    half_model.declare(project, "2.0.0")
    with pytest.raises(ConfigurationError, match="stemma reembed"):
        project.ingest()
    reembed.begin(project.runtime, NAME, "move", mode="cutover")
    [group, *_] = reembed.groups(project.runtime, NAME, chunks_per_group=1)
    reembed.embed_segments(project.runtime, NAME, "move", group)
    project.write("flamingos", ZANZIBAR)
    project.inbox.joinpath(f"{real_texts()[0][0]}.md").unlink()
    receipt = project.ingest()
    assert receipt.counts.balanced
    assert (receipt.counts.indexed, receipt.counts.removed) == (1, 1)
    manifest = project.reader().manifest
    assert (manifest.number, manifest.index.dimension) == (2, 256)
    assert "flamingos.md" in _found(project, "live")
    moved = pipeline.reembed(project.runtime, NAME)
    project.model = HALF
    manifest = project.reader().manifest
    assert (moved.figures["version"], manifest.index.dimension, len(project.reader())) == (
        3,
        128,
        manifest.contents.chunks,
    )
    assert "flamingos.md" in _found(project, "live")
    assert set(_embedded(project).values()) == {1}
    [parity] = [gate for gate in manifest.gates if gate.name == "chunk-parity"]
    assert parity.passed
    assert "(100 %)" in parity.actual
    assert project.ingest().figures["status"] == "unchanged"


def test_what_slipped_through_is_embedded_before_the_cut_over(project: Project) -> None:
    project.fill(3)
    project.ingest()
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    for group in reembed.groups(project.runtime, NAME, HALF):
        reembed.embed_segments(project.runtime, NAME, "trial", group, model=HALF)
    reembed.abandon(project.runtime, NAME, model=HALF)
    project.write("flamingos", ZANZIBAR)  # staged by a run that looked before the re-embed was opened again
    project.ingest()
    released = reembed.cut_over(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    assert released.figures["caught_up"] == 1
    assert "flamingos.md" in _found(project, "shadow")


def test_trouble_with_the_new_model_stops_no_ingest(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.fill(2)
    project.ingest()
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")

    def down(self: half_model.HalfModel, texts: Sequence[str]) -> Vectors:
        raise SourceUnavailable("the endpoint did not answer")

    monkeypatch.setattr(half_model.HalfModel, "embed", down)
    project.write("flamingos", ZANZIBAR)
    receipt = project.ingest()
    assert (receipt.counts.indexed, receipt.figures["left_to_reembed"], receipt.figures["version"]) == (1, 1, 2)
    monkeypatch.undo()
    monkeypatch.setenv(half_model.LOG, str(project.folder.parent / "embedded.log"))
    pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    assert "flamingos.md" in _found(project, "shadow")


def test_a_model_that_fails_half_way_keeps_what_it_did(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.fill(8)
    project.settings = project.settings.model_copy(update={"shard_bytes": 1_000_000})
    project.ingest()
    whole = int(reembed.estimate(project.runtime, NAME, HALF).figures["distinct_texts"])
    real, calls = half_model.HalfModel.embed, iter(range(1_000))

    def tired(self: half_model.HalfModel, texts: Sequence[str]) -> Vectors:
        if next(calls) == 3:
            raise SourceUnavailable("too many requests")
        return real(self, texts)

    monkeypatch.setattr(half_model.HalfModel, "embed", tired)
    with pytest.raises(SourceUnavailable):
        pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    monkeypatch.setattr(half_model.HalfModel, "embed", real)
    assert sum(_embedded(project).values()) == 16
    cost = reembed.estimate(project.runtime, NAME, HALF).figures
    assert cost["distinct_texts"] == whole - 16
    assert "under_way_since" in cost
    pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    counts = _embedded(project)
    assert set(counts.values()) <= {1, 2}
    assert sum(number == 2 for number in counts.values()) <= 2, "only the last text of each part is asked again"
    assert not list(Path(project.settings.home, "vectors").rglob("*.parts"))


def test_an_estimate_counts_what_the_model_has_to_read_and_learns_from_the_last_run(project: Project) -> None:
    project.fill(12)
    text = sorted(project.inbox.glob("*.md"))[0].read_text()
    project.ingest()
    first = reembed.estimate(project.runtime, NAME, HALF, price_per_million_tokens=0.02).figures
    assert first["rate_from"] == "assumed"
    assert first["price_estimated"] == round(int(first["tokens_to_embed"]) * 0.02 / 1e6, 4)
    assert int(first["distinct_texts"]) <= int(first["chunks"])
    slow = reembed.estimate(project.runtime, NAME, HALF, rate="1 chunks/s").figures
    assert slow["seconds_estimated"] == int(first["distinct_texts"]) - 1
    pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    done = reembed.estimate(project.runtime, NAME, HALF).figures
    assert (done["segments"], done["distinct_texts"], done["seconds_estimated"]) == (0, 0, 0.0)
    assert done["rate_from"] == "measured here"
    project.write("again", text + "\n\n" + ZANZIBAR)
    project.ingest()
    ahead = reembed.estimate(project.runtime, NAME, HALF).figures
    assert 0 < int(ahead["distinct_texts"]) <= int(ahead["chunks"])


def test_documents_that_were_cut_anew_meanwhile_are_not_cut_over(project: Project) -> None:
    project.fill(3)
    project.ingest()
    half_model.declare(project, "2.0.0")
    reembed.begin(project.runtime, NAME, "move", mode="cutover")
    text = project.contract_path.read_text().replace("version: 2.0.0", "version: 2.1.0", 1)
    project.contract_path.write_text(text.replace("maxTokens: 254", "maxTokens: 60"))
    project.ingest(publish=False)
    with pytest.raises(GateFailed, match=r"chunk-parity(.|\n)*cut anew"):
        pipeline.reembed(project.runtime, NAME)
    with project.runtime.catalog.reading() as tx:
        [moving] = reembeds.running(tx, NAME)
    assert moving.model == HALF, "still under way"
    assert project.ingest().figures["status"] == "published"
    assert pipeline.reembed(project.runtime, NAME).figures["status"] == "published"


def test_a_chunk_that_was_lost_from_a_segment_stops_the_cut_over(project: Project) -> None:
    project.fill(3)
    project.ingest()
    path = next(Path(project.settings.home, "segments").glob("*/chunks.parquet"))
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(GateFailed, match=r"chunk-parity: expected 100 % of the chunks of v000001, found \d+ of \d+"):
        pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    assert project.reader().manifest.number == 1
    assert not Path(project.settings.home, "indexes", NAME, "aliases", "shadow.json").exists()


def test_giving_up_ends_the_double_work_and_keeps_the_vectors(project: Project) -> None:
    project.fill(3)
    project.ingest()
    with pytest.raises(ConfigurationError, match="Under way: none"):
        reembed.abandon(project.runtime, NAME, model=HALF)
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    [group] = reembed.groups(project.runtime, NAME, HALF)
    reembed.embed_segments(project.runtime, NAME, "trial", group, model=HALF)
    assert reembed.abandon(project.runtime, NAME, model=HALF).figures["status"] == "abandoned"
    project.write("flamingos", ZANZIBAR)
    assert "also_embedded" not in project.ingest().figures
    assert len(reembed.pending(project.runtime, NAME, HALF)) == 1
    with project.runtime.catalog.reading() as tx:
        spaces = {len(segments.spaces(tx, item.segment_id)) for item in segments.live(tx, NAME)}
    assert spaces == {1, 2}


def test_a_model_that_is_gone_can_be_given_up(project: Project) -> None:
    project.fill(2)
    project.ingest()
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    EMBEDDERS.table.pop(HALF)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=f"stemma reembed {NAME} --model {HALF} --abandon"):
        reembed.abandon(project.runtime, NAME)
    assert reembed.abandon(project.runtime, NAME, model=HALF).figures["status"] == "abandoned"
    half_model.install()


def test_old_versions_are_asked_with_their_model_also_after_it_was_renamed(project: Project) -> None:
    project.fill(2)
    half_model.declare(project, "1.0.0")
    project.ingest()
    EMBEDDERS.table["moved-128"] = EMBEDDERS.table.pop(HALF)  # type: ignore[attr-defined, index]
    known = {**THIS_BUILD.embedders, "moved-128": THIS_BUILD.embedders[HALF]}
    object.__setattr__(THIS_BUILD, "embedders", known)
    models._local.cache_clear()
    text = project.contract_path.read_text().replace("version: 1.0.0", "version: 2.0.0", 1)
    project.contract_path.write_text(text.replace(HALF, "moved-128"))
    assert project.ingest().figures["version"] == 2
    assert audit.audit(project.runtime, NAME).figures["version"] == 2
    assert replay(project.runtime, NAME, "how is it installed?", Then(version=1)).then == 1
    half_model.install()
    EMBEDDERS.table.pop("moved-128")  # type: ignore[attr-defined]


ASKED = """
  - property: ragApprovals
    vendor: stemma
    value: {persons: 1, approvers: [ada]}
"""


def test_a_cut_over_that_waits_for_approval_is_under_way_until_it_is_promoted(project: Project) -> None:
    project.fill(3)
    project.ingest()
    half_model.declare(project, "2.0.0")
    project.contract_path.write_text(project.contract_path.read_text().rstrip("\n") + ASKED)
    moved = pipeline.reembed(project.runtime, NAME).figures
    assert (moved["status"], moved["version"]) == ("waiting-for-approval", 2)
    assert "under_way_since" in moved
    project.write("flamingos", ZANZIBAR)
    receipt = project.ingest().figures
    assert receipt["also_embedded"] == receipt["embedded"] == 1
    approving.approve(project.runtime, NAME, 2, by="ada", reason="read the answers")
    release.move(project.runtime, NAME, "live", 2, reason="approved")
    with project.runtime.catalog.reading() as tx:
        assert reembeds.running(tx, NAME) == ()
    project.write("later", ZANZIBAR.replace("Zanzibar", "Pemba"))
    assert "also_embedded" not in project.ingest().figures
    assert set(_embedded(project).values()) == {1}


def test_a_cut_over_that_was_rolled_back_stops_no_ingest_and_can_be_insisted_on(project: Project) -> None:
    project.fill(3)
    project.ingest()
    half_model.declare(project, "2.0.0")
    pipeline.reembed(project.runtime, NAME)
    release.move(project.runtime, NAME, "live", 1, reason="worse answers")
    with pytest.raises(ConfigurationError, match="stemma reembed"):
        project.ingest()
    held = pipeline.reembed(project.runtime, NAME).figures
    assert held["status"] == "held"
    assert "under_way_since" in held
    assert project.ingest().counts.balanced
    assert project.reader().manifest.index.dimension == 256, "served by the model that was rolled back to"
    why = "the questions were at fault"
    insisted = release.release(project.runtime, NAME, "insisted", model=HALF, force=True, reason=why).figures
    assert insisted["status"] == "published"
    with project.runtime.catalog.reading() as tx:
        assert reembeds.running(tx, NAME) == ()
    assert project.ingest().figures["status"] == "unchanged"


def test_a_cut_over_to_a_model_that_is_not_declared_is_refused_before_anything_is_embedded(project: Project) -> None:
    project.fill(2)
    project.ingest()
    with pytest.raises(ConfigurationError, match="Change the contract first"):
        pipeline.reembed(project.runtime, NAME, model=HALF)
    assert not _embedded(project)


def test_no_parser_and_no_chunker_is_imported(project: Project) -> None:
    project.fill(3)
    project.ingest()
    half_model.declare(project, "2.0.0")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n{LOADED}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(project.folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    figures, embedding_modules, modules = json.loads(done.stdout.splitlines()[-1])
    assert (figures["status"], figures["version"]) == ("published", 2)
    assert "ingestion.stages.reembed" in embedding_modules
    for loaded in (embedding_modules, modules):
        assert [name for name in loaded if name.startswith(("ingestion.parsers", "ingestion.chunkers"))] == []
        libraries = ("markdown_it", "lxml", "pypdfium2", "trafilatura", "unstructured", "docutils")
        assert [name for name in libraries if name in loaded] == []


def test_two_workers_keep_one_rate(project: Project) -> None:
    project.fill(1)
    project.ingest()
    reembed.begin(project.runtime, NAME, "trial", model=HALF, mode="shadow")
    space = reembed.target(project.runtime, NAME, HALF).fingerprint
    rate = parse_rate("100 chunks/s")
    times: list[tuple[float, int]] = []

    def work(name: str) -> None:
        runtime = open_runtime(project.settings)
        pace = Paced(catalog=runtime.catalog, contract=NAME, space=space, rate=rate)
        batches = pace.batches([f"{name}{number}" for number in range(120)], [1] * 120)
        times.extend((time.monotonic(), len(batch)) for batch in batches)
        runtime.catalog.close()

    workers = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(size for _, size in times) == 240
    times.sort()
    took = times[-1][0] - times[0][0]
    assert (240 - rate.burst - times[-1][1]) / rate.per_second * 0.95 <= took
    assert took < 240 / rate.per_second + 5
