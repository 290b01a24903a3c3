"""Laws of every chunker, and the locality of the structural one."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_parts.makers import MARKDOWN, RST, blob_of

from corpus.errors import ConfigurationError
from corpus.types import Block, BlockKind, Span
from ingestion.chunkers import structural, tokens
from ingestion.chunkers.cut import chunks_of
from ingestion.chunkers.registry import CHUNKERS
from ingestion.chunkers.structural import StructuralChunker
from ingestion.chunkers.tokens import count
from ingestion.parsers.route import parse

_SENTENCE = "the window of refunds is thirty days and nobody asks questions about receipts or shops"
WORDS = _SENTENCE.split()


def check_laws(text, pieces, most, overlap=0):
    spans = [piece.span for piece in pieces]
    assert count([span.of(text) for span in spans]) == [piece.token_count for piece in pieces]
    assert all(0 <= piece.token_count <= most for piece in pieces)
    assert all(span.of(text) == span.of(text).strip() != "" for span in spans)
    assert spans == sorted(spans)
    covered = bytearray(len(text))
    for before, span in zip([None, *spans], spans, strict=False):
        assert overlap or before is None or before.end <= span.start
        covered[span.start : span.end] = b"\x01" * len(span)
    assert all(covered[at] or letter.isspace() for at, letter in enumerate(text))


_letters = st.text(alphabet=st.characters(codec="utf-8"), max_size=300)
_PIECES = [*" \n\t.!?。a#=-|[]é각漢😀\u200d\u0301\x0c\x1c\x85\u2028\u00a0\x01", "[SEP]", "[MASK]", "long" * 30]
_nasty = st.lists(st.sampled_from(_PIECES), max_size=300).map("".join)
_running = st.lists(st.sampled_from([*WORDS, "end. ", "\n", "\n\n", "Next"]), max_size=400).map(" ".join)


@st.composite
def _documents(draw):
    text = draw(_letters | _nasty | _running)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    kinds = st.tuples(st.sampled_from(list(BlockKind)), st.integers(0, 6), st.booleans())
    blocks = []
    for start, end in pairwise(cuts):
        kind, level, is_there = draw(kinds)
        if is_there:
            blocks.append(Block(kind=kind, span=Span(start=start, end=end), level=level if kind == "heading" else 0))
    return text, tuple(blocks)


@pytest.mark.parametrize("name", CHUNKERS.table)
@settings(max_examples=250, deadline=None)
@given(_documents(), st.sampled_from([(16, 0), (16, 8), (24, 5), (254, 0), (254, 32)]))
def test_laws_hold_for_any_text_and_blocks(name, document, options):
    text, blocks = document
    most, overlap = options
    chunker = CHUNKERS.load(name)(max_tokens=most, overlap=overlap)
    pieces = chunker.chunk(text, blocks)
    check_laws(text, pieces, most, overlap)
    assert chunker.chunk(text, blocks) == pieces


@pytest.mark.parametrize(
    ("text", "most_chunks"),
    [
        ("lorem ipsum dolor sit amet consectetur " * 8_000, 500),
        ("x" * 300_000, 90),
        ("\n" * 1_000_000, 0),
        ("😀👩\u200d👩\u200d👧 " * 30_000, 200),
        ("漢字仮名交じり文。" * 20_000, 1_000),
        ("漢字" * 50_000, 600),
        ("각각각 각각 " * 10_000, 1_700),
        ("-" * 100_000, 600),
        ("a\x0cb\x01 " * 40_000, 300),
        ("short line\n" * 20_000, 300),
    ],
)
def test_huge_and_strange_texts(text, most_chunks):
    pieces = StructuralChunker().chunk(text, ())
    check_laws(text, pieces, 254)
    assert len(pieces) <= most_chunks


def test_work_grows_with_the_text_and_not_faster(monkeypatch):
    """Counted, not timed: the tokenizer sees each character a bounded number of times."""
    seen = []
    true_count, true_offsets = tokens.count, tokens.offsets
    monkeypatch.setattr(tokens, "count", lambda texts: seen.append(sum(map(len, texts))) or true_count(texts))
    monkeypatch.setattr(tokens, "offsets", lambda text: seen.append(len(text)) or true_offsets(text))
    for unit in ("plain words in a row ", "漢字", "x", "Sentence one. Sentence two.\n\n"):
        text = unit * (200_000 // len(unit))
        seen.clear()
        StructuralChunker().chunk(text, ())
        assert sum(seen) < 12 * len(text), unit


def test_options_change_the_fingerprint():
    prints = [StructuralChunker(*options).fingerprint for options in ((254, 0), (200, 0), (254, 16))]
    assert len(set(prints)) == 3
    assert StructuralChunker().fingerprint == prints[0]


def test_one_flipped_byte_of_the_tokenizer_is_another_chunker_and_its_place_is_not(tmp_path, monkeypatch):
    original = tokens.tokenizer_file().read_bytes()
    before = StructuralChunker().fingerprint

    def with_file(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        monkeypatch.setattr(tokens, "tokenizer_file", lambda: path)
        tokens.tokenizer_digest.cache_clear()
        return StructuralChunker().fingerprint

    flipped = bytearray(original)
    flipped[len(flipped) // 2] ^= 1
    assert with_file(original, "moved and renamed.json") == before
    assert with_file(bytes(flipped), "tokenizer.json") != before
    monkeypatch.undo()
    tokens.tokenizer_digest.cache_clear()
    assert StructuralChunker().fingerprint == before


def test_the_rules_of_cutting_are_part_of_the_fingerprint(monkeypatch):
    before = StructuralChunker().fingerprint
    monkeypatch.setattr(structural, "RULES", structural.RULES + 1)
    assert StructuralChunker().fingerprint != before


@pytest.mark.parametrize("options", [{"max_tokens": 15}, {"overlap": 128}, {"overlap": -1}])
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigurationError, match="chunker options"):
        StructuralChunker(**options)


def _texts(document):
    chunks = chunks_of("doc", "rev", document, StructuralChunker())
    return [chunk.text for chunk in chunks], [chunk.chunk_id for chunk in chunks]


def _prose(seed, words=90):
    random.seed(seed)
    return " ".join(random.choice(WORDS) for _ in range(words)).capitalize() + "."


def _manual(changed=-1):
    parts = []
    for section in range(70):
        body = "\n\n".join(_prose(section * 10 + at) for at in range(3))
        if section == changed:
            body = body.replace("thirty", "forty", 1) + "\n\nA new paragraph."
        parts.append(f"## Section {section}\n\n{body}")
    return parse(blob_of("\n\n".join(parts).encode(), "a.md"))


def test_an_edit_leaves_the_chunks_of_other_sections_as_they_are():
    before, ids = _texts(_manual())
    after, new_ids = _texts(_manual(changed=33))
    assert len(before) >= 68
    changed = set(before) ^ set(after)
    assert changed
    assert all(text in _manual().text[_place(33) : _place(34)] for text in set(before) - set(after))
    assert len(set(after) - set(before)) <= 3
    assert len(set(ids) & set(new_ids)) == len(set(before) & set(after))


def _place(section):
    return _manual().text.index(f"## Section {section}\n")


def test_cuts_come_back_after_an_insertion_into_flat_text():
    """Without headings too: over many insertions, few chunks are new."""
    new = []
    for seed in range(25):
        paragraphs = [_prose(seed * 1000 + at, 20 + at * 7 % 60) for at in range(300)]
        chunker = StructuralChunker()
        text = "\n\n".join(paragraphs)
        before = {piece.span.of(text) for piece in chunker.chunk(text, ())}
        paragraphs.insert(20 + seed * 9, _prose(seed + 77, 30))
        edited = "\n\n".join(paragraphs)
        after = {piece.span.of(edited) for piece in chunker.chunk(edited, ())}
        assert len(before) >= 60
        new.append(len(after - before))
    assert sorted(new)[len(new) // 2] <= 3
    assert max(new) <= 15


def test_headings_start_chunks_and_never_end_them():
    document = _manual()
    for piece in StructuralChunker().chunk(document.text, document.blocks):
        text = piece.span.of(document.text)
        assert "## Section" not in text[1:]
        assert not text.rsplit("\n\n", 1)[-1].startswith("## Section")
        assert piece.headings[0].startswith("Section ")


def test_heading_path_and_following_headings():
    source = "# A\n\n## B\n\nwords\n\n### C ##\n\nmore\n\n## D\n\nlast"
    document = parse(blob_of(source.encode(), "a.md"))
    pieces = StructuralChunker().chunk(document.text, document.blocks)
    assert [piece.headings for piece in pieces] == [("A", "B"), ("A", "B", "C"), ("A", "D")]
    assert pieces[0].span.of(document.text) == "# A\n\n## B\n\nwords"
    rst = parse(blob_of(RST, "a.rst"))
    assert StructuralChunker().chunk(rst.text, rst.blocks)[-1].headings == ("Library", "Part one")


def test_a_heading_takes_a_part_of_a_paragraph_that_would_not_fit_whole():
    source = "# Refunds\n\n" + _prose(1, 250)
    document = parse(blob_of(source.encode(), "a.md"))
    first = StructuralChunker().chunk(document.text, document.blocks)[0]
    assert first.span.of(document.text).startswith("# Refunds\n\n")
    assert len(first.span.of(document.text)) > 200


def test_tables_and_code_stay_whole_when_they_fit_and_break_at_lines_when_not():
    rows = "\n".join(f"| row {at} | value {at * 7} |" for at in range(15))
    table = f"| a | b |\n|---|---|\n{rows}"
    document = parse(blob_of(f"# T\n\n{_prose(3, 150)}\n\n{table}\n\n{_prose(4, 150)}".encode(), "a.md"))
    texts = [piece.span.of(document.text) for piece in StructuralChunker().chunk(document.text, document.blocks)]
    assert any(table in text for text in texts)
    long = "\n".join(f"value_{at} = compute({at})" for at in range(200))
    document = parse(blob_of(f"```\n{long}\n```".encode(), "a.md"))
    pieces = StructuralChunker().chunk(document.text, document.blocks)
    assert len(pieces) > 3
    assert all(piece.span.end == len(document.text) or document.text[piece.span.end] == "\n" for piece in pieces)


def test_long_paragraphs_break_at_sentences():
    text = " ".join(_prose(at, 25) for at in range(40))
    pieces = StructuralChunker().chunk(text, ())
    assert len(pieces) > 3
    assert all(piece.span.of(text).endswith(".") for piece in pieces)


def test_small_neighbours_share_a_chunk():
    document = parse(blob_of(MARKDOWN, "a.md"))
    assert len(StructuralChunker().chunk(document.text, document.blocks)) == 1


def test_overlap_repeats_words_but_not_over_headings():
    source = f"# A\n\n{_prose(1, 600)}\n\n# B\n\n{_prose(2, 600)}"
    document = parse(blob_of(source.encode(), "a.md"))
    pieces = StructuralChunker(overlap=24).chunk(document.text, document.blocks)
    check_laws(document.text, pieces, 254, overlap=24)
    repeated = [
        count([document.text[after.span.start : before.span.end]])[0]
        for before, after in pairwise(pieces)
        if after.span.start < before.span.end
    ]
    assert len(repeated) == len(pieces) - 2
    assert all(15 <= size <= 24 for size in repeated)
    boundary = document.text.index("# B")
    assert any(piece.span.start == boundary for piece in pieces)


def test_equal_texts_get_different_ids():
    words = _prose(5, 100)
    document = parse(blob_of("\n\n".join(f"# A\n\n{words}" for _ in range(3)).encode(), "a.md"))
    chunks = chunks_of("doc", "rev", document, StructuralChunker())
    assert len({chunk.text_sha256 for chunk in chunks}) == 1
    assert len({chunk.chunk_id for chunk in chunks}) == 3
    assert [chunk.ordinal for chunk in chunks] == [0, 1, 2]
    assert all(chunk.span.of(document.text) == chunk.text for chunk in chunks)


def test_cutting_loads_no_model():
    code = (
        "import sys\nfrom ingestion.chunkers.structural import StructuralChunker\n"
        "print(StructuralChunker().fingerprint, 'tokenizers' in sys.modules)\n"
        "StructuralChunker().chunk('some words', ())\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = ran.stdout.splitlines()
    assert first == f"{StructuralChunker().fingerprint} False"
    assert "torch" not in second
    assert "transformers" not in second
