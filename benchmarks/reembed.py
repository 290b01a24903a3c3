"""What a re-embed costs beside the model: the bare embedder on the same texts and batches, in the same run.

Usage: reembed.py [--bytes N] [--model NAME ...] [--rounds N] [--corpus installed|python-docs] [--json]

Documents are ingested once with wordllama-256. Each round embeds their chunks twice in one process with the model
loaded: bare, batch by batch, vectors thrown away; and as `stemma reembed --mode shadow` does it, in a fresh copy of the
project. `embedding` is everything up to the release (estimate, canaries, reading, saving, catalog); `release` builds,
judges, signs and publishes the version beside it, which an ingest would do as well. The goal is a ratio of 1.05 at the
most for `embedding`. Rounds go in turn; ratios are medians of the rounds' ratios. Seconds of processor stand
beside those on the clock: a busy machine moves them less.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import corpora

from contracts.scaffold import new_contract
from corpus import batches
from corpus.catalog.session import open_catalog
from corpus.seams import Embedder
from corpus.settings import Settings
from index.signing import generate_keypair
from ingestion import pipeline
from ingestion.embedding import describe, open_embedder
from ingestion.pacing import UNPACED
from ingestion.runtime import Runtime, catalog_url, open_runtime
from ingestion.stages import reembed

NAME, SOURCE_MODEL = "bench", "wordllama-256"
CORPORA = {"installed": corpora.installed, "python-docs": corpora.python_docs}
DEFAULTS = {
    "owner": "bench",
    "source_system": "bench",
    "last_validated_date": "2026-11-01",
    "sensitivity_label": "public",
    "version": "1",
}
Cost = tuple[float, float]  # seconds on the clock, seconds of processor


def prepare(folder: Path, corpus: str, size: int) -> Settings:
    """Ingests documents of about `size` bytes into a new project."""
    settings = Settings(project=folder, home=str(folder / "home"))
    if not corpora.write(folder / "inbox", CORPORA[corpus](size)):
        raise SystemExit(f"{corpus}: not on this machine")
    settings.contracts.mkdir()
    settings.trusted_keys.mkdir(parents=True)
    (folder / "home").mkdir()
    generate_keypair(settings.signing_key, settings.trusted_keys / "bench.pub")
    open_catalog(catalog_url(settings)).upgrade()
    text = new_contract(
        NAME, root="./inbox", include=("**/*",), embedder=SOURCE_MODEL, owner="bench", defaults=DEFAULTS
    )
    (settings.contracts / f"{NAME}.odcs.yaml").write_text(text)
    pipeline.ingest(open_runtime(settings), NAME)
    return settings


def same_batches(runtime: Runtime, model: str) -> list[list[str]]:
    """Returns the texts that a re-embed reads, in its batches."""
    seen: set[str] = set()
    found: list[list[str]] = []
    for segment in reembed.pending(runtime, NAME, model):
        with runtime.store.open(f"segments/{segment}/chunks.parquet") as handle:
            table = batches.read_table(handle, ["text", "text_sha256"])
        texts = dict(zip(table["text_sha256"].to_pylist(), table["text"].to_pylist(), strict=True))
        new = [digest for digest in texts if digest not in seen]
        seen.update(new)
        found += [[texts[digest] for digest in batch] for batch in UNPACED.batches(new, [0] * len(new))]
    return found


def timed(work: Callable[[], object]) -> Cost:
    """Returns what a piece of work took."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def bare(embedder: Embedder, texts: Sequence[list[str]]) -> None:
    """Embeds and keeps nothing."""
    for batch in texts:
        embedder.embed(batch)


def embed_all(runtime: Runtime, model: str) -> None:
    """Does what `ingestion.pipeline.reembed` does before it releases."""
    reembed.begin(runtime, NAME, "bench", model=model, mode="shadow")
    reembed.estimate(runtime, NAME, model)
    for group in reembed.groups(runtime, NAME, model, chunks_per_group=20_000):
        reembed.embed_segments(runtime, NAME, "bench", group, model=model)


