"""Feeds the readers of `fuzz_targets` with mutations for a while: guided by coverage where atheris is installed.

    make fuzz                       # every target, 20 seconds each
    make fuzz FUZZ='manifest 600'   # one target, ten minutes

Whatever is no documented error ends with a traceback, and the bytes that did it are written to the file that is named.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

_INSTRUMENTED = ("contracts", "corpus", "index", "ingestion", "json", "provenance", "yaml")

if "FUZZ_CORPUS" in os.environ:  # one guided target: what is instrumented has to be so before it is imported
    import atheris

    with atheris.instrument_imports(include=list(_INSTRUMENTED)):
        from security.fuzz_targets import TOKENS, Target, targets
else:
    from security.fuzz_targets import TOKENS, Target, targets

SECONDS = 20
MOST_BYTES = 20_000
_SLOW_SECONDS = 10.0


def mutated(rng: random.Random, pool: list[bytes]) -> bytes:
    """Returns bytes made of one that was read: spans replaced by tokens, bits or parts of others."""
    data = bytearray(rng.choice(pool))
    for _ in range(rng.randint(1, 6)):
        at, size = rng.randint(0, len(data)), rng.choice((0, 0, 1, 2, 8, 64))
        other = rng.choice(pool)
        start = rng.randint(0, len(other))
        put = rng.choice((b"", rng.choice(TOKENS), rng.randbytes(rng.randint(0, 4)), other[start : start + 40]))
        data[at : at + size] = put
    return bytes(data[:MOST_BYTES])


def run_plainly(name: str, target: Target, seconds: float) -> None:
    rng = random.Random(name)
    pool = list(target.seeds) or [b"{}"]
    for seed in pool:
        target(seed)  # the first reading loads what reads
    until, tried, read = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        data = mutated(rng, pool)
        began = time.process_time()  # the clock would blame the bytes for what else the machine does
        keep(name, target, data)
        tried += 1
        if (took := time.process_time() - began) > _SLOW_SECONDS:
            _found(name, data)
            raise TimeoutError(f"{name}: {len(data)} bytes took {took:.1f} s of processor time")
        if target(data):
            read += 1
            if len(pool) < 500:
                pool.append(data)
    print(f"{name}: {tried} inputs, {read} of them read, no undocumented error", flush=True)


def keep(name: str, target: Target, data: bytes) -> None:
    """Reads; where something else than a documented error comes out, keeps the bytes first."""
    try:
        target(data)
    except Exception:
        _found(name, data)
        raise


def _found(name: str, data: bytes) -> None:
    path = Path(os.environ.get("FUZZ_FOUND", ".")) / f"fuzz-{name.replace(' ', '-')}.bin"
    path.write_bytes(data)
    print(f"{name}: the bytes are in {path}", flush=True)


def run_guided(name: str, target: Target, seconds: int) -> None:
    """Runs one target under atheris, which ends its process: each target gets one of its own."""
    corpus = Path(os.environ["FUZZ_CORPUS"])
    for number, seed in enumerate((*target.seeds, *TOKENS)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=30"]
    atheris.Setup(options, lambda data: keep(name, target, data))
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    seconds = int(arguments.pop()) if arguments and arguments[-1].isdecimal() else SECONDS
    names = [" ".join(arguments)] if arguments else list(targets())
    if unknown := [name for name in names if name not in targets()]:
        print(f"no target {unknown[0]!r}. Valid: {', '.join(targets())}")
        return 2
    if "FUZZ_CORPUS" in os.environ:
        run_guided(names[0], targets()[names[0]], seconds)
        return 0
    try:
        import atheris  # noqa: F401, PLC0415 - optional
    except ImportError:
        print(
            "atheris is not installed: mutations without guidance. `pip install atheris` for guided ones.", flush=True
        )
        for name in names:
            run_plainly(name, targets()[name], seconds)
        return 0
    return max(_in_a_process(name, seconds) for name in names)


def _in_a_process(name: str, seconds: int) -> int:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="stemma-fuzz-") as corpus:
        command = [sys.executable, __file__, *name.split(), str(seconds)]
        return subprocess.run(command, env={**os.environ, "FUZZ_CORPUS": corpus}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
