"""The documents of the demo: the same in the same environment, with papers, and with known troubles."""

import json
from pathlib import Path

import documents
import troubles

from contracts.model import GOVERNANCE_FIELDS
from ingestion.governance import governance_of


def test_the_choice_is_the_same_twice_and_inside_the_budget() -> None:
    first, second = documents.exports(), documents.exports()
    assert first == second
    assert len({export.name for export in first}) == len(first) >= 65
    assert sum(len(export.text) for export in first) <= documents.BUDGET


def test_a_written_document_brings_its_governance_fields(tmp_path: Path) -> None:
    named = [export for export in documents.exports() if "owner" in export.sidecar]
    path = named[0].write(tmp_path)
    sidecar = (tmp_path / f"{path.name}.meta.json").read_bytes()
    governance = governance_of({}, sidecar, GOVERNANCE_FIELDS, {})
    assert set(governance.values) >= set(GOVERNANCE_FIELDS)
    assert set(governance.basis.values()) == {"sidecar"}
    assert path.stat().st_mtime == named[0].changed_at.timestamp()


def test_nobody_is_made_up_for_a_distribution_without_an_author() -> None:
    owners = [export.sidecar.get("owner") for export in documents.exports()]
    assert "UNKNOWN" not in owners
    assert "" not in owners


def test_every_trouble_but_one_has_papers(tmp_path: Path) -> None:
    number = troubles.write_troubles(tmp_path)
    files = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".meta.json")}
    without = {name for name in files if not (tmp_path / f"{name}.meta.json").exists()}
    assert (len(files), without) == (number, {"nobody-vouches-for-this.md"})
    assert all(json.loads(path.read_text()) for path in tmp_path.glob("*.meta.json"))
