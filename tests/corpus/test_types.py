from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.receipts import Counts, Receipt
from corpus.types import Basis, Origin, OriginKind, Outcome, Span, utc_now

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(0, 10**9)
COUNTS = st.builds(Counts, **{field.name: NUMBERS for field in fields(Counts)})
RECEIPTS = st.builds(
    Receipt,
    stage=TEXT,
    contract=TEXT,
    run_id=TEXT,
    key=TEXT,
    inputs=st.lists(TEXT).map(tuple),
    outputs=st.lists(TEXT).map(tuple),
    counts=COUNTS,
    figures=st.dictionaries(TEXT, st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT),
    fingerprints=st.dictionaries(TEXT, TEXT),
)


@given(RECEIPTS)
def test_a_receipt_survives_json(receipt: Receipt) -> None:
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt


def test_a_bare_receipt_survives_json_and_pickle() -> None:
    receipt = Receipt(stage="s", contract="c", run_id="r", key="k")
    assert Receipt.from_json(receipt.to_json()) == receipt
    assert pickle.loads(pickle.dumps(Receipt.from_json(receipt.to_json()))) == receipt


def test_a_receipt_with_a_missing_field_is_refused() -> None:
    whole = Receipt(stage="s", contract="c", run_id="r", key="k").to_json()
    for name in whole:
        with pytest.raises(KeyError, match=name):
            Receipt.from_json({key: value for key, value in whole.items() if key != name})


@given(COUNTS, COUNTS)
def test_counts_add_field_by_field(one: Counts, two: Counts) -> None:
    total = one + two
    assert all(
        getattr(total, field.name) == getattr(one, field.name) + getattr(two, field.name) for field in fields(Counts)
    )
    assert one + Counts() == one


@given(st.lists(NUMBERS, min_size=5, max_size=5), NUMBERS)
def test_counts_balance_exactly_when_nothing_is_dropped(parts: list[int], removed: int) -> None:
    names = ("indexed", "unchanged", "quarantined", "rejected", "failed")
    settled = dict(zip(names, parts, strict=True))
    assert Counts(received=sum(parts), removed=removed, **settled).balanced
    assert not Counts(received=sum(parts) + 1, removed=removed, **settled).balanced


def test_unknown_is_never_human() -> None:
    assert Origin().kind is OriginKind.UNKNOWN
    assert Origin().basis is Basis.NONE


def test_only_accept_and_repair_enter_an_index() -> None:
    assert {outcome for outcome in Outcome if outcome.admitted} == {Outcome.ACCEPT, Outcome.REPAIR}


def test_a_span_is_half_open_and_counts_code_points() -> None:
    span = Span(start=1, end=3)
    assert (span.of("a😀bc"), len(span)) == ("😀b", 2)
    with pytest.raises(FrozenInstanceError):
        span.start = 2  # type: ignore[misc]


def test_now_is_aware() -> None:
    assert utc_now().utcoffset() is not None
