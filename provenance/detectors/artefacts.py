"""The catalogue of traces, read from the data file beside this module. Knows no document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from corpus.errors import ConfigurationError
from provenance.vocabulary import Vocabulary, words_in

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE}
_TIERS = frozenset("ABCD")
_QUICK = "~"
# What a search without regard to case takes for a plain letter, and lower case does not: long s, dotless and dotted i.
_FOLDS = {"\u017f": "s", "\u0131": "i", "i\u0307": "i"}


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """One kind of trace.

    Attributes:
        code: Stable name, such as `openai.contentReference`.
        tier: A interface residue, B dialogue residue, C template residue, D style density.
        alone: Whether one trace at the head or tail of a text raises a suspicion by itself.
        hints: Lower-case strings, one of which is in the lower-cased text wherever the pattern matches.
        near: The same, closer and in the folded text; empty where the hints are close enough.
        flags: Flags of the expression, as `re` counts them for text.
        source: What it looks like, a regular expression.
    """

    code: str
    tier: str
    alone: bool
    hints: tuple[str, ...]
    near: tuple[str, ...]
    flags: int
    source: str

    def may_be_in(self, lowered: Vocabulary, folded: Vocabulary) -> bool:
        """Whether a search is worth its time: where this says no, the pattern does not match.

        Args:
            lowered: The text in lower case.
            folded: The same by `folded`.
        """
        if not any(lowered.holds(hint, parts) for hint, parts in self._hints):
            return False
        if self._quick is not None:
            return self._quick.search(folded.text) is not None
        return not self.near or any(folded.holds(near, parts) for near, parts in self._near)

    @cached_property
    def _hints(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((hint, tuple(words_in(hint))) for hint in self.hints)

    @cached_property
    def _near(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((near, tuple(words_in(near))) for near in self.near)

    @cached_property
    def _quick(self) -> re.Pattern[str] | None:
        quick = self.near[0] if self.near else ""
        return re.compile(quick.removeprefix(_QUICK)) if quick.startswith(_QUICK) else None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What it looks like, compiled when a text first holds one of the hints."""
        return re.compile(self.source, self.flags)


def folded(lowered: str) -> str:
    """Returns a lower-case text with plain letters for those that a search without regard to case takes for them."""
    if not lowered.isascii():
        for letter, plain in _FOLDS.items():
            lowered = lowered.replace(letter, plain)
    return lowered


@cache
def catalogue() -> tuple[Artefact, ...]:
    """Returns every known kind of trace, in the order of the file."""
    text = files("provenance.detectors").joinpath("artefacts.tsv").read_text(encoding="utf-8")
    return tuple(_artefact(line) for line in text.splitlines() if line and not line.startswith("#"))


def _artefact(line: str) -> Artefact:
    columns = line.split("\t")
    if len(columns) != 7 or columns[1] not in _TIERS:
        raise ConfigurationError(
            f"artefacts.tsv: want id, tier A-D, weight, flags, hints, near, pattern; got {line[:80]!r}"
        )
    code, tier, weight, letters, hints, near, pattern = columns
    flags = re.UNICODE
    for letter in letters.strip("-"):
        flags |= _FLAGS[letter]
    return Artefact(
        code=code,
        tier=tier,
        alone=weight == "alone",
        hints=tuple(_unescaped(hint) for hint in hints.split("|")),
        near=() if near == "-" else (near,) if near.startswith(_QUICK) else tuple(near.split("|")),
        flags=int(flags),
        source=pattern,
    )


def _unescaped(hint: str) -> str:
    return hint.encode("ascii").decode("unicode_escape")
