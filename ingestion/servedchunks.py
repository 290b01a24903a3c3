"""The chunks that answers were given, by their ids in the index version that the answers name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus import batches
from corpus.catalog import erasures
from index import layout
from ingestion.runtime import Runtime


def in_version(runtime: Runtime, version: str, ids: set[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns chunks of `NAME/v000001` by id, in bounded memory; none for a version that is not there or is damaged.

    Args:
        runtime: The project.
        version: The version, as an answer names it.
        ids: The chunks; those that the version does not hold are left out.
        columns: What is read of each beside its id.
    """
    name, _, folder = version.partition("/")
    number = layout.version_number(folder)
    if number is None or not name or not ids:
        return {}
    with runtime.catalog.reading() as tx:
        number = erasures.replacements(tx, name).get(number, number)  # built again since without an erased document
    path = f"{layout.version_path(name, number)}/{layout.CHUNKS}"
    try:
        return {row["chunk_id"]: row for row in filtered(runtime, path, "chunk_id", ids, columns)}
    except (FileNotFoundError, ValueError):
        return {}


def filtered(
    runtime: Runtime, path: str, column: str, values: set[str], columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file of chunks whose value in a column is one of some values.

    Args:
        runtime: The project.
        path: The file in the store.
        column: The column that is compared.
        values: The values.
        columns: What is read of each row beside that.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged.
    """
    wanted = pa.array(sorted(values), pa.string())
    with runtime.store.open(path) as handle:
        for batch in batches.stream_batches(handle, [*dict.fromkeys((column, *columns))]):
            yield from batch.filter(pc.is_in(batch.column(column), value_set=wanted)).to_pylist()
