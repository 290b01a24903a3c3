"""Any other sentence-transformers model, through the library itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

from corpus.seams import Vectors

_TEXTS_PER_BATCH = 32
_LOADING = threading.Lock()  # transformers changes defaults of torch while it loads weights: one at a time


class LibraryModel:
    """A `SentenceTransformer` on the CPU.

    Args:
        folder: A sentence-transformers folder.
        dtype: Element type of the matrix work; float32 weights are kept and cast as they are used.
        compiled: Whether to compile the transformer first.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, *, compiled: bool) -> None:
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        with _LOADING:
            self._model = SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
            )
        self._dtype = dtype
        self.backend = "sentence-transformers"
        if compiled:
            self._model[0].model = torch.compile(self._model[0].model, dynamic=True, options={"freezing": True})
            self.backend += " compiled"

    def truncated_of(self, texts: Sequence[str]) -> int:
        """Returns how many texts are longer than the model reads."""
        ids = self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"] if texts else []
        return sum(len(tokens) > self._model.max_seq_length for tokens in ids)

    def encode(self, texts: list[str]) -> Vectors:
        """Returns vectors of shape `(len(texts), dimension)`, float32."""
        low = self._dtype is torch.bfloat16
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            rows = self._model.encode(texts, batch_size=_TEXTS_PER_BATCH, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)
