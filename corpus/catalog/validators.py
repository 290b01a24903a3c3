"""Validators of documents over HTTP: what their servers said of them when they were read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from corpus.catalog import rows
from corpus.catalog.source_tables import WebValidatorRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorRecord:
    """What is known of one document.

    Attributes:
        doc_id: The document.
        url: Where it is.
        etag: Its entity tag, with quotes; empty for none.
        last_modified: The header `Last-Modified`, as it was sent; empty for none.
        sha256: Digest of the bytes that were read.
        size: Number of the bytes.
    """

    doc_id: str
    url: str
    etag: str
    last_modified: str
    sha256: str
    size: int


def of_contract(tx: Session, contract: str) -> tuple[ValidatorRecord, ...]:
    """Returns what is known of the documents of a contract."""
    columns = rows.columns(WebValidatorRow, ValidatorRecord)
    statement = select(*columns).where(WebValidatorRow.contract == contract)
    return tuple(rows.read(tx, ValidatorRecord, statement))


def replace(tx: Session, contract: str, records: Iterable[ValidatorRecord]) -> None:
    """Keeps what is known of the documents of a contract now; what was known of others is forgotten."""
    tx.execute(delete(WebValidatorRow).where(WebValidatorRow.contract == contract))
    written = (rows.values(record, contract=contract) for record in records)
    changing = ("url", "etag", "last_modified", "sha256", "size")
    rows.insert(tx, WebValidatorRow, written, key=("contract", "doc_id"), update=changing)
