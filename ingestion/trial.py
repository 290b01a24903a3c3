"""Does with documents what `assess` and `stage` do, in a process that nothing is lost with; see `ingestion.trying`.

Run as a program: what to try comes as JSON on standard input. What is found is thrown away; that the process is still
there at the end is the answer, and what it said on the way tells which document it was at. An error is no death: the
task will meet it, and knows what to do. In a container whose memory would not hold what a worker may take, the trial
gets only what is left: else the kernel would end everything in the container, and this process with the task that
waits for it.

at <n>         document n is begun; or text n, where texts of a stored segment are tried
.              still at work
overran <n>    there is no memory for it
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.model import Contract
from corpus import batches
from corpus.catalog import reembeds
from corpus.errors import StemmaError
from corpus.seams import Embedder
from corpus.settings import Settings
from corpus.types import Assessment, ParsedDocument
from ingestion import staging
from ingestion.chunkers.cut import chunks_of
from ingestion.cutting import FAULTS
from ingestion.embedding import require_same_model
from ingestion.examine import examine
from ingestion.isolation import workers_for
from ingestion.marking import with_marks
from ingestion.migrating import space_of
from ingestion.models import load_model
from ingestion.reentry import matcher
from ingestion.runtime import Runtime, open_runtime
from ingestion.segment import document_of
from ingestion.toolkit import chunker_of, tools_of

CONTAINER = Path("/sys/fs/cgroup")
_SHARE = 0.7
_LEAST_MB = 256
_AT_ONCE = 32
"""Texts between two signs of life."""

Say = Callable[[str], None]


def left_mb(most: int, container: Path = CONTAINER) -> int:
    """Returns the MB that a worker may have: `most`, or what the container can still give, and 256 at least."""
    left = _left(container)
    return most if left is None else max(_LEAST_MB, min(most, left))


def _left(container: Path) -> int | None:
    """Returns the MB that a container can still give, with some room to spare; None where it has no limit."""
    try:
        limit, used = ((container / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
    except (OSError, UnicodeDecodeError):
        return None
    if not (limit.isdecimal() and used.isdecimal()):
        return None
    return int((int(limit) - int(used)) * _SHARE / 1_000_000)


def try_out(asked: Mapping[str, Any], say: Say, container: Path = CONTAINER) -> None:
    """Tries documents of a shard in order and says which ones it begins, and which ones there is no memory for."""
    settings = Settings(**asked["settings"])
    bounded = left_mb(settings.inspect_memory_mb, container)
    runtime = open_runtime(settings.model_copy(update={"inspect_memory_mb": bounded, "inspect_workers": 1}))
    contract = runtime.contract(asked["contract"])
    models = _models(runtime, contract) if asked["cut"] or asked["assessed"] else ()
    work = _stored(runtime, asked) if asked["assessed"] else _read(runtime, contract, asked)
    for place, doc_id in enumerate(asked["doc_ids"]):
        say(f"at {place}")
        try:
            texts, overran = work(doc_id)
            overran = overran and bounded < settings.inspect_memory_mb
            overran = overran or (bool(models) and _overruns(contract, models, doc_id, texts, say, container))
        except StemmaError:
            continue
        if overran:
            say(f"overran {place}")
    runtime.catalog.close()


def try_texts(asked: Mapping[str, Any], say: Say, container: Path = CONTAINER) -> None:
    """Embeds texts of a stored segment one by one and says which ones it begins, and which there is no memory for."""
    runtime = open_runtime(Settings(**asked["settings"]))
    model = load_model(runtime, asked["model"], asked["revision"] or None, asked["space"])
    with runtime.store.open(f"segments/{asked['segment']}/chunks.parquet") as handle:
        table = batches.read_table(handle, ["text_sha256", "text"])
    texts = dict(zip(table["text_sha256"].to_pylist(), table["text"].to_pylist(), strict=True))
    for place, digest in enumerate(asked["doc_ids"]):
        say(f"at {place}")
        with contextlib.suppress(StemmaError):
            if _is_too_large(lambda digest=digest: model.embed([texts[digest]]), container):  # type: ignore[misc]
                say(f"overran {place}")
    runtime.catalog.close()


Texts = Sequence[ParsedDocument]


def _read(runtime: Runtime, contract: Contract, asked: Mapping[str, Any]) -> Callable[[str], tuple[Texts, bool]]:
    """Returns what reads, inspects and matches a document; it tells its texts, and whether there was no memory."""
    tools = tools_of(contract, runtime.settings)
    match = with_marks(runtime, matcher(runtime))
    entries = {entry.ref.doc_id: entry for entry in staging.read_shard(runtime.store, asked["run_id"], asked["shard"])}

    def work(doc_id: str) -> tuple[Texts, bool]:
        with workers_for(runtime.settings) as workers:
            found = examine(contract, tools, entries[doc_id], match, workers.inspect)
        both: list[Assessment] = [item for item in (found.assessment, found.mended) if item is not None]
        full = any(reason.code == "parse.memory" for reason in found.assessment.decision.reasons)
        return [item.document for item in both if item.document is not None], full

    return work


def _stored(runtime: Runtime, asked: Mapping[str, Any]) -> Callable[[str], tuple[Texts, bool]]:
    """Returns what finds the text of a document that is assessed."""
    rows = {row["doc_id"]: row for row in staging.read_assessed(runtime.store, asked["run_id"], asked["shard"])}
    return lambda doc_id: ([document_of(rows[doc_id])], False)


def _models(runtime: Runtime, contract: Contract) -> tuple[Embedder, ...]:
    """Loads the models that a segment of the contract goes through."""
    with runtime.catalog.reading() as tx:
        moving = reembeds.running(tx, contract.name)
    spaces = {space.fingerprint: space for space in (require_same_model(runtime, contract),)}
    for item in moving:
        with contextlib.suppress(StemmaError):  # it is left to the re-embed
            spaces.setdefault(item.embedder_fingerprint, space_of(runtime, item))
    return tuple(
        load_model(runtime, space.model, space.revision or None, space.fingerprint) for space in spaces.values()
    )


def _overruns(
    contract: Contract, models: Sequence[Embedder], doc_id: str, texts: Texts, say: Say, container: Path
) -> bool:
    """Cuts and embeds texts; returns whether that takes more memory than the container has left."""
    return _is_too_large(lambda: _cut(contract, models, doc_id, texts, say), container)


def _is_too_large(work: Callable[[], object], container: Path) -> bool:
    try:
        with _limited(container):
            work()
    except MemoryError:
        return _left(container) is not None
    except FAULTS as error:
        return _left(container) is not None and "allocate memory" in str(error)  # torch says it so
    return False


def _cut(contract: Contract, models: Sequence[Embedder], doc_id: str, texts: Texts, say: Say) -> None:
    for text in texts:
        chunks = chunks_of(doc_id, "", text, chunker_of(contract))
        for model in models:
            for lot in batches.batched([chunk.text for chunk in chunks], _AT_ONCE):
                model.embed(lot)
                say(".")


@contextlib.contextmanager
def _limited(container: Path) -> Iterator[None]:
    """Lets this process have no more memory than its container has left."""
    left = _left(container)
    if left is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    held = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line[:7] == "VmData:")
    most = int(held.split()[1]) * 1024 + max(_LEAST_MB, left) * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def main() -> None:
    """Does what standard input asks for."""
    asked = json.load(sys.stdin)
    sys.path[:] = list(dict.fromkeys([*sys.path, *asked["path"]]))
    with os.fdopen(os.dup(1), "w", encoding="ascii") as out:
        os.dup2(2, 1)  # what libraries print is no answer

        def say(line: str) -> None:
            out.write(f"{line}\n")
            out.flush()

        (try_texts if "segment" in asked else try_out)(asked, say)


if __name__ == "__main__":
    main()
