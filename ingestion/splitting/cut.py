"""A cut: how a person parts a document, and which parts are kept. Pure; it speaks of one text and of no other.

A cut names its text by digest. Bytes that a newer parser reads otherwise are another text: the cut does not hold for
that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from corpus.errors import ConfigurationError
from corpus.ids import fingerprint, text_digest
from corpus.types import Span

Cuts: TypeAlias = Mapping[tuple[str, str], "Cut"]
"""By document id and `corpus.ids.judged_digest` of what was looked at."""
STALE = "split.stale"
"""Code of the finding about a document that a person cut and that reads otherwise now: it is whole."""
MOST_PARTS = 2_000
"""Parts of one cut: a decision that nobody can look over is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a cut.

    Attributes:
        span: Where it stands in the document's text.
        kept: Whether it is kept.
    """

    span: Span
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a document is parted.

    Attributes:
        text_sha256: Digest of the text that was looked at.
        parts: Its parts, in order; together they are the whole text.
    """

    text_sha256: str
    parts: tuple[Part, ...]

    @property
    def dropped(self) -> tuple[Span, ...]:
        """The stretches that go, in order; neighbours are one."""
        return _joined(part.span for part in self.parts if not part.kept)

    @property
    def kept(self) -> tuple[Span, ...]:
        """The stretches that stay, in order; neighbours are one."""
        return _joined(part.span for part in self.parts if part.kept)

    @property
    def digest(self) -> str:
        """Digest of what the cut leaves of which text; where borders lie between two kept parts changes nothing."""
        dropped = [[span.start, span.end] for span in self.dropped]
        return fingerprint("cut", {"text_sha256": self.text_sha256, "dropped": dropped})[:16]

    def to_json(self) -> dict[str, Any]:
        """Returns the cut as JSON, offsets and no text."""
        parts = [[part.span.start, part.span.end, part.kept] for part in self.parts]
        return {"text_sha256": self.text_sha256, "parts": parts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Cut:
        """Reads what `to_json` wrote."""
        parts = tuple(Part(span=Span(start=start, end=end), kept=kept) for start, end, kept in value["parts"])
        return cls(text_sha256=value["text_sha256"], parts=parts)

    def words(self) -> str:
        """Returns what is kept, as figures."""
        stays = sum(len(span) for span in self.kept)
        size = self.parts[-1].span.end
        number = sum(part.kept for part in self.parts)
        return f"{number} of {len(self.parts)} parts kept, {stays} of {size} characters"


NO_CUTS: Cuts = MappingProxyType({})


def cut_of(text: str, spans: Sequence[Span], kept: Iterable[int]) -> Cut:
    """Makes a cut of spans that are looked at and the numbers, from 1, of those that are kept.

    Raises:
        ConfigurationError: There is no such part, nothing to read is kept, or the spans are not the whole text.
    """
    stay = set(kept)
    unknown = sorted(stay - set(range(1, len(spans) + 1)))
    if unknown:
        raise ConfigurationError(f"there is no part {unknown[0]}: the document has parts 1 to {len(spans)}.")
    if len(spans) > MOST_PARTS:
        raise ConfigurationError(f"{len(spans)} parts are more than {MOST_PARTS}. Cut at fewer places with --at.")
    require_whole(text, spans)
    if not any(spans[number - 1].of(text).strip() for number in stay):
        raise ConfigurationError("no part with anything to read is kept. To keep the whole document out, reject it.")
    parts = tuple(Part(span=span, kept=number in stay) for number, span in enumerate(spans, start=1))
    return Cut(text_sha256=text_digest(text), parts=parts)


def require_whole(text: str, spans: Sequence[Span]) -> None:
    """Refuses spans that are not, one after the other, the whole text.

    Raises:
        ConfigurationError: There is a gap, an overlap, or an empty one.
    """
    at = 0
    for span in spans:
        if span.start != at or span.end <= span.start:
            raise ConfigurationError(
                f"the parts are not the whole text: after character {at} comes a part from {span.start} to {span.end}."
            )
        at = span.end
    if at != len(text):
        raise ConfigurationError(f"the parts end at character {at}, and the text at {len(text)}.")


def cut_in(parts: Mapping[str, Any] | None) -> Cut | None:
    """Returns the cut that a person's decision carries; None where it is about the whole document."""
    return None if parts is None else Cut.from_json(parts)


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start:
            joined[-1] = Span(start=joined[-1].start, end=span.end)
        else:
            joined.append(span)
    return tuple(joined)
