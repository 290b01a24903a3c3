"""What runs ask about deletions and erasures; loads nothing heavy, since every run asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from corpus.catalog import erasures
from corpus.catalog.exclusive import gate
from corpus.catalog.records import ActiveRevision
from corpus.ids import tomb_digest
from ingestion.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")


def adding(work: Callable[Concatenate[Runtime, P], T]) -> Callable[Concatenate[Runtime, P], T]:
    """Lets a stage that adds to the home work beside others, and not while an erasure takes something out."""

    @wraps(work)
    def held(runtime: Runtime, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with gate(runtime.catalog):
            return work(runtime, *args, **kwargs)

    return held


def left(runtime: Runtime, contract: str, active: Iterable[ActiveRevision]) -> tuple[ActiveRevision, ...]:
    """Returns the revisions without those of documents that are deleted or erased: what the next version holds."""
    with runtime.catalog.reading() as tx:
        buried = erasures.buried(tx, contract, "document")
    return tuple(item for item in active if not buried or tomb_digest(contract, item.doc_id) not in buried)


def complete_left(runtime: Runtime, contract: str) -> int:
    """Completes the erasures of a contract that were cut short; returns how many those were."""
    with runtime.catalog.reading() as tx:
        pending = any(record.contract == contract for record in erasures.pending(tx))
    if not pending:
        return 0
    from ingestion.stages import erase  # noqa: PLC0415 - faiss and Arrow, seldom needed

    return len(erase.complete(runtime, contract))
