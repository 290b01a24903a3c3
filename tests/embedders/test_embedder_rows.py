from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import IntegrityError
from index.embedders.processor import cpu_flags, has_bf16, model_environment
from index.embedders.rows import by_length, embed_once, speakable, unit_rows


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 4096))
def test_batches_hold_every_text_once_and_keep_the_limit(lengths: list[int], limit: int) -> None:
    batches = list(by_length(lengths, limit))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert len(batch) == 1 or len(batch) * longest <= limit


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_each_text_is_embedded_once_and_rows_keep_their_order(texts: list[str]) -> None:
    seen: list[str] = []

    def embed(distinct: list[str]) -> np.ndarray:
        seen.extend(distinct)
        return np.array([[ord(text), 1.0] for text in distinct], dtype=np.float32)

    rows = embed_once(texts, 2, embed)
    assert sorted(seen) == sorted(set(texts))
    assert rows.shape == (len(texts), 2)
    for text, row in zip(texts, rows, strict=True):
        assert row[0] / row[1] == pytest.approx(ord(text), rel=1e-5)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_row_without_direction_names_its_text(bad: float) -> None:
    rows = np.ones((3, 4), dtype=np.float32)
    rows[1] = bad
    with pytest.raises(IntegrityError, match="'second'"):
        unit_rows(rows, ["first", "second", "third"])


def test_rows_of_another_dimension_are_refused() -> None:
    with pytest.raises(IntegrityError, match="dimension 5"):
        embed_once(["a"], 5, lambda texts: np.ones((len(texts), 4), dtype=np.float32))


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_said_in_utf8(text: str) -> None:
    said = speakable(text)
    said.encode("utf-8")
    assert len(said) == len(text)
    assert speakable(said) == said


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    before = dict(os.environ)
    with model_environment():
        assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"
    assert dict(os.environ) == before


def test_openmp_settings_of_the_caller_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with model_environment():
        assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    with model_environment():
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "OMP_WAIT_POLICY" not in os.environ


def test_bf16_is_read_from_the_processor() -> None:
    assert has_bf16() == any("bf16" in flag for flag in cpu_flags())
