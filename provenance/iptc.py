"""The IPTC Digital Source Type: what its terms say about the origin of a text, in every spelling that is met.

Source of the terms: https://cv.iptc.org/newscodes/digitalsourcetype/ (2025, retired ones included) and, for the two
of C2PA, its technical specification 2.4, `digitalSourceType`. It reads one value and knows no document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from corpus.types import OriginKind

_AI, _ASSISTED, _HUMAN, _SILENT = (
    OriginKind.AI_GENERATED,
    OriginKind.AI_ASSISTED,
    OriginKind.HUMAN,
    OriginKind.UNKNOWN,
)

TERMS: Mapping[str, OriginKind] = MappingProxyType(
    {
        "digitalCreation": _HUMAN,
        "digitalArt": _HUMAN,
        "trainedAlgorithmicMedia": _AI,
        "trainedAlgorithmicData": _AI,
        "compositeWithTrainedAlgorithmicMedia": _ASSISTED,
        "compositeSynthetic": _ASSISTED,
        # These speak of a capture, of an edit of something unnamed, or of a program that was not trained: they say
        # nothing about who wrote a text.
        "algorithmicMedia": _SILENT,
        "algorithmicallyEnhanced": _SILENT,
        "composite": _SILENT,
        "compositeCapture": _SILENT,
        "computationalCapture": _SILENT,
        "dataDrivenMedia": _SILENT,
        "digitalCapture": _SILENT,
        "empty": _SILENT,
        "humanEdits": _SILENT,
        "minorHumanEdits": _SILENT,
        "negativeFilm": _SILENT,
        "positiveFilm": _SILENT,
        "print": _SILENT,
        "screenCapture": _SILENT,
        "softwareImage": _SILENT,
        "virtualRecording": _SILENT,
    }
)
"""Every term, and the kind of origin it states; UNKNOWN where it states none of a text."""

_WORDS: Mapping[str, OriginKind] = MappingProxyType(
    {
        "ai": _AI,
        "aigenerated": _AI,
        "fullyaigenerated": _AI,
        "generatedbyai": _AI,
        "machinegenerated": _AI,
        "llmgenerated": _AI,
        "synthetic": _AI,
        "aiassisted": _ASSISTED,
        "aiedited": _ASSISTED,
        "aimodified": _ASSISTED,
        "mixed": _ASSISTED,
        "human": _HUMAN,
        "humanauthored": _HUMAN,
        "humancreated": _HUMAN,
        "humanmade": _HUMAN,
        "humanwritten": _HUMAN,
        "writtenbyhuman": _HUMAN,
        "unknown": _SILENT,
        "notknown": _SILENT,
    }
)
"""Common words for the same, folded to letters."""

_HOSTS = ("cv.iptc.org/newscodes/digitalsourcetype", "c2pa.org/digitalsourcetype")
_PREFIXES = frozenset({"", "digsrctype", "iptc", "dst", "digitalsourcetype", "schema", "iptcdigitalsourceenumeration"})
_SCHEMA_ORG = ("schema.org",)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_SCHEME = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)
_LONGEST = 300


def folded(text: str) -> str:
    """Returns the letters and digits of a text in lower case, nothing between them."""
    return _SEPARATORS.sub("", text.casefold())


_FOLDED = {folded(term): kind for term, kind in TERMS.items()}
# schema.org's IPTCDigitalSourceEnumeration appends these to some terms.
_SUFFIXES = ("digitalsource", "source")


def source_type(value: str) -> OriginKind | None:
    """Reads a digital source type.

    Args:
        value: The term's URI (http or https, with or without a slash at its end or a fragment), its name, a CURIE such
            as `digsrctype:digitalCreation`, schema.org's name for it, or a common word such as `AI-generated`.

    Returns:
        What it states about a text: UNKNOWN for a term that states nothing; None where it is no such value.
    """
    value = value.strip()
    if not value or len(value) > _LONGEST:
        return None
    term = _term(value)
    if term is None:
        return None
    name = folded(term)
    for known in (name, *(name.removesuffix(end) for end in _SUFFIXES)):
        if known in _FOLDED:
            return _FOLDED[known]
    return _WORDS.get(name) if term == value else None


def _term(value: str) -> str | None:
    """Returns the name in a URI or CURIE of the vocabulary, the value where it is neither; None for another's."""
    bare = _SCHEME.sub("", value)
    if bare != value:
        place = bare.split("?", 1)[0].rstrip("/#")
        head, _, tail = place.replace("#", "/").rpartition("/")
        known = head.casefold().rstrip("/") in _HOSTS or head.casefold().startswith(_SCHEMA_ORG)
        return tail if known else None
    prefix, colon, name = value.partition(":")
    if colon:
        return name.strip() if folded(prefix) in _PREFIXES else None
    return value
