"""Copies and versions: what is found against planted truth, and what a look-up costs as the corpus grows.

Usage: duplicates.py [--data FOLDER] [--sizes 1000 10000 100000] [--json]

Truth: planted pairs of news articles, revisions of Wikipedia articles, the Prometheus documentation at four dates, and
the Python documentation in two versions. A pair counts as found where the second document is a copy or another
version of the first, or both are in one family through others. Costs are of the look-up of 200 new texts
beside N stored signatures (texts of made-up words), in a SQLite catalog on disk.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.catalog import relations, sketches
from corpus.catalog.session import open_catalog
from corpus.ids import text_digest
from ingestion.relations.conflicts import contradictions
from ingestion.relations.families import Declared, keys_of
from ingestion.relations.neighbours import compare_with_corpus, notes_of, sketch_record
from ingestion.relations.relating import Near, Related, relate_all
from ingestion.relations.sketch import sketch_of
from ingestion.relations.twins import Likeness, Newcomer, compare_all, copies, in_order

THRESHOLD = 0.8
Pair = frozenset[str]


def newcomer(name: str, text: str, path: str = "", title: str = "") -> Newcomer:
    return Newcomer(
        doc_id=name,
        title=title,
        content_sha256=text_digest(text),
        sketch=sketch_of(text),
        keys=keys_of(Declared(), path or name, title),
        declared=Declared(),
    )


def find(documents: Iterable[Newcomer]) -> tuple[set[Pair], set[Pair]]:
    """Returns the pairs that are copies, and those that are copies or versions, as a run finds them."""
    from contracts.model import FamilySpec, TrustSpec

    class Terms:
        families, trust = FamilySpec(similarity=THRESHOLD), TrustSpec()

    ordered = in_order(documents)
    likeness = Likeness()
    compare_all(ordered, likeness)
    twins = copies(ordered, likeness, (), (), threshold=THRESHOLD, holds=lambda _copy: False)
    related = relate_all(
        Terms(),  # type: ignore[arg-type]
        ordered,
        likeness,
        near=Near(),
        ranked=Related(),
        copies=twins,
        bursts={},
        strangers=(),
    )
    found = {frozenset((item["doc_id"], item["other_id"])) for rows in related.relations.values() for item in rows}
    return {frozenset((name, copy.of)) for name, copy in twins.items()}, found


def families(pairs: Iterable[Pair]) -> set[Pair]:
    """Returns every pair that is in one family, directly or through others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for one, other in map(sorted, pairs):
        parent[root(one)] = root(other)
    members = defaultdict(list)
    for name in parent:
        members[root(name)].append(name)
    return {frozenset(pair) for group in members.values() for pair in combinations(group, 2)}


def scored(name: str, found: set[Pair], truth: set[Pair]) -> dict[str, Any]:
    hit = len(found & truth)
    return {
        "set": name,
        "truth": len(truth),
        "found": len(found),
        "recall": round(hit / len(truth), 4) if truth else None,
        "precision": round(hit / len(found), 4) if found else None,
    }


def _lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def articles(data: Path, number: int) -> dict[str, Any]:
    folder = data / "minhash_articles"
    rows = _lines(folder / f"articles_{number}.jsonl.gz")
    truth = {frozenset(line.split()) for line in (folder / f"articles_{number}.truth.tsv").read_text().splitlines()}
    twins, found = find(newcomer(row["id"], row["text"]) for row in rows)
    assert found == twins
    return scored(f"minhash_articles {number}: copies", twins, truth)


def wiki(data: Path, *, titles: bool) -> dict[str, Any]:
    rows = _lines(data / "wiki_versions" / "wiki_versions.jsonl.gz")
    names = [f"{place:05d}" for place in range(len(rows))]
    _, found = find(
        newcomer(name, row["text"], path="0", title=row["article"] if titles else "")
        for name, row in zip(names, rows, strict=True)
    )
    groups = defaultdict(list)
    for name, row in zip(names, rows, strict=True):
        groups[row["article"]].append(name)
    truth = {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}
    kind = "titled by article" if titles else "text alone"
    return scored(f"wiki_versions, {kind}: families", families(found), truth)


