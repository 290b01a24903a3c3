"""Contamination of one version or candidate: which questions are asked, of what reader, and what they find.

Questions are the contract's verified ones and those of the answers that were logged last for this index.
They are asked of the same reader that an application uses, without filters. What is measured, and what
alarms, is in `provenance.exposure` and `provenance.alarms`; versions are compared in
`ingestion.stages.contamination`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.gates import ContaminationGate
from contracts.model import Contract
from corpus import batches
from corpus.catalog import contamination as measurements
from corpus.catalog import versions
from corpus.catalog.contamination import LoggedAnswer
from corpus.catalog.records import VersionRecord
from corpus.seams import Embedder
from corpus.types import utc_now
from index import layout
from index.build import Built
from index.contamination_gate import Figures, Limits
from index.contamination_gate import contamination as gate
from index.manifest import GateResult, Manifest
from index.reader import Hit, IndexReader, open_index
from index.signing import TrustStore
from index.tombstones import Watch
from index.unsealed import open_built
from ingestion.candidate import Candidate
from ingestion.embedding import open_embedder
from ingestion.models import space_of
from ingestion.runtime import Runtime
from provenance.exposure import KS, Contamination, Passage, Retrieved, Used, measure

LATEST_ANSWERS = 500
"""Logged answers that are looked at: more move no share of them by a point, and each is a search."""

_COLUMNS = ["chunk_id", "doc_id", "digital_source_type", "origin_basis", "generation_depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, and whether it is `golden` (verified, of the contract) or `logged`."""

    text: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of each version, and what was left out.

    Attributes:
        questions: The questions, golden ones first, each once.
        answers: The logged answers that were looked at, newest first.
        without_question: Answers whose question was not logged.
        repeated: Questions that were asked before, case and white space aside.
    """

    questions: tuple[Question, ...]
    answers: tuple[LoggedAnswer, ...]
    without_question: int
    repeated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of a version, and what each question found in it, in the order of the questions."""

    found: Contamination
    retrieved: tuple[Retrieved, ...]


def questions_for(runtime: Runtime, contract: Contract, limit: int = LATEST_ANSWERS) -> Asked:
    """Gathers the questions of an index.

    Args:
        runtime: The project.
        contract: The contract, whose name is that of the index.
        limit: How many logged answers are looked at, newest first.
    """
    with runtime.catalog.reading() as tx:
        known = [f"{item.name}/{layout.version_name(item.number)}" for item in versions.all_of(tx, contract.name)]
        answers = measurements.logged(tx, known, limit, utc_now()) if limit else ()
    golden = [Question(text=item.question, group="golden") for item in contract.golden if item.question.strip()]
    spoken = [item.question for item in answers if item.question and item.question.strip()]
    every = [*golden, *(Question(text=text, group="logged") for text in spoken)]
    once = {_folded(question.text): question for question in reversed(every)}
    kept = tuple(question for question in every if once[_folded(question.text)] is question)
    return Asked(
        questions=kept,
        answers=answers,
        without_question=len(answers) - len(spoken),
        repeated=len(every) - len(kept),
    )


def measure_version(runtime: Runtime, version: VersionRecord, asked: Asked, ks: Collection[int] = KS) -> Measured:
    """Asks a version, opened and verified, with its own model.

    Args:
        runtime: The project.
        version: The version.
        asked: The questions and answers.
        ks: Numbers of hits to measure at.

    Raises:
        IntegrityError: The version or its model is not what it was.
    """
    embedder = open_embedder(runtime, space_of(runtime, version))
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    reader = open_index(runtime.store, version.name, version=version.number, trust=trust, embedder=embedder)
    path = f"{layout.version_path(version.name, version.number)}/{layout.CHUNKS}"
    with runtime.store.open(path) as handle:
        return _measured(reader, embedder, handle, asked, ks)


