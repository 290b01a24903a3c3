"""Golden items: questions whose evidence somebody pinned, read from JSON lines or YAML. Pure.

An item names where its answer stands: documents, and in each the exact words. It knows no version; where the
words stand in one is worked out in `index.evidence`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.errors import ConfigurationError
from corpus.ids import fingerprint

FORMATS = (".jsonl", ".yaml", ".yml")
_KEYS = ("id", "question", "evidence", "tags", "answer")
_EVIDENCE_KEYS = ("document", "quote")
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where an answer stands.

    Attributes:
        document: Id of the document.
        quote: The exact words, white space aside; empty for the document as a whole.
    """

    document: str
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenItem:
    """One question and its evidence.

    Attributes:
        id: Its name, unique in the set.
        question: What is asked.
        evidence: Every place that the answer needs; one at least.
        tags: Slices that it belongs to.
        answer: The answer, for people; nothing compares it.
    """

    id: str
    question: str
    evidence: tuple[Evidence, ...]
    tags: tuple[str, ...] = ()
    answer: str = ""

    @property
    def digest(self) -> str:
        """Digest of question and evidence: what an earlier result must have been measured with."""
        pinned = [[item.document, " ".join(item.quote.split())] for item in self.evidence]
        return fingerprint("golden-item", {"question": self.question, "evidence": pinned})


def read_items(text: str, name: str) -> tuple[GoldenItem, ...]:
    """Reads a file of golden items: JSON lines, or YAML with a list.

    Args:
        text: What is in it.
        name: Its name, whose ending says the format.

    Raises:
        ConfigurationError: It is neither, or an item in it is wrong; the message names every wrong one. A set of
            which a part is missing would measure something else, so nothing is left out.
    """
    problems: list[str] = []
    found = [item for where, value in _values(text, name) if (item := _item(value, where, problems)) is not None]
    _unique(found, problems)
    if not found and not problems:
        problems.append("it holds no item")
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        lines = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        raise ConfigurationError(f"golden items in {name} cannot be used:\n{lines}{more}")
    return tuple(found)


def unique_items(items: Iterable[GoldenItem]) -> tuple[GoldenItem, ...]:
    """Returns items of several places as one set.

    Raises:
        ConfigurationError: Two of them have one id.
    """
    found, problems = tuple(items), list[str]()
    _unique(found, problems)
    if problems:
        raise ConfigurationError(f"golden items of contract and file clash: {'; '.join(problems)}. Rename one.")
    return found


def _values(text: str, name: str) -> Iterator[tuple[str, Any]]:
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending == ".jsonl":
        yield from _lines(text)
    elif ending in FORMATS:
        yield from _listed(text, name)
    else:
        raise ConfigurationError(f"golden items in {name}: unknown ending. Valid: {', '.join(FORMATS)}.")


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"line {number}", error


def _listed(text: str, name: str) -> Iterator[tuple[str, Any]]:
    import yaml  # noqa: PLC0415 - most sets are JSON lines, and the reader's package stays light

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"golden items in {name} are not YAML: {' '.join(str(error).split())}.") from error
    if isinstance(value, Mapping) and set(value) == {"items"}:
        value = value["items"]
    if not isinstance(value, list):
        raise ConfigurationError(f"golden items in {name} must be a list, or a mapping with the one key `items`.")
    for number, item in enumerate(value, 1):
        yield f"item {number}", item


def _item(value: Any, where: str, problems: list[str]) -> GoldenItem | None:
    """Returns one item; what is wrong with it goes into `problems`."""
    before = len(problems)
    if isinstance(value, ValueError) or not isinstance(value, Mapping):
        what = f"is not JSON: {value}" if isinstance(value, ValueError) else "is no mapping"
        problems.append(f"{where}: {what}.")
        return None
    unknown = sorted(str(key) for key in value if key not in _KEYS)
    if unknown:
        problems.append(f"{where}: unknown key {', '.join(unknown)}. Valid: {', '.join(_KEYS)}.")
    question = _text(value, "question", where, problems)
    evidence = _evidence(value.get("evidence"), where, problems)
    tags = _texts(value.get("tags"), "tags", where, problems)
    given, answer = value.get("id"), value.get("answer")
    if not isinstance(given, str | int | None) or isinstance(given, bool) or not isinstance(answer, str | None):
        problems.append(f"{where}: `id` and `answer` must be text.")
    if len(problems) > before:
        return None
    item = GoldenItem(id=str(given or ""), question=question, evidence=evidence, tags=tags, answer=answer or "")
    return (
        item
        if item.id
        else GoldenItem(
            id=f"item-{item.digest[:12]}", question=question, evidence=evidence, tags=tags, answer=item.answer
        )
    )


def _evidence(value: Any, where: str, problems: list[str]) -> tuple[Evidence, ...]:
    if not isinstance(value, list) or not value:
        problems.append(f"{where}: `evidence` must be a list of {{document, quote}} with one entry at least.")
        return ()
    found = []
    for entry in value:
        if not isinstance(entry, Mapping) or not set(entry) <= set(_EVIDENCE_KEYS):
            problems.append(f"{where}: an entry of `evidence` has the keys {', '.join(_EVIDENCE_KEYS)} and no other.")
            continue
        quote = entry.get("quote", "")
        if not isinstance(quote, str) or ("quote" in entry and not quote.strip()):
            problems.append(f"{where}: `quote` must be text; leave it out for the document as a whole.")
            continue
        found.append(Evidence(document=_text(entry, "document", where, problems), quote=quote))
    return tuple(dict.fromkeys(found))


def _text(value: Mapping[str, Any], key: str, where: str, problems: list[str]) -> str:
    found = value.get(key)
    if isinstance(found, str) and found.strip():
        return found
    problems.append(f"{where}: `{key}` must be text that is not empty.")
    return ""


def _texts(value: Any, key: str, where: str, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        problems.append(f"{where}: `{key}` must be a list of texts.")
        return ()
    return tuple(dict.fromkeys(value))


def _unique(items: Sequence[GoldenItem], problems: list[str]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            problems.append(f"two items are called {item.id!r}")
        seen.add(item.id)
