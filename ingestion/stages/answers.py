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

from corpus import batches
from corpus.catalog import answers, contracts, documents, lineage
from corpus.catalog.records import AnswerRecord
from corpus.errors import ConfigurationError
from corpus.ids import new_run_id, text_digest
from corpus.receipts import Receipt
from index import layout
from ingestion.lineage.remember import refresh, remember_answers
from ingestion.lineage.retrieved import located
from ingestion.runtime import Runtime
from ingestion.standing import standing_rows
from provenance.answers import AnswerInput, RegisteredAnswer, document_grams, novel_grams, register
from provenance.importers import native
from provenance.reuse import LEAST_HITS


def import_answers(runtime: Runtime, path: Path) -> Receipt:
    """Registers a file of served answers (native JSONL).

    Args:
        runtime: The project.
        path: The file; a line that is no answer is counted and reported, and never stops the others.

    Returns:
        A receipt with the numbers of answers registered, known before, not decidable and refused, of
        standing documents that may repeat one, or that repeat one whose depth is another now: the next ingest
        looks at these again; and of retrieved chunks that stand in no version or segment. The refused lines
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
    registered = [_register(runtime, answer) for answer in inputs]
    repeated = _look_again(runtime, registered)
    found = located(runtime, inputs)
    with runtime.catalog.transaction() as tx:
        remember_answers(tx, found)
        repeated += refresh(tx, map(lineage.answer, found))
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
            "chunks_not_found": sum(len(answer.retrieved) - len(found[answer.answer_id]) for answer in inputs),
        },
    )


def _look_again(runtime: Runtime, registered: Sequence[RegisteredAnswer]) -> int:
    """Finds standing documents that hold enough of the answers' grams: logs mostly arrive after pages.

    Reads every standing text once per import, in bounded memory; the time grows with the corpus.
    """
    grams = np.unique(np.fromiter((gram for answer in registered for gram in answer.novel), dtype=np.uint64))
    if not len(grams):
        return 0
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
        if np.count_nonzero(np.isin(grams, np.asarray(document_grams(row["text"]).values, dtype=np.uint64)))
        >= LEAST_HITS
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


def _register(runtime: Runtime, answer: AnswerInput) -> RegisteredAnswer:
    """Registers one answer; each sees how common its phrases are among those before it."""
    with runtime.catalog.transaction() as tx:
        known = answers.get(tx, [answer.answer_id])
        spread = {} if known else answers.gram_spread(tx, novel_grams(answer))
        registered = register(answer, spread=spread)
        if not known:
            answers.add(tx, [(_record(registered), registered.novel)])
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
        gram_count=registered.gram_count,
        decidable=registered.decidable,
        context_known=registered.context_known,
        question=answer.question,
        trace_id=answer.trace_id,
        mark=answer.mark,
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
