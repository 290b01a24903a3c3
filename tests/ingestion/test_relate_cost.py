"""What comparing one document costs does not grow with the corpus: counted in steps of the database, not in seconds."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from sqlalchemy import event

from corpus.catalog.session import open_catalog
from ingestion.relations.neighbours import compare_with_corpus, relatives
from ingestion.relations.twins import Likeness

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import duplicates

EVERY = 100


def _steps(folder: Path, size: int) -> int:
    """Returns what SQLite does, in hundreds of instructions, to compare 20 texts with `size` stored ones.

    All stored ones share a path without its number and half a title, which makes them the crowd that it has to bear.
    """
    chooser = random.Random(size)
    catalog = open_catalog(f"sqlite:///{folder}/{size}.db")
    catalog.upgrade()
    texts = [" ".join(f"w{chooser.randrange(9_000)}" for _ in range(40)) for _ in range(size)]
    duplicates._store(catalog, [duplicates.newcomer(f"page-{place}", text) for place, text in enumerate(texts)])
    fresh = [duplicates.newcomer(f"page-{size + place}", texts[place] + " more") for place in range(20)]
    counted = [0]

    def step() -> int:
        counted[0] += 1
        return 0

    def watch(connection: object, *_rest: object) -> None:
        connection.set_progress_handler(step, EVERY)  # type: ignore[attr-defined]

    catalog.close()
    event.listen(catalog.engine, "connect", watch)
    likeness = Likeness()
    with catalog.reading() as tx:
        near = compare_with_corpus(tx, "bench", fresh, (), likeness)
        assert relatives(tx, "bench", fresh, ()) == ({}, {})
    catalog.close()
    assert {name for item in fresh for name in likeness.of(item.doc_id)} >= {f"page-{place}" for place in range(20)}
    assert len(near.states) < 60
    return counted[0]


def test_a_look_up_takes_as_many_steps_beside_many_documents_as_beside_few(tmp_path: Path) -> None:
    few, many = _steps(tmp_path, 300), _steps(tmp_path, 6_000)
    assert few > 10
    assert many < 1.5 * few, (few, many)
