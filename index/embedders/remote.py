"""A model behind HTTP as an embedder: which space it is, and a canary in every request.

Nobody can read the weights of a server. The identity of its space is what was declared (provider, model,
revision, dimension) and the digest of the canary vectors that it gave when it was first used. Its address, its
key and the name in stemma.toml are no part of it. A server gives no vector twice with the same bits, so the
first canary vectors are kept and later ones are compared by cosine, never by digest.

A server may change in the middle of a run, and a load balancer may stand before two models. So each request
carries one canary, in turn, and its vector must be where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from importlib.metadata import version
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from corpus.endpoints import Endpoint
from corpus.errors import FingerprintMismatch
from corpus.ids import fingerprint, sha256_hex
from corpus.seams import Vectors
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, compare
from index.embedders.http import EndpointClient
from index.embedders.rows import embed_once
from index.embedders.space import OfSpace, Space
from index.fingerprint import embedder_fingerprint

PREFIX = "remote:"
"""Before the name of a declared endpoint, where a model is named."""

FAMILY = "openai-compatible"

_ALONE = 16
"""Where a request holds one text, a canary goes alone, after so many texts."""


def declared(endpoint: Endpoint, revision: str = "") -> dict[str, Any]:
    """Returns what is declared of a remote space: all that is known of it before it answered.

    Args:
        endpoint: The declaration.
        revision: A label that a contract gives; it wins over that of the declaration.
    """
    return {
        "family": FAMILY,
        "provider": endpoint.provider,
        "model_name": endpoint.model,
        "revision": revision or endpoint.revision,
        "dimension": endpoint.dimension,
        "normalisation": "l2-added",
        "metric": "cosine",
    }


def declared_digest(parts: Mapping[str, Any]) -> str:
    """Returns the digest of what is declared: the name under which a space's first canaries are kept."""
    return fingerprint("remote", parts)


def canaries_digest(canaries: Vectors) -> str:
    """Returns the digest of canary vectors, as they are stored."""
    return sha256_hex(np.ascontiguousarray(canaries, dtype="<f4").tobytes())


def space_of(model: str, endpoint: Endpoint, canaries: Vectors, revision: str = "") -> Space:
    """Describes the space of a remote model without asking it.

    Args:
        model: The name it was asked for by.
        endpoint: The declaration.
        canaries: Its first canary vectors, shape `(64, dimension)`.
        revision: A label that a contract gives.
    """
    parts = {**declared(endpoint, revision), "canaries": canaries_digest(canaries)}
    return Space(
        model=model,
        fingerprint=embedder_fingerprint(parts),
        parts=parts,
        dimension=endpoint.dimension,
        max_tokens=endpoint.max_tokens,
    )


def asked_canaries(client: EndpointClient, texts: Sequence[str] = CANARY_TEXTS) -> Vectors:
    """Asks a server for canary vectors, shape `(texts, dimension)`, unit rows, and compares them with nothing."""
    return embed_once(texts, client.endpoint.dimension, _batched(client))


def _batched(client: EndpointClient) -> Callable[[list[str]], Vectors]:
    size = client.endpoint.batch_size

    def ask(texts: list[str]) -> Vectors:
        return _asked(client, [texts[start : start + size] for start in range(0, len(texts), size)], client.embed)

    return ask


def _asked(client: EndpointClient, parts: list[list[str]], ask: Callable[[list[str]], Vectors]) -> Vectors:
    """Asks for the vectors of some parts, as many at once as the endpoint is declared to take, and puts them in order.

    Where one fails for good nothing more is sent: those that are under way end, the others are not begun, and of
    several that failed the first in order is raised.
    """
    most = min(client.endpoint.in_flight, len(parts))
    if most == 1:
        return np.concatenate([ask(part) for part in parts])
    pool = ThreadPoolExecutor(most, thread_name_prefix="stemma-embed")
    try:
        asked = [pool.submit(ask, part) for part in parts]
        wait(asked, return_when=FIRST_EXCEPTION)
    finally:
        pool.shutdown(cancel_futures=True)
    failed = (each.exception() for each in asked if not each.cancelled())
    for error in failed:
        if error is not None:
            raise error
    return np.concatenate([each.result() for each in asked])


