"""Keeps requests under a limit per minute, by waiting before each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_MINUTE = 60.0


class Pace:
    """Spends requests and tokens no faster than a server allows, in one process.

    Requests are spread evenly: each waits for the time that those before it used up, so no window of a minute
    holds more than the limit. Several processes share nothing: give each its part.

    Args:
        requests_per_minute: 0 for no limit.
        tokens_per_minute: 0 for no limit.
        clock: Seconds that never go back.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        requests_per_minute: float,
        tokens_per_minute: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates = (requests_per_minute, tokens_per_minute)
        self._due = [clock(), clock()]
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()

    def spend(self, tokens: int) -> float:
        """Waits until one request with so many tokens may be sent.

        Returns:
            Seconds waited.
        """
        with self._lock:
            now = self._clock()
            wait = max(0.0, *(self._wait(place, amount, now) for place, amount in enumerate((1, tokens))))
        if wait > 0:
            self._sleep(wait)
        return wait

    def _wait(self, place: int, amount: int, now: float) -> float:
        """Books an amount; returns how long it has to wait for those booked before it."""
        rate = self._rates[place]
        if rate <= 0:
            return 0.0
        start = max(self._due[place], now)
        self._due[place] = start + amount * _MINUTE / rate
        return start - now
