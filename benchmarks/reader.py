"""What our search adds to bare FAISS, how filters do, and whether a query fails while the alias moves.

Usage: reader.py [--sizes N ...] [--queries N] [--factory NAME] [--swaps N] [--threads N] [--real N] [--mmap]
                 [--vectors FILE] [--scratch FOLDER]

Vectors are grown from real ones: passages of the Python documentation, or of the installed distributions where that is
not at hand, embedded with the default model; each of the many is a mix of two of the real ones with some noise. Queries
are real vectors that were held out. For each size a version is built from segments, sealed and opened as an application
opens it. Ours and bare FAISS are asked in turn, the same queries on the same index, with one thread; what is printed is
processor time of the asking thread in milliseconds (the clock on a machine with other work measures that work), and
ratios of the medians and of the 99th percentiles; the clock is in brackets. Recall@10 is against exact search over the
allowed rows; `scattered` filters pass rows at random, `apart` ones pass one side of the space, where most queries are
not.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import corpora
import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import batches
from corpus.ids import chunk_id, fingerprint, revision_id, text_digest
from corpus.receipts import Counts
from corpus.storage import Store, open_store
from index import layout, search
from index.build import BuildSpec, Circumstances, build_version, manifest_of
from index.canaries import CANARY_TEXTS
from index.embedders.registry import load_embedder
from index.filters import Where
from index.live import LiveIndex, follow_index
from index.manifest import FINGERPRINT_ROLES, ContractRef, FingerprintRef, Manifest, RunInfo
from index.pointer import AliasPointer
from index.reader import IndexReader, open_index
from index.release import publish, seal
from index.search import Selection
from index.signing import TrustStore, generate_keypair, load_signer

MODEL = "all-MiniLM-L6-v2"
NAME = "bench"
K = 10
CHUNKS_PER_DOCUMENT = 10
SEGMENT_DOCUMENTS = 5_000
SHARES = (0.01, 0.1, 0.5)


def real_vectors(number: int, file: str) -> np.ndarray:
    """Returns embedded real passages, from a file where one is given and there."""
    path = Path(file) if file else None
    if path is not None and path.exists():
        return np.load(path)
    texts: set[str] = set()
    for source in (corpora.python_docs(20_000_000), corpora.installed(20_000_000)):
        for _, text in source:
            texts.update(part.strip()[:900] for part in text.split("\n\n") if len(part.strip()) > 200)
            if len(texts) >= number:
                break
    found = load_embedder(MODEL).embed(sorted(texts)[:number])
    if path is not None:
        np.save(path, found)
    return found


def grown(real: np.ndarray, number: int, seed: int) -> Iterator[np.ndarray]:
    """Yields vectors in blocks: mixes of two real ones, with noise."""
    dice = np.random.default_rng(seed)
    block = SEGMENT_DOCUMENTS * CHUNKS_PER_DOCUMENT
    for start in range(0, number, block):
        size = min(block, number - start)
        share = dice.uniform(0.55, 1, size=(size, 1)).astype(np.float32)
        one, other = (real[dice.integers(len(real), size=size)] for _ in range(2))
        rows = share * one + (1 - share) * other + dice.normal(scale=0.02, size=one.shape).astype(np.float32)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Active:
    """A revision and where it is stored."""

    doc_id: str
    revision_id: str
    segment_id: str


@dataclass
class Home:
    """A home with segments and versions of made-up documents, and the key that signs them."""

    store: Store
    folder: Path
    real: np.ndarray
    factory: str

    def trust(self) -> TrustStore:
        return TrustStore.from_folder(self.folder / "trusted")

    def version(self, number: int, size: int) -> str:
        """Builds, seals and publishes a version of that many chunks; returns its manifest's digest."""
        active = [item for part in self._segments(number, size) for item in part]
        vectors = np.zeros((len(CANARY_TEXTS), self.real.shape[1]), np.float32)
        vectors[:, 0] = 1.0
        spec = BuildSpec(
            embedder_fingerprint=SPACE,
            dimension=self.real.shape[1],
            factory=self.factory,
            contract_yaml=b"kind: DataContract\n",
            canaries=vectors,
        )
        with self.store.scratch() as scratch:
            built = build_version(scratch, self.store, spec, active)
            return self._seal(built.folder, number, lambda facts: manifest_of(built, facts))

    def relabel(self, number: int, of: int) -> str:
        """Publishes the content of a version again under another number."""
        folder = Path(self.store.path(layout.version_path(NAME, of)))
        with self.store.scratch() as scratch:
            for file in layout.CONTENT_FILES:
                (scratch / file).hardlink_to(folder / file)
            manifest = open_index(self.store, NAME, version=of, trust=self.trust(), mmap=True).manifest
            return self._seal(scratch, number, lambda _: replace(manifest, number=number, previous=of))

    def point(self, number: int, digest: str, generation: int) -> None:
        pointer = AliasPointer(
            alias="live", version=number, manifest_sha256=digest, generation=generation, moved_at="", actor="bench"
        )
        self.store.replace(layout.alias_path(NAME, "live"), pointer.to_bytes())

    def _seal(self, folder: Path, number: int, make: Callable[[Circumstances], Manifest]) -> str:
        prints = {role: FingerprintRef(digest=fingerprint(role, {}), parts={}) for role in FINGERPRINT_ROLES}
        prints["embedder"] = FingerprintRef(digest=SPACE, parts={"model": MODEL})
        facts = Circumstances(
            name=NAME,
            number=number,
            previous=number - 1 or None,
            created_at=datetime.now(UTC),
            run=RunInfo(run_id="bench", code_version="0", actor="bench"),
            contract=ContractRef(id="bench", name=NAME, version="1", digest="c" * 64),
            fingerprints=prints,
            runtime={},
            conservation=Counts(),
        )
        seal(folder, make(facts), load_signer(self.folder / "key.pem"))
        return publish(self.store, NAME, number, folder)

    def _segments(self, number: int, size: int) -> Iterator[list[Active]]:
        dice = np.random.default_rng(number)
        direction = dice.normal(size=self.real.shape[1]).astype(np.float32)
        for place, rows in enumerate(grown(self.real, size, seed=number)):
            segment = f"{number:08d}{place:024d}"
            # One side of the space, as a share of all: the first block stands for the others.
            side = rows @ direction
            ordered = np.sort(side) if place == 0 else ordered  # noqa: F821
            quality = np.searchsorted(ordered, side) / len(ordered)
            yield self._segment(segment, number, rows, quality.clip(0, 0.999999), dice)

    def _segment(
        self, segment: str, number: int, rows: np.ndarray, quality: np.ndarray, dice: np.random.Generator
    ) -> list[Active]:
        documents, chunks, active = [], [], []
        for start in range(0, len(rows), CHUNKS_PER_DOCUMENT):
            doc_id = f"{segment}-{start:06d}"
            revision = revision_id(doc_id, str(number))
            documents.append(_document(doc_id, revision, int(dice.integers(1000))))
            own = range(start, min(len(rows), start + CHUNKS_PER_DOCUMENT))
            chunks += [_chunk(doc_id, revision, row, number, float(quality[row])) for row in own]
            active.append(Active(doc_id, revision, segment))
        with self.store.scratch() as scratch:
            pq.write_table(pa.Table.from_pylist(documents, batches.DOCUMENTS), scratch / "d", compression="zstd")
            pq.write_table(pa.Table.from_pylist(chunks, batches.CHUNKS), scratch / "c", compression="zstd")
            digests = tuple(chunk["text_sha256"] for chunk in chunks)
            batches.write_vectors(scratch / "v", [(digests, rows)], rows.shape[1])
            self.store.publish_file(f"segments/{segment}/documents.parquet", scratch / "d")
            self.store.publish_file(f"segments/{segment}/chunks.parquet", scratch / "c")
            self.store.publish_file(f"vectors/{SPACE}/{segment}.parquet", scratch / "v")
        return active


