"""Finds text that a model would read and a person does not see.

What a person sees is compared with what was extracted; there is no list of phrases that decides. Hiding is
common in honest documents (menus that open, labels for screen readers, alternative texts), so a finding is made
only where the hidden text matters:

* it reached the extracted text and is a statement of its own (five words or more), or
* it sounds like an instruction, wherever it hides and whether it was extracted or not, or
* honest documents never hold it (words spelt in tag characters, words under an opaque box).

Alternative texts, titles, comments of web pages and metadata are shown on request or never meant for reading;
there only the second counts. Nothing is run, fetched or rendered from the network. What could not be looked at
within the bounds is told by a finding `visibility.unchecked`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, islice
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Finding, ParsedDocument, RawBlob, Span
from provenance.visibility import cues
from provenance.visibility.characters import read_characters
from provenance.visibility.html import Page, read_page
from provenance.visibility.markdown import read_comments, read_markdown
from provenance.visibility.passage import Habit, Passage, is_prose
from provenance.visibility.reached import Reading, key
from provenance.visibility.source import decoded

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_MARKDOWN = frozenset({"text/markdown", "text/x-markdown"})
_PDF = "application/pdf"
_MAIL = "message/rfc822"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_QUOTE = 200
_MAX_CHARACTERS = 20_000_000
"""Characters of source beyond which a document is not laid out: it is told as unchecked."""
_MAX_SEARCHES = 5_000
"""Passages that are looked up in the text; what comes after counts as if it had reached the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenDetector:
    """Detector of hidden text; every option is in its fingerprint.

    Attributes:
        most: Findings made per document and technique; what comes after is not looked at.
    """

    name: ClassVar[str] = "hidden/2"
    most: int = 20

    @property
    def fingerprint(self) -> str:
        """Digest of version, cues, options and the libraries that read the formats."""
        libraries = {name: _version(name) for name in ("lxml", "pypdfium2", "markdown-it-py", "tinycss2")}
        parts = {"name": self.name, "options": asdict(self), "cues": cues.fingerprint(), "libraries": libraries}
        return fingerprint("detector", parts)

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:
        """Returns hidden passages that matter, in order of place; those outside the text come first."""
        found: list[Finding] = []
        notes: list[str] = []
        for reader in (_by_characters, _by_format):
            full: set[str] = set()
            try:
                found += self._findings(reader(blob, document, notes, full), full)
            except Exception as error:  # noqa: BLE001 - the seam's law: no document makes a detector raise
                found.append(self._unchecked(error))
        found += map(self._note, dict.fromkeys(notes))
        return tuple(sorted(found, key=_order))

    def _findings(self, passages: Iterable[tuple[Passage, Span | None]], full: set[str]) -> Iterator[Finding]:
        counts: Counter[str] = Counter()
        known: set[tuple[str, str, Span | None]] = set()
        for passage, span in passages:
            sign = (passage.technique, passage.text, span)
            if sign in known or passage.technique in full:
                continue
            known.add(sign)
            counts[passage.technique] += 1
            if counts[passage.technique] >= self.most:
                full.add(passage.technique)
            yield self._finding(passage, span)

    def _finding(self, passage: Passage, span: Span | None) -> Finding:
        detail = {
            "technique": passage.technique,
            "place": passage.place,
            "instruction": False,  # `provenance.crossing` says so where it is one
            "extracted": span is not None,
        }
        code = f"hidden.{passage.technique}"
        return Finding(detector=self.name, code=code, level="-", span=span, quote=passage.text[:_QUOTE], detail=detail)

    def _note(self, note: str) -> Finding:
        code, _, why = note.partition(": ")
        return Finding(detector=self.name, code=f"visibility.{code}", level="-", quote=why[:_QUOTE])

    def _unchecked(self, error: Exception) -> Finding:
        reason = " ".join(str(error).split())[:_QUOTE] or type(error).__name__
        return Finding(detector=self.name, code="visibility.unchecked", level="-", quote=reason)


_Placed = Iterator[tuple[Passage, Span | None]]


def _by_characters(blob: RawBlob, document: ParsedDocument, notes: list[str], full: set[str]) -> _Placed:  # noqa: ARG001 - as the other
    for passage in read_characters(document.text, cues.noteworthy):
        yield passage, passage.span


def _by_format(blob: RawBlob, document: ParsedDocument, notes: list[str], full: set[str]) -> _Placed:
    page = _page(blob, document)
    notes += page.notes
    if not page.hidden:
        return
    reading, seen = Reading(document.text), _Seen(page.seen)
    for number, passage in enumerate(page.hidden):
        if passage.technique in full:
            continue
        span = seen.place(passage, reading) if number < _MAX_SEARCHES else None
        if _matters(passage, reached=span is not None or number >= _MAX_SEARCHES):
            yield passage, span


