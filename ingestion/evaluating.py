"""Evaluates one version or candidate: asks it the golden questions, and says what became of each item's evidence.

Questions are asked of the reader that applications use, without filters. What a state or a measure means is in
`index.evidence` and `index.evaluation`; what is kept, and compared with what, in `ingestion.stages.evaluation`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

from contracts.evaluation import EvaluationSpec
from corpus import batches
from corpus.catalog import relations
from corpus.catalog.evaluations import BindingRecord
from corpus.catalog.records import RelationRecord, VersionRecord
from corpus.ids import text_digest
from corpus.seams import Embedder, Vectors
from index import layout
from index.build import Built
from index.evaluation import ItemResult, Scores, score_items
from index.evidence import Found, Pin, Rank, Rival, State, rank_of
from index.golden import GoldenItem
from index.judging import Bound, judge
from index.manifest import Manifest
from index.reader import Hit, IndexReader, open_index
from index.signing import TrustStore
from index.tombstones import Watch
from index.unsealed import open_built
from ingestion.embedding import open_embedder
from ingestion.evidence import Opened, Passages, pin_items
from ingestion.models import space_of
from ingestion.rivals import Passage, related, rivals_of
from ingestion.runtime import Runtime

_FILES = {"documents": layout.DOCUMENTS, "chunks": layout.CHUNKS}
_NOTHING = Scores(ndcg=0.0, recall=0.0, mrr=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is asked: a version that is published, or a candidate.

    Attributes:
        name: The index.
        reader: It, open.
        embedder: Its model.
        opened: Opens its documents and chunks.
    """

    name: str
    reader: IndexReader
    embedder: Embedder
    opened: Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What was found.

    Attributes:
        results: One for each item, in their order.
        pins: Item id to where each piece of its evidence stands.
        rivals: Item id to what stands against it.
    """

    results: tuple[ItemResult, ...]
    pins: Mapping[str, tuple[Pin, ...]]
    rivals: Mapping[str, tuple[Rival, ...]]


def bound_of(records: Mapping[str, BindingRecord], items: Sequence[GoldenItem]) -> dict[str, Bound]:
    """Returns the bindings of items that still say what they said when they were bound."""
    return {
        item.id: Bound(
            number=record.number,
            pins=tuple(Pin.from_json(pin) for pin in record.pins),
            rivals=frozenset(Rival(**rival) for rival in record.rivals),
        )
        for item in items
        if (record := records.get(item.id)) is not None and record.digest == item.digest
    }


def published(runtime: Runtime, version: VersionRecord) -> Subject:
    """Opens a version, verified, with its own model.

    Raises:
        FingerprintMismatch: The model is no longer known or computes other vectors.
        IntegrityError: The version is not what its signature says.
        ConfigurationError: The version is no longer there.
    """
    embedder = open_embedder(runtime, space_of(runtime, version))
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    reader = open_index(runtime.store, version.name, version=version.number, trust=trust, embedder=embedder)
    folder = layout.version_path(version.name, version.number)

    def opened(file: str) -> AbstractContextManager[IO[bytes]]:
        return runtime.store.open(f"{folder}/{_FILES[file]}")

    return Subject(name=version.name, reader=reader, embedder=embedder, opened=opened)


def unpublished(runtime: Runtime, embedder: Embedder, built: Built, draft: Manifest) -> Subject:
    """Opens a candidate as readers will see it, tombstones included.

    Args:
        runtime: The project.
        embedder: Its model.
        built: Its files.
        draft: The manifest that they would get.

    Raises:
        IntegrityError: The tombstones do not hold.
    """
    watch = Watch(runtime.store, draft.name, TrustStore.from_folder(runtime.settings.trusted_keys))

    def opened(file: str) -> AbstractContextManager[IO[bytes]]:
        return (built.folder / _FILES[file]).open("rb")

    return Subject(name=draft.name, reader=open_built(built, draft, watch), embedder=embedder, opened=opened)


class Asked:
    """What versions answered in one release: its gate, and what is kept of it afterwards, ask the same questions.

    A result is taken again only where all that it rests on is the same: what is inside the version, the items, what
    they are bound to, and how many hits count. It lives as long as one release; what the catalog says of documents
    meanwhile (relations, tombstones) counts from its first look on.
    """

    def __init__(self) -> None:
        self._known: dict[object, Evaluated] = {}

    def evaluate(
        self,
        runtime: Runtime,
        identity: str,
        opening: Callable[[], Subject],
        items: Sequence[GoldenItem],
        spec: EvaluationSpec,
        bound: Mapping[str, Bound],
        *,
        edited: frozenset[str] = frozenset(),
    ) -> Evaluated:
        """Evaluates a version, or returns what it answered before; arguments beside these two are those of `evaluate`.

        Args:
            runtime: The project.
            identity: `index.manifest.Manifest.identity` of the version.
            opening: Opens it, if that is needed.
            items: The items.
            spec: How it is evaluated.
            bound: What items are bound to.
            edited: Items that are bound under another question or evidence.
        """
        key = (identity, spec, tuple(items), frozenset(bound.items()), edited)
        if key not in self._known:
            self._known[key] = evaluate(runtime, opening(), items, spec, bound, edited=edited)
        return self._known[key]


def evaluate(
    runtime: Runtime,
    subject: Subject,
    items: Sequence[GoldenItem],
    spec: EvaluationSpec,
    bound: Mapping[str, Bound],
    *,
    edited: frozenset[str] = frozenset(),
) -> Evaluated:
    """Evaluates a version.

    Args:
        runtime: The project.
        subject: The version.
        items: The items.
        spec: How many hits count, and which score a hit needs.
        bound: Item id to what it is bound to. An item without is judged by where its evidence stands in this version.
        edited: Items that are bound under another question or evidence: nothing is said of these.
    """
    against = related(_relations(runtime, subject.name, items))
    others = {other for pairs in against.values() for other, _ in pairs}
    pins, passages = pin_items(items, {name: at.pins for name, at in bound.items()}, subject.opened, others)
    hits = dict(zip((item.id for item in items), _ask(subject, items, spec.k), strict=True))
    ranks = {item.id: _ranks(pins[item.id], passages, hits[item.id]) for item in items}
    scores = score_items(ranks, spec.k)
    rivals = {
        item.id: rivals_of(item, pins[item.id], [Passage(h.doc_id, h.text) for h in hits[item.id]], passages, against)
        for item in items
    }
    fresh = _fresh(runtime, subject.name, rivals, bound)
    results = []
    for item in items:
        state, why = judge(pins[item.id], bound.get(item.id), fresh.get(item.id, ()), edited=item.id in edited)
        results.append(_result(item, state, why, ranks[item.id], rivals[item.id], scores[item.id], spec))
    return Evaluated(results=tuple(results), pins=pins, rivals=rivals)


def _relations(runtime: Runtime, name: str, items: Sequence[GoldenItem]) -> tuple[RelationRecord, ...]:
    documents = sorted({evidence.document for item in items for evidence in item.evidence})
    with runtime.catalog.reading() as tx:
        return relations.around(tx, name, documents)


def _ask(subject: Subject, items: Sequence[GoldenItem], k: int) -> Iterator[tuple[Hit, ...]]:
    if not items:
        return
    for vector in question_vectors(subject.embedder, [item.question for item in items]):
        yield subject.reader.search(vector, k=k, embedder_fingerprint=subject.embedder.fingerprint)


def _ranks(pins: Sequence[Pin], passages: Passages, hits: Sequence[Hit]) -> tuple[Rank | None, ...]:
    found = [Found(document=hit.doc_id, start=hit.span.start, end=hit.span.end, score=hit.score) for hit in hits]
    return tuple(rank_of(at, passages.texts.get(at.document, ""), found) if at.stands else None for at in pins)


def _fresh(
    runtime: Runtime, name: str, rivals: Mapping[str, Sequence[Rival]], bound: Mapping[str, Bound]
) -> dict[str, list[Rival]]:
    """Returns the rivals that are new since their items were bound: not accepted then, and not in that version as is.

    Another model finds other documents, but it makes none of them new. Where the version is no longer there, every
    rival that was not accepted is taken as new: a person looks once too often, not once too little.
    """
    unknown = {
        item: [rival for rival in found if rival not in bound[item].rivals]
        for item, found in rivals.items()
        if item in bound
    }
    numbers = {bound[item].number for item, found in unknown.items() if found}
    stood = {number: _contents(runtime, name, number) for number in numbers}
    return {
        item: [rival for rival in found if stood[bound[item].number].get(rival.document) != rival.content_sha256]
        for item, found in unknown.items()
        if found
    }


def _contents(runtime: Runtime, name: str, number: int) -> dict[str, str]:
    """Returns the documents of a version with the digests of their texts; none where it is no longer there."""
    try:
        with runtime.store.open(f"{layout.version_path(name, number)}/{layout.DOCUMENTS}") as handle:
            table = batches.read_table(handle, ["doc_id", "content_sha256"])
    except FileNotFoundError:
        return {}
    return dict(zip(table["doc_id"].to_pylist(), table["content_sha256"].to_pylist(), strict=True))


def _result(
    item: GoldenItem,
    state: State,
    why: str,
    ranks: Sequence[Rank | None],
    rivals: Sequence[Rival],
    scores: Scores,
    spec: EvaluationSpec,
) -> ItemResult:
    found = [rank for rank in ranks if rank is not None]
    lowest = min((rank.score for rank in found), default=None)
    asked = spec.min_score is not None and lowest is not None
    return ItemResult(
        id=item.id,
        digest=item.digest,
        tags=item.tags,
        state=state,
        why=why,
        ranks=tuple(rank.rank if rank else None for rank in ranks),
        score=lowest,
        retrievable=bool(found),
        complete=len(found) == len(ranks),
        above_threshold=(lowest or 0.0) >= (spec.min_score or 0.0) if asked else None,
        uncontradicted=not rivals,
        scores=scores if state is not State.UNBOUND else _NOTHING,
    )


_VECTORS: OrderedDict[tuple[str, str], Vectors] = OrderedDict()
_VECTORS_LOCK = threading.Lock()
_KEPT = 4


def question_vectors(embedder: Embedder, questions: Sequence[str]) -> Vectors:
    """Returns the vectors of questions, shape `(questions, dimension)`; the last few sets are remembered.

    A release asks the same questions of the served version, of the candidate and of what became of it.
    """
    key = (embedder.fingerprint, text_digest("\x00".join(questions)))
    with _VECTORS_LOCK:
        known = _VECTORS.get(key)
    if known is None:
        known = embedder.embed(list(questions))
        with _VECTORS_LOCK:
            _VECTORS[key] = known
            while len(_VECTORS) > _KEPT:
                _VECTORS.popitem(last=False)
    return known
