"""What else in a home may hold a document: reports, work in progress, scratch; and a last look at every file.

The last look reads every byte of the home, the catalog's file included: Parquet column by column, all else as it is. It
looks for the id of the document in its contract's files, and for what it said, in UTF-8 and as JSON escapes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus.batches import open_parquet
from corpus.catalog import segments
from corpus.ids import canonical_json
from corpus.storage import Store
from index.layout import builds_path, candidates_path
from ingestion.erasure.versions import Work
from ingestion.erasure.words import SPOKEN

_APART = ("indexes/", "segments/", "vectors/", "answers/", "erasures/", "catalog.db")
"""Places that have a step of their own."""
_LONG = 40
"""Characters of a line that is looked for: shorter ones stand in many texts."""
_MOST_LINES = 64
"""Lines that are looked for, spread over all: each costs a search in every file."""
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the last look came to.

    Attributes:
        files: Files read.
        size: Bytes read.
        left: Files that still hold something of the document.
        also: Other documents that say some of the same, as `PATH DOCUMENT`; they are their own and stay.
    """

    files: int
    size: int
    left: tuple[str, ...]
    also: tuple[str, ...]


def clean_reports(work: Work) -> int:
    """Takes what reports of runs say of the document out of them; returns how many those were."""
    store, changed = work.runtime.store, 0
    for path in _files(store, ""):
        if not path.endswith(".json") or path.startswith((*_APART, "staging/", ".tmp/")):
            continue
        try:
            said = json.loads(store.read_bytes(path))
        except ValueError:
            continue  # not ours; the last look reads it
        fresh = work.words.clean(said)
        if fresh != said:
            store.replace(path, canonical_json(fresh))
            changed += 1
    return changed


def drop_work(work: Work) -> int:
    """Removes work in progress, and candidates that failed a gate. Returns how many held or quoted the document.

    A run that was cut off starts anew, and a candidate is only there to be looked at. No run is at work: the erasure
    holds the gate alone. Indexes in the making name no document and may hold vectors of any, so all of the contract go.
    """
    store = work.runtime.store
    folders = (f"{place}/{name}" for place in ("staging", candidates_path(work.name)) for name in store.names(place))
    held = [folder for folder in folders if _holds(store, folder, work)]
    builds = builds_path(work.name)
    held += [f"{builds}/{key}" for key in store.names(builds)]
    for folder in held:
        store.remove(folder)
    store.remove(".tmp")
    return len(held)


def _holds(store: Store, folder: str, work: Work) -> bool:
    doc_id = work.record.doc_id.encode("utf-8")
    for path in _files(store, folder):
        if path.endswith(".parquet"):
            if _named_in_parquet(store, path, work.record.doc_id) or _spoken_of_in_parquet(store, path, work):
                return True
        elif doc_id in store.read_bytes(path):
            return True
    return False


def _named_in_parquet(store: Store, path: str, doc_id: str) -> bool:
    with store.open(path) as handle:
        file = open_parquet(handle)
        if "doc_id" not in file.schema_arrow.names:
            return False
        column = file.read(columns=["doc_id"], use_threads=False)["doc_id"]
    return bool(pc.any(pc.equal(column, pa.scalar(doc_id))).as_py())


def _spoken_of_in_parquet(store: Store, path: str, work: Work) -> bool:
    """Whether findings or reasons in the row of another document quote or name this one."""
    with store.open(path) as handle:
        file = open_parquet(handle)
        spoken = [name for name in SPOKEN if name in file.schema_arrow.names]
        texts = [name for name in spoken if pa.types.is_string(file.schema_arrow.field(name).type)]
        for batch in file.iter_batches(batch_size=1024, columns=texts, use_threads=False) if texts else ():
            if any(work.words.clean_row(row) is not row for row in batch.to_pylist()):
                return True
    return False


def last_look(work: Work, texts: Iterable[str]) -> Looked:
    """Reads every file of the home and says which still hold something of the document.

    Args:
        work: The erasure.
        texts: What it said, as far as it was found.
    """
    store = work.runtime.store
    lines = sorted({line.strip() for text in texts for line in text.splitlines() if len(line.strip()) >= _LONG})
    spread = lines[:: max(1, len(lines) // _MOST_LINES)]
    needles = {form for line in spread for form in _forms(line)}
    files = size = 0
    left: list[str] = []
    also: set[str] = set()
    for path in _files(store, ""):
        files += 1
        found, others, read = _look(store, path, work, needles)
        size += read
        also |= others
        if found:
            left.append(path)
    return Looked(files=files, size=size, left=tuple(left), also=tuple(sorted(also)))


def _forms(line: str) -> Iterator[bytes]:
    yield line.encode("utf-8", "surrogatepass")
    yield json.dumps(line)[1:-1].encode("ascii")
    yield json.dumps(line, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")


def _look(store: Store, path: str, work: Work, needles: set[bytes]) -> tuple[bool, set[str], int]:
    try:
        if path.endswith(".parquet"):
            return _look_parquet(store, path, work, needles)
        found, size = _look_bytes(store, path, needles)
    except FileNotFoundError:
        return False, set(), 0
    return found, set(), size


def _look_bytes(store: Store, path: str, needles: set[bytes]) -> tuple[bool, int]:
    longest = max(map(len, needles), default=1)
    size, before, found = 0, b"", False
    with store.open(path) as handle:
        while block := handle.read(_BLOCK):
            size += len(block)
            window = before + block
            found = found or any(needle in window for needle in needles)
            before = window[-longest:]
    return found, size


def _look_parquet(store: Store, path: str, work: Work, needles: set[bytes]) -> tuple[bool, set[str], int]:
    mine = path.startswith((f"indexes/{work.name}/", "staging/")) or _is_mine(work, path)
    also: set[str] = set()
    with store.open(path) as handle:
        file = open_parquet(handle)
        size = sum(file.metadata.row_group(place).total_byte_size for place in range(file.num_row_groups))
        for batch in file.iter_batches(batch_size=1024, use_threads=False):
            if mine and "doc_id" in batch.schema.names:
                named = pc.any(pc.equal(batch.column("doc_id"), pa.scalar(work.record.doc_id)))
                if named.as_py():
                    return True, also, size
            for row in _hits(batch, needles):
                if not isinstance(row.get("doc_id"), str):
                    return True, also, size
                also.add(f"{path} {row['doc_id']}")
    return False, also, size


def _hits(batch: pa.RecordBatch, needles: set[bytes]) -> list[dict[str, Any]]:
    """Returns the rows of a batch that say something that is looked for; whole columns are read first."""
    if not any(needle in value for value in _values(batch) for needle in needles):
        return []
    rows = batch.to_pylist()
    return [row for row in rows if any(needle in _bytes(row) for needle in needles)]


def _bytes(row: dict[str, Any]) -> bytes:
    return "\n".join(value for value in row.values() if isinstance(value, str)).encode("utf-8", "surrogatepass")


def _is_mine(work: Work, path: str) -> bool:
    if not path.startswith("segments/"):
        return False
    with work.runtime.catalog.reading() as tx:
        record = segments.get(tx, path.split("/")[1])
    return record is None or record.contract == work.name


def _values(batch: pa.RecordBatch) -> Iterator[bytes]:
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            yield "\n".join(value for value in column.to_pylist() if value).encode("utf-8", "surrogatepass")


def _files(store: Store, folder: str) -> Iterator[str]:
    """Yields every file of a home, also hidden ones, as paths inside it."""
    store.fs.invalidate_cache()
    root = store.root.rstrip("/") + "/"
    for path in sorted(store.fs.find(store.path(folder), detail=False)):
        yield str(path).removeprefix(root)
