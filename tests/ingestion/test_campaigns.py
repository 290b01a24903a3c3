"""What is told of re-embeds while they go and after: phase, extent, pace, trouble, and which versions are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from laws import half_model
from laws.handbook import NAME, Project

from contracts.build import THIS_BUILD
from corpus.catalog import audit
from corpus.errors import GateFailed, SourceUnavailable
from corpus.seams import Vectors
from index.embedders.registry import EMBEDDERS
from ingestion import checkpoints, models, pacing, pipeline
from ingestion.campaigns import Campaign, campaigns, pair_of
from ingestion.nearness import nearness
from ingestion.stages import reembed

HALF = half_model.NAME


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project on the small model, beside which its half is known; every batch of eight texts is saved."""
    known = THIS_BUILD.embedders
    half_model.install()
    monkeypatch.setattr(pacing, "BATCH", 8)
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    models._local.cache_clear()
    project = Project.create(tmp_path / "project")
    project.fill(8)
    project.ingest()
    yield project
    object.__setattr__(THIS_BUILD, "embedders", known)
    EMBEDDERS.table.pop(HALF)  # type: ignore[attr-defined]
    models._local.cache_clear()


def _one(project: Project) -> Campaign:
    [found] = campaigns(project.runtime, NAME)
    return found


def test_a_run_that_fails_half_way_says_how_far_it_was_and_why_it_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert campaigns(project.runtime, NAME) == ()
    assert pair_of(project.runtime, NAME) is None
    real, calls = half_model.HalfModel.embed, iter(range(1_000))

    def tired(self: half_model.HalfModel, texts: Sequence[str]) -> Vectors:
        if next(calls) == 3:
            raise SourceUnavailable("too many requests")
        return real(self, texts)

    monkeypatch.setattr(half_model.HalfModel, "embed", tired)
    with pytest.raises(SourceUnavailable):
        pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow", reason="to try it")
    half = _one(project)
    assert (half.phase, half.problem, half.record.state) == ("refused", "too many requests", "running")
    assert (half.extent.segments, half.extent.segments_done, half.extent.since) == (1, 0, half.extent.chunks_done)
    assert 0 < half.extent.chunks_done < half.extent.chunks
    assert half.extent.sign is not None

    monkeypatch.setattr(half_model.HalfModel, "embed", real)
    reembed.begin(project.runtime, NAME, "by hand", model=HALF, mode="shadow")
    at_work = _one(project)
    assert (at_work.phase, at_work.extent.chunks_done) == ("embedding", half.extent.chunks_done)
    assert at_work.extent.since == 0, "what an earlier run did is no pace of this one"
    assert (at_work.chunks_per_second, at_work.seconds_left) == (None, None)
    reembed.embed_segments(project.runtime, NAME, "by hand", reembed.pending(project.runtime, NAME, HALF), model=HALF)
    whole = _one(project)
    assert (whole.phase, whole.extent.chunks_done, whole.extent.since) == (
        "releasing",
        whole.extent.chunks,
        whole.extent.chunks,
    )
    reembed.cut_over(project.runtime, NAME, "by hand", model=HALF, mode="shadow")
    over = _one(project)
    assert (over.phase, over.version, over.alias) == ("finished", 2, "shadow")
    pair = pair_of(project.runtime, NAME)
    assert pair is not None
    assert (pair.before.number, pair.after.number, pair.alias) == (1, 2, "shadow")
    kept = nearness(project.runtime, pair.before, pair.after)
    assert (kept.same_space, kept.sample in (pair.after.chunks, 200)) == (False, True)
    assert kept.share is not None
    assert 0.3 < kept.share < 1, "half of a Matryoshka model sees much of what the whole sees"
    assert nearness(project.runtime, pair.after, pair.after).share == 1
    with project.runtime.catalog.reading() as tx:
        begun = [entry for entry in audit.tail(tx) if entry.action == "reembed.begin"]
    assert [entry.detail.get("reason") for entry in begun] == ["to try it"], "who goes on without a reason is no news"


def test_pace_and_time_left_are_of_the_run_at_work(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BATCH", 4)
    seen: list[Campaign] = []

    class Looking:
        def start(self, label: str, total: int) -> None: ...

        def done(self) -> None: ...

        def advance(self, units: int = 1) -> None:
            seen.extend(campaigns(project.runtime, NAME))

    pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow", rate="6 chunks/s", progress=Looking())
    timed = [item for item in seen if item.chunks_per_second is not None and item.seconds_left]
    assert timed, "it took longer than two seconds"
    for item in timed:
        assert item.chunks_per_second is not None
        left = item.extent.chunks - item.extent.chunks_done
        assert item.seconds_left == pytest.approx(left / item.chunks_per_second)
    # A bucket of one second and a batch at the start, then six a second; the clock of files is as fine as a second.
    assert 2 < (timed[-1].chunks_per_second or 0) < 20
    assert timed[-1].seconds_left < timed[0].seconds_left  # type: ignore[operator]


def test_a_gate_that_refuses_is_a_reason_and_what_is_given_up_is_over(project: Project) -> None:
    text = project.contract_path.read_text("utf-8").replace("minDocuments: 1", "minDocuments: 1000")
    project.contract_path.write_text(text.replace("version: 1.0.0", "version: 1.1.0", 1))
    with pytest.raises(GateFailed):
        pipeline.reembed(project.runtime, NAME, model=HALF, mode="shadow")
    refused = _one(project)
    assert (refused.phase, "size" in refused.problem) == ("refused", True)
    assert refused.extent.chunks_done == refused.extent.chunks
    reembed.abandon(project.runtime, NAME, model=HALF, reason="not this year")
    assert _one(project).phase == "abandoned"
    with project.runtime.catalog.reading() as tx:
        [entry] = [entry for entry in audit.tail(tx) if entry.action == "reembed.abandon"]
    assert entry.detail["reason"] == "not this year"
    assert pair_of(project.runtime, NAME) is None
