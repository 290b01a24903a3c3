"""`stemma family`: what a person sees of the versions and copies of one document."""

from __future__ import annotations

from typing import Any

from console.cli.family import MEANINGS

NAME = "handbook"
TERMS = """# Terms of rental

A machine is rented by the day and comes back clean. The customer pays for the fuel, the driver keeps the log, and the
office sends the invoice within {days} days of the return of the machine. Damage is reported at once by telephone.
"""
FRONT = "---\nversion: '{version}'\nlast_validated_date: 2026-02-01\n{more}---\n"


def _family(cli: Any) -> None:
    cli.write("terms-old", TERMS.format(days=10), FRONT.format(version=1, more=""))
    cli.write("terms", TERMS.format(days=14), FRONT.format(version=2, more="supersedes: terms-old.md\n"))
    cli.write("terms-copy", TERMS.format(days=14), FRONT.format(version=2, more=""))
    cli("ingest", NAME)


def test_a_family_shows_who_is_served_and_why(project: Any) -> None:
    _family(project)
    data = project.json("family", NAME, "terms.md")
    assert {"contract", "document", "members", "relations"} <= set(data)
    states = {item["doc_id"]: item["state"] for item in data["members"]}
    assert states["terms.md"] == "active"
    assert states["terms-old.md"] == "quarantined"
    kinds = {(item["doc_id"], item["kind"], item["other_id"]) for item in data["relations"]}
    assert ("terms-old.md", "family.superseded", "terms.md") in kinds
    assert {kind for _, kind, _ in kinds} <= set(MEANINGS)
    [terms] = [item for item in data["members"] if item["doc_id"] == "terms.md"]
    assert "id:terms-old.md" in terms["declares"]["supersedes"]


def test_a_person_reads_it_in_words(project: Any) -> None:
    _family(project)
    out = project("family", NAME, "terms-old.md").out
    assert "Family of terms-old.md" in out
    assert "superseded by" in out


def test_a_document_without_kin_stands_alone(ingested: Any) -> None:
    assert "stands alone" in ingested("family", NAME, "refunds.md").out


def test_an_unknown_document_is_named_with_its_neighbours(ingested: Any) -> None:
    ran = ingested("family", NAME, "refund.md", code=2)
    assert "refunds.md" in ran.err
