"""Vectors of served answers, by which they are recognised in other words: kept as files, made once, searched in blocks.

answers/<embedder fingerprint>/passages/<name>.parquet    each answer in stretches of about a chunk: to find candidates
answers/<embedder fingerprint>/sentences/<name>.parquet   its sentences: to align candidates

A file never changes and is named by what is in it. Only answers that have no vectors yet are embedded; those that were
erased, or whose text may no longer be kept, leave the files with the next run. A search reads file after file and holds
one at a time, so memory does not grow with the number of answers; its time does.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import batches
from corpus.catalog import answers, answertexts
from corpus.catalog.records import AnswerRecord
from corpus.ids import fingerprint
from corpus.seams import Embedder, Vectors
from corpus.types import Span
from ingestion.canaries import guarded
from ingestion.language import language_of
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.runtime import Runtime
from provenance.alignment import alignable
from provenance.sentences import words

PASSAGE_WORDS = 120
"""Words of a passage at the most, but for a longer sentence: about what fits the default model beside a chunk."""
_BATCH = 1_024
"""Answers in one file."""
_LOOSE = 16
"""Files with less than a quarter of that, from which number on they are joined."""
_PASSAGES = 4
"""Passages looked at for each answer that is asked for: the nearest ones may be of one long answer."""
_KINDS = ("sentences", "passages")

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is there after a refresh.

    Attributes:
        answers: Answers with vectors.
        embedded: Those that were embedded now.
        unreadable: Answers whose text is not kept: they cannot be recognised in other words.
    """

    answers: int
    embedded: int
    unreadable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """An answer that a vector is near to.

    Attributes:
        answer_id: The answer.
        cosine: Of its nearest passage.
    """

    answer_id: str
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnswerSentences:
    """The sentences of one answer.

    Attributes:
        answer_id: The answer.
        text_sha256: Digest of the text that the places count in.
        language: ISO 639-1 code of the answer, `und` where it cannot be told.
        spans: Their places.
        vectors: Shape `(len(spans), dimension)`.
    """

    answer_id: str
    text_sha256: str
    language: str
    spans: tuple[Span, ...]
    vectors: Vectors


def folder_of(space: str) -> str:
    """Returns where the vectors of answers in a space are kept."""
    return f"answers/{space}"


def refresh(runtime: Runtime, embedder: Embedder, progress: Progress = NO_PROGRESS) -> Kept:
    """Embeds the answers that have no vectors in a space yet, and lets go of those that are no longer there.

    Args:
        runtime: The project.
        embedder: The model, already checked.
        progress: Told about each answer embedded.
    """
    with runtime.catalog.reading() as tx:
        found = [(_key(item.answer_id, item.text_sha256), item.readable) for item in answertexts.listed(tx)]
    wanted = np.unique(np.array([key for key, readable in found if readable], dtype=np.uint64))
    unreadable = sum(not readable for _, readable in found)
    have = _tidy(runtime, embedder.fingerprint, wanted)
    missing = np.setdiff1d(wanted, have, assume_unique=True)
    progress.start("embedding answers", len(missing))
    for batch in batches.batched(_records(runtime, missing), _BATCH):
        _write(runtime, embedder, batch)
        progress.advance(len(batch))
    progress.done()
    return Kept(answers=len(wanted), embedded=len(missing), unreadable=unreadable)


def let_go(runtime: Runtime) -> None:
    """Takes answers that are no longer registered, or no longer readable, out of the files of every space."""
    spaces = runtime.store.names("answers")
    if not spaces:
        return
    with runtime.catalog.reading() as tx:
        kept = [_key(item.answer_id, item.text_sha256) for item in answertexts.listed(tx) if item.readable]
    wanted = np.unique(np.array(kept, dtype=np.uint64))
    for space in spaces:
        _tidy(runtime, space, wanted)


def _key(answer_id: str, text_sha256: str) -> int:
    digest = hashlib.sha256(f"{answer_id}\0{text_sha256}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little")


def _records(runtime: Runtime, missing: Keys) -> Iterator[AnswerRecord]:
    if not len(missing):
        return
    with runtime.catalog.reading() as tx:
        listed = (item for item in answertexts.listed(tx) if item.readable)
        names = [item.answer_id for item in listed if _holds(missing, _key(item.answer_id, item.text_sha256))]
    for batch in batches.batched(names, _BATCH):
        with runtime.catalog.reading() as tx:
            found = answers.get(tx, batch)
        yield from (record for _, record in sorted(found.items()) if record.text is not None)


def _holds(keys: Keys, key: int) -> bool:
    place = int(np.searchsorted(keys, np.uint64(key)))
    return place < len(keys) and int(keys[place]) == key


