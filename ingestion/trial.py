"""Reads one document as `assess` does, in a process that nothing is lost with; see `ingestion.suspects`.

Run as a program: what to try comes as JSON on standard input. What is found is thrown away; that the process is still
there at the end is the answer. An error is no death: the task will meet it, and knows what to do.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from corpus.settings import Settings
from ingestion import staging
from ingestion.examine import examine
from ingestion.isolation import workers_for
from ingestion.marking import with_marks
from ingestion.reentry import matcher
from ingestion.runtime import open_runtime
from ingestion.toolkit import tools_of


def try_out(asked: dict[str, Any]) -> None:
    """Reads, inspects and matches one document of a shard."""
    runtime = open_runtime(Settings(**asked["settings"]))
    contract = runtime.contract(asked["contract"])
    tools = tools_of(contract, runtime.settings)
    match = with_marks(runtime, matcher(runtime))
    entries = staging.read_shard(runtime.store, asked["run_id"], asked["shard"])
    [entry] = [entry for entry in entries if entry.ref.doc_id == asked["doc_id"]]
    with workers_for(runtime.settings) as workers:
        examine(contract, tools, entry, match, workers.inspect)
    runtime.catalog.close()


def main() -> None:
    """Does what standard input asks for."""
    asked = json.load(sys.stdin)
    sys.path[:] = list(dict.fromkeys([*sys.path, *asked["path"]]))
    try_out(asked)


if __name__ == "__main__":
    main()
