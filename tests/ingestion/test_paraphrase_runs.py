"""The suspected tier in whole runs: what is listed for a person, what is never touched, and what it costs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project
from sqlalchemy import delete, update

from console.cli.main import main
from corpus.catalog import decisions
from corpus.catalog.tables import AnswerRow
from corpus.types import Basis
from ingestion import answervectors, embedding, paraphrases
from ingestion.stages.answers import import_answers

MODEL = "all-MiniLM-L6-v2"
NOW = datetime.now(UTC)
RULE = """
      - name: in-other-words
        type: custom
        engine: stemma
        severity: warning
        implementation:
          rule: paraphrase
          onFail: {on_fail}
"""
SOURCE = """# Returning kettles

A kettle may be returned within sixty days of the purchase. The seal under the lid has to be whole. Kettles that were
used with anything but water are not taken back. The base plate belongs to the kettle and is returned with it.
Refunds go to the card that was charged.
"""
REVISED = SOURCE.replace("sixty", "ninety") + "\nSince May a damaged carton is no reason to refuse a kettle.\n"
SECOND = """# Notes from the shop meeting

Mara read the rule aloud: "A kettle may be returned within sixty days of the purchase. The seal under the lid has to be
whole." Nobody had questions. Tom will paint the counter next week, and the window is to be cleaned on Friday.
"""
SUMMARY = """# Kettles in brief

People can bring kettles back for sixty days as long as the seal is unbroken, and the base plate must come along with
it. Money is returned to the card they paid with.
"""
ANSWER = (
    "You can send the kettle back, and you do not even need to find a printer at home for that. Write the number of "
    "your order in large letters on the outside of the box and carry it to any partner shop in town. The clerk behind "
    "the counter prints a shipping label for you and hands you a receipt with a tracking code. About five working days "
    "later the 45 euros that you paid arrive on your bank account."
)
REWORDED = """# How we take kettles back

No printer is necessary when someone wants to send a kettle back to us. The order number has to be written in big
letters on the outer side of the carton, which can be brought to every partner shop in the city. There the clerk at
the counter prints out the shipping label and gives a receipt that shows a tracking code. The paid 45 € reach the bank
account around 5 working days afterwards.
"""
OTHER = """# The canteen