SPACE = fingerprint("embedder", {"bench": MODEL})
WORDS = "the quick brown fox jumps over the lazy dog and reads a manual of kettles " * 3


def _document(doc_id: str, revision: str, dice: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(batches.DOCUMENTS.names),
        "doc_id": doc_id,
        "revision_id": revision,
        "uri": f"file:///srv/{doc_id}",
        "title": f"Title of {doc_id}",
        "text": "",
        "content_sha256": "0" * 64,
        "raw_sha256": "0" * 64,
        "language": "en",
        "size_bytes": dice,
        "owner": f"team-{dice % 20}",
        "source_system": "wiki",
        "last_validated_date": f"2026-{1 + dice % 12:02d}-01",
        "sensitivity_label": "internal",
        "version": "1",
        "digital_source_type": "unknown",
        "origin_basis": "none",
        "generation_depth": 0,
        "repairs": "[]",
        "findings": "[]",
        "outcome": "accept",
        "reasons": "[]",
        "metadata": "{}",
        "blocks": "[]",
        "parser": "text/1",
    }


def _chunk(doc_id: str, revision: str, row: int, number: int, quality: float) -> dict[str, Any]:
    text = f"version {number} chunk {row} of {doc_id}: {WORDS}"
    digest = text_digest(text)
    return {
        "chunk_id": chunk_id(doc_id, digest, 0),
        "doc_id": doc_id,
        "revision_id": revision,
        "ordinal": row % CHUNKS_PER_DOCUMENT,
        "start": 0,
        "end": len(text),
        "text": text,
        "text_sha256": digest,
        "headings": '["Guide", "Part"]',
        "token_count": 60,
        "digital_source_type": "unknown",
        "origin_basis": "none",
        "generation_depth": 0,
        "quality_score": quality,
    }


