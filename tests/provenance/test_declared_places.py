"""Declarations in the places that a parser does not read, and of whom they speak."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingestion_parts.makers import blob_of, docx_of, pdf_of
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from corpus.types import Basis, Finding, OriginKind, Scope
from ingestion.parsers.route import parse
from provenance.classify import verdict
from provenance.declarations import declarations
from provenance.detectors.declared import DeclaredDetector
from provenance.iptc import TERMS, source_type
from provenance.linked import statements

AI, ASSISTED, HUMAN, UNKNOWN = (
    OriginKind.AI_GENERATED,
    OriginKind.AI_ASSISTED,
    OriginKind.HUMAN,
    OriginKind.UNKNOWN,
)
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = IPTC + "trainedAlgorithmicMedia"
WORDS = "The pump moves forty litres of water a minute and stands behind the door."


def detect(data: bytes, path: str) -> tuple[Finding, ...]:
    blob = blob_of(data, path)
    return DeclaredDetector().detect(blob, parse(blob))


def page(body: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head><title>T</title>{head}</head><body>{body}</body></html>".encode()


@pytest.mark.parametrize("term", sorted(TERMS))
@pytest.mark.parametrize(
    "form",
    [
        "{term}", IPTC + "{term}", "https://cv.iptc.org/newscodes/digitalsourcetype/{term}/", IPTC + "#{term}",
        "digsrctype:{term}", " {term} ", "https://www.cv.iptc.org/newscodes/digitalsourcetype/{term}",
    ],
)  # fmt: skip
def test_every_term_is_read_in_every_spelling(term: str, form: str) -> None:
    assert source_type(form.format(term=term)) is TERMS[term]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("AI-generated", AI), ("ai assisted", ASSISTED), ("Human written", HUMAN), ("unknown", UNKNOWN),
        ("https://schema.org/TrainedAlgorithmicMediaDigitalSource", AI),
        ("banana", None), ("", None), ("https://evil.example/digitalCreation", None), ("dc:digitalCreation", None),
        ("digitalCreation or so", None), ("x" * 10_000, None),
    ],
)  # fmt: skip
def test_common_words_are_read_and_nonsense_is_not(value: str, said: OriginKind | None) -> None:
    assert source_type(value) is said


@given(st.text(max_size=400))
def test_no_value_makes_the_vocabulary_raise(value: str) -> None:
    assert source_type(value) in (None, AI, ASSISTED, HUMAN, UNKNOWN)


@pytest.mark.parametrize(
    ("key", "value", "code", "origin"),
    [
        ("ai-disclosure", "mode=ai-originated; model=gpt-4o; provider=OpenAI", "declared.ai_disclosure", AI),
        ("AI-Assisted", "yes", "declared.ai_assisted", ASSISTED),
        ("human-written", "true", "declared.human_written", HUMAN),
        ("ai-generated", "none", "declared.ai_generated", UNKNOWN),
        ("ai-generated", "all", "declared.ai_generated", AI),
        ("application", "ChatGPT", "declared.generator", AI),
        ("author", "ChatGPT", "declared.author", AI),
        ("author", "gpt-4o", "declared.author", AI),
        ("aigc", '{"Label": "1", "ContentProducer": "x"}', "declared.aigc", AI),
        ("digital_source_type", "banana", "declared.not_understood", UNKNOWN),
        ("ai-disclosure", "certainly", "declared.not_understood", UNKNOWN),
    ],
)
def test_names_and_values(key: str, value: str, code: str, origin: OriginKind) -> None:
    (found,) = declarations({key: value}, "metadata")
    assert (found.code, found.origin) == (code, origin)
    if code == "declared.not_understood":
        assert value in found.detail["problem"]
        assert "Valid" in found.detail["problem"]


def test_a_label_that_suspects_suspects() -> None:
    (found,) = declarations({"AIGC": '{"Label": "2"}'}, "XMP")
    assert (found.basis, verdict([found])[0].basis) == (Basis.SUSPECTED, Basis.SUSPECTED)


@pytest.mark.parametrize("name", ["Claude Monet", "Anne Openaire", "Gemini Ganesan", "The ChatGPT Research Group", ""])
def test_people_are_no_programs(name: str) -> None:
    assert declarations({"author": name}, "metadata") == ()


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        ({"@type": "Article", "digitalSourceType": TRAINED}, ["declared.digital_source_type"]),
        ({"@graph": [{"@type": "WebPage", "digitalSourceType": TRAINED}]}, ["declared.digital_source_type"]),
        ({"@type": "Article", "image": {"@type": "ImageObject", "digitalSourceType": TRAINED}}, ["declared.of_a_part"]),
        ({"@type": "ImageObject", "digitalSourceType": TRAINED}, ["declared.of_a_part"]),
        ({"@type": "Article", "hasPart": {"digitalSourceType": TRAINED}}, ["declared.of_a_part"]),
        ({"@type": "Article", "creativeWorkStatus": "AI-generated"}, ["declared.status"]),
        ({"@type": "Article", "creativeWorkStatus": "Published"}, []),
        ({"author": {"@type": "SoftwareApplication", "name": "ChatGPT"}}, ["declared.generator"]),
        ({"author": {"@type": "Person", "name": "ChatGPT"}}, []),
        ({"@type": "Article", "digitalSourceType": "banana"}, ["declared.not_understood"]),
    ],
)
def test_linked_data_speaks_of_the_page_or_of_a_part(data: dict[str, object], codes: list[str]) -> None:
    head = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    found = detect(page(f"<p>{WORDS}</p>", head), "a.html")
    assert [item.code for item in found] == codes
    expected = AI if codes and codes[0] not in ("declared.of_a_part", "declared.not_understood") else UNKNOWN
    assert verdict(found)[0].kind is expected


def test_linked_data_is_bounded() -> None:
    deep: object = {"digitalSourceType": TRAINED}
    for _ in range(200):
        deep = [deep]
    assert list(statements(deep)) == []
    start = time.process_time()
    list(statements([{"a": [{}] * 1000}] * 1000))
    assert time.process_time() - start < 5


def test_an_element_declares_about_its_passage() -> None:
    body = (
        f"<p>{WORDS}</p><aside ai-disclosure='ai-generated'><p>A summary that a program wrote of the page.</p></aside>"
    )
    blob = blob_of(page(body), "a.html")
    document = parse(blob)
    (found,) = DeclaredDetector().detect(blob, document)
    assert (found.scope, found.level, found.origin) == (Scope.PASSAGE, "E3", AI)
    assert found.span is not None
    assert found.span.of(document.text).startswith("A summary that a program wrote of the page")
    origin, ((_, passage),) = verdict([found])
    assert origin.kind is UNKNOWN
    assert (passage.kind, passage.basis) == (AI, Basis.DECLARED)


def test_an_attribute_on_the_whole_page_speaks_of_it() -> None:
    (found,) = detect(f"<html ai-disclosure='none'><body><p>{WORDS}</p></body></html>".encode(), "a.html")
    assert (found.scope, found.origin) == (Scope.DOCUMENT, HUMAN)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("https://schema.org/ImageObject", "declared.of_a_part"),
        ("https://schema.org/Article", "declared.digital_source_type"),
    ],
)  # fmt: skip
def test_microdata_speaks_of_what_it_stands_in(kind: str, code: str) -> None:
    body = (
        f"<div itemscope itemtype='{kind}'><meta itemprop='digitalSourceType' content='{TRAINED}'><p>{WORDS}</p></div>"
    )
    assert [item.code for item in detect(page(body), "a.html")] == [code]


XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Writer">{body}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
SOURCE_TYPE = f"<Iptc4xmpExt:DigitalSourceType>{TRAINED}</Iptc4xmpExt:DigitalSourceType>"


def with_xmp(own: str, picture: str = "", *, compressed: bool = False) -> bytes:
    """Returns a PDF with its own packet, and with one that belongs to a picture in it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of())))
    for body, owner in ((own, writer._root_object), (picture, writer.pages[0])):
        if not body:
            continue
        stream = DecodedStreamObject()
        stream.set_data(XMP.format(body=body).encode())
        packet = stream.flate_encode() if compressed else stream
        packet.update({NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")})
        owner[NameObject("/Metadata")] = writer._add_object(packet)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_the_packet_of_a_pdf_declares(compressed: bool) -> None:
    (found,) = detect(with_xmp(SOURCE_TYPE, compressed=compressed), "a.pdf")
    assert (found.code, found.origin, found.detail["place"]) == ("declared.digital_source_type", AI, "XMP")
    attribute = with_xmp("<xmp:CreatorTool>ChatGPT</xmp:CreatorTool>", compressed=compressed)
    assert [item.code for item in detect(attribute, "a.pdf")] == ["declared.generator"]


@pytest.mark.parametrize("compressed", [False, True])
def test_the_packet_of_a_picture_in_a_pdf_does_not(compressed: bool) -> None:
    assert detect(with_xmp("<xmp:Label>x</xmp:Label>", picture=SOURCE_TYPE, compressed=compressed), "a.pdf") == ()


def test_a_pdf_whose_packet_cannot_be_reached_is_told() -> None:
    blob = blob_of(with_xmp(SOURCE_TYPE), "a.pdf")
    document = parse(blob)
    torn = replace(blob, data=blob.data.replace(b"/Root", b"/Toor"))
    found = DeclaredDetector().detect(torn, document)
    assert [item.code for item in found] in (["declared.unreadable"], ["declared.digital_source_type"])


def test_custom_parts_and_properties_of_office_files_declare() -> None:
    out = io.BytesIO(docx_of())
    with zipfile.ZipFile(out, "a") as archive:
        part = f"<p:facts xmlns:p='urn:x'><p:digitalSourceType>{TRAINED}</p:digitalSourceType></p:facts>"
        archive.writestr("customXml/item9.xml", part)
    (found,) = detect(out.getvalue(), "a.docx")
    assert (found.origin, found.detail["place"]) == (AI, "customXml/item9.xml")


@pytest.mark.parametrize(("name", "value"), [("DigitalSourceType", TRAINED), ("AI-Generated", "true")])
def test_custom_properties_of_office_files_declare(name: str, value: str) -> None:
    custom = (
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="2" name="{name}">'
        f"<vt:lpwstr>{value}</vt:lpwstr></property></Properties>"
    )
    out = io.BytesIO(docx_of())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("docProps/custom.xml", custom)
    (found,) = detect(out.getvalue(), "a.docx")
    assert found.origin is AI


def test_headers_of_a_mail_declare() -> None:
    mail = f"From: a@b.de\nTo: c@d.de\nSubject: Pump\nAI-Disclosure: ai-assisted\n\n{WORDS}\nAI-Generated: true\n"
    (found,) = detect(mail.encode(), "a.eml")
    assert (found.origin, found.detail["place"]) == (ASSISTED, "mail header")


def test_kept_headers_point_to_a_manifest_elsewhere() -> None:
    kept = json.dumps({"Link": '<https://a.b/m.c2pa>; rel="c2pa-manifest"', "AI-Disclosure": "none", "X": "y"})
    found = declarations({"headers": kept}, "sidecar")
    assert [(item.code, item.basis) for item in found] == [
        ("declared.ai_disclosure", Basis.DECLARED), ("c2pa.elsewhere", Basis.NONE),
    ]  # fmt: skip
    assert found[1].detail["url"] == "https://a.b/m.c2pa"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "part", [b"/Subtype /XML stream\n", b"<p ai-disclosure='x'>", b"customXml/item1.xml", b"AI-Disclosure: \n"]
)
def test_hostile_bytes_are_read_in_linear_time(part: bytes) -> None:
    for kind in ("application/pdf", "message/rfc822"):
        blob = blob_of(part * (1_000_000 // len(part)), "a")
        document = replace(parse(blob_of(b"text", "a.txt")), media_type=kind)
        DeclaredDetector().detect(blob, document)
