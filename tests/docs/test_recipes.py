"""Each recipe is installed as its page says, found by its name, and held against the laws of its seam."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docs.pages import page
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.load import parse_contract
from contracts.scaffold import new_contract
from corpus.errors import ConfigurationError, ContractError, ParseError, SourceGone, SourceUnavailable, TornRead
from corpus.ids import sha256_hex
from corpus.types import Basis, Block, BlockKind, OriginKind, ParsedDocument, RawBlob, SourceRef, Span
from index.canaries import CANARY_TEXTS, SAME_RUNTIME, compare
from index.embedders.registry import EMBEDDERS, describe_embedder, load_embedder
from ingestion.chunkers.registry import CHUNKERS
from ingestion.chunkers.tokens import count
from ingestion.parsers.registry import PARSERS
from ingestion.parsers.route import parse
from ingestion.scorers.registry import SCORERS
from ingestion.sources.registry import SOURCES
from provenance.detectors.registry import DETECTORS

SEAMS = ("source", "parser", "chunker", "scorer", "detector", "embedder")
HOSTILE = [
    "",
    " ",
    "\x00",
    "\u200b",
    "\n" * 500,
    "\ud800 alone",
    "word " * 3000,
    "x" * 9000,
    "<!--" * 500,
    "�" * 300,
    "🧑‍🚀\u202e",
]
VTT = """\
WEBVTT - Monday

NOTE made by hand

1
00:01.000 --> 00:02.000
<v Ann>Hello