def _write(runtime: Runtime, embedder: Embedder, records: Sequence[AnswerRecord]) -> None:
    """Embeds answers and publishes their two files."""
    parts: dict[str, list[tuple[AnswerRecord, str, Span]]] = {kind: [] for kind in _KINDS}
    for record in records:
        text = record.text or ""
        language, spans = language_of(text), alignable(text)
        parts["sentences"] += [(record, language, span) for span in spans]
        # An answer without a sentence to align is kept all the same, so that it counts as looked at.
        passages = list(_passages(text, spans)) or [Span(start=0, end=len(text))]
        parts["passages"] += [(record, language, span) for span in passages]
    texts = {kind: [span.of(record.text or "") for record, _, span in listed] for kind, listed in parts.items()}
    with guarded(runtime, embedder, "answers", lambda: sum(map(len, texts.values()))):
        vectors = {kind: embedder.embed(found) for kind, found in texts.items()}
    for kind, listed in parts.items():
        _publish(runtime, embedder.fingerprint, kind, _table(listed, vectors[kind]))


def _passages(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Joins sentences to stretches of at most `PASSAGE_WORDS` words."""
    start = end = count = 0
    for span in spans:
        size = words(span.of(text))
        if count and count + size > PASSAGE_WORDS:
            yield Span(start=start, end=end)
            count = 0
        start = start if count else span.start
        end, count = span.end, count + size
    if count:
        yield Span(start=start, end=end)


def _schema(dimension: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("key", pa.uint64(), nullable=False),
            pa.field("answer_id", pa.string(), nullable=False),
            pa.field("text_sha256", pa.string(), nullable=False),
            pa.field("language", pa.string(), nullable=False),
            pa.field("start", pa.int32(), nullable=False),
            pa.field("end", pa.int32(), nullable=False),
            pa.field("vector", pa.binary(dimension * 4), nullable=False),
        ]
    )


def _table(listed: Sequence[tuple[AnswerRecord, str, Span]], vectors: Vectors) -> pa.Table:
    columns = {
        "key": [_key(record.answer_id, record.text_sha256) for record, _, _ in listed],
        "answer_id": [record.answer_id for record, _, _ in listed],
        "text_sha256": [record.text_sha256 for record, _, _ in listed],
        "language": [language for _, language, _ in listed],
        "start": [span.start for _, _, span in listed],
        "end": [span.end for _, _, span in listed],
    }
    schema = _schema(vectors.shape[1])
    arrays = [pa.array(values, schema.field(name).type) for name, values in columns.items()]
    return pa.table([*arrays, batches.vectors_to_arrow(vectors)], schema=schema)


def _publish(runtime: Runtime, space: str, kind: str, table: pa.Table) -> str:
    """Publishes rows under the name of what is in them, and returns where; nothing for no rows."""
    if not table.num_rows:
        return ""
    ends = zip(table["key"].to_pylist(), table["start"].to_pylist(), strict=True)
    name = fingerprint(kind, {"rows": [list(pair) for pair in ends]})[:32]
    target = f"{folder_of(space)}/{kind}/{name}.parquet"
    with runtime.store.scratch() as folder:
        path: Path = folder / "answers.parquet"
        pq.write_table(table, path, compression="none")
        runtime.store.replace_file(target, path)
    return target


def _tidy(runtime: Runtime, space: str, wanted: Keys) -> Keys:
    """Lets go of answers that are gone, joins many small files, and returns the answers that are there."""
    kept = [np.empty(0, dtype=np.uint64)]
    for kind in _KINDS:
        stale, loose, kept = [], [], [np.empty(0, dtype=np.uint64)]
        for name, keys in _keys(runtime, space, kind):
            inside = np.isin(keys, wanted)
            kept.append(keys[inside])
            if not inside.all():
                stale.append(name)
            elif len(np.unique(keys)) < _BATCH // 4:
                loose.append(name)
        _rewrite(runtime, space, kind, [*stale, *(loose if len(loose) >= _LOOSE else ())], wanted)
    # Passages come last, here and when they are written: an answer that has them has all that it can have.
    return np.unique(np.concatenate(kept))


def _keys(runtime: Runtime, space: str, kind: str) -> Iterator[tuple[str, Keys]]:
    for name in runtime.store.names(f"{folder_of(space)}/{kind}"):
        path = f"{folder_of(space)}/{kind}/{name}"
        try:
            with runtime.store.open(path) as handle:
                keys = batches.read_table(handle, ["key"])["key"].to_numpy()
        except FileNotFoundError:  # another run joined it with others
            continue
        yield path, keys


def _rewrite(runtime: Runtime, space: str, kind: str, names: Sequence[str], wanted: Keys) -> None:
    """Writes the rows of some files that are still wanted into one, then removes those files."""
    tables = []
    for name in names:
        try:
            with runtime.store.open(name) as handle:
                table = batches.read_table(handle)
        except FileNotFoundError:  # another run joined it with others, and looks to what is in it
            continue
        tables.append(table.filter(pa.array(np.isin(table["key"].to_numpy(), wanted))))
    if not tables:
        return
    made = _publish(runtime, space, kind, pa.concat_tables(tables).combine_chunks())
    for name in names:
        if name != made:
            runtime.store.remove(name)


def nearest(runtime: Runtime, space: str, vectors: Vectors, *, least: float, most: int) -> list[tuple[Near, ...]]:
    """Finds the answers that vectors are near to.

    Args:
        runtime: The project.
        space: Fingerprint of the embedder.
        vectors: Shape `(n, dimension)`, rows of unit length, of that space.
        least: Least cosine.
        most: Answers given for each vector at the most.

    Returns:
        For each vector the answers near it, the nearest first.
    """
    best: list[dict[str, float]] = [{} for _ in range(len(vectors))]
    for table in _tables(runtime, space, "passages") if len(vectors) else ():
        names: list[str] = table["answer_id"].to_pylist()
        cosines = vectors @ batches.vectors_from_arrow(table["vector"]).T
        # An answer may have several passages: more than `most` columns a row are looked at, and few.
        taken = min(_PASSAGES * most, len(names))
        columns = np.argpartition(-cosines, taken - 1, axis=1)[:, :taken]
        rows, places = np.nonzero(np.take_along_axis(cosines, columns, axis=1) >= least)
        for row, column in zip(rows.tolist(), columns[rows, places].tolist(), strict=True):
            name, cosine = names[column], float(cosines[row, column])
            best[row][name] = max(cosine, best[row].get(name, -1.0))
        best = [dict(heapq.nlargest(most, found.items(), key=_by_cosine)) for found in best]
    return [
        tuple(
            Near(answer_id=name, cosine=cosine) for name, cosine in sorted(found.items(), key=_by_cosine, reverse=True)
        )
        for found in best
    ]


def _by_cosine(item: tuple[str, float]) -> tuple[float, str]:
    return item[1], item[0]


def sentences_of(runtime: Runtime, space: str, answer_ids: Iterable[str]) -> dict[str, AnswerSentences]:
    """Returns the sentences of some answers, by id; those without any are left out."""
    wanted = pa.array(sorted(set(answer_ids)), pa.string())
    found: dict[str, AnswerSentences] = {}
    for table in _tables(runtime, space, "sentences") if len(wanted) else ():
        inside = table.filter(pa.compute.is_in(table["answer_id"], value_set=wanted))
        names: list[str] = inside["answer_id"].to_pylist()
        for name in dict.fromkeys(names):
            if name not in found:
                rows = inside.take([place for place, other in enumerate(names) if other == name])
                found[name] = _answer(name, rows)
    return found


def passages_of(runtime: Runtime, space: str, answer_ids: Iterable[str]) -> Iterator[tuple[str, Vectors]]:
    """Yields the passage vectors of some answers, each with the answer's id, a file at a time."""
    wanted = pa.array(sorted(set(answer_ids)), pa.string())
    for table in _tables(runtime, space, "passages") if len(wanted) else ():
        inside = table.filter(pa.compute.is_in(table["answer_id"], value_set=wanted))
        if inside.num_rows:
            yield from zip(inside["answer_id"].to_pylist(), batches.vectors_from_arrow(inside["vector"]), strict=True)


def sentence_blocks(runtime: Runtime, space: str) -> Iterator[tuple[list[str], Vectors]]:
    """Yields the sentences of all answers a file at a time: the answer of each, and shape `(n, dimension)`."""
    for table in _tables(runtime, space, "sentences"):
        yield table["answer_id"].to_pylist(), batches.vectors_from_arrow(table["vector"])


def _answer(name: str, rows: pa.Table) -> AnswerSentences:
    ends = zip(rows["start"].to_pylist(), rows["end"].to_pylist(), strict=True)
    return AnswerSentences(
        answer_id=name,
        text_sha256=rows["text_sha256"][0].as_py(),
        language=rows["language"][0].as_py(),
        spans=tuple(Span(start=start, end=end) for start, end in ends),
        vectors=batches.vectors_from_arrow(rows["vector"]),
    )


def _tables(runtime: Runtime, space: str, kind: str) -> Iterator[pa.Table]:
    """Yields the files of a kind; one that another run has just joined with others is found under its new name."""
    seen: set[str] = set()
    folder = f"{folder_of(space)}/{kind}"
    while fresh := [name for name in runtime.store.names(folder) if name not in seen]:
        for name in fresh:
            seen.add(name)
            try:
                with runtime.store.open(f"{folder}/{name}") as handle:
                    table = batches.read_table(handle)
            except FileNotFoundError:
                continue
            if table.num_rows:
                yield table.combine_chunks()
