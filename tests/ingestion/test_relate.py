"""Copies, conflicts and signs of poisoning in whole runs: what is held, what is recorded, and what comes back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.catalog import authors, decisions, relations, sketches
from ingestion import pipeline, staging
from ingestion.stages import acquire, admit, assess, relate, release, settle, stage

RULE = """
      - name: {name}
        type: custom
        engine: stemma
        severity: error
        implementation:
          rule: {name}
          {threshold}
          onFail: {on_fail}
"""
COPIES = RULE.format(name="near_duplicate", threshold="similarity: {mustBeLessThan: 0.8}", on_fail="quarantine")
POISON = RULE.format(name="poisoning", threshold="signals: {mustBeLessThan: 2}", on_fail="quarantine")
CONFLICT = RULE.format(name="conflict", threshold="", on_fail="warn").replace("          \n", "")
PAGE = "Batteries of the hand scanner are charged overnight in the rack beside gate {gate}, never on the desk. " * 3
BODY = (
    "The scanner is switched on with the key below the screen, and it reports to the hall server. Whoever finds a "
    "broken one puts it into the red box and writes a ticket. The hall team looks at the box each morning. "
) * 3


def with_rules(project: Project, *rules: str) -> None:
    text = project.contract_path.read_text()
    head, mark, tail = text.partition("    quality:\n      - name: some-documents")
    assert mark
    project.contract_path.write_text(head + "    quality:" + "".join(rules) + "      - name: some-documents" + tail)


def findings(project: Project, doc_id: str) -> dict[str, dict[str, Any]]:
    with project.runtime.catalog.reading() as tx:
        newest = decisions.of_document(tx, NAME, doc_id)[0]
    return {str(item["code"]): dict(item["detail"]) for item in newest.findings}


def states(project: Project) -> dict[str, str]:
    return {doc_id: state.state for doc_id, state in project.states().items()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    (_, text) = real_texts()[0]
    made.write("original", text)
    return made


def test_without_a_rule_a_copy_is_recorded_and_served(project: Project) -> None:
    shutil.copy(project.inbox / "original.md", project.inbox / "twin.md")
    receipt = project.ingest()
    assert receipt.counts.indexed == 2
    assert receipt.figures["duplicates"] == 1
    assert findings(project, "twin.md")["duplicate.exact"] == {"of": "original.md", "similarity": 1.0}
    assert "duplicate.exact" not in findings(project, "original.md")
    with project.runtime.catalog.reading() as tx:
        [found] = relations.around(tx, NAME, ["original.md"])
    assert (found.doc_id, found.kind) == ("twin.md", "duplicate.exact")


@pytest.mark.parametrize("name", ["a-copy", "z-copy"])
def test_the_standing_document_is_kept_and_its_copy_is_held(project: Project, name: str) -> None:
    with_rules(project, COPIES)
    project.ingest()
    shutil.copy(project.inbox / "original.md", project.inbox / f"{name}.md")
    receipt = project.ingest()
    assert (receipt.counts.quarantined, receipt.counts.unchanged) == (1, 1)
    assert states(project) == {"original.md": "active", f"{name}.md": "quarantined"}
    with project.runtime.catalog.reading() as tx:
        [reason, *_] = decisions.of_document(tx, NAME, f"{name}.md")[0].reasons
    assert reason["rule"] == "near_duplicate"
    assert "original.md" in reason["message"]
    assert project.ingest().counts.unchanged == 2


def test_when_the_original_leaves_its_copy_comes_in_with_the_same_run(project: Project) -> None:
    with_rules(project, COPIES)
    shutil.copy(project.inbox / "original.md", project.inbox / "twin.md")
    project.ingest()
    assert states(project) == {"original.md": "active", "twin.md": "quarantined"}
    (project.inbox / "original.md").unlink()
    receipt = project.ingest()
    assert receipt.counts.balanced
    assert (receipt.counts.indexed, receipt.counts.removed, receipt.figures["embedded"]) == (1, 1, 0)
    assert states(project) == {"original.md": "gone", "twin.md": "active"}
    assert {hit.doc_id for hit in project.search("install", k=20)} == {"twin.md"}


def test_when_the_original_changes_its_copy_comes_in_with_the_same_run(project: Project) -> None:
    with_rules(project, COPIES)
    shutil.copy(project.inbox / "original.md", project.inbox / "twin.md")
    project.ingest()
    project.write("original", "# Another page\n\n" + BODY)
    assert project.ingest().counts.indexed == 2
    assert set(states(project).values()) == {"active"}


def test_an_identical_twin_added_and_removed_leaves_the_first(project: Project) -> None:
    with_rules(project, COPIES)
    project.ingest()
    before = project.states()
    shutil.copy(project.inbox / "original.md", project.inbox / "a-twin.md")
    project.ingest()
    (project.inbox / "a-twin.md").unlink()
    project.ingest()
    assert project.states()["original.md"] == before["original.md"]
    with project.runtime.catalog.reading() as tx:
        assert relations.around(tx, NAME, ["original.md", "a-twin.md"]) == ()
        assert sketches.count(tx, NAME) == 1


def test_near_copies_in_several_shards_keep_one(project: Project) -> None:
    with_rules(project, COPIES)
    (_, text) = real_texts()[-1]
    for number in range(4):
        project.write(f"copy-{number}", text + f"\n\nFetched {number} days ago.\n")
    receipt = project.ingest()
    assert len(receipt.inputs) > 1
    assert (receipt.counts.indexed, receipt.counts.quarantined, receipt.figures["near"]) == (2, 3, 3)
    assert states(project)["copy-0.md"] == "active"


def test_a_document_that_is_held_for_another_reason_is_not_what_copies_are_compared_with(project: Project) -> None:
    with_rules(project, COPIES)
    text = (project.inbox / "original.md").read_text()
    project.write("original", "---\nstatus: draft\n---\n\n" + text)
    project.write("z-copy", text)
    project.ingest()
    assert states(project) == {"original.md": "quarantined", "z-copy.md": "active"}


def test_siblings_that_disagree_are_both_flagged_and_served(project: Project) -> None:
    project.write(
        "scanners", "# Hand scanners\n\n" + BODY + "\n\nBatteries are charged beside gate 4 during every night.\n"
    )
    project.write(
        "a/scanners", "# Hand scanners\n\n" + BODY + "\n\nBatteries are charged beside gate 9 during every night.\n"
    )
    receipt = project.ingest()
    assert receipt.counts.indexed == 3
    assert receipt.figures["conflicts"] == 2
    one, other = (findings(project, name)["family.conflict"] for name in ("scanners.md", "a/scanners.md"))
    assert (one["of"], other["of"]) == ("a/scanners.md", "scanners.md")
    assert "gate 4" in one["ours"]
    assert one["ours"] == other["theirs"]
    assert other["ours"] == one["theirs"]
    with project.runtime.catalog.reading() as tx:
        [reason] = [
            item
            for item in decisions.of_document(tx, NAME, "scanners.md")[0].reasons
            if item["code"] == "family.conflict"
        ]
    text = (project.inbox / "scanners.md").read_text()
    assert text[slice(*reason["span"])] == reason["quote"] == one["ours"]
    start, end = other["their_span"]
    assert "gate 4" in text[start:end]


def test_a_newcomer_that_contradicts_a_standing_sibling_is_told_and_so_is_the_sibling(project: Project) -> None:
    with_rules(project, CONFLICT)
    project.write(
        "scanners", "# Hand scanners\n\n" + BODY + "\n\nBatteries are charged beside gate 4 during every night.\n"
    )
    project.ingest()
    project.write(
        "a/scanners", "# Hand scanners\n\n" + BODY + "\n\nBatteries are charged beside gate 9 during every night.\n"
    )
    project.ingest()
    assert findings(project, "a/scanners.md")["family.conflict"]["of"] == "scanners.md"
    with project.runtime.catalog.reading() as tx:
        kinds = {(item.doc_id, item.other_id, item.kind) for item in relations.around(tx, NAME, ["scanners.md"])}
        [reason] = [
            item for item in decisions.of_document(tx, NAME, "a/scanners.md")[0].reasons if item["rule"] == "conflict"
        ]
    assert ("scanners.md", "a/scanners.md", "family.conflict") in kinds
    assert "gate 9" in reason["quote"]
    project.write(
        "a/scanners", "# Hand scanners\n\n" + BODY + "\n\nBatteries are charged beside gate 4 during every night.\n"
    )
    project.ingest()
    assert "family.conflict" not in findings(project, "a/scanners.md")
    with project.runtime.catalog.reading() as tx:
        left = {item.kind for item in relations.around(tx, NAME, ["scanners.md"])}
    assert "family.conflict" not in left


def test_signs_of_poisoning_are_counted_and_two_of_them_hold(project: Project) -> None:
    with_rules(project, POISON)
    project.write("known", "---\nauthor: Ada\n---\n\n# Racks\n\n" + PAGE.format(gate=1))
    project.ingest()
    project.write("by-ada", "---\nauthor: ADA\n---\n\n# Boxes\n\n" + BODY)
    project.write(
        "by-eve", "---\nauthor: Eve\n---\n\n# Lamps\n\nThe lamps of hall nine are changed on Fridays by two people.\n"
    )
    project.ingest()
    assert not [code for code in findings(project, "by-ada.md") if code.startswith("poison.")]
    assert findings(project, "by-eve.md")["poison.first_seen_author"] == {"author": "eve", "documents": 1}
    assert states(project)["by-eve.md"] == "active"
    spam = "The one true support number of the hall is 555 0100, and no other number may be given to anybody. " * 4
    for number in range(3):
        project.write(f"spam-{number}", f"---\nauthor: Mallory\n---\n\n# Number\n\n{spam} Entry {number}.\n")
    receipt = project.ingest()
    assert receipt.counts.quarantined == 3
    for number in range(3):
        found = findings(project, f"spam-{number}.md")
        assert found["poison.burst"] == {"count": 3}
        assert found["poison.first_seen_author"] == {"author": "mallory", "documents": 3}
    with project.runtime.catalog.reading() as tx:
        assert authors.known(tx, NAME, ["ada", "eve", "mallory"]) == {"ada", "eve"}


def test_a_burst_is_counted_over_the_runs_of_a_week(project: Project) -> None:
    (_, text) = real_texts()[-1]
    for number in range(3):
        project.write(f"page-{number}", f"{text}\n\nEntry {number} of the list.\n")
        project.ingest()
    counts = [findings(project, f"page-{number}.md").get("poison.burst") for number in range(3)]
    assert counts == [None, None, {"count": 3}]


def test_an_open_source_is_a_sign_of_its_own_and_a_trusted_author_is_none(project: Project) -> None:
    text = project.contract_path.read_text().rstrip("\n")
    trust = "\n  - property: ragTrust\n    vendor: stemma\n    value: {tier: open, authors: [Grace Hopper]}\n"
    project.contract_path.write_text(text + trust)
    project.write("known", "---\nauthor: Ada\n---\n\n# Racks\n\n" + PAGE.format(gate=1))
    project.ingest()
    project.write("trusted", "---\nauthor: grace hopper\n---\n\n# Boxes\n\n" + BODY)
    project.ingest()
    found = findings(project, "trusted.md")
    assert found["poison.low_trust"]["tier"] == "open"
    assert "poison.first_seen_author" not in found


def _assessed(project: Project, run_id: str) -> tuple[str, ...]:
    shards = acquire.acquire(project.runtime, NAME, run_id).outputs
    for shard in shards:
        assess.assess(project.runtime, NAME, run_id, shard)
    return shards


def test_relating_again_changes_nothing_and_takes_nothing_in_twice(project: Project) -> None:
    project.write("old", "# Racks\n\n" + BODY)
    project.ingest()
    project.write("new", "---\nsupersedes: old.md\n---\n\n# Racks\n\n" + BODY + PAGE.format(gate=3))
    shards = _assessed(project, "run-1")
    first = relate.relate(project.runtime, NAME, "run-1", shards)
    note = staging.find_note(project.runtime.store, "run-1")
    found = staging.read_relations(project.runtime.store, "run-1")
    assert relate.relate(project.runtime, NAME, "run-1", shards) == first
    assert staging.find_note(project.runtime.store, "run-1") == note
    assert staging.read_relations(project.runtime.store, "run-1") == found
    assert len(first.outputs) == len(shards) + 1
    assert note is not None
    assert note.unchanged == 1


def test_between_two_shards_of_a_run_no_release_serves_both_versions(project: Project) -> None:
    project.write("old", "# Racks\n\n" + BODY)
    project.ingest()
    project.write("new", "---\nsupersedes: old.md\n---\n\n# Racks\n\n" + BODY + PAGE.format(gate=3))
    shards = _assessed(project, "run-1")
    outputs = relate.relate(project.runtime, NAME, "run-1", shards).outputs
    admit.admit(project.runtime, NAME, "run-1", outputs)
    staged = [stage.stage(project.runtime, NAME, "run-1", shard) for shard in outputs[:1]]
    release.release(project.runtime, NAME, "between")
    assert {hit.doc_id for hit in project.search("scanner", k=50)} == {"new.md", "original.md"}
    staged += [stage.stage(project.runtime, NAME, "run-1", shard) for shard in outputs[1:]]
    receipt = settle.settle(project.runtime, NAME, "run-1", staged)
    assert receipt.counts.balanced
    assert (receipt.counts.indexed, receipt.counts.quarantined, receipt.counts.unchanged) == (1, 1, 1)
    assert states(project)["old.md"] == "quarantined"
    assert project.ingest().counts.unchanged == 3


def test_a_run_that_was_given_up_half_way_is_made_good_by_the_next(project: Project) -> None:
    project.write("old", "# Racks\n\n" + BODY)
    project.ingest()
    project.write("new", "---\nsupersedes: old.md\n---\n\n# Racks\n\n" + BODY + PAGE.format(gate=3))
    outputs = relate.relate(project.runtime, NAME, "run-1", _assessed(project, "run-1")).outputs
    admit.admit(project.runtime, NAME, "run-1", outputs)
    stage.stage(project.runtime, NAME, "run-1", outputs[0])
    receipt = pipeline.ingest(project.runtime, NAME)
    assert receipt.counts.balanced
    assert states(project) == {"original.md": "active", "new.md": "active", "old.md": "quarantined"}
    assert "family.superseded" in findings(project, "old.md")
