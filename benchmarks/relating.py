"""What `relate` holds in memory for so many newcomers at once, by `tracemalloc`.

Usage: relating.py FOLDER [NUMBER ...]

Rows of a real assessed shard (`corpora.installed`), given to as many documents with names, titles and digests of their
own; signatures are of real texts, edited at random, a fifth of each family. Compared with an empty corpus.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import corpora

from console.cli.main import main as stemma
from corpus.settings import load_settings
from ingestion import staging
from ingestion.relations.sketch import sketch_of
from ingestion.runtime import Runtime, open_runtime
from ingestion.stages import acquire, assess, relate

NAME, RUN = "bench", "run-1"
_PER_SHARD = 500
_FAMILIES = 40


def prepare(folder: Path) -> Runtime:
    """Makes a project over a few real documents."""
    stemma(["init", str(folder)])
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name, text in corpora.installed(60_000):
        (inbox / name).write_text(text)
    new = ["--project", str(folder), "contract", "new", NAME, "--path", f"{inbox}/**/*", "--owner", "bench"]
    new += ["--model", "wordllama-256"]
    stemma([*new, "--default", "version=1", "--default", "last_validated_date=2026-11-01"])
    return open_runtime(load_settings(folder))


def fill(runtime: Runtime, number: int) -> list[str]:
    """Stages as many assessed documents; returns their shards."""
    [shard, *_] = acquire.acquire(runtime, NAME, RUN).outputs
    assess.assess(runtime, NAME, RUN, shard)
    rows, entries = staging.read_assessed(runtime.store, RUN, shard), staging.read_shard(runtime.store, RUN, shard)
    words = [text.split()[:400] for _, text in corpora.installed(2_000_000)][:_FAMILIES]
    dice, shards = random.Random(1), []
    for first in range(0, number, _PER_SHARD):
        listed, assessed = [], []
        for place in range(first, first + _PER_SHARD):
            name, text = f"folder-{place % 97}/document-{place:07d}.md", list(words[place % len(words)])
            for _ in range(dice.randrange(len(text) // 5)):
                text[dice.randrange(len(text))] = str(dice.random())
            entry = entries[place % len(entries)]
            listed.append(replace(entry, ref=replace(entry.ref, doc_id=name, path=name)))
            own = {"doc_id": name, "path": name, "title": f"Document {place}", "content_sha256": f"{place:064x}"}
            assessed.append({**rows[place % len(rows)], **own, "sketch": sketch_of(" ".join(text))})
        shards.append(staging.write_shard(runtime.store, RUN, listed, {}))
        staging.write_rows(runtime.store, RUN, shards[-1], assessed)
    note = staging.find_note(runtime.store, RUN)
    assert note is not None
    staging.write_note(runtime.store, RUN, replace(note, shards=tuple(shards), listed=number))
    return shards


def main() -> None:
    """Prints one line per number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", nargs="*", type=int, default=[2_000])
    asked = parser.parse_args()
    for number in asked.numbers:
        with tempfile.TemporaryDirectory(dir=asked.folder) as place:
            runtime = prepare(Path(place))
            shards = fill(runtime, number)
            tracemalloc.start(1)
            began = time.process_time()
            relate.relate(runtime, NAME, RUN, shards)
            held, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            runtime.catalog.close()
        took = time.process_time() - began
        print(f"{number} newcomers: peak {peak / 1e6:.1f} MB, {took:.1f} s of processor, {held / 1e6:.1f} MB after it")


if __name__ == "__main__":
    main()
