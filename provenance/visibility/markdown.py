"""Text of a Markdown document that a reader of the rendered page does not see.

The extracted text is the source less its comments, so unused link definitions and hidden HTML reach a model.
The source is rendered and the page judged as any other page; definitions are compared with what uses them.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from provenance.visibility.html import Page, Worth, read_page
from provenance.visibility.passage import MAX_TEXT, Habit, Passage, clean, is_prose

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_SOURCE = 2_000_000
"""Characters that are rendered; a longer document is cut, and a note says so."""
MAX_NESTING = 100
"""Quotations, lists and brackets in each other; what lies deeper is told by a note."""
# Without one of these nothing can be hidden but by characters.
_SIGNS = re.compile(r"<[!a-zA-Z]|!\[|^ {0,3}\[[^\]\n]{1,999}\]:|\]\([^)\n]{0,500}[\"'(]", re.MULTILINE)
_DEFINITION = re.compile(r"^[ >]*\[([^\]\n]{1,999})\]:", re.MULTILINE)
_USE = re.compile(r"\[([^\[\]]{1,999})\](?!:)")
_COMMENT = re.compile(r"<!--((?:(?!<!--).){1,20000}?)-->", re.DOTALL)
MAX_COMMENTS = 500
"""Comments of one document that are looked at."""
_REACHING = frozenset({"comment", "template", "noscript", "hidden_attribute"})


def read_markdown(source: str, worth: Worth) -> Page:
    """Takes a Markdown document apart into what is seen and what is hidden.

    Args:
        source: The document, without front matter.
        worth: As in `read_page`.
    """
    if not _SIGNS.search(source):
        return Page((source,), ())
    notes: list[str] = []
    if len(source) > MAX_SOURCE:
        notes.append(f"unchecked: the document has {len(source)} characters; {MAX_SOURCE} of them are looked at")
        source = source[:MAX_SOURCE]
    env: dict[str, dict[str, dict[str, str]]] = {}
    parser = _renderer()
    tokens = parser.parse(source, env)
    if any(_depth(token) >= MAX_NESTING - 1 for token in tokens):
        notes.append(f"unchecked: the document is nested deeper than {MAX_NESTING}, and what lies below is left out")
    rendered = str(parser.renderer.render(tokens, parser.options, env))
    # A comment is usual in a page, whose text it does not reach; here it is part of the text.
    page = read_page(f"<body>{rendered}</body>", lambda text: worth(text) or is_prose(text))
    kept = [_weighed(item) for item in page.hidden]
    unused = _unused(source, env.get("references", {}))
    hidden = (*(item for item in kept if item.habit is not Habit.USUAL or worth(item.text)), *unused)
    return Page(page.seen, hidden, (*page.notes, *notes))


def _depth(token: Token) -> int:
    return max([token.level, *(child.level for child in token.children or ())])


def read_comments(source: str, text: str) -> Iterator[Passage]:
    """Yields comments of a Markdown file that did not reach its extracted text.

    Args:
        source: The whole file.
        text: What was extracted of it.
    """
    for match in islice(_COMMENT.finditer(source), MAX_COMMENTS):
        said = clean(match[1][:MAX_TEXT])
        if said and match[0] not in text:
            yield Passage(technique="comment", place=f"offset {match.start()}", text=said, habit=Habit.USUAL)


def _weighed(passage: Passage) -> Passage:
    technique = {"title_attribute": "link_title"}.get(passage.technique, passage.technique)
    habit = Habit.SELDOM if technique in _REACHING else passage.habit
    return replace(passage, technique=technique, habit=habit)


def _unused(source: str, references: dict[str, dict[str, str]]) -> Iterator[Passage]:
    """Yields definitions that no link uses; `[//]: # (words)` is the customary comment."""
    labels = {" ".join(match[1].split()).casefold(): match[1] for match in _DEFINITION.finditer(source)}
    uses = Counter(" ".join(match[1].split()).casefold() for match in _USE.finditer(source))
    for name, reference in references.items():
        label = labels.get(name.casefold(), name)
        said = clean(reference.get("title", "") or label)
        if said and not uses[name.casefold()]:
            yield Passage(technique="unused_reference", place=f"definition [{label[:40]}]", text=said)


@functools.cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - most runs read no Markdown

    return MarkdownIt("commonmark", {"html": True, "maxNesting": MAX_NESTING}).enable("table")
