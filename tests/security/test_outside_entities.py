"""No parser reads a file, a page or a hundred copies that a document asks for, in text, metadata or evidence."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ingestion_parts import bombs
from ingestion_parts.makers import OFFICE, blob_of, epub_of, odt_of

from corpus.errors import ParseError
from ingestion.inspect import Recipe, inspect
from ingestion.toolkit import DETECTORS

RECIPE = Recipe(detectors=DETECTORS, repairs=("encoding", "control_characters"))
CANARY = "CANARY-OF-A-FILE-OUTSIDE-4711"
WORDS = "Goods may be returned within thirty days of delivery, with the receipt."
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, list[str]]]:
    """A file and a page that hold the canary, and the paths that the page's server was asked for."""
    path = tmp_path_factory.mktemp("outside") / "canary.txt"
    path.write_text(CANARY)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CANARY.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield path, f"http://127.0.0.1:{server.server_address[1]}/canary", asked
    server.shutdown()
    server.server_close()


def _head(path: Path, url: str, root: str = "r") -> str:
    entities = f'<!ENTITY f SYSTEM "{path.as_uri()}"><!ENTITY h SYSTEM "{url}"><!ENTITY % p SYSTEM "{url}?p"> %p;'
    return f'<!DOCTYPE {root} SYSTEM "{url}?dtd" [{entities}]>'


def _zip(parts: dict[str, str | bytes], first: tuple[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if first:
            archive.writestr(*first)
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def _core(head: str) -> str:
    return f"{head}<cp:coreProperties {_DC}><dc:title>&f;&h;</dc:title><dc:creator>&f;</dc:creator></cp:coreProperties>"


def _pptx(head: str) -> bytes:
    import pptx  # noqa: PLC0415

    made = pptx.Presentation()
    made.slides.add_slide(made.slide_layouts[0]).shapes.title.text = WORDS
    out = io.BytesIO()
    made.save(out)
    with zipfile.ZipFile(out) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    whole = parts["ppt/slides/slide1.xml"].decode()  # type: ignore[union-attr]
    whole = whole.split("?>", 1)[1].replace(WORDS, f"{WORDS} &f;&h;")
    return _zip({**parts, "ppt/slides/slide1.xml": head + whole, "docProps/core.xml": _core(head)})


def documents(path: Path, url: str) -> dict[str, bytes]:
    head = _head(path, url)
    body = f"<w:p><w:r><w:t>{WORDS} &f;&h;</w:t></w:r></w:p>"
    custom = f'{head}<c><digitalSourceType a="&f;">&f;&h;</digitalSourceType></c>'
    svg = f'{head}<svg xmlns="http://www.w3.org/2000/svg"><text>{WORDS} &f;&h;</text><image href="{url}?svg"/></svg>'
    page = f'<p>{WORDS} &f;&h;</p><img src="{url}?i"><iframe src="{path.as_uri()}"></iframe>'
    page += f'<link rel=stylesheet href="{url}?c">'
    include = (
        f'<r xmlns:xi="http://www.w3.org/2001/XInclude">{WORDS}<xi:include href="{path.as_uri()}" parse="text"/></r>'
    )
    stated = f"{head}<office:document-meta {OFFICE}><office:meta>&f;&h;</office:meta></office:document-meta>"
    packet = f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/"><DigitalSourceType>&f;</DigitalSourceType></x:xmpmeta>'
    return {
        "a.xml": f"{head}<r>{WORDS} &f;&h;</r>".encode(),
        "b.xml": include.encode(),
        "a.svg": svg.encode(),
        "a.html": f"{_head(path, url, 'html')}<html><body>{page}</body></html>".encode(),
        "a.md": f"# A\n\n{WORDS} &f;\n\n![i]({url}?m) <img src='{url}?n'>\n".encode(),
        "a.rst": f"A\n=\n\n{WORDS}\n\n.. include:: {path}\n\n.. raw:: html\n   :url: {url}?r\n".encode(),
        "a.docx": bombs.docx_with(
            {
                "word/document.xml": f'{head}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>',
                "docProps/core.xml": _core(head),
                "customXml/item1.xml": custom,
            }
        ),
        "a.pptx": _pptx(head),
        "a.xlsx": _zip(
            {"[Content_Types].xml": "<Types/>", "xl/sharedStrings.xml": f"{head}<sst><si><t>&f;</t></si></sst>"}
        ),
        "a.odt": odt_of(f"<text:p>{WORDS} &f;&h;</text:p>", head, **{"meta.xml": stated}),
        "a.epub": epub_of({"a.xhtml": f"<p>{WORDS} &f;&h;</p><img src='{url}?e'/>"}, head, "Returns &f;&h;"),
        "a.pdf": bombs.pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 6 0 R >>",
                2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                3: bombs.page(),
                4: bombs.stream(b"BT /F1 12 Tf 72 720 Td (Words of a page.) Tj ET"),
                5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
                6: bombs.stream(packet.encode(), b"/Type /Metadata /Subtype /XML"),
            }
        ),
    }


