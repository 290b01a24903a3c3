"""Hostile documents end in a decision, within limits; each is made here, small on disk."""

from __future__ import annotations

import time

import pytest
from ingestion_parts import bombs
from ingestion_parts.makers import blob_of, check_text_law, outcome_of
from laws.handbook import NAME, Project

from corpus.catalog import decisions
from corpus.errors import ParseError
from corpus.types import Outcome
from ingestion import media
from ingestion.inspect import Recipe
from ingestion.isolation import Limits, Workers
from ingestion.judge import judge_unparsed

RECIPE = Recipe(detectors=("declared", "residue"), repairs=("encoding", "control_characters"))
LIMITS = Limits(seconds=4, memory_mb=512, workers=1)
NESTED_TABLES = "<w:tbl><w:tr><w:tc>" * 3000 + "<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + "</w:tc></w:tr></w:tbl>" * 3000
SAY_Y = "<w:p><w:r><w:t>words &y;</w:t></w:r></w:p>"
SAY_X = "<w:p><w:r><w:t>words &x;</w:t></w:r></w:p>"

ARCHIVES = {
    "400 MB in a Word file": (lambda: bombs.word("<w:p><w:r><w:t>" + "a" * 400_000_000 + "</w:t></w:r></w:p>"), "docx"),
    "a million paragraphs": (lambda: bombs.word("<w:p><w:r><w:t>a b</w:t></w:r></w:p>" * 1_000_000), "docx"),
    "tables in tables": (lambda: bombs.word(NESTED_TABLES), "docx"),
    "entities in a Word file": (lambda: bombs.word(SAY_X.replace("&x;", "&a9;"), bombs.LAUGHS), "docx"),
    "a Word file's outside entity": (lambda: bombs.word(SAY_Y, bombs.OUTSIDE), "docx"),
    "600 MB in a workbook": (lambda: bombs.office("xl", 600_000_000), "xlsx"),
    "600 MB in slides": (lambda: bombs.office("ppt", 600_000_000), "pptx"),
    "600 MB in a book": (lambda: bombs.epub(600_000_000), "epub"),
    "zips in zips": (lambda: bombs.matryoshka(3), "docx"),
    "members that overlap": (lambda: bombs.overlapping(1000), "docx"),
    "a few members that overlap": (lambda: bombs.overlapping(10), "docx"),
    "a directory that lies": (bombs.lying, "docx"),
    "a zip inside itself": (bombs.itself, "docx"),
    "a million zip headers": (lambda: b"PK\x03\x04" * 1_000_000, "docx"),
    "headers with long names": (lambda: (b"PK\x03\x04" + b"\xff" * 30) * 30_000, "docx"),
}
MARKUP = {
    "a billion laughs": (bombs.LAUGHS + "<l>words &a9;</l>", "xml"),
    "laughs in an attribute": (bombs.LAUGHS + '<l a="&a9;">words</l>', "xml"),
    "laughs in a page": (bombs.LAUGHS + "<html><body>words &a9;</body></html>", "html"),
    "deep elements": ("<html>" + "<div>" * 100_000 + "deep", "html"),
    "deep tables": ("<html>" + "<table><tr><td>" * 100_000 + "deep", "html"),
    "deep XML": ("<a>" * 100_000 + "x" + "</a>" * 100_000, "xml"),
    "200,000 attributes": ("<html><p " + " ".join(f"a{n}=1" for n in range(200_000)) + ">x y</p>", "html"),
    "200,000 attributes in XML": ("<a " + " ".join(f'a{n}="1"' for n in range(200_000)) + ">x y</a>", "xml"),
    "a million elements": ("<a>" + "<b>x</b>" * 1_000_000 + "</a>", "xml"),
    "links that never close": ("<html>" + "<a href=http://x/>" * 100_000 + "words", "html"),
    "comments that never close": ("<!--" * 200_000 + "<html>", "html"),
    "a style without end": ('<html><p style="' + "display " * 300_000 + '">x y</p>', "html"),
    "deep JSON": ("[" * 500_000 + "]" * 500_000, "json"),
    "quotes in quotes": ("> " * 100_000 + "deep", "md"),
    "lists in lists": ("- " * 100_000 + "deep", "md"),
    "lists by indent": ("\n".join("  " * n + "- x" for n in range(1500)), "md"),
    "brackets": ("[" * 300_000, "md"),
    "references": ("".join(f"[a{n}]: <x>\n" for n in range(100_000)), "md"),
    "a table of columns": ("|" * 20_000 + "\n" + "|-" * 20_000 + "\n" + "|x" * 20_000, "md"),
    "backticks": (" ".join("`" * n for n in range(2000)), "md"),
    "front matter without end": ("---\n" * 500_000, "md"),
    "deep front matter": ("+++\na = " + "[" * 100_000 + "\n+++\nbody", "md"),
    "a long key": ("+++\n" + "a." * 20_000 + "b = 1\n+++\nbody", "md"),
    "underlines": ("=\n" * 200_000, "rst"),
    "titles": ("abc\n===\n" * 50_000, "rst"),
    "mail in mail": ("From: a@b.c\nTo: a@b.c\n" + "Content-Type: message/rfc822\n\n" * 3000 + "words", "eml"),
    "parts in parts": (
        "From: a@b.c\nTo: a@b.c\n"
        + "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(3000)),
        "eml",
    ),
}
PDFS = bombs.pdf_bombs()
LARGE = {
    "one line of 50 MB": (lambda: b"a" * 50_000_000, "txt"),
    "50 MB of words": (lambda: b"word and more " * 3_571_428, "txt"),
    "50 MB of words in a page": (lambda: b"<html><p>" + b"word and more " * 3_571_000, "html"),
    "50 MB of empty lines": (lambda: b"a" + b"\n" * 49_999_998 + b"b", "txt"),
    "broken UTF-16": (lambda: b"\xff\xfe" + b"\xd8" * 20_000_001, "txt"),
    "bytes of no encoding": (lambda: bytes(range(0x80, 0x100)) * 80_000, "txt"),
}


