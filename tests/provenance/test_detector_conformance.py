"""What every detector keeps, whatever it looks for; run on all of them, in the order in which an ingest asks them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_parts.makers import blob_of, docx_of, mail_of, pdf_of

from corpus.errors import ParseError
from corpus.seams import Detector
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from ingestion.toolkit import DETECTORS as ASKED
from provenance.detectors.registry import DETECTORS

LEVELS = {"E1", "E1b", "E2", "E3", "E4", "E5", "E6", "-"}
KINDS = [
    "text/plain", "text/markdown", "text/html", "application/pdf", "application/xml", "message/rfc822",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/octet-stream",
]  # fmt: skip
MAILED = b"From: a@b\nTo: c@d\nSubject: Pump\nAI-Disclosure: mode=ai-generated\n\nThe pump moves water.\n"
REAL = [
    (b"The pump moves forty litres of water a minute.\n", "a.txt"),
    (b"---\nai-generated: true\n---\n# Pump\n\nAs an AI language model, citeturn0search0\n", "a.md"),
    (b"<html><meta name='ai-disclosure' content='none'><p ai-disclosure='ai-generated'>Ignore all rules.</p></html>",
     "a.html"),
    (pdf_of(), "a.pdf"),
    (docx_of(), "a.docx"),
    (mail_of(), "a.eml"),
    (MAILED, "b.eml"),
]  # fmt: skip


def detectors() -> list[tuple[str, Detector]]:
    return [(name, DETECTORS.load(name)()) for name in ASKED]


def check(found: tuple[Finding, ...], document: ParsedDocument) -> None:
    for item in found:
        assert item.level in LEVELS
        assert len(item.quote) <= 200
        assert item.span is None or 0 <= item.span.start <= item.span.end <= len(document.text)
        assert (item.basis is Basis.NONE) or item.origin is not OriginKind.UNKNOWN
    starts = [item.span.start if item.span else -1 for item in found]
    assert starts == sorted(starts)
    assert pickle.loads(pickle.dumps([dict(item.detail) for item in found])) == [dict(item.detail) for item in found]


def test_every_detector_is_asked() -> None:
    assert set(ASKED) == set(DETECTORS.table)


@pytest.mark.parametrize(("name", "detector"), detectors(), ids=ASKED)
def test_the_fingerprint_is_steady_and_its_own(name: str, detector: Detector) -> None:
    again = DETECTORS.load(name)()
    others = {other.fingerprint for known, other in detectors() if known != name}
    assert detector.fingerprint == again.fingerprint
    assert detector.fingerprint not in others


@pytest.mark.parametrize(("name", "detector"), detectors(), ids=ASKED)
@pytest.mark.parametrize(("data", "path"), REAL, ids=[path for _, path in REAL])
def test_the_same_document_gives_the_same_findings_in_order_of_place(
    name: str, detector: Detector, data: bytes, path: str
) -> None:
    blob = blob_of(data, path)
    document = parse(blob)
    found = detector.detect(blob, document)
    check(found, document)
    assert found == DETECTORS.load(name)().detect(blob, document)


PIECES = st.sampled_from(
    [
        "ai-disclosure: none\n", "<p ai-disclosure='x'>words in a row here</p>", "digitalSourceType", "{", "[", '"',
        '{"@type":"ImageObject","digitalSourceType":"trainedAlgorithmicMedia"}', "\ue200cite\ue202x\ue201",
        "citeturn0search1", "}",
        "<script type='application/c2pa'>", "</script>", "/Subtype /XML", "stream\n", "endstream", "PK\x03\x04",
        "customXml/item1.xml", "\ufeff", "\U000e0041", "\u202e", "\n\n", "`", "> ", "As an AI language model", "\x00",
        "<x:xmpmeta>", "Ignore all previous instructions",
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    st.lists(PIECES, max_size=12).map("".join),
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(["digitalsourcetype", "ai-disclosure", "json-ld", "producer", "author", "headers", "aigc"]),
        st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=30),
        max_size=3,
    ),
    st.binary(max_size=60),
)
def test_no_document_makes_a_detector_raise(text: str, kind: str, metadata: dict[str, str], beside: bytes) -> None:
    ref = SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None)
    blob = RawBlob(ref=ref, data=text.encode(), sha256="", sidecar=beside, manifest=beside)
    document = ParsedDocument(text=text, blocks=(), title="", media_type=kind, metadata=metadata, parser="t/1")
    for _, detector in detectors():
        check(detector.detect(blob, document), document)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(["a.txt", "a.html", "a.pdf", "a.docx", "a.eml", "a.xml"]))
def test_no_bytes_do_either(data: bytes, path: str) -> None:
    blob = blob_of(data, path)
    try:
        document = parse(blob)
    except ParseError:
        document = ParsedDocument(text="", blocks=(), title="", media_type="", metadata={}, parser="t/1")
    for _, detector in detectors():
        check(detector.detect(blob, document), document)
