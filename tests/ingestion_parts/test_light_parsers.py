from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingestion_parts.makers import HTML, MARKDOWN, RST, blob_of, pdf_of

from corpus.errors import ParseError
from corpus.types import BlockKind
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import Layout, tidy
from ingestion.parsers.offline_nlp import tag_of
from ingestion.parsers.route import parse


def _blocks(document):
    return [(block.kind.value, block.level, block.span.of(document.text)) for block in document.blocks]


def test_html_gives_what_a_reader_sees():
    document = parse(blob_of(HTML, "a.html"))
    assert _blocks(document) == [
        ("heading", 1, "Refunds"),
        ("paragraph", 0, "Thirty days,\nno questions."),
        ("list", 0, "- Keep the receipt"),
        ("list", 0, "- Bring it here"),
        ("code", 0, "def f():\n    return 1"),
        ("table", 0, "Grade | Days\nA | 30"),
    ]
    for unseen in ("secret", "Home", "var x", "Imprint"):
        assert unseen not in document.text
    assert "hidden_left_out" in document.notes


def test_html_metadata():
    document = parse(blob_of(HTML, "a.html"))
    assert document.title == "Refund policy"
    assert document.metadata["owner"] == "support-content"
    assert document.metadata["article:modified_time"] == "2024-02-03"
    assert document.metadata["lang"] == "en"
    assert json.loads(document.metadata["json-ld"]) == [{"@type": "Article", "author": "A"}]
    assert document.links == ("https://example.com/?utm_source=chatgpt.com",)


def test_a_page_of_navigation_only_is_read_whole():
    document = parse(blob_of(b"<html><body><nav>Home and about us</nav></body></html>", "a.html"))
    assert document.text == "Home and about us"
    assert "kept_navigation" in document.notes


def test_inline_elements_do_not_break_words():
    document = parse(blob_of(b"<p>un<b>break</b>able <i>word</i>s</p><div>a<p>b</p>c</div>", "a.html"))
    assert document.text == "unbreakable words\n\na\n\nb\n\nc"


def test_markdown_text_is_the_body():
    document = parse(blob_of(MARKDOWN, "a.md"))
    assert document.text == MARKDOWN.decode().split("---\n", 2)[2]
    assert document.metadata == {"title": "Refund policy", "owner": "support-content", "version": "1.10"}
    assert _blocks(document) == [
        ("heading", 1, "# Refunds"),
        ("paragraph", 0, "Thirty days."),
        ("list", 0, "- keep the receipt"),
        ("list", 0, "- bring it"),
        ("code", 0, "```python\nx = 1\n\ny = 2\n```"),
        ("table", 0, "| a | b |\n|---|---|\n| 1 | 2 |"),
    ]


def test_broken_front_matter_stays_in_the_text():
    document = parse(blob_of(b"---\n{ : [\n---\nbody", "a.md"))
    assert document.text.startswith("---")
    assert "front_matter_invalid" in document.notes


def test_markdown_title_without_its_marks():
    assert parse(blob_of(b"# The **big** [plan](http://x)\n\ntext", "a.md")).title == "The big plan"
    assert parse(blob_of(b"Title\n=====\n\ntext", "a.md")).blocks[0].level == 1


def test_rst_headings_code_and_fields():
    document = parse(blob_of(RST, "a.rst"))
    assert _blocks(document) == [
        ("paragraph", 0, ":owner: docs team"),
        ("heading", 1, "=======\nLibrary\n======="),
        ("paragraph", 0, "Some words::"),
        ("code", 0, "    code here"),
        ("heading", 2, "Part one\n--------"),
        ("list", 0, "* first\n* second"),
    ]
    assert document.title == "Library"
    assert document.metadata == {"owner": "docs team"}


def test_pdf_text_and_info():
    document = parse(blob_of(pdf_of(), "a.pdf"))
    assert document.text == "The refund window is 30 days."
    assert document.title == "Refunds"
    assert document.metadata["producer"] == "hand"
    assert document.metadata["modified"] == "2024-02-03T04:05:06+01:00"
    assert document.notes == ("pages:1",)


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        ("naïve".encode(), "naïve", ()),
        ("naïve".encode("utf-8-sig"), "naïve", ()),
        ("naïve text".encode("utf-16"), "naïve text", ()),
        ("naive text".encode("utf-16-le"), "naive text", ("decoded:utf-16-le",)),
        ("naïve".encode("utf-32"), "naïve", ()),
        (b"a\r\nb\rc", "a\nb\nc", ()),
        ("Grüße aus München, schöne Straße, für Übergänge und Größe".encode("cp1252"),
         "Grüße aus München, schöne Straße, für Übergänge und Größe", ("decoded:cp1252",)),
        ("Größe Straße Übung ".encode() * 9 + b"\xff end", "Größe Straße Übung " * 9 + "\ufffd end",
         ("decoded_with_loss:utf-8",)),
    ],
)  # fmt: skip
def test_encodings_without_a_declaration(data, text, notes):
    assert decode(data) == (text, notes)


@pytest.mark.parametrize(
    ("head", "encoding", "notes"),
    [
        ('<meta charset="windows-1251">', "cp1251", ()),
        ("<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>", "cp932", ()),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "cp1252", ()),
        ('<meta charset="utf-16">', "utf-8", ()),
        ('<meta charset="no-such-thing">', "utf-8", ("charset_lied:no-such-thing",)),
        ('<meta charset="zlib_codec">', "utf-8", ("charset_lied:zlib_codec",)),
    ],
)
def test_declared_charsets_count_in_markup(head, encoding, notes):
    words = {"cp1251": "Привет", "cp932": "日本語", "cp1252": "naïve", "utf-8": "naïve"}[encoding]
    assert decode((head + words).encode(encoding), markup=True) == (head + words, notes)


def test_binary_is_no_text():
    with pytest.raises(ParseError) as caught:
        decode(bytes(range(256)) * 10)
    assert caught.value.code == "binary"


@given(st.text() | st.text(alphabet="\r\n\x00\ud800\udfff a"))
def test_text_law(text):
    tidied = tidy(text)
    tidied.encode("utf-8")
    assert "\r" not in tidied
    assert "\x00" not in tidied
    assert tidy(tidied) == tidied


@given(st.lists(st.tuples(st.sampled_from(["heading", "paragraph", "list", "code", "table"]), st.text())))
def test_layout_is_consistent(parts):
    layout = Layout()
    for kind, text in parts:
        layout.add(BlockKind(kind), text)
    covered = "".join(block.span.of(layout.text) for block in layout.blocks)
    assert "".join(covered.split()) == "".join(layout.text.split())
    assert all(block.span.of(layout.text).strip() for block in layout.blocks)


def test_verbs_are_told_by_rule():
    assert [tag_of(word) for word in ("is", "running", "Policy", "red")] == ["VB", "VBG", "NN", "NN"]
