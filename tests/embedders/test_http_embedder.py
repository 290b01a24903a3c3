"""An endpoint that misbehaves: a real server on this machine with a real model, and each fault on demand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Asked, Reply, Serving, changed, refusing, sent, serving

from corpus.endpoints import Endpoint
from corpus.errors import ConfigurationError, EmbedderUnavailable, FingerprintMismatch, IntegrityError
from corpus.seams import Embedder
from index.canaries import CANARY_TEXTS, SAME_RUNTIME, compare
from index.embedders.http import EndpointClient
from index.embedders.pace import Pace
from index.embedders.registry import load_embedder
from index.embedders.remote import RemoteEmbedder, asked_canaries, open_remote, space_of

TEXTS = [f"Shelf {number} holds spare parts in blue boxes." for number in range(40)]
KEY = "sk-very-secret-4711"


@pytest.fixture
def server(wordllama: Embedder) -> Iterator[Serving]:
    with serving(wordllama.embed) as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    return []


def client_of(server: Serving, pauses: list[float], **how: Any) -> EndpointClient:
    return EndpointClient(server.endpoint(**how), sleep=pauses.append)


def embedder_of(server: Serving, **how: Any) -> RemoteEmbedder:
    endpoint = server.endpoint(**how)
    return open_remote("remote:x", endpoint, asked_canaries(EndpointClient(endpoint)))


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_those_of_the_model_in_batches_that_each_carry_a_canary(
    server: Serving, wordllama: Embedder, encoding: str
) -> None:
    embedder = embedder_of(server, encoding=encoding)
    server.asked.clear()
    rows = embedder.embed([*TEXTS, TEXTS[0]])
    np.testing.assert_allclose(rows, wordllama.embed([*TEXTS, TEXTS[0]]), atol=1e-6)
    assert [len(asked.texts) for asked in server.asked] == [16, 16, 11]
    assert {asked.body["encoding_format"] for asked in server.asked} == {encoding}
    assert [asked.texts[-1] for asked in server.asked] == list(CANARY_TEXTS[:3])
    assert embedder.runtime["answered_as"] == "a-model-2026"


def test_a_server_that_takes_one_text_gets_one(server: Serving, wordllama: Embedder) -> None:
    embedder = embedder_of(server, batch_size=1)
    server.asked.clear()
    np.testing.assert_allclose(embedder.embed(TEXTS), wordllama.embed(TEXTS), atol=1e-6)
    assert {len(asked.texts) for asked in server.asked} == {1}
    assert len(server.asked) == len(TEXTS) + 3


class Crowd:
    """How many requests were under way at once; each takes a moment, some less than others, so they end crosswise."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked, serving: Serving) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            moment = 0.02 * (len(asked.texts) % 5 + 1)
        time.sleep(moment)
        with self._lock:
            self.now -= 1


def test_requests_under_way_at_once_are_bounded_and_their_answers_in_order(
    server: Serving, wordllama: Embedder
) -> None:
    embedder = embedder_of(server, in_flight=4, batch_size=4)
    server.asked.clear()
    crowd = server.always = Crowd()
    np.testing.assert_allclose(embedder.embed(TEXTS), wordllama.embed(TEXTS), atol=1e-6)
    assert 1 < crowd.most <= 4
    sent = sorted(text for asked in server.asked for text in asked.texts[:-1])
    assert sent == sorted(set(TEXTS)), "each text once"
    assert {asked.texts[-1] for asked in server.asked} == set(CANARY_TEXTS[: len(server.asked)])


def test_where_one_of_several_fails_for_good_the_rest_is_not_sent(server: Serving) -> None:
    embedder = embedder_of(server, in_flight=2, batch_size=2)
    server.asked.clear()
    crowd = Crowd()

    def third(asked: Asked, serving: Serving) -> Reply | None:
        crowd(asked, serving)
        return refusing(403)(asked, serving) if TEXTS[2] in asked.texts else None

    server.always = third
    with pytest.raises(ConfigurationError, match="answered 403"):
        embedder.embed(TEXTS)
    assert len(server.asked) < len(TEXTS) // 2


