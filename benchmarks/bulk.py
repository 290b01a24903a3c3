"""Bulk for measuring size: short documents, each of sentences drawn from real text, as many as are asked for."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import corpora

_SENTENCE = re.compile(r"[A-Z][^.!?\n`*|<>{}\[\]]{50,220}[.!?](?=\s)")
_WORD = re.compile(r"[A-Za-z]{4,}")
PER_FOLDER = 1_000


def sentences() -> list[str]:
    """Returns the distinct sentences of real texts: Wikipedia and manuals where they are at hand, else descriptions."""
    found = dict.fromkeys(
        " ".join(match.split())
        for text in chain(_wikipedia(), (text for _, text in _manuals()))
        for match in _SENTENCE.findall(text)
    )
    return sorted(found)


def _manuals() -> Iterator[tuple[str, str]]:
    yield from corpora.python_docs(30_000_000)
    yield from corpora.installed(30_000_000)


def _wikipedia() -> Iterator[str]:
    for name in ("wiki_new_2024/articles.jsonl.gz", "wiki_versions/wiki_versions.jsonl.gz"):
        path = corpora.SHARED / name
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield max((value for value in json.loads(line).values() if isinstance(value, str)), key=len)


def documents(number: int, *, per_document: int = 8, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Yields (path, Markdown) of documents that share a sentence now and then and are no copies of each other.

    Args:
        number: How many.
        per_document: Sentences of each; eight are about 1,000 bytes.
        seed: Other documents for another seed.
    """
    pool = sentences()
    dice = random.Random(seed)
    for place in range(number):
        drawn = dice.sample(pool, per_document + 1)
        words = _WORD.findall(drawn[-1])[:5] or ["untitled"]
        body = "\n\n".join(" ".join(drawn[start : start + 4]) for start in range(0, per_document, 4))
        name = "-".join(word.lower() for word in words)
        yield f"{place // PER_FOLDER:04d}/{name}-{place}.md", f"# {' '.join(words).capitalize()}\n\n{body}\n"


def write(folder: Path, number: int, *, per_document: int = 8) -> list[str]:
    """Writes that many documents into a folder; returns their names."""
    names = []
    for name, text in documents(number, per_document=per_document):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        names.append(name)
    return names
