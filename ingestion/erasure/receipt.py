"""The receipt of an erasure: what was searched, what was found and what is left, signed. It holds no text and no id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from corpus.catalog import erasures
from corpus.catalog.erasures import ErasureRecord
from corpus.errors import IntegrityError, SignatureInvalid
from corpus.ids import canonical_json, sha256_hex
from corpus.storage import Store
from corpus.types import utc_now
from index.signing import TrustStore, is_canonical, predicate_of, sign_statement, verify
from ingestion.erasure.versions import Work
from ingestion.runtime import Runtime

PREDICATE_TYPE = "urn:stemma-rag:erasure-receipt:v1"
_SUBJECT = "erasure"
_SUFFIX = ".dsse.json"


def path_of(contract: str, digest: str) -> str:
    """Returns where the receipt of an erasure is kept."""
    return f"erasures/{contract}/{digest}{_SUFFIX}"


def publish(work: Work, said: Mapping[str, Any]) -> dict[str, Any]:
    """Signs what an erasure came to and keeps it; an erasure of the same document later takes its place.

    Returns:
        What was signed.
    """
    record = work.record
    with work.runtime.catalog.reading() as tx:
        stored = erasures.get(tx, record.contract, record.digest)
    contents = stored.contents if stored is not None else ()
    predicate = {
        "contract": record.contract,
        "document": record.digest,
        "reason": record.reason,
        "actor": record.actor,
        "requested_at": record.requested_at.isoformat(),
        "finished_at": utc_now().isoformat(),
        "contents": list(contents),
        **said,
    }
    envelope = sign_statement(work.signer, {_SUBJECT: sha256_hex(canonical_json(predicate))}, predicate, PREDICATE_TYPE)
    work.runtime.store.replace(path_of(record.contract, record.digest), envelope)
    return predicate


def restore_refusals(runtime: Runtime, contract: str) -> int:
    """Brings back which documents are refused, where the catalog was lost or is an older copy; returns how many.

    The receipts say it. A document whose erasure was lifted since is refused again until a person lifts it once more.
    """
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    names = (name for name in runtime.store.names(f"erasures/{contract}") if name.endswith(_SUFFIX))
    done = 0
    for digest in (name.removesuffix(_SUFFIX) for name in names):
        with runtime.catalog.reading() as tx:
            known = erasures.get(tx, contract, digest) is not None
        if not known:
            said = read(runtime.store, contract, digest, trust)
            with runtime.catalog.transaction() as tx:
                erasures.restore(tx, _record(said))
            done += 1
    return done


def _record(said: Mapping[str, Any]) -> ErasureRecord:
    return ErasureRecord(
        contract=said["contract"],
        digest=said["document"],
        state="done",
        doc_id="",
        contents=tuple(said["contents"]),
        reason=said["reason"],
        actor=said["actor"],
        requested_at=datetime.fromisoformat(said["requested_at"]),
        finished_at=datetime.fromisoformat(said["finished_at"]),
    )


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
