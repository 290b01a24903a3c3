"""A plain BERT encoder as an ONNX graph, written from its weights: what other backends compute.

The graph is made here and not exported. torch's TorchScript exporter gives a graph of this model that runs and
is wrong (largest difference 2.2, transformers 5.23 and torch 2.13, measured 2026), and the newer exporter needs
two more packages and 10 s to load. Written from the safetensors file it is made without torch, and the space's
fingerprint, which is of that file, speaks of it too. Mean pooling is part of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from corpus.errors import ConfigurationError
from index.fingerprint import read_json

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"

# The first operator set with LayerNormalization; every runtime of the last years reads it.
_OPSET = 17
_IR_VERSION = 9
_HIDDEN = -1e9
"""Added to the score of a padding token: exp of it is 0, also in bf16."""

_Weights = Mapping[str, np.ndarray]


def bert_graph(folder: Path) -> ModelProto:
    """Writes the graph of a folder that `bert_folder.fits`, with mean pooling.

    Args:
        folder: A sentence-transformers folder.

    Returns:
        A model from `input_ids` and `attention_mask`, int64 of shape `(texts, tokens)`, to
        `sentence_embedding`, float32 of shape `(texts, width)`, not of unit length.

    Raises:
        ConfigurationError: The weights are of a type that numpy does not know, such as bf16.
    """
    config = read_json(folder / "config.json")
    try:
        weights = load_file(folder / "model.safetensors")
    except (TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the weights in {folder} are of a type that only torch reads ({error}). Use backend torch, or save the "
            "model in float32."
        ) from error
    builder = _Builder(weights, int(config["num_attention_heads"]), float(config["layer_norm_eps"]))
    hidden = builder.embedded()
    for number in range(int(config["num_hidden_layers"])):
        hidden = builder.layer(f"encoder.layer.{number}", hidden)
    builder.pooled(hidden)
    return builder.model(int(config["hidden_size"]))


class _Builder:
    """Collects nodes and tensors; names of tensors are made from the layer that they belong to."""

    def __init__(self, weights: _Weights, heads: int, epsilon: float) -> None:
        self._weights, self._heads, self._epsilon = weights, heads, epsilon
        self._nodes: list[NodeProto] = []
        self._tensors: list[TensorProto] = []

    def model(self, width: int) -> ModelProto:
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in INPUTS]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["texts", width])
        graph = helper.make_graph(self._nodes, "bert", inputs, [output], self._tensors)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION, producer_name="stemma"
        )

    def embedded(self) -> str:
        """Words, places and the mask that every layer adds to its scores."""
        places = self._weights["embeddings.position_embeddings.weight"].astype(np.float32)
        kinds = self._weights["embeddings.token_type_embeddings.weight"].astype(np.float32)
        words = self._constant("words", self._weights["embeddings.word_embeddings.weight"])
        shape = self._node("Shape", ["input_ids"], "shape", start=1, end=2)
        start, axes = self._constant("zero", np.array([0])), self._constant("axis0", np.array([0]))
        placed = self._node("Slice", [self._constant("all_places", places + kinds[0]), start, shape, axes], "places")
        summed = self._node("Add", [self._node("Gather", [words, "input_ids"], "word_rows"), placed], "embedded")
        self._mask()
        return self._norm("embeddings.LayerNorm", summed)

    def _mask(self) -> None:
        kept = self._node("Cast", ["attention_mask"], "kept", to=TensorProto.FLOAT)
        left = self._node("Sub", [self._constant("one", np.array(1, np.float32)), kept], "left_out")
        scaled = self._node("Mul", [left, self._constant("hidden", np.array(_HIDDEN, np.float32))], "flat_mask")
        self._node("Unsqueeze", [scaled, self._constant("axes12", np.array([1, 2]))], "mask")

    def layer(self, name: str, hidden: str) -> str:
        """One encoder layer."""
        attended = self._attention(f"{name}.attention.self", hidden)
        out = self._linear(f"{name}.attention.output.dense", attended)
        hidden = self._norm(f"{name}.attention.output.LayerNorm", self._node("Add", [hidden, out], f"{name}.sum1"))
        up = self._gelu(name, self._linear(f"{name}.intermediate.dense", hidden))
        down = self._linear(f"{name}.output.dense", up)
        return self._norm(f"{name}.output.LayerNorm", self._node("Add", [hidden, down], f"{name}.sum2"))

    def pooled(self, hidden: str) -> None:
        """The mean of the tokens that are no padding."""
        axis = self._constant("axis1", np.array([1]))
        wide = self._node("Unsqueeze", ["kept", self._constant("axis2", np.array([2]))], "kept_wide")
        total = self._node("ReduceSum", [self._node("Mul", [hidden, wide], "kept_rows"), axis], "total", keepdims=0)
        self._node("Div", [total, self._node("ReduceSum", ["kept", axis], "count", keepdims=1)], OUTPUT)

    def _attention(self, name: str, hidden: str) -> str:
        query, key, value = (self._split_heads(f"{name}.{part}", hidden) for part in ("query", "key", "value"))
        width = self._weights[f"{name}.query.bias"].shape[0] // self._heads
        scale = self._constant(f"{name}.scale", np.array(width**-0.5, np.float32))
        turned = self._node("Transpose", [key], f"{name}.turned", perm=(0, 1, 3, 2))
        scores = self._node("MatMul", [self._node("Mul", [query, scale], f"{name}.scaled"), turned], f"{name}.scores")
        shares = self._node("Softmax", [self._node("Add", [scores, "mask"], f"{name}.masked")], f"{name}.w", axis=-1)
        mixed = self._node("MatMul", [shares, value], f"{name}.mixed")
        back = self._node("Transpose", [mixed], f"{name}.back", perm=(0, 2, 1, 3))
        return self._node("Reshape", [back, self._constant("joined", np.array([0, 0, -1]))], f"{name}.context")

    def _split_heads(self, name: str, hidden: str) -> str:
        shape = self._constant("split", np.array([0, 0, self._heads, -1]))
        parts = self._node("Reshape", [self._linear(name, hidden), shape], f"{name}.heads")
        return self._node("Transpose", [parts], f"{name}.by_head", perm=(0, 2, 1, 3))

    def _linear(self, name: str, hidden: str) -> str:
        weight = self._constant(f"{name}.weight", np.ascontiguousarray(self._weights[f"{name}.weight"].T))
        bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
        return self._node("Add", [self._node("MatMul", [hidden, weight], f"{name}.product"), bias], f"{name}.out")

    def _gelu(self, name: str, hidden: str) -> str:
        root, one, half = (
            self._constant(label, np.array(value, np.float32))
            for label, value in (("root2", 2**0.5), ("one", 1.0), ("half", 0.5))
        )
        bell = self._node("Erf", [self._node("Div", [hidden, root], f"{name}.over")], f"{name}.erf")
        raised = self._node("Add", [bell, one], f"{name}.raised")
        return self._node("Mul", [self._node("Mul", [hidden, raised], f"{name}.twice"), half], f"{name}.gelu")

    def _norm(self, name: str, hidden: str) -> str:
        parts = [self._constant(f"{name}.{part}", self._weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self._node("LayerNormalization", [hidden, *parts], f"{name}.out", axis=-1, epsilon=self._epsilon)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, value: np.ndarray) -> str:
        if not any(tensor.name == name for tensor in self._tensors):
            kind = np.int64 if value.dtype.kind == "i" else np.float32
            self._tensors.append(numpy_helper.from_array(value.astype(kind), name))
        return name
