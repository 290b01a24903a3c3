"""Reads signed provenance manifests (C2PA): the strongest evidence there is about a document (E1).

A manifest that verifies and whose signer is trusted here decides (E1); of an unknown signer it counts as declared
(E1b). One that was tampered with, breaks the standard, cannot be read, or is kept elsewhere decides nothing and is
told: it is never passed over as absent. Where the library is not installed, the bytes still tell that a manifest is
there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from corpus.ids import fingerprint
from corpus.types import Basis, Finding, OriginKind, ParsedDocument, RawBlob
from provenance.credentials.carriers import Carrier, carriers
from provenance.credentials.claims import Claims, claims_of
from provenance.credentials.verify import State, Verified, library, verify

_QUOTE = 200
_MOST = 20
_DECIDES = {State.TRUSTED: "E1", State.UNTRUSTED: "E1b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class C2paDetector:
    """Detector of manifests.

    Attributes:
        anchors: Certificates of trusted roots, PEM, one after the other; empty for none.
    """

    name: ClassVar[str] = "c2pa/1"
    anchors: str = ""

    @property
    def fingerprint(self) -> str:
        """Digest of version, of the library (and whether it is there), and of the trusted certificates."""
        digest = hashlib.sha256(self.anchors.encode()).hexdigest() if self.anchors else ""
        return fingerprint("detector", {"name": self.name, "library": library(), "anchors": digest})

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:
        """Returns one finding per manifest, the file beside the document first; none where there is no manifest."""
        try:
            found = carriers(blob.data, document.media_type, blob.manifest)
        except Exception as error:  # noqa: BLE001 - the seam's law: no document makes a detector raise
            return (self._unreadable(error),)
        return tuple(finding for carrier in found[:_MOST] for finding in self._of(carrier, blob, document, len(found)))

    def _of(self, carrier: Carrier, blob: RawBlob, document: ParsedDocument, count: int) -> tuple[Finding, ...]:
        try:
            result = verify(blob.data, document.media_type, carrier, self.anchors)
            if result.state is State.ABSENT:
                # The library sees none where the bytes show one.
                result = Verified(state=State.UNREADABLE, why=result.why, store={})
            return (self._finding(carrier, result, claims_of(result.store), count),)
        except Exception as error:  # noqa: BLE001 - as above
            return (self._unreadable(error),)

    def _finding(self, carrier: Carrier, result: Verified, claims: Claims, count: int) -> Finding:
        decides = result.state in _DECIDES and claims.origin is not OriginKind.UNKNOWN
        detail = {
            "place": carrier.way.value,
            "state": result.state.value,
            "why": result.why,
            "byte": carrier.start if carrier.start >= 0 else None,
            "url": carrier.url,
            "manifests": count,
            "digital_source_types": list(claims.source_types),
            "claim_generator": claims.generator,
            "signer": claims.signer,
            "signed_at": claims.signed_at,
        }
        return Finding(
            detector=self.name,
            code=f"c2pa.{result.state}",
            level=_DECIDES.get(result.state, "E1"),
            origin=claims.origin if decides else OriginKind.UNKNOWN,
            basis=Basis.DECLARED if decides else Basis.NONE,
            quote=_quote(result, claims)[:_QUOTE],
            detail={key: value for key, value in detail.items() if value not in (None, "", [])},
        )

    def _unreadable(self, error: Exception) -> Finding:
        reason = " ".join(str(error).split())[:_QUOTE] or type(error).__name__
        return Finding(detector=self.name, code="c2pa.unreadable", level="E1", quote=reason)


def _quote(result: Verified, claims: Claims) -> str:
    if result.state not in _DECIDES:
        return result.why or str(result.state)
    said = "; ".join(claims.source_types) or "no digital source type"
    by = " by ".join(part for part in (f"signed {claims.signed_at}".strip(), claims.signer) if part)
    return f"{said}; {by}; written by {claims.generator or 'an unnamed program'}"