@dataclass(frozen=True)
class Times:
    """Milliseconds of the queries of one way."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Times:
        return cls(*(float(np.quantile(seconds, share)) * 1e3 for share in (0.5, 0.99)))


def compared(bare: Callable[[np.ndarray], Any], ours: Callable[[np.ndarray], Any], queries: np.ndarray) -> str:
    """Asks both in turn, once each per query after a warm-up, and returns what a row of the table says."""
    seconds: tuple[list[float], list[float]] = ([], [])
    clock: tuple[list[float], list[float]] = ([], [])
    for query in queries[:10]:
        bare(query)
        ours(query)
    for place, query in enumerate(queries):
        order = (0, 1) if place % 2 else (1, 0)  # neither is always the one that finds the caches warm
        for way in order:
            began, own_began = time.perf_counter(), time.thread_time()
            (bare, ours)[way](query)
            seconds[way].append(time.thread_time() - own_began)
            clock[way].append(time.perf_counter() - began)
    faiss_ms, own = Times.of(seconds[0]), Times.of(seconds[1])
    waited = Times.of(clock[1])
    return (
        f"faiss {faiss_ms.p50:7.2f} / {faiss_ms.p99:7.2f}   ours {own.p50:7.2f} / {own.p99:7.2f}   "
        f"ratio {own.p50 / faiss_ms.p50:5.2f} / {own.p99 / faiss_ms.p99:5.2f}   ({waited.p50:.2f} / {waited.p99:.2f})"
    )


def exact(rows: np.ndarray, queries: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns the exact cosine of each query's tenth nearest among the allowed rows, in blocks."""
    best = np.full((len(queries), K), -np.inf, np.float32)
    for start in range(0, len(rows), 100_000):
        scores = queries @ rows[start : start + 100_000].T
        if mask is not None:
            scores[:, ~mask[start : start + 100_000]] = -np.inf
        best = np.partition(np.concatenate([best, scores], axis=1), -K, axis=1)[:, -K:]
    return best.min(axis=1)


