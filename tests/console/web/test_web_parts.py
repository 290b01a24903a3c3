"""The pure parts: marks in a text, differences, small drawings, what needs a person."""

from __future__ import annotations

import ast
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.web.drawings import charts
from console.web.drawings.comparing import compared
from console.web.drawings.marked import Mark, excerpt_of, marks_of, runs_of
from console.web.http.templating import coded, percent, span, whole
from console.web.page import Paging


def _finding(span: Any, code: str = "hidden.colour", **detail: Any) -> dict[str, Any]:
    return {
        "code": code,
        "detector": f"{code.partition('.')[0]}/1",
        "level": "-",
        "span": span,
        "quote": "q",
        "detail": detail,
    }


def _mark(number: int, start: int, end: int) -> Mark:
    return marks_of([_finding([start, end])])[0].model_copy(update={"number": number})


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(alphabet="ab\u200b\n ", max_size=60),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=5),
    st.integers(0, 70),
)
def test_runs_put_together_are_the_text(text: str, spans: list[tuple[int, int]], whole_up_to: int) -> None:
    marks = [_mark(number, *span) for number, span in enumerate(spans, 1)]
    at = 0
    for run in runs_of(text, marks, whole=whole_up_to, around=3):
        at += run.left_out
        shown = "\u200b" if run.unseen else run.text
        assert text[at : at + len(shown)] == shown
        assert run.start == at
        inside = [number for number, (a, b) in enumerate(spans, 1) if a < b <= len(text) and a <= at < b]
        assert run.marks == inside
        at += len(shown)
    if len(text) <= whole_up_to:
        assert at == len(text)


def test_marks_know_what_they_are_evidence_of() -> None:
    found = marks_of(
        [
            _finding(None, "declared.format"),
            _finding([5, 9], "instruction.override", count=1, cues=["a", "b"]),
            _finding([1, 4], "answer.match", passages=[[1, 2], [3, 4]], novelty=34.9),
            {**_finding([2, 3], "self_id"), "detector": "residue/2"},
        ]
    )
    assert [mark.kind for mark in found] == ["answer", "residue", "order", "other"]
    assert found[0].spans == [(1, 2), (3, 4)]
    assert found[0].figures == {"novelty": "34.9"}
    assert found[2].figures == {"count": "1", "cues": "a, b"}
    assert found[3].spans == []


def test_a_difference_names_the_words() -> None:
    lines = compared("a\nb\none two three four\nc\nd", "a\nb\none two 3 four\nc\nd")
    assert lines is not None
    assert [line.kind for line in lines] == ["gap", "same", "removed", "added", "same", "gap"]
    assert [piece.text for piece in lines[2].pieces if piece.kind == "removed"] == ["three "]
    assert [piece.text for piece in lines[3].pieces if piece.kind == "added"] == ["3 "]
    assert compared("same\n", "same\n") == compared("same", "same")
    assert compared("x\n" * 5_000, "y") is None


def test_no_two_texts_take_long_to_be_compared() -> None:
    def written(tag: str, number: int) -> str:
        return "\n\n".join(f"{tag} says {tag}{place}" for place in range(number))

    begun = time.process_time()
    assert compared(written("a", 2_000), written("b", 2_000)), "nothing but blank lines is the same"
    long = [" ".join(f"the {tag}{place} of" for place in range(3_000)) for tag in "ab"]
    lines = compared(*long)
    assert lines is not None
    for kind, text in zip(("removed", "added"), long, strict=True):
        assert "".join(piece.text for line in lines if line.kind == kind for piece in line.pieces) == text
    assert time.process_time() - begun < 30


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 1)), min_size=1, max_size=5, unique_by=lambda p: p[0]))
def test_a_bar_fills_its_width_and_hides_no_part(parts: list[tuple[str, float]]) -> None:
    total = sum(share for _, share in parts)
    shares = [(name, share / total) for name, share in parts] if total > 0.01 else [("a", 1.0)]
    drawn = charts.stack(shares, 160)
    assert {part.name for part in drawn} == {name for name, share in shares if share > 0}
    assert all(part.width > 0 for part in drawn)
    assert drawn[-1].x + drawn[-1].width == pytest.approx(160, abs=0.5)


def test_lines_and_places() -> None:
    assert charts.spark([1], 100, 20) is None
    assert charts.spark([3, 3], 100, 20) == ("2.5,10.0 97.5,10.0", 97.5, 10.0)
    assert charts.spark([0, None, 4], 100, 20) == ("2.5,17.5 97.5,2.5", 97.5, 2.5)
    assert [charts.along(value, 0, 1, 100) for value in (-1, 0.25, 2)] == [0, 25, 100]
    own, columns = charts.columns([[("a", 0.25), ("b", 0.75)]], 100, 40)
    assert own == 33
    assert columns[0].parts == (("a", 0.25, 30.0, 10.0), ("b", 0.75, 0.0, 30.0))


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0\u2009%"), (0.0004, "<0.1\u2009%"), (0.2, "20\u2009%"), (0.9996, ">99.9\u2009%"), (1, "100\u2009%")],
)
def test_shares_are_not_rounded_to_nothing_or_to_all(share: float, words: str) -> None:
    assert percent(share) == words


def test_numbers_and_times_are_short() -> None:
    assert whole(1234567) == "1\u2009234\u2009567"
    assert [span(timedelta(seconds=s)) for s in (5, 90, 7_300, 200_000)] == [
        "5\u2009s",
        "1\u2009min",
        "2\u2009h",
        "2\u2009d",
    ]


def test_a_command_in_words_is_set_as_code_and_nothing_else_is_markup() -> None:
    assert coded("Run `stemma ingest <b>`, not <i>.") == "Run <code>stemma ingest &lt;b&gt;</code>, not &lt;i&gt;."
    assert coded("one ` is no code") == "one ` is no code"


def test_a_page_past_the_end_is_the_last() -> None:
    assert Paging.of(9, 101, 50).model_dump() == {"page": 3, "pages": 3, "total": 101, "first": 101, "last": 101}
    assert Paging.of(1, 0).model_dump() == {"page": 1, "pages": 1, "total": 0, "first": 0, "last": 0}


def test_pages_and_drawings_do_not_load_the_command_line() -> None:
    root = Path(__file__).resolve().parents[3] / "console"
    modules = [*(root / "web").rglob("*.py"), *(root / "drawings").rglob("*.py")]
    named = {
        (path.name, name)
        for path in modules
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported(node)
        if name.startswith(("console.cli", "rich", "typer"))
    }
    assert len(modules) > 20
    assert named == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_what_was_dropped_is_left_out_and_said() -> None:
    text = "Keep this.\n" + " " * 30 + "\nAnd this."
    runs = runs_of(text, [], dropped=[(11, 41)])
    assert [(run.text, run.start, run.left_out) for run in runs] == [("Keep this.\n", 0, 0), ("\nAnd this.", 41, 30)]


def test_an_excerpt_is_a_beginning_and_what_is_around_the_evidence() -> None:
    text = "a" * 100 + "b" * 900 + "c" * 10 + "d" * 500 + "\n\n"
    runs = excerpt_of(text, [_mark(1, 1000, 1010)], 100, len(text), most=40)
    assert [(run.text[0], len(run.text), run.left_out, run.marks) for run in runs] == [
        ("b", 40, 0, []), ("b", 10, 850, []), ("c", 10, 0, [1]), ("d", 10, 0, [])
    ]  # fmt: skip
    assert excerpt_of(text, [], 100, 110)[0].text == "b" * 10
