"""Approvals: a version waits, persons say yes in signed statements, and only then an alias moves. On both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import audit, versions
from corpus.errors import ApprovalMissing, ConfigurationError
from corpus.receipts import Receipt
from index import layout
from index.approvals import read_approvals
from index.pointer import version_numbers
from index.signing import TrustStore, generate_keypair
from ingestion import approving
from ingestion.stages import release
from ingestion.waiting import all_waiting

ASKED = """
  - property: ragApprovals
    vendor: stemma
    value: {persons: 2, approvers: [Ada, Grace, Edsger, builder]}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path)
    change: dict[str, object] = {"actor": "builder"}
    if request.param == "postgresql":
        change["catalog_url"] = request.getfixturevalue("postgres_url")
    made.settings = made.settings.model_copy(update=change)
    made.fill(3)
    ask(made)
    yield made
    made.runtime.catalog.close()


def ask(project: Project, value: str = ASKED) -> None:
    project.contract_path.write_text(project.contract_path.read_text().rstrip("\n") + value)


def run(project: Project, run_id: str = "run", **options: object) -> Receipt:
    return release.release(project.runtime, NAME, run_id, **options)  # type: ignore[arg-type]


def live(project: Project) -> int | None:
    with project.runtime.catalog.reading() as tx:
        state = versions.alias(tx, NAME, "live")
    return state.number if state else None


def yes(project: Project, by: str, number: int = 1) -> None:
    approving.approve(project.runtime, NAME, number, by=by, reason="read the answers")


