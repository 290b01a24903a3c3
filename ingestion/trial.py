"""Reads one document as `assess` does, in a process that nothing is lost with; see `ingestion.suspects`.

Run as a program: what to try comes as JSON on standard input. What is found is thrown away; that the process is still
there at the end is the answer. An error is no death: the task will meet it, and knows what to do. In a container whose
memory would not hold what a worker may take, the worker gets only what is left: else the kernel would end everything in
the container, and this process with the task that waits for it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from corpus.settings import Settings
from ingestion import staging
from ingestion.examine import examine
from ingestion.isolation import workers_for
from ingestion.marking import with_marks
from ingestion.reentry import matcher
from ingestion.runtime import open_runtime
from ingestion.suspects import DEADLY
from ingestion.toolkit import tools_of

CONTAINER = Path("/sys/fs/cgroup")
_SHARE = 0.7
_LEAST_MB = 256


def left_mb(most: int, container: Path = CONTAINER) -> int:
    """Returns the MB that a worker may have: `most`, or what the container can still give, and 256 at least."""
    try:
        limit, used = ((container / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
    except (OSError, UnicodeDecodeError):
        return most
    if not (limit.isdecimal() and used.isdecimal()):
        return most
    return max(_LEAST_MB, min(most, int((int(limit) - int(used)) * _SHARE / 1_000_000)))


def try_out(asked: dict[str, Any], container: Path = CONTAINER) -> bool:
    """Reads, inspects and matches one document of a shard; returns whether it fits into what memory there is."""
    given = Settings(**asked["settings"])
    bounded = left_mb(given.inspect_memory_mb, container)
    runtime = open_runtime(given.model_copy(update={"inspect_memory_mb": bounded, "inspect_workers": 1}))
    contract = runtime.contract(asked["contract"])
    tools = tools_of(contract, runtime.settings)
    match = with_marks(runtime, matcher(runtime))
    entries = staging.read_shard(runtime.store, asked["run_id"], asked["shard"])
    [entry] = [entry for entry in entries if entry.ref.doc_id == asked["doc_id"]]
    with workers_for(runtime.settings) as workers:
        found = examine(contract, tools, entry, match, workers.inspect)
    runtime.catalog.close()
    overran = any(reason.code == "parse.memory" for reason in found.assessment.decision.reasons)
    return not (overran and bounded < given.inspect_memory_mb)


def main() -> None:
    """Does what standard input asks for."""
    asked = json.load(sys.stdin)
    sys.path[:] = list(dict.fromkeys([*sys.path, *asked["path"]]))
    if not try_out(asked):
        sys.exit(DEADLY)


if __name__ == "__main__":
    main()
