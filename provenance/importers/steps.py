"""What one span of a trace says, whatever convention it follows: an output, a retrieval, or neither.

Also what both conventions share: how a retrieved document is named, and when a text counts as not told.
A text that was cut is not what the model saw, so a cut source counts as missing: what an answer quotes
from the rest would be taken for its own.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from corpus.ids import text_digest
from provenance.answers import RetrievedText
from provenance.importers.spans import clean

Kind = Literal["served", "model", "retrieval", "tool", "other"]

_ID_KEYS = ("chunk_id", "id", "_id", "doc_id", "source")
"""Keys of a document's metadata that name it, best first (design page, 2026)."""
_TEXT_KEYS = ("content", "text", "page_content", "document.content")
_REDACTED = re.compile(r"\s*(?:__redacted__|[\[<(*]{0,3}redacted[\])>*]{0,3}|\*{3,}|\[filtered\])\s*", re.IGNORECASE)
_CUT = re.compile(r"(?:\.{3}|[\u2026\[(<])\s?[\[(<]?truncated[^\n]{0,40}$|\u2026\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one span says.

    Attributes:
        kind: `served` for the output of a whole request, `model` for that of a language model.
        text: What came out; None where it is not told.
        question: What went in, where that is a question of a person.
        model: The language model.
        system: The application or agent.
        retrieved: The documents that were found, or what a tool gave back.
        index_version: `NAME/v000001` they were found in.
        answer_id: The id that the application gave the answer.
        mark: The provenance mark that the answer was served with.
    """

    kind: Kind
    text: str | None = None
    question: str | None = None
    model: str = ""
    system: str = ""
    retrieved: tuple[RetrievedText, ...] = field(default=())
    index_version: str = ""
    answer_id: str = ""
    mark: str = ""


def own(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Returns what an application said to us by attributes of our own."""
    names = {"index_version": "stemma.index_version", "answer_id": "stemma.answer_id", "mark": "stemma.mark"}
    return {field: string(attributes.get(name)) for field, name in names.items()}


def string(value: Any) -> str:
    """Returns a text as it is, a number as text, and nothing for anything else."""
    if isinstance(value, str):
        return clean(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def told(value: Any, what: str, troubles: Counter[str], *, whole: bool = False) -> str | None:
    """Returns a text that was told.

    Args:
        value: The text.
        what: What it is, for the count: `WHAT_redacted`, `WHAT_truncated`.
        troubles: Reason to number; added to.
        whole: Whether a part of the text is worth nothing.

    Returns:
        None where the text is empty, redacted, or cut where the whole is needed.
    """
    text = clean(value) if isinstance(value, str) else ""
    if not text.strip():
        return None
    if _REDACTED.fullmatch(text):
        troubles[f"{what}_redacted"] += 1
        return None
    if _CUT.search(text[-80:]):
        troubles[f"{what}_truncated"] += 1
        return None if whole else text
    return text


def parsed(value: Any) -> Any:
    """Returns what a JSON text says, or the value itself where it is structured; None where it cannot be read."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def document_of(value: Any, troubles: Counter[str]) -> RetrievedText | None:
    """Returns a retrieved document.

    Args:
        value: An object with `id`, a text under one of the usual names, and perhaps `metadata`.
        troubles: Reason to number; added to.

    Returns:
        None where neither a name nor a text is told.
    """
    if not isinstance(value, Mapping):
        troubles["document_unreadable"] += 1
        return None
    raw = next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)), None)
    text = told(raw, "document", troubles, whole=True)
    metadata = parsed(value.get("metadata"))
    said = string(value.get("id")) or named(metadata) or named(value)
    if not said and text is None:
        troubles["document_without_name_and_text"] += 1
        return None
    if text is None and raw is None:
        troubles["document_without_text"] += 1
    return RetrievedText(chunk_id=said or content_name(text or ""), text=text)


def named(metadata: Any) -> str:
    """Returns what a document's metadata calls it, by the first of the usual keys; empty for nothing."""
    if not isinstance(metadata, Mapping):
        return ""
    return next((name for name in (string(metadata.get(key)) for key in _ID_KEYS) if name), "")


def content_name(text: str) -> str:
    """Returns the name of a document that has none: the digest of its text, normalised."""
    return "sha256:" + text_digest(" ".join(unicodedata.normalize("NFC", text).split()))


def version_of(value: Any) -> str:
    """Returns the index version that a document's metadata names, empty for none."""
    metadata = parsed(value.get("metadata")) if isinstance(value, Mapping) else None
    found = metadata.get("index_version") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) and "/v" in found else ""


def documents_of(values: Any, troubles: Counter[str]) -> tuple[tuple[RetrievedText, ...], str]:
    """Returns the documents of a list, and the index version that they name."""
    items = list(values) if isinstance(values, list | tuple) else []
    found = tuple(item for item in (document_of(value, troubles) for value in items) if item is not None)
    return found, next((name for name in map(version_of, items) if name), "")


def joined(texts: Iterable[str]) -> str:
    """Puts the parts of one text together."""
    return "\n".join(text for text in texts if text)
