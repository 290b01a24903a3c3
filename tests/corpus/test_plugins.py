from __future__ import annotations

import sys
from pathlib import Path

import pytest

from corpus.errors import ConfigurationError
from corpus.plugins import Registry
from corpus.storage import Store

GROUP = "stemma.test_seam"


@pytest.fixture
def registry() -> Registry:
    table = {"store": "corpus.storage:Store", "gone": "corpus.nothing:X", "absent": "corpus.storage:Nothing"}
    return Registry(seam="parser", group=GROUP, table=table)


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real installed distribution with entry points, on the path."""
    info = tmp_path / "stemma_elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stemma-elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nforeign = stemma_elsewhere:Foreign\n"
        "store = stemma_elsewhere:Foreign\nbroken = stemma_elsewhere:No\n"
    )
    (tmp_path / "stemma_elsewhere.py").write_text("class Foreign: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stemma_elsewhere", raising=False)


def test_our_own_are_loaded_by_name(registry: Registry) -> None:
    assert registry.load("store") is Store
    assert registry.names() == ("absent", "gone", "store")


@pytest.mark.usefixtures("_installed")
def test_others_register_by_entry_point_and_ours_win(registry: Registry) -> None:
    assert registry.names() == ("absent", "broken", "foreign", "gone", "store")
    assert registry.load("foreign").__name__ == "Foreign"
    assert registry.load("store") is Store


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", ["gone", "absent", "broken"])
def test_what_cannot_be_loaded_says_where_it_should_be(registry: Registry, name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"parser '{name}' is registered as .*Install the package"):
        registry.load(name)


def test_an_unknown_name_gets_a_hint_and_the_valid_ones(registry: Registry) -> None:
    with pytest.raises(
        ConfigurationError, match=r"unknown parser 'stroe'\. Did you mean 'store'\? Known: absent, gone, store"
    ):
        registry.load("stroe")
    with pytest.raises(ConfigurationError, match=r"unknown parser 'xyz'\. Known:"):
        registry.load("xyz")
