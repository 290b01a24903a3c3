"""What the processor can do, and how torch is brought up on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

# Flags by which Linux names native bf16 multiplication: AMX and AVX-512 on x86, `bf16` on Arm.
_BF16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
_RECORDED = _BF16 | {"avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve", "i8mm"}

_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

# Threads of a finished parallel region sleep instead of spinning: spinning costs about 30 % when
# other processes want the processor (measured 2026). Read by OpenMP once, when torch is imported.
_OPENMP = {"OMP_WAIT_POLICY": "PASSIVE"}


@cache
def cpu_flags() -> frozenset[str]:
    """Returns the processor's features that change how a vector is computed."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    flags = next((value for name, _, value in lines if name.strip() in ("flags", "Features")), "")
    return frozenset(flags.split()) & _RECORDED


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 natively; without that, bf16 is slower than fp32."""
    return bool(cpu_flags() & _BF16)


@contextmanager
def model_environment() -> Iterator[None]:
    """Keeps model libraries from the network while they are imported and load a local folder.

    The variables are set for this block only. What the caller set for OpenMP stays.
    """
    wanted = _OFFLINE | {name: os.environ.get(name, value) for name, value in _OPENMP.items()}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
