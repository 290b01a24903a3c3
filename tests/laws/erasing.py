"""A project in which a document has left traces everywhere, and a search for them that trusts nobody.

The search decodes what the product writes in any form: Parquet pages, JSON escapes, UTF-16, base64, vectors as floats.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from laws.handbook import NAME, Project

from corpus import batches
from corpus.catalog import decisions, embedders, relations, segments, votes
from corpus.catalog.records import EmbedderRecord, OverrideRecord, RelationRecord, VectorsRecord, VoteRecord
from corpus.storage import file_digest
from corpus.types import utc_now
from index.reader import open_index
from index.signing import TrustStore
from ingestion.embedding import vectors_path
from ingestion.stages import acquire, assess
from ingestion.stages.answers import import_answers

DOC = "people/mara.md"
ROOMS = ("boiler", "archive", "laundry", "observatory", "cellar", "greenhouse", "foundry", "harbour")
LINES = tuple(
    f"Marabel Quintessa Öyelaran keeps the violet ledger of the {room} in a tin behind the {room} door, and only her "
    f"deputy may open it before the {number}th of the month."
    for number, room in enumerate(ROOMS, start=3)
)
TEXT = "---\nauthor: Marabel Quintessa\n---\n\n# Ledger of Marabel\n\n" + "\n\n".join(LINES) + "\n"
NEEDLES = (*LINES, "Marabel Quintessa", "violet ledger of the")
OTHER_SPACE = "0" * 63 + "7"


def page(words: str) -> str:
    """A page that says something else."""
    return "# Page\n\n" + f"{words} is explained here at some length for the people of the night shift. " * 8


def make(project: Project) -> list[np.ndarray]:
    """Fills a project so that the document is in all that can hold one; returns its vectors."""
    project.fill(3)
    project.write(DOC.removesuffix(".md"), TEXT)
    project.write("pump", page("The pump"))
    project.ingest()
    project.write("valve", page("The valve"))
    project.ingest()
    found = [_vectors_of(project, space) for space in (_space(project), _second_space(project))]
    _answers(project)
    _people(project)
    _others(project)
    _work_in_progress(project)
    return found


def _space(project: Project) -> str:
    reader = project.reader()
    return reader.manifest.fingerprints["embedder"].digest


def _vectors_of(project: Project, space: str) -> np.ndarray:
    [segment] = [item.segment_id for item in _segments(project) if _rows(project, item.segment_id)]
    with project.runtime.store.open(vectors_path(space, segment)) as handle:
        table = batches.read_table(handle)
    return batches.vectors_from_arrow(table["vector"])[_rows(project, segment)]


def _segments(project: Project):
    with project.runtime.catalog.reading() as tx:
        return segments.of_contract(tx, NAME)


def _rows(project: Project, segment: str) -> list[int]:
    with project.runtime.store.open(f"segments/{segment}/chunks.parquet") as handle:
        names = batches.read_table(handle, ["doc_id"])["doc_id"].to_pylist()
    return [row for row, name in enumerate(names) if name == DOC]


def holds_document(project: Project, segment: str) -> bool:
    """Returns whether a segment holds the document."""
    return bool(_rows(project, segment))


def _second_space(project: Project) -> str:
    """Vectors of another model, as a re-embed leaves them."""
    store, random = project.runtime.store, np.random.default_rng(7)
    for item in _segments(project):
        with store.open(f"segments/{item.segment_id}/chunks.parquet") as handle:
            digests = batches.read_table(handle, ["text_sha256"])["text_sha256"].to_pylist()
        vectors = random.normal(size=(len(digests), 16)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with store.scratch() as folder:
            batches.write_vectors(folder / "v", [(tuple(digests), vectors)], 16)
            sha256 = file_digest(folder / "v")
            store.publish_file(vectors_path(OTHER_SPACE, item.segment_id), folder / "v")
        space = EmbedderRecord(
            fingerprint=OTHER_SPACE, model="other", revision="", dimension=16, parts={}, first_seen_at=utc_now()
        )
        record = VectorsRecord(
            segment_id=item.segment_id, embedder_fingerprint=OTHER_SPACE, rows=len(digests), sha256=sha256, runtime={},
            created_at=utc_now(),
        )  # fmt: skip
        with project.runtime.catalog.transaction() as tx:
            embedders.register(tx, space)
            segments.add_vectors(tx, record)
    return OTHER_SPACE


def _answers(project: Project) -> None:
    """One that retrieved it, one that only repeats it, and one that has nothing to do with it."""
    hit = project.search(LINES[2], k=1)[0]
    assert hit.doc_id == DOC
    other = project.search("The pump is explained here", k=1)[0]
    served = (utc_now() - timedelta(minutes=5)).isoformat()
    base = {"system": "bot", "model": "m", "index_version": f"{NAME}/v000002", "served_at": served}
    lines = [
        {
            "answer_id": "a-made",
            "text": f"In short: {LINES[2]}",
            "retrieved": [{"chunk_id": hit.chunk_id, "text": hit.text}],
        },
        {"answer_id": "a-quotes", "text": f"I heard that {LINES[4]}", "question": LINES[0], "retrieved": []},
        {
            "answer_id": "a-other",
            "text": "Turn the pump off first, wait until the pressure is gone, then open the lid with the long key.",
            "retrieved": [{"chunk_id": other.chunk_id, "text": other.text}],
        },
    ]  # fmt: skip
    path = project.folder / "answers.jsonl"
    path.write_text("".join(json.dumps({**base, **line}) + "\n" for line in lines))
    import_answers(project.runtime, path)


def _people(project: Project) -> None:
    """What people wrote about it: an override and votes, with reasons that quote it, and the log of both."""
    state = project.states()[DOC]
    key = {"contract": NAME, "doc_id": DOC, "raw_sha256": state.raw_sha256}
    with project.runtime.catalog.transaction() as tx:
        reason = f"fine, although it says: {LINES[1]}"
        votes.cast(tx, VoteRecord(**key, actor="ann", outcome="accept", reason=reason, at=utc_now()))
        decisions.set_override(tx, OverrideRecord(**key, outcome="accept", reason=reason, actor="ann", at=utc_now()))
    project.ingest()


def _others(project: Project) -> None:
    """What is said of it at other documents: a relation with a quote, a report, a decision."""
    with project.runtime.catalog.transaction() as tx:
        detail = {"theirs": LINES[5], "of": DOC}
        relations.add(
            tx,
            [
                RelationRecord(
                    contract=NAME,
                    doc_id="pump.md",
                    other_id="valve.md",
                    kind="family.conflict",
                    detail=detail,
                    run_id="r",
                )
            ],
        )
        [told] = decisions.of_document(tx, NAME, "pump.md")[:1]
        reason = {
            "code": "family.conflict",
            "message": f"{DOC} says otherwise",
            "rule": "",
            "span": None,
            "quote": LINES[6],
        }
        decisions.add(tx, [replace(told, run_id="later", reasons=(reason,))])
    report = {"run_id": "x", "results": [{"actual": f"1 document, {DOC}: {LINES[7]}", "failing": [DOC, "pump.md"]}]}
    project.runtime.store.replace(f"reports/{NAME}/x.json", json.dumps(report).encode())


def _work_in_progress(project: Project) -> None:
    """A run that was killed half way: its assessments in staging, its files in scratch."""
    project.write(DOC.removesuffix(".md"), TEXT + "\nOne more line about the ledger.\n")
    acquired = acquire.acquire(project.runtime, NAME, "killed")
    for shard in acquired.outputs:
        assess.assess(project.runtime, NAME, "killed", shard)
    if project.runtime.store.is_local:
        scratch = Path(project.settings.home) / ".tmp" / "dead"
        scratch.mkdir(parents=True)
        (scratch / "spill.arrows").write_bytes(TEXT.encode())


def forms(text: str) -> Iterator[bytes]:
    """Every form in which a text may stand in a file."""
    yield text.encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield json.dumps(text)[1:-1].encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + text.encode())
        yield whole[4 : 4 * (len(whole) // 4) - 4]


def vector_forms(vectors: np.ndarray) -> Iterator[bytes]:
    """Every form in which a vector may stand in a file, whole and its first numbers."""
    for vector in vectors:
        for kind in ("<f4", "<f2", ">f4"):
            yield vector.astype(kind).tobytes()[: 8 * np.dtype(kind).itemsize]


def blobs(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and of a Parquet file every value of every column as well."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        for column in pq.read_table(path).columns:
            for value in column.to_pylist():
                yield value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def traces(home: Path, vectors: list[np.ndarray]) -> list[str]:
    """The files under a home that hold a text or a vector of the document."""
    needles = {form for text in NEEDLES for form in forms(text)}
    needles |= {form for rows in vectors for form in vector_forms(rows)}
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and any(needle in data for data in blobs(path) for needle in needles)
    )


def never_found(project: Project, vectors: np.ndarray) -> None:
    """Searching every retained version by the document's own vectors finds others, and none that is the same."""
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    numbers = [
        int(path.name[1:]) for path in (Path(project.settings.home) / "indexes" / NAME).iterdir() if path.name[0] == "v"
    ]
    assert numbers
    for number in numbers:
        reader = open_index(project.settings.home, NAME, version=number, trust=trust)
        for vector in vectors:
            hits = reader.search(vector, 100, embedder_fingerprint=reader.manifest.fingerprints["embedder"].digest)
            assert hits
            assert all(hit.doc_id != DOC and hit.score < 0.999 for hit in hits), number
