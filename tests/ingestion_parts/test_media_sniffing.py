from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingestion_parts.makers import HTML, docx_of, mail_of, pdf_of

from ingestion import media


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


@pytest.mark.parametrize(
    ("data", "name", "kind", "notes"),
    [
        (b"", "a.md", media.EMPTY_FILE, ()),
        (b"plain words", "a.txt", media.PLAIN, ()),
        (b"plain words", "README", media.PLAIN, ()),
        (b"# words", "deep/a.MD", media.MARKDOWN, ()),
        (HTML, "a.html", media.HTML, ()),
        (HTML, "a.pdf", media.HTML, ("misnamed:pdf",)),
        (HTML, "a.txt", media.HTML, ("misnamed:txt",)),
        (b"<p>Ten things about <b>html</b>", "a.md", media.MARKDOWN, ()),
        ("\ufeff<!DOCTYPE html><p>x".encode("utf-16-le"), "a.html", media.HTML, ()),
        (b"words of a text", "a.pdf", media.PLAIN, ("misnamed:pdf",)),
        (b"BM is how this text begins", "a.txt", media.PLAIN, ()),
        (pdf_of(), "a.pdf", media.PDF, ()),
        (pdf_of(), "a.txt", media.PDF, ("misnamed:txt",)),
        (b"\x00\x01junk\x00" + pdf_of(), "a.pdf", media.PDF, ()),
        (docx_of(), "a.docx", media.DOCX, ()),
        (docx_of(), "a.pptx", media.DOCX, ("misnamed:pptx",)),
        (docx_of()[:9000], "a.docx", media.DOCX, ()),
        (_zip(xl__workbook=b"<x/>"), "a.xlsx", media.XLSX, ()),
        (_zip(mimetype=b"application/vnd.oasis.opendocument.text"), "a.odt", media.ODT, ()),
        (_zip(a=b"1"), "a.zip", media.ZIP, ()),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", media.ENCRYPTED_OFFICE, ()),
        (OLE + "__substg1.0_".encode("utf-16-le"), "a.msg", media.MSG, ()),
        (OLE, "a.doc", media.OLE, ("misnamed:doc",)),
        (mail_of(), "a.eml", media.EMAIL, ()),
        (b"just words", "a.eml", media.PLAIN, ("misnamed:eml",)),
        (rb"{\rtf1 words}", "a.rtf", media.RTF, ()),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a.md", "image/png", ("misnamed:md",)),
        (bytes(range(256)) * 8, "a.txt", media.BINARY, ("misnamed:txt",)),
        (b"<?xml version='1.0'?><feed/>", "feed", media.XML, ()),
    ],
)
def test_bytes_win_over_the_name(data, name, kind, notes):
    found = media.sniff(data, name)
    assert (found.type, found.notes) == (kind, notes)


@given(
    st.binary(max_size=400), st.sampled_from(["", "\x89PNG", "PK\x03\x04", "%PDF-", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
)
def test_any_bytes_have_a_type(data, start):
    assert "/" in media.sniff(start.encode("latin-1") + data, "a.txt").type


def test_utf16_without_a_mark_is_text():
    assert media.sniff("Some words in it".encode("utf-16-be"), "a.txt").type == media.PLAIN