def prometheus(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = data / "docs_git_versions"
    rows = _lines(folder / "prometheus_docs.jsonl.gz")
    renamed = {
        row["path"]: row["new_path"] for row in _lines(folder / "changes.jsonl.gz") if row["status"].startswith("R")
    }
    files = {f"{row['rev']}/{row['path']}": row for row in rows}
    groups = defaultdict(list)
    for path, row in files.items():
        groups[renamed.get(row["path"], row["path"])].append(path)
    return _by_path("docs_git_versions", {path: row["text"] for path, row in files.items()}, groups)


def python(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = _lines(data / "docs_python_311_313" / "sources.jsonl.gz")
    groups = defaultdict(list)
    for row in rows:
        groups[row["path"]].append(f"{row['version']}/{row['path']}")
    texts = {f"{row['version']}/{row['path']}": row["rst"] for row in rows}
    return _by_path("docs_python_311_313", texts, groups)


def _by_path(
    name: str, texts: Mapping[str, str], groups: Mapping[str, list[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    truth = {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}
    _, found = find(newcomer(path, text, path=path) for path, text in texts.items())
    result = scored(f"{name}: families", families(found), truth)
    siblings = [sorted(pair) for pair in sorted(found & truth, key=sorted) if len({texts[path] for path in pair}) > 1]
    kinds = Counter(
        item[0].kind if (item := contradictions(texts[one], texts[other])) else "none" for one, other in siblings
    )
    flagged = sum(kinds.values()) - kinds["none"]
    return result, {
        "set": f"{name}: siblings flagged as conflicts",
        "pairs": len(siblings),
        "flagged": flagged,
        **kinds,
    }


def quality(data: Path) -> list[dict[str, Any]]:
    """Returns recall and precision of every set of truth, and how many ordinary siblings count as conflicts."""
    found = [articles(data, number) for number in (100, 1_000, 2_500)]
    found += [wiki(data, titles=titles) for titles in (False, True)]
    found += [*prometheus(data), *python(data)]
    return found


def _made_up(chooser: random.Random, words: int) -> str:
    return " ".join(f"w{chooser.randrange(20_000)}" for _ in range(words))


def growth(sizes: Iterable[int], wanted: int = 200) -> list[dict[str, Any]]:
    """Returns what comparing new texts with N stored ones costs, and the pages that SQLite read for it."""
    rows = []
    for size in sizes:
        chooser = random.Random(size)
        with tempfile.TemporaryDirectory() as folder:
            catalog = open_catalog(f"sqlite:///{folder}/catalog.db")
            catalog.upgrade()
            texts = [_made_up(chooser, 60) for _ in range(size)]
            fill = time.perf_counter()
            _store(
                catalog,
                [newcomer(f"stored-{place}", text, title=f"Page {text[:40]}") for place, text in enumerate(texts)],
            )
            fill = time.perf_counter() - fill
            half = wanted // 2
            fresh = [newcomer(f"new-{place}", texts[place] + " and more") for place in range(half)]
            fresh += [newcomer(f"new-{place}", _made_up(chooser, 60)) for place in range(half, wanted)]
            likeness, started = Likeness(), time.perf_counter()
            with catalog.reading() as tx:
                near = compare_with_corpus(tx, "bench", fresh, (), likeness)
            seconds = time.perf_counter() - started
            rows.append({
                "stored": size,
                "store_ms_per_document": round(1000 * fill / size, 3),
                "look_up_ms_per_document": round(1000 * seconds / wanted, 3),
                "twins_found": sum(bool(likeness.of(item.doc_id)) for item in fresh[:half]),
                "of": half,
                "invented": sum(bool(likeness.of(item.doc_id)) for item in fresh[half:]),
                "standing_rows_touched": len(near.states),
            })  # fmt: skip
            catalog.close()
    return rows


def _store(catalog: Any, items: list[Newcomer]) -> None:
    from corpus.catalog import documents, segments
    from corpus.catalog.records import DocumentState, SegmentRecord
    from corpus.types import utc_now

    now = utc_now()
    empty = {"chunker_fingerprint": "", "assess_fingerprint": "", "documents_sha256": "", "chunks_sha256": ""}
    segment = SegmentRecord(
        segment_id="s", contract="bench", documents=1, chunks=1, run_id="r", created_at=now, **empty
    )
    for start in range(0, len(items), 2_000):
        batch = items[start : start + 2_000]
        with catalog.transaction() as tx:
            segments.add(tx, segment)
            documents.record(tx, "bench", "r", [
                DocumentState(
                    doc_id=item.doc_id, uri="", path="", state="active", state_key="k", raw_sha256="", size=1,
                    modified_at=None, revision_id="v", segment_id="s", outcome="accept", run_id="r", updated_at=now,
                )
                for item in batch
            ])  # fmt: skip
            sketches.put(tx, "bench", [sketch_record("bench", item, item.doc_id) for item in batch])
            notes = [note for item in batch for note in notes_of("bench", "r", item, sound=True)]
            relations.replace(tx, "bench", [item.doc_id for item in batch], notes)


def speed(data: Path) -> dict[str, Any]:
    """Returns how many signatures one core makes in a second."""
    texts = [row["text"] for row in _lines(data / "wiki_versions" / "wiki_versions.jsonl.gz")]
    started = time.process_time()
    for text in texts:
        sketch_of(text)
    seconds = time.process_time() - started
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    return {
        "signatures_per_s": round(len(texts) / seconds),
        "mb_per_s": round(megabytes / seconds, 1),
        "words_per_text": round(sum(len(text.split()) for text in texts) / len(texts)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measured: dict[str, list[dict[str, Any]]] = {"look-ups": growth(options.sizes)}
    if options.data.is_dir():
        measured |= {"truth": quality(options.data), "speed": [speed(options.data)]}
    else:
        print(f"{options.data}: not on this machine, left out", file=sys.stderr)
    if options.json:
        print(json.dumps(measured, indent=2))
        return
    for name, rows in measured.items():
        columns = list(dict.fromkeys(key for row in rows for key in row))
        table = Table(*columns, title=name)
        for row in rows:
            table.add_row(*(str(row.get(column, "")) for column in columns))
        Console(width=140).print(table)


if __name__ == "__main__":
    main()
