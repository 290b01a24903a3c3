"""What a set of chunks is made of: declared, matched, suspected and unknown shares, kept apart.

No figure here is an estimate. The share of AI text is what is declared or matched; what is only suspected
is reported beside it and never added to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from corpus.types import Basis, OriginKind

_AI = (OriginKind.AI_GENERATED, OriginKind.AI_ASSISTED)


def count_origins(rows: Iterable[tuple[str, str, int]]) -> tuple[Counter[tuple[str, str]], int]:
    """Counts chunks by origin.

    Args:
        rows: `digital_source_type`, `origin_basis` and `generation_depth` of each chunk.

    Returns:
        Chunks by (kind, basis), and the greatest generation depth.
    """
    counts: Counter[tuple[str, str]] = Counter()
    deepest = 0
    for kind, basis, depth in rows:
        counts[(OriginKind(kind).value, Basis(basis).value)] += 1
        deepest = max(deepest, depth)
    return counts, deepest


def origin_mix(counts: Mapping[tuple[str, str], int], max_depth: int = 0) -> Mapping[str, int | float]:
    """Returns the make-up of a set of chunks.

    Args:
        counts: Chunks by (kind, basis), as `count_origins` gives.
        max_depth: The greatest generation depth among them.

    Returns:
        `chunks`; counts `human_declared`, `ai_generated_declared`, `ai_assisted_declared`, `ai_matched`,
        `ai_suspected`, `unknown`, which add up to `chunks`; shares of all chunks in [0, 1]:
        `ai_declared_share`, `ai_matched_share`, `ai_share` (their sum), `ai_suspected_share`,
        `human_declared_share`, `unknown_share`; `max_generation_depth`. Shares of nothing are 0.
    """
    chunks = sum(counts.values())
    human = _count(counts, (OriginKind.HUMAN,), Basis.DECLARED)
    generated = _count(counts, (OriginKind.AI_GENERATED,), Basis.DECLARED)
    assisted = _count(counts, (OriginKind.AI_ASSISTED,), Basis.DECLARED)
    matched = _count(counts, _AI, Basis.MATCHED)
    suspected = _count(counts, _AI, Basis.SUSPECTED)
    unknown = chunks - human - generated - assisted - matched - suspected
    return {
        "chunks": chunks,
        "human_declared": human,
        "ai_generated_declared": generated,
        "ai_assisted_declared": assisted,
        "ai_matched": matched,
        "ai_suspected": suspected,
        "unknown": unknown,
        "human_declared_share": _share(human, chunks),
        "ai_declared_share": _share(generated + assisted, chunks),
        "ai_matched_share": _share(matched, chunks),
        "ai_share": _share(generated + assisted + matched, chunks),
        "ai_suspected_share": _share(suspected, chunks),
        "unknown_share": _share(unknown, chunks),
        "max_generation_depth": max_depth,
    }


def _count(counts: Mapping[tuple[str, str], int], kinds: Iterable[OriginKind], basis: Basis) -> int:
    return sum(counts.get((kind.value, basis.value), 0) for kind in kinds)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
