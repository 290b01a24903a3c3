"""Rendering is pure, and text out of documents cannot drive a terminal."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from console.cli import render, render_index
from corpus.catalog.records import AuditRecord
from corpus.types import OriginKind


def _shown(view: RenderableType, *, terminal: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=120, force_terminal=terminal, markup=False, highlight=False).print(view)
    return out.getvalue()


@given(st.text())
def test_no_control_or_format_character_survives(text: str) -> None:
    shown = render.plain(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn")]


@given(st.text(alphabet=st.characters(categories=("L", "N", "P"))))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert render.plain(text) == text


@given(st.text())
def test_line_breaks_survive_only_where_asked(text: str) -> None:
    assert "\n" not in render.plain(text)
    assert render.plain(text, lines=True).count("\n") == text.count("\n")


def test_what_is_hidden_becomes_visible() -> None:
    assert render.plain("a\x1b[2Jb") == "a\\u001b[2Jb"
    assert render.plain("pay\u202eeb\u200b") == "pay\\u202eeb\\u200b"
    assert render.plain(None) == "-"
    assert render.plain(78.0) == "78"


def _hit(**values: Any) -> dict[str, Any]:
    hit = {
        "rank": 1,
        "score": 0.5,
        "doc_id": "a.md",
        "text": "text",
        "headings": [],
        "digital_source_type": OriginKind.AI_GENERATED.value,
        "quality_score": None,
    }
    return {"name": "handbook", "version": 2, "hits": [{**hit, **values}]}


def test_a_hostile_hit_neither_clears_the_screen_nor_is_read_as_markup() -> None:
    shown = _shown(render_index.hits(_hit(text="\x1b[2J[bold]free[/bold] money", headings=["[red]x"])))
    assert "\x1b" not in shown
    assert "[bold]free[/bold] money" in shown
    assert "[red]x" in shown
    assert "trainedAlgorithmicMedia" in shown


def test_a_snippet_is_cut_between_words() -> None:
    shown = _shown(render_index.hits(_hit(text="word " * 400)))
    assert "word ..." in " ".join(shown.split())
    assert shown.count("word") < 60


def test_colour_never_says_what_the_word_does_not() -> None:
    for state in render.STYLES:
        assert render.word(state).plain == state


def test_a_record_is_plain_json() -> None:
    entry = AuditRecord(
        number=1,
        at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        actor="mara",
        action="alias.move",
        subject="handbook@live",
        detail={"to": 1, "gone": None},
        previous="0" * 64,
        digest="1" * 64,
    )
    found = render.record(entry)
    assert found["at"] == "2026-01-02T03:04:00+00:00"
    shown = _shown(render.audit_entries({"entries": [found]}))
    assert "2026-01-02 03:04" in shown
    assert "to=1" in shown
    assert "gone" not in shown


def test_a_broken_log_says_where() -> None:
    data = {"intact": False, "entries": 9, "broken_at": 4, "head": "0" * 64}
    assert "entry 4 of 9" in _shown(render.audit_report(data))


def test_sizes_and_times() -> None:
    assert [render.size(number) for number in (0, 1023, 1024, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]
    assert render.when(None) == "-"
    assert render.origin(OriginKind.HUMAN.value) == "digitalCreation"


def test_the_list_of_versions_fits_eighty_columns() -> None:
    row = {
        "name": "handbook",
        "number": 1,
        "aliases": ["live"],
        "documents": 1234,
        "chunks": 56789,
        "model": "all-MiniLM-L6-v2",
        "created_at": "2026-01-02T03:04:00+00:00",
    }
    out = io.StringIO()
    Console(file=out, width=80).print(render_index.versions({"versions": [row]}))
    assert len(out.getvalue().splitlines()) == 3
