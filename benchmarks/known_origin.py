"""Real texts of known origin for the benchmarks of origin: l2r and glimpse, which nobody here wrote."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingestion.language import language_of
from provenance.statistics.features import Features, features_of
from provenance.statistics.fit import Known

TWINS = ("TechnicalWriting", "TravelTourism")
"""Two domains of l2r that hold the same texts (an upstream mistake): neither says anything about a domain."""


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def l2r(data: Path) -> list[Known]:
    """Returns 19 domains: human texts, and each rewritten by four models (one group each)."""
    found = [row for row in _rows(data / "l2r" / "l2r.jsonl.gz") if row["domain"] not in TWINS]
    return [
        Known(
            text=row["text"],
            human=row["label"] != "ai",
            domain=row["domain"],
            group=f"{row['domain']}/{row['idx']}",
            generator=row["model"] or "",
            language="en",
        )
        for row in found
    ]


def twins_are_identical(data: Path) -> dict[str, tuple[int, int]]:
    """Returns, for each writer, how many texts of the two twin domains are the same at the same place."""
    texts: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for row in _rows(data / "l2r" / "l2r.jsonl.gz"):
        if row["domain"] in TWINS:
            texts[row["model"] or "human", row["domain"]][row["idx"]] = row["text"]
    names = sorted({writer for writer, _ in texts})
    return {name: _same(texts[name, TWINS[0]], texts[name, TWINS[1]]) for name in names}


def _same(one: dict[int, str], other: dict[int, str]) -> tuple[int, int]:
    return sum(other.get(place) == text for place, text in one.items()), len(one)


def glimpse(data: Path, part: str) -> list[Known]:
    """Returns pairs of a human and a model's text; `part` is `main` (English) or `langs`. Human texts stand once."""
    found: dict[tuple[str, bool], Known] = {}
    for row in _rows(data / "glimpse" / "glimpse_pairs.jsonl.gz"):
        if row["set"] != part:
            continue
        for kind in ("human", "ai"):
            text = row[kind]
            named = {"domain": row["domain"], "group": f"{row['domain']}/{row['idx']}"}
            generator = row["model"] if kind == "ai" else ""
            language = "en" if part == "main" else language_of(text)
            found.setdefault(
                (text, kind == "human"),
                Known(text=text, human=kind == "human", generator=generator, language=language, **named),
            )
    return list(found.values())


@lru_cache(maxsize=40_000)
def features(text: str) -> Features:
    """Returns the features of a text, worked out once in a run."""
    return features_of(text)
