"""Siblings that say different things: reads the texts of a few pairs, a bounded number at a time, and compares them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from corpus import batches
from corpus.types import Finding
from ingestion import staging
from ingestion.relations.codes import CONFLICT
from ingestion.relations.conflicts import LONGEST_TEXT, Contradiction, contradictions
from ingestion.relations.displaced import texts_of
from ingestion.relations.families import DETECTOR
from ingestion.relations.relating import Near, Pair, Related
from ingestion.relations.twins import Newcomer
from ingestion.runtime import Runtime

_AT_ONCE = 128
"""Pairs whose texts are in memory at once."""
_LONGEST_QUOTE = 200
_NUMBER = re.compile(r"\d+")


def compare_siblings(
    runtime: Runtime,
    contract: str,
    run_id: str,
    where: Mapping[str, Sequence[Newcomer]],
    related: Related,
    near: Near,
) -> None:
    """Adds a finding to each newcomer that contradicts a sibling, and a relation to both.

    Args:
        runtime: The project.
        contract: Name of the contract.
        run_id: The run.
        where: The newcomers by shard.
        related: Its pairs are compared; what they say goes into it.
        near: The standing documents among them.
    """
    shard_of = {item.doc_id: shard for shard, items in where.items() for item in items}
    titles = {**near.titles, **{item.doc_id: item.title for items in where.values() for item in items}}
    pairs = sorted(related.pairs, key=lambda pair: (shard_of[pair[0]], pair))
    for batch in batches.batched(pairs, _AT_ONCE):
        texts = _texts(runtime, contract, run_id, shard_of, batch, near)
        for mine, other in batch:
            if mine in texts and other in texts:
                numbers = {name: _numbers(f"{name} {titles.get(name, '')}") for name in (mine, other)}
                _add(related, mine, other, texts, numbers, standing=other not in shard_of)


def _texts(
    runtime: Runtime, contract: str, run_id: str, shard_of: Mapping[str, str], pairs: Sequence[Pair], near: Near
) -> dict[str, str]:
    names = {name for pair in pairs for name in pair}
    states = [near.states[name] for name in sorted(names - set(shard_of)) if name in near.states]
    found: dict[str, str] = {}
    for segment in sorted({state.segment_id for state in states if state.state == "active"}):
        mine = [state for state in states if state.state == "active" and state.segment_id == segment]
        found |= {name: text[:LONGEST_TEXT] for name, text in texts_of(runtime, contract, mine).items()}
    for shard in sorted({shard_of[name] for name in names if name in shard_of}):
        rows = staging.read_assessed(runtime.store, run_id, shard, ["doc_id", "text"])
        found |= {row["doc_id"]: (row["text"] or "")[:LONGEST_TEXT] for row in rows if row["doc_id"] in names}
    return found


def _numbers(text: str) -> Counter[str]:
    return Counter(number.lstrip("0") for number in _NUMBER.findall(text))


def _is_numbering(
    item: Contradiction, mine: str, other: str, texts: Mapping[str, str], names: Mapping[str, Counter[str]]
) -> bool:
    """Returns whether two sentences differ in no more than the numbers that the documents are named by."""
    ours, theirs = _numbers(item.ours.of(texts[mine])), _numbers(item.theirs.of(texts[other]))
    left, right = set(ours - theirs), set(theirs - ours)
    return item.kind == "number" and bool(left and right) and left <= set(names[mine]) and right <= set(names[other])


def _add(
    related: Related,
    mine: str,
    other: str,
    texts: Mapping[str, str],
    names: Mapping[str, Counter[str]],
    *,
    standing: bool,
) -> None:
    said = contradictions(texts[mine], texts[other])
    found = [item for item in said if not _is_numbering(item, mine, other, texts, names)]
    if not found:
        return
    related.add(mine, _finding(mine, other, texts, found))
    back = [Contradiction(ours=item.theirs, theirs=item.ours, kind=item.kind) for item in found]
    mirrored = _finding(other, mine, texts, back)
    if standing:
        related.relate(mine, mine, CONFLICT, mirrored.detail, of=other)
    else:
        related.add(other, mirrored)


def _finding(mine: str, other: str, texts: Mapping[str, str], found: Sequence[Contradiction]) -> Finding:
    first = found[0]
    ours, theirs = first.ours.of(texts[mine]), first.theirs.of(texts[other])
    detail = {
        "of": other,
        "kind": first.kind,
        "ours": ours[:_LONGEST_QUOTE],
        "theirs": theirs[:_LONGEST_QUOTE],
        "their_span": [first.theirs.start, first.theirs.end],
        "sentences": len(found),
    }
    return Finding(
        detector=DETECTOR, code=CONFLICT, level="-", span=first.ours, quote=ours[:_LONGEST_QUOTE], detail=detail
    )
