"""Filters: every field, every operator, dates that depend on today, and what is said about wrong ones."""

import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from corpus import batches
from corpus.errors import ConfigurationError, FilterError
from index.fields import DOCUMENT_COLUMNS, EFFECTIVE_FROM, EFFECTIVE_UNTIL, FIELDS, OTHER_NAMES
from index.filters import FILTERS, Filters, parse_where
from ingestion.relations import families

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def _doc(make_doc, name, metadata=None, **fields):
    return make_doc(name, f"text of {name}", {"metadata": json.dumps(metadata or {}), **fields})


@pytest.fixture
def corpus(make_doc):
    return [
        _doc(
            make_doc,
            "a",
            {"department": "hr", "Valid Until": "2026-06-14", "pages": "3"},
            quality_score=0.9,
            last_validated_date="2026-06-15",
            size_bytes=100,
            governance_basis=json.dumps({"owner": "sidecar"}),
        ),
        _doc(
            make_doc,
            "b",
            {"department": "it", "expires": "2026-06-15", "pages": "12"},
            quality_score=0.5,
            last_validated_date="2026-03-17",
            size_bytes=200,
            governance_basis=json.dumps({"owner": "contract"}),
            owner="legal",
        ),
        _doc(
            make_doc,
            "c",
            {"effective-from": "2027-01-01", "pages": "many"},
            quality_score=None,
            last_validated_date="2025-01-01",
            owner=None,
            generation_depth=2,
            digital_source_type=AI,
            origin_basis="declared",
        ),
        _doc(
            make_doc,
            "d",
            {"tags": ["x", "y"], "department": None},
            quality_score=0.6,
            last_validated_date="soon",
            generation_depth=1,
            language="de",
            document_type="reference",
            media_type="text/html",
            version="2",
            source_system="drive",
            sensitivity_label="public",
        ),
    ]


@pytest.fixture
def filters(corpus):
    chunks = pa.Table.from_pylist([row for doc in corpus for row in doc.chunk_rows()], schema=batches.CHUNKS)
    updated = {"a": datetime(2026, 6, 15, 8, tzinfo=UTC), "b": datetime(2026, 6, 16, tzinfo=UTC)}
    rows = [{**doc.row(), "updated_at": updated.get(doc.doc_id)} for doc in corpus]
    documents = pa.Table.from_pylist(rows, schema=batches.DOCUMENTS)
    return Filters(chunks, documents.select(list(DOCUMENT_COLUMNS)))


def _passing(filters, where):
    selection = filters.select(where, NOW)
    assert selection is not None
    assert selection.count == int(selection.mask.sum())
    return "".join(name for name, passes in zip("abcd", selection.mask, strict=True) if passes)


CASES = [
    ({"owner": "legal"}, "b"),
    ({"owner": {"!=": "legal"}}, "ad"),
    ({"owner": {"!=": ["legal", "docs-team"]}}, ""),
    ({"owner": None}, "c"),
    ({"owner": ["legal", None]}, "bc"),
    ({"source": "drive"}, "d"),
    ({"source_system": "drive"}, "d"),
    ({"sensitivity": ["public", "secret"]}, "d"),
    ({"language": {"!=": "en"}}, "d"),
    ({"version": "2"}, "d"),
    ({"document_type": "reference"}, "d"),
    ({"media_type": "text/html"}, "d"),
    ({"title": "A"}, "a"),
    ({"uri": "file:///srv/b"}, "b"),
    ({"parser": "text/1"}, "abcd"),
    ({"origin": "trainedAlgorithmicMedia"}, "c"),
    ({"origin": {"!=": "trainedAlgorithmicMedia"}}, "abd"),
    ({"origin_basis": "declared"}, "c"),
    ({"depth": 0}, "ab"),
    ({"depth": {"<=": 1}}, "abd"),
    ({"generation_depth": {">": 0, "<": 2}}, "d"),
    ({"depth": {"!=": [0, 2]}}, "d"),
    ({"quality": {">=": 0.6}}, "ad"),
    ({"quality": {">=": "0.6"}}, "ad"),
    ({"quality": {"<": 0.6}}, "b"),
    ({"quality": None}, "c"),
    ({"quality": {"!=": 0.9}}, "bd"),
    ({"size_bytes": {">=": 100, "<=": 100}}, "a"),
    ({"tokens": 3}, "abcd"),
    ({"reviewed": {">=": "2026-03-17"}}, "ab"),
    ({"reviewed": {">": "2026-03-17"}}, "a"),
    ({"reviewed": {"<=": "2026-03-17"}}, "bc"),
    ({"reviewed": {"<": "2026-03-17"}}, "c"),
    ({"reviewed": "2026-03-17"}, "b"),
    ({"reviewed": date(2026, 3, 17)}, "b"),
    ({"reviewed": None}, "d"),
    ({"reviewed": {">=": "today-90d"}}, "ab"),
    ({"reviewed": {">=": "today-89d"}}, "a"),
    ({"reviewed": {">": "now-1000d"}}, "abc"),
    ({"updated": "2026-06-15"}, "a"),
    ({"updated": {"<=": "2026-06-15"}}, "a"),
    ({"updated": {">": "2026-06-15"}}, "b"),
    ({"updated": {">": "2026-06-15T07:00:00+00:00"}}, "ab"),
    ({"updated": {"<": datetime(2026, 6, 15, 9, tzinfo=UTC)}}, "a"),
    ({"updated": datetime(2026, 6, 15, 8, tzinfo=UTC)}, "a"),
    ({"in_force": "now"}, "bd"),
    ({"in_force": "2026-06-14"}, "abd"),
    ({"in_force": "2027-02-01"}, "cd"),
    ({"in_force": ["2026-06-14", "2027-02-01"]}, "abcd"),
    ({"effective_until": {"<": "2026-06-16"}}, "a"),
    ({"effective_from": {">": "now"}}, "c"),
    ({"effective_from": None}, "abd"),
    ({"metadata.department": "hr"}, "a"),
    ({"metadata.Department": ["hr", "it"]}, "ab"),
    ({"metadata.department": {"!=": "hr"}}, "b"),
    ({"metadata.department": None}, "cd"),
    ({"metadata.pages": {">=": 3}}, "ab"),
    ({"metadata.pages": {">": "3"}}, "b"),
    ({"metadata.valid_until": {">=": "2026-06-14"}}, "a"),
    ({"metadata.tags": '["x", "y"]'}, "d"),
    ({"metadata.nothing": "x"}, ""),
    ({"basis.owner": "sidecar"}, "a"),
    ({"doc_id": ["a", "d"], "quality": {">": 0.7}}, "a"),
    ({"doc_id": ()}, ""),
]


