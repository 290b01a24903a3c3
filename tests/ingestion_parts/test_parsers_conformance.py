"""One behaviour suite for every parser, and for the way in to all of them."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingestion_parts.makers import (
    HTML,
    MARKDOWN,
    PAGE,
    RST,
    blob_of,
    check_text_law,
    docx_of,
    epub_of,
    locked_pdf,
    mail_of,
    odt_of,
    outcome_of,
    pdf_of,
)

from corpus.errors import ConfigurationError, ParseError
from ingestion import media
from ingestion.parsers import route
from ingestion.parsers.registry import DEFAULTS, PARSERS
from ingestion.parsers.route import fingerprint, parse, parser_for

SAMPLES = {
    "html": (HTML, "a.html", media.HTML),
    "markdown": (MARKDOWN, "a.md", media.MARKDOWN),
    "text": (RST, "a.rst", media.RST),
    "xml": (b"<feed><title>News</title><entry>Words</entry></feed>", "a.xml", media.XML),
    "pdf": (pdf_of(), "a.pdf", media.PDF),
    "unstructured": (docx_of(), "a.docx", media.DOCX),
    "odt": (odt_of(), "a.odt", media.ODT),
    "epub": (epub_of({"a.xhtml": PAGE}), "a.epub", media.EPUB),
}


def test_every_parser_has_a_sample():
    assert set(SAMPLES) == set(PARSERS.table)


@pytest.mark.parametrize("name", SAMPLES)
def test_parsing_is_deterministic_and_lawful(name):
    data, path, kind = SAMPLES[name]
    first, second = (PARSERS.load(name)().parse(blob_of(data, path), kind) for _ in range(2))
    assert first == second
    assert first.media_type == kind
    assert first.parser.startswith(f"{name}/")
    check_text_law(first)


@pytest.mark.parametrize("name", SAMPLES)
def test_fingerprints_differ_between_parsers_and_stay(name):
    prints = {other: PARSERS.load(other)().fingerprint for other in SAMPLES}
    assert PARSERS.load(name)().fingerprint == prints[name]
    assert len(set(prints.values())) == len(prints)


@pytest.mark.parametrize("path", ["a.html", "a.md", "a.txt", "a.rst", "a.xml", "a.csv", "a.eml"])
@pytest.mark.parametrize("data", [b" ", b"\n" * 1000, b"\xef\xbb\xbf", b"\t \r\n", "\ufeff  ".encode("utf-16-le")])
def test_white_space_is_empty(path, data):
    with pytest.raises(ParseError) as caught:
        parse(blob_of(data, path))
    assert caught.value.code == "empty"


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (b"", "a.pdf", "empty"),
        (locked_pdf(), "a.pdf", "encrypted"),
        (pdf_of()[:400], "a.pdf", "truncated"),
        (pdf_of()[: pdf_of().index(b"xref")], "a.pdf", "truncated"),
        (pdf_of(text=""), "a.pdf", "no_text"),
        (b"%PDF-1.7\nrubbish\n%%EOF", "a.pdf", "unparseable"),
        (docx_of()[:9000], "a.docx", "truncated"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "encrypted"),
        (bytes(range(256)) * 20, "a.txt", "binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.md", "unsupported"),
        (b"<html><head><title>only a title</title></head></html>", "a.html", "empty"),
        (b"<!-- only a comment -->", "a.html", "empty"),
    ],
)
def test_what_cannot_be_read_says_why(data, path, code):
    with pytest.raises(ParseError) as caught:
        parse(blob_of(data, path))
    assert caught.value.code == code
    assert str(caught.value).endswith(".")
    assert str(caught.value)[0].isupper()


def test_a_misnamed_file_is_read_for_what_it_is():
    document = parse(blob_of(HTML, "report.pdf"))
    assert document.media_type == media.HTML
    assert "misnamed:pdf" in document.notes


def test_overrides_choose_the_parser():
    document = parse(blob_of(HTML, "a.html"), {media.HTML: "unstructured"})
    assert document.parser == "unstructured/1"
    assert "Thirty" in document.text
    assert fingerprint({media.HTML: "unstructured"}) != fingerprint()
    with pytest.raises(ConfigurationError, match="Did you mean 'markdown'"):
        parser_for(media.HTML, {media.HTML: "markdow"})


def test_every_default_is_a_parser():
    assert set(DEFAULTS.values()) <= set(PARSERS.table)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(["a.html", "a.md", "a.txt", "a.rst", "a.xml", "a.pdf", "a.json", "a.docx", "a"]),
    st.sampled_from([b"", b"---\n", b"<html>", b"%PDF-1.4\n", b"<?xml version='1.0'?><a>", b"# x\n\n", b"\xff\xfe"]),
)
def test_nothing_but_parse_error_comes_out(data, path, start):
    assert outcome_of(blob_of(start + data, path))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(set(SAMPLES) - {"unstructured"})), st.data())
def test_damaged_samples_end_in_a_document_or_a_reason(name, data):
    sample, path, _ = SAMPLES[name]
    cut = data.draw(st.integers(0, len(sample)))
    patch = data.draw(st.binary(max_size=20))
    damaged = sample[:cut] + patch + sample[cut + len(patch) :]
    assert outcome_of(blob_of(damaged, path))


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"<div>" * 50_000 + b"deep", "a.html"),
        (b"<a>" * 50_000 + b"deep" + b"</a>" * 50_000, "a.xml"),
        (b"> " * 50_000 + b"deep", "a.md"),
        (b"- " * 20_000 + b"deep", "a.md"),
        (b"[" * 100_000, "a.md"),
        (b"[" * 100_000, "a.json"),
        (b"---\n" + b"[" * 100_000 + b"\n---\nbody", "a.md"),
        (b"---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\nbody", "a.md"),
        (b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y; words</a>', "a.xml"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x; words</a>', "a.xml"),
        (b"word " * 200_000, "a.html"),
        (b"=\n" * 50_000, "a.rst"),
    ],
)
def test_hostile_shapes_end(data, path):
    assert outcome_of(blob_of(data, path))


def test_no_entity_of_a_file_is_read():
    secret = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x; words</a>'
    assert parse(blob_of(secret, "a.xml")).text == "words"


@pytest.mark.parametrize(("library", "parser"), [("lxml", "html"), ("pypdfium2", "pdf")])
def test_another_version_of_a_parsing_library_is_another_parser(monkeypatch, library, parser):
    module = importlib.import_module(PARSERS.table[parser].partition(":")[0])
    before = PARSERS.load(parser)().fingerprint, fingerprint()
    true_version = module.version
    monkeypatch.setattr(module, "version", lambda name: "0.0.1" if name == library else true_version(name))
    assert PARSERS.load(parser)().fingerprint != before[0]
    assert fingerprint() != before[1]


def test_the_rules_of_sniffing_and_each_route_are_part_of_the_fingerprint(monkeypatch):
    found = {fingerprint(), *(fingerprint({kind: "unstructured"}) for kind in (media.HTML, media.MARKDOWN))}
    assert len(found) == 3
    assert fingerprint({media.HTML: "html"}) == fingerprint()
    monkeypatch.setattr(route, "RULES", route.RULES + 1)
    assert fingerprint() not in found


def test_fingerprint_loads_no_parsing_library():
    heavy = "lxml unstructured spacy pypdfium2 markdown_it torch charset_normalizer transformers"
    code = (
        "import sys\nfrom ingestion.parsers.route import fingerprint\n"
        f"print(fingerprint())\nprint([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [fingerprint(), "[]"]


def test_office_formats_open_no_connection():
    code = (
        "import sys\n"
        "calls = []\n"
        "sys.addaudithook(lambda event, args: calls.append(event) if event.startswith(('socket.connect', "
        "'socket.getaddrinfo', 'socket.gethostby', 'subprocess.Popen')) else None)\n"
        "from ingestion_parts.makers import blob_of, docx_of, mail_of\n"
        "from ingestion.parsers.route import parse\n"
        "print(len(parse(blob_of(docx_of(), 'a.docx')).blocks), len(parse(blob_of(mail_of(), 'a.eml')).blocks))\n"
        "print(calls)"
    )
    folder = __file__.rsplit("/", 2)[0]
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{folder}/..:{folder}"},
    )
    counts, calls = ran.stdout.splitlines()[-2:]
    assert all(int(count) for count in counts.split())
    assert calls == "[]"


def test_mail_is_read_with_its_headers():
    document = parse(blob_of(mail_of(), "a.eml"))
    assert document.metadata["subject"] == "Refund window"
    assert document.title == "Refund window"
    assert "thirty days" in document.text


def test_word_file_keeps_structure_and_properties():
    document = parse(blob_of(docx_of(), "a.docx"))
    kinds = [block.kind.value for block in document.blocks]
    assert kinds == ["heading", "paragraph", "list", "table"]
    assert document.title == "Leave policy"
    assert document.metadata["author"] == "People team"
    assert any(note.startswith("model:") for note in document.notes)
