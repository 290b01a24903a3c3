"""Takes out lines that are no content: running heads of pages, cookie notices, links to share a page.

Conservative on purpose: a running head must stand on most pages, a notice must be the whole line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from corpus.types import BlockKind, Edit, ParsedDocument, Span

CODE = "boilerplate"
_LINE = re.compile("[^\n]+\n?")
_DIGITS = re.compile(r"\d+")
_PAGES = re.compile(r"pages:(\d+)")
_HEAD_CHARACTERS = 100
"""Characters of the longest line that can be a running head."""
_PAGES_LEAST = 3
_PAGES_SHARE = 0.6
"""Share of pages on which a running head stands; first pages and chapter openings have none."""
_APART = 0.2
"""Share of a mean page that lies at the least between two running heads (pages differ in length)."""
_PAGE_NUMBER = re.compile(r"(?:page |p\. ?|seite )?\W*#\W*(?:(?:of|/|von) ?#)?\W*", re.IGNORECASE)
_NOTICE = re.compile(
    r"(?:we|(?:this|our) (?:web)?site)(?: and our partners)? uses? cookies\b.{0,200}"
    r"|(?:accept|reject|allow|manage|decline)(?: all| additional| optional)? cookies"
    r"|cookie (?:settings|preferences|policy)"
    r"|by continuing to (?:use|browse) this (?:web)?site,? you (?:agree|accept|consent).{0,160}"
    r"|skip to (?:main )?(?:content|navigation)|(?:back|return) to top|advertisement|jump to navigation"
    r"|(?:share|tweet|pin) (?:this|on|it|via)"
    r"(?: (?:on|via|page|article|facebook|twitter|x|linkedin|reddit|whatsapp|email|pinterest))*"
    r"|(?:click here to )?print this page|email this (?:page|article)",
    re.IGNORECASE,
)


def boilerplate_edits(document: ParsedDocument, free: tuple[Span, ...]) -> Iterator[Edit]:
    """Yields the lines to take out, in order.

    Args:
        document: The document.
        free: Stretches that are not code or tables.
    """
    text, heads = document.text, _running_heads(document)
    headings = [block.span for block in document.blocks if block.kind is BlockKind.HEADING]
    number = counted = 0
    for span in free:
        for match in _LINE.finditer(text, span.start, span.end):
            number, counted = number + text.count("\n", counted, match.start()), match.start()
            line = match[0].strip()
            notice = _NOTICE.fullmatch(line.rstrip(".!\u00bb\u203a> ")) is not None and not _inside(
                match.start(), headings
            )
            if notice or number in heads:
                place = Span(start=match.start(), end=match.end())
                yield Edit(span=place, before=match[0], after="", code=CODE)


def _running_heads(document: ParsedDocument) -> frozenset[int]:
    """Returns the numbers of the lines that say again, page after page, what the first page says, or its number."""
    pages = next((int(found[1]) for note in document.notes if (found := _PAGES.fullmatch(note))), 0)
    if pages < _PAGES_LEAST:
        return frozenset()
    places: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    place = 0
    for number, line in enumerate(document.text.split("\n")):
        if line.strip() and len(line) <= _HEAD_CHARACTERS:
            places[_DIGITS.sub("#", line.strip())].append((place, number, line))
        place += len(line) + 1
    gone: list[int] = []
    for key, lines in places.items():
        starts = [start for start, _, _ in lines]
        if max(_PAGES_LEAST, _PAGES_SHARE * pages) <= len(lines) <= pages and _is_spread(starts, place / pages):
            gone += _repeated(key, [(number, line) for _, number, line in lines])
    return frozenset(gone)


def _repeated(key: str, lines: list[tuple[int, str]]) -> list[int]:
    """Returns the numbers of the lines to take out: all page numbers, all running heads but the first."""
    if "#" in key and len({line.strip() for _, line in lines}) > 1:
        values = zip(*(map(int, _DIGITS.findall(line)) for _, line in lines), strict=True)
        if not any(all(after == before + 1 for before, after in pairwise(row)) for row in values):
            return []
    kept = 0 if _PAGE_NUMBER.fullmatch(key) else 1
    return [number for number, _ in lines[kept:]]


def _is_spread(places: list[int], page: float) -> bool:
    """Whether lines stand about a page apart, as the rows of a table or of a list of contents never do."""
    return all(after - before > _APART * page for before, after in pairwise(places))


def _inside(place: int, spans: list[Span]) -> bool:
    return any(span.start <= place < span.end for span in spans)
