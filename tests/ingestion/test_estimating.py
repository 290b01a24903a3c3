"""Estimates of a version that was just released: they are made after it, and undo nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from contracts.model import OriginSpec
from corpus.catalog import versions
from corpus.catalog.tables import OriginEstimateRow
from ingestion.estimating import after_build


def test_a_version_that_is_released_stays_so_though_no_estimate_can_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project.create(tmp_path)
    project.fill(1)
    project.ingest()
    contract = replace(project.runtime.contract(NAME), origin=OriginSpec(model="some-model"))
    with project.runtime.catalog.reading() as tx:
        version = versions.require(tx, NAME, 1)
    assert after_build(project.runtime, contract, version) == {}, "nothing is known of one document"
    with project.runtime.catalog.engine.begin() as connection:  # whatever a database may answer by then
        connection.exec_driver_sql(f"DROP TABLE {OriginEstimateRow.__tablename__}")
    assert after_build(project.runtime, contract, version) == {}
    assert "the AI share of handbook v000001 is not estimated" in caplog.text
