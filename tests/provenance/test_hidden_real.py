"""How many ordinary documents are flagged. The one page that is, Readability's test of hidden text, hides a text."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.errors import ParseError
from corpus.types import RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.detectors.hidden import HiddenDetector

UNCHECKED = {"visibility.unchecked", "visibility.pages_unchecked", "visibility.pages_unpainted"}
"""What the rule hidden_text takes for a violation as well: it counts towards the rate."""
FORMATS = (".html", ".md", ".pdf", ".docx", ".xml", ".txt")
SETS = ["html_readability", "formats_docling", "formats_markitdown", "formats_pypdf_samples", "encodings_chardet"]


def files(shared_data: Path, name: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(shared_data / name / "files.tar.xz") as archive:
        for member in archive:
            held = archive.extractfile(member) if member.isfile() else None
            if held is not None and member.name.endswith(FORMATS):
                yield member.name, held.read()


def references(shared_data: Path) -> Iterator[tuple[str, bytes]]:
    with gzip.open(shared_data / "docs_python_311_313" / "sources.jsonl.gz", "rt", "utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            yield entry["path"].removesuffix(".txt"), entry["rst"].encode()


def flagged(documents: Iterator[tuple[str, bytes]]) -> tuple[int, dict[str, list[str]], list[str]]:
    """Returns how many documents were read, which were flagged with what, and which could not be looked at."""
    detector = HiddenDetector()
    read, hits, unchecked = 0, {}, []
    for path, data in documents:
        blob = RawBlob(
            ref=SourceRef(doc_id=path, uri=f"file:///{path}", path=path, size=len(data), modified_at=None),
            data=data,
            sha256="",
        )
        try:
            document = parse(blob)
        except ParseError:
            continue
        read += 1
        found = detector.detect(blob, document)
        if quotes := [f"{each.code}: {each.quote[:80]}" for each in found if each.code.startswith("hidden.")]:
            hits[path] = quotes
        unchecked += [path for each in found if each.code in UNCHECKED]
    return read, hits, unchecked


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_under_one_percent_of_real_documents_are_flagged(shared_data: Path, name: str) -> None:
    documents = files(shared_data, name)
    if name == "html_readability":  # the pages themselves, not what was taken from them
        documents = (entry for entry in documents if entry[0].endswith("source.html"))
    read, hits, unchecked = flagged(documents)
    print(f"{name}: {len(hits)} of {read} flagged: {hits}")
    assert read >= 19
    assert unchecked == []
    assert len(hits) < 0.01 * read or not hits, hits
    assert all("visibility-hidden" in path for path in hits), hits


@pytest.mark.slow
def test_no_page_of_a_manual_is_flagged(shared_data: Path) -> None:
    read, hits, unchecked = flagged(references(shared_data))
    print(f"docs_python_311_313: {len(hits)} of {read} flagged")
    assert (read, hits, unchecked) == (757, {}, [])
