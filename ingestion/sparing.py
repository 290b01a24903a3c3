"""Spares a re-embed the texts that end the process which embeds them: found by the next attempt, named, and held.

The marks and the trials are those of `ingestion.suspects`; what is in hand are texts of one segment for one space. A
text that is given up has no vector, and no version can be built of it. So its document is held, with a reason that
names it, and left out of the next version; a trial of a model (mode `shadow`) takes nothing out and is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import decisions, documents, reembeds, relations, versions
from corpus.catalog.records import DecisionRecord, DocumentState, EmbedderRecord
from corpus.errors import ConfigurationError, GateFailed
from corpus.types import Outcome, Reason, utc_now
from index import layout
from ingestion.pacing import Pace
from ingestion.relations.codes import CONFLICT, CYCLE, SUPERSEDED
from ingestion.runtime import Runtime
from ingestion.suspects import FOLDER, Attempt, Watched
from ingestion.trying import TextTrial

CODE = "embed.crash"
"""Code of the reason for which a document is held."""
_MACHINE = "stemma"
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A chunk whose text cannot be embedded.

    Attributes:
        segment_id: Its segment.
        doc_id: Its document.
        revision_id: The revision of that.
        ordinal: Its number in the document, from 0.
    """

    segment_id: str
    doc_id: str
    revision_id: str
    ordinal: int


@dataclass(slots=True, kw_only=True)
class Spared:
    """The guard of some segments that are embedded together.

    Attributes:
        runtime: The project.
        contract: Name of the contract.
        space: Where they are embedded.
    """

    runtime: Runtime
    contract: str
    space: EmbedderRecord
    _attempts: dict[str, Attempt] = field(default_factory=dict)
    _refused: dict[str, frozenset[str]] = field(default_factory=dict)

    @contextlib.contextmanager
    def over(self, segment_ids: Sequence[str]) -> Iterator[Spared]:
        """Tries apart what an earlier attempt at these segments had in hand when it ended, and watches this one.

        Raises:
            ConfigurationError: A text of the index ends its process, and the re-embed is a trial.
        """
        marked = set(self.runtime.store.names(FOLDER))
        with contextlib.ExitStack() as stack:
            for segment_id in segment_ids:
                attempt = self._attempts[segment_id] = Attempt(self.runtime.store, self._name(segment_id))
                stack.enter_context(attempt.alive())
                if self._name(segment_id) in marked:
                    self._refused[segment_id] = attempt.deadly(self._texts(segment_id), self._trial(segment_id))
            self._require_cutover()
            yield self
            for segment_id in self._refused:
                self._attempts[segment_id].done()

    def watched(self, segment_id: str, pace: Pace) -> Pace:
        """Returns a pace that leaves the marks of what goes through the model for a segment."""
        return Watched(attempt=self._attempts[segment_id], owners=None, pace=pace)

    def refused(self, segment_id: str) -> frozenset[str]:
        """Returns the digests of the texts of a segment that were given up."""
        return self._refused.get(segment_id, frozenset())

    def hold(self, tx: Session, run_id: str) -> int:
        """Holds the active documents whose texts were given up, in the transaction that refers to the vectors.

        What stepped aside for one of them is looked at again by the next ingest.

        Returns:
            How many.
        """
        lost = self._lost(tx)
        if not lost:
            return 0
        states, now = relations.states(tx, self.contract, lost), utc_now()
        outcome = Outcome.QUARANTINE.value
        held = [replace(states[name], state="quarantined", outcome=outcome, updated_at=now) for name in lost]
        documents.record(tx, self.contract, run_id, held)
        decisions.add(tx, [self._decision(tx, states[name], lost[name], run_id) for name in lost])
        waiting = relations.waiting_on(tx, self.contract, lost, (CONFLICT, CYCLE, SUPERSEDED))
        documents.look_again(tx, self.contract, doc_ids=set(waiting) - set(lost))
        return len(held)

    def _decision(self, tx: Session, state: DocumentState, lost: Lost, run_id: str) -> DecisionRecord:
        history = decisions.of_document(tx, self.contract, state.doc_id)
        before = next(item for item in history if item.revision_id == state.revision_id)
        reason = Reason(code=CODE, message=f"{self._said(lost)} {_ASK}")
        return replace(
            before,
            run_id=run_id,
            outcome=Outcome.QUARANTINE.value,
            reasons=(*before.reasons, batches.reason_json(reason)),
            actor=_MACHINE,
            decided_at=utc_now(),
        )

    def _said(self, lost: Lost) -> str:
        return (
            f"The text of chunk {lost.ordinal} of {lost.doc_id!r} (contract {self.contract!r}, segment "
            f"{lost.segment_id}) ended the process that embeds it with {self.space.model!r}, and again when tried "
            "apart."
        )

    def _require_cutover(self) -> None:
        """Refuses a trial of a model that cannot embed what is in the index.

        Raises:
            ConfigurationError: There is such a text.
        """
        if not any(self._refused.values()):
            return
        with self.runtime.catalog.reading() as tx:
            moving = reembeds.get(tx, self.contract, self.space.fingerprint)
            lost = [] if moving is not None and moving.mode == "cutover" else list(self._lost(tx).values())
        if lost:
            name, model = self.contract, self.space.model
            raise ConfigurationError(
                f"{self._said(lost[0])}{_more(len(lost) - 1)} A trial takes no document out of the index, so this one "
                f"cannot end. Reject the document (`stemma quarantine reject {name} {lost[0].doc_id} --reason '...'`), "
                f"ingest and run again; or give the trial up: `stemma reembed {name} --model {model} --abandon`."
            )

    def _lost(self, tx: Session) -> dict[str, Lost]:
        """Returns the first lost chunk of each active document that has one, by document."""
        found: dict[str, Lost] = {}
        for segment_id, digests in self._refused.items():
            if not digests:
                continue
            for row in self._rows(segment_id):
                if row["text_sha256"] in digests:
                    lost = Lost(
                        segment_id=segment_id,
                        doc_id=row["doc_id"],
                        revision_id=row["revision_id"],
                        ordinal=row["ordinal"],
                    )
                    found.setdefault(lost.doc_id, lost)
        states = relations.states(tx, self.contract, found)
        return {name: lost for name, lost in sorted(found.items()) if _stands(states.get(name), lost)}

    def _rows(self, segment_id: str) -> list[dict[str, Any]]:
        with self.runtime.store.open(f"segments/{segment_id}/chunks.parquet") as handle:
            columns = ["doc_id", "revision_id", "ordinal", "text_sha256"]
            found: list[dict[str, Any]] = batches.read_table(handle, columns).to_pylist()
        return found

    def _texts(self, segment_id: str) -> list[str]:
        return list(dict.fromkeys(str(row["text_sha256"]) for row in self._rows(segment_id)))

    def _trial(self, segment_id: str) -> TextTrial:
        space = self.space
        return TextTrial(
            settings=self.runtime.settings,
            segment_id=segment_id,
            model=space.model,
            revision=space.revision,
            space=space.fingerprint,
        )

    def _name(self, segment_id: str) -> str:
        return f"{self.space.fingerprint[:16]}-{segment_id}"


