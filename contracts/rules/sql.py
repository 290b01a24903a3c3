"""Checks of type `sql`: one question about the batch, asked in a DuckDB that can reach nothing else.

The database lives in memory, sees one table named `document`, and has no files, no network, no extensions
to load and no settings to change. A query is read before it runs: only a SELECT on that table passes,
without functions that look outside or answer differently each time. Time and memory are bounded.

The library is imported on first use: most contracts ask no SQL.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from contracts.build import DOCUMENT_COLUMNS
from contracts.model import CheckSpec
from contracts.text.node import Node
from contracts.text.problems import listed, nearest
from corpus.errors import ContractError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "document"
SECONDS = 30.0
"""Longest that one query may take; a count over a million rows takes well below one (our limit)."""
_BIND_SECONDS = 5.0
_MEMORY = "512MB"
MAX_QUERY = 10_000
"""Characters of a query: what a person writes is far below."""

_CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": _MEMORY,
    "max_temp_directory_size": "0B",
    "threads": "1",
}
_TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "integer": "BIGINT", "number": "DOUBLE"}
_NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    *("FLOAT", "DOUBLE", "DECIMAL", "NUMBER"),
)
# The standard's own spelling is ${table} and ${column} (schema 3.2.0, DataQualitySql); its text and other tools
# write ${object} and ${property}, and both without the dollar.
_TABLES = ("object", "table", "model")
_COLUMNS = ("property", "column", "field")
_PLACEHOLDER = re.compile(r"\$?\{\s*([A-Za-z_]\w*)\s*\}")
_TABLE_FUNCTIONS = ("unnest", "range", "generate_series")
_REFUSED_FUNCTIONS = re.compile(
    r"^(?:getenv|getvariable|current_setting|set_config|write_log|sleep.*|nextval|currval|random|setseed|uuid.*"
    r"|gen_random_uuid|version|current_(?:user|database|catalog|schemas?|role|query)|session_user|user"
    r"|in_search_path|txid_current|pg_.*|has_.*_privilege|duckdb_.*|pragma_.*|read_.*|write_.*|scan_.*|.*_scan|glob"
    r"|sniff_csv|query|query_table|load_.*|install_.*|http.*|which_secret|json_execute_serialized_sql"
    r"|json_serialize_plan|parse_duckdb_log_message|error)$"
)
_CLOCK = re.compile(
    r"^(?:now|today|(?:get_)?current_(?:timestamp|date|time)|current_local(?:time|timestamp)|local(?:time|timestamp)"
    r"|transaction_timestamp|statement_timestamp|clock_timestamp)$"
)
"""Functions and words that name the moment of the query."""
_BARE_CLOCK = ("current_timestamp", "current_date", "current_time", "localtime", "localtimestamp")
"""Those that SQL writes without brackets."""
_ASK_AGE = "answers differently each time; for an age use the rule `freshness` with `maxAge`"
_REFUSED_NODES: Mapping[str, str] = {
    "SHOW_REF": "it describes the table instead of counting in it",
    "RECURSIVE_CTE_NODE": "a recursive query may never end",
    "PIVOT": "its columns depend on the data",
}


class _Refused(Exception):
    """A query that may not be run, with the reason as message."""


def read_query(node: Node, field: str) -> str | None:
    """Reads the query of one check and tries it on an empty table.

    Args:
        node: The check; what is wrong with its query becomes problems.
        field: Column that the check stands under, empty for the object `document`.

    Returns:
        The query with its placeholders filled; None where it cannot be run.
    """
    query = node.get("query")
    if not query.text().strip():
        if isinstance(query.value, str):
            query.problem("`query` is empty.", "Write a SELECT that gives one number.")
        return None
    if len(query.text()) > MAX_QUERY:
        query.problem(f"`query` is longer than {MAX_QUERY:,} characters.")
        return None
    filled = _filled(query, field)
    if filled is None:
        return None
    wrong = problem_of(filled)
    if wrong:
        query.problem(f"the query cannot be run: {wrong}.", "Write one SELECT on ${object} that gives one number.")
        return None
    return filled


def problem_of(query: str) -> str:
    """Returns why a query may not or cannot be run, in words; an empty text for a query that can.

    It is bound and run on an empty table with the columns of documents.parquet.
    """
    import duckdb  # noqa: PLC0415 - costs 0.1 s, which a contract without SQL must not pay

    with _closed() as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({_columns_sql()})")
        connection.execute("SET lock_configuration = true")
        try:
            _judge(connection, query)
            with _timed(connection, _BIND_SECONDS):
                cursor = connection.execute(query)
                rows = len(cursor.fetchmany(2))
            kinds = [str(column[1]).upper() for column in cursor.description or ()]
        except _Refused as refused:
            return str(refused)
        except duckdb.InterruptException:
            return f"it takes longer than {_BIND_SECONDS:g} seconds on a table without rows"
        except (duckdb.Error, ValueError, OverflowError) as error:
            return _words(error)
    return _not_a_number(kinds, rows)


def _not_a_number(kinds: Sequence[str], rows: int) -> str:
    if len(kinds) != 1:
        return f"it gives {len(kinds)} columns, not one number"
    if rows != 1:
        return "it does not give one row on a table without rows: count or add up"
    return "" if kinds[0].startswith(_NUMBERS) else f"it gives a value of type {kinds[0]}, not a number"


def query_columns(query: str) -> tuple[str, ...]:
    """Returns the columns of documents that a valid query reads, `doc_id` first; all where it may read any."""
    with _closed() as connection:
        nodes = list(_nodes(_tree(connection, query)))
    tables = {node.get("alias") or node.get("table_name") for node in nodes if node.get("type") == "BASE_TABLE"}
    named = {name for node in nodes for name in (*node.get("column_names", ()), *node.get("using_columns", ()))}
    whole = any(
        node.get("class") == "STAR" or node.get("ref_type") in ("NATURAL", "POSITIONAL") for node in nodes
    ) or any(node.get("column_name_alias") for node in nodes if node.get("type") == "BASE_TABLE")
    if whole or _folded(tables) & _folded(node["column_names"][-1] for node in nodes if node.get("column_names")):
        return tuple(DOCUMENT_COLUMNS)
    return ("doc_id", *(name for name in DOCUMENT_COLUMNS if name != "doc_id" and name in _folded(named)))


def run_queries(specs: Sequence[CheckSpec], rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Asks each query of the rows of a run.

    Args:
        specs: Checks of engine `sql`.
        rows: Rows of documents.parquet with the columns that `query_columns` names.

    Returns:
        Name of the check to the number found; None where the answer is null.

    Raises:
        ContractError: A query takes too long or too much memory, or fails on these values.
    """
    if not specs:
        return {}
    import duckdb  # noqa: PLC0415

    with _closed() as connection:
        _fill(connection, specs, rows)
        found: dict[str, float | None] = {}
        for spec in specs:
            try:
                _judge(connection, spec.arguments["query"])
                with _timed(connection, SECONDS):
                    answers = connection.execute(spec.arguments["query"]).fetchmany(2)
            except duckdb.InterruptException as error:
                raise _failed(spec, f"it takes longer than {SECONDS:g} seconds") from error
            except (duckdb.Error, _Refused) as error:
                raise _failed(spec, _words(error)) from error
            if len(answers) != 1 or len(answers[0]) != 1:
                raise _failed(spec, f"it gives {len(answers)} rows and not one number")
            found[spec.name] = None if answers[0][0] is None else float(answers[0][0])
    return found


