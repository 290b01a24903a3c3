"""The receipt of an erasure: what was searched, what was found and what is left, signed. It holds no text and no id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corpus.errors import IntegrityError, SignatureInvalid
from corpus.ids import canonical_json, sha256_hex
from corpus.storage import Store
from corpus.types import utc_now
from index.signing import TrustStore, is_canonical, predicate_of, sign_statement, verify
from ingestion.erasure.versions import Work

PREDICATE_TYPE = "urn:stemma-rag:erasure-receipt:v1"
_SUBJECT = "erasure"


def path_of(contract: str, digest: str) -> str:
    """Returns where the receipt of an erasure is kept."""
    return f"erasures/{contract}/{digest}.dsse.json"


def publish(work: Work, said: Mapping[str, Any]) -> dict[str, Any]:
    """Signs what an erasure came to and keeps it; an erasure of the same document later takes its place.

    Returns:
        What was signed.
    """
    record = work.record
    predicate = {
        "contract": record.contract,
        "document": record.digest,
        "reason": record.reason,
        "actor": record.actor,
        "requested_at": record.requested_at.isoformat(),
        "finished_at": utc_now().isoformat(),
        **said,
    }
    envelope = sign_statement(work.signer, {_SUBJECT: sha256_hex(canonical_json(predicate))}, predicate, PREDICATE_TYPE)
    work.runtime.store.replace(path_of(record.contract, record.digest), envelope)
    return predicate


def read(store: Store, contract: str, digest: str, trust: TrustStore) -> dict[str, Any]:
    """Reads and verifies a receipt.

    Raises:
        SignatureInvalid: It is not signed by a trusted key, was altered, or is that of another document.
        IntegrityError: There is none.
    """
    try:
        data = store.read_bytes(path_of(contract, digest))
    except FileNotFoundError as error:
        raise IntegrityError(f"there is no receipt {digest[:12]} of {contract!r}.") from error
    said = predicate_of(data)
    verify(data, trust, {_SUBJECT: sha256_hex(canonical_json(said))}, PREDICATE_TYPE)
    if not is_canonical(data) or (said.get("contract"), said.get("document")) != (contract, digest):
        raise SignatureInvalid(
            f"the receipt {digest[:12]} of {contract!r} was altered, or is that of another document."
        )
    return said