_ASK = (
    "It was held so that the others go on. Mend the text, or reject the document; if it is in order, give the machine, "
    "or the container, more memory and release it."
)


def _stands(state: DocumentState | None, lost: Lost) -> bool:
    return state is not None and state.state == "active" and state.revision_id == lost.revision_id


def _more(number: int) -> str:
    return f" So did those of {number} more documents." if number > 0 else ""


def require_let_go(runtime: Runtime, contract: str, space: EmbedderRecord) -> None:
    """Refuses a cut-over from a version that still serves documents which the new space cannot hold.

    Documents and model never change in one step, so these leave in the space that serves first.

    Raises:
        GateFailed: There are such documents.
    """
    with runtime.catalog.reading() as tx:
        standing = decisions.standing(tx, contract, Outcome.QUARANTINE.value)
        held = {item.doc_id: said for item in standing if (said := _reason(item.reasons))}
        live = versions.alias(tx, contract, "live") if held else None
        served = versions.get(tx, contract, live.number) if live else None
    if served is None or served.embedder_fingerprint == space.fingerprint:
        return
    with runtime.store.open(f"{layout.version_path(contract, served.number)}/{layout.DOCUMENTS}") as handle:
        inside = set(batches.read_table(handle, ["doc_id"])["doc_id"].to_pylist())
    lost = {name: said for name, said in sorted(held.items()) if name in inside}
    if lost:
        first = "\n".join(list(lost.values())[:_NAMED])
        raise GateFailed(
            f"{len(lost)} documents of {contract!r} are held because the process that embeds them ends, and "
            f"{layout.version_name(served.number)}, which serves, holds them. Documents and model do not change in one "
            f"step. Publish the corpus without them: `stemma index release {contract}`; then run "
            f"`stemma reembed {contract}` again, which embeds nothing twice. To keep them, give the re-embed up "
            f"(--abandon) and release them from quarantine.\n{first}"
        )


def _reason(reasons: Sequence[Mapping[str, object]]) -> str:
    return next((str(reason["message"]) for reason in reasons if reason["code"] == CODE), "")
