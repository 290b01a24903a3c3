from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from corpus import batches
from corpus.errors import DigestMismatch
from corpus.ids import text_digest
from corpus.types import (
    Assessment,
    Basis,
    Block,
    BlockKind,
    Chunk,
    Decision,
    Finding,
    Governance,
    Origin,
    OriginKind,
    Outcome,
    ParsedDocument,
    Reason,
    Scope,
    Score,
    SourceRef,
    Span,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SPANS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda pair: Span(start=min(pair), end=max(pair)))
FINDINGS = st.builds(
    Finding,
    detector=TEXT,
    code=TEXT,
    level=st.sampled_from(["E1", "E6", "-"]),
    origin=st.sampled_from(OriginKind),
    basis=st.sampled_from(Basis),
    scope=st.sampled_from(Scope),
    span=st.none() | SPANS,
    quote=TEXT,
    detail=st.dictionaries(TEXT, st.integers() | TEXT),
)


def assessment(*, readable: bool = True) -> Assessment:
    text = "# Title\n\nA \u2013 body."
    blocks = (
        Block(kind=BlockKind.HEADING, span=Span(start=0, end=7), level=1),
        Block(kind=BlockKind.PARAGRAPH, span=Span(start=9, end=len(text))),
    )
    document = ParsedDocument(
        text=text,
        blocks=blocks,
        title="Title",
        media_type="text/markdown",
        metadata={"owner": "ann"},
        parser="markdown/1",
    )
    reasons = (Reason(code="quality.low", message="too short", span=Span(start=0, end=2), quote="# "),)
    return Assessment(
        ref=SourceRef(doc_id="a.md", uri="file:///a.md", path="a.md", size=20, modified_at=None),
        state_key="k",
        revision_id="r",
        raw_sha256="00" if readable else "",
        document=document if readable else None,
        governance=Governance(values={"owner": "ann"}, basis={"owner": "document"}),
        language="en",
        updated_at=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
        score=Score(scorer="s/1", value=0.5, parts={"length": 0.5}) if readable else None,
        findings=(Finding(detector="d/1", code="x", level="E1"),),
        origin=Origin(),
        passage_origins=(),
        violations=(),
        decision=Decision(outcome=Outcome.QUARANTINE, reasons=reasons),
    )


