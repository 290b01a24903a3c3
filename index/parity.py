"""Chunk parity of a re-embed: the new space holds every chunk that the old one serves. Pure.

Counts alone would let two mistakes cancel out, so chunks are compared by id and by digest of their text.
"""

from __future__ import annotations

from collections.abc import Mapping

from index.manifest import GateResult

_NAMED = 5


def chunk_parity(
    served: Mapping[str, str], candidate: Mapping[str, str], *, version: str, forced: bool = False
) -> GateResult:
    """Every chunk of the documents that both versions hold with equal text is in the candidate, with the same text.

    Args:
        served: Chunk id to digest of its text, of these documents in the version that serves.
        candidate: The same in the candidate.
        version: Name of the version that serves, for the message.
        forced: Whether a person insisted, with a reason.
    """
    lost = sorted(chunk for chunk, digest in served.items() if candidate.get(chunk) != digest)
    more = sorted(candidate.keys() - served.keys())
    kept = len(served) - len(lost)
    share = kept / len(served) if served else 1.0
    whole = not lost and not more
    actual = f"{kept} of {len(served)} chunks of {version} ({_percent(share)}), {len(more)} that it does not have"
    named = ", ".join([*lost, *more][:_NAMED])
    passed = whole or forced
    note = "" if whole or not forced else " (forced)"
    failure = (
        f"expected 100 % of the chunks of {version}, found {actual}{note}; first: {named}."
        f"{'' if passed else ' ' + _NEXT}"
    )
    return GateResult(
        name="chunk-parity",
        passed=passed,
        expected=f"100 % of the chunks of {version}, and no other",
        actual=f"{actual}{note}",
        message=f"{actual}, as expected." if whole else failure,
    )


_NEXT = (
    "The documents were cut anew since that version, or rows were lost. Release them with the old model first, run "
    "`stemma reconcile NAME`, then `stemma reembed NAME` again."
)


def _percent(share: float) -> str:
    """Rounded down, so that only all is 100 %."""
    return f"{int(share * 1000) / 10:g} %"
