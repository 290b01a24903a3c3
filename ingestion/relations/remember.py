"""What a run leaves in the catalog for the next comparison: signatures, names, relations, authors.

Called inside the transaction that writes the documents, so that all of it counts, or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from corpus.catalog import authors, documents, relations, sketches
from corpus.catalog.records import AuthorRecord, RelationRecord
from corpus.types import Outcome, utc_now
from ingestion import staging
from ingestion.relations.codes import CONFLICT, SUPERSEDED
from ingestion.relations.neighbours import newcomer_of, notes_of, sketch_record
from ingestion.relations.twins import Newcomer

Row = Mapping[str, Any]

COUNTED = {
    "duplicates": "duplicate.exact",
    "near": "duplicate.near",
    "superseded": SUPERSEDED,
    "conflicts": CONFLICT,
    "paraphrases": "answer.paraphrase",
}
"""Figure of a receipt to the code of the finding that it counts documents of."""


def remember(
    tx: Session, contract: str, run_id: str, rows: Sequence[Row], patches: Mapping[str, Mapping[str, Any]]
) -> None:
    """Writes what later comparisons need of the documents that a shard decided about.

    Args:
        tx: The transaction that writes their standing rows.
        contract: The contract.
        run_id: The run.
        rows: Their assessed rows, as `relate` left them.
        patches: What `relate` found, by document id.
    """
    decided = [row for row in rows if row["outcome"] != Outcome.FAIL]
    read = [newcomer_of(row, active=False) for row in decided if row["content_sha256"]]
    forget(tx, contract, [row["doc_id"] for row in decided if not row["content_sha256"]])
    found = {item.doc_id: patches.get(item.doc_id, {}) for item in read}
    families = ((item, str(found[item.doc_id].get("family") or item.doc_id)) for item in read)
    sketches.put(tx, contract, [sketch_record(contract, item, family) for item, family in families])
    _relate(tx, contract, run_id, read, found)
    admitted = [item for item in read if item.sound]
    _authors(tx, contract, run_id, admitted)
    taken = [name for item in admitted for name in found[item.doc_id].get("displaces", ())]
    relations.displace(tx, contract, run_id, taken)
    documents.look_again(tx, contract, doc_ids=patches.get(staging.WHOLE_RUN, {}).get("again", ()))


def forget(tx: Session, contract: str, doc_ids: Collection[str]) -> None:
    """Removes what was remembered of documents that are gone, or have no text any more."""
    sketches.remove(tx, contract, doc_ids)
    relations.remove(tx, contract, doc_ids)


def counted(rows: Sequence[Row]) -> dict[str, int]:
    """Returns the number of documents about which each kind of relation was found."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update(name for name, code in COUNTED.items() if f'"{code}"' in row["findings"])
    return {name: found[name] for name in COUNTED}


def _relate(
    tx: Session,
    contract: str,
    run_id: str,
    read: Sequence[Newcomer],
    found: Mapping[str, Mapping[str, Any]],
) -> None:
    written = {item.doc_id for item in read}
    records: list[RelationRecord] = []
    for item in read:
        patch = found[item.doc_id]
        records += notes_of(contract, run_id, item, sound=bool(patch.get("sound", item.sound)))
        records += [
            RelationRecord(contract=contract, run_id=run_id, **relation) for relation in patch.get("relations", ())
        ]
    relations.replace(tx, contract, written, [record for record in records if record.doc_id in written])
    relations.add(tx, [record for record in records if record.doc_id not in written])


def _authors(tx: Session, contract: str, run_id: str, admitted: Sequence[Newcomer]) -> None:
    now = utc_now()
    names = sorted({item.author for item in admitted if item.author})
    authors.add(
        tx, [AuthorRecord(contract=contract, author=name, first_run_id=run_id, first_seen_at=now) for name in names]
    )