def test_documents_come_back_from_parquet(tmp_path: Path) -> None:
    rows = [batches.document_row(assessment()), batches.document_row(assessment(readable=False))]
    path = tmp_path / "documents.parquet"
    assert batches.write_rows(path, batches.DOCUMENTS, rows) == 2
    assert list(batches.stream_rows(path)) == rows
    assert rows[0]["updated_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert rows[1]["text"] is None
    assert batches.loads(rows[0]["reasons"])[0]["span"] == [0, 2]
    assert batches.loads(rows[1]["quality_parts"]) is None
    assert batches.read_table(path, ["doc_id"]).schema.names == ["doc_id"]
    assert pq.ParquetFile(path).schema_arrow.equals(batches.DOCUMENTS)


def test_a_row_has_exactly_the_columns_of_its_schema() -> None:
    chunk = Chunk(
        chunk_id="c", doc_id="d", revision_id="r", ordinal=0, span=Span(start=0, end=1), text="x",
        text_sha256=text_digest("x"), headings=("A", "B"), token_count=1,
    )  # fmt: skip
    assert list(batches.document_row(assessment())) == batches.DOCUMENTS.names
    assert list(batches.chunk_row(chunk, Origin(), None)) == batches.CHUNKS.names


def test_blocks_come_back() -> None:
    whole = assessment()
    assert whole.document is not None
    assert batches.blocks_from_json(batches.document_row(whole)["blocks"]) == whole.document.blocks


@given(FINDINGS)
def test_findings_come_back(finding: Finding) -> None:
    assert batches.finding_from_json(json.loads(json.dumps(batches.finding_json(finding)))) == finding


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 9), st.integers(1, 5)), elements=st.floats(-1, 1, width=32)))
def test_vectors_come_back_bit_for_bit(vectors: np.ndarray) -> None:
    column = batches.vectors_to_arrow(vectors)
    assert batches.vectors_from_arrow(column).tobytes() == vectors.tobytes()
    assert batches.vectors_from_arrow(pa.chunked_array([column, column])).shape == (2 * len(vectors), vectors.shape[1])
    sliced = batches.vectors_from_arrow(column.slice(len(vectors) // 2))
    assert sliced.tobytes() == vectors[len(vectors) // 2 :].tobytes()


def test_vectors_files_keep_order_over_batches(tmp_path: Path) -> None:
    vectors = np.arange(21, dtype=np.float32).reshape(7, 3)
    digests = [text_digest(str(row)) for row in range(7)]
    parts = [(tuple(digests[:4]), vectors[:4]), (tuple(digests[4:]), vectors[4:])]
    path = tmp_path / "vectors.parquet"
    assert batches.write_vectors(path, parts, 3) == 7
    table = batches.read_table(io.BytesIO(path.read_bytes()))
    assert table["text_sha256"].to_pylist() == digests
    assert np.array_equal(batches.vectors_from_arrow(table["vector"]), vectors)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (3, 3)])
def test_vectors_that_do_not_fit_their_chunks_are_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    with pytest.raises(DigestMismatch, match="2 chunks of dimension 3"):
        batches.write_vectors(tmp_path / "v.parquet", [(("a", "b"), np.zeros(shape, np.float32))], 3)


def test_a_missing_value_of_a_required_column_is_refused(tmp_path: Path) -> None:
    row = batches.document_row(assessment()) | {"doc_id": None}
    with pytest.raises((pa.ArrowInvalid, ValueError), match="doc_id"):
        batches.write_rows(tmp_path / "d.parquet", batches.DOCUMENTS, [row])


@given(st.lists(st.integers()), st.integers(1, 7))
def test_batches_hold_all_items_in_order(items: list[int], size: int) -> None:
    cut = list(batches.batched(iter(items), size))
    assert [item for batch in cut for item in batch] == items
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(cut)


def test_a_file_of_an_older_build_is_read_with_the_columns_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    batches.write_rows(path, batches.DOCUMENTS, [batches.document_row(assessment())])
    lacking = ["quality_reasons", "document_type", "repairs"]
    pq.write_table(pq.read_table(path).drop_columns(lacking), path)
    whole = batches.read_table(path)
    assert set(whole.schema.names) == set(batches.DOCUMENTS.names)
    assert whole.select(batches.DOCUMENTS.names).cast(batches.DOCUMENTS).num_rows == 1
    (row,) = batches.stream_rows(path)
    assert [row[name] for name in lacking] == [None, None, "[]"]
    assert list(batches.stream_rows(path, ["repairs", "doc_id"])) == [{"repairs": "[]", "doc_id": row["doc_id"]}]
    assert list(batches.stream_rows(path, ["doc_id"])) == [{"doc_id": row["doc_id"]}]
    with pytest.raises((pa.ArrowException, KeyError, ValueError)):
        batches.read_table(path, ["no_such_column"]).select(["no_such_column"])


READER = """
import os, sys
import pyarrow, pyarrow.parquet
from corpus import batches

with open(sys.argv[1], "rb") as file:
    pyarrow.parquet.read_schema(file)
    before = len(os.listdir("/proc/self/task"))
    assert batches.row_count(file) == 9
    assert batches.read_table(file).num_rows == 9
    assert len(list(batches.stream_rows(file))) == 9
    assert len(os.listdir("/proc/self/task")) == before, "Arrow started threads of its own"
    pyarrow.parquet.ParquetFile(file).read()
    assert len(os.listdir("/proc/self/task")) > before, "threads of Arrow are not seen here"
os._exit(0)  # not as Python ends: that might abort now
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_nothing_is_read_in_threads_that_outlive_python(tmp_path: Path) -> None:
    """Such a thread, letting go of bytes from Python while the process ends, would abort it now and then."""
    path = tmp_path / "documents.parquet"
    batches.write_rows(path, batches.DOCUMENTS, [batches.document_row(assessment())] * 9)
    ran = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
