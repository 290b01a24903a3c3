"""Markdown: the text is the source itself, less what no reader of the page is shown.

Front matter (YAML between `---` lines, TOML between `+++` lines) becomes metadata and leaves the text, and
comments (`<!-- -->` outside code) leave it too: what people do not see is not retrieved either.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from corpus.ids import fingerprint
from corpus.types import Block, BlockKind, ParsedDocument, RawBlob, Span
from ingestion.parsers.declared import DeclarationError, flatten, read_yaml
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import line_starts, require_text, trimmed

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

NAME = "markdown/2"
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KINDS = {
    "paragraph_open": BlockKind.PARAGRAPH,
    "html_block": BlockKind.PARAGRAPH,
    "blockquote_open": BlockKind.PARAGRAPH,
    "list_item_open": BlockKind.LIST,
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.CODE,
    "code_block": BlockKind.CODE,
    "heading_open": BlockKind.HEADING,
}
_OPENING = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})|^(?P<code>(?: {4}|\t)[^\n]*)|(?P<ticks>`+)|(?P<comment><!--)", re.MULTILINE
)
_MAX_CODE = 2_000
"""Characters within which code between backticks ends."""
_MAX_TITLE = 400
_MARKS = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)")


class MarkdownParser:
    """Reads CommonMark with tables."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes the text that comes out."""
        return fingerprint("parser", {"name": NAME, "markdown-it-py": version("markdown-it-py")})

    def parse(self, blob: RawBlob, media_type: str) -> ParsedDocument:
        """Parses one document; see `corpus.seams.Parser`."""
        source, notes = decode(blob.data)
        body, metadata, trouble = split_front_matter(source)
        text = without_comments(body)
        require_text(text, "document")
        blocks, title = _blocks(text)
        return ParsedDocument(
            text=text,
            blocks=blocks,
            title=metadata.get("title", title),
            media_type=media_type,
            metadata=metadata,
            parser=NAME,
            notes=(*notes, *trouble),
        )


def split_front_matter(source: str) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Takes front matter off a text.

    Returns:
        The body, the metadata, and `front_matter_invalid` where a block that looks like front matter
        cannot be read; it then stays in the body.
    """
    found = _FRONT.match(source)
    if not found:
        return source, {}, ()
    try:
        metadata = read_yaml(found[2]) if found[1] == "---" else flatten(tomllib.loads(found[2]))
    except (DeclarationError, tomllib.TOMLDecodeError, RecursionError):
        return source, {}, ("front_matter_invalid",)
    return source[found.end() :], metadata, ()


def without_comments(text: str) -> str:
    """Takes comments out of Markdown; those in code stay, and so does one that is never closed.

    Args:
        text: Markdown without front matter.
    """
    kept: list[str] = []
    place = at = 0
    last = text.rfind("-->") if "<!--" in text else -1
    while at <= last and (found := _OPENING.search(text, at)) is not None:
        at = _closing(text, found)
        if found["comment"] and at > found.end():
            kept.append(text[place : found.start()])
            place = at
    return "".join((*kept, text[place:]))


def _closing(text: str, opened: re.Match[str]) -> int:
    """Returns where the code or comment ends that a match opens; just behind the match where it never does."""
    mark = opened["fence"] or opened["ticks"] or "-->"
    if opened["fence"]:
        end = text.find("\n" + mark, opened.end())
        return len(text) if end < 0 else end + 1 + len(mark)
    if opened["code"]:
        return opened.end()
    end = text.find(mark, opened.end(), None if opened["comment"] else opened.end() + _MAX_CODE)
    return opened.end() if end < 0 else end + len(mark)


def _blocks(text: str) -> tuple[tuple[Block, ...], str]:
    starts = line_starts(_lines(text))
    tokens = _reader().parse(text)
    blocks = tuple(_placed(text, tokens, starts))
    title = next(
        (_plain(tokens[at + 1].content) for at, token in enumerate(tokens) if token.type == "heading_open"), ""
    )
    return blocks, title


def _lines(text: str) -> Iterator[str]:
    return (line + "\n" for line in text.split("\n"))


def _placed(text: str, tokens: Sequence[Token], starts: Sequence[int]) -> Iterator[Block]:
    """Yields a block for each outermost unit; items of a list count one by one."""
    done = 0
    for token in tokens:
        kind = _KINDS.get(token.type)
        if kind is None or token.map is None or token.map[0] < done:
            continue
        first, last = token.map
        span = trimmed(text, starts[first], min(starts[last], len(text)))
        if span is None:
            continue
        done = last
        level = int(token.tag[1]) if kind is BlockKind.HEADING else 0
        yield Block(kind=kind, span=Span(start=span.start, end=span.end), level=level)


def _plain(heading: str) -> str:
    return _MARKS.sub(lambda match: match[1] or "", heading[:_MAX_TITLE]).strip()


@functools.cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - an unchanged run parses nothing

    # Only blocks are needed; inline markup stays in the text as it is.
    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