00:02.000 --> 00:03.000
<v Ben>Hi &amp; bye
"""


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules of all recipes, and one distribution with the entry points that the pages show."""
    site = tmp_path_factory.mktemp("site")
    info = site / "house_rag-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-rag\nVersion: 1.0\n")
    points = {seam: _entry_points(seam) for seam in SEAMS}
    lines = [f"[{group}]\n{name} = {target}\n" for group, name, target in points.values()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for seam, (_, _, target) in points.items():
        (site / f"{target.partition(':')[0]}.py").write_text(_code(seam)[0], "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield
    for _, _, target in points.values():
        sys.modules.pop(target.partition(":")[0], None)


def _entry_points(seam: str) -> tuple[str, str, str]:
    [block] = page(f"docs/recipes/{seam}.md").blocks("toml")
    [(group, names)] = tomllib.loads(block.text)["project"]["entry-points"].items()
    [(name, target)] = names.items()
    return group, name, target


def _code(seam: str) -> list[str]:
    """The module of a recipe, and what shows its use."""
    return [block.text for block in page(f"docs/recipes/{seam}.md").blocks("python")]


@pytest.mark.parametrize("seam", SEAMS)
def test_the_page_names_the_file_and_its_use_runs(seam: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, target = _entry_points(seam)
    module, *uses = _code(seam)
    assert f"`{target.partition(':')[0]}.py`:" in page(f"docs/recipes/{seam}.md").text
    assert len(module.splitlines()) < 150
    assert uses
    monkeypatch.chdir(tmp_path)
    for use in uses:
        exec(compile(use, seam, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("registry", [SOURCES, PARSERS, CHUNKERS, SCORERS, DETECTORS, EMBEDDERS], ids=lambda r: r.seam)
def test_each_is_found_by_its_name(registry: Any) -> None:
    group, name, target = _entry_points(registry.seam)
    module, _, attribute = target.partition(":")
    assert group == registry.group
    assert name in registry.names()
    assert registry.load(name) is getattr(importlib.import_module(module), attribute)


# Source


BAD_LINES = (
    "not json",
    "[]",
    '{"id": "x"}',
    '{"id": "x", "text": 5}',
    '{"id": "../x", "text": "t"}',
    '{"id": "x\\ud800", "text": "t"}',
    '{"id": "x", "text": "t", "owner": "\\ud800"}',
    '{"id": "x", "text": "t", "score": NaN}',
    '{"id": "x", "text": "t", "updated_at": "yesterday"}',
    "[" * 100_000,
)


def _export(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return path


def _lines() -> list[str]:
    return [json.dumps({"id": name, "text": f"Text of {name}", "owner": "ann"}) for name in ("b.md", "a.md", "c/d.md")]


def test_source_lists_sorted_and_alike_and_reads_what_it_listed(tmp_path: Path) -> None:
    source = SOURCES.load("jsonl")(root=str(_export(tmp_path, *_lines())))
    refs = list(source.list())
    assert [ref.path for ref in refs] == ["a.md", "b.md", "c/d.md"]
    assert refs == list(source.list())
    blobs = [source.read(ref) for ref in refs]
    assert [blob.data for blob in blobs] == [b"Text of a.md", b"Text of b.md", b"Text of c/d.md"]
    assert all(blob.sha256 == sha256_hex(blob.data) and len(blob.data) == blob.ref.size for blob in blobs)


def test_source_options_choose_and_change_the_fingerprint(tmp_path: Path) -> None:
    make, root = SOURCES.load("jsonl"), str(_export(tmp_path, *_lines()))
    options: list[dict[str, Any]] = [{}, {"include": ("*.md",)}, {"exclude": ("c/*",)}, {"max_bytes": 3}]
    prints = [make(root=root, **option).fingerprint for option in options]
    assert len(set(prints)) == len(prints)
    assert make(root=root).fingerprint == prints[0]
    assert [ref.path for ref in make(root=root, exclude=("c/*",)).list()] == ["a.md", "b.md"]


def test_source_gives_nothing_rather_than_a_part(tmp_path: Path) -> None:
    make = SOURCES.load("jsonl")
    assert list(make(root=str(_export(tmp_path))).list()) == []
    for bad in BAD_LINES:
        with pytest.raises(SourceUnavailable, match="line 4"):
            make(root=str(_export(tmp_path, *_lines(), bad))).list()
    with pytest.raises(SourceUnavailable):
        make(root=str(tmp_path / "nowhere")).list()
    with pytest.raises(ConfigurationError, match="twice"):
        make(root=str(_export(tmp_path, *_lines(), _lines()[0]))).list()


def test_source_reads_whole_or_fails(tmp_path: Path) -> None:
    make, path = SOURCES.load("jsonl"), _export(tmp_path, *_lines())
    [ref, *_] = make(root=str(path)).list()
    with pytest.raises(ParseError) as caught:
        make(root=str(path), max_bytes=5).read(ref)
    assert caught.value.code == "too_large"
    path.write_text("\n".join(reversed(_lines())))
    with pytest.raises(TornRead):
        make(root=str(path)).read(ref)
    path.unlink()
    with pytest.raises(SourceGone):
        make(root=str(path)).read(ref)


# Parser


def _blob(data: bytes, path: str = "a.vtt") -> RawBlob:
    ref = SourceRef(doc_id=path, uri=f"file:///{path}", path=path, size=len(data), modified_at=None)
    return RawBlob(ref=ref, data=data, sha256=sha256_hex(data))


def test_parser_is_deterministic_and_keeps_the_law_of_text() -> None:
    first, second = (PARSERS.load("vtt")().parse(_blob(VTT.encode()), "text/plain") for _ in range(2))
    assert first == second
    assert first.text == "Ann: Hello\n\nBen: Hi & bye"
    assert [block.span.of(first.text) for block in first.blocks] == first.text.split("\n\n")
    assert (first.title, first.parser, first.media_type) == ("Monday", "vtt/1", "text/plain")
    assert PARSERS.load("vtt")().fingerprint == PARSERS.load("vtt")().fingerprint != PARSERS.load("text")().fingerprint


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b" \n", "empty"), (b"Hello", "unparseable"), (b"WEBVTT\n\n", "empty")]
)
def test_parser_says_why_it_cannot_read(data: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(_blob(data), {"text/plain": "vtt"})
    assert caught.value.code == code


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(VTT)), st.binary(max_size=40), st.sampled_from([*HOSTILE, "<v " * 3000, "00:" * 3000]))
def test_parser_meets_damage_with_text_or_a_reason(place: int, patch: bytes, hostile: str) -> None:
    data = VTT.encode()[:place] + patch + hostile.encode("utf-8", "surrogatepass") + VTT.encode()[place:]
    with contextlib.suppress(ParseError):
        document = parse(_blob(data), {"text/plain": "vtt"})
        document.text.encode("utf-8")
        spans = [block.span for block in document.blocks]
        assert "\x00" not in document.text
        assert spans == sorted(spans)
        assert all(span.of(document.text).strip() for span in spans)


# Chunker


_words = st.lists(st.sampled_from([*"abc \n\t.#", "refund", "漢字", "é", "long" * 40, "\n\n", " "]), max_size=200).map(
    "".join
)


@settings(max_examples=150, deadline=None)
@given(_words | st.sampled_from([text for text in HOSTILE if "\ud800" not in text]), st.sampled_from([16, 40, 254]))
def test_chunker_covers_every_text_within_its_limit(text: str, most: int) -> None:
    chunker = CHUNKERS.load("lines")(max_tokens=most, overlap=0)
    pieces = chunker.chunk(text, ())
    assert pieces == chunker.chunk(text, ())
    spans = [piece.span for piece in pieces]
    assert spans == sorted(spans)
    assert count([span.of(text) for span in spans]) == [piece.token_count for piece in pieces]
    assert all(piece.token_count <= most for piece in pieces)
    covered = {place for span in spans for place in range(span.start, span.end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace())


def test_chunker_options_change_the_fingerprint_and_titles_are_kept() -> None:
    make = CHUNKERS.load("lines")
    assert make(max_tokens=254).fingerprint == make().fingerprint != make(max_tokens=100).fingerprint
    assert make().fingerprint != CHUNKERS.load("structural")().fingerprint
    with pytest.raises(ConfigurationError, match="overlap"):
        make(overlap=8)
    text = "# A\nx\n## B\ny"
    heads = ((0, 3, 1), (6, 10, 2))
    blocks = [Block(kind=BlockKind.HEADING, span=Span(start=s, end=e), level=level) for s, e, level in heads]
    titles = [make(max_tokens=16).chunk(text + "\n" + "word " * 20, blocks)[place].headings for place in (0, -1)]
    assert titles == [("A",), ("A", "B")]


# Scorer


def _document(text: str) -> ParsedDocument:
    return ParsedDocument(text=text, blocks=(), title="", media_type="text/plain", metadata={}, parser="text/1")


@pytest.mark.parametrize("text", HOSTILE)
def test_scorer_scores_every_text_alike(text: str) -> None:
    first, second = (SCORERS.load("sentences")().score(_document(text)) for _ in range(2))
    assert first == second
    assert 0.0 <= first.value <= 1.0
    assert all(0.0 <= part <= 1.0 for part in first.parts.values())
    assert (first.fatal == ("empty",)) == (not text.strip())


def test_scorer_options_change_the_fingerprint() -> None:
    make = SCORERS.load("sentences")
    assert make().fingerprint == make().fingerprint != make(most_words=20).fingerprint
    assert make().score(_document("Short. " * 10)).value == 1.0


# Detector


@pytest.mark.parametrize("text", HOSTILE)
def test_detector_never_raises_and_finds_nothing_in_nothing(text: str) -> None:
    detector = DETECTORS.load("house-mark")()
    data = text.encode("utf-8", "surrogatepass")
    assert detector.detect(_blob(data), _document(text)) == ()


def test_detector_findings_are_in_order_and_options_count() -> None:
    make = DETECTORS.load("house-mark")
    data = b"".join(b"<!-- generated-by: house-bot %d -->\ntext\n" % number for number in range(30))
    found = make().detect(_blob(data), _document("text"))
    assert found == make().detect(_blob(data), _document("text"))
    assert [finding.detail["when"] for finding in found] == [str(number) for number in range(20)]
    assert {(finding.origin, finding.basis, finding.level) for finding in found} == {
        (OriginKind.AI_GENERATED, Basis.DECLARED, "E3")
    }
    assert make(tool="other-bot").detect(_blob(data), _document("text")) == ()
    assert make(tool="house").detect(_blob(data), _document("text")) == ()
    prints = {make(**options).fingerprint for options in ({}, {"tool": "x"}, {"most": 1})}
    assert len(prints) == 3


# Embedder


def test_embedder_rows_are_unit_and_alike_in_any_order() -> None:
    embedder = load_embedder("character-grams")
    rows = embedder.embed(CANARY_TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(CANARY_TEXTS), embedder.dimension)
    assert rows.tobytes() == embedder.embed(CANARY_TEXTS).tobytes()
    assert compare(rows, embedder.embed(CANARY_TEXTS[::-1])[::-1]).passed(SAME_RUNTIME)
    hostile = embedder.embed(HOSTILE)
    np.testing.assert_allclose(np.linalg.norm(hostile, axis=1), 1.0, atol=1e-6)
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_embedder_options_change_the_fingerprint() -> None:
    family = type(EMBEDDERS.load("character-grams"))
    options: list[dict[str, int]] = [{}, {"dimension": 256}, {"shortest": 3}, {"longest": 5}]
    prints = {family(**option).describe("x").fingerprint for option in options}
    assert len(prints) == len(options)
    assert describe_embedder("character-grams").fingerprint in prints
    assert load_embedder("character-grams").runtime["backend"] == "numpy"


# What the pages say a contract can name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: local", "type: jsonl", "jsonl"),
        ("strategy: structural", "strategy: lines", "lines"),
        ("embeddingModel: all-MiniLM-L6-v2", "embeddingModel: character-grams", "character-grams"),
        (
            "  - property: ragGuards",
            "  - {property: ragParsers, value: {text/plain: vtt}}\n  - property: ragGuards",
            "vtt",
        ),
    ],
)
def test_a_contract_cannot_name_a_plug_in_yet(old: str, new: str, message: str) -> None:
    text = new_contract("handbook", root="./docs", owner="team")
    assert old in text
    with pytest.raises(ContractError, match=message):
        parse_contract(text.replace(old, new, 1), "handbook.odcs.yaml")
