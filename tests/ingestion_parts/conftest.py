"""Fixtures of the ingestion parts: real data beside the project, and small documents made on the spot."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_files(tmp_path_factory):
    """Unpacks one folder of the real data; skips where it is absent."""
    root = Path(__file__).parents[3] / "shared" / "data"

    def unpacked(name: str) -> list[Path]:
        archive = root / name / "files.tar.xz"
        if not archive.is_file():
            pytest.skip(f"the real data set {name} is not beside this checkout")
        folder = tmp_path_factory.mktemp(name)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        return sorted(path for path in folder.rglob("*") if path.is_file())

    return unpacked
