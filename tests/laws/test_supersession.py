"""One active version of a document: what is superseded, not yet in force or expired is never served."""

from __future__ import annotations

from datetime import timedelta

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import decisions, documents, relations
from corpus.catalog.records import OverrideRecord
from corpus.receipts import Receipt
from corpus.types import utc_now

POLICY = (
    "Travel must be booked with the travel desk at least {days} days before departure. Receipts are kept by the "
    "traveller until the claim is paid, and the line manager signs every claim above {limit} euros. "
) * 4


def policy(project: Project, name: str, days: int, **front: str) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in front.items())
    project.write(name, f"---\ntitle: Travel policy\n{lines}---\n\n" + POLICY.format(days=days, limit=days * 10))


def served(project: Project) -> set[str]:
    return {hit.doc_id for hit in project.search("travel desk", k=50)}


def reasons(project: Project, doc_id: str) -> list[str]:
    with project.runtime.catalog.reading() as tx:
        return [reason["code"] for reason in decisions.of_document(tx, NAME, doc_id)[0].reasons]


def balanced(receipt: Receipt) -> Receipt:
    assert receipt.counts.balanced, receipt.counts
    return receipt


def test_a_new_version_takes_the_place_of_the_standing_one_in_the_same_run(project: Project) -> None:
    project.fill(2)
    policy(project, "travel-a", 10)
    project.ingest()
    assert "travel-a.md" in served(project)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    receipt = balanced(project.ingest())
    assert (receipt.counts.indexed, receipt.counts.quarantined, receipt.counts.unchanged) == (1, 1, 2)
    assert receipt.figures["superseded"] == 1
    assert "travel-b.md" in served(project)
    assert "travel-a.md" not in served(project)
    assert "family.superseded" in reasons(project, "travel-a.md")
    assert project.ingest().counts.unchanged == 4


def test_when_the_newer_version_leaves_the_older_one_returns_in_the_same_run(project: Project) -> None:
    project.fill(2)
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    assert "travel-a.md" not in served(project)
    (project.inbox / "travel-b.md").unlink()
    receipt = balanced(project.ingest())
    assert (receipt.counts.indexed, receipt.counts.removed) == (1, 1)
    assert "travel-a.md" in served(project)
    assert project.ingest().counts.unchanged == 3


def test_a_newer_version_that_is_edited_to_claim_nothing_gives_the_older_one_back(project: Project) -> None:
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    project.write("travel-b", "# Meals\n\n" + "The canteen serves soup on Mondays and fish on Fridays. " * 8)
    balanced(project.ingest())
    assert served(project) == {"travel-a.md", "travel-b.md"}


@pytest.mark.parametrize("first", ["travel-1", "travel-3"])
def test_versions_of_one_declared_document_are_ordered_whichever_comes_first(project: Project, first: str) -> None:
    numbers = {"travel-1": 1, "travel-2": 2, "travel-3": 3}
    policy(project, first, 5 + numbers[first], document_id="HR-7", version=str(numbers[first]))
    project.ingest()
    for name, number in numbers.items():
        policy(project, name, 5 + number, document_id="HR-7", version=str(number))
    balanced(project.ingest())
    assert served(project) == {"travel-3.md"}
    assert project.ingest().counts.unchanged == 3


def test_a_chain_stays_superseded_although_the_one_in_the_middle_is_not_served(project: Project) -> None:
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    policy(project, "travel-c", 35, supersedes="travel-b.md")
    balanced(project.ingest())
    assert served(project) == {"travel-c.md"}
    with project.runtime.catalog.transaction() as tx:
        documents.look_again(tx, NAME, doc_ids=["travel-a.md"])
    balanced(project.ingest())
    assert served(project) == {"travel-c.md"}


def test_a_circle_of_claims_is_reported_and_loses_nothing(project: Project) -> None:
    policy(project, "travel-a", 10, supersedes="travel-b.md")
    policy(project, "travel-b", 21, supersedes="travel-c.md")
    project.ingest()
    assert served(project) == {"travel-a.md"}
    policy(project, "travel-c", 35, supersedes="travel-a.md")
    balanced(project.ingest())
    assert served(project) >= {"travel-a.md", "travel-c.md"}
    balanced(project.ingest())  # what stood held by the claim of another is looked at again
    assert served(project) == {"travel-a.md", "travel-b.md", "travel-c.md"}
    with project.runtime.catalog.reading() as tx:
        for name in ("travel-a.md", "travel-b.md", "travel-c.md"):
            kinds = {found.kind for found in relations.around(tx, NAME, [name])}
            assert "family.cycle" in kinds, name


