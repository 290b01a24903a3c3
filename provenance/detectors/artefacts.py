"""The catalogue of traces, read from the data file beside this module. Knows no document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from corpus.errors import ConfigurationError

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE}
_TIERS = frozenset("ABCD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One kind of trace.

    Attributes:
        code: Stable name, such as `openai.contentReference`.
        tier: A interface residue, B dialogue residue, C template residue, D style density.
        alone: Whether one trace at the head or tail of a text raises a suspicion by itself.
        hints: Lower-case strings, one of which is in the lower-cased text wherever the pattern matches.
        pattern: What it looks like.
    """

    code: str
    tier: str
    alone: bool
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


@cache
def catalogue() -> tuple[Artefact, ...]:
    """Returns every known kind of trace, in the order of the file."""
    text = files("provenance.detectors").joinpath("artefacts.tsv").read_text(encoding="utf-8")
    return tuple(_artefact(line) for line in text.splitlines() if line and not line.startswith("#"))


def _artefact(line: str) -> Artefact:
    columns = line.split("\t")
    if len(columns) != 6 or columns[1] not in _TIERS:
        raise ConfigurationError(f"artefacts.tsv: want id, tier A-D, weight, flags, hints, pattern; got {line[:80]!r}")
    code, tier, weight, letters, hints, pattern = columns
    flags = re.NOFLAG
    for letter in letters.strip("-"):
        flags |= _FLAGS[letter]
    return Artefact(
        code=code,
        tier=tier,
        alone=weight == "alone",
        hints=tuple(_unescaped(hint) for hint in hints.split("|")),
        pattern=re.compile(pattern, flags),
    )


def _unescaped(hint: str) -> str:
    return hint.encode("ascii").decode("unicode_escape")
