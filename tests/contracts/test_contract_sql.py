"""Checks of type sql: what they count, and that nothing but counting is possible."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import build
from contracts.evaluate import batch_columns, batch_report
from contracts.facts import BatchFacts
from contracts.load import parse_contract, problems_of
from contracts.model import CheckSpec, Contract, Threshold, Verdict
from contracts.rules import sql as sqlchecks
from contracts.rules.sql import problem_of, query_columns, run_queries
from corpus.errors import ContractError

VALID = Path(__file__).with_name("valid.odcs.yaml").read_text("utf-8")
ROWS = "      - metric: rowCount\n        mustBeGreaterThan: 0\n"
PRIVATE = Path(__file__).resolve()


def contract_with(check: str, place: str = ROWS) -> Contract:
    assert place in VALID
    return parse_contract(VALID.replace(place, check + place, 1), "kb")


def sql_check(query: str, operator: str) -> str:
    return f"      - name: asked\n        type: sql\n        query: |\n          {query}\n        {operator}\n"


def row(doc_id: str, **changes: Any) -> dict[str, Any]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return {"doc_id": doc_id, "text": "words", "title": doc_id, "size_bytes": 10, "updated_at": moment, **changes}


def outcome(contract: Contract, *rows: dict[str, Any]) -> tuple[Verdict, str]:
    report = batch_report(contract, BatchFacts(documents=len(rows), rows=rows, origins={"unknown": len(rows)}))
    result = next(item for item in report.results if item.spec.engine == "sql")
    return result.verdict, result.actual


@pytest.mark.parametrize(
    ("query", "operator", "expected"),
    [
        ("SELECT count(*) FROM ${object}", "mustBe: 3", (Verdict.PASS, "3")),
        ("SELECT count(*) FROM {table} WHERE size_bytes > 15", "mustBe: 0", (Verdict.BLOCK, "2")),
        ("SELECT avg(size_bytes) FROM ${model}", "mustBeBetween: [19, 21]", (Verdict.PASS, "20")),
        ("SELECT count(DISTINCT title) FROM document", "mustBeGreaterThan: 2", (Verdict.PASS, "3")),
        ("SELECT max(length(text)) FROM document WHERE doc_id = 'nobody'", "mustBe: 0", (Verdict.BLOCK, "no number (null)")),
        ("SELECT count(*) FROM (SELECT * FROM document LIMIT 2)", "mustNotBe: 3", (Verdict.PASS, "2")),
        ("WITH big AS (SELECT * FROM document WHERE size_bytes > 15) SELECT count(*) FROM big", "mustBe: 2", (Verdict.PASS, "2")),
        ("SELECT count(*) FROM document WHERE updated_at < TIMESTAMPTZ '2026-01-02'", "mustBe: 3", (Verdict.PASS, "3")),
    ],
)  # fmt: skip
def test_the_number_that_a_query_gives_is_compared(query: str, operator: str, expected: tuple[Verdict, str]) -> None:
    contract = contract_with(sql_check(query, operator))
    assert outcome(contract, row("a"), row("b", size_bytes=20), row("c", size_bytes=30)) == expected


def test_a_query_under_a_property_names_its_column() -> None:
    check = sql_check("SELECT count(*) FROM ${object} WHERE ${property} IS NULL", "mustBe: 0").replace(
        "      ", " " * 10, 1
    )
    check = check.replace("\n        ", "\n            ").replace("          SELECT", "              SELECT")
    contract = contract_with(check, "          - metric: invalidValues\n")
    spec = next(item for item in contract.checks if item.engine == "sql")
    assert (spec.field, spec.arguments["query"].strip()) == (
        "language",
        'SELECT count(*) FROM document WHERE "language" IS NULL',
    )
    assert "language" in batch_columns(contract)
    assert outcome(contract, row("a", language=None), row("b", language="en")) == (Verdict.BLOCK, "1")


def test_a_run_without_documents_is_asked_too() -> None:
    contract = contract_with(sql_check("SELECT count(*) FROM ${object}", "mustBe: 0"))
    assert outcome(contract) == (Verdict.PASS, "0")


FORBIDDEN = [
    f"SELECT count(*) FROM read_csv('{PRIVATE}')",
    f"SELECT count(*) FROM document, read_text('{PRIVATE}')",
    f"SELECT count(*) FROM document, read_blob('{PRIVATE}')",
    f"SELECT count(*) FROM document, '{PRIVATE}'",
    "SELECT count(*) FROM document, glob('/*')",
    "SELECT count(*) FROM document, read_parquet('x.parquet')",
    "SELECT count(*) FROM document, parquet_scan('x.parquet')",
    "SELECT count(*) FROM document, read_json('https://example.org/x.json')",
    "SELECT count(*) FROM document, 'https://example.org/x.parquet'",
    "SELECT count(*) FROM document, sniff_csv('x.csv')",
    "SELECT count(*) FROM document, query('SELECT 1')",
    "SELECT count(*) FROM document, query_table('document')",
    "SELECT count(*) FROM document, duckdb_settings()",
    "SELECT count(*) FROM document, duckdb_secrets()",
    "SELECT count(*) FROM document, pragma_database_list()",
    "SELECT count(*) FROM document, information_schema.tables",
    "SELECT count(*) FROM document, sqlite_master",
    "SELECT count(*) FROM memory.main.document",
    "SELECT length(getenv('HOME')) FROM document",
    "SELECT max(length(getenv('HOME'))) FROM document",
    "SELECT max(length(current_setting('memory_limit'))) FROM document",
    "SELECT count(*) FROM document WHERE sleep_ms(10) IS NULL",
    "SELECT count(*) FROM document WHERE write_log('x') IS NULL",
    "SELECT max(random()) FROM document",
    "SELECT count(*) FROM document USING SAMPLE 10",
    "ATTACH 'x.db'",
    "ATTACH 'https://example.org/x.db' AS x",
    "COPY document TO 'x.csv'",
    "COPY document FROM 'x.csv'",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "PRAGMA enable_external_access",
    "CREATE TABLE x AS SELECT 1",
    "CREATE SECRET s (TYPE s3)",
    "CREATE MACRO m() AS 1",
    "INSERT INTO document (doc_id) VALUES ('x')",
    "UPDATE document SET text = ''",
    "DELETE FROM document",
    "DROP TABLE document",
    "CALL pragma_version()",
    "DESCRIBE document",
    "EXPLAIN SELECT count(*) FROM document",
    "SELECT count(*) FROM document; SELECT 1",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t, document",
]


@pytest.mark.parametrize(
    "moment",
    ["now()", "current_timestamp", "get_current_timestamp()", "today()", "current_date", "localtimestamp",
     "transaction_timestamp()", "pg_catalog.now()", "updated_at - age(updated_at)"],
)  # fmt: skip
def test_a_query_that_depends_on_the_day_is_refused_and_told_of_freshness(moment: str) -> None:
    assert "`freshness`" in problem_of(f"SELECT count(*) FROM document WHERE updated_at < {moment}")


def test_a_difference_of_two_stored_moments_is_no_clock() -> None:
    assert not problem_of("SELECT count(*) FROM document WHERE age(updated_at, updated_at) > INTERVAL 3 DAY")


@pytest.mark.parametrize("query", FORBIDDEN)
def test_a_query_that_looks_or_reaches_elsewhere_is_refused(query: str) -> None:
    assert problem_of(query)
    check = CheckSpec(name="x", rule="sql", engine="sql", scope="batch", arguments={"query": query})
    with pytest.raises((ContractError, sqlchecks._Refused)):
        run_queries([check], [row("a")])


def test_the_database_itself_is_closed_even_to_a_query_that_passed() -> None:
    """The walls stand without the reader of queries: each of these is run as it is."""
    import duckdb  # noqa: PLC0415

    with sqlchecks._closed() as connection:
        connection.execute("SET lock_configuration = true")
        for query in (
            f"SELECT * FROM read_text('{PRIVATE}')",
            f"SELECT * FROM '{PRIVATE.with_name('valid.odcs.yaml')}'",
            "ATTACH 'x.db'",
            "COPY (SELECT 1) TO 'x.csv'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET memory_limit = '100GB'",
            "SELECT getenv('HOME')",
            "SELECT * FROM PRIVATE",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query)


def test_a_query_that_never_ends_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlchecks, "_BIND_SECONDS", 0.3)
    monkeypatch.setattr(sqlchecks, "SECONDS", 0.3)
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b, (SELECT count(*) FROM document) c"
    start = time.monotonic()
    assert "takes longer than 0.3 seconds" in problem_of(endless)
    check = CheckSpec(name="slow", rule="sql", engine="sql", scope="batch", arguments={"query": endless})
    with pytest.raises(ContractError, match=r"'slow' cannot be run: it takes longer than 0\.3 seconds"):
        run_queries([check], [row("a")])
    assert time.monotonic() - start < 20


def test_a_query_that_takes_all_memory_fails_and_the_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlchecks._CONFIG, "memory_limit", "40MB")
    hungry = "SELECT length(string_agg(repeat(title, 1000), ',' ORDER BY i)) FROM document, range(1000000) t(i)"
    check = CheckSpec(name="hungry", rule="sql", engine="sql", scope="batch", arguments={"query": hungry})
    with pytest.raises(ContractError, match=r"'hungry' cannot be run: .*(memory|Memory)"):
        run_queries([check], [row("a", title="x" * 100)])


def test_a_query_that_fails_on_these_values_names_its_rule() -> None:
    contract = contract_with(sql_check("SELECT sum(CAST(title AS INTEGER)) FROM ${object}", "mustBe: 3"))
    with pytest.raises(ContractError, match="'asked' cannot be run: Conversion Error"):
        outcome(contract, row("a", title="three"))


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT count(*) FROM document", ("doc_id",)),
        ("SELECT max(length(d.Title)) FROM document d", ("doc_id", "title")),
        ("SELECT count(*) FROM document a JOIN document b USING (uri)", ("doc_id", "uri")),
        ("SELECT count(*) FROM document WHERE doc_id IN (SELECT title FROM document)", ("doc_id", "title")),
        ("SELECT count(DISTINCT document) FROM document", tuple(build.DOCUMENT_COLUMNS)),
        ("SELECT count(*) FROM (SELECT DISTINCT * FROM document)", tuple(build.DOCUMENT_COLUMNS)),
        ("SELECT count(*) FROM document a NATURAL JOIN document b", tuple(build.DOCUMENT_COLUMNS)),
        ("SELECT max(b) FROM (SELECT length(b) AS b FROM document AS d(a, b))", tuple(build.DOCUMENT_COLUMNS)),
    ],
)
def test_no_more_columns_are_read_than_a_query_needs(query: str, columns: tuple[str, ...]) -> None:
    assert query_columns(query) == columns


PIECES = (
    "SELECT FROM WHERE count(*) document text title 'x' ( ) , ; * + -- /* */ ${object} ${property} {x} NULL "
    "read_csv('x') ATTACH 'y' AS t(a) WITH UNION ALL 1 /0 :: INT \x00 \u2028 $1 ? \" '"
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES.split()), max_size=12).map(" ".join) | st.text(max_size=40))
def test_whatever_a_query_holds_it_is_run_or_refused_in_words(query: str) -> None:
    wrong = problem_of(query)
    assert isinstance(wrong, str)
    if not wrong:
        check = CheckSpec(
            name="x", rule="sql", engine="sql", scope="batch", arguments={"query": query}, threshold=Threshold(op="mustBe", value=0)
        )  # fmt: skip
        assert set(query_columns(query)) <= set(build.DOCUMENT_COLUMNS)
        assert set(run_queries([check], [row("a")])) == {"x"}


@pytest.mark.parametrize("depth", [50, 500, 20_000])
def test_a_query_that_nests_deeply_is_refused_or_run(depth: int) -> None:
    assert isinstance(problem_of("SELECT count(*) + " + "(" * depth + "1" + ")" * depth + " FROM document"), str)
    assert isinstance(problem_of("SELECT count(*) + " + "1 + " * depth + "1 FROM document"), str)


def test_a_query_of_many_pages_is_refused() -> None:
    text = VALID.replace(ROWS, sql_check("SELECT count(*) FROM document -- " + "x" * 10_001, "mustBe: 0"))
    assert any("longer than 10,000 characters" in problem.message for problem in problems_of(text))


def test_contracts_without_sql_never_load_duckdb() -> None:
    code = (
        "import sys; from pathlib import Path; from contracts.load import load_contract; "
        f"load_contract(Path({str(PRIVATE.with_name('valid.odcs.yaml'))!r})); import contracts.evaluate; "
        "print('duckdb' in sys.modules)"
    )
    root = Path(build.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"


def test_a_misspelt_column_is_named_with_the_nearest() -> None:
    assert "Did you mean 'language'?" in problem_of("SELECT count(*) FROM document WHERE langage = 'en'")
