import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from provenance.answers import AnswerInput, RetrievedText
from provenance.importers.native import load

GOOD = {"text": "Drain it.", "served_at": "2026-01-01T12:00:00+02:00"}


def lines(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() + b"\n" for value in values]


def test_a_full_line_is_read() -> None:
    value = {
        **GOOD,
        "answer_id": "a1",
        "system": "helpdesk",
        "model": "some-model",
        "retrieved": [{"chunk_id": "c1", "text": "Source."}, {"chunk_id": "c2", "text": None}, "c3"],
        "cited": ["c1"],
        "index_version": "handbook/v000007",
        "rating": 5,
    }
    assert load(lines(value)).answers == (
        AnswerInput(
            answer_id="a1",
            text="Drain it.",
            system="helpdesk",
            model="some-model",
            served_at=datetime(2026, 1, 1, 10, tzinfo=UTC),
            retrieved=(
                RetrievedText(chunk_id="c1", text="Source."),
                RetrievedText(chunk_id="c2"),
                RetrievedText(chunk_id="c3"),
            ),
            cited=("c1",),
            index_version="handbook/v000007",
        ),
    )


def test_an_answer_without_id_gets_one_from_its_content() -> None:
    first, second, third = load(lines(GOOD, GOOD, {**GOOD, "text": "Leave it."})).answers
    assert first.answer_id == second.answer_id != third.answer_id


def test_each_bad_line_is_reported_with_its_number_and_the_rest_is_read() -> None:
    bad = [
        b"not json\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        *lines(
            {"served_at": "2026-01-01T12:00:00Z"},
            {**GOOD, "text": " "},
            {**GOOD, "text": 5},
            {"text": "x"},
            {**GOOD, "served_at": "yesterday"},
            {**GOOD, "served_at": "2026-01-01T12:00:00"},
            {**GOOD, "served_at": "0001-01-01T00:00:00+14:00"},
            {**GOOD, "retrieved": "c1"},
            {**GOOD, "retrieved": [{"text": "no id"}]},
            {**GOOD, "cited": [7]},
        ),
    ]
    good = lines(GOOD)[0]
    result = load([good, b"\n", *bad, good])
    assert len(result.answers) == 2
    assert [problem.line for problem in result.problems] == list(range(3, 3 + len(bad)))
    assert result.lines == 2 + len(bad)
    assert all(0 < len(problem.message) <= 300 for problem in result.problems)
    assert "served_at: want ISO 8601" in result.problems[8].message


def test_a_byte_order_mark_and_a_lone_surrogate_do_no_harm() -> None:
    raw = b'\xef\xbb\xbf{"text": "a \\ud800 b", "served_at": "2026-01-01T12:00:00Z"}'
    (answer,) = load([raw]).answers
    answer.text.encode("utf-8")


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_fail(raw: list[bytes]) -> None:
    result = load(raw)
    assert result.lines == len(result.answers) + len(result.problems)
    assert result.lines == sum(1 for line in raw if line.strip())
