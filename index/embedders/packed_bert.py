"""BERT encoders without padding: the forward pass that embeds a batch as one row of tokens.

Every text of a batch stands in one long array of tokens. Linear layers and norms run over that
array once; only attention looks at texts, grouped by equal length. No multiplication is spent on
padding, weights are laid out for oneDNN once, and query, key and value are one multiplication.
`benchmarks/embedding.py` measures it against the plain loop of sentence-transformers. A process also
starts 5 s sooner, because transformers is not imported. It computes what `BertModel`, mean pooling and normalising
compute; a test compares them. Models of any other shape go through `library_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from threading import Barrier
from typing import Any

import torch
import torch.nn.functional as nn
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from corpus.seams import Vectors
from index.embedders.rows import by_length
from index.fingerprint import read_json

# Enough rows for full speed, and small enough that two batches at once stay near the caches: 1024 to
# 4096 are within 2 %, 16384 in fp32 is 45 % slower, mapping its buffers anew (measured 2026).
_TOKENS_PER_BATCH = 2048

# Scores of one step of attention, 2 MB in bf16: they stay in the second-level cache.
_SCORES_PER_STEP = 2**20

_Norm = tuple[Tensor, Tensor]
_Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def _quick_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention of many short texts, all of shape `(texts, heads, length, width)`.

    Softmax is taken without subtracting the maximum first: the same value, in 60 % of the time of
    torch's kernel in bf16 (and no faster in fp32; measured 2026, length 206). Where a score leaves
    the range of exp (beyond +-87) the result is NaN, never a wrong number; the caller then computes
    the batch again with torch's kernel.
    """
    texts, heads, length, width = query.shape
    query, key, value = (part.reshape(texts * heads, length, width) for part in (query * width**-0.5, key, value))
    mixed = torch.empty_like(query)
    step = max(1, _SCORES_PER_STEP // length**2)
    for start in range(0, texts * heads, step):
        some = slice(start, start + step)
        weights = torch.bmm(query[some], key[some].transpose(1, 2)).exp_()
        torch.div(torch.bmm(weights, value[some]), weights.sum(-1, keepdim=True), out=mixed[some])
    return mixed.view(texts, heads, length, width)


def _run_all(work: Callable[[list[int]], None], batches: list[list[int]]) -> None:
    """Runs independent batches side by side, one thread each, instead of each on all threads.

    Threads that share one multiplication wait for each other several hundred times a batch. Alone
    each keeps the whole speed of its core (measured 2026, 2 cores, bf16: 71 chunks/s against 60),
    also while other processes want the processor.
    """
    threads = torch.get_num_threads()
    workers = min(threads, len(batches))
    if workers < 2:
        for batch in batches:
            work(batch)
        return
    ready = Barrier(workers + 1)

    def alone() -> None:
        torch.set_num_threads(threads // workers)
        ready.wait()

    with ThreadPoolExecutor(workers, initializer=alone) as pool:
        running = [pool.submit(work, batch) for batch in batches]
        ready.wait()
        torch.set_num_threads(threads)  # what a worker set is also the default of threads to come
        for future in running:
            future.result()


class PackedBert:
    """A BERT encoder with mean pooling on the CPU.

    Args:
        folder: A folder that `bert_folder.fits`.
        max_tokens: Longer texts are cut here, special tokens included.
        dtype: Element type of weights and activations; embeddings and pooling stay in float32.
    """

    backend = "packed-bert"

    def __init__(self, folder: Path, max_tokens: int, dtype: torch.dtype) -> None:
        config = read_json(folder / "config.json")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._dtype = dtype
        self._attention = _quick_attention if dtype is torch.bfloat16 else nn.scaled_dot_product_attention
        self._width, self._heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        weights = load_file(folder / "model.safetensors")
        self._words = weights["embeddings.word_embeddings.weight"].float()
        places, kinds = (weights[f"embeddings.{name}_embeddings.weight"].float() for name in ("position", "token_type"))
        self._places = places + kinds[0]
        self._norm = _norm(weights, "embeddings.LayerNorm", torch.float32)
        layers = range(int(config["num_hidden_layers"]))
        self._layers = [_Layer(weights, f"encoder.layer.{number}", dtype) for number in layers]

    def truncated_of(self, texts: Sequence[str]) -> int:
        """Returns how many texts are longer than the model reads."""
        return sum(bool(encoding.overflowing) for encoding in self._tokenizer.encode_batch(list(texts)))

    def encode(self, texts: list[str]) -> Vectors:
        """Returns mean token vectors, shape `(len(texts), width)`, float32, not yet of unit length."""
        encodings: list[Encoding] = self._tokenizer.encode_batch(texts)
        batches = list(by_length([len(encoding.ids) for encoding in encodings], _TOKENS_PER_BATCH))
        out = torch.empty(len(texts), self._width)

        def fill(batch: list[int]) -> None:
            with torch.inference_mode():
                out[batch] = self._pooled([encodings[place].ids for place in batch], self._attention)

        _run_all(fill, batches)
        rows: Vectors = out.numpy()
        return rows

    def _pooled(self, texts: list[list[int]], attention: _Attention) -> Tensor:
        lengths = [len(ids) for ids in texts]
        ids = torch.tensor([token for ids in texts for token in ids])
        places = torch.cat([torch.arange(length) for length in lengths])
        hidden = nn.layer_norm(
            self._words[ids] + self._places[places], (self._width,), *self._norm, eps=self._epsilon
        ).to(self._dtype)
        for layer in self._layers:
            attended = self._attend(layer.query_key_value(hidden), lengths, attention)
            hidden = layer.finish(hidden, attended, self._epsilon)
        pooled = torch.stack([tokens.mean(0) for tokens in torch.split(hidden.float(), lengths)])
        if attention is _quick_attention and not pooled.isfinite().all():
            return self._pooled(texts, nn.scaled_dot_product_attention)
        return pooled

    def _attend(self, projected: Tensor, lengths: list[int], attention: _Attention) -> Tensor:
        """Attention within each text; neighbours of equal length are one call.

        Args:
            projected: Queries, keys and values of all tokens, shape `(tokens, 3 * width)`.
            lengths: Tokens of each text, equal ones side by side.
            attention: Which computation.
        """
        sizes = [(length, len(list(same))) for length, same in groupby(lengths)]
        groups = torch.split(projected, [length * count for length, count in sizes])
        attended = []
        for (length, count), group in zip(sizes, groups, strict=True):
            query, key, value = group.view(count, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            mixed = attention(query, key, value)
            attended.append(mixed.transpose(1, 2).reshape(count * length, self._width))
        return torch.cat(attended)


class _Layer:
    """One encoder layer, weights prepared."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> None:
        attention = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self.query_key_value = _Linear(weights, attention, dtype)
        self._out = _Linear(weights, [f"{name}.attention.output.dense"], dtype)
        self._out_norm = _norm(weights, f"{name}.attention.output.LayerNorm", dtype)
        self._up = _Linear(weights, [f"{name}.intermediate.dense"], dtype, activation="gelu")
        self._down = _Linear(weights, [f"{name}.output.dense"], dtype)
        self._down_norm = _norm(weights, f"{name}.output.LayerNorm", dtype)

    def finish(self, hidden: Tensor, attended: Tensor, epsilon: float) -> Tensor:
        """What follows attention: projection, feed-forward, and their residuals and norms."""
        width = (hidden.shape[1],)
        hidden = nn.layer_norm(hidden + self._out(attended), width, *self._out_norm, eps=epsilon)
        return nn.layer_norm(hidden + self._down(self._up(hidden)), width, *self._down_norm, eps=epsilon)


class _Linear:
    """`x @ weight.T + bias`, optionally through gelu, with the weight laid out for oneDNN once.

    Args:
        weights: All weights of the model.
        names: Layers whose outputs stand side by side in the result.
        dtype: Element type.
        activation: `gelu` or `none`.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], names: Sequence[str], dtype: torch.dtype, activation: str = "none"
    ) -> None:
        self._bias = torch.cat([weights[f"{name}.bias"] for name in names]).to(dtype)
        self._weight = torch.cat([weights[f"{name}.weight"] for name in names]).to(dtype).contiguous()
        self._activation = activation
        # The operators that torch.compile itself emits; torch builds without oneDNN lack them.
        self._fused: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
        if self._fused is not None and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, _TOKENS_PER_BATCH)
        else:
            self._fused = None

    def __call__(self, hidden: Tensor) -> Tensor:
        if self._fused is not None:
            fused: Tensor = self._fused(hidden, self._weight, self._bias, self._activation, [], "none")
            return fused
        plain = nn.linear(hidden, self._weight, self._bias)
        return nn.gelu(plain) if self._activation == "gelu" else plain


def _norm(weights: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> _Norm:
    return weights[f"{name}.weight"].to(dtype), weights[f"{name}.bias"].to(dtype)
