"""The origin of one stored document, explained: every piece of evidence, and what became of it.

It reads what the run that decided about the document found, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corpus import batches
from corpus.types import Origin, Span
from ingestion.quality import stored_row
from ingestion.runtime import Runtime
from provenance.explain import RUNGS, Weighed, explain, statement

_CONTEXT = 200
"""Characters of a passage that are shown."""
_ELSEWHERE = ("key", "place", "byte")


def origin_of(runtime: Runtime, contract: str, doc_id: str) -> dict[str, Any]:
    """Explains where one document came from, as far as anything tells.

    Args:
        runtime: The project.
        contract: Name of the contract.
        doc_id: The document.

    Returns:
        A JSON object: the verdict in parts and in words (`statement`), `findings` on the ladder from the strongest rung
        down, `passages` with verdicts of their own, and the rungs' meanings (`ladder`).

    Raises:
        ConfigurationError: There is no such document.
        IntegrityError: The catalog knows the document and no segment holds it.
    """
    row = stored_row(runtime, contract, doc_id)
    text = row["text"] or ""
    found = explain(batches.finding_from_json(value) for value in batches.loads(row["findings"]) or [])
    return {
        "contract": contract,
        "doc_id": doc_id,
        "outcome": row["outcome"],
        "origin": _origin(found.origin),
        "statement": found.statement,
        "findings": [_finding(weighed, text) for weighed in found.weighed],
        "passages": [
            {
                "span": [span.start, span.end],
                "line": _line(text, span),
                "quote": span.of(text)[:_CONTEXT],
                "statement": statement(origin),
                **_origin(origin),
            }
            for span, origin in found.passages
        ],
        "ladder": dict(RUNGS),
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "digital_source_type": origin.kind.value,
        "basis": origin.basis.value,
        "level": origin.level or None,
        "scope": origin.scope.value,
        "generation_depth": origin.generation_depth,
    }


def _finding(weighed: Weighed, text: str) -> dict[str, Any]:
    finding = weighed.finding
    return {
        "level": finding.level,
        "code": finding.code,
        "detector": finding.detector,
        "digital_source_type": finding.origin.value,
        "basis": finding.basis.value,
        "scope": finding.scope.value,
        "place": _place(finding.detail, finding.span, text),
        "span": [finding.span.start, finding.span.end] if finding.span else None,
        "quote": finding.quote,
        "role": weighed.role,
        "why": weighed.why,
        "detail": dict(finding.detail),
    }


def _place(detail: Mapping[str, Any], span: Span | None, text: str) -> str:
    """Returns where a finding stands, in words."""
    if span is not None:
        return f"line {_line(text, span)}, characters {span.start} to {span.end}"
    said = {name: str(detail[name]) for name in _ELSEWHERE if detail.get(name) is not None}
    if "place" not in said:
        return "not in the text"
    named = f", {said['key']}" if "key" in said else ""
    return f"{said['place']}{named}{', byte ' + said['byte'] if 'byte' in said else ''}"


def _line(text: str, span: Span) -> int:
    return text.count("\n", 0, span.start) + 1
