"""The XMP packet of a PDF: the one that its catalog names.

Pictures in a PDF carry packets of their own, and an AI-made picture makes no AI-written text, so only the packet of the
document counts. A search of the bytes comes first; the PDF is opened only where a packet in it says something.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from provenance.generators import NAMED
from provenance.iptc import folded

# ISO 32000-2, 14.3.2: a metadata stream is never inside an object stream, so its dictionary stands in the open.
_XML = re.compile(rb"/Subtype\s{0,9}/XML\b")
_STREAM = re.compile(rb"stream\r?\n")
_MOST_PACKETS, _MOST_BYTES, _DICTIONARY = 50, 1_000_000, 2_000
_TELLING = re.compile(rb"DigitalSourceType|\bAIGC\b|AI-?_?(?:Generated|Disclosure)", re.IGNORECASE)
_NAMES = frozenset({"digitalsourcetype", "creatortool", "producer", "aigc", "aigenerated", "aidisclosure"})
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def read_xmp(data: bytes) -> dict[str, str]:
    """Returns what the XMP packet of a PDF says of origin: names as spelt there, without prefix, to values.

    Args:
        data: A PDF.

    Raises:
        Exception: A packet in it says something and the PDF's own cannot be read.
    """
    if not any(_tells(packet) for packet in _packets(data)):
        return {}
    packet = _own(data)
    return dict(_properties(packet)) if packet else {}


def _tells(packet: bytes) -> bool:
    return _TELLING.search(packet) is not None or NAMED.search(packet.decode("utf-8", "replace")) is not None


def _packets(data: bytes) -> Iterator[bytes]:
    for number, match in enumerate(_XML.finditer(data)):
        if number >= _MOST_PACKETS:
            return
        start = _STREAM.search(data, match.end(), match.end() + _DICTIONARY)
        if start is None:
            continue
        head = data[max(0, match.start() - _DICTIONARY) : start.start()]
        end = data.find(b"endstream", start.end(), start.end() + _MOST_BYTES)
        body = data[start.end() : end if end >= 0 else start.end() + _MOST_BYTES]
        yield _inflated(body) if b"FlateDecode" in head[head.rfind(b" obj") + 1 :] else body


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, _MOST_BYTES)
    except zlib.error:
        return b""


def _own(data: bytes) -> bytes:
    from pypdf import PdfReader  # noqa: PLC0415 - only a PDF whose metadata says something is opened

    root: Any = PdfReader(io.BytesIO(data), strict=False).trailer["/Root"]
    metadata = root.get("/Metadata")
    packet: bytes = metadata.get_object().get_data() if metadata is not None else b""
    return packet[:_MOST_BYTES]


def _properties(packet: bytes) -> Iterator[tuple[str, str]]:
    """Yields the properties of the resource itself; what history or ingredients say speaks of something else."""
    from lxml import etree  # noqa: PLC0415 - as above

    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(packet.strip(b"\x00 \r\n\t"), reader)
    for rdf in () if root is None else root.iter(f"{_RDF}RDF"):
        for description in rdf.iterchildren(f"{_RDF}Description"):
            yield from _of_attributes(description.attrib)
            for item in description.iterchildren("*"):
                name = item.tag.rpartition("}")[2]
                value = item.get(f"{_RDF}resource") or " ".join("".join(item.itertext()).split())
                if folded(name) in _NAMES and value:
                    yield name, value


def _of_attributes(attributes: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        local = str(name).rpartition("}")[2]
        if folded(local) in _NAMES and value:
            yield local, str(value)
