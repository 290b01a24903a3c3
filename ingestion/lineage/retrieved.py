"""Finds where the chunks stand that answers were given: document, revision, place and generation depth.

A chunk is looked up in the index version that its answer names. Where that version is gone, or none was logged, it is
looked up by its text among the segments. What is found nowhere stays unknown and is never taken for a primary source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from corpus.catalog import segments
from corpus.ids import text_digest
from corpus.types import Span
from ingestion.runtime import Runtime
from ingestion.servedchunks import filtered, in_version
from provenance.answers import AnswerInput, RetrievedText
from provenance.lineage import Given

Row: TypeAlias = Mapping[str, Any]

_COLUMNS = ["chunk_id", "doc_id", "revision_id", "start", "end", "text_sha256", "generation_depth"]


def located(runtime: Runtime, inputs: Sequence[AnswerInput]) -> dict[str, tuple[tuple[int, Given], ...]]:
    """Returns, by answer id, the chunks that were found, each with its place in what the answer retrieved."""
    asked: dict[str, set[str]] = defaultdict(set)
    for answer in inputs:
        asked[answer.index_version].update(item.chunk_id for item in answer.retrieved)
    stored = {version: _in_version(runtime, version, ids) for version, ids in asked.items()}
    lost = [
        item
        for answer in inputs
        for item in answer.retrieved
        if item.text is not None and item.chunk_id not in stored[answer.index_version]
    ]
    elsewhere = _in_segments(runtime, lost)
    found = {}
    for answer in inputs:
        places = enumerate(answer.retrieved)
        here = ((place, item, _row(item, stored[answer.index_version], elsewhere)) for place, item in places)
        found[answer.answer_id] = tuple((place, _given(answer, item, row)) for place, item, row in here if row)
    return found


def _row(item: RetrievedText, stored: Mapping[str, Row], elsewhere: Mapping[str, Row]) -> Row | None:
    return stored.get(item.chunk_id) or (elsewhere.get(text_digest(item.text)) if item.text is not None else None)


def _given(answer: AnswerInput, item: RetrievedText, row: Row) -> Given:
    return Given(
        answer_id=answer.answer_id,
        chunk_id=item.chunk_id,
        document=f"{row['contract']}/{row['doc_id']}",
        revision_id=row["revision_id"],
        span=Span(start=row["start"], end=row["end"]),
        cited=item.chunk_id in answer.cited,
        least_depth=row["generation_depth"],
    )


def _in_version(runtime: Runtime, version: str, ids: set[str]) -> dict[str, Row]:
    name = version.partition("/")[0]
    return {key: {**row, "contract": name} for key, row in in_version(runtime, version, ids, _COLUMNS).items()}


def _in_segments(runtime: Runtime, items: Sequence[RetrievedText]) -> dict[str, Row]:
    """Returns chunks by the digest of their text, each as it stands in the oldest segment that has it."""
    digests = {text_digest(item.text) for item in items if item.text is not None}
    with runtime.catalog.reading() as tx:
        holding = segments.holding(tx, digests)
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for digest, segment in holding.items():
        wanted[segment].add(digest)
    found: dict[str, Row] = {}
    for (segment_id, contract), texts in wanted.items():
        try:
            for row in filtered(runtime, f"segments/{segment_id}/chunks.parquet", "text_sha256", texts, _COLUMNS):
                found.setdefault(row["text_sha256"], {**row, "contract": contract})
        except (FileNotFoundError, ValueError):  # lost or damaged: the audit tells
            continue
    return found
