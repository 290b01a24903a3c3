"""The blocks `context`: verified questions for evaluation, and words for the models that read the corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contracts.evaluation import EvaluationSpec, GoldenEvidence
from contracts.model import FieldSpec, GoldenQuestion, Statement
from contracts.text.node import Node
from contracts.text.problems import listed, nearest, shown

_RELEVANT, _EVIDENCE, _TAGS = "relevantDocIds", "evidence", "tags"
_PROPERTIES = (_RELEVANT, _EVIDENCE, _TAGS)
_FORMATS = (".jsonl", ".yaml", ".yml")
_MOST_HITS = 100


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
        ours = _ours(node)
        found.append(
            GoldenQuestion(
                id=name,
                question=node.get("question").text(),
                answer=node.get("answer").text(),
                relevant_doc_ids=_relevant(ours.get(_RELEVANT), pattern),
                evidence=tuple(_evidence(ours.get(_EVIDENCE), pattern)),
                tags=ours[_TAGS].texts() if _TAGS in ours else (),
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


def read_evaluation(node: Node) -> EvaluationSpec:
    """Reads ragEvaluation."""
    node.only(("golden", "k", "minScore", "minValid"))
    golden = node.get("golden")
    path = golden.filled() if golden.value is not None else ""
    if path and not path.endswith(_FORMATS):
        golden.problem(f"{shown(path)} is no file of golden items.", f"Endings: {listed(_FORMATS)}.")
    score, valid = node.get("minScore"), node.get("minValid")
    return EvaluationSpec(
        golden=path,
        k=node.get("k").whole(EvaluationSpec().k, 1, _MOST_HITS),
        min_score=None if score.value is None else score.number(0.0, -1.0, 1.0),
        min_valid=None if valid.value is None else valid.number(0.0, 0.0, 1.0),
    )


def _ours(node: Node) -> dict[str, Node]:
    """Returns our properties of a verified statement, by name."""
    found: dict[str, Node] = {}
    for item in node.get("customProperties").items():
        name, vendor = item.get("property"), item.get("vendor").value
        if name.value in _PROPERTIES and vendor in (None, "stemma"):
            found.setdefault(name.text(), item.get("value"))
            continue
        near = nearest(name.text(), _PROPERTIES)
        if vendor == "stemma" or (near and vendor is None):
            name.problem(
                f"unknown property {shown(name.value)} of a verified statement.", f"Valid: {listed(_PROPERTIES)}."
            )
    return found


def _relevant(value: Node | None, pattern: str | None) -> tuple[str, ...]:
    if value is None:
        return ()
    ids = value.texts()
    for entry in value.items():
        _possible(entry, pattern, ids)
    return ids


def _evidence(value: Node | None, pattern: str | None) -> Iterator[GoldenEvidence]:
    if value is None:
        return
    if not isinstance(value.value, list) or not value.value:
        value.problem("`evidence` must be a list of {document, quote}.", "Name one place at least.")
    for entry in value.items():
        entry.only(("document", "quote"))
        document = entry.get("document")
        quote = entry.get("quote").filled() if entry.has("quote") else ""
        name = document.filled()
        _possible(document, pattern, (name,))
        yield GoldenEvidence(document=name, quote=quote)


def _possible(entry: Node, pattern: str | None, ids: Sequence[str]) -> None:
    if not isinstance(entry.value, str):
        return
    if pattern is not None and not re.search(pattern, entry.value):
        entry.problem(f"no document can have the id {shown(entry.value)}: the pattern of doc_id is {pattern}.")
    elif list(ids).count(entry.value) > 1 and list(ids).index(entry.value) != entry.path[-1]:
        entry.problem(f"{shown(entry.value)} is listed twice.", f"Listed: {listed(dict.fromkeys(ids))}.")