def recall(rows: np.ndarray, queries: np.ndarray, found: list[np.ndarray], tenth: np.ndarray) -> float:
    hits = [
        (rows[own[own >= 0]] @ query >= least - 1e-5).sum()
        for query, own, least in zip(queries, found, tenth, strict=True)
    ]
    return float(np.sum(hits) / (K * len(queries)))


def measure(reader: IndexReader, rows: np.ndarray, queries: np.ndarray) -> None:
    """Prints a line without filter and one for each share and kind of filter."""
    index = reader._index
    own = {"embedder_fingerprint": SPACE}
    print("  milliseconds p50 / p99")
    line = compared(lambda query: index.search(query[None], K), lambda query: reader.search(query, K, **own), queries)
    print(f"  no filter        {line}   recall {_recall_of(reader, rows, queries, None)[1]:.3f}", flush=True)
    filters: list[tuple[str, Where]] = [
        *(("scattered", {"size_bytes": {"<": 1000 * share}}) for share in SHARES),
        *(("apart", {"quality": {">=": 1 - share}}) for share in SHARES),
    ]
    for kind, where in filters:
        selection = reader._filters.select(where)
        assert selection is not None
        line = compared(
            lambda query, selection=selection: search.search(index, query[None], K, selection),
            lambda query, where=where: reader.search(query, K, where=where, **own),
            queries,
        )
        naive, kept = _recall_of(reader, rows, queries, selection)
        passed = selection.count / len(rows)
        print(f"  {kind:9} {passed:6.1%} {line}   recall {kept:.3f} (selector alone {naive:.3f})", flush=True)


def _recall_of(
    reader: IndexReader, rows: np.ndarray, queries: np.ndarray, selection: Selection | None
) -> tuple[float, float]:
    """Returns recall of FAISS with nothing but the selector, and of ours."""
    some = queries[:100]
    tenth = exact(rows, some, None if selection is None else selection.mask)
    ours = [search.search(reader._index, query[None], K, selection)[1][0] for query in some]
    if selection is None:
        return 0.0, recall(rows, some, ours, tenth)
    chosen = faiss.IDSelectorBitmap(selection.bits)
    kinds = {faiss.IndexIVF: faiss.SearchParametersIVF, faiss.IndexHNSW: faiss.SearchParametersHNSW}
    found = next((made for kind, made in kinds.items() if isinstance(reader._index, kind)), faiss.SearchParameters)
    plain = found(sel=chosen)
    if isinstance(reader._index, faiss.IndexIVF):
        plain.nprobe = reader._index.nprobe
    if isinstance(reader._index, faiss.IndexHNSW):
        plain.efSearch = reader._index.hnsw.efSearch
    naive = [reader._index.search(query[None], K, params=plain)[1][0] for query in some]
    return recall(rows, some, naive, tenth), recall(rows, some, ours, tenth)


@dataclass
class Load:
    """What threads saw that asked without a pause."""

    seconds: list[float]
    failed: int = 0
    mixed: int = 0


def under_load(home: Home, digests: dict[int, str], queries: np.ndarray, options: argparse.Namespace) -> None:
    """Moves the alias to and fro while threads ask, and prints what they saw with and without that."""
    live = follow_index(home.store, NAME, trust=home.trust(), mmap=options.mmap, poll_s=0.05)
    began = time.perf_counter()
    for _ in range(1000):
        home.store.read_bytes(layout.alias_path(NAME, "live"))
    look = (time.perf_counter() - began) * 1e3
    try:
        quiet = _asked(live, queries, options.threads, lambda: time.sleep(3))
        swaps: list[float] = []
        loaded = _asked(live, queries, options.threads, lambda: swaps.extend(_swap(home, live, digests, options.swaps)))
    finally:
        live.close()
    for name, load in (("quiet", quiet), ("swapping", loaded)):
        times = Times.of(load.seconds)
        print(
            f"  {name:9} {options.threads} threads, {len(load.seconds)} queries: {load.failed} failed, {load.mixed} "
            f"mixed, p50 / p99 / longest {times.p50:.2f} / {times.p99:.2f} / {max(load.seconds) * 1e3:.1f} ms"
        )
    print(
        f"  {len(swaps)} swaps, from the alias to the new version {np.median(swaps):.2f} s (verify and open beside the "
        f"load); a look at the alias takes {look:.0f} us"
    )