def _page(blob: RawBlob, document: ParsedDocument) -> Page:
    kind = document.media_type
    reader = _READERS.get(kind)
    return reader(blob, document) if reader else Page((), ())


def _html(blob: RawBlob, document: ParsedDocument) -> Page:
    source = decoded(blob.data, document.notes)
    _refuse_long(len(source))
    return read_page(source, cues.noteworthy)


def _markdown(blob: RawBlob, document: ParsedDocument) -> Page:
    _refuse_long(len(document.text))
    page = read_markdown(document.text, cues.noteworthy)
    if b"<!--" not in blob.data:
        return page
    comments = read_comments(decoded(blob.data, document.notes), document.text)
    return replace(page, hidden=(*page.hidden, *comments))


def _pdf(blob: RawBlob, document: ParsedDocument) -> Page:
    from provenance.visibility.pdf import read_pdf  # noqa: PLC0415 - a run without PDFs loads no reader of them

    return read_pdf(blob.data, document.text, cues.noteworthy)


def _docx(blob: RawBlob, document: ParsedDocument) -> Page:  # noqa: ARG001 - the readers' form
    from provenance.visibility.docx import read_docx  # noqa: PLC0415 - as above

    return read_docx(blob.data, cues.noteworthy)


def _mail(blob: RawBlob, document: ParsedDocument) -> Page:  # noqa: ARG001 - the readers' form
    """Takes the HTML parts of a message apart; what is attached is not looked into."""
    import email  # noqa: PLC0415 - most runs read no mail
    from email import policy  # noqa: PLC0415 - as above

    seen: tuple[str, ...] = ()
    hidden: tuple[Passage, ...] = ()
    notes: tuple[str, ...] = ()
    for part in email.message_from_bytes(blob.data, policy=policy.default).walk():
        if part.get_content_type() not in _HTML or part.is_multipart():
            continue
        body = part.get_payload(decode=True)
        source = decoded(body if isinstance(body, bytes) else b"", _charset(part.get_content_charset()))
        _refuse_long(len(source))
        page = read_page(source, cues.noteworthy)
        hidden += tuple(replace(item, before=item.before + len(seen)) for item in page.hidden)
        seen, notes = (*seen, *page.seen), (*notes, *page.notes)
    return Page(seen, hidden, notes)


def _charset(name: str | None) -> tuple[str, ...]:
    return (f"decoded:{name}",) if name else ()


def _refuse_long(length: int) -> None:
    if length > _MAX_CHARACTERS:
        raise ValueError(f"the source has {length} characters; at most {_MAX_CHARACTERS} are laid out")


_READERS: dict[str, Callable[[RawBlob, ParsedDocument], Page]] = {
    **dict.fromkeys(_HTML, _html),
    **dict.fromkeys(_MARKDOWN, _markdown),
    _PDF: _pdf,
    _MAIL: _mail,
    _DOCX: _docx,
}


class _Seen:
    """What a person sees, against which an occurrence in the extracted text is held."""

    def __init__(self, stretches: tuple[str, ...]) -> None:
        self._stretches = stretches
        self._key: str | None = None
        self._ends: list[int] = []

    def place(self, passage: Passage, reading: Reading) -> Span | None:
        """Returns where a passage stands in the text, None where all its occurrences are those that are seen."""
        if passage.span is not None:
            return passage.span
        extracted = reading.count(passage.text)
        if not extracted:
            return self._in_parts(passage, reading)
        wanted = key(passage.text)
        seen = self._all.count(wanted)
        if seen and extracted <= seen:
            return None
        skip = self._all.count(wanted, 0, self._ends[passage.before - 1]) if seen and passage.before else 0
        return reading.find(passage.text, skip)

    @property
    def _all(self) -> str:
        """Returns the letters of all that is seen, and keeps where each stretch ends."""
        if self._key is None:
            parts = [key(stretch) for stretch in self._stretches]
            self._ends = list(accumulate(map(len, parts)))
            self._key = "".join(parts)
        return self._key

    @staticmethod
    def _in_parts(passage: Passage, reading: Reading) -> Span | None:
        """Looks for the longest sentence of a passage of which the parser kept only some."""
        sentences = sorted(islice(passage.text.split(". "), 50), key=len, reverse=True)
        spans = (reading.find(sentence) for sentence in sentences[:3] if len(sentences) > 1 and is_prose(sentence))
        return next((span for span in spans if span is not None), None)


def _matters(passage: Passage, *, reached: bool) -> bool:
    if passage.habit is Habit.NEVER:
        return True
    if passage.habit is Habit.SELDOM and reached and is_prose(passage.text):
        return True
    return cues.noteworthy(passage.text)


def _order(finding: Finding) -> tuple[int, int, str, str]:
    span = finding.span or Span(start=-1, end=-1)
    return span.start, span.end, finding.code, finding.quote


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
