"""Laws of relations in whole runs: a held newcomer takes nobody's place, one of two versions serves, counts balance."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, real_texts

from contracts.drift.rule import MINIMUM
from corpus.catalog import profiles, relations, sketches
from corpus.catalog.records import SketchRecord
from corpus.errors import IntegrityError
from corpus.ids import new_run_id, sha256_hex
from corpus.receipts import Counts, Receipt
from ingestion import staging
from ingestion.relations.families import LONGEST_NAME, declared_of, folded, person_of
from ingestion.stages import acquire, admit, assess, relate, settle, stage

TEXTS = [text for _, text in real_texts()]
RULE = """      - name: extra
        type: custom
        engine: stemma
        dimension: accuracy
        implementation:
          rule: {rule}
          onFail: {action}
{more}"""
MARK = "      - name: near-duplicate\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    made.write("zz", TEXTS[9])
    return made


def said(text: str, **values: str) -> str:
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in values.items()) + "---\n" + text


def change(project: Project, before: str, after: str) -> None:
    text = project.contract_path.read_text()
    assert before in text
    project.contract_path.write_text(text.replace(before, after, 1))


def rule(project: Project, name: str, action: str, more: str) -> None:
    change(project, MARK, RULE.format(rule=name, action=action, more=more) + MARK)


def hold_copies(project: Project) -> None:
    change(
        project,
        "similarity: {mustBeLessThan: 0.9}\n          onFail: warn",
        "similarity: {mustBeLessThan: 0.9}\n          onFail: quarantine",
    )


def ingest(project: Project, *, allow_shrink: bool = False) -> Counts:
    counts = project.ingest(publish=False, allow_shrink=allow_shrink).counts
    assert counts.balanced
    assert counts.unchanged >= 0
    return counts


def active(project: Project) -> set[str]:
    return {name.removesuffix(".md") for name, state in project.states().items() if state.state == "active"} - {"zz"}


def kinds(project: Project, name: str) -> set[str]:
    with project.runtime.catalog.reading() as tx:
        return {found.kind for found in relations.around(tx, NAME, [f"{name}.md"])}


@pytest.mark.parametrize(
    ("key", "value"), [("valid_until", "9999-12-31"), ("supersedes", "'" + "[" * 20_000 + "'"), ("supersedes", "'[1'")]
)
def test_nothing_that_a_document_declares_stops_the_run(project: Project, key: str, value: str) -> None:
    project.write("odd", said(TEXTS[1], **{key: value}))
    assert ingest(project).indexed == 2


def test_the_last_day_there_is_means_for_ever() -> None:
    assert declared_of({"valid_until": "9999-12-31"}, "a.md", None).effective_until is None


def test_a_newcomer_held_for_poisoning_throws_nothing_out(project: Project) -> None:
    rule(project, "poisoning", "quarantine", "          signals: {mustBe: 0}\n")
    project.write("policy", said(TEXTS[0], author="Ann Admin"))
    ingest(project)
    project.write("evil", said(TEXTS[5], author="Mallory", supersedes="policy.md"))
    assert ingest(project).quarantined == 1
    assert active(project) == {"policy"}
    assert ingest(project).unchanged == 3


def test_a_newcomer_held_as_a_copy_throws_nothing_out(project: Project) -> None:
    hold_copies(project)
    project.write("v1", TEXTS[0])
    project.write("other", TEXTS[5])
    ingest(project)
    project.write("v2", said(TEXTS[5], supersedes="v1.md"))
    ingest(project)
    assert active(project) == {"v1", "other"}


def test_a_newcomer_held_for_drift_throws_nothing_out(project: Project) -> None:
    more = (
        "          column: sensitivity_label\n          statistic: new_categories\n          threshold: {mustBe: 0}\n"
    )
    rule(project, "drift", "quarantine", more)
    for number in range(MINIMUM + 4):
        project.write(f"d{number}", TEXTS[number])
    ingest(project)
    before = active(project)
    project.write("new", said(TEXTS[30], supersedes="d3.md", sensitivity_label="zebra"))
    ingest(project)
    assert active(project) == before
    assert ingest(project).unchanged == MINIMUM + 6
    assert active(project) == before


def test_two_runs_that_overlap_do_not_serve_both_versions(project: Project) -> None:
    ingest(project)
    slow, fast = new_run_id(), new_run_id()
    project.write("v1", TEXTS[0])
    one = _first(project, slow)
    project.write("v2", said(TEXTS[5], supersedes="v1.md"))
    two = _first(project, fast)
    _last(project, slow, one)
    _last(project, fast, two)
    assert active(project) == {"v2"}
    ingest(project)
    assert active(project) == {"v2"}
    assert ingest(project).unchanged == 3


def _first(project: Project, run: str) -> tuple[str, ...]:
    given = acquire.acquire(project.runtime, NAME, run)
    for shard in given.outputs:
        assess.assess(project.runtime, NAME, run, shard)
    shards = relate.relate(project.runtime, NAME, run, given.outputs).outputs
    admit.admit(project.runtime, NAME, run, shards)
    return shards


def _last(project: Project, run: str, shards: tuple[str, ...]) -> Receipt:
    return settle.settle(project.runtime, NAME, run, [stage.stage(project.runtime, NAME, run, s) for s in shards])


def test_what_cannot_be_read_any_more_is_no_original(project: Project) -> None:
    hold_copies(project)
    project.write("old", TEXTS[0])
    ingest(project)
    project.write("new", TEXTS[0])
    project.write("old", "")
    ingest(project)
    assert active(project) == {"new"}


def test_a_document_is_staged_once_though_it_is_rejected_and_superseded(project: Project) -> None:
    project.write("old", TEXTS[0])
    ingest(project)
    project.write("new", said(TEXTS[5], supersedes="old.md"))
    project.write("old", "")
    counts = ingest(project)
    assert (counts.indexed, counts.unchanged, counts.rejected, counts.quarantined) == (1, 1, 1, 0)


def test_negative_counts_are_refused() -> None:
    note = staging.RunNote(contract_digest="", allow_shrink=False, listed=1, unchanged=-1, vanished=(), shards=("s",))
    receipt = Receipt(stage="stage", contract=NAME, run_id="r", key="s", counts=Counts(indexed=2))
    assert replace(receipt.counts, received=1, unchanged=-1).balanced
    with pytest.raises(IntegrityError, match="accounts for others"):
        settle.balance(note, [receipt], removed=0)


def test_of_copies_one_is_kept_though_the_first_is_out(project: Project) -> None:
    hold_copies(project)
    project.write("a", said(TEXTS[0], status="draft"))
    for name in "bcd":
        project.write(name, TEXTS[0])
    ingest(project)
    assert active(project) == {"b"}
    assert ingest(project).unchanged == 5


def test_a_burst_is_seen_beside_an_original_that_is_edited_in_the_same_run(project: Project) -> None:
    project.write("a", TEXTS[0])
    ingest(project)
    project.write("a", said(TEXTS[0], note="touched"))
    for name in "bcd":
        project.write(name, TEXTS[0])
    run = new_run_id()
    patches = _patches(project, run)
    assert [name for name, patch in sorted(patches.items()) if "poison.burst" in patch["findings"]] == [
        "b.md", "c.md", "d.md",
    ]  # fmt: skip


def _patches(project: Project, run: str) -> dict[str, dict[str, str]]:
    _first(project, run)
    return staging.read_relations(project.runtime.store, run)


def test_an_emptied_corpus_is_no_baseline(project: Project) -> None:
    change(project, "mustBeGreaterThan: 0", "mustBeGreaterOrEqualTo: 0")
    for number in range(MINIMUM):
        project.write(f"d{number}", TEXTS[number])
    ingest(project)
    for path in project.inbox.glob("*.md"):
        path.unlink()
    ingest(project, allow_shrink=True)
    with project.runtime.catalog.reading() as tx:
        kept = profiles.latest(tx, NAME)
    assert kept is not None
    assert kept.profile["documents"] == MINIMUM + 1


def test_the_first_ones_of_a_text_are_given_by_id(project: Project) -> None:
    ids = [f"{name}.md" for name in "cabed"]
    for name in ids:
        project.write(name.removesuffix(".md"), TEXTS[0])
    ingest(project)
    with project.runtime.catalog.transaction() as tx:
        sketches.remove(tx, NAME, ids)
        records = [
            SketchRecord(
                contract=NAME, doc_id=name, content_sha256=sha256_hex(b"x"), title="", family="", signature=b""
            )
            for name in ids
        ]
        sketches.put(tx, NAME, [(record, ()) for record in reversed(records)])
        found = sketches.same_text(tx, NAME, [sha256_hex(b"x")], 2)
    assert found == {sha256_hex(b"x"): ("a.md", "b.md")}


def test_pages_of_a_numbered_series_do_not_contradict_each_other(project: Project) -> None:
    page = "# Page {0}\n\n" + "This is page {0} of the manual and it tells how the pump is mounted on its frame. "
    steps = "".join(
        f"Step {step} of the work is done with tool {step} and checked by the person on duty. " for step in range(9)
    )
    for number in range(1, 25):
        project.write(
            f"page-{number}", page.format(number) + steps + f"The torque of the bolt shown here is {number * 7} Nm."
        )
    ingest(project)
    assert all("family.conflict" not in kinds(project, f"page-{number}") for number in range(1, 25))


@pytest.mark.parametrize("field", ["document_id", "supersedes", "author", "owner", "title"])
@pytest.mark.parametrize("value", ["long", "nul"])
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_names_of_any_length_and_kind_are_kept(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, field: str, value: str
) -> None:
    project = Project.create(tmp_path / "project")
    if database == "postgres":
        url = request.getfixturevalue("postgres_url")
        project.settings = project.settings.model_copy(update={"catalog_url": url})
    noise = "".join(uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex for number in range(282))
    project.write("odd", said(TEXTS[1], **{field: noise if value == "long" else '"a\\0b"'}))
    try:
        assert ingest(project).received == 1
    finally:
        project.runtime.catalog.close()


def test_long_names_are_told_apart() -> None:
    one, other = folded("id:" + "x" * 9_000), folded("id:" + "x" * 9_001)
    assert one != other
    assert max(len(one), len(other)) <= LONGEST_NAME
    assert folded("a\0b") == "ab"
    assert len(person_of("x" * 9_000)) == LONGEST_NAME
