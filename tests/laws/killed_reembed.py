"""Runs a re-embed in processes that are killed before their n-th effect, then a second one to the end.

Usage: killed_reembed.py FOLDER                    kills nothing and prints the effects, one a line
       killed_reembed.py FOLDER:NUMBER ...         for each: kills before effect NUMBER, resumes, prints facts as JSON

Effects are everything that changes home or catalog: files that are opened for writing, renamed, linked or removed,
folders that are made, files that compiled code writes, and commits. Everything is imported once and each run forked.
Batches are small and every one is saved, so that a small corpus has the kill points of a large one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from laws import half_model, handbook
from laws.handbook import NAME, Project
from sqlalchemy import event
from sqlalchemy.engine import Engine

from corpus import batches
from corpus.catalog import audit, reembeds, segments
from corpus.catalog.session import _READING
from index import search
from index.embedders.registry import describe_embedder, load_embedder
from index.signing import TrustStore
from index.verify import verify_version
from ingestion import checkpoints, models, pacing, pipeline
from ingestion.embedding import vectors_path

BATCH = 8
seen: list[str] = []
_WRITING = os.O_WRONLY | os.O_RDWR
_FILES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir")


def _step(label: str, number: int) -> None:
    seen.append(label)
    if len(seen) == number:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(home: Path, number: int) -> None:
    """Stops before the n-th effect from now on; 0 only lists them."""
    root = str(home)

    def look(name: str, arguments: tuple[Any, ...]) -> None:
        if name in _FILES and str(arguments[0]).startswith(root):
            _step(f"{name} {Path(str(arguments[0])).relative_to(home)}", number)
        elif name == "open" and str(arguments[0]).startswith(root) and arguments[2] & _WRITING:
            _step(f"open {Path(str(arguments[0])).relative_to(home)}", number)

    def committing(connection: Any) -> None:
        if not connection.get_execution_options().get(_READING, False):
            _step("commit", number)

    sys.addaudithook(look)
    event.listen(Engine, "commit", committing)
    for module, name in ((batches, "write_vectors"), (search, "write_index"), (pq.ParquetWriter, "write_table")):
        setattr(module, name, _wrapped(name, getattr(module, name), number))


def _wrapped(name: str, real: Callable[..., Any], number: int) -> Callable[..., Any]:
    def effect(*args: Any, **kwargs: Any) -> Any:
        _step(name, number)
        return real(*args, **kwargs)

    return effect


def _in_child(work: Callable[[], Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the parent is told, and the child must not go on as a parent
            print(json.dumps({"error": repr(error)}), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _open(folder: Path) -> Project:
    os.environ[half_model.LOG] = str(folder / "embedded.log")
    return Project(folder)


def _reembed(folder: Path, number: int) -> None:
    project = _open(folder)
    project.runtime.contract(NAME)
    _watch(Path(project.settings.home), number)
    pipeline.reembed(project.runtime, NAME)
    if not number:
        print("\n".join(seen), flush=True)


def _resume(folder: Path, status: int) -> None:
    """Looks at what a kill left, goes on, and prints what came of it."""
    project = _open(folder)
    before = _served(project)
    done_before = half_model.embedded(folder / "embedded.log")
    receipt = pipeline.reembed(project.runtime, NAME)
    again = pipeline.reembed(project.runtime, NAME)
    store, space = project.runtime.store, receipt.fingerprints["embedder"]
    with project.runtime.catalog.reading() as tx:
        whole = [item.segment_id for item in segments.live(tx, NAME) if segments.vectors(tx, item.segment_id, space)]
        state = getattr(reembeds.get(tx, NAME, space), "state", "")
        live = len(segments.live(tx, NAME))
        intact = audit.verify(tx).broken_at is None
    rows = [_same_rows(store, space, segment) for segment in whole]
    verified = verify_version(
        store, NAME, int(receipt.figures["version"]), TrustStore.from_folder(project.settings.trusted_keys)
    )
    facts = {
        "killed": status, "before": before, "after": _served(project), "done_before": len(done_before),
        "embedded": half_model.embedded(folder / "embedded.log"), "status": receipt.figures["status"],
        "again": [again.figures["status"], again.figures["embedded"]], "balanced": receipt.counts.balanced,
        "segments": live, "whole": len(whole), "same_rows": all(rows), "state": state, "audit": intact,
        "parts": list(checkpoints.unfinished(store, space)), "verified": verified.manifest.contents.chunks,
    }  # fmt: skip
    print(json.dumps(facts), flush=True)


def _served(project: Project) -> list[Any]:
    """Returns number, dimension and chunks of the live version, and whether a search in it finds anything."""
    for model in ("wordllama-256", half_model.NAME):
        project.model = model
        try:
            reader = project.reader()
        except Exception:  # noqa: BLE001 - the model of the other version; if neither opens, nothing is returned
            continue
        return [reader.manifest.number, reader.manifest.index.dimension, len(reader), bool(reader.search("install"))]
    return []


def _same_rows(store: Any, space: str, segment: str) -> bool:
    def digests(name: str) -> list[str]:
        with store.open(name) as handle:
            found: list[str] = batches.read_table(handle, ["text_sha256"])["text_sha256"].to_pylist()
        return found

    return digests(vectors_path(space, segment)) == digests(f"segments/{segment}/chunks.parquet")


def _load_once() -> None:
    """Loads models and libraries before the forks; what the children have are copies of these."""
    for module in ("pandas", "ingestion.publish", "ingestion.stages.release"):
        import_module(module)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    handbook.load_embedder = cache(load_embedder)  # type: ignore[attr-defined]
    for model in ("wordllama-256", half_model.NAME):
        handbook.load_embedder(model)  # type: ignore[attr-defined]
    fingerprint = describe_embedder(half_model.NAME).fingerprint
    models._local(half_model.NAME, None, "auto", False, "torch", fingerprint)


def main(arguments: list[str]) -> None:
    """Runs each argument in processes of its own."""
    half_model.install()
    _load_once()
    pacing.BATCH, checkpoints.SECONDS = BATCH, 0.0
    for argument in arguments:
        name, _, number = argument.partition(":")
        folder = Path(name)
        status = _in_child(lambda folder=folder, number=number: _reembed(folder, int(number or 0)))
        if number:
            _in_child(lambda folder=folder, status=status: _resume(folder, status))


if __name__ == "__main__":
    main(sys.argv[1:])
