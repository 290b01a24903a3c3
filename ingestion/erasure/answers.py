"""Answers that were made from an erased document: those that were given its chunks, and those that repeat it."""

from __future__ import annotations

from collections.abc import Collection

from corpus.catalog import documents, forgotten, lineage, scrub
from corpus.catalog.records import AnswerRecord
from ingestion.erasure.versions import Work

_PAGE = 500


def erase_answers(work: Work, chunk_ids: Collection[str]) -> int:
    """Erases the answers that came of the document, each for good; returns how many.

    An answer came of it when lineage says so, when it retrieved or cited one of its chunks, or when its text or
    question repeats a run of its words.
    """
    done = 0
    for answer_id in sorted(_found(work, frozenset(chunk_ids))):
        with work.runtime.catalog.transaction() as tx:
            judged = forgotten.judged_by(tx, [answer_id])
            number = sum(len(doc_ids) for doc_ids in judged.values())
            reason = f"made from erased document {work.record.digest[:12]}"
            if forgotten.erase(tx, answer_id, reason=reason, actor=work.record.actor, documents=number):
                done += 1
            for contract, doc_ids in judged.items():
                documents.look_again(tx, contract, doc_ids=doc_ids)
    return done


def _found(work: Work, chunk_ids: frozenset[str]) -> set[str]:
    with work.runtime.catalog.reading() as tx:
        nodes = scrub.nodes_of(tx, work.name, work.record.doc_id)
        found = {edge.subject.name for edge in lineage.children(tx, nodes) if edge.subject.kind == "answer"}
    after = ""
    while True:
        with work.runtime.catalog.reading() as tx:
            page = forgotten.page(tx, after=after, limit=_PAGE)
        if not page:
            return found
        found.update(record.answer_id for record in page if _came_of(work, record, chunk_ids))
        after = page[-1].answer_id


def _came_of(work: Work, record: AnswerRecord, chunk_ids: frozenset[str]) -> bool:
    if not chunk_ids.isdisjoint((*record.retrieved, *record.cited)):
        return True
    return any(work.words.runs_in(text) for text in (record.text, record.question) if text)
