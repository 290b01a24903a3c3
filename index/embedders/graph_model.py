"""ONNX graphs on ONNX Runtime or OpenVINO: the same model computed by something other than torch.

A folder with safetensors weights of a plain BERT gets a graph made from them (`bert_graph`). A folder that has
only `onnx/model.onnx` is computed with that. Neither path imports torch or transformers. The libraries are
extras, used bare: `sentence-transformers[onnx]` downgrades sentence-transformers and transformers, and
`[openvino]` pulls another torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from corpus.errors import ConfigurationError
from corpus.seams import Vectors
from index.embedders.bert_folder import fits
from index.embedders.rows import by_length
from index.embedders.space import Space

GraphBackend = Literal["onnx", "openvino"]

ONNX_FILE = "onnx/model.onnx"
"""Where sentence-transformers keeps an exported model, inside the folder of its transformer."""

# As many tokens as a batch of `packed_bert`, padding included: both runtimes keep their buffers near the caches.
_TOKENS_PER_BATCH = 2048

_PACKAGES: Mapping[GraphBackend, str] = {"onnx": "onnxruntime", "openvino": "openvino"}

Run = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
"""From named inputs to named outputs."""


def require_installed(backend: GraphBackend) -> None:
    """Checks that a backend can be imported, without importing it.

    Raises:
        ConfigurationError: A package of it is missing.
    """
    missing = [name for name in (_PACKAGES[backend], "onnx") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"backend {backend!r} needs {' and '.join(missing)}: pip install 'stemma-rag[{backend}]'. Or set backend "
            "to 'torch'."
        )


class GraphModel:
    """A model as an ONNX graph.

    Args:
        folder: A sentence-transformers folder with mean pooling.
        space: What its files say.
        backend: What computes.
        precision: `fp32` or `bf16`; bf16 with OpenVINO only.

    Raises:
        ConfigurationError: The backend cannot compute this model.
    """

    def __init__(self, folder: Path, space: Space, backend: GraphBackend, precision: str) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - describing a model must not load this

        self.backend: str = backend
        self._package = _PACKAGES[backend]
        self._width = space.dimension
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(space.max_tokens)
        graph = _graph_of(folder)
        start = _onnx_runtime if backend == "onnx" else _openvino
        self._run, self._inputs = start(graph, precision)

    @property
    def libraries(self) -> dict[str, str]:
        """Name and version of what computes."""
        return {self._package: version(self._package), "onnx": version("onnx")}

    def truncated_of(self, texts: Sequence[str]) -> int:
        """Returns how many texts are longer than the model reads."""
        return sum(bool(encoding.overflowing) for encoding in self._tokenizer.encode_batch(list(texts)))

    def encode(self, texts: list[str]) -> Vectors:
        """Returns mean token vectors, shape `(len(texts), width)`, float32, not yet of unit length."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        out = np.empty((len(texts), self._width), dtype=np.float32)
        for batch in by_length([len(tokens) for tokens in ids], _TOKENS_PER_BATCH):
            out[batch] = self._pooled([ids[place] for place in batch])
        return out

    def _pooled(self, texts: list[list[int]]) -> Vectors:
        longest = max(len(tokens) for tokens in texts)
        mask = np.array([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in texts], dtype=np.int64)
        padded = np.array([tokens + [0] * (longest - len(tokens)) for tokens in texts], dtype=np.int64)
        given = {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(padded)}
        outputs = self._run({name: given[name] for name in self._inputs})
        return _mean(outputs, mask, self._width)


def _mean(outputs: Mapping[str, np.ndarray], mask: np.ndarray, width: int) -> Vectors:
    """Pools what a graph gives: our own pools itself, others give a vector per token, under any name."""
    pooled = outputs.get("sentence_embedding")
    if pooled is not None:
        return np.asarray(pooled, dtype=np.float32)
    shape = (*mask.shape, width)
    tokens = next((value for value in outputs.values() if value.shape == shape and value.dtype.kind == "f"), None)
    if tokens is None:
        found = ", ".join(f"{name} {value.shape}" for name, value in outputs.items())
        raise ConfigurationError(
            f"the model's ONNX file gives no vector of {width} numbers per token, but {found}. Export the encoder "
            "with its last hidden state, or use backend torch."
        )
    kept = mask[:, :, None].astype(np.float32)
    pooled_rows: Vectors = (tokens * kept).sum(axis=1) / kept.sum(axis=1)
    return pooled_rows


def _graph_of(folder: Path) -> bytes:
    if fits(folder):
        from index.embedders.bert_graph import bert_graph  # noqa: PLC0415 - an extra

        graph: bytes = bert_graph(folder).SerializeToString()
        return graph
    exported = folder / ONNX_FILE
    if exported.is_file() and not list(folder.glob("*.safetensors")):
        return exported.read_bytes()
    raise ConfigurationError(
        f"{folder} is no plain BERT, the one shape that other backends than torch compute from safetensors weights. "
        "Set backend to 'torch'."
    )


def _onnx_runtime(graph: bytes, precision: str) -> tuple[Run, list[str]]:
    import onnxruntime  # noqa: PLC0415 - an extra

    if precision == "bf16":
        raise ConfigurationError(
            "backend 'onnx' computes in fp32: ONNX Runtime has no bf16 on processors. Set precision to 'fp32' or "
            "'auto', or backend to 'torch' or 'openvino'."
        )
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        return dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))

    return run, [given.name for given in session.get_inputs()]


def _openvino(graph: bytes, precision: str) -> tuple[Run, list[str]]:
    import openvino  # noqa: PLC0415 - an extra

    core = openvino.Core()
    hints: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
    # Pinned threads of two processes would share one core (measured 2026).
    compiled = core.compile_model(core.read_model(graph, b""), "CPU", {**hints, "ENABLE_CPU_PINNING": False})

    def run(inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        found = compiled(dict(inputs))
        return {output.any_name: np.array(found[output]) for output in compiled.outputs}

    return run, [given.any_name for given in compiled.inputs]
