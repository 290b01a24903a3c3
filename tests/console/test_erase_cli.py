"""`stemma erase`, `index delete` and `index restore`, as a person types them."""

from __future__ import annotations

from typing import Any

import pytest

SECRET = (
    "# The keeper\n\nMarabel Quintessa keeps the violet ledger of the boiler room in a tin behind the laundry door.\n"
)


@pytest.fixture
def kept(project: Any) -> Any:
    """A project whose index holds the document."""
    project.write("mara", SECRET)
    project("ingest", "handbook")
    return project


def _found(project: Any) -> list[str]:
    hits = project.json("index", "query", "handbook", "who keeps the violet ledger?", "--k", "50")["hits"]
    return [hit["doc_id"] for hit in hits]


def test_delete_and_restore(kept: Any) -> None:
    assert "mara.md" in _found(kept)
    done = kept.json("index", "delete", "handbook", "mara.md", "--reason", "withdrawn", "--no-release")
    assert done["figures"]["changed"] == 1
    assert "mara.md" not in _found(kept)
    kept("index", "verify", "handbook")
    back = kept.json("index", "restore", "handbook", "mara.md", "--reason", "was right")
    assert back["next"] == "stemma index release handbook"
    assert "mara.md" in _found(kept)
    assert "a document or a chunk" in kept("index", "delete", "handbook", "--reason", "x", code=2).err
    refused = kept("index", "delete", "handbook", "marra.md", "--reason", "x", code=2).err
    assert "has no document 'marra.md'. Did you mean 'mara.md'?" in refused


def test_a_large_share_is_built_again_at_once(kept: Any) -> None:
    done = kept.json("index", "delete", "handbook", "mara.md", "--reason", "withdrawn")
    assert done["figures"]["rebuild"] == 1
    assert done["released"]["figures"]["status"] == "published"
    assert "mara.md" not in _found(kept)
    assert kept.json("ingest", "handbook")["figures"]["status"] == "unchanged"


def test_erase_asks_first_and_says_what_it_did(kept: Any) -> None:
    words = ("erase", "handbook", "mara.md", "--reason", "request 17")
    assert "add --yes" in kept(*words, code=2).err
    assert "mara.md" in _found(kept)
    assert "needs a reason" in kept("erase", "handbook", "mara.md", "--yes", code=2).err
    missed = kept("erase", "handbook", "marra.md", "--reason", "request 17", "--yes").out
    assert "Nothing of a document with this id was found" in missed
    assert "Did you mean 'mara.md'?" in missed
    assert "mara.md" in _found(kept)
    shown = kept(*words, "--yes").out
    assert "versions built again" in shown
    assert "Nothing of a document" not in shown
    assert "erasures/handbook/" in shown
    assert "mara.md" not in _found(kept)
    assert "No erasure of handbook was cut short" in kept("erase", "handbook").out
    kept("audit", "verify")
    kept("index", "verify", "handbook")
    refused = kept.json("ingest", "handbook")
    assert refused["counts"]["rejected"] == 1
    lifted = kept.json("erase", "handbook", "mara.md", "--lift", "--reason", "consent")
    assert lifted["next"] == "stemma ingest handbook"
    assert kept.json("ingest", "handbook")["counts"]["indexed"] == 1
    assert "mara.md" in _found(kept)
    assert "name the document" in kept("erase", "handbook", "--lift", code=2).err
