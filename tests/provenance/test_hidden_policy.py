import time
import zipfile
from io import BytesIO

import pytest
from provenance_parts import hidden_fixtures as made

from corpus.types import Finding, ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.detectors.hidden import HiddenDetector
from provenance.detectors.registry import DETECTORS

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FACT = made.FACT


def blob_of(data: bytes, path: str) -> RawBlob:
    ref = SourceRef(doc_id=path, uri=f"file:///{path}", path=path, size=len(data), modified_at=None)
    return RawBlob(ref=ref, data=data, sha256="")


def look(data: bytes, path: str = "page.html") -> list[Finding]:
    blob = blob_of(data, path)
    return [each for each in HiddenDetector().detect(blob, parse(blob)) if each.code.startswith("hidden.")]


def look_raw(data: bytes, media_type: str, text: str) -> tuple[Finding, ...]:
    document = ParsedDocument(text=text, blocks=(), title="", media_type=media_type, metadata={}, parser="test/1")
    return HiddenDetector().detect(blob_of(data, "a"), document)


def test_the_detector_is_registered() -> None:
    assert DETECTORS.load("hidden") is HiddenDetector
    assert HiddenDetector(most=5).fingerprint != HiddenDetector().fingerprint == HiddenDetector().fingerprint


STORE = b"\x00\x00\x00\x18jumb\x00\x00\x00\x10jumdc2pa\x00\x11\x00\x10"
"""The smallest box that says it is a C2PA manifest store (ISO 19566-5)."""


@pytest.mark.parametrize(
    "text",
    [
        "The flag of England \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f hangs here.",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 and a heart \u2764\ufe0f and 1\ufe0f\u20e3 2\ufe0f\u20e3 3\ufe0f\u20e3.",  # noqa: E501
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627 \u0631\u0627 \u0628\u062e\u0648\u0627\u0646\u0645",  # noqa: E501
        "Die Donau\u00addampf\u00adschiff\u00adfahrts\u00adgesell\u00adschaft und die Bundes\u00adregierung ver\u00adhandeln heute.",  # noqa: E501
        "The value of \u0394t is 5 \u03bcm, k\u03a9 and \u03b1-helix; \u03b2Carotene and na\u00efve caf\u00e9.",
        "\u041f\u0440\u0438\u0432\u0435\u0442, Python-\u0441\u043a\u0440\u0438\u043f\u0442 \u0438 USB-\u043f\u043e\u0440\u0442 \u043d\u0430 iPhone.",  # noqa: E501
        "\u05e9\u05dc\u05d5\u05dd \u200fHTML 5\u200e \u05e2\u05d5\u05dc\u05dd \u2067abc\u2069.",
        "one stray\u200bspace from a web page and \ufeffa mark",
        "\uf0b7 A point of a list \uf0b7 Another point",
        "A signed text." + "\ufeff" + made.selectors(b"C2PATXT\x00\x01\x00\x00\x00\x18" + STORE),
    ],
)
def test_characters_that_honest_texts_need_are_let_be(text: str) -> None:
    assert look(f"{made.INTRO}\n\n{text}\n".encode(), "a.txt") == []


@pytest.mark.parametrize(
    ("block", "css"),
    [
        (
            "<nav class='m'><a href='/'>Home</a> <a href='/b'>About the company and its people</a></nav>",
            ".m{display:none}",
        ),
        ("<a class='sr' href='#main'>Skip to main content</a>", ".sr{position:absolute;left:-9999px}"),
        ("<img src='a.png' alt='A blue pump stands on a wooden table beside a window.'>", ""),
        (f"<details><summary>More</summary><p>{FACT}</p></details>", ""),
        (f"<p class='n'>{FACT}</p>", "@media print{.n{display:none}}"),
        (f"<p class='n'>{FACT}</p>", "@media (max-width:600px){.n{display:none}}"),
        (f"<p class='n'>{FACT}</p>", ".n:hover{display:none}.n::before{display:none}"),
        (f"<p class='n' id='x'>{FACT}</p>", ".n{display:none}#x{display:block}"),
        (f"<p class='n'>{FACT}</p>", ".n{display:none}.n{display:block}"),
        (f"<div class='n'><p class='v'>{FACT}</p></div>", ".n{visibility:hidden}.v{visibility:visible}"),
        (f"<div class='n'><p class='v'>{FACT}</p></div>", ".n{font-size:0}.v{font-size:16px}"),
        (f"<div class='n'><p>{FACT}</p></div>", ".n{color:#fff;background:#024}"),
        (f"<div class='n'><p>{FACT}</p></div>", ".n{color:#fff;background:url(a.png)}"),
        (f"<p style='display:none'>{FACT}</p><p>{FACT}</p>", ""),
        (f"<p class='n'>{FACT}</p><p>{FACT}</p><style>.x{{color:red}}</style>", ".y{display:none}"),
    ],
)
def test_what_a_person_sees_or_opens_is_let_be(block: str, css: str) -> None:
    assert look(made.page(block, css)) == []


