"""Laws of narrowing a document: places stay, what is dropped is said nowhere, chunks keep to what is kept."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_parts.makers import MARKDOWN, blob_of

from corpus.errors import ConfigurationError
from corpus.ids import text_digest
from corpus.types import EMPTY, BlockKind, Edit, Finding, ParsedDocument, Span
from ingestion.chunkers.cut import chunks_of
from ingestion.chunkers.structural import StructuralChunker
from ingestion.parsers.route import parse
from ingestion.repair import undo
from ingestion.repairs.edits import apply
from ingestion.splitting.cut import MOST_PARTS, Cut, Part, cut_of
from ingestion.splitting.narrow import edits_in, in_kept, is_narrowed, kept_spans, lean, narrowed
from ingestion.splitting.parts import at_places, at_structure, proposed

DOCUMENT = parse(blob_of(MARKDOWN, "guide.md"), {})
LETTERS = DOCUMENT.text


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """Cuts of the document at any offsets, with something kept."""
    places = draw(st.lists(st.integers(1, len(LETTERS) - 1), min_size=1, max_size=8, unique=True))
    spans = at_places(LETTERS, places)
    readable = [number for number, span in enumerate(spans, start=1) if span.of(LETTERS).strip()]
    kept = draw(st.lists(st.sampled_from(readable), min_size=1, unique=True))
    return cut_of(LETTERS, spans, kept)


@given(cuts())
@settings(max_examples=60, deadline=None)
def test_every_place_stays_and_nothing_of_what_is_dropped_is_left(cut: Cut) -> None:
    found = narrowed(DOCUMENT, cut)
    assert len(found.text) == len(LETTERS)
    assert found.text.count("\n") == LETTERS.count("\n"), "lines stay what they were"
    assert all(span.of(found.text) == span.of(LETTERS) for span in cut.kept)
    assert not any(span.of(found.text).strip() for span in cut.dropped)
    assert is_narrowed(found) is bool(cut.dropped)
    assert kept_spans(found) == cut.kept
    assert all(before.span.end <= after.span.start for before, after in pairwise(found.blocks))
    assert [b.span for b in found.blocks if b.kind is BlockKind.DROPPED] == list(cut.dropped)
    assert "".join(lean(found).text.split()) == "".join("".join(span.of(LETTERS) for span in cut.kept).split())
    chunks = chunks_of("d", "r", found, StructuralChunker(max_tokens=24))
    for chunk in chunks:
        assert chunk.text == chunk.span.of(LETTERS) == chunk.span.of(found.text)
        assert any(span.start <= chunk.span.start and chunk.span.end <= span.end for span in cut.kept)
    covered = {place for chunk in chunks for place in range(chunk.span.start, chunk.span.end)}
    assert all(place in covered for span in cut.kept for place in range(span.start, span.end) if LETTERS[place].strip())
    assert Cut.from_json(cut.to_json()) == cut


def test_headings_above_still_hold_and_dropped_ones_do_not() -> None:
    text = "# Top\n\nOne two three.\n\n## Middle\n\nFour five six.\n\n### Low\n\nSeven eight.\n\n## Last\n\nNine ten.\n"
    document = parse(blob_of(text.encode(), "a.md"), {})
    spans = at_structure(document.text, document.blocks, [])
    assert [span.of(document.text).split("\n")[0] for span in spans] == ["# Top", "## Middle", "### Low", "## Last"]
    found = narrowed(document, cut_of(document.text, spans, [1, 3, 4]))
    chunks = chunks_of("d", "r", found, StructuralChunker())
    assert [chunk.headings for chunk in chunks] == [("Top",), ("Top", "Low"), ("Top", "Last")]


def test_a_title_that_only_a_dropped_part_says_goes_with_it() -> None:
    text = "# Ignore everything\n\nBad.\n\n# Chairs\n\nGood.\n"
    document = parse(blob_of(text.encode(), "a.md"), {})
    assert document.title == "Ignore everything"
    spans = at_structure(document.text, document.blocks, [])
    assert narrowed(document, cut_of(document.text, spans, [2])).title == "Chairs"
    assert narrowed(document, cut_of(document.text, spans, [1])).title == "Ignore everything"


def test_parts_stand_apart_where_evidence_is_and_are_proposed_to_go() -> None:
    at = LETTERS.index("\n\n", len(LETTERS) // 3) + 2
    evidence = Span(start=at, end=at + 5)
    spans = at_structure(LETTERS, DOCUMENT.blocks, [evidence])
    assert "".join(span.of(LETTERS) for span in spans) == LETTERS
    finding = {"code": "instruction.override", "span": [evidence.start, evidence.end]}
    parts = proposed(LETTERS, spans, DOCUMENT.blocks, [finding, {"code": "x", "span": None}], ())
    gone = [part for part in parts if not part.kept]
    assert gone
    assert all(part.codes == ("instruction.override",) for part in gone)
    assert gone[0].span.start <= evidence.start
    assert all(part.title for part in parts)


def test_findings_of_what_is_dropped_go_and_those_without_a_place_stay() -> None:
    cut = cut_of(LETTERS, at_places(LETTERS, [40, 80]), [1, 3])
    inside, across, outside = (Span(start=45, end=60), Span(start=70, end=90), Span(start=0, end=9))
    found = [
        Finding(detector="d", code="c", level="-", span=span, quote=span.of(LETTERS) if span else "said beside")
        for span in (inside, across, outside, None)
    ]
    left = in_kept(found, cut, narrowed(DOCUMENT, cut).text)
    assert [finding.span for finding in left] == [across, outside, None]
    assert LETTERS[70:80].strip(), "the second of them begins in what is dropped"
    kept = " ".join(LETTERS[80:90].split())
    assert [finding.quote for finding in left] == [kept, LETTERS[0:9], "said beside"], "no quote says what was dropped"


def test_undoing_repairs_gives_nothing_of_what_was_dropped_back() -> None:
    before = "Keep caf\u00c3\u00a9 here. Drop na\u00c3\u00afve there. Keep the rest."
    edits = (
        Edit(span=Span(start=8, end=10), before="\u00c3\u00a9", after="\u00e9", code="encoding"),
        Edit(span=Span(start=25, end=27), before="\u00c3\u00af", after="\u00ef", code="encoding"),
    )
    after = apply(before, edits)
    document = ParsedDocument(text=after, blocks=(), title="", media_type="text/plain", metadata=EMPTY, parser="x")
    low, high = after.index("Drop"), after.index("Keep the")
    cut = cut_of(after, at_places(after, [low, high]), [1, 3])
    undone = undo(narrowed(document, cut).text, edits_in(edits, cut))
    assert len(undone) == len(before)
    assert undone.startswith("Keep caf\u00c3\u00a9 here.")
    assert undone.endswith("Keep the rest.")
    assert "ve there" not in undone
    assert "\u00c3\u00af" not in undone


def test_a_cut_is_the_same_whatever_borders_lie_in_what_is_kept() -> None:
    fine = cut_of(LETTERS, at_places(LETTERS, [10, 20, 30]), [1, 2, 4])
    coarse = cut_of(LETTERS, at_places(LETTERS, [20, 30]), [1, 3])
    assert fine.digest == coarse.digest
    assert fine.digest != cut_of(LETTERS, at_places(LETTERS, [20, 31]), [1, 3]).digest
    other = dataclasses.replace(fine, text_sha256=text_digest("other"))
    assert other.digest != fine.digest


def test_what_is_no_cut_is_refused() -> None:
    for places in ([], [0], [len(LETTERS)], [-1]):
        with pytest.raises(ConfigurationError, match="offset"):
            at_places(LETTERS, places)
    spans = at_places(LETTERS, [10, 20])
    with pytest.raises(ConfigurationError, match="no part 4"):
        cut_of(LETTERS, spans, [4])
    with pytest.raises(ConfigurationError, match="reject it"):
        cut_of("a" + " " * 20, (Span(start=0, end=1), Span(start=1, end=21)), [2])
    with pytest.raises(ConfigurationError, match="not the whole text"):
        cut_of(LETTERS, (Span(start=0, end=5), Span(start=6, end=len(LETTERS))), [1])
    many = "a" * (MOST_PARTS + 5)
    with pytest.raises(ConfigurationError, match=f"more than {MOST_PARTS}"):
        cut_of(many, at_places(many, range(1, len(many))), [1])
    assert Part(span=Span(start=0, end=1), kept=True).kept
