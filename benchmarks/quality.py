"""Quality per core: our filters beside datatrove's on the same documents, the whole scorer, and the repair lane.

Usage: quality.py DATA [--documents N] [--json]
(DATA: a folder with docs_python_311_313, docs_git_versions and wiki_new_2024)

Processor time of one process, both sides warm: each has seen other documents of the same kinds before. Each judges
every document once with four filters (Gopher quality, Gopher repetition, C4, FineWeb) and default settings. datatrove
does nothing else here; no reading, no writing. Prints documents a second for each, their ratio in this run, and how
often verdict and first reason differ.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.ids import sha256_hex
from corpus.types import ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from ingestion.repair import repair
from ingestion.scorers import filters
from ingestion.scorers.heuristic import HeuristicScorer

SETS = (
    ("docs_python_311_313/sources.jsonl.gz", "rst", "rst"),
    ("docs_git_versions/prometheus_docs.jsonl.gz", "text", "md"),
    ("wiki_new_2024/articles.jsonl.gz", "content", "txt"),
)
OURS = (filters.gopher_quality, filters.gopher_repetition, filters.c4, filters.fineweb)
REPEATS = 3


def _texts(data: Path, number: int) -> list[tuple[str, str]]:
    """Real texts and their file endings, mixed: every n-th of each set."""
    found: list[tuple[str, str]] = []
    for name, field, ending in SETS:
        rows = [json.loads(line) for line in gzip.decompress((data / name).read_bytes()).splitlines()]
        texts = [row[field] for row in rows if row[field].strip()]
        share = number // len(SETS)
        found += [(text, ending) for text in texts[:: max(1, len(texts) // share)][:share]]
    return found[::2] + found[1::2]


def _parsed(text: str, ending: str) -> ParsedDocument | None:
    data = text.encode("utf-8", "replace")
    ref = SourceRef(doc_id="x", uri=f"file:///x.{ending}", path=f"x.{ending}", size=len(data), modified_at=None)
    try:
        return parse(RawBlob(ref=ref, data=data, sha256=sha256_hex(data)), {})
    except Exception:  # noqa: BLE001 - a page without text is no part of the measurement
        return None


def _ours(text: str) -> list[str]:
    held = filters.Text(text)
    return [filters.verdict(judge(held)) for judge in OURS]


def _theirs() -> Callable[[str], list[str]]:
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    made = (GopherQualityFilter(), GopherRepetitionFilter(), C4QualityFilter(), FineWebQualityFilter())

    def judged(text: str) -> list[str]:
        results = [judge.filter(Document(text=text, id="x")) for judge in made]
        return [result[1] if isinstance(result, tuple) else "" for result in results]

    return judged


def _rate(
    work: Callable[[Any], Any], warm: Sequence[Any], items: Sequence[Any], repeats: int
) -> tuple[float, list[Any]]:
    """Documents per second of processor time, median of `repeats`, and the last results."""
    for item in warm:
        work(item)
    rates, results = [], []
    for _ in range(repeats):
        began = time.process_time()
        results = [work(item) for item in items]
        rates.append(len(items) / (time.process_time() - began))
    return statistics.median(rates), results


def _measured(data: Path, number: int) -> dict[str, Any]:
    texts = _texts(data, number)
    warm, rest = texts[: number // 4], texts[number // 4 :]
    plain = [text for text, _ in rest]
    first = _first_pass(_ours, [text for text, _ in warm], plain)
    ours, mine = _rate(_ours, [], plain, REPEATS)
    theirs, other = _rate(_theirs(), [text for text, _ in warm], plain, 1)
    different = sum(
        (a == "") != (b == "")
        for left, right in zip(mine, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )
    documents = [document for text, ending in rest if (document := _parsed(text, ending))]
    scorer = HeuristicScorer()
    scored, _ = _rate(scorer.score, documents[:100], documents, REPEATS)
    kinds = ("encoding", "control_characters")
    clean = [document for document in documents if repair(document, kinds)[0] is document]
    repaired, _ = _rate(lambda document: repair(document, kinds), [], clean, REPEATS)
    return {
        "documents": len(plain),
        "characters": round(statistics.mean(map(len, plain))),
        "filters, new words (documents/s)": round(first, 1),
        "filters, known words (documents/s)": round(ours, 1),
        "datatrove (documents/s)": round(theirs, 1),
        "ratio, new words": round(first / theirs, 1),
        "ratio, known words": round(ours / theirs, 1),
        "verdicts that differ": different,
        "whole scorer (documents/s)": round(scored, 1),
        "repair of a clean document (ms)": round(1000 / repaired, 3),
        "documents edited": len(documents) - len(clean),
    }


def _first_pass(work: Callable[[str], Any], warm: Sequence[str], items: Sequence[str]) -> float:
    return _rate(work, warm, items, 1)[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=900)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = _measured(arguments.data, arguments.documents)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    table = Table("what", "measured")
    for name, value in found.items():
        table.add_row(name, str(value))
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
