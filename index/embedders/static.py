"""Static embeddings: a table of token vectors, averaged. No network, no torch, a second's start.

The table is wordllama's 256 dimensions (MIT), taken from the files of its package. Averaging is done
here with numpy: importing the package or torch would cost more than embedding a thousand chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from corpus.errors import ConfigurationError, IntegrityError
from corpus.seams import Vectors
from index.embedders.rows import embed_once
from index.embedders.space import OfSpace, Precision, Space
from index.fingerprint import embedder_fingerprint, weights_digest

_TABLE = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_DIMENSION = 256
_TEXTS_PER_BATCH = 512


class _Wordllama:
    """Describes and loads wordllama-256 (`index.embedders.space.Family`)."""

    def describe(self, model: str) -> Space:
        folder = _package()
        parts = {
            "family": "static",
            "weights": [weights_digest(folder / _TABLE)],
            "tokenizer": weights_digest(folder / _TOKENIZER),
            "pooling": ["mean"],
            "normalisation": "l2",
            "dimension": _DIMENSION,
            "metric": "cosine",
            "max_tokens": 0,
            "prefixes": {"query": "", "passage": ""},
        }
        return Space(
            model=model, fingerprint=embedder_fingerprint(parts), parts=parts, dimension=_DIMENSION, max_tokens=0
        )

    def load(self, space: Space, precision: Precision, *, compiled: bool) -> StaticEmbedder:  # noqa: ARG002
        # A table lookup has neither a precision to choose nor anything to compile.
        return StaticEmbedder(space, _package())


def _package() -> Path:
    found = find_spec("wordllama")
    if found is None or found.origin is None:
        raise ConfigurationError("embedder 'wordllama-256' needs the package wordllama: pip install wordllama")
    return Path(found.origin).parent


class StaticEmbedder(OfSpace):
    """Mean of token vectors, as `StaticEmbedding` of sentence-transformers computes it.

    A text without a token (the empty text) has no vector: `embed` raises instead of giving zeros.

    Args:
        space: What `describe` found.
        folder: The package's folder.
    """

    def __init__(self, space: Space, folder: Path) -> None:
        from safetensors.numpy import load_file  # noqa: PLC0415 - describing a model must not load this
        from tokenizers import Tokenizer  # noqa: PLC0415

        super().__init__(space)
        self._table = load_file(folder / _TABLE)["embedding.weight"].astype(np.float32)
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @cached_property
    def runtime(self) -> Mapping[str, str]:
        """Libraries that computed the vectors."""
        return {"backend": "numpy", "dtype": "fp32", "numpy": np.__version__, "tokenizers": version("tokenizers")}

    def truncated_of(self, texts: Sequence[str]) -> int:  # noqa: ARG002 - same question as of a model with a limit
        """Returns how many texts are longer than the model reads: none."""
        return 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts; see `corpus.seams.Embedder`.

        Raises:
            IntegrityError: A text has no token, or its tokens cancel out.
        """
        return embed_once(texts, self.dimension, self._means)

    def _means(self, texts: list[str]) -> Vectors:
        starts = range(0, len(texts), _TEXTS_PER_BATCH)
        return np.concatenate([self._batch(texts[start : start + _TEXTS_PER_BATCH]) for start in starts])

    def _batch(self, texts: list[str]) -> Vectors:
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        lengths = np.array([len(tokens) for tokens in ids])
        if not lengths.all():
            place = int(np.argmin(lengths))
            raise IntegrityError(
                f"text {texts[place]!r} has no token, so the static embedder has no vector for it. "
                "Leave empty texts out."
            )
        offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        vectors = self._table[np.concatenate([np.asarray(tokens, dtype=np.int64) for tokens in ids])]
        sums = np.add.reduceat(vectors, offsets, axis=0)
        return np.asarray(sums / lengths[:, None], dtype=np.float32)


FAMILY = _Wordllama()
