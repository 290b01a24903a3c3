"""What a re-embed would cost from here: what the model has to read, and how fast it was on this machine.

Reads counts and digests, loads no model.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

from corpus import batches
from corpus.catalog import reembeds, segments
from corpus.catalog.records import EmbedderRecord
from index.pacing import Rate
from index.reembed import DEFAULT_RATES, estimate, tokens_per_second
from ingestion import checkpoints
from ingestion.runtime import Runtime

Figures = dict[str, int | float | str]


def cost_of(
    runtime: Runtime,
    space: EmbedderRecord,
    found: Sequence[str],
    *,
    rate: Rate | None = None,
    price_per_million_tokens: float = 0.0,
) -> Figures:
    """Returns the figures of an estimate.

    Args:
        runtime: The project.
        space: The target.
        found: Segments without vectors there.
        rate: A limit that will be kept.
        price_per_million_tokens: What a remote model costs; 0 for none.

    Returns:
        As `ingestion.stages.reembed.estimate` says.
    """
    tokens = [_tokens(runtime, segment) for segment in found]
    missing = _missing(runtime, space.fingerprint, found, tokens)
    speed, source = _speed(runtime, space)
    cost = estimate(
        segments=len(found),
        chunks=sum(len(counts) for counts in tokens),
        tokens=sum(missing.values()),
        tokens_per_second=speed,
        price_per_million_tokens=price_per_million_tokens,
    )
    figures: Figures = {
        "segments": cost.segments,
        "chunks": cost.chunks,
        "tokens": sum(count for counts in tokens for _, count in counts),
        "distinct_texts": len(missing),
        "tokens_to_embed": cost.tokens,
        "tokens_per_second": round(speed, 1),
        "rate_from": source,
        "seconds_estimated": max(cost.seconds, _paced_seconds(rate, len(missing), cost.tokens)),
    }
    limited: Figures = {"rate": str(rate)} if rate is not None else {}
    priced: Figures = {"price_estimated": cost.price} if price_per_million_tokens else {}
    return figures | limited | priced


def _tokens(runtime: Runtime, segment: str) -> list[tuple[str, int]]:
    """Returns digest and tokens of each chunk."""
    with runtime.store.open(f"segments/{segment}/chunks.parquet") as handle:
        table = batches.read_table(handle, ["text_sha256", "token_count"])
    return list(zip(table["text_sha256"].to_pylist(), table["token_count"].to_pylist(), strict=True))


def _missing(
    runtime: Runtime, space: str, found: Sequence[str], tokens: Sequence[list[tuple[str, int]]]
) -> dict[str, int]:
    """Returns digest and tokens of the texts that have no vector in a space, each once."""
    texts = {digest: count for counts in tokens for digest, count in counts}
    with runtime.catalog.reading() as tx:
        located = segments.locate(tx, texts, space)
    done = {digest for segment in found for digest in checkpoints.saved_digests(runtime.store, space, segment)}
    return {digest: count for digest, count in texts.items() if digest not in located and digest not in done}


def _speed(runtime: Runtime, space: EmbedderRecord) -> tuple[float, str]:
    """Returns tokens a second and where that is from: measured here, measured elsewhere, or assumed."""
    here = platform.node() or "unknown"
    with runtime.catalog.reading() as tx:
        rates = [rate for rate in reembeds.rates(tx, space.fingerprint) if rate.seconds > 0]
    for rate in sorted(rates, key=lambda rate: rate.machine != here):  # stable: the newest of the others follows
        source = "measured here" if rate.machine == here else f"measured on {rate.machine}"
        return rate.tokens / rate.seconds, source
    kind = "static" if space.parts.get("family") == "static" else "fp32"
    return tokens_per_second(DEFAULT_RATES[kind]), "assumed"


def _paced_seconds(rate: Rate | None, texts: int, tokens: int) -> float:
    if rate is None:
        return 0.0
    units = texts if rate.unit == "chunks" else tokens
    return round(max(0.0, units - rate.burst) / rate.per_second, 1)