def _failed(spec: CheckSpec, why: str) -> ContractError:
    return ContractError(f"the query of the rule {spec.name!r} cannot be run: {why}. Change it in the contract.")


def _fill(connection: DuckDBPyConnection, specs: Sequence[CheckSpec], rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa  # noqa: PLC0415

    from corpus.batches import DOCUMENTS  # noqa: PLC0415 - brings numpy and pyarrow

    wanted = {name for spec in specs for name in query_columns(spec.arguments["query"])}
    schema = pa.schema([pa.field(field.name, field.type) for field in DOCUMENTS if field.name in wanted])
    values = [{name: row.get(name) for name in schema.names} for row in rows]
    connection.register(TABLE, pa.Table.from_pylist(values, schema=schema))
    connection.execute("SET lock_configuration = true")


@contextmanager
def _closed() -> Iterator[DuckDBPyConnection]:
    """Opens a database in memory that reaches nothing outside."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect(":memory:", config=dict(_CONFIG))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def _timed(connection: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupts the connection after some seconds."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _judge(connection: DuckDBPyConnection, query: str) -> None:
    """Refuses everything but one SELECT on the table of documents.

    Raises:
        _Refused: With what is wrong.
    """
    nodes = list(_nodes(_tree(connection, query)))
    local = _folded(_common_tables(nodes))
    for node in nodes:
        kind = str(node.get("type", ""))
        if kind in _REFUSED_NODES:
            raise _Refused(_REFUSED_NODES[kind])
        if kind == "BASE_TABLE":
            _judge_table(node, local)
        _judge_clock(node)
        if kind == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            if name not in _TABLE_FUNCTIONS:
                raise _Refused(f"the table function {name} is not allowed ({listed(_TABLE_FUNCTIONS)} are)")
        elif node.get("class") == "FUNCTION" and _REFUSED_FUNCTIONS.match(str(node["function_name"]).lower()):
            raise _Refused(f"the function {node['function_name']} is not allowed")
        if node.get("sample"):
            raise _Refused("a sample answers differently each time")
    if not any(str(node.get("table_name", "")).lower() == TABLE for node in nodes):
        raise _Refused("it does not read the documents")


def _judge_clock(node: Mapping[str, Any]) -> None:
    """Refuses what depends on the moment: the same documents would be judged another way tomorrow."""
    name = str(node.get("function_name", "")).lower() if node.get("class") == "FUNCTION" else ""
    if _CLOCK.match(name) or (name == "age" and len(node.get("arguments") or node.get("children", ())) == 1):
        raise _Refused(f"the function {name} {_ASK_AGE}")
    columns: list[str] = node.get("column_names", []) if node.get("class") == "COLUMN_REF" else []
    if len(columns) == 1 and columns[0].lower() in _BARE_CLOCK:
        raise _Refused(f"{columns[0].lower()} {_ASK_AGE}")


def _judge_table(node: Mapping[str, Any], local: set[str]) -> None:
    name, schema, catalog = (str(node.get(key) or "") for key in ("table_name", "schema_name", "catalog_name"))
    if schema or catalog or name.lower() not in {TABLE, *local}:
        full = ".".join(filter(None, (catalog, schema, name)))
        raise _Refused(f"there is no table {full[:60]!r}, only {TABLE}")


def _common_tables(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields the names of common table expressions."""
    for node in nodes:
        entries = node.get("cte_map")
        if isinstance(entries, Mapping):
            yield from (str(entry["key"]) for entry in entries.get("map", ()))


def _tree(connection: DuckDBPyConnection, query: str) -> Any:
    """Returns the parsed query as plain values.

    Raises:
        _Refused: It is not exactly one SELECT.
    """
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {}
    except RecursionError:
        raise _Refused("it is nested too deeply") from None
    if tree.get("error"):
        if tree.get("error_type") == "not implemented":
            raise _Refused("only SELECT is allowed")
        raise _Refused(_line(str(tree.get("error_message", "it is not SQL"))))
    if len(tree["statements"]) != 1:
        raise _Refused(f"it holds {len(tree['statements'])} statements, not one")
    return tree["statements"]


def _nodes(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yields every mapping of a parsed query, without recursion: a query may nest deeply."""
    waiting = [part]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _filled(query: Node, field: str) -> str | None:
    """Fills the placeholders of the standard; an unknown one is a problem."""
    values = dict.fromkeys(_TABLES, TABLE) | (dict.fromkeys(_COLUMNS, f'"{field}"') if field else {})
    for match in _PLACEHOLDER.finditer(query.text()):
        name = match[1].lower()
        if name in _COLUMNS and not field:
            query.problem(f"`{match[0]}` has no meaning under the object document.", "Name the column.")
            return None
        if name not in values:
            hint = f"{nearest(name, values)} Valid: {listed(f'${{{key}}}' for key in values)}.".strip()
            query.problem(f"unknown placeholder `{match[0]}`.", hint)
            return None
    return _PLACEHOLDER.sub(lambda match: values[match[1].lower()], query.text())


def _columns_sql() -> str:
    return ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in DOCUMENT_COLUMNS.items())


def _folded(names: Any) -> set[str]:
    return {str(name).lower() for name in names}


def _words(error: Exception) -> str:
    return _line(str(error))


def _line(message: str) -> str:
    """Returns the first line of a message of the database, with the line of the query where it names one."""
    lines = message.strip().splitlines() or ["no reason given"]
    place = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    where = f" (line {place[1]} of the query)" if place and place[1] != "1" else ""
    missing = re.search(r'Referenced column "([^"]+)" not found', lines[0])
    close = nearest(missing[1], DOCUMENT_COLUMNS) if missing else ""
    return lines[0][:200].rstrip(".! ") + where + (f" ({close})" if close else "")