def test_the_limit_holds_for_all_that_are_under_way(server: Serving) -> None:
    embedder = embedder_of(server, in_flight=4, batch_size=2, requests_per_minute=600)
    server.asked.clear()
    embedder.embed(TEXTS[:5])
    at = sorted(asked.at for asked in server.asked)
    assert at[4] - at[0] >= 0.35


def test_an_answer_out_of_order_is_put_in_order(server: Serving, pauses: list[float], wordllama: Embedder) -> None:
    server.faults.append(changed(lambda data: list(reversed(data))))
    np.testing.assert_allclose(client_of(server, pauses).embed(TEXTS[:9]), wordllama.embed(TEXTS[:9]), atol=1e-6)
    assert not pauses


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_growing_pauses(server: Serving, pauses: list[float], status: int) -> None:
    server.faults += [refusing(status)] * 2
    assert client_of(server, pauses).embed(TEXTS[:2]).shape == (2, 256)
    assert len(server.asked) == 3
    assert 0.5 <= pauses[0] <= 1.0 < pauses[1] <= 1.5


def test_what_does_not_pass_ends_after_the_declared_tries_and_may_be_run_again(
    server: Serving, pauses: list[float]
) -> None:
    server.always = refusing(503, "overloaded")
    with pytest.raises(EmbedderUnavailable, match=r"in 3 tries: it answered 503, 'overloaded'") as caught:
        client_of(server, pauses).embed(TEXTS[:2])
    assert caught.value.retryable
    assert len(server.asked) == 3


def test_nobody_listens(pauses: list[float]) -> None:
    endpoint = Endpoint(provider="x", url="http://127.0.0.1:9", model="m", dimension=2, attempts=2)
    with pytest.raises(EmbedderUnavailable, match="ConnectError"):
        EndpointClient(endpoint, sleep=pauses.append).embed(["a"])
    assert len(pauses) == 1


def test_retry_after_is_honoured_in_seconds_and_as_a_date(server: Serving, pauses: list[float]) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)
    server.faults += [refusing(429, retry_after="3"), refusing(429, retry_after=at)]
    client_of(server, pauses).embed(["a"])
    assert 3 <= pauses[0] <= 3.5
    assert 1 < pauses[1] <= 4.5


def test_retry_after_is_waited_for_by_the_clock(server: Serving) -> None:
    server.faults.append(refusing(429, retry_after="1"))
    EndpointClient(server.endpoint()).embed(["a"])
    assert server.asked[1].at - server.asked[0].at >= 1


def test_a_pause_longer_than_declared_is_not_waited_for(server: Serving, pauses: list[float]) -> None:
    server.always = refusing(429, retry_after="3600")
    with pytest.raises(EmbedderUnavailable, match="wait 3600 s, more than longest_wait_seconds"):
        client_of(server, pauses).embed(["a"])
    assert len(server.asked) == 1
    assert not pauses


@pytest.mark.parametrize("value", ["soon", "", "-5", "1e9999", "Mon, 99 Foo 2026 00:00:00 GMT", "٣"])
def test_a_retry_after_that_says_nothing_is_as_none(server: Serving, pauses: list[float], value: str) -> None:
    server.faults.append(refusing(503, retry_after=value.encode("utf-8").decode("latin-1")))
    client_of(server, pauses).embed(["a"])
    assert 0.5 <= pauses[0] <= 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (changed(lambda data: data[:-1]), "2 vectors for 3 texts"),
        (changed(lambda data: [*data, data[0]]), "4 vectors for 3 texts"),
        (changed(lambda data: data[1].update(embedding=None)), "no vector for text 1"),
        (changed(lambda data: data[2].update(index=0)), "two vectors with index 0"),
        (changed(lambda data: data[0].update(embedding=[0.0] * 256)), "zero or not finite for text 0"),
        (changed(lambda data: data[0].update(embedding=[float("nan")] * 256)), "zero or not finite for text 0"),
        (sent(body=b"<html>Bad gateway</html>"), "no JSON"),
    ],
)
def test_an_answer_that_is_not_whole_is_asked_again_and_never_stored(
    server: Serving, pauses: list[float], wordllama: Embedder, fault: Any, said: str
) -> None:
    server.faults.append(fault)
    rows = client_of(server, pauses).embed(TEXTS[:3])
    np.testing.assert_allclose(rows, wordllama.embed(TEXTS[:3]), atol=1e-6)
    server.always = fault
    with pytest.raises(IntegrityError, match=said):
        client_of(server, pauses).embed(TEXTS[:3])


