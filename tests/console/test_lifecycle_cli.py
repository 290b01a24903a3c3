"""`stemma index candidate|approvals|approve|hold|unhold|prune|gc` as a person types them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from console.conftest import Cli

NAME = "handbook"
INVOICES = "# Invoices\n\nAn invoice is sent by mail when the parcel leaves, as a signed PDF file.\n"


def say(project: Cli, *properties: str, version: str = "2.0.0") -> None:
    text = project.contract.read_text()
    first, _, rest = text.partition("customProperties:\n")
    lines = "".join(f"  - {{property: {item}}}\n" for item in properties)
    project.contract.write_text(
        first.replace("version: 1.0.0", f"version: {version}") + "customProperties:\n" + lines + rest
    )


@pytest.fixture
def refused(ingested: Cli) -> Cli:
    """A project whose second version failed a gate."""
    say(ingested, "ragGates, vendor: stemma, value: {change: {maxAddedShare: 0}}")
    ingested.write("invoices", INVOICES)
    ran = ingested("ingest", NAME, code=1)
    assert "change: expected added <= 0.0%, found 1 added (33.3% of 3)" in ran.err
    assert f"stemma index candidate show {NAME} " in ran.err
    return ingested


def test_a_candidate_that_failed_is_listed_shown_asked_compared_and_removed(refused: Cli) -> None:
    [row] = refused.json("index", "candidate", "list", NAME)["candidates"]
    assert (row["failed"], row["documents"], row["problem"]) == (["change"], 4, "")
    shown = refused("index", "candidate", "show", NAME, row["id"][:6]).out
    assert "never served" in shown
    assert "fail" in shown
    assert "change: expected added <= 0.0%" in shown
    found = refused.json("index", "candidate", "query", NAME, row["id"], "signed PDF invoice", "--k", "1")
    assert found["hits"][0]["doc_id"].endswith("invoices.md")
    assert "added" in refused("index", "candidate", "diff", NAME, row["id"]).out
    assert len(refused.json("index", "candidate", "diff", NAME, row["id"], "--against", "1")["added"]) == 1
    assert [item["number"] for item in refused.json("index", "list", NAME)["versions"]] == [1]
    refused("index", "candidate", "remove", NAME, row["id"])
    assert "No candidate is kept" in refused("index", "candidate", "list", NAME).out
    assert "keeps no candidate 'x'" in refused("index", "candidate", "show", NAME, "x", code=2).err


def test_force_with_a_reason_releases_it(refused: Cli) -> None:
    assert "needs a reason" in refused("index", "release", NAME, "--force", code=2).err
    refused("index", "release", NAME, "--force", "--reason", "the page is wanted")
    gates = {gate["name"]: gate for gate in refused.json("index", "show", NAME)["manifest"]["gates"]}
    assert gates["change"]["actual"].endswith("(forced)")


def test_a_version_waits_until_enough_people_approved(ingested: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    say(ingested, "ragApprovals, vendor: stemma, value: {persons: 2}")
    ingested.write("invoices", INVOICES)
    assert "waiting-for-approval" in ingested("ingest", NAME).out
    [row] = ingested.json("index", "approvals")["waiting"]
    assert (row["number"], row["asked"], row["missing"], row["approvals"]) == (2, 2, 2, [])
    assert "2 missing" in ingested("index", "promote", NAME, "2", code=1).err
    assert (
        "somebody else has to approve"
        in ingested("index", "approve", NAME, "2", "--by", row["builder"], "--reason", "mine", code=2).err
    )
    first = ingested("index", "approve", NAME, "2", "--by", "Ada", "--reason", "read it").out
    assert "1 of 2 approvals missing" in first
    monkeypatch.setenv("STEMMA_ACTOR", "grace")
    second = ingested.json("index", "approve", NAME, "2", "--reason", "read it too")
    assert (second["by"], second["missing"], second["next"]) == ("grace", 0, f"stemma index promote {NAME} 2")
    assert "2 of 2" in ingested("index", "approvals", NAME).out
    ingested("index", "promote", NAME, "2", "--reason", "approved")
    assert "No version waits" in ingested("index", "approvals", NAME).out
    assert "version.approve" in ingested("audit", "list").out


def test_old_versions_are_held_pruned_and_collected(changed: Cli) -> None:
    assert "needs a reason" in changed("index", "hold", NAME, "1", code=2).err
    assert "Protected now: v000001" in changed("index", "hold", NAME, "1", "--reason", "audit of May").out
    limits = ("--keep", "0", "--days", "0")
    assert changed.json("index", "prune", NAME, *limits)["outputs"] == []
    changed("index", "unhold", NAME, "1", "--reason", "audit is over")
    assert "is not protected" in changed("index", "unhold", NAME, "1", "--reason", "again", code=2).err
    before = changed.files()
    assert "would remove" in changed("index", "prune", NAME, *limits, "--dry-run").out
    assert changed.json("index", "gc", NAME, *limits, "--dry-run")["outputs"] == ["indexes/handbook/v000001"]
    assert {name for name in changed.files() if "/v000001/" in name} == {name for name in before if "/v000001/" in name}
    assert changed.json("index", "gc", NAME, *limits)["figures"]["versions"] == 1
    assert [item["state"] for item in changed.json("index", "list", NAME)["versions"]] == ["released", "retired"]
    assert "every version is kept" in changed("index", "prune", NAME).out
    assert changed("index", "rollback", NAME, code=2).err