@pytest.fixture(scope="module")
def workers():
    opened = Workers(LIMITS)
    yield opened
    opened.close()


def ending(workers: Workers, data: bytes, path: str) -> str:
    """Inspects, checks what came out, and returns `text` or the reason code; nothing else may come."""
    started = time.monotonic()
    try:
        found = workers.inspect(RECIPE, blob_of(data, path))
    except ParseError as error:
        decision = judge_unparsed(error)
        assert decision.outcome is Outcome.REJECT
        assert decision.reasons[0].message
        code = error.code
    else:
        check_text_law(found.document)
        code = "text"
    assert time.monotonic() - started < 4 * LIMITS.seconds + 30
    return code


REASONS = {"text", "timeout", "memory", "unparseable", "too_large", "too_deep", "unsupported", "empty", "truncated",
           "no_text", "binary", "crash"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_end(workers, name):
    make, extension = ARCHIVES[name]
    data = make()
    assert len(data) < 5_000_000
    assert ending(workers, data, f"a.{extension}") in REASONS


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("600 MB in slides", "too_large"),
        ("600 MB in a book", "too_large"),
        ("members that overlap", "too_large"),
        ("600 MB in a workbook", "unsupported"),
        ("entities in a Word file", "unparseable"),
    ],
)
def test_an_archive_is_refused_for_the_right_reason(name, code):
    make, extension = ARCHIVES[name]
    assert outcome_of(blob_of(make(), f"a.{extension}")) == code


@pytest.mark.slow
@pytest.mark.parametrize("name", MARKUP)
def test_markup_ends(workers, name):
    source, extension = MARKUP[name]
    assert ending(workers, source.encode(), f"a.{extension}") in REASONS


@pytest.mark.slow
@pytest.mark.parametrize("name", PDFS)
def test_pdfs_end(workers, name):
    assert ending(workers, PDFS[name], "a.pdf") in REASONS


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_texts_end(workers, name):
    make, extension = LARGE[name]
    assert ending(workers, make(), f"a.{extension}") in REASONS


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (b"<html>" + b"<div>" * 1000 + b"deep", "a.html", "text"),
        (b"<html>" + b"<div>" * 5000 + b"deep", "a.html", "too_deep"),
        (b"<a>" * 1000 + b"deep" + b"</a>" * 1000, "a.xml", "text"),
        (b"<a>" * 5000 + b"deep" + b"</a>" * 5000, "a.xml", "too_deep"),
        (b"<html><p>" + b"word and more " * 1_000_000, "a.html", "text"),
        (b"<html><p>start</p>" + b"<b>" * 5000 + b"end", "a.html", "too_deep"),
    ],
)
def test_nothing_is_lost_in_silence(data, path, code):
    """lxml stops at some depth and length, and gives what it has: a part would pass for the whole."""
    assert outcome_of(blob_of(data, path)) == code


def test_sniffing_does_not_try_every_split_of_comments():
    started = time.process_time()
    assert media.sniff(b"<!-- x -->" * 1000 + b"<htm", "a").type == media.PLAIN
    assert time.process_time() - started < 1
    assert media.sniff(b"<!-- x -->" * 100 + b"<html>", "a").type == media.HTML


def test_no_outside_entity_is_read(workers):
    found = workers.inspect(RECIPE, blob_of((bombs.OUTSIDE + "<l>words &x;&y;</l>").encode(), "a.xml"))
    assert found.document.text == "words"


@pytest.mark.slow
def test_a_run_with_a_bomb_decides_about_it_and_admits_the_others(tmp_path):
    """200,000 attributes of one element take lxml seconds of work; the run has one second for a document."""
    project = Project.create(tmp_path / "project")
    project.settings = project.settings.model_copy(update={"inspect_seconds": 1.0})
    project.contract_path.write_text(project.contract_path.read_text().replace(".md", ".*"))
    good = "# Returns\n\n" + "Goods may be returned within thirty days of delivery, with the receipt. " * 4
    for name in ("first", "second", "third"):
        project.write(name, good.replace("Returns", name))
    source, extension = MARKUP["200,000 attributes"]
    (project.inbox / f"bomb.{extension}").write_text(source)
    receipt = project.ingest()
    assert (receipt.counts.received, receipt.counts.indexed, receipt.counts.rejected) == (4, 3, 1)
    with project.runtime.catalog.reading() as tx:
        [refused] = decisions.standing(tx, NAME, "reject")
    assert refused.doc_id == "bomb.html"
    assert refused.reasons[0]["code"] == "parse.timeout"
    assert "inspect_seconds" in refused.reasons[0]["message"]