@pytest.mark.parametrize(
    "fault", [sent(cut=700), sent(delay=2.0), sent(drip=0.01)], ids=["cut off", "silent", "dripping"]
)
def test_an_answer_that_is_cut_or_slow_is_asked_again(server: Serving, pauses: list[float], fault: Any) -> None:
    server.faults.append(fault)
    began = time.monotonic()
    assert client_of(server, pauses, timeout_seconds=1).embed(["a"]).shape == (1, 256)
    assert len(server.asked) == 2
    assert time.monotonic() - began < 10
    server.always = fault
    with pytest.raises(EmbedderUnavailable, match="in 2 tries"):
        client_of(server, pauses, timeout_seconds=1, attempts=2).embed(["a"])


def test_an_answer_without_end_is_not_read(server: Serving, pauses: list[float]) -> None:
    server.always = sent(body=b" " * 3_000_000)
    with pytest.raises(EmbedderUnavailable, match="the answer has more than"):
        client_of(server, pauses).embed(["a"])


def test_a_batch_that_is_too_large_is_halved(server: Serving, pauses: list[float], wordllama: Embedder) -> None:
    server.always = lambda asked, serving: refusing(413)(asked, serving) if len(asked.texts) > 4 else None
    np.testing.assert_allclose(client_of(server, pauses).embed(TEXTS[:15]), wordllama.embed(TEXTS[:15]), atol=1e-6)
    assert not pauses


def test_the_one_text_that_is_refused_is_named(server: Serving, pauses: list[float]) -> None:
    server.always = lambda asked, serving: (
        refusing(400, "too long")(asked, serving) if TEXTS[5] in asked.texts else None
    )
    with pytest.raises(IntegrityError, match=r"Shelf 5 holds.*400, 'too long'"):
        client_of(server, pauses).embed(TEXTS[:9])
    assert len(server.asked) <= 8


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (refusing(401, "bad key"), "key in api_key_env"),
        (refusing(404, "no such model"), "`url` and `model`"),
        (refusing(302, location="http://elsewhere.example/"), "`url` and `model`"),
        (refusing(429, "pay first", "insufficient_quota"), "quota"),
    ],
)
def test_what_no_pause_helps_is_not_tried_again(server: Serving, pauses: list[float], fault: Any, step: str) -> None:
    server.always = fault
    with pytest.raises(ConfigurationError, match=step):
        client_of(server, pauses).embed(["a"])
    assert len(server.asked) == 1


def test_another_dimension_in_the_middle_of_a_run_is_another_model(server: Serving, minilm_fp32: Embedder) -> None:
    embedder = embedder_of(server)
    server.faults += [lambda asked, serving: None]
    server.faults += [lambda asked, serving: Serving(minilm_fp32.embed, "").right(asked)]
    with pytest.raises(FingerprintMismatch, match="384 numbers where 256 are declared"):
        embedder.embed(TEXTS)
    assert len(server.asked) == 4 + 2


def test_a_model_that_is_changed_in_the_middle_is_noticed_by_its_canary(server: Serving, wordllama: Embedder) -> None:
    embedder = embedder_of(server)
    turned = np.linalg.qr(np.random.default_rng(3).standard_normal((256, 256)))[0].astype(np.float32)
    server.faults += [lambda asked, serving: None]
    server.faults += [lambda asked, serving: Serving(lambda t: wordllama.embed(t) @ turned, "").right(asked)]
    with pytest.raises(FingerprintMismatch, match=r"changed while it was being used: canary 1 \('Invoice'\)"):
        embedder.embed(TEXTS)


