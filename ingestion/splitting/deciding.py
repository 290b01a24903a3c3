"""A person parts a document: some parts are kept, and the next ingest takes only those in.

The decision is kept beside releases and rejections, under the digest of the bytes and of the metadata beside them, and
holds for the text that was looked at. It overrides no rule: what is kept is judged like any other text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus import batches
from corpus.catalog import decisions, documents, queue, votes
from corpus.catalog.records import DecisionRecord, DocumentState
from corpus.errors import ConfigurationError
from corpus.ids import text_digest
from corpus.types import Block, BlockKind, Span
from ingestion import triage
from ingestion.quality import stored_row
from ingestion.runtime import Runtime
from ingestion.splitting.cut import Cut, cut_in, cut_of
from ingestion.splitting.parts import Proposed, at_places, at_structure, proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A document as it was before anybody cut it, and how it is cut.

    Attributes:
        state: Its standing row.
        text: Its whole text.
        blocks: The structure of that.
        findings: Evidence in it, as it was decided about when it was whole, else as it is known now.
        cut: How it was cut by the standing decision; None where it was not.
        asked: How the newest vote that waits for others wants it to be cut; None where no vote does.
    """

    state: DocumentState
    text: str
    blocks: tuple[Block, ...]
    findings: tuple[Mapping[str, Any], ...]
    cut: Cut | None
    asked: Cut | None = None

    @property
    def text_sha256(self) -> str:
        """Digest of the whole text, which a cut is bound to."""
        return text_digest(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a person wants a document to be cut.

    Attributes:
        spans: Its parts, in order, which together are its whole text.
        kept: Numbers, from 1, of those that are kept.
        text_sha256: Digest of the text that was looked at; empty to trust that it is that.
    """

    spans: tuple[Span, ...]
    kept: tuple[int, ...]
    text_sha256: str = ""


def whole_of(runtime: Runtime, contract: str, doc_id: str) -> Whole:
    """Reads the whole of a document, whatever of it is kept.

    Raises:
        ConfigurationError: There is no such document, or nothing of it is stored.
        IntegrityError: The catalog knows it and no segment holds it.
    """
    row = stored_row(runtime, contract, doc_id)
    with runtime.catalog.reading() as tx:
        state = documents.find(tx, contract, doc_id)
        override = queue.override_of(tx, contract, state) if state else None
        history = decisions.of_document(tx, contract, doc_id)
        cast = votes.of_content(tx, contract, doc_id, state.judged_sha256) if state else ()
    if state is None or row["text"] is None:
        raise ConfigurationError(f"{doc_id!r} of {contract} has no text that could be cut.")
    if _is_cut(row):
        row = _before(runtime, contract, row)
    return Whole(
        state=state,
        text=str(row["text"]),
        blocks=batches.blocks_from_json(row["blocks"]),
        findings=_findings(history, row),
        cut=cut_in(override.parts) if override else None,
        asked=next((cut_in(vote.parts) for vote in reversed(cast) if vote.parts), None),
    )


def parts_of(whole: Whole, places: Iterable[int] = ()) -> tuple[Proposed, ...]:
    """Returns the parts of a document: between offsets, else as somebody wants them or as they are, else proposed ones.

    Raises:
        ConfigurationError: An offset is not inside the text.
    """
    given, cut = list(places), _fitting(whole)
    if not whole.text.strip():
        raise ConfigurationError(f"{whole.state.doc_id!r} has no text that could be cut.")
    if given:
        spans = at_places(whole.text, given)
    elif cut is not None:
        spans = tuple(part.span for part in cut.parts)
    else:
        evidence = [Span(start=found["span"][0], end=found["span"][1]) for found in whole.findings if found["span"]]
        spans = at_structure(whole.text, whole.blocks, evidence)
    return proposed(whole.text, spans, whole.blocks, whole.findings, cut.kept if cut else ())


def split_held(
    runtime: Runtime,
    contract: str,
    doc_id: str,
    wanted: Wanted,
    *,
    reason: str,
    actor: str,
    seen: str = "",
    standing: str | None = None,
) -> triage.Settlement:
    """Keeps some parts of a document; the next ingest takes them in where they break no rule that holds documents.

    It may be held, in the index, or rejected by a person. A second split takes the place of the first; one that keeps
    everything makes the document whole again.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_id: The document.
        wanted: Its parts, and which are kept.
        reason: Why, in a person's words.
        actor: Who.
        seen: First characters of the digest of the bytes that were looked at; empty to trust that they are those.
        standing: `ingestion.shown.standing_of` the decision that was shown; None to decide whatever stands.

    Raises:
        ConfigurationError: The document is unknown, in no state to be split or no longer what was seen; the parts are
            not its text, or nothing of it is kept; another decision stands than was shown; or reason or name are
            missing.
        IntegrityError: No segment holds it.
    """
    whole = whole_of(runtime, contract, doc_id)
    if wanted.text_sha256 and wanted.text_sha256 != whole.text_sha256:
        raise ConfigurationError(
            f"the text of {doc_id!r} is another one than was looked at. Nothing was done. Look at it again with "
            f"`stemma quarantine split {contract} {doc_id} --show`."
        )
    cut = cut_of(whole.text, wanted.spans, wanted.kept)
    if not cut.dropped and whole.cut is None:
        raise ConfigurationError(f"every part of {doc_id!r} is kept, so nothing is split. To let it in, release it.")
    return triage.settle_cut(
        runtime, contract, whole.state, cut, reason=reason, actor=actor, seen=seen, standing=standing
    )


def _fitting(whole: Whole) -> Cut | None:
    found = (cut for cut in (whole.asked, whole.cut) if cut is not None and cut.text_sha256 == whole.text_sha256)
    return next(found, None)


def _is_cut(row: Mapping[str, Any]) -> bool:
    return any(block.kind is BlockKind.DROPPED for block in batches.blocks_from_json(row["blocks"]))


def _before(runtime: Runtime, contract: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of a narrowed document as it was before; its segment holds both."""
    with runtime.catalog.reading() as tx:
        state = documents.find(tx, contract, row["doc_id"])
    path = f"segments/{state.segment_id if state else ''}/withheld.parquet"
    if state is not None and runtime.store.exists(path):
        with runtime.store.local_file(path) as file:
            for found in batches.stream_rows(file):
                if found["doc_id"] == row["doc_id"] and not _is_cut(found):
                    return found
    raise ConfigurationError(f"the whole text of {row['doc_id']!r} is not kept. Ingest it again.")


def _findings(history: Sequence[DecisionRecord], row: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    known = next((decision for decision in history if decision.revision_id == row["revision_id"]), None)
    return known.findings if known else tuple(batches.loads(row["findings"]))
