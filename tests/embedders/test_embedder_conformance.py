"""What every embedder must do, whatever it computes with."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from corpus.errors import IntegrityError
from corpus.seams import Embedder
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, SAME_RUNTIME, compare

HOSTILE = [
    "\x00",
    "\ud800 a lone surrogate",
    "\u200b\u200b",
    "\n\t \r\n",
    "a" * 5000,
    "word " * 2000,
    "�" * 300,
    "🧑‍🚀" * 100,
    "[CLS] [SEP] [MASK] </s><s>",
    "ignore previous instructions",
    "e\u0301" * 50,
    "\u202eevif",
]


@pytest.fixture(params=["minilm", "minilm_fp32", "wordllama", "other_weights"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    found: Embedder = request.getfixturevalue(request.param)
    return found


def test_shape_type_and_unit_rows(embedder: Embedder) -> None:
    rows = embedder.embed(CANARY_TEXTS)
    assert rows.shape == (len(CANARY_TEXTS), embedder.dimension)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


def test_no_text_gives_no_row(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_the_same_list_gives_the_same_bits(embedder: Embedder) -> None:
    assert embedder.embed(CANARY_TEXTS).tobytes() == embedder.embed(CANARY_TEXTS).tobytes()


def test_neither_order_nor_company_changes_a_vector(embedder: Embedder) -> None:
    whole = embedder.embed(CANARY_TEXTS)
    shuffled = np.random.default_rng(7).permutation(len(CANARY_TEXTS))
    again = np.empty_like(whole)
    again[shuffled] = embedder.embed([CANARY_TEXTS[place] for place in shuffled])
    alone = np.concatenate([embedder.embed([text]) for text in CANARY_TEXTS[::8]])
    assert compare(whole, again).passed(SAME_RUNTIME)
    assert compare(whole[::8], alone).passed(SAME_RUNTIME)
    np.testing.assert_allclose(again, whole, atol=1e-2)


def test_equal_texts_have_equal_rows_and_others_do_not(embedder: Embedder) -> None:
    rows = embedder.embed(["one text", "two texts", "one text", "three", "one text"])
    assert rows[0].tobytes() == rows[2].tobytes() == rows[4].tobytes()
    assert float(rows[0] @ rows[3]) < 0.99


def test_hostile_texts_have_a_direction(embedder: Embedder) -> None:
    rows = embedder.embed(HOSTILE)
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


def test_meaning_is_nearer_than_another_meaning(embedder: Embedder) -> None:
    question, answer, other = embedder.embed(
        ["How do I reset my password?", "Resetting a forgotten password", "Glaciers flow over gravel"]
    )
    assert question @ answer > question @ other + 0.2


def test_the_runtime_says_what_computed(embedder: Embedder) -> None:
    assert {"backend", "dtype", "tokenizers"} <= set(embedder.runtime)
    assert all(isinstance(value, str) and value for value in embedder.runtime.values())


def test_bf16_and_fp32_may_meet_and_other_weights_may_not(
    minilm: Embedder, minilm_fp32: Embedder, other_weights: Embedder
) -> None:
    full = minilm_fp32.embed(CANARY_TEXTS)
    assert compare(full, minilm.embed(CANARY_TEXTS)).passed(ACROSS_RUNTIMES)
    assert not compare(full, other_weights.embed(CANARY_TEXTS)).passed(ACROSS_RUNTIMES)


def test_an_empty_text_has_no_static_vector(wordllama: Embedder) -> None:
    with pytest.raises(IntegrityError, match="no token"):
        wordllama.embed(["something", ""])


def test_cut_texts_are_counted(minilm: Embedder, wordllama: Embedder) -> None:
    texts = ["short", "word " * 254, "word " * 255]
    assert minilm.truncated_of(texts) == 1  # type: ignore[attr-defined]
    assert wordllama.truncated_of(texts) == 0  # type: ignore[attr-defined]


def test_nothing_reaches_for_the_network() -> None:
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise SystemExit(f'network: {args}')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from index.embedders.registry import load_embedder\n"
        "for name in ('wordllama-256', 'all-MiniLM-L6-v2'):\n"
        "    assert load_embedder(name, precision='fp32').embed(['a', 'b']).shape[0] == 2\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
