"""A source that lists less than it should deletes nothing: the guard, the way around it, and the trace it leaves.

A listing that ends in an error is no listing. One that ends early in silence looks like documents that were deleted, so
what a run may let go is limited: by a share that the contract declares, and never all of it. A person may say that the
removal is meant; why goes into the audit log, in the transaction that removes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from corpus.catalog import audit
from corpus.errors import ConfigurationError, ContractBlocked, SourceUnavailable, StemmaError
from corpus.seams import Source
from corpus.types import SourceRef
from ingestion.snapshot import Snapshot
from ingestion.staging import RunNote

SHRINK = "source.shrink"
"""Action of the audit entry of a run that was let remove more than its contract's guard allows."""

_ORDINARY = 3
"""A handful of deletions is ordinary work even in a small folder."""


def require_reason(reason: str, *, asked: bool) -> None:
    """Refuses an override that does not say why.

    Raises:
        ConfigurationError: It was asked for, and the reason is empty.
    """
    if asked and not reason.strip():
        raise ConfigurationError(
            "allow_shrink lets a run remove what its contract's guard protects, and needs a reason: give --reason "
            "'...' (in Airflow the parameter reason); it goes into the audit log."
        )


def whole_listing(source: Source, contract: str, known: int) -> Iterator[SourceRef]:
    """Yields what a source lists, or fails: an error half way never passes for the end.

    Args:
        source: The source.
        contract: Name of the contract, for the message.
        known: Documents that are known, for the message.

    Raises:
        SourceUnavailable: The source failed while it listed.
    """
    listed = 0
    try:
        for ref in source.list():
            yield ref
            listed += 1
    except StemmaError:
        raise
    except (OSError, TimeoutError, EOFError) as error:
        raise SourceUnavailable(
            f"the source of {contract!r} failed after listing {listed} documents ({known} are known): "
            f"{error or type(error).__name__}. Nothing was taken from it and nothing was deleted; run again when it "
            "answers."
        ) from error


def guard_shrink(snapshot: Snapshot, *, known: int, max_removed_share: float, contract: str) -> None:
    """Refuses a listing that would delete more than a contract allows, and one without a single document.

    Args:
        snapshot: The comparison.
        known: Documents known before, those gone not counted.
        max_removed_share: Largest share of them that one run may remove, in [0, 1].
        contract: Name of the contract, for the message.

    Raises:
        ContractBlocked: The guard tripped; nothing has been changed.
    """
    removed = len(snapshot.vanished)
    if not removed:
        return
    if snapshot.listed and (removed <= _ORDINARY or removed <= max_removed_share * known):
        return
    if snapshot.listed:
        told = (
            f"lists {snapshot.listed} documents and {removed} of {known} known ones are missing ({removed / known:.0%})"
            f", more than ragGuards.maxRemovedShare = {max_removed_share:g} allows{_where(snapshot.vanished)}"
        )
    else:
        told = f"lists no document at all, and {known} are known; no share in ragGuards lets all of them go"
    raise ContractBlocked(
        f"the source of {contract!r} {told}. Nothing was deleted. Check that the source is mounted and complete; if "
        "the removal is meant, run again with --allow-shrink --reason '...' (in Airflow the parameters allow_shrink "
        "and reason)."
    )


def _where(vanished: Sequence[tuple[str, str]]) -> str:
    """Says in which folder most of the missing documents were: often it is one that is not mounted."""
    folders = Counter(doc_id.rpartition("/")[0].partition("/")[0] for doc_id, _ in vanished)
    folder, number = folders.most_common(1)[0]
    return f"; {number} of them were under {folder}/" if folder and number * 2 > len(vanished) else ""


def note_override(tx: Session, note: RunNote, *, contract: str, run_id: str, removed: int, actor: str) -> None:
    """Writes into the audit log that a run was let remove more than the guard allows; nothing for other runs."""
    if note.allow_shrink:
        detail = {
            "reason": note.reason,
            "run_id": run_id,
            "known": note.known,
            "listed": note.listed,
            "removed": removed,
        }
        audit.append(tx, actor=actor, action=SHRINK, subject=contract, detail=detail)
