"""Admission: documents a second and core for each of its steps, and the whole beside embedding the same documents.

Usage: admission.py [--bytes N] [--json]    (N: size of each corpus; the default takes a minute or two)

The steps are timed one by one in this process, on one core, warm; the rows `stage:` are the stages of a real run,
workers and files and catalog included, with every rule that a new contract has. The embedder is the default one.

The rules' engine, Great Expectations, is imported once a process, beside the reading of documents. So the whole of
admission is given twice: with the engine imported before, and in a fresh process of its own that imports it too.
Processor time is that of all processes; on a machine with other work it is the fairer measure, and not the wall's.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import corpora
from process import run
from rich.console import Console
from rich.table import Table

from contracts.evaluate import row_violations
from contracts.rules.engine import library
from corpus import batches
from corpus.errors import ParseError
from corpus.ids import new_run_id
from corpus.settings import load_settings
from ingestion.examine import UNDECIDED, examine
from ingestion.inspect import detector_of, inspect, scorer_of
from ingestion.isolation import close_all, workers_for
from ingestion.language import language_of
from ingestion.parsers.route import parse
from ingestion.pipeline import ready_for
from ingestion.reentry import matcher
from ingestion.relations.sketch import sketch_of
from ingestion.repair import repair
from ingestion.runtime import Runtime, open_runtime
from ingestion.snapshot import Entry
from ingestion.stages import acquire, admit, assess, relate, stage
from ingestion.toolkit import tools_of

STEMMA = str(Path(sys.executable).with_name("stemma"))
NAME = "bench"


@dataclass(frozen=True)
class Step:
    """One measured step over all documents of a corpus."""

    corpus: str
    name: str
    documents: int
    wall_s: float
    cpu_s: float

    def as_json(self) -> dict[str, Any]:
        return {
            "corpus": self.corpus,
            "step": self.name,
            "ms_per_document": round(self.cpu_s / self.documents * 1000, 3),
            "documents_per_s_and_core": round(self.documents / max(self.cpu_s, 1e-6), 1),
            "wall_s": round(self.wall_s, 2),
        }


class Clock:
    """Collects steps."""

    def __init__(self, corpus: str, documents: int) -> None:
        self.corpus, self.documents = corpus, documents
        self.steps: list[Step] = []

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        began, used = time.perf_counter(), _cpu()
        result = work()
        self.steps.append(Step(self.corpus, name, self.documents, time.perf_counter() - began, _cpu() - used))
        return result


def _cpu() -> float:
    """Processor time of this process and its ended children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _project(folder: Path, inbox: Path) -> Runtime:
    run([STEMMA, "init", str(folder)])
    new = [STEMMA, "--project", str(folder), "contract", "new", NAME, "--path", f"{inbox}/**/*", "--owner", "bench"]
    run([*new, "--default", "version=1", "--default", "last_validated_date=2026-11-01"])
    return open_runtime(load_settings(folder))


def _parsed(blobs: Iterable[Any], parsers: Any) -> list[tuple[Any, Any]]:
    found = []
    for blob in blobs:
        try:
            found.append((blob, parse(blob, parsers)))
        except ParseError:
            continue
    return found


def _steps(clock: Clock, runtime: Runtime) -> None:
    """Times what happens to the documents one by one, each step over all of them."""
    contract = runtime.contract(NAME)
    tools = tools_of(contract, runtime.settings)
    recipe = tools.recipe
    refs = list(tools.source.list())
    blobs = clock.time("read and hash", lambda: [tools.source.read(ref) for ref in refs])
    for blob in blobs[:20]:  # imports and models are not part of a document's time
        inspect(recipe, blob)
    pairs = clock.time("parse", lambda: _parsed(blobs, recipe.parsers))
    for name in recipe.detectors:
        detector = detector_of(name)
        clock.time(f"detect: {name}", lambda tool=detector: [tool.detect(*pair) for pair in pairs])
    repaired = clock.time("repair", lambda: [repair(document, recipe.repairs)[0] for _, document in pairs])
    clock.time("language", lambda: [language_of(document.text) for document in repaired])
    scorer = scorer_of(recipe)
    clock.time(f"score: {recipe.scorer}", lambda: [scorer.score(document) for document in repaired])
    clock.time("sketch", lambda: [sketch_of(document.text) for document in repaired])
    match = matcher(runtime)
    entries = [Entry(ref=blob.ref, raw_sha256=blob.sha256, state_key="") for blob in blobs]
    drafts = clock.time("all of these", lambda: [examine(contract, tools, item, match, inspect) for item in entries])
    rows = [batches.document_row(item.assessment) for item in drafts if item.assessment.decision is UNDECIDED]
    row_violations(contract, rows[:5])
    clock.time("row rules", lambda: row_violations(contract, rows))


def _isolation(clock: Clock, runtime: Runtime) -> None:
    """Times the same documents through warm worker processes, and the start of the workers."""
    recipe = tools_of(runtime.contract(NAME), runtime.settings).recipe
    source = tools_of(runtime.contract(NAME), runtime.settings).source
    blobs = [source.read(ref) for ref in source.list()]

    def through(times: int) -> None:
        with workers_for(runtime.settings) as workers:
            for _ in range(times):
                list(workers.map(lambda blob: workers.inspect(recipe, blob), blobs, size=lambda blob: len(blob.data)))
        close_all()

    clock.time("in workers, cold", lambda: through(1))
    clock.time("in workers, cold, all twice", lambda: through(2))
    with workers_for(runtime.settings) as workers:
        cold = _least(lambda: workers.inspect(recipe, blobs[0]), times=1)
        warm = _least(lambda: workers.inspect(recipe, blobs[0]))
    inside = _least(lambda: inspect(recipe, blobs[0]))
    close_all()
    for name, seconds in (("one worker's first document", cold), ("crossing to a worker and back", warm - inside)):
        clock.steps.append(Step(clock.corpus, name, 1, seconds, seconds))


