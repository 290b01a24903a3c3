"""Vectors of answers as files: made once, let go with the answer, joined when small, searched exactly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from laws.handbook import Project
from sqlalchemy import delete, update

from corpus.catalog import answers
from corpus.catalog.records import AnswerRecord
from corpus.catalog.tables import AnswerRow
from corpus.ids import text_digest
from corpus.seams import Embedder
from index.embedders.registry import load_embedder
from ingestion import answervectors
from ingestion.runtime import Runtime
from ingestion.stages import forget
from provenance.sentences import words

SERVED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Project.create(tmp_path / "project").runtime


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder("wordllama-256")


def text_of(number: int) -> str:
    return (
        f"Shelf {number} in hall {number % 7} holds the blue boxes with the spare parts. Whoever takes the last one "
        f"tells the desk beside door {number % 3}, and writes it on list {number}."
    )


def keep(runtime: Runtime, texts: dict[str, str | None]) -> None:
    with runtime.catalog.transaction() as tx:
        answers.add(tx, [(_record(name, text), ()) for name, text in texts.items()])


def _record(name: str, text: str | None) -> AnswerRecord:
    return AnswerRecord(
        answer_id=name,
        system="s",
        model="m",
        served_at=SERVED,
        text=text,
        text_sha256=text_digest(text or name),
        retrieved=(),
        cited=(),
        index_version="",
        gram_count=0,
        decidable=True,
        context_known=False,
    )


def files(runtime: Runtime, embedder: Embedder, kind: str) -> Sequence[str]:
    return runtime.store.names(f"{answervectors.folder_of(embedder.fingerprint)}/{kind}")


def test_each_answer_is_embedded_once(runtime: Runtime, embedder: Embedder) -> None:
    keep(runtime, {f"a{number}": text_of(number) for number in range(5)} | {"silent": None})
    first = answervectors.refresh(runtime, embedder)
    assert (first.answers, first.embedded, first.unreadable) == (5, 5, 1)
    before = files(runtime, embedder, "sentences"), files(runtime, embedder, "passages")
    assert answervectors.refresh(runtime, embedder).embedded == 0
    assert (files(runtime, embedder, "sentences"), files(runtime, embedder, "passages")) == before
    keep(runtime, {"a9": text_of(9)})
    assert answervectors.refresh(runtime, embedder).embedded == 1


def test_files_that_another_run_joins_meanwhile_do_not_stop_this_one(
    runtime: Runtime, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(runtime, {"a1": text_of(1), "a2": text_of(2)})
    answervectors.refresh(runtime, embedder)
    forget.erase(runtime, "a1", reason="asked to", actor="mara")
    keep(runtime, {"a3": text_of(3)})
    answervectors.refresh(runtime, embedder)
    listed = answervectors._keys

    def joined(*args: object) -> list[object]:
        found = list(listed(*args))
        for name, _ in found:
            runtime.store.remove(name)
        return found

    monkeypatch.setattr(answervectors, "_keys", joined)
    forget.erase(runtime, "a2", reason="asked to", actor="mara")


def test_the_nearest_are_those_of_a_plain_comparison(runtime: Runtime, embedder: Embedder) -> None:
    texts = {f"a{number}": text_of(number) for number in range(40)}
    keep(runtime, dict(list(texts.items())[:25]))
    answervectors.refresh(runtime, embedder)
    keep(runtime, dict(list(texts.items())[25:]))
    answervectors.refresh(runtime, embedder)
    asked = embedder.embed([text_of(3), "Shelf 31 holds spare parts in blue boxes.", "Quite another matter: soup."])
    every = asked @ embedder.embed(list(texts.values())).T
    for row, found in enumerate(answervectors.nearest(runtime, embedder.fingerprint, asked, least=0.3, most=5)):
        wanted = [place for place in np.argsort(-every[row])[:5] if every[row][place] >= 0.3]
        assert [item.cosine for item in found] == pytest.approx(
            [float(every[row][place]) for place in wanted], abs=1e-5
        )
    assert answervectors.nearest(runtime, embedder.fingerprint, asked[:0], least=0.3, most=5) == []


def test_sentences_keep_their_places(runtime: Runtime, embedder: Embedder) -> None:
    keep(runtime, {"a1": text_of(1), "a2": "Too short."})
    answervectors.refresh(runtime, embedder)
    found = answervectors.sentences_of(runtime, embedder.fingerprint, ["a1", "a2", "a3"])
    assert set(found) == {"a1"}
    said = [span.of(text_of(1)) for span in found["a1"].spans]
    assert said[0] == "Shelf 1 in hall 1 holds the blue boxes with the spare parts."
    assert np.allclose(found["a1"].vectors, embedder.embed(said), atol=1e-5)
    assert answervectors.refresh(runtime, embedder).embedded == 0, "an answer without a sentence counts as looked at"


def test_what_is_erased_or_may_not_be_read_any_more_leaves(runtime: Runtime, embedder: Embedder) -> None:
    keep(runtime, {f"a{number}": text_of(number) for number in range(3)})
    answervectors.refresh(runtime, embedder)
    with runtime.catalog.transaction() as tx:
        tx.execute(delete(AnswerRow).where(AnswerRow.answer_id == "a0"))
        tx.execute(update(AnswerRow).where(AnswerRow.answer_id == "a1").values(text=None))
    left = answervectors.refresh(runtime, embedder)
    assert (left.answers, left.embedded, left.unreadable) == (1, 0, 1)
    assert set(answervectors.sentences_of(runtime, embedder.fingerprint, ["a0", "a1", "a2"])) == {"a2"}
    everything = b"".join(
        runtime.store.read_bytes(f"{answervectors.folder_of(embedder.fingerprint)}/{kind}/{name}")
        for kind in ("sentences", "passages")
        for name in files(runtime, embedder, kind)
    )
    assert b"a2" in everything
    assert b"a0" not in everything


def test_many_small_files_are_joined(runtime: Runtime, embedder: Embedder) -> None:
    for number in range(20):
        keep(runtime, {f"a{number}": text_of(number)})
        answervectors.refresh(runtime, embedder)
    assert len(files(runtime, embedder, "sentences")) < 20
    assert len(files(runtime, embedder, "passages")) < 20
    found = answervectors.sentences_of(runtime, embedder.fingerprint, [f"a{number}" for number in range(20)])
    assert len(found) == 20
    assert answervectors.refresh(runtime, embedder).embedded == 0


def test_a_killed_refresh_is_made_good(runtime: Runtime, embedder: Embedder) -> None:
    keep(runtime, {"a1": text_of(1)})
    answervectors.refresh(runtime, embedder)
    folder = answervectors.folder_of(embedder.fingerprint)
    [name] = files(runtime, embedder, "passages")
    runtime.store.remove(f"{folder}/passages/{name}")
    assert answervectors.refresh(runtime, embedder).embedded == 1
    assert len(answervectors.sentences_of(runtime, embedder.fingerprint, ["a1"])["a1"].spans) == 2


def test_a_long_answer_is_kept_in_stretches(runtime: Runtime, embedder: Embedder) -> None:
    text = " ".join(text_of(number) for number in range(20))
    keep(runtime, {"long": text})
    answervectors.refresh(runtime, embedder)
    passages = list(answervectors.passages_of(runtime, embedder.fingerprint, ["long"]))
    assert len(passages) >= words(text) // answervectors.PASSAGE_WORDS
    [near] = answervectors.nearest(runtime, embedder.fingerprint, embedder.embed([text_of(19)]), least=0.1, most=3)
    assert [item.answer_id for item in near] == ["long"]


def test_erasing_an_answer_takes_its_vectors_along_at_once(runtime: Runtime, embedder: Embedder) -> None:
    keep(runtime, {f"a{number}": text_of(number) for number in range(3)})
    answervectors.refresh(runtime, embedder)
    forget.erase(runtime, "a1", reason="asked by mail", actor="ada")
    kept = {near.answer_id for found in _all_near(runtime, embedder) for near in found}
    assert kept == {"a0", "a2"}
    assert answervectors.refresh(runtime, embedder).embedded == 0


def _all_near(runtime: Runtime, embedder: Embedder) -> list[tuple[answervectors.Near, ...]]:
    vectors = embedder.embed([text_of(number) for number in range(3)])
    return answervectors.nearest(runtime, embedder.fingerprint, vectors, least=-1.0, most=9)