def test_a_version_waits_is_not_built_twice_and_serves_once_two_persons_agree(project: Project) -> None:
    receipt = project.ingest()
    assert (receipt.figures["status"], receipt.figures["version"], live(project)) == ("waiting-for-approval", 1, None)
    assert run(project, "again").figures["status"] == "waiting-for-approval"
    assert version_numbers(project.runtime.store, NAME) == (1,)
    [waiting] = all_waiting(project.runtime, NAME)
    assert (waiting.version.number, waiting.standing.asked, waiting.standing.missing) == (1, 2, 2)
    with pytest.raises(ApprovalMissing, match=r"needs 2 approvals .* approved by nobody. 2 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="now")
    yes(project, "Ada")
    with pytest.raises(ConfigurationError, match="'ada' has approved handbook v000001 already"):
        yes(project, "ada")
    with pytest.raises(ApprovalMissing, match=r"approved by Ada\. 1 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="now")
    assert live(project) is None
    yes(project, "grace")
    [waiting] = all_waiting(project.runtime, NAME)
    assert (waiting.standing.missing, [item.by for item in waiting.standing.counted]) == (0, ["Ada", "grace"])
    assert release.move(project.runtime, NAME, "live", 1, reason="approved").figures["status"] == "moved"
    assert (live(project), all_waiting(project.runtime, NAME)) == (1, ())
    with project.runtime.catalog.reading() as tx:
        entries = [entry for entry in audit.tail(tx) if entry.action == "version.approve"]
        assert audit.verify(tx).broken_at is None
    assert [(entry.detail["by"], entry.subject) for entry in entries] == [
        ("grace", f"{NAME}@v000001"),
        ("Ada", f"{NAME}@v000001"),
    ]


def test_the_next_release_promotes_what_was_approved_and_rolling_back_never_waits(project: Project) -> None:
    project.ingest()
    for by in ("Ada", "Grace"):
        yes(project, by)
    assert run(project).figures["status"] == "published"
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    assert project.ingest().figures["status"] == "waiting-for-approval"
    assert (live(project), version_numbers(project.runtime.store, NAME)) == (1, (1, 2))
    for by in ("Ada", "Edsger"):
        yes(project, by, 2)
    release.move(project.runtime, NAME, "live", 2, reason="approved")
    release.move(project.runtime, NAME, "live", 1, reason="worse")
    assert live(project) == 1
    assert run(project).figures["status"] == "held"
    release.move(project.runtime, NAME, "live", 2, reason="was right after all")
    assert live(project) == 2


def test_the_builder_a_stranger_and_nobody_cannot_approve(project: Project) -> None:
    project.ingest()
    with pytest.raises(ConfigurationError, match="'Builder' built handbook v000001: somebody else"):
        yes(project, "Builder")
    with pytest.raises(ConfigurationError, match=r"'Mallory' is not among the approvers .* Ada, Grace, Edsger"):
        yes(project, "Mallory")
    for by, reason in (("", "yes"), ("Ada", " ")):
        with pytest.raises(ConfigurationError, match="needs a name and a reason"):
            approving.approve(project.runtime, NAME, 1, by=by, reason=reason)
    with pytest.raises(ConfigurationError, match=r"no version v000009\. Known: v000001"):
        yes(project, "Ada", 9)


def test_editing_the_contract_afterwards_makes_nothing_easier(project: Project) -> None:
    project.ingest()
    text = project.contract_path.read_text()
    project.contract_path.write_text(text.replace("persons: 2", "persons: 1"))
    yes(project, "Ada")
    with pytest.raises(ApprovalMissing, match="1 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="one is enough now")
    project.contract_path.write_text(text.replace("persons: 2", "persons: 3"))
    yes(project, "Grace")
    with pytest.raises(ApprovalMissing, match=r"needs 3 .* 1 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="two were enough")
    project.contract_path.unlink()
    assert release.move(project.runtime, NAME, "live", 1, reason="two are enough").figures["status"] == "moved"


def test_another_alias_needs_nobody(project: Project) -> None:
    project.ingest(publish=False)
    assert run(project, alias="shadow").figures["status"] == "published"
    assert live(project) is None
    with pytest.raises(ApprovalMissing):
        release.move(project.runtime, NAME, "live", 1, reason="it served as shadow")


def test_a_statement_that_is_altered_copied_or_signed_by_a_stranger_does_not_count(project: Project) -> None:
    project.ingest()
    yes(project, "Ada")
    yes(project, "Grace")
    folder = Path(project.settings.home, layout.approvals_path(NAME, 1))
    first, second = sorted(folder.iterdir())
    kept = first.read_bytes()
    value = json.loads(kept)
    value["payload"] = value["payload"][:-8] + "AAAAAAA="
    first.write_text(json.dumps(value))
    with pytest.raises(ApprovalMissing, match="1 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="altered")
    first.write_bytes(second.read_bytes())
    with pytest.raises(ApprovalMissing, match="1 missing"):
        release.move(project.runtime, NAME, "live", 1, reason="one person twice")
    first.write_bytes(kept)
    trusted = project.settings.trusted_keys
    generate_keypair(project.folder / "own.pem", trusted / "grace.pub")
    trust = TrustStore.from_folder(trusted)
    with project.runtime.catalog.reading() as tx:
        digest = versions.require(tx, NAME, 1).manifest_sha256
    found = read_approvals(project.runtime.store, NAME, 1, digest, trust)
    assert [item.by for item in found.accepted] == ["Ada"]
    assert "'Grace' has a key in" in next(iter(found.refused.values()))
    (project.folder / "own.pem").chmod(0o600)
    second_key = project.settings.model_copy(update={"signing_key": project.folder / "own.pem"})
    for file in folder.iterdir():
        if file.name in found.refused:
            file.unlink()
    with pytest.raises(ConfigurationError, match="'Grace' has a key of their own"):
        yes(project, "Grace")
    project.runtime.catalog.close()
    project.settings = second_key
    yes(project, "Grace")
    assert release.move(project.runtime, NAME, "live", 1, reason="both keys").figures["status"] == "moved"
    assert not read_approvals(project.runtime.store, NAME, 1, "0" * 64, trust).accepted


def test_the_same_statement_says_nothing_about_the_next_version(project: Project) -> None:
    project.ingest()
    yes(project, "Ada")
    yes(project, "Grace")
    project.write("brand-new", "# Brand new\n\nZanzibar flamingos nest beside the observatory in early spring.\n")
    project.ingest()
    home = Path(project.settings.home)
    (home / layout.approvals_path(NAME, 2)).mkdir(parents=True)
    for file in (home / layout.approvals_path(NAME, 1)).iterdir():
        (home / layout.approvals_path(NAME, 2) / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ApprovalMissing, match="2 missing"):
        release.move(project.runtime, NAME, "live", 2, reason="copied")
