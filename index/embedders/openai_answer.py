"""Reads what an OpenAI-compatible endpoint answers: vectors in order, or why there are none. Pure.

A server may answer with too few vectors, with none for one text, or in another order. Whatever does not say
clearly which vector belongs to which text is refused whole.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from corpus.errors import FingerprintMismatch
from corpus.seams import Vectors

_SHOWN = 200
"""Characters of a server's own words that an error repeats."""


class UnreadableAnswer(Exception):
    """An answer that is cut off, incomplete, or no list of vectors; another try may give a whole one."""


def vectors_of(body: bytes, count: int, dimension: int) -> Vectors:
    """Returns the vectors of an answer, in the order of the texts that were sent.

    Args:
        body: JSON with `data`, a list of objects with `index` and `embedding`: numbers, or base64 of
            little-endian float32.
        count: Texts that were sent.
        dimension: Numbers per vector that are declared.

    Returns:
        Array of shape `(count, dimension)`, float32, as the server gave it.

    Raises:
        UnreadableAnswer: The answer is not whole, or a vector is missing, null, zero or not finite.
        FingerprintMismatch: A vector has another dimension.
    """
    items = _items(body)
    if len(items) != count:
        raise UnreadableAnswer(f"{len(items)} vectors for {count} texts")
    rows: list[Vectors | None] = [None] * count
    for position, item in enumerate(items):
        place = _place(item, position, count)
        if rows[place] is not None:
            raise UnreadableAnswer(f"two vectors with index {place}")
        rows[place] = _row(item.get("embedding"), place, dimension)
    return np.stack([row for row in rows if row is not None])


def answered_as(body: bytes) -> str:
    """Returns the name of the model that the server says it answered with; empty if it says none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    name = value.get("model") if isinstance(value, dict) else None
    return "".join(c for c in name if c.isprintable())[:_SHOWN] if isinstance(name, str) else ""


def reason_of(body: bytes, secret: str) -> tuple[str, str]:
    """Returns code and message of an answer that is an error.

    Only the fields meant for messages are read, not whole bodies, which may repeat the texts; the key is
    taken out.

    Args:
        body: What the server sent.
        secret: The key; empty for none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    error = value.get("error", value) if isinstance(value, dict) else value
    found = error if isinstance(error, Mapping) else {"message": error}
    code, message = found.get("code") or found.get("type"), found.get("message", found.get("detail"))
    if isinstance(message, list) and message and isinstance(message[0], Mapping):
        message = message[0].get("msg")
    return _clean(code, secret), _clean(message, secret)


def _clean(value: object, secret: str) -> str:
    text = value if isinstance(value, str) else ""
    text = text.replace(secret, "[key]") if secret else text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]


def _items(body: bytes) -> list[Mapping[str, Any]]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswer("no JSON") from error
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise UnreadableAnswer("no list `data`")
    return data


def _place(item: Mapping[str, Any], position: int, count: int) -> int:
    place = item.get("index", position)
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
        raise UnreadableAnswer(f"a vector with an index that is none of 0 to {count - 1}")
    return place


def _row(value: object, place: int, dimension: int) -> Vectors:
    row = _numbers(value, place)
    if row.ndim != 1 or not len(row):
        raise UnreadableAnswer(f"no vector for text {place}")
    if len(row) != dimension:
        raise FingerprintMismatch(
            f"the endpoint gave a vector of {len(row)} numbers where {dimension} are declared: it serves another "
            "model, or another size of it. Nothing was written. Put the model back, or declare the new one with its "
            "`dimension` and another `revision`, and re-embed."
        )
    if not np.isfinite(row).all() or not row.any():
        raise UnreadableAnswer(f"a vector that is zero or not finite for text {place}")
    return row


def _numbers(value: object, place: int) -> Vectors:
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        if isinstance(value, list):
            with np.errstate(over="ignore"):
                return np.asarray(value, dtype=np.float64).astype(np.float32)
    except (binascii.Error, ValueError, TypeError) as error:
        raise UnreadableAnswer(f"a vector that cannot be read for text {place}") from error
    raise UnreadableAnswer(f"no vector for text {place}")