def test_a_space_is_what_was_declared_and_the_first_canaries_and_not_the_address(server: Serving) -> None:
    endpoint = server.endpoint()
    canaries = asked_canaries(EndpointClient(endpoint))
    space = space_of("remote:x", endpoint, canaries)
    same = [
        space_of("remote:other-name", endpoint, canaries),
        space_of("remote:x", server.endpoint(url="https://moved.example/v1", encoding="float"), canaries),
        space_of("remote:x", server.endpoint(batch_size=3, attempts=9, api_key_env="A_KEY"), canaries),
    ]
    other = [
        space_of("remote:x", server.endpoint(provider="another"), canaries),
        space_of("remote:x", server.endpoint(model="another"), canaries),
        space_of("remote:x", server.endpoint(revision="2"), canaries),
        space_of("remote:x", endpoint, canaries, "2026-11"),
        space_of("remote:x", server.endpoint(dimension=128), canaries),
        space_of("remote:x", endpoint, canaries[:, ::-1]),
    ]
    assert {found.fingerprint for found in same} == {space.fingerprint}
    assert len({found.fingerprint for found in [space, *other]}) == 1 + len(other)
    assert server.url not in repr(space)


def test_the_key_is_sent_and_is_nowhere_else(
    wordllama: Embedder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(wordllama.embed, KEY) as server:
        monkeypatch.setenv("SOME_KEY", KEY)
        embedder = embedder_of(server, api_key_env="SOME_KEY")
        embedder.embed(TEXTS)
        client = EndpointClient(server.endpoint(api_key_env="SOME_KEY"))
        seen = [repr(embedder), repr(client), str(client), repr(client.endpoint), repr(embedder.parts)]
        seen += [repr(dict(embedder.runtime)), repr(vars(client)["_client"].headers)]
        server.always = refusing(400, f"a server that repeats {KEY}")
        with pytest.raises(IntegrityError) as refused:
            client.embed(["a"])
        monkeypatch.setenv("SOME_KEY", f"{KEY}-wrong")
        with pytest.raises(ConfigurationError, match=r"401.*Look at the key in SOME_KEY") as wrong:
            EndpointClient(server.endpoint(api_key_env="SOME_KEY")).embed(["a"])
    assert "[key]" in str(refused.value)
    seen += [str(refused.value), str(wrong.value), caplog.text]
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}", f"Bearer {KEY}-wrong"}
    assert [text for text in seen if KEY in text] == []


@pytest.mark.parametrize("value", [None, "", "with\nbreak", "ключ"])
def test_a_key_that_is_missing_or_cannot_be_sent_is_refused_without_showing_it(
    server: Serving, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ConfigurationError, match="SOME_KEY") as caught:
        EndpointClient(server.endpoint(api_key_env="SOME_KEY"))
    assert not value or value not in str(caught.value)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.integers(1, 300), st.lists(st.floats(0, 3), min_size=2, max_size=80))
def test_no_minute_holds_more_requests_than_the_limit(limit: int, gaps: list[float]) -> None:
    clock = Clock()
    pace, sent_at = Pace(limit, 0, clock=clock, sleep=clock.sleep), []
    for gap in gaps:
        clock.now += gap
        pace.spend(10**6)
        sent_at.append(clock.now)
    for start in sent_at:
        assert sum(start <= at < start + 59.999 for at in sent_at) <= limit


def test_tokens_are_paced_too_and_no_limit_waits_for_nothing() -> None:
    clock = Clock()
    pace = Pace(0, 6000, clock=clock, sleep=clock.sleep)
    assert [round(pace.spend(1000)) for _ in range(3)] == [0, 10, 10]
    assert Pace(0, 0, clock=clock, sleep=clock.sleep).spend(10**9) == 0


def test_requests_to_a_server_are_spread(server: Serving) -> None:
    client = EndpointClient(server.endpoint(requests_per_minute=300))
    for _ in range(4):
        client.embed(["a"])
    assert server.asked[3].at - server.asked[0].at >= 0.55


def test_canaries_of_a_server_are_the_models_own(server: Serving, wordllama: Embedder) -> None:
    found = asked_canaries(EndpointClient(server.endpoint()))
    assert compare(wordllama.embed(CANARY_TEXTS), found).passed(SAME_RUNTIME)


def test_a_name_of_an_endpoint_needs_a_project() -> None:
    with pytest.raises(ConfigurationError, match="endpoint of a project's settings"):
        load_embedder("remote:x")