def test_a_page_with_scripts_may_hide_its_interface_but_no_statement() -> None:
    script = "<script>document.body.onclick = open</script>"
    notice = "<div class='n'>This feature is not available at the moment.</div>"
    assert look(made.page(script + notice, ".n{display:none}")) == []
    assert look(made.page(script + f"<form class='n'>{FACT} {FACT}<input></form>", ".n{display:none}")) == []
    long = FACT.rstrip(".") + " and no dealer in the whole country will repair or replace it."
    assert [each.code for each in look(made.page(f"{script}<p class='n'>{long}</p>", ".n{display:none}"))] == [
        "hidden.display"
    ]
    told = made.page(f"{script}<p class='n'>{made.INSTRUCTION}</p>", ".n{display:none}")
    assert [each.code for each in look(told)] == ["hidden.display"]


def test_a_curtain_that_a_script_draws_hides_nothing() -> None:
    page = made.page(f"<p>{FACT}</p><script>show()</script>", "body{opacity:0}")
    assert look(page) == []
    assert len(look(page.replace(b"<script>show()</script>", b""))) == 1


def test_of_two_occurrences_the_hidden_one_is_marked() -> None:
    blob = blob_of(made.page(f"<p>{FACT}</p><p class='n'>{FACT}</p>", ".n{font-size:0}"), "page.html")
    document = parse(blob)
    (found,) = HiddenDetector().detect(blob, document)
    assert found.span is not None
    assert found.span.start == document.text.rindex(FACT)


def test_a_scan_with_its_recognised_text_is_told_but_not_flagged() -> None:
    content = "q 612 0 0 792 0 0 cm /Im1 Do Q\n" + made.line(FACT, 400, "3 Tr", size=14)
    blob = blob_of(made.pdf(content, objects=(made.SCANNED,)), "scan.pdf")
    assert [each.code for each in HiddenDetector().detect(blob, parse(blob))] == ["visibility.ocr_layer"]


def test_visible_light_and_small_print_is_let_be() -> None:
    content = (
        made.line(FACT, 600, "0.6 0.6 0.6 rg", size=5)
        + "0 0 0.4 rg 30 490 560 24 re f\n"
        + made.line(made.INSTRUCTION, 500, "1 1 1 rg")
        + f"/OC /oc1 BDC {made.line(FACT.replace('2019', '2020'), 450, '0 g')} EMC\n"
    )
    on = made.LAYERS.replace("/OFF[6 0 R]", "/ON[6 0 R]")
    assert look(made.pdf(made.ORDINARY + content, objects=(made.OFF,), catalog=on), "a.pdf") == []


def test_what_cannot_be_looked_at_is_told() -> None:
    rules = b"".join(b".a%d{color:red}" % number for number in range(20_001))
    used = b" ".join(b"a%d" % number for number in range(20_001))
    (found,) = look_raw(b"<style>" + rules + b"</style><p class='" + used + b"'>x", "text/html", "x")
    assert found.code == "visibility.unchecked"
    assert "20000 rules" in found.quote


def _zip(name: str, data: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


CYCLE = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</Im1 6 0 R>>>>/Length 7>>stream\n/Im1 Do\nendstream"  # noqa: E501
ENTITIES = "".join(f'<!ENTITY a{n} "{("&a" + str(n - 1) + ";") * 10}">' for n in range(1, 9))
HOSTILE = {
    "nesting": (b"<div>" * 100_000 + b"x", "text/html"),
    "selectors": (
        b"<style>" + b"* .b * .a *{color:red}" * 5_000 + b"</style>" + b"<i class='a b'>" * 200 + b"<p>x" * 9_000,
        "text/html",
    ),
    "open-functions": (b"<p style='transform:%s('>x</p>" % (b"a" * 390) * 2_000, "text/html"),
    "urls": (b"<style>" + b"url(" * 200_000 + b"</style><p>x", "text/html"),
    "variables": (b"<style>:root{--a:var(--b)var(--b);--b:var(--a)var(--a)}p{color:var(--a)}</style><p>x", "text/html"),
    "brackets": (b"<i>x</i>\n\n" + b"![" * 5_000, "text/markdown"),
    "links": (b"<i>x</i>\n\n" + b"](" * 100_000, "text/markdown"),
    "long-word": (("a" * 1_000_000 + "\u200bb\u0430").encode(), "text/plain"),
    "bomb": (_zip("word/document.xml", b"<a>" + b" " * 80_000_000), WORD),
    "entities": (_zip("word/document.xml", f'<!DOCTYPE a [<!ENTITY a0 "x">{ENTITIES}]><a>&a8;</a>'.encode()), WORD),
    "cyclic-form": (made.pdf(made.ORDINARY + "/Im1 Do", objects=(CYCLE,)), "application/pdf"),
    "cyclic-pages": (made.pdf(made.ORDINARY).replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]"), "application/pdf"),
    "junk": (b"%PDF-1.7\n" + b"\x00\xff" * 50_000, "application/pdf"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_neither_raise_nor_hang(name: str) -> None:
    data, media_type = HOSTILE[name]
    text = data.decode("utf-8", "replace") if media_type.startswith("text/") else "some words of a text"
    start = time.process_time()
    found = look_raw(data, media_type, text)
    assert time.process_time() - start < 20
    assert all(each.level == "-" for each in found)
