"""A registry of very many answers: bytes an answer, and what a document costs beside 1,000 of them and all of them.

Usage: registry.py [--data FOLDER] [--answers 1000000] [--url DATABASE] [--json]

Real answers (MTRAG, MTRAG-UN, ExpertQA, RAGChecker, FActScore) are registered one by one; the rest is bulk: texts of
the same lengths with words drawn as often as they stand in real articles, so that chance phrases are shared. Looked
up are real articles cut to 1,000 words, and real answers inside 1,000 words, warm, in CPU and wall time of this
process, and CPU time of the database's process where that is on this machine. The baseline of the ratio is the same
look-up beside the first 1,000 answers. `--url` takes an empty PostgreSQL database; without it, SQLite on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from served import SERVED_AT, inside, revisions, with_context, without_context
from sqlalchemy import create_engine, insert, make_url, text

from corpus.catalog import answers, postings
from corpus.catalog.session import Catalog, open_catalog
from corpus.catalog.tables import AnswerRow
from corpus.types import Basis
from ingestion.stages.answers import register_answers
from provenance.answers import COMMON_ANSWERS, AnswerInput, document_grams, novelty, register
from provenance.grams import grams, rolled
from provenance.reuse import match
from provenance.signature import Signature, kept_of, short_words, turned

SLICE = 100_000
PAIRS = 4_000_000


def bulk(catalog: Catalog, number: int, lengths: list[int], articles: list[str], console: Console) -> None:
    """Registers made-up answers, with the keys and signatures that registering gives, a slice in a transaction.

    All their pairs are novel, as of answers without sources; the keys of each are chosen as registering chooses them,
    and a key that three answers before it hold is a stock phrase and left out.
    """
    words = Counter(word for article in articles for word in article.split())
    known = [grams(word) for word in words]
    single = [place for place, item in enumerate(known) if item.words == 1]
    numbers = np.array([known[place].numbers[0] for place in single], dtype=np.uint64)
    common = np.array([known[place].common[0] for place in single])
    weights = np.array(list(words.values()), dtype=np.float64)[single]
    dice = np.random.default_rng(7)
    made: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(0, number, SLICE):
        console.print(f"bulk {start:,} of {number:,}", style="dim", highlight=False)
        sizes = dice.choice(lengths, min(SLICE, number - start))
        drawn = dice.choice(len(numbers), int(sizes.sum()), p=weights / weights.sum())
        keys, owners = _keys(numbers[drawn], sizes)
        with catalog.transaction() as tx:
            tx.execute(insert(AnswerRow), _rows(start, numbers[drawn], common[drawn], sizes))
            first = tx.execute(text("SELECT max(id) FROM answers")).scalar_one() - len(sizes) + 1
        made.append((keys, owners + np.uint64(first)))
    keys, owners = _without_stock(*(np.concatenate(parts) for parts in zip(*made, strict=True)))
    for start in range(0, len(keys), PAIRS):
        console.print(f"keys {start:,} of {len(keys):,}", style="dim", highlight=False)
        with catalog.transaction() as tx:
            postings.put(tx, keys[start : start + PAIRS], owners[start : start + PAIRS])


def _without_stock(keys: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pairs of the first answers of each key, sorted by key: so each bucket is written once."""
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    rank = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    return keys[rank < COMMON_ANSWERS], owners[rank < COMMON_ANSWERS]


