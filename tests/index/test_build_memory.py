"""Building an index takes little more memory than the index holds: as the operating system says, for one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROWS, DIMENSION = 60_000, 384
BUILD = f"""
import json, resource, sys
import numpy as np
from index import search

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

vectors = np.memmap(sys.argv[1], dtype="<f4", mode="r", shape=({ROWS}, {DIMENSION}))
before = peak()
index = search.make_index(sys.argv[2], vectors)
print(json.dumps({{"bytes": peak() - before, "held": int(index.sa_code_size()) * index.ntotal}}))
"""


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.f32"
    dice = np.random.default_rng(1)
    with path.open("wb") as file:
        for _ in range(0, ROWS, 10_000):
            rows = dice.standard_normal((10_000, DIMENSION), dtype=np.float32)
            file.write((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4").tobytes())
    return path


@pytest.mark.parametrize(("factory", "sample"), [("Flat", 0), ("SQ8", ROWS * DIMENSION * 4)])
def test_a_mapped_file_is_read_in_parts_and_the_index_held_once(mapped: Path, factory: str, sample: int) -> None:
    done = subprocess.run([sys.executable, "-c", BUILD, str(mapped), factory], capture_output=True, check=True)
    said = json.loads(done.stdout)
    blocks = 2 * 16_384 * DIMENSION * 4
    assert said["held"] == ROWS * DIMENSION * (4 if factory == "Flat" else 1)
    assert said["bytes"] < said["held"] + sample + blocks, said
