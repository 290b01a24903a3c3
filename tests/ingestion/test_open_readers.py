"""Real versions of two models, and threads that ask: a model that takes its time keeps nobody else waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from laws import half_model
from laws.handbook import NAME, Project

from contracts.build import THIS_BUILD
from corpus.seams import Vectors
from index.embedders.registry import EMBEDDERS
from ingestion import models, pipeline
from ingestion.openreaders import Readers, Turns
from ingestion.sidebyside import Question, Side, ask, choices_of

QUICK, SLOW = "live", "shadow"
PATIENCE_S = 60
QUESTION = Question(text="How is it installed?", k=3)


class Brake:
    """Holds a model up in the middle of its work, and counts who is in there."""

    def __init__(self, real: Callable[..., Vectors]) -> None:
        self._real = real
        self.go, self.within = threading.Event(), threading.Event()
        self.guard, self.now, self.most, self.calls = threading.Lock(), 0, 0, 0

    def embed(self, model: half_model.HalfModel, texts: Sequence[str]) -> Vectors:
        with self.guard:
            self.calls, self.now = self.calls + 1, self.now + 1
            self.most = max(self.most, self.now)
        self.within.set()
        try:
            assert self.go.wait(PATIENCE_S), "nobody let it go"
            return self._real(model, texts)
        finally:
            with self.guard:
                self.now -= 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An index that is served in one space, with a version in another beside it."""
    known = THIS_BUILD.embedders
    half_model.install()
    models._local.cache_clear()
    made = Project.create(tmp_path_factory.mktemp("readers") / "project")
    made.fill(4)
    made.ingest()
    pipeline.reembed(made.runtime, NAME, model=half_model.NAME, mode="shadow", reason="to have two")
    yield made
    made.runtime.catalog.close()
    object.__setattr__(THIS_BUILD, "embedders", known)
    EMBEDDERS.table.pop(half_model.NAME)  # type: ignore[attr-defined]
    models._local.cache_clear()


@pytest.fixture
def brake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Brake]:
    models._local.cache_clear()
    made = Brake(half_model.HalfModel.embed)
    monkeypatch.setattr(half_model.HalfModel, "embed", lambda self, texts: made.embed(self, texts))  # noqa: PLW0108 - a method, not a bound one
    yield made
    made.go.set()


@pytest.fixture
def asked(project: Project, brake: Brake) -> Iterator[tuple[Readers, Callable[[str], Future[Side]]]]:
    """Readers of this test's own, and a way to ask an alias in a thread of its own."""
    readers, known = Readers(), choices_of(project.runtime, NAME)
    with ThreadPoolExecutor(8) as pool:

        def one(alias: str) -> Side:
            [side] = ask(project.runtime, known, QUESTION, [alias], readers)
            return side

        yield readers, lambda alias: pool.submit(one, alias)
        brake.go.set()  # nobody is held up behind a failure


def test_a_model_that_opens_slowly_holds_up_its_own_version_only(brake: Brake, asked: Any) -> None:
    readers, ask_one = asked
    slow = [ask_one(SLOW)]
    assert brake.within.wait(PATIENCE_S), "the canaries of the version are looked at when it is opened"
    slow += [ask_one(SLOW) for _ in range(2)]
    for _ in range(2):
        quick = ask_one(QUICK).result(PATIENCE_S)
        assert len(quick.hits) == 3
    assert not any(item.done() for item in slow)
    assert (brake.calls, len(readers)) == (1, 1), "one thread opens it, the others wait for that"
    brake.go.set()
    sides = [item.result(PATIENCE_S) for item in slow]
    assert sorted(side.opened for side in sides) == [False, False, True]
    assert len({tuple(found.hit.chunk_id for found in side.hits) for side in sides}) == 1
    assert (brake.most, len(readers)) == (1, 2), "a model computes for one thread at a time"


def test_a_model_that_computes_slowly_holds_up_its_own_questions_only(brake: Brake, asked: Any) -> None:
    readers, ask_one = asked
    brake.go.set()
    assert ask_one(SLOW).result(PATIENCE_S).opened
    brake.go.clear()
    brake.within.clear()
    slow = [ask_one(SLOW) for _ in range(3)]
    assert brake.within.wait(PATIENCE_S)
    first = ask_one(QUICK).result(PATIENCE_S)
    assert (first.opened, ask_one(QUICK).result(PATIENCE_S).opened) == (True, False)
    assert not any(item.done() for item in slow)
    brake.go.set()
    assert not any(item.result(PATIENCE_S).opened for item in slow)
    assert (brake.most, len(readers)) == (1, 2)


def test_turns_of_one_thing_wait_and_leave_nothing_behind(tmp_path: Path) -> None:
    turns, done = Turns(), list[int]()

    def write(number: int) -> None:
        with turns.of(tmp_path):
            done.append(number)
            assert len(done) % 2 == 1, "two at once"
            done.append(number)

    with ThreadPoolExecutor(8) as pool, turns.of("another thing"):
        for item in [pool.submit(write, number) for number in range(200)]:
            item.result(PATIENCE_S)
        with pytest.raises(ZeroDivisionError), turns.of(tmp_path):
            _ = 1 / 0
        assert len(turns) == 1
    assert len(turns) == 0
    assert done[::2] == done[1::2]