Lunch is served from noon to two. On Tuesdays there is soup, and on Fridays fish. Guests pay at the desk beside the
door, and colleagues hold their badge to the reader. Dishes go back to the belt on the left.
"""


@dataclass
class Shop:
    """A project whose contract asks for the tier, and its inbox."""

    project: Project

    def write(self, name: str, text: str, changed: datetime) -> None:
        path = self.project.write(name, text)
        os.utime(path, (changed.timestamp(), changed.timestamp()))

    def ask(self, on_fail: str = "warn") -> None:
        path = self.project.contract_path
        head, mark, tail = path.read_text().partition("    quality:\n      - name: some-documents")
        assert mark
        rule = RULE.format(on_fail=on_fail)
        path.write_text(f"{head}    quality:{rule}      - name: some-documents{tail}")

    def serve(self, text: str = ANSWER, *, served: datetime | None = None, answer_id: str = "a1") -> None:
        line = {
            "answer_id": answer_id,
            "system": "shop-bot",
            "model": "m",
            "served_at": (served or datetime.now(UTC)).isoformat(),
            "text": text,
            "retrieved": [],
        }
        path = self.project.folder / "answers.jsonl"
        path.write_text(json.dumps(line) + "\n")
        import_answers(self.project.runtime, path)

    def findings(self, doc_id: str) -> list[dict[str, Any]]:
        with self.project.runtime.catalog.reading() as tx:
            newest = decisions.of_document(tx, NAME, doc_id)[0]
        return [dict(item) for item in newest.findings if item["code"] == "answer.paraphrase"]

    def reasons(self, doc_id: str) -> list[dict[str, Any]]:
        with self.project.runtime.catalog.reading() as tx:
            return [dict(item) for item in decisions.of_document(tx, NAME, doc_id)[0].reasons]


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Shop]:
    def make(model: str = MODEL, *, ask: bool = True) -> Shop:
        shop = Shop(Project.create(tmp_path / "project", model))
        if ask:
            shop.ask()
        shop.write("source", SOURCE, NOW - timedelta(days=9))
        shop.write("canteen", OTHER, NOW - timedelta(days=9))
        return shop

    return make


def later(hours: int = 1) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_an_answer_in_other_words_is_listed_for_a_person_and_served(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    shop.project.ingest()
    shop.serve()
    shop.write("howto", REWORDED, later())
    receipt = shop.project.ingest()
    assert (receipt.counts.indexed, receipt.counts.quarantined) == (1, 0)
    assert receipt.figures["paraphrases"] == 1
    [found] = shop.findings("howto.md")
    assert (found["level"], found["basis"]) == ("E2", Basis.SUSPECTED.value)
    detail = found["detail"]
    assert detail["answer_id"] == "a1"
    assert detail["share_of_document"] > 0.5
    assert detail["threshold"].endswith(embedding.describe(shop.project.runtime, MODEL, None).fingerprint)
    assert {"source.md"} >= {source["doc_id"] for source in detail["sources"][:1]}
    for pair in detail["pairs"]:
        assert REWORDED[slice(*pair["span"])].strip()
        assert ANSWER[slice(*pair["answer_span"])].strip()
    assert any("45 €" in pair["agreeing"] for pair in detail["pairs"])
    [reason] = [item for item in shop.reasons("howto.md") if item["rule"] == "paraphrase"]
    assert "suspected" in reason["message"]
    assert shop.project.states()["howto.md"].state == "active"


@pytest.mark.parametrize(
    ("name", "text"),
    [("source", REVISED), ("meeting", SECOND), ("brief", SUMMARY), ("canteen", OTHER + "\nThe soup is vegan.\n")],
)
def test_a_revision_a_quoting_page_and_a_summary_of_the_source_are_not_suspected(
    make_shop: Callable[..., Shop], name: str, text: str
) -> None:
    """The answer here says what the source says, so that only the direction tells them apart."""
    shop = make_shop()
    shop.project.ingest()
    shop.serve(
        "Kettles may be returned within sixty days of the purchase if the seal under the lid is still whole. Please "
        "put the base plate in as well, since it belongs to the kettle. The refund goes to the card that was charged."
    )
    shop.write(name, text, later())
    shop.project.ingest()
    assert shop.project.states()[f"{name}.md"].state == "active"
    assert shop.findings(f"{name}.md") == []


def test_what_was_there_before_the_answer_is_not_suspected(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    shop.serve(served=NOW - timedelta(days=1))
    shop.write("howto", REWORDED, NOW - timedelta(days=2))
    shop.project.ingest()
    assert shop.findings("howto.md") == []


def test_logs_that_arrive_after_the_page_make_the_next_run_look_again(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    shop.project.ingest()
    shop.write("howto", REWORDED, later())
    shop.project.ingest()
    assert shop.findings("howto.md") == []
    with shop.project.runtime.catalog.reading() as tx:
        seen = decisions.of_document(tx, NAME, "howto.md")[0].decided_at
    shop.serve(served=seen - timedelta(seconds=1))
    receipt = shop.project.ingest()
    assert receipt.counts.unchanged == 2
    assert len(shop.findings("howto.md")) == 1
    assert receipt.figures["embedded"] == 0
    assert shop.project.ingest().counts.unchanged == 3


def test_the_contract_may_hold_what_is_suspected(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(ask=False)
    shop.ask("quarantine")
    shop.project.ingest()
    shop.serve()
    shop.write("howto", REWORDED, later())
    assert shop.project.ingest().counts.quarantined == 1
    [reason] = [item for item in shop.reasons("howto.md") if item["rule"] == "paraphrase"]
    assert reason["span"]


def test_without_the_rule_nothing_is_embedded_for_it(
    make_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop("wordllama-256", ask=False)
    shop.serve()
    monkeypatch.setattr(paraphrases, "prepare", None)
    monkeypatch.setattr(paraphrases, "with_suspicions", None)
    shop.write("howto", REWORDED, later())
    shop.project.ingest()
    assert shop.findings("howto.md") == []
    assert shop.project.runtime.store.names("answers") == ()


def test_each_text_goes_through_the_model_once(make_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    shop.project.ingest()
    shop.serve()
    embedded: list[str] = []
    model = type(embedding.open_embedder(shop.project.runtime, embedding.describe(shop.project.runtime, MODEL, None)))
    plain = model.embed

    def counted(self: Any, texts: Sequence[str]) -> Any:
        embedded.extend(texts)
        return plain(self, texts)

    monkeypatch.setattr(model, "embed", counted)
    shop.write("howto", REWORDED, later())
    receipt = shop.project.ingest()
    assert receipt.figures["embedded"] == 0, "the chunks were embedded when the shard was assessed"
    ours = [text for text in embedded if text in REWORDED]
    assert len(ours) == len(set(ours)) > 3


def test_an_erased_answer_leaves_no_vector_and_no_text(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop("wordllama-256")
    shop.project.ingest()
    shop.serve()
    shop.serve(OTHER.replace("#", ""), answer_id="a2")
    shop.write("howto", REWORDED, later())
    shop.project.ingest()
    [space] = shop.project.runtime.store.names("answers")
    folder = answervectors.folder_of(space)
    assert set(answervectors.sentences_of(shop.project.runtime, space, ["a1", "a2"])) == {"a1", "a2"}
    finding = json.dumps(shop.findings("howto.md"))
    assert "carry it to any partner shop" not in finding
    with shop.project.runtime.catalog.transaction() as tx:
        tx.execute(delete(AnswerRow).where(AnswerRow.answer_id == "a1"))
    shop.project.ingest()
    assert set(answervectors.sentences_of(shop.project.runtime, space, ["a1", "a2"])) == {"a2"}
    assert len(shop.project.runtime.store.names(f"{folder}/sentences")) == 1


def test_an_answer_whose_text_is_not_kept_is_counted_as_not_available(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop("wordllama-256")
    shop.project.ingest()
    shop.serve()
    with shop.project.runtime.catalog.transaction() as tx:
        tx.execute(update(AnswerRow).values(text=None))
    contract = shop.project.runtime.contract(NAME)
    assert paraphrases.prepare(shop.project.runtime, contract) == {
        "answers": 0,
        "answers_without_text": 1,
        "look_again": 0,
    }
    shop.write("howto", REWORDED, later())
    shop.project.ingest()
    assert shop.findings("howto.md") == []


def test_on_postgresql_it_finds_the_same(make_shop: Callable[..., Shop], postgres_url: str) -> None:
    shop = make_shop("wordllama-256")
    shop.project.settings = shop.project.settings.model_copy(update={"catalog_url": postgres_url})
    try:
        shop.project.ingest()
        shop.serve()
        shop.write("howto", REWORDED, later())
        shop.project.ingest()
        assert [item["detail"]["answer_id"] for item in shop.findings("howto.md")] == ["a1"]
    finally:
        shop.project.runtime.catalog.close()


def test_a_person_sees_the_sentences_side_by_side(
    make_shop: Callable[..., Shop], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "180")
    shop = make_shop("wordllama-256")
    shop.project.ingest()
    shop.serve()
    shop.write("howto", REWORDED, later())
    shop.project.ingest()
    (shop.project.folder / "stemma.toml").write_text('home = "home"\n')
    project = ["--project", str(shop.project.folder)]
    capsys.readouterr()
    assert main(["quarantine", "review", NAME, *project]) == 0
    listed = capsys.readouterr().out
    assert "howto.md" in listed
    assert "paraphrase" in listed
    assert main(["quarantine", "show", NAME, "howto.md", *project]) == 0
    assert "likely sources: source.md" in capsys.readouterr().out
    assert main(["quarantine", "show", NAME, "howto.md", "--json", *project]) == 0
    told = json.loads(capsys.readouterr().out)
    [evidence] = [item for item in told["evidence"] if item["code"] == "answer.paraphrase"]
    assert evidence["detail"]["pairs"]
    for pair in evidence["detail"]["pairs"]:
        assert pair["ours"] in REWORDED
        assert pair["theirs"] in ANSWER
