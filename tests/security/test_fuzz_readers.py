"""Any bytes give a value or a documented error, soon, and nothing is written anywhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security.fuzz_targets import TOKENS, targets

SECONDS = 20.0
"""Longest time for a few kilobytes, on a machine that is busy with other things; usual are milliseconds."""


def edited(data: st.DataObject, seed: bytes) -> bytes:
    whole = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole)))
        size = data.draw(st.integers(0, 12))
        put = data.draw(st.sampled_from((b"", *TOKENS)) | st.binary(max_size=6))
        whole[at : at + size] = put
    return bytes(whole)


@pytest.mark.parametrize("name", targets())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_edits_of_what_can_be_read(name: str, data: st.DataObject) -> None:
    target = targets()[name]
    given_bytes = edited(data, data.draw(st.sampled_from(target.seeds or (b"{}",))))
    started = time.monotonic()
    target(given_bytes)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("name", targets())
def test_seeds_are_read_and_tokens_alone_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = targets()[name]
    assert all(target(seed) for seed in target.seeds)
    for token in TOKENS:
        target(token)
        for seed in target.seeds:
            target(seed + token)
            target(token + seed)
            target(seed[: len(seed) // 2] + token + seed[len(seed) // 2 :])
    assert list(tmp_path.iterdir()) == []
