"""The blocks `context`: verified questions for evaluation, and words for the models that read the corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contracts.model import FieldSpec, GoldenQuestion, Statement
from contracts.text.node import Node
from contracts.text.problems import listed, nearest, shown

_RELEVANT = "relevantDocIds"


def read_golden(blocks: Sequence[Node], fields: Sequence[FieldSpec]) -> tuple[GoldenQuestion, ...]:
    """Reads the verified statements of all context blocks.

    Args:
        blocks: The blocks, of the contract and of its objects.
        fields: Fields of documents: an id that the pattern of `doc_id` forbids can never be found.
    """
    pattern = next((field.pattern for field in fields if field.name == "doc_id"), None)
    found: list[GoldenQuestion] = []
    lines: dict[str, int] = {}
    for number, node in enumerate((item for block in blocks for item in block.get("verifiedStatements").items()), 1):
        name = node.get("id").text() or f"question-{number}"
        line, _ = node.sink.places.of(node.get("id").path)
        if name in lines:
            node.get("id").problem(f"two verified statements are called {name!r}; the first is in line {lines[name]}.")
        lines.setdefault(name, line)
        if isinstance(node.get("question").value, str) and not node.get("question").text().strip():
            node.get("question").problem("`question` must be text that is not empty.")
        found.append(
            GoldenQuestion(
                id=name,
                question=node.get("question").text(),
                answer=node.get("answer").text(),
                relevant_doc_ids=_relevant(node, pattern),
            )
        )
    return tuple(found)


def read_statements(blocks: Sequence[Node]) -> Iterator[Statement]:
    """Yields the instructions and constraints of all context blocks."""
    for block in blocks:
        words = block.text() or block.get("instructions").text()
        if words.strip():
            yield Statement(kind="instruction", text=words)
        for item in block.get("constraints").items():
            yield Statement(kind="constraint", text=item.get("constraint").text(), name=item.get("id").text())


def _relevant(node: Node, pattern: str | None) -> tuple[str, ...]:
    for item in node.get("customProperties").items():
        name = item.get("property")
        if name.value == _RELEVANT and item.get("vendor").value in (None, "stemma"):
            ids = item.get("value").texts()
            for entry in item.get("value").items():
                _possible(entry, pattern, ids)
            return ids
        near = nearest(name.text(), (_RELEVANT,))
        if item.get("vendor").value == "stemma" or (near and item.get("vendor").value is None):
            name.problem(f"unknown property {shown(name.value)} of a verified statement.", f"Valid: {_RELEVANT}.")
    return ()


def _possible(entry: Node, pattern: str | None, ids: Sequence[str]) -> None:
    if not isinstance(entry.value, str):
        return
    if pattern is not None and not re.search(pattern, entry.value):
        entry.problem(f"no document can have the id {shown(entry.value)}: the pattern of doc_id is {pattern}.")
    elif list(ids).count(entry.value) > 1 and list(ids).index(entry.value) != entry.path[-1]:
        entry.problem(f"{shown(entry.value)} is listed twice.", f"Listed: {listed(dict.fromkeys(ids))}.")
