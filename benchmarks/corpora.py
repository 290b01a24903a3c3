"""The corpora of the benchmarks, as folders: real documents that nobody here wrote."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

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
