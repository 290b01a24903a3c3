"""Lineage at size: bytes and time per answer in a SQLite catalog, a walk to the sources, and all loops.

Usage: lineage.py [--answers N] [--documents N] [--given N]

Made-up names and real tables: each answer was given chunks of a few of the documents, one answer in ten came back as a
document, and later answers were given that one too.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from corpus.catalog import lineage
from corpus.catalog.lineage_records import LineageEdge, LineageNode
from corpus.catalog.session import open_catalog
from ingestion.lineage.stored import givens, repeat_of
from provenance.lineage import depths, graph_of, loops

BATCH = 2_000


def edges(answers: int, documents: int, given: int) -> Iterator[LineageEdge]:
    dice = random.Random(7)
    returned: list[LineageNode] = []
    for number in range(answers):
        answer = lineage.answer(f"2026-03-01-{number:08d}")
        sources = [lineage.document("kb", f"wiki/page-{dice.randrange(documents)}.md", "r" * 32) for _ in range(given)]
        if returned and dice.random() < 0.2:
            sources[0] = dice.choice(returned)
        for source in set(sources):
            detail = {"chunks": [[dice.randrange(9), 1200, 2300]], "depth": 0}
            yield LineageEdge(subject=answer, object=source, relation=lineage.DERIVED, detail=detail)
        if number % 10 == 0:
            page = lineage.document("kb", f"notes/{number}.md", "s" * 32)
            returned.append(page)
            detail = {"basis": "matched", "scope": "document", "containment": 0.9, "share": 0.9, "passages": [[0, 900]]}
            yield LineageEdge(subject=page, object=answer, relation=lineage.DERIVED, detail=detail, run_id="run")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--given", type=int, default=5)
    options = parser.parse_args()
    every = list(edges(options.answers, options.documents, options.given))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalog.db")
        catalog = open_catalog(f"sqlite:///{path}")
        catalog.upgrade()
        empty = path.stat().st_size
        began = time.perf_counter()
        for start in range(0, len(every), BATCH):
            with catalog.transaction() as tx:
                lineage.add(tx, every[start : start + BATCH])
        written = time.perf_counter() - began
        catalog.close()
        catalog = open_catalog(f"sqlite:///{path}")
        size = path.stat().st_size - empty
        with catalog.reading() as tx:
            began = time.perf_counter()
            fresh, seen = {every[-1].subject}, set()
            while fresh:
                seen |= fresh
                fresh = {edge.object for edge in lineage.parents(tx, fresh)} - seen
            walked = time.perf_counter() - began
            began = time.perf_counter()
            repeated = list(lineage.of_kind(tx, "document"))
            told = lineage.parents(tx, {edge.object for edge in repeated})
            graph = graph_of([repeat_of(edge) for edge in repeated], [item for edge in told for item in givens(edge)])
            found = loops(graph)
            searched = time.perf_counter() - began
            began = time.perf_counter()
            deepest = max(depth.value for depth in depths(graph).values())
            deep = time.perf_counter() - began
    each = f"{size / options.answers:.0f} bytes and {written / options.answers * 1e6:.0f} us"
    lines = (
        f"answers {options.answers:,}, edges {len(every):,}: {each} per answer",
        f"a walk to the sources of the last node: {len(seen)} nodes, {walked * 1000:.1f} ms",
        f"all loops over {len(repeated):,} returned answers: {len(found)} found, {searched:.1f} s",
        f"depths of all of that: {deepest} at the most, {deep:.1f} s",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
