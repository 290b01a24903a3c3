"""Projects to break: each test gets its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from laws.handbook import Project


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Makes projects in folders of their own."""
    made: Iterator[int] = iter(range(100))

    def make(model: str = "wordllama-256") -> Project:
        folder = tmp_path / f"project-{next(made)}"
        return Project.create(folder, model)

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """An empty project on the small real model."""
    return make_project()