def contamination_gate(runtime: Runtime, candidate: Candidate, built: Built, draft: Manifest) -> tuple[GateResult, ...]:
    """Judges a candidate by the contract's gate `contamination`; nothing where the contract has none.

    Args:
        runtime: The project.
        candidate: What would be published.
        built: Its files.
        draft: The manifest that they would get.
    """
    limits = candidate.contract.gates.contamination
    if limits is None:
        return ()
    asked = questions_for(runtime, candidate.contract)
    embedder = open_embedder(runtime, candidate.space)
    watch = Watch(runtime.store, draft.name, TrustStore.from_folder(runtime.settings.trusted_keys))
    with (built.folder / layout.CHUNKS).open("rb") as handle:
        after = _measured(open_built(built, draft, watch), embedder, handle, asked, (limits.k,))
    before = None
    if limits.max_exposure_rise is not None and candidate.served is not None:
        before = measure_version(runtime, candidate.served, asked, (limits.k,))
    return (gate(_limits(limits), _figures(after, before)),)


def _limits(limits: ContaminationGate) -> Limits:
    return Limits(
        exposure=limits.max_exposure,
        amplification=limits.max_amplification,
        exposure_rise=limits.max_exposure_rise,
        all_ai_share=limits.max_all_ai_share,
    )


def _figures(after: Measured, before: Measured | None) -> Figures:
    top = after.found.top
    rise = None
    if before is not None and top.exposure.value is not None and before.found.top.exposure.value is not None:
        rise = top.exposure.value - before.found.top.exposure.value
    return Figures(
        questions=top.exposure.n,
        k=top.k,
        exposure=top.exposure.value,
        amplification_low=top.amplification.low,
        exposure_rise=rise,
        all_ai_share=top.all_ai.value,
    )


def _measured(
    reader: IndexReader, embedder: Embedder, chunks: IO[bytes], asked: Asked, ks: Collection[int]
) -> Measured:
    retrieved = tuple(_ask(reader, embedder, asked.questions, max(ks)))
    rows = batches.read_table(chunks, _COLUMNS)
    pool = zip(*(rows[name].to_pylist() for name in _COLUMNS[2:]), strict=True)
    used = _used(asked.answers, {row["chunk_id"]: row for row in _named(rows, asked.answers)})
    return Measured(found=measure(pool, retrieved, used, ks), retrieved=retrieved)


def _ask(reader: IndexReader, embedder: Embedder, questions: Sequence[Question], k: int) -> Iterator[Retrieved]:
    if not questions:
        return
    vectors = embedder.embed([question.text for question in questions])
    for question, vector in zip(questions, vectors, strict=True):
        hits = reader.search(vector, k=k, embedder_fingerprint=embedder.fingerprint)
        yield Retrieved(group=question.group, hits=tuple(_passage(hit) for hit in hits))


def _passage(hit: Hit) -> Passage:
    return Passage(kind=hit.digital_source_type, basis=hit.origin_basis, depth=hit.generation_depth, source=hit.doc_id)


def _named(rows: Any, answers: Sequence[LoggedAnswer]) -> Iterator[Mapping[str, Any]]:
    """Yields the rows of the chunks that answers name."""
    wanted = {chunk for answer in answers for chunk in (*answer.retrieved, *answer.cited)}
    known = pc.is_in(rows["chunk_id"], value_set=pa.array(sorted(wanted), pa.string()))
    yield from rows.filter(known).to_pylist()


def _used(answers: Sequence[LoggedAnswer], known: Mapping[str, Mapping[str, Any]]) -> list[Used]:
    def resolved(ids: Sequence[str]) -> tuple[Passage, ...]:
        return tuple(_row_passage(known[chunk]) for chunk in ids if chunk in known)

    return [
        Used(
            retrieved=resolved(answer.retrieved),
            cited=resolved(answer.cited),
            unresolved=sum(chunk not in known for chunk in (*answer.retrieved, *answer.cited)),
        )
        for answer in answers
    ]


def _row_passage(row: Mapping[str, Any]) -> Passage:
    return Passage(
        kind=row["digital_source_type"],
        basis=row["origin_basis"],
        depth=row["generation_depth"],
        source=row["doc_id"],
    )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