def _keys(numbers: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the keys of a slice of answers and, for each, the place of its answer."""
    of = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    hashes = rolled(numbers)
    inside = of[2:] == of[:-2]
    hashes, of = hashes[inside], of[2:][inside]
    order = np.lexsort((turned(hashes), of))
    hashes, of = hashes[order], of[order]
    starts = np.searchsorted(of, np.arange(len(sizes), dtype=np.uint64))
    rank = np.arange(len(of)) - starts[of.astype(np.int64)]
    counts = np.bincount(of.astype(np.int64), minlength=len(sizes))
    chosen = rank < np.array([kept_of(int(count)) for count in counts])[of.astype(np.int64)]
    return hashes[chosen], of[chosen]


def _rows(start: int, numbers: np.ndarray, common: np.ndarray, sizes: np.ndarray) -> list[dict[str, Any]]:
    ends = np.cumsum(sizes)
    made = []
    for place, (end, size) in enumerate(zip(ends.tolist(), sizes.tolist(), strict=True)):
        part = slice(end - size, end)
        novel = np.arange(size) > 0
        kept = Signature(words=short_words(numbers[part]), common=common[part], novel=novel, weak=~novel & False)
        made.append(_row(f"bulk/{start + place}", kept.to_bytes(), kept_of(max(size - 2, 0))))
    return made


def _row(name: str, signature: bytes, keys: int) -> dict[str, Any]:
    return {
        "answer_id": name,
        "system": "bulk",
        "model": "",
        "served_at": SERVED_AT,
        "text": None,
        "text_sha256": name,
        "retrieved": (),
        "cited": (),
        "index_version": "",
        "gram_count": keys,
        "decidable": True,
        "context_known": True,
        "signature": signature,
    }


def server_ticks(catalog: Catalog) -> int:
    """Returns the CPU time of the PostgreSQL process that serves this catalog, in clock ticks; 0 where there is none.

    It has to run on this machine, and the pool has to hold one connection, as it does in one thread.
    """
    if not catalog.url.startswith("postgresql"):
        return 0
    with catalog.reading() as tx:
        process = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
    status = Path(f"/proc/{process}/stat")
    if not status.exists():
        return 0
    values = status.read_text().rpartition(")")[2].split()
    return int(values[11]) + int(values[12])


def settle(url: str | None) -> None:
    """Does for PostgreSQL now what its autovacuum does within minutes of a load."""
    if url:
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
        engine.dispose()


def look_up(catalog: Catalog, document: str) -> tuple[float, float, set[str]]:
    """Returns CPU and wall milliseconds of checking one document, and the answers that were matched."""
    wall, cpu = time.perf_counter(), time.process_time()
    seen = document_grams(document)
    with catalog.reading() as tx:
        served = answers.candidates(tx, seen.values)
    found = match(document, served, document=seen)
    spent = (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000
    return *spent, {item.detail["answer_id"] for item in found if item.basis is Basis.MATCHED}


def measured(catalog: Catalog, documents: list[str]) -> dict[str, float]:
    for document in documents[:5]:
        look_up(catalog, document)
    before = server_ticks(catalog)
    runs = [look_up(catalog, document) for document in documents]
    served = (server_ticks(catalog) - before) / os.sysconf("SC_CLK_TCK") * 1000 / len(documents)
    cpu, wall = [run[0] for run in runs], [run[1] for run in runs]
    return {
        "server cpu ms, mean": round(served, 2),
        "cpu ms, median": round(statistics.median(cpu), 2),
        "cpu ms, 95th percentile": round(sorted(cpu)[int(0.95 * len(cpu))], 2),
        "wall ms, median": round(statistics.median(wall), 2),
        "documents matched": sum(bool(run[2]) for run in runs),
    }


def size(catalog: Catalog) -> dict[str, int]:
    """Returns bytes of what matching reads: keys, packed or not, and signatures."""
    statements = {
        "packed keys": "SELECT coalesce(sum(length(postings) + 16), 0) FROM answer_postings",
        "loose keys": "SELECT count(*) * 40 FROM answer_grams",
        "signatures": "SELECT coalesce(sum(length(signature)), 0) FROM answers",
        "answers": "SELECT count(*) FROM answers",
    }
    with catalog.reading() as tx:
        return {name: int(tx.execute(text(statement)).scalar_one()) for name, statement in statements.items()}


@contextmanager
def opened(url: str | None) -> Iterator[Catalog]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = open_catalog(url or f"sqlite:///{folder}/catalog.db")
        catalog.upgrade()
        yield catalog
        catalog.close()


def run(data: Path, number: int, url: str | None, console: Console) -> dict[str, Any]:
    dice = random.Random(20261130)
    articles = [article[-1] for article in revisions(data)]
    words = " ".join(articles).split()
    documents = [" ".join(words[start : start + 1000]) for start in range(0, 150_000, 1000)]
    served = [item.answer for item in (*with_context(data), *without_context(data))]
    lengths = [grams(answer.text).words for answer in served]
    returned = [answer for answer in served if _sure(answer)][:100]
    pages = [(answer, inside(answer.text, words[200_000:], 1000, dice)) for answer in returned]
    with opened(url) as catalog:
        began = time.process_time()
        register_answers(catalog, served[:1000])
        report: dict[str, Any] = {
            "registering, cpu ms an answer": round((time.process_time() - began), 2),
            "beside 1,000": measured(catalog, documents),
        }
        register_answers(catalog, served[1000:])
        bulk(catalog, number - len(served), lengths, articles, console)
        settle(url)
        report[f"beside {number:,}"] = beside = measured(catalog, documents)
        report["ratio, median cpu"] = round(beside["cpu ms, median"] / report["beside 1,000"]["cpu ms, median"], 2)
        report["answers found inside 1,000 words"] = sum(
            answer.answer_id in look_up(catalog, page)[2] for answer, page in pages
        )
        report["of"] = len(pages)
        held = size(catalog)
        report["bytes"] = held
        report["bytes an answer, keys and signature"] = round(
            (held["packed keys"] + held["loose keys"] + held["signatures"]) / held["answers"]
        )
        began = time.process_time()
        register_answers(catalog, [_renamed(answer) for answer in served[:200]])
        report["registering beside all, cpu ms an answer"] = round((time.process_time() - began) / 200 * 1000, 2)
    return report


def _sure(answer: AnswerInput) -> bool:
    made = register(answer, novelty(answer))
    return made.decidable and made.context_known


def _renamed(answer: AnswerInput) -> AnswerInput:
    from dataclasses import replace

    return replace(answer, answer_id=f"again/{answer.answer_id}", text=f"{answer.text} Indeed.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--url", help="an empty PostgreSQL database")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    console = Console(stderr=True)
    report = run(given.data, given.answers, given.url, console)
    if given.json:
        json.dump(report, sys.stdout, indent=2)
        return
    for name, value in report.items():
        Console(width=160).print(f"{name}: {value}", highlight=False)


if __name__ == "__main__":
    main()
