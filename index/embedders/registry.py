"""Which embedders exist, how a contract names one, and the two things done with a name.

`describe_embedder` says which space a name stands for and reads files only: an unchanged run does
nothing else. `load_embedder` gives something that embeds. A name is an entry of `EMBEDDERS` (ours, or
an entry point of the group `stemma.embedders`) or `path:` and a sentence-transformers folder.

An entry is an `index.embedders.space.Family`: an object that describes and loads.
"""

from __future__ import annotations

from typing import Literal

from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.plugins import Registry
from corpus.seams import Embedder
from index.embedders.space import Family, Precision, Space
from index.fingerprint import require_pin

Backend = Literal["torch", "onnx", "openvino"]
"""What computes; the space stays the same, and canaries say whether its vectors do."""

_SENTENCE_TRANSFORMER = "index.embedders.sentence_transformer:FAMILY"

EMBEDDERS = Registry(
    "embedder",
    "stemma.embedders",
    {
        "all-MiniLM-L6-v2": _SENTENCE_TRANSFORMER,
        "sentence-transformers/all-MiniLM-L6-v2": _SENTENCE_TRANSFORMER,
        "wordllama-256": "index.embedders.static:FAMILY",
    },
)


def describe_embedder(model: str, *, revision: str | None = None) -> Space:
    """Says which vector space a model name stands for now, without loading the model.

    Args:
        model: A registered name, or `path:` and a folder (relative to the working directory).
        revision: The revision that a contract declares; one that looks like a fingerprint is a pin
            (`index.fingerprint.require_pin`).

    Raises:
        ConfigurationError: The name is unknown, or its files are missing or unusable.
        FingerprintMismatch: The revision pins another space.
    """
    space = _family(model).describe(model)
    require_pin(model, revision, space.fingerprint)
    return space


def load_embedder(
    model: str,
    *,
    revision: str | None = None,
    precision: Precision = "auto",
    compile: bool = False,  # noqa: A002 - the setting's name
    backend: Backend = "torch",
) -> Embedder:
    """Loads an embedder.

    Args:
        model: A registered name, or `path:` and a folder.
        revision: As for `describe_embedder`.
        precision: Element type of the matrix work; `auto` takes bf16 where the processor has it and
            the model keeps its directions in it.
        compile: Compute with the library's compiled model instead of our own forward pass: half a
            minute of preparation. Slower on avx512_bf16 (53 chunks/s against 62), faster on AMX
            (143 against 129; both measured 2026): measure before setting it.
        backend: What computes. A family that knows one way only, such as static vectors, keeps to it.

    Raises:
        ConfigurationError: The name is unknown, its files are missing or unusable, or the backend is not
            installed or cannot compute this model.
        FingerprintMismatch: The revision pins another space, or the files changed while they were
            being loaded.
    """
    space = describe_embedder(model, revision=revision)
    family = _family(model)
    on_backend = getattr(family, "load_on", None) if backend != "torch" else None
    if on_backend is not None:
        embedder: Embedder = on_backend(space, precision, backend)
    else:
        embedder = family.load(space, precision, compiled=compile)
    again = describe_embedder(model, revision=revision)
    if again.fingerprint != space.fingerprint:
        raise FingerprintMismatch(
            f"the files of embedder {model!r} changed while it was being loaded ({space.fingerprint[:12]} before, "
            f"{again.fingerprint[:12]} after). Nothing was embedded. Run again when nobody is replacing them."
        )
    return embedder


def _family(model: str) -> Family:
    if model.startswith("remote:"):
        raise ConfigurationError(
            f"{model!r} is an endpoint of a project's settings, and cannot be opened without them. Use "
            "`ingestion.models.load_model`, or `index.embedders.remote.open_remote` with a declaration and canaries."
        )
    target = EMBEDDERS.load("all-MiniLM-L6-v2" if model.startswith("path:") else model)
    family: Family = target
    return family
