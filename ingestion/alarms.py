"""What is said when a task fails for good: which contract, whose it is, which documents it was about, and why.

Asked by an orchestrator after the fact, so it must not fail itself: what cannot be found out is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from corpus import logs
from corpus.errors import StemmaError
from corpus.settings import Settings, load_settings
from corpus.storage import open_store
from ingestion import staging
from ingestion.discovery import discover

_NAMED = 5
_LOST = "its process ended without a word: killed, out of memory, or its machine is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task that is not tried again.

    Attributes:
        contract: Name of the contract; empty where the task serves all.
        task: What it is called.
        run_id: The Stemma run.
        shard: The shard that it worked on; empty where it is not about one.
        tries: How often it was started.
        error: What it raised; None where its process just ended.
    """

    contract: str
    task: str
    run_id: str
    shard: str = ""
    tries: int = 1
    error: BaseException | str | None = None


def told(failure: Failure, settings: Settings | None = None) -> str:
    """Returns the failure in one line.

    Args:
        failure: What happened.
        settings: The project; None reads those of this process.
    """
    owner = ""
    documents: Sequence[str] = ()
    with suppress(StemmaError, OSError, ValueError, LookupError, TypeError):  # the last three: a damaged file
        settings = settings or load_settings()
        owner = _owner(settings, failure.contract)
        documents = _documents(settings, failure)
    who = f"contract {failure.contract!r} (owner {owner or 'unknown'})" if failure.contract else "all contracts"
    tries = f" after {failure.tries} tries" if failure.tries > 1 else ""
    return f"{who}: {failure.task} of run {failure.run_id} failed{tries}: {_why(failure.error)}{_about(documents)}"


def _why(error: BaseException | str | None) -> str:
    kind = type(error).__name__ if isinstance(error, BaseException) else ""
    said = logs.told(error) if isinstance(error, BaseException) else logs.redact(error or _LOST)
    words = " ".join(said.split()).rstrip(".")
    return f"{kind}: {words}." if kind and words != kind else f"{words}."


def _owner(settings: Settings, contract: str) -> str:
    return next((stub.owner for stub in discover(settings.contracts) if stub.name == contract), "")


def _documents(settings: Settings, failure: Failure) -> Sequence[str]:
    if not failure.shard:
        return ()
    entries = staging.read_shard(open_store(settings.home), failure.run_id, failure.shard)
    return tuple(entry.ref.doc_id for entry in entries)


def _about(documents: Sequence[str]) -> str:
    if not documents:
        return ""
    more = f" and {len(documents) - _NAMED} more" if len(documents) > _NAMED else ""
    return f" Documents of its shard: {', '.join(documents[:_NAMED])}{more}."