def _least(work: Callable[[], Any], times: int = 100) -> float:
    """Returns the shortest of several times: what others do on the machine only adds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _admission(clock: Clock, runtime: Runtime, run_id: str) -> tuple[str, ...]:
    """Times admission stage by stage; returns the shards that are left."""
    on_due = ready_for(runtime, NAME)  # as a run of the command line does
    shards = clock.time("stage: acquire", lambda: acquire.acquire(runtime, NAME, run_id, on_due=on_due)).outputs

    def assessed() -> None:
        for shard in shards:
            assess.assess(runtime, NAME, run_id, shard)
        close_all()  # so that the workers' processor time is known

    clock.time("stage: assess", assessed)
    shards = clock.time("stage: relate", lambda: relate.relate(runtime, NAME, run_id, shards)).outputs
    clock.time("stage: admit", lambda: admit.admit(runtime, NAME, run_id, shards))
    return tuple(shards)


def _stages(clock: Clock, runtime: Runtime, fresh: dict[str, float]) -> dict[str, float]:
    """Times a whole run, stage by stage."""
    run_id = new_run_id()
    shards = _admission(clock, runtime, run_id)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    receipts = clock.time("chunk and embed", lambda: [stage.stage(runtime, NAME, run_id, shard) for shard in shards])
    embed_s = sum(float(receipt.figures["embed_seconds"]) for receipt in receipts)
    wall, cpu = _whole(clock)
    embedding = clock.steps[-1]
    embed_cpu_s = embedding.cpu_s * embed_s / embedding.wall_s  # chunking and storing have their share of the stage
    return {
        "documents": clock.documents,
        "chunks": sum(int(receipt.figures["chunks"]) for receipt in receipts),
        "admission_wall_s": round(wall, 2),
        "admission_documents_per_s": round(clock.documents / wall, 1),
        "admission_cpu_s": round(cpu, 2),
        "embed_s": round(embed_s, 2),
        "embed_cpu_s": round(embed_cpu_s, 2),
        "embedding / admission (wall)": round(embed_s / wall, 2),
        "embedding / admission (processor time)": round(embed_cpu_s / cpu, 2),
        "admission in a fresh process, import of the rules' engine within, wall s": round(fresh["wall_s"], 2),
        "the same, processor time, s": round(fresh["cpu_s"], 2),
        "embedding / admission (with that import, wall)": round(embed_s / fresh["wall_s"], 2),
        "embedding / admission (with that import, processor time)": round(embed_cpu_s / fresh["cpu_s"], 2),
        "peak_mb": round(peak),
    }


def _whole(clock: Clock) -> tuple[float, float]:
    """Returns wall and processor seconds of admission."""
    stages = [step for step in clock.steps if step.name.startswith("stage:")]
    return sum(step.wall_s for step in stages), sum(step.cpu_s for step in stages)


def _fresh(folder: Path, inbox: Path) -> dict[str, float]:
    """Times admission in a process of its own, which has imported no engine of rules."""
    told: dict[str, float] = json.loads(run([sys.executable, __file__, "--fresh", str(folder), str(inbox)]).out)
    return told


def _as_fresh(folder: Path, inbox: Path) -> None:
    runtime = _project(folder, inbox)
    clock = Clock("", 1)
    _admission(clock, runtime, new_run_id())
    wall, cpu = _whole(clock)
    print(json.dumps({"wall_s": wall, "cpu_s": cpu}))


def _show(steps: list[Step], totals: dict[str, dict[str, float]]) -> None:
    table = Table("corpus", "step", "ms/document", "documents/s and core", "wall s")
    for step in steps:
        table.add_row(*(str(value) for value in step.as_json().values()))
    console = Console(width=120)
    console.print(table)
    for corpus, figures in totals.items():
        for name, value in figures.items():
            console.print(f"{corpus}: {name} = {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fresh", nargs=2, type=Path, metavar=("PROJECT", "INBOX"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fresh:
        _as_fresh(*options.fresh)
        return
    steps: list[Step] = []
    totals = {}
    library()
    with tempfile.TemporaryDirectory() as temporary:
        for corpus, documents in (("installed", corpora.installed), ("python docs", corpora.python_docs)):
            inbox = Path(temporary, corpus.replace(" ", "-"), "inbox")
            number = corpora.write(inbox, documents(options.bytes))
            if not number:
                print(f"{corpus}: not on this machine, left out", file=sys.stderr)
                continue
            runtime = _project(inbox.parent / "project", inbox)
            clock = Clock(corpus, number)
            totals[corpus] = _stages(clock, runtime, _fresh(inbox.parent / "fresh", inbox))
            _steps(clock, runtime)
            _isolation(clock, runtime)
            steps += clock.steps
    if options.json:
        print(json.dumps({"steps": [step.as_json() for step in steps], "totals": totals}, indent=2))
    else:
        _show(steps, totals)


if __name__ == "__main__":
    main()