@pytest.mark.parametrize(("where", "expected"), CASES, ids=str)
def test_what_passes(filters, where, expected):
    assert _passing(filters, where) == expected
    assert _passing(filters, where) == expected, "and again, from the selections that are kept"


def test_no_filter_selects_nothing_in_particular(filters):
    assert filters.select({}) is None


def test_every_filter_is_tried_and_every_column_is_there():
    tried = {OTHER_NAMES.get(name, name) for where, _ in CASES for name in where}
    assert set(FILTERS) - tried <= {"chunk_id", "revision_id"}
    columns = {field.column for field in FIELDS.values()} - {"effective_from", "effective_until", "in_force"}
    assert columns <= {*batches.DOCUMENTS.names, *batches.CHUNKS.names}
    # What a reader does not hold: the text, and what is long and was written for people.
    left_out = set(batches.DOCUMENTS.names) - {*DOCUMENT_COLUMNS, *batches.CHUNKS.names}
    assert left_out == {
        "content_sha256", "raw_sha256", "quality_parts", "quality_reasons", "repairs", "findings", "outcome",
        "reasons", "blocks",
    }  # fmt: skip


def test_dates_of_effect_are_read_under_the_names_that_admission_reads():
    assert (EFFECTIVE_FROM, EFFECTIVE_UNTIL) == (families.EFFECTIVE_FROM, families.EFFECTIVE_UNTIL)


def test_today_is_asked_for_again_at_every_search(filters):
    assert filters.select({"in_force": "now"}, NOW).mask.tolist() == [False, True, False, True]
    later = datetime(2027, 6, 1, tzinfo=UTC)
    assert filters.select({"in_force": "now"}, later).mask.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"colour": "red"}, r"unknown filter 'colour'. Valid: .*quality.*metadata\.KEY, basis\.FIELD"),
        ({"metadata.": "red"}, "unknown filter 'metadata.'"),
        ({"origin": "robot"}, "unknown origin 'robot'. Valid: .*trainedAlgorithmicMedia"),
        ({"origin": {"!=": "robot"}}, "unknown origin 'robot'"),
        ({"quality": "good"}, "'quality' compares numbers, and 'good' is none"),
        ({"quality": {">=": float("nan")}}, "compares numbers"),
        ({"depth": True}, "compares numbers"),
        ({"reviewed": {">=": "soon"}}, "'reviewed' compares dates, and 'soon' is none. Write YYYY-MM-DD"),
        ({"reviewed": {">=": "today-9999999d"}}, "compares dates"),
        ({"reviewed": {">=": "today-999999d"}}, "compares dates"),
        ({"updated": datetime(2026, 1, 1)}, "compares dates"),  # noqa: DTZ001 - that is the point
        ({"quality": {"~": 1}}, "unknown operator '~' for filter 'quality'. Valid: <= >= != = < >"),
        ({"owner": {">": "a"}}, "'owner' is text, which has no order for '>'"),
        ({"quality": {">=": None}}, "needs a value"),
        ({"quality": {">=": []}}, "needs a value"),
        ({"in_force": {">": "now"}}, "'in_force' has only '='"),
        ({"in_force": ()}, "needs a value"),
        ({"metadata.pages": {">": "many"}}, "compares dates, and 'many' is none"),
        ({"owner": {"=": {"a": 1}}}, "not {'a': 1}"),
        ({"owner": object()}, "compares with text, a number, a date"),
    ],
)
def test_wrong_filters_say_what_is_valid(filters, where, message):
    with pytest.raises(FilterError, match=message):
        filters.select(where, NOW)
    assert issubclass(FilterError, ConfigurationError)


def test_filters_as_they_are_typed(filters):
    where = parse_where(
        ["owner=docs-team", "owner = legal", "quality>=0.5", "quality<0.9", "depth <= 1", "source!=x y"]
    )
    assert where == {
        "owner": {"=": ["docs-team", "legal"]},
        "quality": {">=": ["0.5"], "<": ["0.9"]},
        "depth": {"<=": ["1"]},
        "source": {"!=": ["x y"]},
    }
    assert _passing(filters, where) == "bd"
    assert parse_where(["uri=https://x/?a=b"]) == {"uri": {"=": ["https://x/?a=b"]}}


@pytest.mark.parametrize("text", ["owner", "owner=", "=legal", "owner= ", "owner~x", ""])
def test_what_is_no_filter_as_typed(text):
    with pytest.raises(FilterError, match=r"is not of the form FIELD=VALUE\. Operators: <= >="):
        parse_where([text])


def test_selections_are_kept_but_not_without_end(filters):
    first = filters.select({"owner": "legal"})
    assert filters.select({"owner": "legal"}) is first
    for number in range(100):
        filters.select({"size_bytes": {">": number}})
    assert len(filters._kept) <= 32
    assert filters.select({"owner": "legal"}) is not first
