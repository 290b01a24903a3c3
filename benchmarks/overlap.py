"""How many nearest neighbours two versions of an index share, on real documents: what the gate `overlap` judges.

Usage: overlap.py [--data FOLDER] [--chunks 1500] [--models wordllama-256 all-MiniLM-L6-v2] [--json]

Same space: the Prometheus documentation at four dates, one index per date, each compared with the one before; a chunk
is a paragraph group of at most 180 words. Also an index that compresses (SQ8) against the exact one of the same date.
Other model: the newest date, and the five corpora of chunking_eval, embedded with two models.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from corpora import SHARED
from rich.console import Console
from rich.table import Table

from corpus.ids import text_digest
from index import search
from index.embedders.registry import load_embedder
from index.overlap import Side, neighbour_overlap

MOST_WORDS = 180
SAMPLE = 200


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--chunks", type=int, default=1_500)
    parser.add_argument("--models", nargs=2, default=["wordllama-256", "all-MiniLM-L6-v2"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rows = [*same_space(options.data, options.models[0], options.chunks), *other_model(options)]
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        show(rows)
    return 0


def same_space(data: Path, model: str, most: int) -> Iterator[dict[str, Any]]:
    """Yields the overlap between consecutive dates, and of a compressing index with the exact one."""
    dates = prometheus(data)
    sides = {date: side(chunked(texts)[:most], model) for date, texts in sorted(dates.items())}
    names = sorted(sides)
    for before, after in pairwise(names):
        yield measured(f"{before} -> {after}", model, sides[before], sides[after], k=10, same=True)
    newest = chunked(dates[names[-1]])[:most]
    yield measured(f"{names[-1]}, Flat -> SQ8", model, sides[names[-1]], side(newest, model, "SQ8"), k=10, same=True)


def other_model(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields the overlap between two models over the same chunks."""
    one, other = options.models
    dates = prometheus(options.data)
    corpora = {max(dates): dates[max(dates)]}
    for path in sorted((options.data / "chunking_eval" / "corpora").glob("*")):
        corpora[path.stem] = {path.name: path.read_text("utf-8")}
    for name, texts in corpora.items():
        chunks = chunked(texts)[: options.chunks // 3]
        yield measured(f"{name}, {one} -> {other}", one, side(chunks, one), side(chunks, other), k=5, same=False)


def measured(what: str, model: str, before: Side, after: Side, *, k: int, same: bool) -> dict[str, Any]:
    found = neighbour_overlap(before, after, k=k, sample=SAMPLE, same_space=same)
    return {
        "what": what,
        "model": model,
        "chunks": [len(before.ids), len(after.ids)],
        "k": k,
        "overlap": found.share,
        "sample": found.sample,
    }


@cache
def prometheus(data: Path) -> dict[str, dict[str, str]]:
    """Returns date to path to text."""
    found: dict[str, dict[str, str]] = {}
    with gzip.open(data / "docs_git_versions" / "prometheus_docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            found.setdefault(str(record["rev"])[:7], {})[record["path"]] = record["text"]
    return found


def chunked(texts: dict[str, str]) -> list[tuple[str, str]]:
    """Returns (id, text) of groups of paragraphs; the id is made of the document and the text."""
    chunks: dict[str, str] = {}
    for name, text in sorted(texts.items()):
        words: list[str] = []
        for part in (*_parts(text), []):
            if words and (not part or len(words) + len(part) > MOST_WORDS):
                joined = " ".join(words)
                chunks[f"{name}#{text_digest(joined)[:16]}"] = joined
                words = []
            words += part
    return list(chunks.items())


def _parts(text: str) -> Iterator[list[str]]:
    """Yields the words of each paragraph; a long one in pieces."""
    for paragraph in text.split("\n\n"):
        words = paragraph.split()
        yield from (words[start : start + MOST_WORDS] for start in range(0, len(words), MOST_WORDS))


def side(chunks: list[tuple[str, str]], model: str, factory: str = "Flat") -> Side:
    ids, texts = zip(*chunks, strict=True)
    vectors = load_embedder(model).embed(texts)
    table = pa.table({"chunk_id": ids, "text_sha256": [text_digest(text) for text in texts]})
    return Side.of(search.make_index(factory, vectors), table)


def show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("versions", "chunks", "k", "overlap", "sample", title="Overlap of nearest neighbours")
    for row in rows:
        share = "-" if row["overlap"] is None else f"{row['overlap']:.1%}"
        chunks = " -> ".join(f"{number:,}" for number in row["chunks"])
        table.add_row(row["what"], chunks, str(row["k"]), share, str(row["sample"]))
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