def _swap(home: Home, live: LiveIndex, digests: dict[int, str], number: int) -> Iterator[float]:
    for place in range(number):
        target = (2, 1)[place % 2]
        began = time.perf_counter()
        home.point(target, digests[target], generation=place + 2)
        while live.status.version != target:
            if not live.status.ok:
                raise SystemExit(live.status.problem)
            time.sleep(0.005)
        yield time.perf_counter() - began


def _asked(live: LiveIndex, queries: np.ndarray, threads: int, work: Callable[[], object]) -> Load:
    load, stop, lock = Load([]), threading.Event(), threading.Lock()

    def ask(first: int) -> None:
        place, own = first, Load([])
        while not stop.is_set():
            began = time.perf_counter()
            try:
                hits = live.search(queries[place % len(queries)], K, embedder_fingerprint=SPACE)
            except Exception:  # noqa: BLE001 - any failure is one
                own.failed += 1
            else:
                own.seconds.append(time.perf_counter() - began)
                # The text says for which number it was built, unless the version was published again as it is.
                said = {(hit.index_version, hit.text.split()[1]) for hit in hits}
                own.mixed += len(said) != 1 or len(hits) != K
            place += threads
        with lock:
            load.seconds += own.seconds
            load.failed += own.failed
            load.mixed += own.mixed

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for asker in askers:
        asker.start()
    try:
        work()
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    return load


def resident_mb() -> float:
    """Returns resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def one_size(size: int, real: np.ndarray, options: argparse.Namespace) -> None:
    queries = np.ascontiguousarray(real[:: max(1, len(real) // options.queries)][: options.queries])
    base = np.delete(real, np.arange(0, len(real), max(1, len(real) // options.queries))[: options.queries], axis=0)
    with tempfile.TemporaryDirectory(dir=options.scratch or None) as name:
        folder = Path(name)
        generate_keypair(folder / "key.pem", folder / "trusted" / "key.pub")
        home = Home(open_store(str(folder / "home")), folder, base, options.factory)
        began = time.perf_counter()
        digests = {1: home.version(1, size)}
        built = time.perf_counter() - began
        home.point(1, digests[1], generation=1)
        before, began = resident_mb(), time.perf_counter()
        reader = open_index(home.store, NAME, trust=home.trust(), mmap=options.mmap)
        opened, held = time.perf_counter() - began, resident_mb() - before
        info = reader.manifest.index
        print(
            f"{size:,} vectors of {info.dimension}: {info.factory} ({info.reason}), recall@10 {info.recall_at_10} in "
            f"the manifest; built in {built:.0f} s, opened in {opened:.2f} s, {held:.0f} MB{' mapped' * options.mmap}",
            flush=True,
        )
        rows = np.concatenate(list(_in_order(home, size)))
        measure(reader, rows, queries)
        del reader, rows
        if options.swaps:
            digests[2] = home.version(2, size) if size <= 100_000 else home.relabel(2, of=1)
            under_load(home, digests, queries, options)


def _in_order(home: Home, size: int) -> Iterator[np.ndarray]:
    """Yields the vectors in the order of the version: documents are named in the order in which they were made."""
    yield from grown(home.real, size, seed=1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--factory", default="auto")
    parser.add_argument("--swaps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--real", type=int, default=4_000, help="real passages to embed")
    parser.add_argument("--vectors", default="", help="file that keeps the real vectors (.npy)")
    parser.add_argument("--scratch", default="", help="folder for the home, which is removed; 1M needs 6 GB")
    parser.add_argument("--mmap", action="store_true")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    real = real_vectors(options.real, options.vectors)
    print(f"{len(real)} real vectors of {MODEL}, {options.queries} of them held out as queries")
    for size in options.sizes:
        one_size(size, real, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
