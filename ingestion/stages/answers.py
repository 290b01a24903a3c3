"""Answers: registers what the RAG system served, so that it is recognised when it comes back.

An answer quotes what it retrieved. Where a log names chunks without their text, the text is taken
from the index version that the answer says it was retrieved from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import answers, contracts, documents, forgotten, lineage, postings, rows
from corpus.catalog.records import AnswerRecord
from corpus.catalog.session import Catalog
from corpus.ids import new_run_id, text_digest
from corpus.receipts import Receipt
from corpus.types import utc_now
from ingestion.answerlog import AUTO, open_log
from ingestion.erasure.left import adding
from ingestion.keeping import Keeping
from ingestion.lineage.remember import refresh, remember_answers
from ingestion.lineage.retrieved import located
from ingestion.observing import observed
from ingestion.runtime import Runtime
from ingestion.servedchunks import in_version
from ingestion.standing import standing_rows
from provenance.answers import AnswerInput, RegisteredAnswer, document_grams, novelty, register
from provenance.importers.native import LineProblem
from provenance.signature import Novelty

BATCH = 2_000
"""Answers that are held at once."""
_AT_ONCE = 100
"""Answers registered in one transaction: others may write in between."""
LEAST_SHARED = 2
"""Keys of new answers that a standing document must hold to be looked at again; one is a chance phrase."""
_MOST_TOLD = 200
"""Refused lines that a receipt names; all are counted."""


@dataclass(slots=True)
class _Tally:
    """What an import came to so far; of the answers only their keys are held."""

    figures: Counter[str] = field(default_factory=Counter)
    problems: list[LineProblem] = field(default_factory=list)
    keys: list[npt.NDArray[np.uint64]] = field(default_factory=list)


@observed("answers", begins=True, ends=True)
@adding
def import_answers(runtime: Runtime, path: Path, *, file_format: str = AUTO) -> Receipt:
    """Registers a file of served answers.

    Args:
        runtime: The project.
        path: The file; a line or trace that gives no answer is counted and reported, and never stops the others.
        file_format: `native` (JSON Lines of Stemma), `otlp` (OTLP in JSON), or `auto` to tell it from its bytes.

    Returns:
        A receipt with the numbers of answers registered, known before, known with another text, not decidable, refused,
        erased before (they stay so) and past their term, of values that a log left out, of standing documents that may
        repeat an answer, or repeat one whose depth is another now: the next ingest looks at these again; and of
        retrieved chunks that stand in no version or segment. The refused lines are its outputs.

    Raises:
        ConfigurationError: The file cannot be read, or the format is none.
        ContractError: A contract is invalid, so what it lets be kept is not known.
    """
    keeping = Keeping(runtime)
    tally = _Tally()
    with open_log(path, file_format) as log:
        for batch in rows.chunks(log.items, BATCH):
            tally.problems += [item for item in batch if isinstance(item, LineProblem)]
            _import(runtime, keeping, [item for item in batch if isinstance(item, AnswerInput)], tally)
    repeated = _look_again(runtime, tally.keys)
    return Receipt(
        stage="answers",
        contract="",
        run_id=new_run_id(),
        key=path.name,
        inputs=(log.format,),
        outputs=(
            *_told(tally.problems),
            *_other_text(tally.figures["other_text"]),
            *_warning(tally.figures["context_unknown"]),
        ),
        figures={
            **{name: tally.figures[name] for name in ("registered", "known", "not_decidable", "context_unknown")},
            "refused": len(tally.problems),
            **{name: tally.figures[name] for name in ("other_text", "erased", "expired") if tally.figures[name]},
            "documents_to_look_at": repeated + tally.figures["deeper"],
            "chunks_not_found": tally.figures["chunks_not_found"],
            **{f"log.{name}": number for name, number in sorted(log.notes.items()) if number},
        },
    )


def record_answers(runtime: Runtime, inputs: Sequence[AnswerInput]) -> Receipt:
    """Registers answers as they are served; for a file of them, `import_answers`.

    Standing documents are not read: an answer is recorded before anybody can have copied it.

    Args:
        runtime: The project.
        inputs: The answers; one that is known stays as it is, or learns what it was made from.

    Returns:
        A receipt with the same figures as that of an import.

    Raises:
        ContractError: A contract is invalid, so what it lets be kept is not known.
    """
    tally = _Tally()
    _import(runtime, Keeping(runtime), inputs, tally)
    names = ("registered", "known", "not_decidable", "context_unknown", "erased", "expired")
    return Receipt(
        stage="answers",
        contract="",
        run_id=new_run_id(),
        key="recorded",
        outputs=_warning(tally.figures["context_unknown"]),
        figures={name: tally.figures[name] for name in names},
    )


def _import(runtime: Runtime, keeping: Keeping, inputs: Sequence[AnswerInput], tally: _Tally) -> None:
    """Registers what may be registered of a batch."""
    now = utc_now()
    with runtime.catalog.reading() as tx:
        gone = forgotten.erased(tx, [answer.answer_id for answer in inputs])
    wanted = [answer for answer in inputs if answer.answer_id not in gone]
    terms = [keeping.expires_at(answer.index_version, answer.served_at) for answer in wanted]
    kept = [answer for answer, term in zip(wanted, terms, strict=True) if term is None or term > now]
    tally.figures["erased"] += len(inputs) - len(wanted)
    tally.figures["expired"] += len(wanted) - len(kept)
    tally.figures["other_text"] += _contradicting(runtime, kept)
    ready = _with_context(runtime, kept)
    done = register_answers(runtime.catalog, ready, keeping.kept)
    tally.figures["erased"] += len(ready) - len(done)
    for registered, new in done:
        tally.figures["registered" if new else "known"] += 1
        tally.figures["not_decidable"] += not registered.decidable
        tally.figures["context_unknown"] += not registered.context_known
        tally.keys.append(registered.keys)
    _remember(runtime, ready, tally)


def _contradicting(runtime: Runtime, inputs: Sequence[AnswerInput]) -> int:
    """Returns how many have the id of an answer before them and another text than it."""
    with runtime.catalog.reading() as tx:
        stands = {name: record.text_sha256 for name, record in answers.get(tx, [a.answer_id for a in inputs]).items()}
    digests = [(answer.answer_id, text_digest(answer.text)) for answer in inputs]
    return sum(stands.setdefault(name, digest) != digest for name, digest in digests)


def _remember(runtime: Runtime, inputs: Sequence[AnswerInput], tally: _Tally) -> None:
    """Keeps which documents the answers came from; what came of the answers is deeper then."""
    found = located(runtime, inputs)
    with runtime.catalog.transaction() as tx:
        postings.hold(tx)
        kept = lineage.depths(tx, found)  # some may have been erased meanwhile
        remember_answers(tx, {answer_id: found[answer_id] for answer_id in kept})
        tally.figures["deeper"] += refresh(tx, map(lineage.answer, kept))
    tally.figures["chunks_not_found"] += sum(len(item.retrieved) - len(found[item.answer_id]) for item in inputs)


def _told(problems: Sequence[LineProblem]) -> tuple[str, ...]:
    told = [f"line {problem.line}: {problem.message}" for problem in problems[:_MOST_TOLD]]
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD} more")
    return tuple(told)


def _look_again(runtime: Runtime, found: Sequence[npt.NDArray[np.uint64]]) -> int:
    """Finds standing documents that share keys with the answers: logs mostly arrive after pages.

    Reads every standing text once per import, in bounded memory; the time grows with the corpus.
    """
    keys = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *found]))
    if not len(keys):
        return 0
    with runtime.catalog.reading() as tx:
        names = contracts.names(tx)
    repeating = {name: _repeating(runtime, name, keys) for name in names}
    with runtime.catalog.transaction() as tx:
        for name, doc_ids in repeating.items():
            documents.look_again(tx, name, doc_ids=doc_ids)
    return sum(len(doc_ids) for doc_ids in repeating.values())


def _repeating(runtime: Runtime, contract: str, keys: npt.NDArray[np.uint64]) -> list[str]:
    rows = standing_rows(runtime, contract, ("doc_id", "text"), ())
    return [
        row["doc_id"] for row in rows if _shared(keys, np.unique(document_grams(row["text"]).hashes)) >= LEAST_SHARED
    ]


def _other_text(number: int) -> tuple[str, ...]:
    said = f"{number} with the id of another answer and another text: what was registered first stays"
    return (said,) if number else ()


def _shared(keys: npt.NDArray[np.uint64], few: npt.NDArray[np.uint64]) -> int:
    """Returns how many of a few numbers are among sorted keys, at the cost of the few."""
    places = np.minimum(np.searchsorted(keys, few), len(keys) - 1)
    return int(np.count_nonzero(keys[places] == few))


def _warning(blind: int) -> tuple[str, ...]:
    if not blind:
        return ()
    words = (
        f"{blind} answers came without the text of all that they retrieved: a document that repeats one is only "
        "suspected and no rule holds it back. Log `retrieved` with chunk ids or texts."
    )
    return (words,)


def register_answers(
    catalog: Catalog, inputs: Sequence[AnswerInput], kept: Callable[[AnswerRecord], AnswerRecord] | None = None
) -> list[tuple[RegisteredAnswer, bool]]:
    """Registers answers in order; each sees how common its phrases are among those before it.

    Args:
        catalog: Where.
        inputs: The answers, with the texts of what they retrieved. One that is registered already stays as it is,
            unless it is known only now what it was made from.
        kept: Takes away from a record what may not be kept of it; None keeps all.

    Returns:
        What would be looked for of each, and whether it is new; those that were erased, also meanwhile, are left out.
    """
    done: list[tuple[RegisteredAnswer, bool]] = []
    for batch in batches.batched(inputs, _AT_ONCE):
        made = [(answer, novelty(answer)) for answer in batch]
        with catalog.transaction() as tx:
            postings.hold(tx)
            gone = forgotten.erased(tx, [answer.answer_id for answer in batch])
            done += [_add(tx, answer, found, kept) for answer, found in made if answer.answer_id not in gone]
    with catalog.transaction() as tx:
        answers.pack(tx)
    return done


def _add(
    tx: Session, answer: AnswerInput, found: Novelty, kept: Callable[[AnswerRecord], AnswerRecord] | None
) -> tuple[RegisteredAnswer, bool]:
    digest = text_digest(answer.text)
    stands = answers.get(tx, [answer.answer_id]).get(answer.answer_id)
    if stands and not _tells_more(answer, found, stands, digest):
        return register(answer, found), False
    registered = register(answer, found, answers.spread(tx, found.keys.tolist(), digest, same=found.same))
    sure = registered.decidable and registered.context_known
    held = answers.known_text(tx, digest, decidable=registered.decidable, context_known=sure)
    keys = () if held else tuple(registered.keys.tolist())
    record = kept(_record(registered)) if kept is not None else _record(registered)
    if stands:
        answers.learn(tx, record, keys)
    else:
        answers.add(tx, [(record, keys)])
    return registered, not stands


def _tells_more(answer: AnswerInput, found: Novelty, stands: AnswerRecord, digest: str) -> bool:
    """Returns whether it is known only now what the answer that stands was made from."""
    return not stands.context_known and stands.text_sha256 == digest and register(answer, found).context_known


def _record(registered: RegisteredAnswer) -> AnswerRecord:
    answer = registered.answer
    return AnswerRecord(
        answer_id=answer.answer_id,
        system=answer.system,
        model=answer.model,
        served_at=answer.served_at,
        text=answer.text,
        text_sha256=text_digest(answer.text),
        retrieved=tuple(item.chunk_id for item in answer.retrieved),
        cited=answer.cited,
        index_version=answer.index_version,
        gram_count=len(registered.keys),
        decidable=registered.decidable,
        context_known=registered.context_known,
        question=answer.question,
        trace_id=answer.trace_id,
        mark=answer.mark,
        signature=registered.signature.to_bytes(),
    )


def _with_context(runtime: Runtime, inputs: Sequence[AnswerInput]) -> list[AnswerInput]:
    wanted: dict[str, set[str]] = {}
    for answer in inputs:
        missing = {item.chunk_id for item in answer.retrieved if item.text is None}
        if missing and answer.index_version:
            wanted.setdefault(answer.index_version, set()).update(missing)
    texts = {version: _chunk_texts(runtime, version, ids) for version, ids in wanted.items()}
    return [_filled(answer, texts.get(answer.index_version, {})) for answer in inputs]


def _filled(answer: AnswerInput, texts: dict[str, str]) -> AnswerInput:
    retrieved = tuple(
        item if item.text is not None else replace(item, text=texts.get(item.chunk_id)) for item in answer.retrieved
    )
    return replace(answer, retrieved=retrieved)


def _chunk_texts(runtime: Runtime, version: str, ids: set[str]) -> dict[str, str]:
    return {key: row["text"] for key, row in in_version(runtime, version, ids, ["text"]).items()}
