"""Changes of the columns that a contract promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.model import Contract, FieldSpec
from contracts.versions.changes import Change, Kind, added, edited, removed

_PLACE = "schema.document"
_ORIGINS = "digital_source_type"
_CLASSES = ("public", "internal", "confidential", "restricted")
"""From what all may see to what few may (ODCS: `classification`); others are not ordered."""
_HELD = "documents that were fine may be held."
_LAXER = "documents that were held may enter; readers can rely on less."


def field_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yields what changed in the columns of documents; the rules beside them are compared elsewhere."""
    was, now = ({field.name: field for field in contract.fields} for contract in (old, new))
    for name, field in was.items():
        if name not in now:
            why = "the column is no longer promised: readers cannot rely on it."
            yield removed(f"{_PLACE}.{name}", _summary(field), "breaking", why, consumers=True)
        else:
            yield from _one(field, now[name])
    for name, field in now.items():
        if name not in was:
            yield _new(field)


def _new(field: FieldSpec) -> Change:
    place, what = f"{_PLACE}.{field.name}", _summary(field)
    if field.required or field.unique or field.primary_key or _limits(field):
        why = f"a column is promised with conditions: {_HELD}"
        return added(place, what, "breaking", why, producers=True)
    return added(place, what, "compatible", "an optional column: no document is judged by it.", consumers=True)


def _one(was: FieldSpec, now: FieldSpec) -> Iterator[Change]:
    place = f"{_PLACE}.{was.name}"
    if was.logical_type != now.logical_type:
        why = "the column has another type: readers must change."
        yield edited(f"{place}.logicalType", was.logical_type, now.logical_type, "breaking", why, consumers=True)
    for name in ("required", "unique"):
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            yield _step(f"{place}.{name}", before, after, stricter=after)
    if was.primary_key != now.primary_key:
        yield _step(f"{place}.primaryKey", was.primary_key, now.primary_key, stricter=now.primary_key)
    if was.pattern != now.pattern:
        yield _step(f"{place}.pattern", was.pattern, now.pattern, stricter=now.pattern is not None)
    if was.min_length != now.min_length:
        stricter = (now.min_length or 0) > (was.min_length or 0)
        yield _step(f"{place}.minLength", was.min_length, now.min_length, stricter=stricter)
    if was.max_length != now.max_length:
        stricter = now.max_length is not None and (was.max_length is None or now.max_length < was.max_length)
        yield _step(f"{place}.maxLength", was.max_length, now.max_length, stricter=stricter)
    if was.name != _ORIGINS:
        yield from _enum(place, was, now)
    if was.classification != now.classification:
        yield _classified(f"{place}.classification", was.classification, now.classification)


def _classified(place: str, was: str | None, now: str | None) -> Change:
    ranks = {name: rank for rank, name in enumerate(_CLASSES)}
    if now in ranks and ranks[now] > ranks.get(was or "public", len(ranks)):
        why = f"readers who may not see what is {now} must no longer be given the column."
        return edited(place, was, now, "breaking", why, consumers=True)
    return edited(place, was, now, "notice", "who may see the column may change.", consumers=True)


def _enum(place: str, was: FieldSpec, now: FieldSpec) -> Iterator[Change]:
    if was.enum == now.enum:
        return
    if not was.enum or not now.enum:
        before, after = (list(field.enum) or "any value" for field in (was, now))
        yield _step(f"{place}.enum", before, after, stricter=bool(now.enum))
        return
    gone = [value for value in was.enum if value not in now.enum]
    came = [value for value in now.enum if value not in was.enum]
    if gone:
        yield removed(f"{place}.enum", gone, "breaking", f"values are no longer allowed: {_HELD}", producers=True)
    if came:
        why = "more values are allowed: readers may meet them."
        yield added(f"{place}.enum", came, "compatible", why, consumers=True)


def _step(place: str, before: Any, after: Any, *, stricter: bool) -> Change:
    kind: Kind = "breaking" if stricter else "compatible"
    why = f"stricter: {_HELD}" if stricter else f"looser: {_LAXER}"
    return edited(place, before, after, kind, why, producers=stricter, consumers=not stricter)


def _limits(field: FieldSpec) -> bool:
    return any((field.pattern is not None, field.min_length, field.max_length is not None, field.enum, field.options))


def _summary(field: FieldSpec) -> str:
    words = [field.logical_type]
    words += [word for word, given in (("required", field.required), ("unique", field.unique)) if given]
    return ", ".join(words)