def test_dates_decide_when_a_version_is_served(project: Project) -> None:
    today = utc_now()
    project.fill(1)
    policy(project, "early", 10, effective_from=(today + timedelta(days=3)).isoformat())
    policy(project, "late", 21, expires=(today - timedelta(days=3)).date().isoformat())
    policy(project, "current", 35, effective_from="2020-01-01", effective_until=(today + timedelta(days=9)).isoformat())
    receipt = balanced(project.ingest())
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (2, 2)
    assert "family.not_yet_effective" in reasons(project, "early.md")
    assert "family.expired" in reasons(project, "late.md")
    states = project.states()
    for name, days in (("early.md", 3), ("current.md", 9)):
        due = states[name].due_at
        assert due is not None
        assert abs(due - today - timedelta(days=days)) < timedelta(minutes=5)


def test_a_version_waits_for_its_day_and_then_takes_over(project: Project) -> None:
    policy(project, "travel-a", 10)
    soon = (utc_now() + timedelta(seconds=6)).isoformat()
    policy(project, "travel-b", 21, supersedes="travel-a.md", effective_from=soon)
    project.ingest()
    assert served(project) == {"travel-a.md"}
    due = project.states()["travel-b.md"].due_at
    assert due is not None
    while utc_now() <= due:
        pass
    receipt = balanced(project.ingest())
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (1, 1)
    assert served(project) == {"travel-b.md"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("superseded", "family.superseded"),
        ("deprecated", "family.superseded"),
        ("withdrawn", "family.expired"),
        ("draft", "family.not_yet_effective"),
    ],
)
def test_a_document_is_believed_about_its_own_status(project: Project, status: str, code: str) -> None:
    policy(project, "travel-a", 10, status=status)
    policy(project, "travel-b", 21, status="approved")
    project.ingest()
    assert served(project) == {"travel-b.md"}
    assert code in reasons(project, "travel-a.md")


def test_a_draft_supersedes_nothing(project: Project) -> None:
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md", status="draft")
    project.ingest()
    assert served(project) == {"travel-a.md"}


def test_a_person_may_keep_a_superseded_version(project: Project) -> None:
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    held = project.states()["travel-a.md"]
    with project.runtime.catalog.transaction() as tx:
        decisions.set_override(
            tx,
            OverrideRecord(
                contract=NAME, doc_id="travel-a.md", raw_sha256=held.raw_sha256, outcome="accept",
                reason="old contracts still run", actor="ada", at=utc_now(),
            ),
        )  # fmt: skip
    balanced(project.ingest())
    assert served(project) == {"travel-a.md", "travel-b.md"}
    policy(project, "travel-b", 28, supersedes="travel-a.md")
    balanced(project.ingest())
    assert served(project) == {"travel-a.md", "travel-b.md"}


def test_under_enforcement_warn_nothing_is_held_and_the_reason_stays(project: Project) -> None:
    text = project.contract_path.read_text()
    project.contract_path.write_text(text.replace("value: block\n", "value: warn\n"))
    policy(project, "travel-a", 10)
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    assert served(project) == {"travel-a.md", "travel-b.md"}
    assert "family.superseded" in reasons(project, "travel-a.md")


def test_versions_that_are_only_alike_are_never_superseded(project: Project) -> None:
    policy(project, "travel-v1", 10)
    policy(project, "travel-v2", 21)
    project.ingest()
    assert served(project) == {"travel-v1.md", "travel-v2.md"}
    with project.runtime.catalog.reading() as tx:
        kinds = {found.kind for found in relations.around(tx, NAME, ["travel-v1.md"])}
    assert kinds & {"family.version_of", "duplicate.near"}


def test_a_source_that_anyone_writes_to_supersedes_nothing_by_its_word(project: Project) -> None:
    text = project.contract_path.read_text()
    project.contract_path.write_text(
        text.rstrip("\n") + "\n  - property: ragTrust\n    vendor: stemma\n    value: {tier: open}\n"
    )
    policy(project, "travel-a", 10)
    project.ingest()
    policy(project, "travel-b", 21, supersedes="travel-a.md")
    project.ingest()
    assert served(project) == {"travel-a.md", "travel-b.md"}
