"""Finds what chatbot interfaces and their dialogue leave behind in pasted text.

Tier A (interface markup) speaks of its passage (E4), a link's `utm_source` of that link only. Tiers B and
C (dialogue, templates) make a document suspected (E5) when two different ones stand in it, or one in its
first or last tenth. Tier D is counted and says nothing. What stands in code or in quotes does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob, Scope, Span
from provenance.detectors.artefacts import Artefact, catalogue, folded
from provenance.detectors.quoting import Shown
from provenance.vocabulary import vocabulary_of

_LINK = "url.llm_referrer"
_PLAIN_MARKDOWN = "md_in_plain"
_MARKS_UP = frozenset({"text/markdown", "text/x-markdown", "text/x-rst", "text/plain"})
"""Media types in which a Markdown heading is what an author would write anyway."""
_QUOTE = 200
_PASSAGE = 2_000
"""Characters each side of a trace in which the ends of its paragraph are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidueDetector:
    """Detector of traces; every option is in its fingerprint.

    Attributes:
        distinct: Different traces of tiers B and C that make a document suspected (design, 2026).
        edge: Share of the text at its head and at its tail in which one trace is enough.
        most: Findings kept per kind of trace; `detail.count` holds the true number.
    """

    name: ClassVar[str] = "residue/2"
    distinct: int = 2
    edge: float = 0.1
    most: int = 20

    @property
    def fingerprint(self) -> str:
        """Digest of version, patterns and options."""
        rows = [[item.code, item.tier, item.alone, item.flags, item.source] for item in catalogue()]
        return fingerprint("detector", {"name": self.name, "options": asdict(self), "artefacts": rows})

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns the traces of one document, in order of place; those without a place come first."""
        hits = self._hits(document)
        found = [*self._interface(document, hits), *self._dialogue(document, hits), *self._counted(hits)]
        found += self._links(document.links)
        return tuple(sorted(found, key=_place))

    def _hits(self, document: ParsedDocument) -> list[tuple[Artefact, list[Span]]]:
        shown: Shown | None = None
        lowered = vocabulary_of(document.text.lower())
        plain = vocabulary_of(folded(lowered.text))
        kept: list[tuple[Artefact, list[Span]]] = []
        for artefact in catalogue():
            if not artefact.may_be_in(lowered, plain):
                continue
            if artefact.code == _PLAIN_MARKDOWN and document.media_type in _MARKS_UP:
                continue
            spans = [Span(start=m.start(), end=m.end()) for m in artefact.pattern.finditer(document.text)]
            if spans and artefact.tier != "D":
                shown = shown or Shown(document.text, document.blocks)
                spans = [span for span in spans if not shown.covers(span)]
            if spans:
                kept.append((artefact, spans))
        return kept

    def _interface(self, document: ParsedDocument, hits: Iterable[tuple[Artefact, list[Span]]]) -> Iterator[Finding]:
        for artefact, spans in hits:
            if artefact.tier != "A":
                continue
            for span in spans[: self.most]:
                base = self._finding(artefact.code, "E4", document.text, span, len(spans))
                yield _of_link(base) if artefact.code == _LINK else _of_passage(base, document.text, span)

    def _dialogue(self, document: ParsedDocument, hits: Iterable[tuple[Artefact, list[Span]]]) -> Iterator[Finding]:
        text = document.text
        spoken = [(artefact, spans) for artefact, spans in hits if artefact.tier in "BC"]
        suspected = self._suspected(text, spoken)
        for artefact, spans in spoken:
            for span in spans[: self.most]:
                base = self._finding(artefact.code, "E5", text, span, len(spans))
                yield replace(base, origin=OriginKind.AI_GENERATED, basis=Basis.SUSPECTED) if suspected else base

    def _suspected(self, text: str, spoken: list[tuple[Artefact, list[Span]]]) -> bool:
        distinct: set[str] = set()
        head, tail = len(text) * self.edge, len(text) * (1 - self.edge)
        for artefact, spans in spoken:
            # Traces that people write too count once a kind, however often they stand there.
            distinct |= {span.of(text).casefold() for span in spans} if artefact.alone else {artefact.code}
            if artefact.alone and any(span.start < head or span.end > tail for span in spans):
                return True
        return len(distinct) >= self.distinct

    def _counted(self, hits: Iterable[tuple[Artefact, list[Span]]]) -> Iterator[Finding]:
        for artefact, spans in hits:
            if artefact.tier == "D":
                yield Finding(detector=self.name, code=artefact.code, level="-", detail={"count": len(spans)})

    def _links(self, links: Iterable[str]) -> Iterator[Finding]:
        pattern = next(item.pattern for item in catalogue() if item.code == _LINK)
        told = (link for link in links if pattern.search(link))
        for link in islice(told, self.most):
            base = Finding(detector=self.name, code=_LINK, level="E4", quote=link[:_QUOTE])
            yield _of_link(base)

    def _finding(self, code: str, level: str, text: str, span: Span, count: int) -> Finding:
        quote = span.of(text)[:_QUOTE]
        return Finding(detector=self.name, code=code, level=level, span=span, quote=quote, detail={"count": count})


def _of_link(finding: Finding) -> Finding:
    """The address came through a chatbot; the text around it need not have."""
    return replace(finding, origin=OriginKind.AI_GENERATED, basis=Basis.MATCHED, scope=Scope.LINK)


def _of_passage(finding: Finding, text: str, span: Span) -> Finding:
    """A trace speaks of the paragraph that holds it."""
    low, high = max(0, span.start - _PASSAGE), min(len(text), span.end + _PASSAGE)
    before, after = text.rfind("\n\n", low, span.start), text.find("\n\n", span.end, high)
    passage = [before + 2 if before >= 0 else low, after if after >= 0 else high]
    return replace(
        finding,
        origin=OriginKind.AI_GENERATED,
        basis=Basis.MATCHED,
        scope=Scope.PASSAGE,
        detail={**finding.detail, "passage": passage},
    )


def _place(finding: Finding) -> tuple[int, int, str, str]:
    span = finding.span or Span(start=-1, end=-1)
    return span.start, span.end, finding.code, finding.quote
