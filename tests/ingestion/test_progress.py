"""Progress that is logged, and many pieces shown as one."""

from __future__ import annotations

import logging

import pytest

from ingestion.progress import Logged, Silent, Whole, clock, time_left


class Seen(Silent):
    """Remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def start(self, label: str, total: int) -> None:
        self.calls.append((label, total))

    def advance(self, units: int = 1) -> None:
        self.calls.append(("advance", units))


def test_many_pieces_are_one_to_who_looks() -> None:
    seen = Seen()
    whole = Whole(seen, "embedding", 30)
    for _ in range(3):
        whole.start("a segment", 10)
        whole.advance(10)
        whole.done()
    assert seen.calls == [("embedding", 30), *[("advance", 10)] * 3]


def test_a_line_now_and_then_says_how_long_it_will_take(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 0.0, 5.0, 12.0, 13.0, 40.0])
    logged = Logged(logging.getLogger("test"), every_s=10, now=lambda: next(times))
    with caplog.at_level("INFO", "test"):
        logged.start("embedding", 1000)
        for _ in range(4):
            logged.advance(100)
    assert [record.getMessage() for record in caplog.records] == [
        "embedding: 200 of 1000, about 0:00:48 left",
        "embedding: 400 of 1000, about 0:01:00 left",
    ]


@pytest.mark.parametrize(("done", "total", "left"), [(0, 10, 0.0), (5, 10, 20.0), (12, 10, 0.0)])
def test_time_left(done: int, total: int, left: float) -> None:
    assert time_left(done, total, 20.0) == left


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0.4, 61, 3723)] == ["0:00:00", "0:01:01", "1:02:03"]
