"""Answers: registers what the RAG system served, so that it is recognised when it comes back.

An answer quotes what it retrieved. Where a log names chunks without their text, the text is taken
from the index version that the answer says it was retrieved from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from corpus import batches
from corpus.catalog import answers, contracts, documents
from corpus.catalog.records import AnswerRecord
from corpus.catalog.session import Catalog
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id, text_digest
from corpus.receipts import Receipt
from index import layout
from ingestion.runtime import Runtime
from ingestion.standing import standing_rows
from provenance.answers import AnswerInput, RegisteredAnswer, document_grams, novelty, register
from provenance.importers import native
from provenance.signature import Novelty

_AT_ONCE = 100
"""Answers registered in one transaction: others may write in between."""
LEAST_SHARED = 2
"""Keys of new answers that a standing document must hold to be looked at again; one is a chance phrase."""


def import_answers(runtime: Runtime, path: Path) -> Receipt:
    """Registers a file of served answers (native JSONL).

    Args:
        runtime: The project.
        path: The file; a line that is no answer is counted and reported, and never stops the others.

    Returns:
        A receipt with the numbers of answers registered, known before, not decidable and refused, and of
        standing documents that may repeat one: the next ingest looks at these again. The refused lines
        are its outputs.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            imported = native.load(lines)
    except OSError as error:
        raise ConfigurationError(f"answers file {path} cannot be read: {error.strerror}. Give a JSONL file.") from error
    inputs = _with_context(runtime, imported.answers)
    with runtime.catalog.transaction() as tx:
        before = answers.count(tx)
    registered = register_answers(runtime.catalog, inputs)
    repeated = _look_again(runtime, registered)
    with runtime.catalog.transaction() as tx:
        answers.pack(tx)
        added = answers.count(tx) - before
    return Receipt(
        stage="answers",
        contract="",
        run_id=new_run_id(),
        key=path.name,
        outputs=(*(f"line {problem.line}: {problem.message}" for problem in imported.problems), *_warning(registered)),
        figures={
            "registered": added,
            "known": len(inputs) - added,
            "not_decidable": sum(not answer.decidable for answer in registered),
            "context_unknown": sum(not answer.context_known for answer in registered),
            "refused": len(imported.problems),
            "documents_to_look_at": repeated,
        },
    )


def _look_again(runtime: Runtime, registered: Sequence[RegisteredAnswer]) -> int:
    """Finds standing documents that hold enough of the answers' grams: logs mostly arrive after pages.

    Reads every standing text once per import, in bounded memory; the time grows with the corpus.
    """
    if not registered:
        return 0
    grams = np.unique(np.concatenate([answer.keys for answer in registered]))
    with runtime.catalog.reading() as tx:
        names = contracts.names(tx)
    found = {name: _repeating(runtime, name, grams) for name in names}
    with runtime.catalog.transaction() as tx:
        for name, doc_ids in found.items():
            documents.look_again(tx, name, doc_ids=doc_ids)
    return sum(len(doc_ids) for doc_ids in found.values())


def _repeating(runtime: Runtime, contract: str, grams: npt.NDArray[np.uint64]) -> list[str]:
    rows = standing_rows(runtime, contract, ("doc_id", "text"), ())
    return [
        row["doc_id"]
        for row in rows
        if np.count_nonzero(np.isin(grams, np.unique(document_grams(row["text"]).hashes))) >= LEAST_SHARED
    ]


def _warning(registered: Sequence[RegisteredAnswer]) -> tuple[str, ...]:
    blind = sum(not answer.context_known for answer in registered)
    if not blind:
        return ()
    words = (
        f"{blind} answers came without the text of all that they retrieved: a document that repeats one is only "
        "suspected and no rule holds it back. Log `retrieved` with chunk ids or texts."
    )
    return (words,)


def register_answers(catalog: Catalog, inputs: Sequence[AnswerInput]) -> list[RegisteredAnswer]:
    """Registers answers in order; each sees how common its phrases are among those before it.

    Args:
        catalog: Where.
        inputs: The answers, with the texts of what they retrieved; one that is registered already stays as it is.

    Returns:
        What would be looked for of each.
    """
    done: list[RegisteredAnswer] = []
    for batch in batches.batched(inputs, _AT_ONCE):
        made = [(answer, novelty(answer)) for answer in batch]
        with catalog.transaction() as tx:
            done += [_add(tx, answer, found) for answer, found in made]
    return done


def _add(tx: Session, answer: AnswerInput, found: Novelty) -> RegisteredAnswer:
    digest = text_digest(answer.text)
    if answers.get(tx, [answer.answer_id]):
        return register(answer, found)
    registered = register(answer, found, answers.spread(tx, found.keys.tolist(), digest, same=found.same))
    keys = () if answers.known_text(tx, digest) else tuple(registered.keys.tolist())
    answers.add(tx, [(_record(registered), keys)])
    return registered


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
    """Returns the texts of chunks of `NAME/v000001`; nothing for a version that is not there."""
    name, _, folder = version.partition("/")
    number = layout.version_number(folder)
    if number is None or not name:
        return {}
    try:
        with runtime.store.open(f"{layout.version_path(name, number)}/{layout.CHUNKS}") as handle:
            rows = batches.stream_rows(handle, ["chunk_id", "text"])
            return {row["chunk_id"]: row["text"] for row in rows if row["chunk_id"] in ids}
    except (FileNotFoundError, ValueError):
        return {}
