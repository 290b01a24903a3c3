"""Whether a manifest in a text or an archive is of this very document, where the library cannot tell.

The library verifies the signature, the claim and the digests of all assertions, the one that holds the document's
digest among them. In formats that it does not read it takes no notice of where the manifest stands, so that digest is
computed here: over the text without the carrier (C2PA 2.4, A.7 to A.9), or over each member of an archive (A.6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from provenance.credentials.carriers import ZIP_MEMBER, Carrier

_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})
_LOCAL = struct.Struct("<4sHHHHHIIIHH")  # APPNOTE.TXT 4.3.7: local file header


def text_problem(assertions: Mapping[str, Any], data: bytes, carrier: Carrier) -> str:
    """Returns why the text is not the one that was signed; empty where it is.

    Args:
        assertions: Label to content of the active manifest's assertions, as the library's detailed form has them.
        data: The document.
        carrier: Where the manifest stands in it. Only bytes inside may be left out of the digest: a digest that leaves
            out words would vouch for any words.
    """
    content = next((value for label, value in assertions.items() if label.startswith("c2pa.hash.data")), None)
    if not isinstance(content, Mapping):
        return "the manifest holds no digest of the text"
    try:
        left_out = [(int(item["start"]), int(item["length"])) for item in content.get("exclusions") or ()]
        wanted, algorithm = base64.b64decode(str(content["hash"])), str(content.get("alg") or "sha256")
    except (KeyError, TypeError, ValueError, binascii.Error):
        return "the digest in the manifest is malformed"
    if algorithm not in _ALGORITHMS:
        return f"the digest is of the kind {algorithm!r}, which is not read"
    if any(start < carrier.start or start + length > carrier.end or length < 0 for start, length in left_out):
        return "the digest leaves out more of the text than the manifest itself"
    rest = _without(data, left_out)
    if hmac.compare_digest(hashlib.new(algorithm, rest).digest(), wanted):
        return ""
    return "the text is not the one that was signed"


def archive_problem(assertions: Mapping[str, Any], data: bytes) -> str:
    """Returns why the members of an archive are not those that were signed; empty where they are.

    Args:
        assertions: As above.
        data: The archive.
    """
    labels = (label for label in assertions if label.startswith("c2pa.hash.collection.data"))
    content = assertions.get(next(labels, ""))
    if not isinstance(content, Mapping) or not isinstance(content.get("uris"), Mapping | list):
        return "the manifest holds no digests of the members"
    uris = content["uris"]
    pairs = uris.items() if isinstance(uris, Mapping) else ((str(item.get("uri")), item) for item in uris)
    wanted = {str(name): item for name, item in pairs if isinstance(item, Mapping)}
    found = list(_members(data))
    members = dict(found)
    if len(members) < len(found):
        return "two members have one name"
    if missing := sorted(set(wanted) ^ set(members)):
        return f"members were added or taken out: {', '.join(missing[:3])}"
    algorithm = str(content.get("alg") or "sha256")
    if algorithm not in _ALGORITHMS:
        return f"the digests are of the kind {algorithm!r}, which is not read"
    changed = [name for name, bodies in members.items() if not _matches(wanted[name], bodies, algorithm)]
    return f"members are not those that were signed: {', '.join(sorted(changed)[:3])}" if changed else ""


def _without(data: bytes, ranges: list[tuple[int, int]]) -> bytes:
    kept, at = [], 0
    for start, length in sorted(ranges):
        kept.append(data[at:start])
        at = max(at, start + length)
    return b"".join((*kept, data[at:]))


def _members(data: bytes) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    """Yields the bytes of each member, its local header included: without and with what stands behind its content."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = sorted((info for info in archive.infolist()), key=lambda info: info.header_offset)
        starts = [info.header_offset for info in infos] + [archive.start_dir]
        for info, following in zip(infos, starts[1:], strict=True):
            if info.is_dir() or info.filename == ZIP_MEMBER:
                continue
            header = _LOCAL.unpack_from(data, info.header_offset)
            end = info.header_offset + _LOCAL.size + header[9] + header[10] + info.compress_size
            yield info.filename, (data[info.header_offset : end], data[info.header_offset : following])


def _matches(wanted: Mapping[str, Any], bodies: tuple[bytes, bytes], algorithm: str) -> bool:
    try:
        digest = base64.b64decode(str(wanted.get("hash")))
    except (ValueError, binascii.Error):
        return False
    return any(hmac.compare_digest(hashlib.new(algorithm, body).digest(), digest) for body in bodies)
