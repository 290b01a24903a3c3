"""Filters of a search: which rows are allowed before anything is ranked.

```python
where = {
    "origin": "digitalCreation",              # equal
    "language": ["en", "de"],                 # one of several
    "depth": {"<=": 1},                       # at most
    "quality": {">=": 0.6},                   # at least
    "owner": {"!=": "bots"},                  # another one; a missing value passes no filter but None
    "reviewed": {">=": "today-365d"},         # dates: ISO 8601, today, now, each with -30d or +30d
    "in_force": "now",                        # not before it is effective, and not expired
    "metadata.department": "hr",              # any key that documents declare
}
```
"""

from __future__ import annotations

import math
import operator
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import FilterError, IntegrityError
from corpus.types import OriginKind, utc_now
from index.fields import BASIS, FIELDS, METADATA, Field, Fields, field_of, is_day, moment
from index.search import Selection

Mask = npt.NDArray[np.bool_]

Scalar = str | int | float | date | None
Condition = Scalar | Iterable[Scalar] | Mapping[str, Any]
Where = Mapping[str, Condition]
"""Filter name to a value, to several of which one has to hold, or to operators with their operands."""

OPERATORS = ("<=", ">=", "!=", "=", "<", ">")
"""What a condition may say; all of one field's have to hold."""

_ORDER: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
)
_ASKED = re.compile(r"^\s*(?P<name>[^<>=!]+?)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>\S.*?)\s*$", re.DOTALL)
_RELATIVE = re.compile(r"^(today|now)(?:([+-]\d{1,6})d)?$")
_KEPT = 32
"""Selections that are kept: the same filters come again, and a million rows are 1.1 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One operator of one filter, with operands that depend on no clock any more."""

    name: str
    field: Field
    sign: str
    operands: tuple[Any, ...]


class Filters:
    """The filters of an open version. Any number of threads may ask.

    Args:
        chunks: chunks.parquet.
        documents: `index.fields.DOCUMENT_COLUMNS` of documents.parquet.

    Raises:
        IntegrityError: A chunk belongs to no document.
    """

    def __init__(self, chunks: pa.Table, documents: pa.Table) -> None:
        self.fields = Fields(chunks, documents, _document_rows(chunks, documents))
        self._kept: OrderedDict[tuple[_Test, ...], Selection] = OrderedDict()
        self._keeping = threading.Lock()

    @classmethod
    def of(cls, chunks: pa.Table, documents: pa.Table) -> Self:
        """Prepares the filters of a version."""
        return cls(chunks, documents)

    @property
    def document_of(self) -> npt.NDArray[np.int64]:
        """Row of its document for each chunk."""
        return self.fields.document_of

    def select(self, where: Where, now: datetime | None = None) -> Selection | None:
        """Returns which rows pass every filter; None where there is no filter.

        Args:
            where: The filters.
            now: What `now` and `today` mean, aware; None for the moment of the call.

        Raises:
            FilterError: A filter, an operator or a value is none.
        """
        if not where:
            return None
        tests = _tests(where, now or utc_now())
        with self._keeping:
            found = self._kept.get(tests)
            if found is not None:
                self._kept.move_to_end(tests)
                return found
        masks = [self._mask(test) for test in tests]
        found = Selection.of(np.logical_and.reduce(masks) if masks else self._everything())
        with self._keeping:
            self._kept[tests] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _everything(self) -> Mask:
        return np.ones(len(self.fields.document_of), dtype=bool)

    def _mask(self, test: _Test) -> Mask:
        if test.field.kind == "text":
            return self.fields.spread(test.field, _equal(self.fields.coded(test.field), test))
        if test.field.kind == "any":
            return self.fields.spread(test.field, self._any(test))
        if test.name == "in_force":
            return self.fields.spread(test.field, self._in_force(test.operands))
        numeric = self.fields.numbers if test.field.kind == "number" else self.fields.moments
        return self.fields.spread(test.field, _compare(numeric(test.field), test))

    def _any(self, test: _Test) -> Mask:
        """Compares a JSON value as what it is compared with: as a number, a moment, or text."""
        start = METADATA if test.field.column == "metadata" else BASIS
        values = self.fields.json_values(test.field.column, test.name.removeprefix(start))
        if test.sign in ("=", "!="):
            return _equal(values, test)
        first = test.operands[0]
        read = _seconds_of if isinstance(first, _Moment) else _number_of
        known = np.array([read(value) for value in values.values] + [math.nan])
        return _compare(known[values.codes], test)

    def _in_force(self, moments: tuple[Any, ...]) -> Mask:
        """A document that says nothing about when it holds always does."""
        begins, ends = (self.fields.moments(FIELDS[name]) for name in ("effective_from", "effective_until"))
        at = [item.start for item in moments]
        holds = [~(begins > each) & ~(ends <= each) for each in at]
        found: Mask = np.logical_or.reduce(holds)
        return found