class ChangedMidway(FingerprintMismatch):
    """A canary that went along with texts is not where it was.

    Args:
        message: What happened.
        canary: Its number in `CANARY_TEXTS`.
        cosine: To the stored vector.
    """

    def __init__(self, message: str, *, canary: int, cosine: float) -> None:
        super().__init__(message)
        self.canary = canary
        self.cosine = cosine


class RemoteEmbedder(OfSpace):
    """A model behind HTTP; see `corpus.seams.Embedder`.

    Args:
        space: What `space_of` found.
        client: Asks the server.
        canaries: The canary vectors that the space was described with.
    """

    def __init__(self, space: Space, client: EndpointClient, canaries: Vectors) -> None:
        super().__init__(space)
        self.canaries = canaries
        self._client = client
        self._turn = count()

    @property
    def runtime(self) -> Mapping[str, str]:
        """The host, how vectors travel, and the name of the model that the server last said it answered with."""
        endpoint = self._client.endpoint
        return {
            "backend": "http",
            "dtype": "unknown",
            "encoding": endpoint.encoding,
            "host": urlsplit(endpoint.url).netloc,
            "answered_as": self._client.answered_as or "unknown",
            "httpx2": version("httpx2"),
        }

    def truncated_of(self, texts: Sequence[str]) -> int:  # noqa: ARG002 - same question as of a model with a limit
        """Returns 0: what a server cuts, it cuts in silence."""
        return 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts, one request per batch, several at once where the endpoint is declared to take them.

        Raises:
            ConfigurationError: The endpoint refuses the key, or is none.
            EmbedderUnavailable: It did not answer.
            FingerprintMismatch: It gives vectors of another dimension, or its canaries moved in the middle.
            IntegrityError: It gives no whole vectors.
        """
        return embed_once(texts, self.dimension, self._encode)

    def embed_canaries(self, texts: Sequence[str]) -> Vectors:
        """Embeds canary texts without comparing them, shape `(texts, dimension)`."""
        return asked_canaries(self._client, texts)

    def _encode(self, texts: list[str]) -> Vectors:
        room = max(1, self._client.endpoint.batch_size - 1)
        parts = [texts[start : start + room] for start in range(0, len(texts), room)]
        return _asked(self._client, parts, self._with_canary)

    def _with_canary(self, texts: list[str]) -> Vectors:
        turn = next(self._turn)
        canary = turn % len(CANARY_TEXTS)
        if self._client.endpoint.batch_size > 1:
            rows = self._client.embed([*texts, CANARY_TEXTS[canary]])
            self._require_place(canary, rows[-1:])
            return rows[:-1]
        rows = self._client.embed(texts)
        if turn % _ALONE == 0:
            self._require_place(canary, self._client.embed([CANARY_TEXTS[canary]]))
        return rows

    def _require_place(self, canary: int, row: Vectors) -> None:
        result = compare(self.canaries[canary : canary + 1], row)
        if result.passed(ACROSS_RUNTIMES):
            return
        raise ChangedMidway(
            f"{self._client} changed while it was being used: canary {canary} ({CANARY_TEXTS[canary][:60]!r}), sent "
            f"along with the texts, has cosine {result.min_cosine:.6f} to the stored one, {ACROSS_RUNTIMES} is the "
            "least. Either its model was changed, or the address leads to more than one. Nothing was written. Put the "
            "old model back, or declare the new one with another `revision` and re-embed.",
            canary=canary,
            cosine=result.min_cosine,
        )


def open_remote(model: str, endpoint: Endpoint, canaries: Vectors, revision: str = "") -> RemoteEmbedder:
    """Opens a remote model whose first canary vectors are known, for example from a version's canaries.parquet.

    Args:
        model: The name it is asked for by; no part of the space.
        endpoint: The declaration.
        canaries: Shape `(64, dimension)`, as stored.
        revision: A label that a contract gives.

    Raises:
        ConfigurationError: The variable of the key is not set.
    """
    return RemoteEmbedder(space_of(model, endpoint, canaries, revision), EndpointClient(endpoint), canaries)
