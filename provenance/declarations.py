"""What somebody declares about the origin of a text (E3), read from names and values.

The values come from anywhere: front matter, meta tags, PDF Info, XMP, office properties, kept HTTP headers, a
sidecar, a contract. Where a value cannot be read as one of the three kinds, or speaks of a part such as a picture,
there is a finding all the same; it says nothing about origin. Nothing here knows a file format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from corpus.types import Basis, Finding, OriginKind
from provenance.generators import AS_AUTHOR, NAMED
from provenance.iptc import folded, source_type
from provenance.linked import Said, statements

NAME = "declared/2"
_AI, _ASSISTED, _HUMAN, _SILENT = (
    OriginKind.AI_GENERATED,
    OriginKind.AI_ASSISTED,
    OriginKind.HUMAN,
    OriginKind.UNKNOWN,
)
# `ai-disclosure` values: the proposal of the W3C AI Content Disclosure community group (2026) and draft-abaris-aicdh
# (IETF, 2025). "none" denies any use of AI; "mixed" says that sections differ.
_DISCLOSURES = {
    "none": _HUMAN,
    "aiassisted": _ASSISTED,
    "aimodified": _ASSISTED,
    "assisted": _ASSISTED,
    "mixed": _ASSISTED,
    "aigenerated": _AI,
    "aioriginated": _AI,
    "machinegenerated": _AI,
    "generated": _AI,
    "autonomous": _AI,
    "unknown": _SILENT,
}
# WHATWG HTML issue 9479. A denial denies generation, not assistance, so it is no statement of human origin.
_GENERATED = {
    "true": _AI,
    "yes": _AI,
    "1": _AI,
    "all": _AI,
    "fully": _AI,
    "full": _AI,
    "partial": _ASSISTED,
    "partially": _ASSISTED,
    "partly": _ASSISTED,
    "assisted": _ASSISTED,
    "false": _SILENT,
    "no": _SILENT,
    "0": _SILENT,
    "none": _SILENT,
    "unknown": _SILENT,
}
_ASSISTS = {"true": _ASSISTED, "yes": _ASSISTED, "1": _ASSISTED, **dict.fromkeys(("false", "no", "0", "none"), _SILENT)}
_BY_HUMANS = {"true": _HUMAN, "yes": _HUMAN, "1": _HUMAN, **dict.fromkeys(("false", "no", "0"), _SILENT)}
TABLES: Mapping[str, Mapping[str, OriginKind]] = {
    "ai_disclosure": _DISCLOSURES,
    "ai_generated": _GENERATED,
    "ai_assisted": _ASSISTS,
    "human_written": _BY_HUMANS,
}
# Field, folded to letters, to the vocabulary of its values. A parser joins repeated fields with ";".
FIELDS: Mapping[str, str] = {
    "digitalsourcetype": "digital_source_type",
    "iptcdigitalsourcetype": "digital_source_type",
    "aidisclosure": "ai_disclosure",
    "aidisclosuremode": "ai_disclosure",
    "xaidisclosure": "ai_disclosure",
    "aigenerated": "ai_generated",
    "generatedbyai": "ai_generated",
    "xaigenerated": "ai_generated",
    "aigeneratedcontent": "ai_generated",
    "aiassisted": "ai_assisted",
    "assistedbyai": "ai_assisted",
    "humanwritten": "human_written",
    "writtenbyhuman": "human_written",
    "writtenbyhumans": "human_written",
}
GENERATOR_KEYS = frozenset(
    {"producer", "creator", "creatortool", "generator", "generatedby", "application", "softwareagent", "aimodel"}
)
_AUTHOR_KEYS = frozenset({"author", "creator", "dccreator", "byline", "writtenby"})
_LABEL = "aigc"
# GB 45438-2025 (China, in force since 2025-09-01), annex E: "1" is, "2" may be, "3" is suspected to be AI content.
_LABELS = {"1": Basis.DECLARED, "2": Basis.SUSPECTED, "3": Basis.SUSPECTED}
_HEADERS = frozenset({"headers", "httpheaders", "responseheaders"})
_MODE = re.compile(r"(?:^|[,;\s])mode\s{0,3}=\s{0,3}\"?([\w-]{1,40})", re.IGNORECASE)
_MANIFEST_LINK = re.compile(r"<([^<>]{1,500})>[^<>]{0,200}?rel\s{0,3}=\s{0,3}\"?c2pa-manifest\b", re.IGNORECASE)
_QUOTE = 200
_VALUE = 1_000_000
_PARTS = 20
"""Values of one repeated field that are read."""


def declarations(metadata: Mapping[str, str], place: str) -> tuple[Finding, ...]:
    """Returns what names and values declare about the origin of a whole document, in the order of the names.

    Args:
        metadata: Names to values, as text; a nested value is JSON.
        place: Where they stand, such as `metadata`, `XMP`, `sidecar` or `contract`.
    """
    return tuple(finding for key in sorted(metadata) for finding in _of_key(key, str(metadata[key])[:_VALUE], place))


def declaration(code: str, key: str, value: str, place: str, said: OriginKind | None, **detail: Any) -> Finding:
    """Makes the finding for one declaration.

    Args:
        code: What kind of declaration, such as `ai_disclosure`.
        key: Its name as it stands there.
        value: Its value.
        place: Where it stands.
        said: What it states; UNKNOWN where it is understood and states nothing, None where it cannot be understood.
        **detail: What else is known.
    """
    states = said not in (None, OriginKind.UNKNOWN)
    problem = {} if said is not None else {"problem": _problem(code, value)}
    return Finding(
        detector=NAME,
        code=f"declared.{code}" if said is not None else "declared.not_understood",
        level="E3",
        origin=said or OriginKind.UNKNOWN,
        basis=Basis.DECLARED if states else Basis.NONE,
        quote=f"{key}: {value}"[:_QUOTE],
        detail={"key": key, "place": place, **problem, **detail},
    )


def disclosed(value: str, table: str) -> OriginKind | None:
    """Reads one value with the vocabulary of a field; None where it is not in it."""
    if table == "digital_source_type":
        return source_type(value)
    mode = _MODE.search(value)
    return TABLES[table].get(folded(mode[1] if mode else value))


def _of_key(key: str, value: str, place: str) -> Iterator[Finding]:
    field = folded(re.split(r"[:./]", key)[-1])
    if field in FIELDS:
        yield from _of_field(FIELDS[field], key, value, place)
    elif field in _HEADERS:
        yield from _of_headers(value)
    elif field == _LABEL:
        yield _of_label(key, value, place)
    elif field in GENERATOR_KEYS and NAMED.search(value[:_QUOTE]):
        yield declaration("generator", key, value, place, OriginKind.AI_GENERATED)
    elif field in _AUTHOR_KEYS and AS_AUTHOR.fullmatch(value.strip()[:_QUOTE]):
        yield declaration("author", key, value, place, OriginKind.AI_GENERATED)
    elif value.lstrip()[:1] in ("{", "["):
        yield from _of_data(key, value, place)


def _of_field(table: str, key: str, value: str, place: str) -> Iterator[Finding]:
    whole = table == "ai_disclosure" and _MODE.search(value[:_QUOTE]) is not None
    for part in dict.fromkeys(item.strip() for item in ([value] if whole else value.split(";")[:_PARTS])):
        yield declaration(table, key, part, place, disclosed(part, table))


def _of_headers(value: str) -> Iterator[Finding]:
    """Reads the HTTP headers that a source kept with the document."""
    headers = _json(value)
    if not isinstance(headers, Mapping):
        return
    place = "HTTP header"
    kept = {str(name): str(text) for name, text in headers.items() if isinstance(text, str | int | bool)}
    for name in sorted(kept):
        if folded(name) in FIELDS:
            yield from _of_field(FIELDS[folded(name)], name, kept[name], place)
        elif folded(name) == "contentcredentials" or (folded(name) == "link" and _MANIFEST_LINK.search(kept[name])):
            yield _elsewhere(name, kept[name], place)


def _elsewhere(name: str, value: str, place: str) -> Finding:
    link = _MANIFEST_LINK.search(value)
    detail = {"key": name, "place": place, "url": link[1] if link else value[:_QUOTE]}
    return Finding(detector=NAME, code="c2pa.elsewhere", level="E1", quote=f"{name}: {value}"[:_QUOTE], detail=detail)


def _of_label(key: str, value: str, place: str) -> Finding:
    label = _json(value)
    said = str(label.get("Label", "")) if isinstance(label, Mapping) else ""
    found = declaration("aigc", key, value, place, OriginKind.AI_GENERATED if said in _LABELS else None)
    return replace(found, basis=_LABELS[said]) if said in _LABELS else found


def _of_data(key: str, value: str, place: str) -> Iterator[Finding]:
    if not any(name in value.casefold() for name in _WORTH):
        return
    data = _json(value)
    if data is None:
        yield declaration("data", key, value, place, None)
        return
    yield from _said(key, statements(data), place)


def _said(key: str, said: Iterable[Said], place: str) -> Iterator[Finding]:
    readers: Mapping[str, Callable[[str], OriginKind | None]] = {
        "digital_source_type": source_type,
        "status": lambda text: source_type(text) or OriginKind.UNKNOWN,
        "generator": lambda text: OriginKind.AI_GENERATED if NAMED.search(text) else OriginKind.UNKNOWN,
    }
    for one in said:
        meant = readers[one.code](one.value)
        if meant is OriginKind.UNKNOWN and one.code != "digital_source_type":
            continue
        if one.about and meant is not None:
            yield declaration("of_a_part", key, one.value, place, OriginKind.UNKNOWN, about=one.about)
        else:
            yield declaration(one.code, f"{key} {one.name}".strip(), one.value, place, meant)


_WORTH = ("digitalsourcetype", "creativeworkstatus", "softwareapplication")


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _problem(code: str, value: str) -> str:
    shown = value[:60]
    if code == "digital_source_type":
        return (
            f"{shown!r} is no IPTC digital source type. Valid are its terms or URIs, such as digitalCreation, "
            "compositeWithTrainedAlgorithmicMedia, trainedAlgorithmicMedia."
        )
    valid = TABLES.get(code)
    return f"{shown!r} is not understood." + (f" Valid: {', '.join(sorted(valid))}." if valid else "")
