"""Verifies a C2PA manifest with c2pa-python, where it is installed. Nothing is ever fetched.

The library is the judge of signatures, claims and assertions; `binding` judges the digest of the document in formats
that the library does not read. A manifest that cannot be read is told as that: it is neither absent nor broken.
"""

from __future__ import annotations

import importlib.util
import io
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from provenance.credentials.binding import archive_problem, text_problem
from provenance.credentials.carriers import Carrier, Way
from provenance.credentials.wrapper import wrappers

PACKAGE = "c2pa-python"
_LIBRARY_READS = frozenset({Way.BESIDE, Way.PDF, Way.SVG})
"""ZIP is not among them: c2pa-python 0.38 refuses archives with compressed members, as office files have."""
_UNTRUSTED = "signingCredential.untrusted"
_DOUBT = ".untrusted"
"""Ends codes that say who is not known (signer, authority of a time stamp, CAWG identity), not that it is broken."""
# What the library reports of the document's digest in a format whose layout it does not know: judged here instead.
_BINDING = frozenset({"assertion.dataHash.mismatch", "assertion.collectionHash.mismatch"})


class State(StrEnum):
    """How a manifest came out."""

    TRUSTED = "trusted"
    """It verifies, and its signer is one of those that are trusted here."""
    UNTRUSTED = "untrusted"
    """It verifies; nobody here vouches for its signer."""
    TAMPERED = "tampered"
    """The document, or the manifest, is not as it was signed."""
    INVALID = "invalid"
    """It breaks a rule of the standard, or its certificate does not hold."""
    UNREADABLE = "unreadable"
    ELSEWHERE = "elsewhere"
    """It is kept at an address; nothing is fetched."""
    NOT_READ = "not_read"
    """There is no library here that reads it."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of one manifest.

    Attributes:
        state: How it came out.
        why: The reason, in words or codes of the standard; empty where it verifies.
        store: The manifest store as JSON; empty where it could not be read.
    """

    state: State
    why: str = ""
    store: Mapping[str, Any]


def library() -> str:
    """Returns the version of the library, empty where it is not installed."""
    if importlib.util.find_spec("c2pa") is None:
        return ""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def verify(data: bytes, media_type: str, carrier: Carrier, anchors: str = "") -> Verified:
    """Verifies one manifest of a document.

    Args:
        data: The document, as it came.
        media_type: What it is.
        carrier: Where its manifest is.
        anchors: Certificates of trusted roots, PEM, one after the other; empty for none.
    """
    if carrier.url:
        return Verified(state=State.ELSEWHERE, why=f"kept at {carrier.url}; nothing is fetched", store={})
    if carrier.problem:
        return Verified(state=State.UNREADABLE, why=carrier.problem, store={})
    if not library():
        return Verified(
            state=State.NOT_READ,
            why="a C2PA manifest is there but cannot be read here: install stemma-rag[c2pa]",
            store={},
        )
    return _read(data, _form(data, media_type, carrier), carrier, anchors)


def _form(data: bytes, media_type: str, carrier: Carrier) -> str:
    if carrier.way is Way.SVG or (carrier.way is Way.BESIDE and b"<svg" in data[:4096]):
        return "image/svg+xml"
    return media_type


def _read(data: bytes, media_type: str, carrier: Carrier, anchors: str) -> Verified:
    import c2pa  # noqa: PLC0415 - an optional extra, and a native library: loaded where there is a manifest

    packed = data.startswith(b"PK\x03\x04")
    known = carrier.way in _LIBRARY_READS and not packed
    given = None if carrier.way in (Way.PDF, Way.SVG) else carrier.store
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), given, _context(anchors)) as reader:
            store, detailed = json.loads(reader.json()), json.loads(reader.detailed_json())
    except c2pa.C2paError as error:
        return _refused(str(error))
    failures = [str(item.get("code")) for item in _results(store).get("failure") or ()]
    broken = sorted({code for code in failures if not code.endswith(_DOUBT)})
    if not known:
        broken = sorted(set(broken) - _BINDING)
        problem = "" if broken else _unbound(detailed, data, carrier)
        if problem:
            return Verified(state=State.TAMPERED, why=problem, store=store)
    if broken:
        tampered = any(code.endswith(".mismatch") for code in broken)
        return Verified(state=State.TAMPERED if tampered else State.INVALID, why=", ".join(broken)[:200], store=store)
    return _judged(store, untrusted=_UNTRUSTED in failures, bound=not known)


def _judged(store: Mapping[str, Any], *, untrusted: bool, bound: bool) -> Verified:
    """Takes the library's word where it knows the format, and its codes where the digest was judged here."""
    passed = {str(item.get("code")) for item in _results(store).get("success") or ()}
    if "claimSignature.validated" not in passed:
        return Verified(state=State.INVALID, why="its signature was not validated", store=store)
    if not bound and store.get("validation_state") not in ("Valid", "Trusted"):
        return Verified(state=State.INVALID, why=f"the library says {store.get('validation_state')!r}", store=store)
    trusted = not untrusted and "signingCredential.trusted" in passed
    return Verified(state=State.TRUSTED if trusted else State.UNTRUSTED, store=store)


def _refused(said: str) -> Verified:
    said = " ".join(said.split())[:200]
    if said.startswith("ManifestNotFound"):
        return Verified(state=State.ABSENT, why=said, store={})
    if said.startswith("Remote"):
        return Verified(state=State.ELSEWHERE, why=said, store={})
    return Verified(state=State.UNREADABLE, why=said, store={})


def _unbound(detailed: Mapping[str, Any], data: bytes, carrier: Carrier) -> str:
    active = (detailed.get("manifests") or {}).get(detailed.get("active_manifest")) or {}
    assertions = active.get("assertion_store") or {}
    if data.startswith(b"PK\x03\x04"):
        return archive_problem(assertions, data)
    problem = text_problem(assertions, data, carrier)
    if problem and carrier.way is Way.TEXT and (normal := _normal(data, carrier)):
        return text_problem(assertions, *normal)
    return problem


def _normal(data: bytes, carrier: Carrier) -> tuple[bytes, Carrier] | None:
    """Returns the text in the normal form that A.8 signs, where it came in another; None where it did not."""
    text = data.decode("utf-8", "surrogateescape")
    if unicodedata.is_normalized("NFC", text):
        return None
    normal = unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")
    places = (replace(carrier, start=one.start, end=one.end) for one in wrappers(normal) if one.store == carrier.store)
    return next(((normal, place) for place in places), None)


def _results(store: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (store.get("validation_results") or {}).get("activeManifest") or {}
    return found


@lru_cache(maxsize=4)
def _context(anchors: str) -> Any:
    import c2pa  # noqa: PLC0415 - as above

    checks = {"verify_after_reading": True, "verify_trust": True, "ocsp_fetch": False, "remote_manifest_fetch": False}
    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    return c2pa.Context.from_dict({"verify": checks, **trust})
