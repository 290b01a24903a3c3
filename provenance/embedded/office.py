"""The custom XML parts of an office file: what they declare of origin, XMP among them.

Core, application and custom properties are read by the parser; these parts are not. An archive is opened for its table
of contents only, unless it has such parts.
"""

from __future__ import annotations

import io
import re
import zipfile

from provenance.declarations import FIELDS
from provenance.iptc import folded

_PART = re.compile(r"customXml/item\d{1,4}\.xml|docProps/(?:xmp|meta)[\w.-]{0,40}\.(?:xml|xmp)")
_TELLING = re.compile(rb"digitalsourcetype|ai[-_]?(?:generated|disclosure|assisted)", re.IGNORECASE)
_MOST_PARTS, _MOST_BYTES = 20, 1_000_000


def read_parts(data: bytes) -> dict[str, str]:
    """Returns what the custom XML parts say of origin: `part name` to value.

    Args:
        data: An office file.

    Raises:
        Exception: The archive, or a part that says something, cannot be read.
    """
    if b"customXml/item" not in data and b"docProps/xmp" not in data and b"docProps/meta" not in data:
        return {}
    found: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [item for item in archive.infolist() if _PART.fullmatch(item.filename)][:_MOST_PARTS]
        for part in parts:
            if part.file_size <= _MOST_BYTES and _TELLING.search(body := archive.read(part)):
                found |= {f"{part.filename} {name}": value for name, value in _fields(body)}
    return found


def _fields(body: bytes) -> list[tuple[str, str]]:
    from lxml import etree  # noqa: PLC0415 - only a part that says something is parsed

    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(body, reader)
    found: list[tuple[str, str]] = []
    for element in () if root is None else root.iter("*"):
        names = [(element.tag, " ".join("".join(element.itertext()).split())), *element.attrib.items()]
        local = [(str(name).rpartition("}")[2], str(value)) for name, value in names]
        found += [(name, value) for name, value in local if folded(name) in FIELDS and value]
    return found
