"""Looks into zip-based office files before a library does: size guard and declared properties."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from corpus.errors import ParseError
from ingestion.parsers.layout import tidy

# A zip of 50 MB can hold petabytes; what a text document needs stays far below this.
MAX_UNPACKED_BYTES = 500_000_000
_PARTS = ("docProps/core.xml", "docProps/app.xml", "docProps/custom.xml", "meta.xml")
_MAX_PART_BYTES = 1_000_000
_NAMES = {"creator": "author", "lastmodifiedby": "last_modified_by", "keyword": "keywords"}
_SKIPPED = frozenset({"titlesofparts", "headingpairs", "vector", "variant", "lpstr", "i4", "template"})


def refuse_bomb(data: bytes) -> None:
    """Raises ParseError where an archive is damaged, locked, or unpacks to more than is reasonable."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ParseError(
            f"The file is cut off or damaged: its table of contents is missing ({error}). Upload it again.",
            code="truncated",
        ) from error
    if any(member.flag_bits & 1 for member in members):
        raise ParseError("The file is encrypted. Save it without a password.", code="encrypted")
    total = sum(member.file_size for member in members)
    if total > MAX_UNPACKED_BYTES:
        raise ParseError(
            f"The file unpacks to {total} bytes; at most {MAX_UNPACKED_BYTES} are read. Split it.", code="too_large"
        )


def properties(data: bytes) -> dict[str, str]:
    """Returns what an office file declares of itself (core, application and custom properties).

    Args:
        data: A zip-based office file; any other file has no properties here.

    Returns:
        Lower-case names; `creator` is given as `author` as in the other formats.
    """
    found: dict[str, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in _PARTS:
                if name in archive.namelist() and archive.getinfo(name).file_size <= _MAX_PART_BYTES:
                    found.update(_pairs(archive.read(name)))
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        return {}
    return found


def _pairs(part: bytes) -> Iterator[tuple[str, str]]:
    from lxml import etree  # noqa: PLC0415 - an unchanged run parses nothing

    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(part, reader)
    for element in () if root is None else root.iter("*"):
        name = _name(element)
        value = tidy(" ".join("".join(element.itertext()).split()))
        if value and name not in _SKIPPED and (len(element) == 0 or element.get("name")):
            yield _NAMES.get(name, name), value


def _name(element: Any) -> str:
    custom = element.get("name") or (element.getparent() is not None and element.getparent().get("name"))
    named = custom or element.get("{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}name")
    return str(named or element.tag.rpartition("}")[2]).strip().lower()
