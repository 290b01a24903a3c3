"""Identity: canonical JSON, digests, fingerprints and the ids built from them.

Canonical form first, hash second. Nothing here reads a clock or a random source except
`new_run_id`, which names an event and never content.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from uuid6 import uuid7

_SLUG = re.compile(r"[^a-z0-9._/-]+")
_MARKED = re.compile(r"-[0-9a-f]{16}$")
_MOST_LETTERS = 1000
"""Of an id. PostgreSQL's indexes take rows of 2,704 bytes, and one of ours holds two ids."""
NAME_PATTERN = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")


def canonical_json(value: Any) -> bytes:
    """Serialises a JSON value to its one canonical byte form.

    Keys are sorted by code point, there is no insignificant white space, text is UTF-8 and not
    escaped, and floats take Python's shortest round-trip form: RFC 8785, except that a float stays
    one (`1.0`, `1e+22`, `-0.0`) and keys beyond U+FFFF sort after all others.

    Args:
        value: Anything `json` can write; tuples become arrays, Mappings objects.

    Returns:
        The UTF-8 bytes. `json.loads` of them gives the value back, tuples as lists.

    Raises:
        ValueError: The value holds NaN, an infinity or a lone surrogate, which JSON in UTF-8 cannot say.
        TypeError: The value holds something that is not JSON.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        bad = [key for key in value if not isinstance(key, str)]
        if bad:
            raise TypeError(f"canonical JSON needs string keys, got {bad[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"canonical JSON has no form for {value!r}")
    return value


def sha256_hex(data: bytes) -> str:
    """Returns the SHA-256 of `data` as 64 lower-case hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def judged_digest(raw_sha256: str, sidecar_sha256: str) -> str:
    """Returns the digest of all that a person judges of a document: its bytes and the metadata beside them.

    Args:
        raw_sha256: Digest of the bytes, empty when they could not be read.
        sidecar_sha256: Digest of the metadata beside them, empty where there is none.

    Returns:
        `raw_sha256` itself where there is no metadata beside it: what `sha256sum` prints for the file.
    """
    if not sidecar_sha256:
        return raw_sha256
    return fingerprint("judged", {"raw": raw_sha256, "sidecar": sidecar_sha256})


def text_digest(text: str) -> str:
    """Returns the SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return sha256_hex(text.encode("utf-8"))


def fingerprint(kind: str, parts: Mapping[str, Any]) -> str:
    """Returns the digest of everything that changes an output.

    Args:
        kind: What is fingerprinted, such as `embedder`; two kinds with equal parts differ.
        parts: Every parameter that changes the output, and nothing that does not.

    Returns:
        64 hexadecimal characters.
    """
    return sha256_hex(canonical_json({"kind": kind, "parts": parts}))


def normalise_doc_id(path: str) -> str:
    """Turns a path inside a source into a document id.

    The result matches `^[a-z0-9._/-]+$`, and no part of it is empty, `.` or `..`. Where folding loses
    something (upper case, spaces, other scripts, what is over 1,000 letters), or where the path looks as if it had been
    folded, 64 bits of digest of the original are appended: two paths do not share an id, and nobody can
    name a file so that it takes the id of another.

    Args:
        path: Path relative to the root of the source, with `/` between parts. A name that is not
            UTF-8 is taken as the operating system gives it, with lone surrogates.

    Raises:
        ValueError: The path is empty or climbs out of the source with `..`.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise ValueError(f"not a path inside a source: {path!r}")
    joined = "/".join(parts)
    folded = unicodedata.normalize("NFKD", joined).encode("ascii", "ignore").decode().lower()
    # Folding can empty a part, or turn full-width dots into a climb.
    slug = "/".join(part for part in _SLUG.sub("-", folded).split("/") if part not in ("", ".", ".."))
    if slug == joined and not _MARKED.search(slug) and len(slug) <= _MOST_LETTERS:
        return slug
    slug = slug[: _MOST_LETTERS - 17].rstrip("/.")
    return f"{slug or 'doc'}-{sha256_hex(joined.encode('utf-8', 'surrogatepass'))[:16]}"


def revision_id(doc_id: str, state_key: str) -> str:
    """Returns the id of one revision: a document at one content under one pipeline."""
    return fingerprint("revision", {"doc_id": doc_id, "state_key": state_key})[:32]


def chunk_id(doc_id: str, text_sha256: str, occurrence: int) -> str:
    """Returns the id of a chunk, which survives edits elsewhere in its document.

    Args:
        doc_id: The document that holds the chunk.
        text_sha256: Digest of the chunk's text.
        occurrence: 0 for the first chunk of the document with this text, then 1, 2, ...
    """
    parts = {"doc_id": doc_id, "text_sha256": text_sha256, "occurrence": occurrence}
    return fingerprint("chunk", parts)[:32]


def tomb_digest(index: str, doc_id: str) -> str:
    """Returns the digest under which a deleted or erased document of an index is remembered.

    Who knows the id can tell that it is meant; the digest does not give the id.
    """
    return hashlib.sha256(f"tombstone\0{index}\0{doc_id}".encode()).hexdigest()


def erased_digest(sha256: str) -> str:
    """Returns the digest under which the digest of an erased text, or of its bytes, is remembered."""
    return fingerprint("erased-content", {"sha256": sha256})


def new_run_id() -> str:
    """Returns a fresh run id that sorts by time (UUID version 7, RFC 9562)."""
    return str(uuid7())
