"""Asks an OpenAI-compatible endpoint for vectors: batches, waits, tries again, and says why it could not.

One request is one batch. What may pass by itself (no connection, a timeout, 429, 5xx, an answer that is cut
off or incomplete) is tried again, with growing pauses or the one that `Retry-After` asks for; what cannot
(the key, the address, a text that is refused) is not. Knows nothing of spaces and canaries: that is `remote`.
The key is in the client's header and nowhere else: not in a message, a log line or a `repr`.
"""

from __future__ import annotations

import random
import time
import weakref
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import numpy as np
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from corpus.endpoints import Endpoint
from corpus.errors import ConfigurationError, EmbedderUnavailable, IntegrityError
from corpus.seams import Vectors
from index.embedders.openai_answer import UnreadableAnswer, answered_as, reason_of, vectors_of
from index.embedders.pace import Pace

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may pass: timeouts, too many requests, and a server that is down or overloaded."""

_REFUSED = frozenset({400, 413, 422})
"""Statuses that speak of what was sent: fewer texts may be accepted."""

_FOR_GOOD = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no pause helps (OpenAI's error codes, 2026)."""

_FIRST_PAUSE_SECONDS = 0.5
_BYTES_PER_TOKEN = 4
_BYTES_PER_NUMBER = 32
"""Room for one number as text, indented; base64 takes less than six."""
_ROOM_BYTES = 65_536