@dataclass(frozen=True, slots=True)
class _Moment:
    """A span of time in seconds since 1970: a day, or one instant where both ends are equal."""

    start: float
    end: float


def parse_where(texts: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Reads filters as they are typed, such as `origin=digitalCreation`, `quality>=0.6` or `reviewed>=today-90d`.

    A field that is given twice with `=` takes either value, with `!=` neither; other operators have all to hold.

    Raises:
        FilterError: A text has another form.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        match = _ASKED.match(text)
        if match is None:
            signs = " ".join(OPERATORS)
            raise FilterError(
                f"filter {text!r} is not of the form FIELD=VALUE. Operators: {signs}. Fields: {_valid_names()}."
            )
        found.setdefault(match["name"], {}).setdefault(match["sign"], []).append(match["value"])
    return found


def _valid_names() -> str:
    return ", ".join((*sorted(FIELDS), f"{METADATA}KEY", f"{BASIS}FIELD"))


def _document_rows(chunks: pa.Table, documents: pa.Table) -> npt.NDArray[np.int64]:
    """Returns the row of its document for each chunk."""
    rows = pc.index_in(chunks["doc_id"], value_set=documents["doc_id"].combine_chunks())
    if rows.null_count:
        raise IntegrityError("a chunk belongs to no document of the version. Build it again, or roll back.")
    found: npt.NDArray[np.int64] = rows.to_numpy().astype(np.int64, copy=False)
    return found


def _tests(where: Where, now: datetime) -> tuple[_Test, ...]:
    return tuple(test for name, condition in where.items() for test in _tests_of(name, condition, now))


def _tests_of(name: str, condition: Condition, now: datetime) -> Iterable[_Test]:
    known, field = field_of(name)
    signs = condition if isinstance(condition, Mapping) else {"=": condition}
    for sign, operand in signs.items():
        if sign not in OPERATORS:
            raise FilterError(f"unknown operator {sign!r} for filter {name!r}. Valid: {' '.join(OPERATORS)}.")
        items = _items(operand)
        if sign in _ORDER or known == "in_force":
            _require_ordered(known, field, sign, items)
        read = _reader(known, field, sign)
        if sign in ("=", "!="):
            yield _Test(name=known, field=field, sign=sign, operands=tuple(read(item, now) for item in items))
        else:
            for item in items:
                yield _Test(name=known, field=field, sign=sign, operands=(read(item, now),))


def _items(operand: Any) -> tuple[Any, ...]:
    if operand is None or isinstance(operand, str | int | float | date):
        return (operand,)
    if isinstance(operand, Iterable) and not isinstance(operand, Mapping):
        return tuple(operand)
    raise FilterError(f"a filter compares with text, a number, a date, or several of them, not {operand!r}.")


def _require_ordered(name: str, field: Field, sign: str, items: tuple[Any, ...]) -> None:
    if name == "in_force" and sign != "=":
        raise FilterError("filter 'in_force' has only '=', as in in_force=now or in_force=2026-03-01.")
    if field.kind == "text" and sign in _ORDER:
        raise FilterError(f"filter {name!r} is text, which has no order for {sign!r}. Valid: = and !=.")
    if not items or None in items:
        raise FilterError(f"filter {name!r} with {sign!r} needs a value.")


def _reader(name: str, field: Field, sign: str) -> Callable[[Any, datetime], Any]:
    """Returns what turns an operand into what its column holds."""
    if name == "origin":
        return lambda item, _: None if item is None else _origin(item)
    if field.kind == "text":
        return lambda item, _: None if item is None else str(item)
    if field.kind == "number":
        return lambda item, _: None if item is None else _number(name, item)
    if field.kind == "moment":
        return lambda item, now: None if item is None else _moment(name, item, now)
    return lambda item, now: _loose(name, item, now, ordered=sign in _ORDER)


def _origin(value: Any) -> str:
    known = {kind.value.rsplit("/", 1)[-1]: kind.value for kind in OriginKind}
    full = known.get(value, value)
    if full not in known.values():
        raise FilterError(f"unknown origin {value!r}. Valid: {', '.join(sorted(known))}, or their IPTC URLs.")
    return str(full)


def _number(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(value, bool) or math.isnan(found):
        raise FilterError(f"filter {name!r} compares numbers, and {value!r} is none.")
    return found


def _moment(name: str, value: Any, now: datetime) -> _Moment:
    relative = _RELATIVE.match(value.strip()) if isinstance(value, str) else None
    try:
        if relative:
            shifted = now.astimezone(UTC) + timedelta(days=int(relative[2] or 0))
            value = shifted.date() if relative[1] == "today" else shifted
        text = value.isoformat() if isinstance(value, date) else str(value)
    except OverflowError:
        text = str(value)
    found = moment(text)
    if found is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise FilterError(
            f"filter {name!r} compares dates, and {value!r} is none. Write YYYY-MM-DD, a time with its zone, today, "
            "now, or today-30d."
        )
    start = found.timestamp()
    return _Moment(start, start + 86_400.0 if is_day(text) else start)


def _loose(name: str, value: Any, now: datetime, *, ordered: bool) -> Any:
    """Reads an operand for a JSON value: text to be equal to, or a number or moment to be in order with."""
    if not ordered:
        return None if value is None else str(value)
    try:
        return _number(name, value)
    except FilterError:
        return _moment(name, value, now)


def _equal(values: Any, test: _Test) -> Mask:
    wanted = frozenset(test.operands)
    if test.sign == "=":
        return values.mask(wanted.__contains__, missing=None in wanted)  # type: ignore[no-any-return]
    return values.mask(lambda value: value not in wanted, missing=False)  # type: ignore[no-any-return]


def _compare(column: npt.NDArray[np.float64], test: _Test) -> Mask:
    """Compares numbers or moments; NaN, which stands for none, passes nothing but `= None`."""
    if test.sign in ("=", "!="):
        equal = [_is(column, operand) for operand in test.operands]
        any_of: Mask = np.logical_or.reduce(equal) if equal else np.zeros(len(column), dtype=bool)
        return any_of if test.sign == "=" else ~any_of & ~np.isnan(column)
    [operand] = test.operands
    if isinstance(operand, _Moment):
        # After a day is after its end; up to a day is up to its end.
        whole = operand.end > operand.start
        sign = {">": ">=", "<=": "<"}.get(test.sign, test.sign) if whole else test.sign
        edge = operand.end if test.sign in (">", "<=") else operand.start
        return np.asarray(_ORDER[sign](column, edge), dtype=bool)
    return np.asarray(_ORDER[test.sign](column, operand), dtype=bool)


def _is(column: npt.NDArray[np.float64], operand: Any) -> Mask:
    if operand is None:
        return np.isnan(column)
    if isinstance(operand, _Moment):
        return np.asarray((column >= operand.start) & ((column < operand.end) | (column == operand.start)), dtype=bool)
    return np.asarray(column == operand, dtype=bool)


def _number_of(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds_of(text: str) -> float:
    found = moment(text)
    return found.timestamp() if found else math.nan


FILTERS = tuple(sorted(FIELDS))
"""What `where` may name, beside `metadata.KEY` and `basis.FIELD`."""
