"""Evidence is taken from the bytes as they came: repairs that take marks away come after, and places move with them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ingestion_parts.makers import blob_of
from provenance_parts import signing

from corpus.errors import ConfigurationError
from corpus.types import OriginKind
from ingestion.anchors import read_anchors
from ingestion.inspect import Recipe, inspect
from ingestion.isolation import Limits, Workers
from ingestion.repair import KINDS
from ingestion.sources.files import FilesSource
from ingestion.toolkit import DETECTORS
from provenance.classify import verdict

pytest.importorskip("c2pa", reason="the extra c2pa is not installed")

AI = OriginKind.AI_GENERATED
TEXT = "Pump A moves 30 litres a minute.\x07 The valve stands left of it, behind the door.\n"
RECIPE = Recipe(detectors=DETECTORS, repairs=KINDS)


def test_a_mark_that_repairs_touch_is_read_before_them() -> None:
    found = inspect(RECIPE, blob_of(signing.sign_text(TEXT).encode(), "a.txt"))
    assert found.repairs
    assert "\x07" not in found.document.text
    (mark,) = [item for item in found.findings if item.level.startswith("E1")]
    assert (mark.code, mark.origin) == ("c2pa.untrusted", AI)


def test_repaired_bytes_no_longer_verify_so_the_order_matters() -> None:
    repaired = inspect(RECIPE, blob_of(signing.sign_text(TEXT).encode(), "a.txt")).document.text
    again = inspect(RECIPE, blob_of(repaired.encode(), "a.txt"))
    assert [item.code for item in again.findings if item.level.startswith("E1")] in ([], ["c2pa.tampered"])


def test_the_passage_of_a_trace_moves_with_the_repairs_before_it() -> None:
    text = "Head\x07 \x07of the page\x07.\n\nIt opened in 1963. citeturn0search1\n\nThe rest of it.\n"
    found = inspect(RECIPE, blob_of(text.encode(), "a.txt"))
    assert found.repairs
    _, ((span, origin),) = verdict(found.findings)
    assert origin.kind is AI
    assert span.of(found.document.text).strip() == "It opened in 1963. citeturn0search1"


def test_a_worker_without_a_network_verifies_and_knows_whom_to_trust() -> None:
    blob = blob_of(signing.sign_text(TEXT).encode(), "a.txt")
    options = {"c2pa": {"anchors": signing.identity().root}}
    with closing(Workers(Limits(seconds=30, memory_mb=2048, workers=1))) as workers:
        for given, code in ((RECIPE, "c2pa.untrusted"), (replace(RECIPE, options=options), "c2pa.trusted")):
            findings = workers.inspect(given, blob).findings
            assert [item.code for item in findings if item.level.startswith("E1")] == [code]


def test_a_manifest_beside_a_document_is_read_with_it_and_is_no_document(tmp_path: Path) -> None:
    text = TEXT.encode()
    store = signing.beside(text, "text/plain")
    for name in ("a.txt", "b.md", "b.html", "c.txt", "c.txt.meta.yaml"):
        (tmp_path / name).write_bytes(text if not name.endswith("yaml") else b"owner: x\n")
    for name in ("a.c2pa", "b.c2pa", "c.txt.c2pa", "lone.c2pa"):
        (tmp_path / name).write_bytes(store)
    source = FilesSource(str(tmp_path))
    listed = {ref.path: ref for ref in source.list()}
    assert set(listed) == {"a.txt", "b.md", "b.html", "b.c2pa", "c.txt", "lone.c2pa"}
    assert source.read(listed["a.txt"]).manifest == store
    assert source.read(listed["c.txt"]).manifest == store
    assert source.read(listed["b.md"]).manifest == b""
    found = inspect(RECIPE, source.read(listed["c.txt"]))
    assert [item.code for item in found.findings if item.level.startswith("E1")] == ["c2pa.untrusted"]


def test_trusted_roots_are_read_from_a_folder(tmp_path: Path) -> None:
    assert read_anchors(tmp_path / "none") == ""
    roots = [signing.identity(name).root for name in ("Throwaway", "Another")]
    (tmp_path / "b.pem").write_text(roots[0], "ascii")
    (tmp_path / "a.pem").write_text(roots[1], "ascii")
    (tmp_path / "notes.txt").write_text("not read", "ascii")
    assert read_anchors(tmp_path) == roots[1] + roots[0]
    (tmp_path / "c.pem").write_text("no certificate", "ascii")
    with pytest.raises(ConfigurationError, match=r"c\.pem holds no certificate"):
        read_anchors(tmp_path)
