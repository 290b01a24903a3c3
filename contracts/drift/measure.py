"""Measures the columns of documents: Arrow batches in, a profile out, in bounded memory.

Reads no more of a batch than `contracts.drift.profile.KINDS` names, and keeps none of it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.drift.histogram import OFFSET, RATIO, Histogram
from contracts.drift.profile import (
    COLUMNS,
    KINDS,
    MOST_FIELDS,
    ColumnProfile,
    Kind,
    Profile,
    capped,
    merged,
    most_frequent,
    name_of,
    ranked,
    type_of,
)

AGE_STEPS = (30, 90, 180, 365, 730, 1_825, 3_650)
"""Days that ages are counted up to. Steps and no finer: a corpus that nobody touches grows older every
day, and only when it passes a step is that worth a word. What is older counts with the last, what lies
in the future as -1."""

_LEAST, _MOST = -300, 900
_TINY = RATIO**_LEAST


def profile_of(batches: Iterable[pa.RecordBatch], *, now: datetime) -> Profile:
    """Profiles documents, batch by batch in bounded memory.

    Args:
        batches: Documents with columns of `KINDS`; one that a batch has not is all null there.
        now: Moment that ages are counted from.
    """
    total = Profile(columns={name: ColumnProfile() for name in COLUMNS})
    for batch in batches:
        total = merged(total, _batch_profile(batch, now))
    return total


def histogram_of(numbers: npt.NDArray[Any]) -> Histogram:
    """Counts numbers; one that is not a number is left out, an infinite one goes to the last bin."""
    values = np.asarray(numbers, dtype=np.float64)
    values = values[~np.isnan(values)]
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        steps = np.ceil(np.log(size) / math.log(RATIO))
    keys = np.sign(values) * (np.clip(steps, _LEAST, _MOST) + OFFSET)
    found, counts = np.unique(np.where(size < _TINY, 0, keys).astype(np.int64), return_counts=True)
    return Histogram(bins={int(key): int(count) for key, count in zip(found, counts, strict=True)})


def _batch_profile(batch: pa.RecordBatch, now: datetime) -> Profile:
    there = frozenset(batch.schema.names)
    absent = ColumnProfile(rows=batch.num_rows, nulls=batch.num_rows)
    columns = {
        name: _column_profile(KINDS[name], batch.column(name), now) if name in there else absent for name in COLUMNS
    }
    fields = _fields(batch.column("metadata")) if "metadata" in there else {}
    return Profile(documents=batch.num_rows, columns=columns, fields=fields)


def _column_profile(kind: Kind, column: pa.Array, now: datetime) -> ColumnProfile:
    known = column.drop_null()
    counted = ColumnProfile(rows=len(column), nulls=len(column) - len(known))
    if kind == "text":
        return _text_profile(known, counted)
    if kind in ("category", "date"):
        return _category_profile(kind, known, counted, now)
    if kind == "number":
        numbers = histogram_of(known.to_numpy(zero_copy_only=False))
        return replace(counted, types=_filled({"number": len(known)}), numbers=numbers)
    if kind == "time":
        moments = known.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
        ages = _stepped((now.timestamp() - moments / 1e6) / 86_400)
        return replace(counted, types=_filled({"date": len(known)}), numbers=histogram_of(ages))
    return replace(counted, types=_filled({"object": len(known)}))


def _text_profile(known: pa.Array, counted: ColumnProfile) -> ColumnProfile:
    seen = pc.utf8_length(pc.utf8_trim_whitespace(known)).to_numpy(zero_copy_only=False)
    lengths = pc.utf8_length(known).to_numpy(zero_copy_only=False)
    return replace(
        counted,
        empties=int((seen == 0).sum()),
        types=_filled({"text": int((seen > 0).sum())}),
        numbers=histogram_of(np.where(seen == 0, 0, lengths)),
    )


def _category_profile(kind: Kind, known: pa.Array, counted: ColumnProfile, now: datetime) -> ColumnProfile:
    counts = Counter({str(item["values"].as_py()): int(item["counts"].as_py()) for item in pc.value_counts(known)})
    types: Counter[str] = Counter()
    for value, count in counts.items():
        types[type_of(value)] += count
    empties = types.pop("empty", 0)
    if kind == "date":
        ages = _ages(counts, now)
        return replace(counted, empties=empties, types=ranked(types), numbers=ages)
    named: Counter[str] = Counter()
    for value, count in counts.items():
        if value.strip():
            named[name_of(value)] += count
    kept, rest = capped(named)
    return replace(counted, empties=empties, types=ranked(types), categories=kept, rest=rest)


def _ages(counts: Mapping[str, int], now: datetime) -> Histogram:
    dated = [(_day(value), count) for value, count in counts.items()]
    ages = [np.full(count, (now - day).total_seconds() / 86_400) for day, count in dated if day is not None]
    return histogram_of(_stepped(np.concatenate(ages))) if ages else Histogram()


def _stepped(days: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    steps = np.array([*AGE_STEPS, AGE_STEPS[-1]], dtype=np.float64)
    # A clock that is a day off, or another time zone, is not the future.
    return np.asarray(np.where(days < -1, -1.0, steps[np.searchsorted(AGE_STEPS, days)]), dtype=np.float64)


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text.strip()[:10]), datetime.min.time(), UTC)
    except ValueError:
        return None


def _fields(column: pa.Array) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for text in column.drop_null().to_pylist():
        declared = json.loads(text)
        for key, value in list(declared.items())[:MOST_FIELDS]:
            read = type_of(value) if isinstance(value, str) else type_of(json.dumps(value))
            found.setdefault(name_of(key), Counter())[read] += 1
    return most_frequent({name: dict(types) for name, types in found.items()})


def _filled(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
