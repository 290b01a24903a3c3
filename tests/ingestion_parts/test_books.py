"""ODT and EPUB: the text in its order and structure, without what was deleted, commented or is no text."""

from __future__ import annotations

import pytest
from ingestion_parts.makers import blob_of, epub_of, odt_of

from corpus.errors import ParseError
from corpus.types import BlockKind
from ingestion.parsers.route import parse

BODY = """
<text:tracked-changes><text:changed-region><text:p>It was deleted.</text:p></text:changed-region></text:tracked-changes>
<text:h text:outline-level="2">Returns</text:h>
<text:p>Goods<text:s/>may be returned<text:note><text:note-citation>1</text:note-citation><text:note-body>
<text:p>With the receipt.</text:p></text:note-body></text:note> within <text:a xlink:href="https://a.example/days">30
days</text:a>.<office:annotation><text:p>Is that so?</text:p></office:annotation></text:p>
<text:list><text:list-item><text:p>shoes</text:p></text:list-item><text:list-item><text:p>hats</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p>
</table:table-cell></table:table-row></table:table>
<text:section text:display="none"><text:p>Nobody sees this.</text:p></text:section>
"""
META = """<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta><dc:title>Returns of goods</dc:title>
<dc:creator>Mara</dc:creator>
</office:meta></office:document-meta>"""


def test_an_opendocument_text_is_read_as_it_is_seen() -> None:
    found = parse(blob_of(odt_of(BODY, **{"meta.xml": META}), "a.odt"))
    blocks = [(block.kind, block.level, block.span.of(found.text)) for block in found.blocks]
    assert blocks == [
        (BlockKind.HEADING, 2, "Returns"),
        (BlockKind.PARAGRAPH, 0, "Goods may be returned within 30 days."),
        (BlockKind.PARAGRAPH, 0, "With the receipt."),
        (BlockKind.LIST, 0, "- shoes"),
        (BlockKind.LIST, 0, "- hats"),
        (BlockKind.TABLE, 0, "a | b"),
    ]
    assert (found.title, found.metadata["author"]) == ("Returns of goods", "Mara")
    assert found.links == ("https://a.example/days",)
    assert found.notes == ("hidden_left_out",)


def test_a_book_is_read_in_the_order_of_its_spine_and_each_page_once() -> None:
    pages = {
        "z%20first.xhtml": "<h1>One</h1><p>First page, see <a href='https://a.example/'>there</a>.</p>",
        "a.xhtml": "<h1>Two</h1><p>Second page.</p><nav>Contents</nav>",
        "z%20first.xhtml#again": "",
        "../../outside.xhtml": "<p>Outside.</p>",
        "missing.xhtml": "",
    }
    data = epub_of(pages, **{"book/z first.xhtml": f"<html><body>{pages['z%20first.xhtml']}</body></html>"})
    found = parse(blob_of(data, "a.epub"))
    assert found.text == "One\n\nFirst page, see there.\n\nTwo\n\nSecond page."
    assert [block.kind for block in found.blocks if block.level] == [BlockKind.HEADING, BlockKind.HEADING]
    assert (found.title, found.links) == ("Returns", ("https://a.example/",))


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (odt_of(**{"META-INF/manifest.xml": "<manifest:encryption-data/>"}), "a.odt", "encrypted"),
        (odt_of("<text:p> </text:p>"), "a.odt", "empty"),
        (
            epub_of(
                {"a.xhtml": "<p>x</p>"}, **{"META-INF/encryption.xml": '<e><CipherReference URI="book/a.xhtml"/></e>'}
            ),
            "a.epub",
            "encrypted",
        ),
        (epub_of({"a.xhtml": "<p>x</p>"}).replace(b"book/all.opf", b"book/ell.opf", 1), "a.epub", "unparseable"),
        (epub_of({}), "a.epub", "empty"),
    ],
    ids=("locked text", "empty text", "locked book", "book without a list", "empty book"),
)
def test_what_cannot_be_read_says_why(data: bytes, path: str, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse(blob_of(data, path))
    assert refused.value.code == code