class _Again(Exception):
    """One try that failed and may be repeated.

    Args:
        why: What happened, for the last message.
        wait: Seconds that the server asks for; None where it says nothing.
        broken: Whether the server answered, but not with whole vectors.
    """

    def __init__(self, why: str, *, wait: float | None = None, broken: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.broken = broken


class EndpointClient:
    """A client of one endpoint. It may be used from several threads.

    Args:
        endpoint: The declaration; its key is read from the environment now.
        sleep: Waits so many seconds.

    Raises:
        ConfigurationError: The variable of the key is not set.
    """

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.endpoint = endpoint
        self.answered_as = ""
        self._secret = endpoint.secret()
        self._sleep = sleep
        self._pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute, sleep=sleep)
        headers = {"Authorization": f"Bearer {self._secret}"} if self._secret else {}
        timeout = httpx2.Timeout(endpoint.timeout_seconds, connect=endpoint.connect_seconds)
        self._client = httpx2.Client(headers=headers, timeout=timeout, follow_redirects=False)
        weakref.finalize(self, self._client.close)

    def __repr__(self) -> str:
        return f"EndpointClient({self.endpoint.url!r}, model={self.endpoint.model!r})"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Asks for the vectors of one batch.

        Args:
            texts: At least one text.

        Returns:
            Array of shape `(len(texts), dimension)`, float32, not yet of unit length.

        Raises:
            ConfigurationError: The endpoint refuses the key, or is none.
            EmbedderUnavailable: It did not answer in as many tries as are declared.
            IntegrityError: It refuses a text, or never answered with whole vectors.
            FingerprintMismatch: A vector has another dimension than is declared.
        """
        tries = Retrying(
            stop=stop_after_attempt(self.endpoint.attempts),
            wait=self._pause,
            retry=retry_if_exception_type(_Again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            rows: Vectors | None = tries(self._ask, texts)
        except _Again as last:
            message = f"{self} gave no vectors in {self.endpoint.attempts} tries: {last}. Nothing was written."
            if last.broken:
                raise IntegrityError(f"{message} Look at the server: its answers are not whole.") from last
            raise EmbedderUnavailable(f"{message} Look whether the server is up, and run again.") from last
        if rows is not None:
            return rows
        middle = len(texts) // 2
        return np.concatenate([self.embed(texts[:middle]), self.embed(texts[middle:])])

    def __str__(self) -> str:
        return f"the endpoint {self.endpoint.url} (model {self.endpoint.model!r})"

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        longest = self.endpoint.longest_wait_seconds
        asked = error.wait if isinstance(error, _Again) else None
        if asked is None:
            asked = _FIRST_PAUSE_SECONDS * 2.0 ** (state.attempt_number - 1)
        # Spread, so that workers that failed together do not come back together.
        return min(asked, longest) + random.uniform(0, _FIRST_PAUSE_SECONDS)  # noqa: S311 - no secret

    def _ask(self, texts: Sequence[str]) -> Vectors | None:
        """Sends one request; None where the endpoint wants fewer texts at once."""
        self._pace.spend(sum(len(text.encode()) // _BYTES_PER_TOKEN + 1 for text in texts))
        try:
            status, headers, body = self._post(texts)
        except (httpx2.TimeoutException, httpx2.TransportError) as error:
            raise _Again(f"{type(error).__name__} {error}".strip()) from error
        if status == httpx2.codes.OK:
            return self._read(body, len(texts))
        self._refuse(status, headers, body, texts)
        return None

    def _read(self, body: bytes, count: int) -> Vectors:
        try:
            rows = vectors_of(body, count, self.endpoint.dimension)
        except UnreadableAnswer as error:
            raise _Again(f"it answered with {error}", broken=True) from error
        self.answered_as = answered_as(body)
        return rows

    def _post(self, texts: Sequence[str]) -> tuple[int, httpx2.Headers, bytes]:
        """Sends one request, and reads its answer within the time and size that an answer may take."""
        endpoint = self.endpoint
        wanted = {"dimensions": endpoint.dimension} if endpoint.send_dimensions else {}
        asked = {"model": endpoint.model, "input": list(texts), "encoding_format": endpoint.encoding, **wanted}
        room = len(texts) * endpoint.dimension * _BYTES_PER_NUMBER + _ROOM_BYTES
        deadline = time.monotonic() + endpoint.timeout_seconds
        body = bytearray()
        with self._client.stream("POST", f"{endpoint.url}/embeddings", json=asked) as response:
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout(f"the answer took more than {endpoint.timeout_seconds:g} s")
                if len(body) > room:
                    raise httpx2.ReadError(f"the answer has more than {room} bytes")
            return response.status_code, response.headers, bytes(body)

    def _refuse(self, status: int, headers: httpx2.Headers, body: bytes, texts: Sequence[str]) -> None:
        """Raises what a status other than 200 means; returns where fewer texts may help."""
        code, message = reason_of(body, self._secret)
        said = f"it answered {status}" + (f", {message!r}" if message else "")
        if status in _AGAIN and code not in _FOR_GOOD:
            raise _Again(said, wait=self._asked_for(headers.get("retry-after", ""), said))
        if status in _REFUSED:
            if len(texts) > 1:
                return
            raise IntegrityError(
                f"{self} refuses the text that begins {texts[0][:60]!r}: {said}. Nothing was written. Leave the text "
                "out, or cut it shorter."
            )
        key = self.endpoint.api_key_env
        step = (
            "Look at the quota of the key."
            if code in _FOR_GOOD
            else f"Look at the key in {key or 'api_key_env'} of stemma.toml."
            if status in (401, 403)
            else "Look at `url` and `model` in stemma.toml"
            + (": a redirect is not followed, so that key and texts go nowhere else." if 300 <= status < 400 else ".")
        )
        raise ConfigurationError(f"{self} cannot be used: {said}. {step}")

    def _asked_for(self, value: str, said: str) -> float | None:
        """Returns the seconds of a `Retry-After` (RFC 9110, 10.2.3); None where it says nothing."""
        seconds = _seconds(value)
        if seconds is not None and seconds > self.endpoint.longest_wait_seconds:
            raise EmbedderUnavailable(
                f"{self} asks to wait {seconds:.0f} s, more than longest_wait_seconds "
                f"({self.endpoint.longest_wait_seconds:g}): {said}. Nothing was written. Run again later."
            )
        return seconds


def _seconds(value: str) -> float | None:
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
