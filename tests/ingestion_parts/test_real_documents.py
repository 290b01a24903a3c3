"""Documents that nobody here made: each ends in text or in a reason, whatever is wrong with it."""

from __future__ import annotations

from collections import Counter

import pytest
from ingestion_parts.makers import blob_of, outcome_of

from corpus.errors import ParseError
from corpus.types import RawBlob
from ingestion.chunkers.structural import StructuralChunker
from ingestion.chunkers.tokens import count
from ingestion.inspect import Recipe
from ingestion.isolation import Limits, Workers
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import tidy
from ingestion.parsers.route import parse

# Share of each set that must end in text; the rest are locked, cut off, scanned or of no text format.
SETS = {
    "bad_qpdf": 0.5,
    "bad_strings_misc": 1.0,
    "encodings_chardet": 0.95,
    "formats_docling": 0.9,
    "formats_markitdown": 0.75,
    "formats_pypdf_samples": 0.7,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_file_ends_in_text_or_a_reason(real_files, name):
    files = real_files(name)
    outcomes = Counter()
    chunker = StructuralChunker()
    for path in files:
        blob = blob_of(path.read_bytes(), path.name)
        outcome = outcome_of(blob)
        assert outcome, path
        outcomes[outcome] += 1
        if outcome != "text":
            continue
        document = parse(blob)
        pieces = chunker.chunk(document.text, document.blocks)
        assert pieces, path
        assert count([piece.span.of(document.text) for piece in pieces]) == [piece.token_count for piece in pieces]
    assert outcomes["text"] >= SETS[name] * len(files), outcomes
    if name == "bad_qpdf":
        assert outcomes["encrypted"] >= 5


def test_legacy_encodings_are_read_as_what_they_are(real_files):
    """The folder's name is the truth."""
    outcomes = Counter()
    for path in real_files("encodings_chardet"):
        truth = path.parent.name
        if truth.lower() not in ("utf-8", "windows-1251", "windows-1255", "koi8-r", "big5", "euc-jp", "euc-kr"):
            continue
        data = path.read_bytes()
        text, _ = decode(data, markup=path.suffix in (".xml", ".html"))
        outcomes[text.lstrip("\ufeff") == tidy(data.decode(truth, "replace")).lstrip("\ufeff")] += 1
    assert outcomes[True] >= 0.9 * outcomes.total()
    assert outcomes.total() >= 50


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_a_worker_brings_real_files_to_the_same_end(real_files, name):
    """Every ninth file; the whole, by hand: 1,221 files, none timed out, crashed or asked for a connection."""
    blobs = [blob_of(path.read_bytes(), path.name) for path in real_files(name)[::9]]
    workers = Workers(Limits(seconds=30, memory_mb=2048, workers=2))

    def work(blob: RawBlob) -> str:
        try:
            return workers.inspect(Recipe(detectors=("declared", "residue")), blob).document.text
        except ParseError as error:
            return error.code

    try:
        ends = list(workers.map(work, blobs, size=lambda blob: len(blob.data)))
    finally:
        workers.close()
    assert len(ends) == len(blobs)
    assert not {"timeout", "memory", "crash", "network"} & set(ends)
    for blob, end in zip(blobs, ends, strict=True):
        assert end == outcome_of(blob) or end == parse(blob).text, blob.ref.path
