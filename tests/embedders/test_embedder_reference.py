"""Our forward passes against those of sentence-transformers, on real and on odd texts."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from torch.nn.functional import scaled_dot_product_attention
from transformers import BertConfig, BertModel

from corpus.seams import Embedder, Vectors
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, SAME_RUNTIME, compare
from index.embedders import bert_folder, packed_bert
from index.embedders.library_model import LibraryModel
from index.embedders.rows import unit_rows

from .conftest import package_folder


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = (str(item.metadata.get_payload())[:700] for item in distributions())
    return [*CANARY_TEXTS, *sorted({text for text in found if len(text) > 300})[::16][:16]]


@pytest.fixture(scope="module")
def reference(minilm_folder: Path, texts: list[str]) -> Vectors:
    rows = LibraryModel(minilm_folder, torch.float32, compiled=False).encode(texts)
    return unit_rows(rows, texts)


def test_the_packed_forward_is_the_model(minilm_fp32: Embedder, texts: list[str], reference: Vectors) -> None:
    assert minilm_fp32.runtime["backend"] == "packed-bert"
    np.testing.assert_allclose(minilm_fp32.embed(texts), reference, atol=2e-5)


def test_bf16_keeps_directions_and_neighbours(minilm: Embedder, texts: list[str], reference: Vectors) -> None:
    rows = minilm.embed(texts)
    assert compare(reference, rows).passed(0.9995)
    nearest = [np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, 1] for vectors in (reference, rows)]
    assert (nearest[0] == nearest[1]).mean() > 0.95


def test_the_library_serves_what_the_packed_forward_does_not(model_copy: Path, texts: list[str]) -> None:
    assert bert_folder.fits(model_copy)
    config = model_copy / "config.json"
    config.write_text(config.read_text().replace('"gelu"', '"gelu_new"'))
    assert not bert_folder.fits(model_copy)
    model = LibraryModel(model_copy, torch.bfloat16, compiled=False)
    full = LibraryModel(model_copy, torch.float32, compiled=False)
    assert compare(full.encode(texts[:16]), model.encode(texts[:16])).passed(ACROSS_RUNTIMES)
    assert model.truncated_of(["short", "word " * 255]) == 1


def test_a_tokenizer_with_other_settings_goes_through_the_library(model_copy: Path) -> None:
    config = model_copy / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"do_lower_case": true', '"do_lower_case": false'))
    assert not bert_folder.fits(model_copy)


@pytest.fixture
def sharp_model(model_copy: Path) -> Path:
    """A small random BERT whose attention scores are beyond what exp can say."""
    torch.manual_seed(5)
    config = json.loads((model_copy / "config.json").read_text())
    small = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64}
    config.update(small)
    (model_copy / "config.json").write_text(json.dumps(config))
    weights = BertModel(BertConfig(**config)).state_dict()
    for name in weights:
        if name.endswith(("query.weight", "key.weight")):
            weights[name] = weights[name] * 100
    (model_copy / "model.safetensors").unlink()
    save_file({name: value.contiguous() for name, value in weights.items()}, model_copy / "model.safetensors")
    return model_copy


def test_another_shape_and_scores_beyond_exp_are_computed_right(sharp_model: Path, texts: list[str]) -> None:
    assert bert_folder.fits(sharp_model)
    reference = LibraryModel(sharp_model, torch.float32, compiled=False).encode(texts)
    full = packed_bert.PackedBert(sharp_model, 256, torch.float32)
    low = packed_bert.PackedBert(sharp_model, 256, torch.bfloat16)
    assert compare(reference, unit_rows(full.encode(texts), texts)).passed(SAME_RUNTIME)
    assert np.isfinite(low.encode(texts)).all()


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_quick_attention_is_attention(scale: float) -> None:
    parts = [part * scale for part in torch.randn(3, 5, 4, 37, 8, generator=torch.Generator().manual_seed(3))]
    torch.testing.assert_close(
        packed_bert._quick_attention(*parts), scaled_dot_product_attention(*parts), atol=1e-5, rtol=1e-4
    )


def test_quick_attention_beyond_exp_is_nan_and_never_a_wrong_number() -> None:
    parts = [part * 100 for part in torch.randn(3, 2, 2, 9, 8, generator=torch.Generator().manual_seed(3))]
    quick, right = packed_bert._quick_attention(*parts), scaled_dot_product_attention(*parts)
    assert not quick.isfinite().all()
    sound = quick.isfinite()
    torch.testing.assert_close(quick[sound], right[sound], atol=1e-3, rtol=1e-3)


def test_the_static_mean_is_static_embedding(wordllama: Embedder, texts: list[str]) -> None:
    folder = package_folder("wordllama")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    weights = load_file(folder / "weights/l2_supercat_256.safetensors")["embedding.weight"].float().numpy()
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    with torch.inference_mode():
        rows = module(module.preprocess(texts))["sentence_embedding"].numpy()
    np.testing.assert_allclose(wordllama.embed(texts), unit_rows(rows, texts), atol=1e-5)