NAMES = tuple(documents(Path("/nowhere"), "http://127.0.0.1:9/"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_is_read(outside: tuple[Path, str, list[str]], name: str) -> None:
    path, url, asked = outside
    data = documents(path, url)[name]
    asked.clear()
    try:
        found = inspect(RECIPE, blob_of(data, name))
    except ParseError as error:
        said = str(error)
        assert name in ("a.xlsx", "a.svg", "a.docx", "a.pptx"), f"{name} should be read: {said}"
    else:
        said = json.dumps(asdict(found), default=str)
        assert WORDS.split(",", maxsplit=1)[0] in said or name == "a.pdf"
    assert CANARY not in said
    assert asked == []


@pytest.mark.parametrize("name", ["a.xml", "a.svg", "a.html"])
def test_a_billion_laughs_stay_few(name: str) -> None:
    data = f"{bombs.LAUGHS}<l><text>{WORDS} &a9;</text></l>".encode()
    try:
        found = inspect(RECIPE, blob_of(data, name))
    except ParseError:
        return
    assert len(found.document.text) < 10_000


def test_members_of_an_archive_are_read_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that climb, absolute names, links and devices: nothing is unpacked to a disk."""
    monkeypatch.chdir(tmp_path)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    link = zipfile.ZipInfo("word/link.xml")
    link.external_attr = 0o120777 << 16
    data = bombs.docx_with({"../../climbs.txt": "x", "/absolute.txt": "x", "word/../../up.txt": "x"})
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(link, "/etc/passwd")
        for number in range(5_000):
            archive.writestr(f"word/media/{number}.bin", b"")
    before = set(tmp_path.rglob("*"))
    found = inspect(RECIPE, blob_of(out.getvalue(), "a.docx"))
    assert "root:" not in json.dumps(asdict(found), default=str)
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/absolute.txt").exists()


@pytest.mark.parametrize(
    "data",
    [
        odt_of(f"<text:p>{WORDS} &a9;</text:p>", bombs.LAUGHS),
        odt_of(f"<text:p text:style-name='&a9;'>{WORDS}</text:p>", bombs.LAUGHS),
        epub_of({"a.xhtml": f"<p title='&a9;'>{WORDS} &a9;</p>"}, bombs.LAUGHS, "&a9;"),
    ],
    ids=("text", "attribute of a text", "book"),
)
def test_a_billion_laughs_in_a_text_or_a_book_end(data: bytes) -> None:
    began = time.monotonic()
    try:
        found = inspect(RECIPE, blob_of(data, "a.epub" if b"epub" in data[:60] else "a.odt"))
    except ParseError as error:
        said = error.code
    else:
        said = found.document.text
    assert said == "too_deep" or (WORDS in said and len(said) < 10_000)
    assert time.monotonic() - began < 30
