"""Reads what a document declares about its own origin (E3), as it stands in the parser's metadata.

Front matter and meta tags (`ai-generated`, `ai-disclosure`), JSON-LD or XMP `digitalSourceType`, and a PDF
Producer or Creator that names a chatbot. A declaration that cannot be read as one of the three kinds is
kept as a finding that says nothing about origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob

# IPTC Digital Source Type NewsCodes (https://cv.iptc.org/newscodes/digitalsourcetype/, 2025), folded to letters.
# What is not here (captures, human edits of unknown originals, untrained algorithms) is no statement we can use.
_SOURCE_TYPES = {
    "digitalcreation": OriginKind.HUMAN,
    "digitalart": OriginKind.HUMAN,
    "trainedalgorithmicmedia": OriginKind.AI_GENERATED,
    "compositewithtrainedalgorithmicmedia": OriginKind.AI_ASSISTED,
    "compositesynthetic": OriginKind.AI_ASSISTED,
}
# `ai-disclosure` values of the WHATWG proposal and of draft-abaris-aicdh (IETF, 2025). "none" denies any use of AI.
_DISCLOSURES = {
    "none": OriginKind.HUMAN,
    "aiassisted": OriginKind.AI_ASSISTED,
    "aimodified": OriginKind.AI_ASSISTED,
    "assisted": OriginKind.AI_ASSISTED,
    "aigenerated": OriginKind.AI_GENERATED,
    "aioriginated": OriginKind.AI_GENERATED,
    "machinegenerated": OriginKind.AI_GENERATED,
    "generated": OriginKind.AI_GENERATED,
    "autonomous": OriginKind.AI_GENERATED,
}
# "false" denies generation, not assistance, so it is no statement of human origin.
_GENERATED = {
    "true": OriginKind.AI_GENERATED,
    "yes": OriginKind.AI_GENERATED,
    "1": OriginKind.AI_GENERATED,
    "fully": OriginKind.AI_GENERATED,
    "full": OriginKind.AI_GENERATED,
    "partial": OriginKind.AI_ASSISTED,
    "partially": OriginKind.AI_ASSISTED,
    "partly": OriginKind.AI_ASSISTED,
    "assisted": OriginKind.AI_ASSISTED,
}
# Field, folded to letters: code of the finding and what its values mean. A parser joins repeated fields with ";".
_VOCABULARIES = {
    "digitalsourcetype": ("digital_source_type", _SOURCE_TYPES),
    "aidisclosure": ("ai_disclosure", _DISCLOSURES),
    "aidisclosuremode": ("ai_disclosure", _DISCLOSURES),
    "aigenerated": ("ai_generated", _GENERATED),
    "generatedbyai": ("ai_generated", _GENERATED),
}
_GENERATOR_KEYS = frozenset({"producer", "creator", "creatortool", "generator", "generatedby"})
# Product names that are nobody's own name: "Claude" and "Gemini" count only with maker, model or version.
_GENERATORS = re.compile(
    r"\bchat-?gpt\b|\bgpt-?(?:3\.5|4o?|5)\b|\bopenai\b|\banthropic\b|\bclaude[ -](?:\d|opus|sonnet|haiku|ai\b|code\b)"
    r"|\bgoogle (?:gemini|bard)\b|\bgemini[ -](?:\d|pro\b|flash\b|ultra\b|advanced\b)"
    r"|\b(?:microsoft|github|365) copilot\b|\bperplexity(?:\.ai| ai)\b|\bdeepseek\b"
    r"|\bmistral ai\b|\bgrok[ -]?\d\b|\bllama[ -]?\d",
    re.IGNORECASE,
)
_JSON_LD = re.compile(r'"(?:\w{1,20}:)?digitalSourceType"\s{0,9}:\s{0,9}(?:\[\s{0,9})?"([^"]{1,300})"', re.IGNORECASE)
_LETTERS = re.compile(r"[^a-z0-9]+")
_QUOTE = 200
_VALUE = 100_000
_PARTS = 20
"""Values of one repeated field that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDetector:
    """Detector of declarations; it has no options."""

    name: ClassVar[str] = "declared/1"

    @property
    def fingerprint(self) -> str:
        """Digest of version and vocabularies."""
        tables = {"source": _SOURCE_TYPES, "disclosure": _DISCLOSURES, "generated": _GENERATED}
        return fingerprint(
            "detector",
            {
                "name": self.name,
                "tables": tables,
                "keys": sorted(_GENERATOR_KEYS),
                "patterns": [_GENERATORS.pattern, _JSON_LD.pattern],
            },
        )

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:  # noqa: ARG002 - the seam's form
        """Returns the declarations of one document, in the order of their keys."""
        found: list[Finding] = []
        for key in sorted(document.metadata):
            value = str(document.metadata[key])[:_VALUE]
            parts = value.split(";") if _field(key) in _VOCABULARIES else [value]
            for part in dict.fromkeys(item.strip() for item in parts[:_PARTS]):
                found += self._declarations(key, part)
        return tuple(found)

    def _declarations(self, key: str, value: str) -> Iterator[Finding]:
        field, folded = _field(key), _folded(value)
        if field in _VOCABULARIES:
            code, vocabulary = _VOCABULARIES[field]
            known = _source_type(value) if vocabulary is _SOURCE_TYPES else vocabulary.get(folded, OriginKind.UNKNOWN)
            yield self._finding(code, key, value, known)
        elif field in _GENERATOR_KEYS and _GENERATORS.search(value):
            yield self._finding("generator", key, value, OriginKind.AI_GENERATED)
        elif "digitalsourcetype" in folded and value.lstrip()[:1] in ("{", "["):
            for match in _JSON_LD.finditer(value):
                yield self._finding("digital_source_type", key, match[1], _source_type(match[1]))

    def _finding(self, code: str, key: str, value: str, origin: OriginKind) -> Finding:
        known = origin is not OriginKind.UNKNOWN
        return Finding(
            detector=self.name,
            code=f"declared.{code}",
            level="E3",
            origin=origin,
            basis=Basis.DECLARED if known else Basis.NONE,
            quote=f"{key}: {value}"[:_QUOTE],
            detail={"key": key},
        )


def _source_type(value: str) -> OriginKind:
    """Reads a NewsCode given as its name, its URI or a CURIE."""
    tail = re.split(r"[/#:]", value.strip().rstrip("/"))[-1]
    return _SOURCE_TYPES.get(_folded(tail), OriginKind.UNKNOWN)


def _field(key: str) -> str:
    """Returns the last part of a key such as `iptc4xmpext:digitalsourcetype`, folded to letters."""
    return _folded(re.split(r"[:./]", key)[-1])


def _folded(text: str) -> str:
    return _LETTERS.sub("", text.casefold())
