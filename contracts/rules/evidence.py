"""Rules that rest on the evidence found in a text: hidden text, orders to a model, twins, poisoning.

They read the column `findings` and know only the codes in it; who found what, and how, is not theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from contracts.model import CheckSpec
from contracts.text.thresholds import holds
from corpus.types import Basis

_TWINS = ("duplicate.exact", "duplicate.near")
_UNCHECKED: Mapping[str, str] = MappingProxyType(
    {
        "visibility.unchecked": "the document was not laid out",
        "visibility.pages_unchecked": "it has more pages than are looked at",
        "visibility.pages_unpainted": "more of its pages than are painted hold letters that may not be seen",
    }
)
"""Findings that say what was not looked at, and why."""
_MOST_QUOTED = 80


def hidden_text(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """No text is hidden from people; `techniques` narrows what counts.

    What could not be looked at breaks the rule as well, unless it is narrowed: else who hides a text
    would only have to make the page too large to lay out.
    """
    wanted = tuple(spec.arguments.get("techniques", ()))
    found = [item for item in _findings(row, "hidden.") if not wanted or _after_dot(item) in wanted]
    said = [_listed(found, "hidden text")]
    if not wanted:
        said += [_unchecked(item) for item in _findings(row, "visibility.") if item["code"] in _UNCHECKED]
    return "; ".join(dict.fromkeys(filter(None, said))) or None


def instruction_text(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """No text gives orders to a model; `where` narrows it to hidden or to visible text."""
    where = spec.arguments.get("where", "anywhere")
    found = [
        item
        for item in _findings(row, "instruction.")
        if where == "anywhere" or bool(item["detail"].get("hidden")) == (where == "hidden")
    ]
    return _listed(found, "orders to a model")


def generation_depth(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The number of AI generations between the text, or a passage of it, and a primary source keeps to the threshold.

    A suspicion decides nothing: what rests on one counts as a primary source.
    """
    own = row.get("generation_depth")
    if own is None:
        return "no generation depth"
    depth, answer = (0 if row.get("origin_basis") == Basis.SUSPECTED else int(own)), ""
    for item in _findings(row, "answer."):
        found = int(item["detail"].get("generation_depth", 1)) if item["basis"] == Basis.MATCHED else 0
        if found and found >= depth:
            depth, answer = found, f", of answer {item['detail'].get('answer_id', '')}"
    return None if spec.threshold is None or holds(spec.threshold, depth) else f"{depth}{answer}"


def paraphrase(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """No text says in other words what an answer said; with a threshold, no larger share of it.

    A suspicion for a person to look at: about half of them are none.
    """
    found = [item["detail"] for item in _findings(row, "answer.") if item["code"] == "answer.paraphrase"]
    if not found:
        return None
    most = max(found, key=lambda detail: float(detail["share_of_document"]))
    share = float(most["share_of_document"])
    if spec.threshold is not None and holds(spec.threshold, share):
        return None
    return f"{share:.2f}, suspected: {most['says']}"


def near_duplicate(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The similarity to the most similar document that is kept stays within the threshold."""
    twins = [item["detail"] for item in _findings(row, "duplicate.") if item["code"] in _TWINS]
    nearest = max(twins, key=lambda detail: float(detail["similarity"]), default=None)
    if nearest is None or spec.threshold is None or holds(spec.threshold, float(nearest["similarity"])):
        return None
    return f"{float(nearest['similarity']):.2f} like {nearest['of']}"


def conflict(_spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """No sibling of the same family says something else."""
    others = sorted({str(item["detail"].get("of", "")) for item in _findings(row, "family.conflict")})
    return f"in conflict with {', '.join(others[:3])}" if others else None


def poisoning(spec: CheckSpec, row: Mapping[str, Any], _now: datetime) -> str | None:
    """The number of different signs of poisoning stays within the threshold."""
    signals = sorted({_after_dot(item) for item in _findings(row, "poison.")})
    if spec.threshold is None or holds(spec.threshold, float(len(signals))):
        return None
    return f"{len(signals)}: {', '.join(signals)}" if signals else "0"


def _findings(row: Mapping[str, Any], prefix: str) -> Iterator[dict[str, Any]]:
    text = row.get("findings") or "[]"
    if prefix not in text:
        return iter(())
    return (item for item in json.loads(text) if item["code"].startswith(prefix))


def _unchecked(finding: Mapping[str, Any]) -> str:
    why = finding["quote"] or _UNCHECKED[finding["code"]]
    return f"could not be looked at: {why[:_MOST_QUOTED]}"


def _after_dot(finding: Mapping[str, Any]) -> str:
    return str(finding["code"]).partition(".")[2]


def _listed(found: list[dict[str, Any]], what: str) -> str | None:
    if not found:
        return None
    kinds = ", ".join(sorted({_after_dot(item) for item in found})[:4])
    quote = next((item["quote"] for item in found if item["quote"]), "")
    return f"{what} ({kinds})" + (f": {quote[:_MOST_QUOTED]!r}" if quote else "")