def measure(settings: Settings, model: str, rounds: int) -> dict[str, Any]:
    """Returns the figures of one model."""
    runtime = open_runtime(settings)
    texts = same_batches(runtime, model)
    cost = reembed.estimate(runtime, NAME, model).figures
    with tempfile.TemporaryDirectory() as folder:  # loads the model and stores its canaries somewhere else
        scratch = _copy(settings, Path(folder))
        embedder = open_embedder(scratch, describe(scratch, model, None))
    bare(embedder, texts[:1])
    costs: dict[str, list[Cost]] = {"bare": [], "embedding": [], "release": []}
    for turn in range(rounds):
        with tempfile.TemporaryDirectory(dir=settings.project) as folder:
            fresh = _copy(settings, Path(folder))
            if turn % 2:
                costs["bare"].append(timed(lambda: bare(embedder, texts)))
            costs["embedding"].append(timed(lambda fresh=fresh: embed_all(fresh, model)))
            cut = timed(lambda fresh=fresh: reembed.cut_over(fresh, NAME, "bench", model=model, mode="shadow"))
            costs["release"].append(cut)
            if not turn % 2:
                costs["bare"].append(timed(lambda: bare(embedder, texts)))
            fresh.catalog.close()
    return {
        "model": model,
        "dtype": str(embedder.runtime["dtype"]),
        "segments": cost["segments"],
        "chunks": cost["chunks"],
        "texts": sum(len(batch) for batch in texts),
        "seconds": {name: [round(wall, 3) for wall, _ in found] for name, found in costs.items()},
        "cpu_seconds": {name: [round(cpu, 3) for _, cpu in found] for name, found in costs.items()},
        "ratio_wall": round(_ratio(costs, 0, "embedding"), 4),
        "ratio_cpu": round(_ratio(costs, 1, "embedding"), 4),
        "ratio_wall_with_release": round(_ratio(costs, 0, "embedding", "release"), 4),
        "ratio_cpu_with_release": round(_ratio(costs, 1, "embedding", "release"), 4),
    }


def _ratio(costs: dict[str, list[Cost]], place: int, *parts: str) -> float:
    rounds = zip(costs["bare"], *(costs[part] for part in parts), strict=True)
    return median(sum(cost[place] for cost in rest) / first[place] for first, *rest in rounds)


def _copy(settings: Settings, folder: Path) -> Runtime:
    home = folder / "home"
    shutil.copytree(settings.home, home)
    return open_runtime(settings.model_copy(update={"home": str(home), "catalog_url": ""}))


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the figures as a table."""
    heads = ("wall", "CPU", "wall + release", "CPU + release")
    print(f"{'model':22}{'chunks':>8}{'texts':>8}{'bare s':>9}{'re-embed s':>12}" + "".join(f"{h:>16}" for h in heads))
    for row in rows:
        seconds = row["seconds"]
        ratios = [row[f"ratio_{kind}{more}"] for more in ("", "_with_release") for kind in ("wall", "cpu")]
        print(
            f"{row['model'] + ' ' + row['dtype']:22}{row['chunks']:8}{row['texts']:8}{median(seconds['bare']):9.2f}"
            f"{median(seconds['embedding']):12.2f}" + "".join(f"{ratio:16.3f}" for ratio in ratios)
        )
    print("ratios: re-embed / bare embedder, median of rounds; the goal for the first two is 1.05")


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000, help="size of the corpus")
    parser.add_argument("--model", action="append", help="target, may be repeated; default all-MiniLM-L6-v2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", choices=[*CORPORA], default="python-docs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = prepare(Path(folder), options.corpus, options.bytes)
        rows = [measure(settings, model, options.rounds) for model in options.model or ["all-MiniLM-L6-v2"]]
    print(json.dumps({"corpus": options.corpus, "rows": rows}, indent=2)) if options.json else show(rows)


if __name__ == "__main__":
    main()
