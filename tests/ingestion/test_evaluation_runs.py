"""Golden items over real versions: bound, judged after each release, compared, gated, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project, real_texts

from corpus.catalog import audit, embedders, evaluations, versions
from corpus.errors import ConfigurationError, EvaluationStale, GateFailed
from index.evidence import State
from index.rebuild import rebuild_catalog
from index.retention import remove_version
from index.signing import TrustStore
from ingestion import embedding, evaluating
from ingestion.stages import evaluation as stage
from ingestion.stages import release


def long_lines(text: str) -> list[str]:
    """Returns the lines that are sentences, and no rows of a table."""
    return [line.strip() for line in text.splitlines() if len(line.strip().split()) > 12 and "|" not in line]


PAGES = dict([found for found in real_texts() if long_lines(found[1])][:24])
REFUNDS = """# Refunds

Goods that were bought in the shop may be sent back within thirty days of the purchase, with the receipt.

Refunds are paid to the account that the customer paid with, five working days after the parcel arrived.
"""
SHIPPING = """# Shipping

Parcels leave the warehouse in Rotterdam on every working day before four in the afternoon.

Letters are sent once a week and carry no tracking number, whatever they hold.
"""
ITEMS: tuple[dict[str, Any], ...] = (
    {
        "id": "window",
        "question": "How long may goods be sent back after the purchase?",
        "evidence": [{"document": "refunds.md", "quote": "within thirty days of the purchase, with the receipt."}],
        "tags": ["refunds"],
    },
    {
        "id": "account",
        "question": "Which account are refunds paid to?",
        "evidence": [{"document": "refunds.md", "quote": "paid to the account that the customer paid with"}],
        "tags": ["refunds"],
    },
    {
        "id": "both",
        "question": "When do parcels leave, and do letters carry a tracking number?",
        "evidence": [
            {"document": "shipping.md", "quote": "Parcels leave the warehouse in Rotterdam on every working day"},
            {"document": "shipping.md", "quote": "Letters are sent once a week and carry no tracking number"},
        ],
    },
    {"id": "page", "question": "Where is the page on shipping?", "evidence": [{"document": "shipping.md"}]},
)


class Golden(Project):
    """A project whose contract names a golden file, and maybe a gate."""

    def set(self, items: Sequence[dict[str, Any]] = ITEMS, *, gate: str = "", more: str = "", version: str = "1.1.0"):
        self.declare(self.model, version)
        (self.folder / "golden").mkdir(exist_ok=True)
        (self.folder / "golden" / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
        text = self.contract_path.read_text().rstrip("\n")
        text += f"\n  - property: ragEvaluation\n    vendor: stemma\n    value: {{golden: golden/items.jsonl{more}}}\n"
        if gate:
            text += f"  - property: ragGates\n    vendor: stemma\n    value: {{golden: {gate}}}\n"
        self.contract_path.write_text(text)

    def start(self, **more: Any) -> None:
        self.write("refunds", REFUNDS)
        self.write("shipping", SHIPPING)
        for name, text in PAGES.items():
            self.write(name, text)
        self.set(**more)
        self.ingest()

    def live(self) -> int:
        with self.runtime.catalog.reading() as tx:
            state = versions.alias(tx, NAME, "live")
        assert state is not None
        return state.number

    def states(self) -> dict[str, str]:  # type: ignore[override]
        return {item.id: item.state.value for item in stage.run(self.runtime, NAME).results}

    def gates(self, number: int) -> dict[str, dict[str, Any]]:
        with self.runtime.catalog.reading() as tx:
            found = versions.get(tx, NAME, number)
        assert found is not None
        return {item["name"]: item for item in found.manifest["gates"] if item["name"].startswith("golden-")}


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Golden]:
    """A project on SQLite; on PostgreSQL where the test is marked with `both`."""
    made = Golden.create(tmp_path / "project")
    assert isinstance(made, Golden)
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    yield made
    made.runtime.catalog.close()


both = pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)


@both
def test_each_item_is_valid_moved_changed_gone_or_contested_after_a_release(project: Golden) -> None:
    project.start()
    with project.runtime.catalog.reading() as tx:
        [kept] = evaluations.history(tx, NAME)
        assert set(evaluations.bindings(tx, NAME)) == {item["id"] for item in ITEMS}, "the release bound them"
    assert (kept.items, kept.holding, kept.recall) == (4, 4, 1.0)
    assert set(project.states().values()) == {"valid"}

    project.write("refunds", "A line that was put above everything else.\n\n" + REFUNDS)
    project.ingest()
    assert project.states() == {"window": "moved", "account": "moved", "both": "valid", "page": "valid"}

    project.write("refunds", REFUNDS.replace("thirty days of the purchase", "sixty days of the delivery"))
    (project.inbox / "shipping.md").rename(project.inbox / "parcels.md")
    project.ingest()
    found = stage.run(project.runtime, NAME)
    said = {item.id: (item.state.value, item.why) for item in found.results}
    assert said["window"] == ("changed", "refunds.md: the words are no longer there")
    assert said["account"][0] in ("valid", "moved")
    assert said["both"] == ("moved", "shipping.md is gone, its words stand in parcels.md")
    assert said["page"] == ("moved", "shipping.md is gone, its words stand in parcels.md")
    assert {item.id: item.ranks for item in found.results}["both"] != (None, None), "it is found where it is now"

    (project.inbox / "parcels.md").unlink()
    project.write("terms", REFUNDS.replace("five working days", "ten working days").replace("# Refunds", "# Terms"))
    project.ingest()
    found = stage.run(project.runtime, NAME)
    said = {item.id: (item.state.value, item.why) for item in found.results}
    assert said["both"][0] == said["page"][0] == "gone"
    assert said["account"][0] == "contested"
    assert "terms.md stands against it (number)" in said["account"][1]
    contested = next(item for item in found.results if item.id == "account")
    assert (contested.uncontradicted, contested.counts) == (False, False)


def test_a_rival_that_stood_there_when_an_item_was_bound_is_not_new(project: Golden) -> None:
    project.write("terms", REFUNDS.replace("five working days", "ten working days").replace("# Refunds", "# Terms"))
    project.start()
    found = {item.id: item for item in stage.run(project.runtime, NAME).results}
    assert (found["account"].state, found["account"].uncontradicted) == (State.VALID, False)
    assert stage.rebase(project.runtime, NAME, reason="read them", items=["account"]).rebased == {"account": "valid"}

    project.write("terms", REFUNDS.replace("five working days", "nine working days").replace("# Refunds", "# Terms"))
    project.ingest()
    assert project.states()["account"] == "contested", "an edited rival is another one"
    stage.rebase(project.runtime, NAME, reason="read it again")
    assert project.states()["account"] == "valid"


def test_the_four_assumptions_are_checked(project: Golden) -> None:
    project.start(more=", k: 3, minScore: 0.99")
    found = stage.run(project.runtime, NAME).to_json()
    assert found["assumptions"]["retrievable"] == {"holds": 4, "broken": 0, "not_asked": 0}
    assert found["assumptions"]["above_threshold"]["broken"] == 4
    assert found["assumptions"]["uncontradicted"]["holds"] == 4
    project.set(more=", k: 1", version="1.2.0")
    found = stage.run(project.runtime, NAME).to_json()
    assert found["assumptions"]["above_threshold"]["not_asked"] == 4
    [two] = [item for item in found["results"] if item["id"] == "both"]
    reader = project.reader()
    [hit] = reader.search(str(ITEMS[2]["question"]), k=1)
    whole = all(place["quote"] in hit.text for place in ITEMS[2]["evidence"])
    assert two["complete"] is (whole and hit.doc_id == "shipping.md")
    assert two["scores"]["recall"] == sum(place["quote"] in hit.text for place in ITEMS[2]["evidence"]) / 2


@both
def test_a_new_baseline_needs_a_reason_and_is_in_the_audit_log(project: Golden) -> None:
    project.start()
    project.write("refunds", REFUNDS.replace("thirty days of the purchase", "sixty days of the delivery"))
    (project.inbox / "shipping.md").unlink()
    project.ingest()
    with pytest.raises(ConfigurationError, match="needs a reason"):
        stage.rebase(project.runtime, NAME, reason="  ")
    with pytest.raises(ConfigurationError, match="no golden item nothing"):
        stage.rebase(project.runtime, NAME, reason="r", items=["nothing"])
    before = project.states()
    assert (before["window"], before["both"]) == ("changed", "gone")
    done = stage.rebase(project.runtime, NAME, reason="the terms changed in May")
    assert set(done.left) == {"window", "both", "page"}, "what is not there cannot be pinned"

    mended = [dict(item) for item in ITEMS[:2]]
    mended[0]["evidence"] = [{"document": "refunds.md", "quote": "within sixty days of the delivery"}]
    project.set(mended, version="1.2.0")
    assert project.states()["window"] == "unbound", "an edited item is not bound anew in silence"
    assert "edited" in stage.bind(project.runtime, NAME).unbound["window"]
    done = stage.rebase(project.runtime, NAME, reason="the terms changed in May", items=["window"])
    assert (dict(done.rebased), dict(done.left)) == ({"window": "unbound"}, {})
    assert project.states()["window"] == "valid"
    with project.runtime.catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None
        logged = [entry for entry in audit.tail(tx, 50) if entry.action == "golden.rebase"]
    assert logged[0].detail["reason"] == "the terms changed in May"
    assert [(item["item"], item["from"], item["to"]) for item in logged[0].detail["items"]] == [("window", 1, 2)]


def test_no_word_of_a_question_or_a_document_is_kept(project: Golden) -> None:
    project.start()
    project.write("terms", REFUNDS.replace("five working days", "ten working days"))
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        kept = str([evaluations.bindings(tx, NAME), evaluations.history(tx, NAME)])
    for word in ("receipt", "Rotterdam", "customer", "How long", "tracking"):
        assert word not in kept


def test_a_change_is_split_into_invalidation_and_regression(project: Golden) -> None:
    project.start()
    project.write("refunds", REFUNDS.replace("thirty days of the purchase", "sixty days of the delivery"))
    project.ingest()
    change = stage.run(project.runtime, NAME).change
    assert change is not None
    assert (change.before, change.items, change.invalid) == (1, 4, 1)
    recall = change.measures["recall"]
    assert float(recall.invalidation) == pytest.approx(-0.25)
    assert recall.regression == 0
    assert recall.before + recall.invalidation + recall.regression == recall.after
    assert change.became["changed"] == ("window",)
    points = stage.history(project.runtime, NAME)
    assert [(point.number, point.holding) for point in points] == [(1, 4), (2, 3), (2, 3)]
    assert points[-1].share == 0.75


def test_looking_at_the_version_before_binds_nothing_to_it(project: Golden) -> None:
    project.start()
    project.write("refunds", REFUNDS.replace("thirty days of the purchase", "sixty days of the delivery"))
    project.ingest()
    late = {
        "id": "late",
        "question": "How long?",
        "evidence": [{"document": "refunds.md", "quote": "within thirty days"}],
    }
    project.set([*ITEMS, late], version="1.2.0")
    for _ in range(2):
        found = stage.run(project.runtime, NAME)
        assert found.bound_now == ()
        assert {item.id: item.state.value for item in found.results}["late"] == "unbound"
    assert stage.run(project.runtime, NAME, version=1).bound_now == ("late",)
    assert project.states()["late"] == "changed"


def test_a_version_that_is_gone_is_compared_by_its_stored_results(project: Golden) -> None:
    project.start()
    project.write("refunds", REFUNDS.replace("thirty days of the purchase", "sixty days of the delivery"))
    project.ingest()
    asked = stage.run(project.runtime, NAME).change
    remove_version(project.runtime.store, NAME, 1)
    stored = stage.run(project.runtime, NAME).change
    assert asked is not None
    assert stored == asked
    project.set(more=", k: 4", version="1.2.0")
    assert stage.run(project.runtime, NAME).change is None, "figures of another k are no comparison"
    with pytest.raises(ConfigurationError, match="never evaluated at k = 4"):
        stage.run(project.runtime, NAME, against=1)


def test_the_audit_fails_where_fewer_items_hold_than_the_contract_asks(project: Golden) -> None:
    project.start(more=", minValid: 0.8")
    assert stage.watch(project.runtime, NAME).figures["golden_holding"] == 4
    (project.inbox / "shipping.md").unlink()
    project.ingest()
    with pytest.raises(EvaluationStale, match="evidence of 2 of 4 golden items holds, the contract asks for 80%"):
        stage.watch(project.runtime, NAME)


def test_a_project_without_golden_items_is_told_what_to_do(project: Golden) -> None:
    project.write("refunds", REFUNDS)
    figures = project.ingest().figures
    assert not any(name.startswith("golden") for name in figures)
    assert stage.watch(project.runtime, NAME).figures == {"items": 0}
    with pytest.raises(ConfigurationError, match=r"ragEvaluation\.golden"):
        stage.run(project.runtime, NAME)


def test_a_golden_file_that_is_lost_fails_no_release_without_a_gate_and_every_one_with_it(project: Golden) -> None:
    project.start()
    (project.folder / "golden" / "items.jsonl").unlink()
    project.write("more", REFUNDS.replace("Refunds", "Returns"))
    assert "not made: the golden items" in str(project.ingest().figures["golden_evaluation"])
    assert project.live() == 2
    project.set(gate="{}", version="1.2.0")
    (project.folder / "golden" / "items.jsonl").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        project.ingest()
    assert project.live() == 2


def golden_of_pages() -> list[dict[str, Any]]:
    """An item for each real page, asked for by the first words of its first long line."""
    return [
        {
            "id": name,
            "question": f"{name}: {' '.join(long_lines(text)[0].split()[:8])}",
            "evidence": [{"document": f"{name}.md"}],
            "tags": ["pages"],
        }
        for name, text in PAGES.items()
    ]


def test_a_release_whose_questions_find_less_is_refused_and_the_alias_stays(project: Golden) -> None:
    items = golden_of_pages()
    assert len(items) >= 20
    project.start(items=items, gate="{}")
    first = project.gates(1)
    assert set(first) == {"golden-recall", "golden-mrr", "golden-slices"}
    assert all(gate["passed"] for gate in first.values())
    assert "no version serves" in first["golden-recall"]["actual"]

    for number in range(12):  # pages that answer every question in the words of the question, twelve times over
        for item in items:
            words = item["question"]
            self_made = f"# {words}\n\n{words}. {words}, and number {number} of them is {item['id']} again.\n"
            project.write(f"spam-{item['id']}-{number}", self_made)
    with pytest.raises(GateFailed, match=r"golden-recall: expected recall@10 at most 0\.01 below") as refused:
        project.ingest()
    assert "golden-mrr" in str(refused.value)
    assert "golden-slices" in str(refused.value)
    assert "pages -" in str(refused.value)
    assert project.live() == 1
    with pytest.raises(GateFailed, match="golden-recall"):
        release.release(project.runtime, NAME, "again", force=True, reason="meant")
    with pytest.raises(GateFailed) as again:
        release.release(project.runtime, NAME, "third")
    assert str(again.value) == str(refused.value), "one pair of versions has one verdict"

    project.set(items, gate="{maxRecallDrop: off, maxMrrDrop: off, maxSliceDrop: 1}", version="1.2.0")
    project.ingest()
    assert project.live() == 2


def test_a_release_with_a_gate_asks_each_version_once(project: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    project.start(gate="{maxInvalid: 1}")
    real, asked = evaluating.pin_items, []

    def counted(*given: Any) -> Any:
        asked.append(1)
        return real(*given)

    monkeypatch.setattr(evaluating, "pin_items", counted)
    project.write("shipping", SHIPPING.replace("Rotterdam", "Antwerp"))
    figures = project.ingest().figures
    assert (project.live(), len(asked)) == (2, 2)
    kept = stage.show(project.runtime, NAME)["results"]
    fresh = stage.run(project.runtime, NAME)
    assert kept == [item.to_json() for item in fresh.results], "what was passed on is what is asked anew"
    assert (len(asked), fresh.figures() | figures) == (4, figures | fresh.figures())


def test_a_version_that_followed_one_which_nobody_knows_is_evaluated_alone(project: Golden, tmp_path: Path) -> None:
    project.start()
    project.write("more", REFUNDS.replace("Refunds", "Returns"))
    project.ingest()
    remove_version(project.runtime.store, NAME, 1)
    project.settings = project.settings.model_copy(update={"catalog_url": f"sqlite:///{tmp_path}/new.db"})
    project.upgrade()
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    rebuild_catalog(project.runtime.store, project.runtime.catalog, NAME, trust, actor="ann")
    with project.runtime.catalog.transaction() as tx:
        embedders.register(tx, embedding.describe(project.runtime, project.model, None))
    found = stage.run(project.runtime, NAME)
    assert (found.number, found.change, found.holding) == (2, None, 4)
    with pytest.raises(ConfigurationError, match="has no version 1"):
        stage.run(project.runtime, NAME, against=1)


def test_a_gate_over_items_that_all_lost_their_evidence_fails(project: Golden) -> None:
    project.start(gate="{maxInvalid: 0.5}")
    assert "golden-valid" in project.gates(1)
    (project.inbox / "shipping.md").unlink()
    (project.inbox / "refunds.md").unlink()
    with pytest.raises(GateFailed, match="none of 4 golden items has evidence that holds") as refused:
        project.ingest()
    assert "golden-valid: expected at most 50.0%" in str(refused.value)
    assert project.live() == 1


def test_what_another_search_finds_first_is_not_new(project: Golden) -> None:
    """A wider search, as another model would be, finds a rival that stood there all the time."""
    rival = REFUNDS.splitlines()[4].replace("five", "ten")
    others = "\n\n".join(f"Parcel {number} of the catalogue of toys weighs {number} grams." for number in range(9))
    project.write("toys", f"# Toys\n\n{others} {rival}\n")
    project.start(more=", k: 1")
    first = {item.id: item for item in stage.run(project.runtime, NAME).results}
    assert first["account"].uncontradicted
    project.set(more=", k: 50", version="1.2.0")
    wider = {item.id: item for item in stage.run(project.runtime, NAME).results}
    assert not wider["account"].uncontradicted
    assert wider["account"].state is State.VALID
    project.write("more", "# More\n\nSomething that was added, so that there is another version to look at here.\n")
    project.ingest()
    assert project.states()["account"] == "valid"
    remove_version(project.runtime.store, NAME, 1)
    assert project.states()["account"] == "contested", "nobody can say any more that it was there"


def test_another_chunker_moves_evidence_and_loses_none(project: Golden) -> None:
    project.start()
    before = stage.run(project.runtime, NAME)
    project.set(version="2.0.0")
    text = project.contract_path.read_text()
    assert "maxTokens: 254" in text
    project.contract_path.write_text(text.replace("maxTokens: 254", "maxTokens: 16"))
    project.ingest()
    after = stage.run(project.runtime, NAME)
    assert {item.id: item.state.value for item in after.results} == {
        "window": "moved",
        "account": "moved",
        "both": "moved",
        "page": "valid",
    }
    assert after.change is not None
    assert (after.change.items, after.change.invalid) == (4, 0)
    assert after.change.measures["recall"].invalidation == 0
    assert max(len(item.ranks) for item in after.results) == max(len(item.ranks) for item in before.results) == 2


def test_states_have_an_order_and_only_two_of_them_count() -> None:
    assert [state for state in State if state.holds] == [State.VALID, State.MOVED]
