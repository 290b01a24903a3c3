"""The corpora of the benchmarks, as folders: real documents that nobody here wrote."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def installed(limit_bytes: int) -> Iterator[tuple[str, str]]:
    """Yields (file name, text) of installed distributions' long descriptions, in order of name."""
    found = {}
    for distribution in distributions():
        text = str(distribution.metadata.get_payload() or distribution.metadata.get("Description") or "")
        kind = distribution.metadata.get("Description-Content-Type", "text/x-rst")
        if len(text) > 500:
            suffix = "md" if "markdown" in kind else "rst"
            found[f"{distribution.metadata['Name'].lower()}.{suffix}"] = text
    taken = 0
    for name in sorted(found):
        taken += len(found[name])
        if taken > limit_bytes:
            return
        yield name, found[name]


def python_docs(limit_bytes: int) -> Iterator[tuple[str, str]]:
    """Yields (file name, text) of the Python documentation's sources, where they are on this machine."""
    path = SHARED / "docs_python_311_313" / "sources.jsonl.gz"
    if not path.exists():
        return
    taken = 0
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            taken += len(record["rst"])
            if taken > limit_bytes:
                return
            yield f"{record['version']}/{record['path']}".replace(".rst.txt", ".rst"), record["rst"]


def chunking_eval(limits: Mapping[str, int], size: int = 8_000) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Returns documents and golden items of `chunking_eval`, where it is on this machine.

    A corpus is one long text. It is cut into documents at line ends (else at ends of sentences), and a question is kept
    where each of its excerpts stands whole in one of them.

    Args:
        limits: Name of a corpus to how many characters of it are taken.
        size: Largest document, in characters.

    Returns:
        Document id to text, and items as a golden file has them, with the corpus as tag.
    """
    folder = SHARED / "chunking_eval"
    documents: dict[str, str] = {}
    for name, limit in limits.items():
        text = (folder / "corpora" / f"{name}.md").read_text("utf-8")[:limit]
        documents |= {f"{name}/{number:03}.md": part for number, part in enumerate(_parts(text, size))}
    items = []
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            quotes = [reference["content"] for reference in json.loads(row["references"])]
            found = (
                [_holder(documents, row["corpus_id"], quote) for quote in quotes] if row["corpus_id"] in limits else []
            )
            if found and all(found):
                evidence = [{"document": name, "quote": quote} for name, quote in zip(found, quotes, strict=True)]
                tags = [row["corpus_id"]]
                items.append({"id": f"q{number}", "question": row["question"], "evidence": evidence, "tags": tags})
    return documents, items


def _parts(text: str, size: int) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = min(len(text), start + size)
        if end < len(text):
            line, sentence = text.rfind("\n", start + size // 2, end), text.rfind(". ", start + size // 2, end)
            end = line if line > 0 else sentence + 1 if sentence > 0 else end
        yield text[start:end]
        start = end


def _holder(documents: Mapping[str, str], corpus: str, quote: str) -> str:
    return next((name for name, text in documents.items() if name.startswith(f"{corpus}/") and quote in text), "")


def write(folder: Path, documents: Iterator[tuple[str, str]]) -> int:
    """Writes documents into a folder and returns how many."""
    folder.mkdir(parents=True)
    number = 0
    for name, text in documents:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", "replace")
        number += 1
    return number
