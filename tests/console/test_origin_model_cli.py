"""`stemma origin`: a real model trained on files, named by a contract, used in an ingest, and reported."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from provenance_parts.styles import known, text

from console.cli.main import main
from console.web.http.access import Person
from console.web.page import OfContract, Visit
from console.web.pages import source
from corpus.settings import load_settings
from corpus.storage import open_store
from corpus.types import utc_now
from ingestion.known import gather
from ingestion.runtime import open_runtime
from ingestion.statistical import publish_model
from provenance.statistics.fit import Options, train
from provenance.statistics.model import StatisticalModel

NAME = "handbook"


def declare(path: Path, model: str) -> None:
    """Names a model in a contract."""
    value = path.read_text("utf-8").replace("version: 1.0.0", "version: 1.1.0", 1)
    value += f"  - property: ragOrigin\n    vendor: stemma\n    value: {{statistical: {{model: {model}}}}}\n"
    path.write_text(value, "utf-8")


@cache
def _lines() -> dict[str, str]:
    made = known(520, 300)
    rows = [
        (item.human, json.dumps({"text": item.text, "domain": item.domain, "generator": item.generator}))
        for item in made
    ]
    return {kind: "\n".join(line for human, line in rows if human is (kind == "human")) for kind in ("human", "ai")}


def _files(folder: Path) -> list[str]:
    (folder / "human.jsonl").write_text(_lines()["human"], "utf-8")
    (folder / "ai.jsonl.gz").write_bytes(gzip.compress(_lines()["ai"].encode()))
    return ["--human", str(folder / "human.jsonl"), "--ai", str(folder / "ai.jsonl.gz")]


@cache
def _house() -> StatisticalModel:
    return train(known(520, 300), Options(name="house"), utc_now().date())


def publish(project: Any, model: StatisticalModel) -> None:
    settings = load_settings(project.folder)
    publish_model(open_store(settings.home), settings.signing_key, model)


@pytest.fixture
def modelled(project: Any) -> Any:
    """A project with a trained model and 32 documents, every fourth in the style of its AI-written texts."""
    for number in range(32):
        tics = 0.9 if number % 4 == 0 else 0.05
        project.write(f"page-{number:02}", f"# Page {number}\n\n{text(70_000 + number, tics=tics)}\n")
    publish(project, _house())
    return project


def test_from_training_to_a_share_with_an_interval(modelled: Any) -> None:
    modelled("ingest", NAME)
    [plain] = modelled.json("origin", "share", NAME)["contracts"][0]["groups"]
    assert "no statistical model" in plain["estimated"]["why_not"]
    declare(modelled.contract, "house")
    modelled("ingest", NAME)
    [group] = modelled.json("origin", "share", NAME)["contracts"][0]["groups"]
    found = group["estimated"]
    assert (group["documents"], group["unknown"]["documents"]) == (35, 35)
    assert found["said"]["too_short"] == 3
    assert (found["of"], found["scored"], found["model"]) == (35, 32, "house")
    assert found["low"] <= 0.25 <= found["high"]
    assert (group["declared"]["share"], group["matched"]["share"]) == (0.0, 0.0)
    versions = modelled.json("origin", "share", NAME, "--by", "version")["contracts"][0]["groups"]
    assert [item["group"] for item in versions] == ["v000001", "v000002"]
    assert versions[0]["estimated"]["point"] is None
    assert versions[1]["estimated"]["point"] == found["point"]
    _kept_with_its_date(modelled, found)
    shown = modelled("origin", "share").out
    assert "95 %) of 35 of unknown origin, 32 scored by house" in shown
    assert "and no part of the declared" in shown
    sources = modelled.json("origin", "share", NAME, "--by", "source")["contracts"][0]["groups"]
    assert sum(item["documents"] for item in sources) == 35
    manifest = json.loads((modelled.folder / ".stemma/indexes/handbook/v000002/manifest.json").read_bytes())
    assert "statistics" in manifest["fingerprints"]["detectors"]["parts"]
    assert set(manifest["origin"]["documents"]) == {"unknown"}
    assert modelled.json("ingest", NAME)["counts"]["unchanged"] == 35


def _kept_with_its_date(modelled: Any, found: dict[str, Any]) -> None:
    """The estimate of a version is kept when it is built, and shown apart from what is declared or matched."""
    runtime = open_runtime(load_settings(modelled.folder))
    visit = Visit(runtime=runtime, person=Person(name="Mara", session="x", fixed=False), now=utc_now())
    page = source.load(visit, OfContract(contract=NAME))
    [kept] = page.estimates
    assert (kept.number, kept.share.basis, kept.scored, kept.model) == (2, "estimated", 32, "house")
    assert (kept.share.value, kept.share.low, kept.share.high) == (found["point"], found["low"], found["high"])
    assert page.source.mix is not None
    assert (page.source.mix.unknown.value, page.source.mix.ai_suspected.value) == (1.0, 0.0), "it is added to nothing"
    [action] = source.ACTIONS
    said = action.do(visit, action.form.model_validate({"contract": NAME, "reason": "to see it anew"}))
    again = source.load(visit, OfContract(contract=NAME)).estimates
    assert (said.words, [item.number for item in again]) == ("v000002 is estimated anew.", [2])
    assert again[0].at > kept.at
    runtime.catalog.close()


def test_marked_documents_come_first_in_review_and_nothing_else_changes(modelled: Any) -> None:
    said = modelled.contract.read_text("utf-8").replace("value: block", "value: warn", 1)
    modelled.contract.write_text(
        re.sub(r"mustBeGreaterOrEqualTo: [\d.]+", "mustBeGreaterOrEqualTo: 1.0", said), "utf-8"
    )
    modelled("ingest", NAME)
    plain = modelled.json("quarantine", "review", NAME)["documents"]
    assert len(plain) >= 10
    assert all(item["statistics"] is None for item in plain)
    declare(modelled.contract, "house")
    modelled("ingest", NAME)
    marked = modelled.json("quarantine", "review", NAME)["documents"]
    assert {item["doc_id"] for item in marked} == {item["doc_id"] for item in plain}
    assert {item["origin"] for item in marked} == {"unknown"}
    rarities = [item["statistics"]["p"] for item in marked if item["statistics"]]
    assert 0 < len(rarities) < len(marked)
    assert [item["statistics"] is None for item in marked] == sorted(item["statistics"] is None for item in marked)
    assert rarities == sorted(rarities)
    assert "look here first" in modelled("quarantine", "review", NAME).out


def test_evaluate_shows_the_card_or_counts_on_other_texts(modelled: Any) -> None:
    card = modelled.json("origin", "evaluate", "house")
    assert (card["calibrated"], card["calibration"], card["covers"]) == (True, 300, ["en"])
    assert card["evaluation"]["false_positives"]["total"] == 104
    assert 0.05 < card["likely_rate"] < 0.1
    folder = modelled.folder / "known"
    for number in range(30):
        path = folder / ("guides" if number % 2 else "news") / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(80_000 + number, tics=0.05))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "short.txt").write_text("Too short to say anything of it, as everybody can see.")
    seen = modelled.json("origin", "evaluate", "house", "--human", str(folder), code=None)
    assert seen["evaluation"]["false_positives"]["total"] == 30
    assert set(seen["evaluation"]["false_positives_by_domain"]) == {"guides", "news"}
    assert seen["evaluation"]["skipped"] == {"too_short": 1}
    assert sum(seen["unread"].values()) == 1
    assert "calibrated" in modelled("origin", "evaluate", "house").out


def test_a_model_never_changes_and_its_files_are_trusted_by_signature(modelled: Any) -> None:
    again = modelled("origin", "train", "house", *_files(modelled.folder), code=2)
    assert "a model never changes" in again.err
    folder = modelled.folder / ".stemma/models/house"
    assert sorted(path.name for path in folder.iterdir()) == ["card.dsse.json", "card.json", "weights.safetensors"]
    card = (folder / "card.json").read_bytes()
    (folder / "card.json").write_bytes(card.replace(b'"alpha":0.05', b'"alpha":0.01'))
    assert "was altered" in modelled("origin", "evaluate", "house", code=3).err
    declare(modelled.contract, "house")
    assert modelled("ingest", NAME, code=3).err
    (folder / "card.json").write_bytes(card)
    weights = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(weights[:-8] + b"\0" * 8)
    assert "its card names" in modelled("origin", "evaluate", "house", code=3).err


def test_an_expired_model_says_expired_and_nothing_else(project: Any) -> None:
    card = replace(_house().card, name="old", created_on=date(2020, 1, 1), expires_on=date(2020, 1, 31))
    publish(project, replace(_house(), card=card))
    project.write("suspect", text(1, tics=1.0))
    declare(project.contract, "old")
    project("ingest", NAME)
    [group] = project.json("origin", "share", NAME)["contracts"][0]["groups"]
    assert group["estimated"]["said"] == {"expired": 4}
    assert "could say nothing" in group["estimated"]["why_not"]
    assert "Expired on 2020-01-31" in project("origin", "evaluate", "old", code=1).out


def test_a_model_is_trained_from_files(project: Any) -> None:
    made = project.json("origin", "train", "mine", *_files(project.folder))
    assert (made["model"], made["calibrated"], made["calibration"]) == ("mine", True, 300)
    assert made["evaluation"]["auroc"] > 0.75
    assert made["human"]["documents"] == 520
    assert made["unread"] == {}
    assert project.json("origin", "evaluate", "mine")["card"] == made["card"]


def test_what_cannot_be_claimed_or_read_is_refused_in_words(project: Any) -> None:
    files = _files(project.folder)
    assert (
        "at least 999 known-human documents"
        in project("origin", "train", "strict", *files, "--alpha", "0.001", code=2).err
    )
    assert "--ai is missing" in project("origin", "train", "x", *files[:2], code=2).err
    assert "does not exist" in project("origin", "train", "x", *files[:3], "nowhere", code=2).err
    assert "is no name of a model" in project("origin", "train", "../x", *files, code=2).err
    assert "Known: none" in project("origin", "evaluate", "x", code=2).err
    declare(project.contract, "x")
    assert "there is no statistical model 'x'" in project("ingest", NAME, code=2).err
    assert "no contract" in project("origin", "share", "nothing", code=2).err


def test_bad_lines_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    good = json.dumps(
        {"text": "A line\u2028of text.", "domain": "d", "group": "g", "language": "de"}, ensure_ascii=False
    )
    bad = ["not json", "[]", '{"text": 5}', '{"text": "x", "domain": 5}', '{"text": "\\ud800"}', "[" * 100_000, ""]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([good, *bad, good]), "utf-8")
    found = gather([path], [], 1_000)
    assert [(item.text, item.domain, item.group, item.language) for item in found.texts] == [
        ("A line\u2028of text.", "d", "g", "de")
    ] * 2
    assert sum(found.unread.values()) == 6
    assert main(["origin", "train", "x", "--human", str(path), "--project", str(tmp_path)]) == 2


def test_a_line_that_is_no_utf8_is_counted_and_stops_no_other(tmp_path: Path) -> None:
    lines = tmp_path / "human.jsonl"
    lines.write_bytes(b'\xef\xbb\xbf{"text": "one"}\n{"text": "caf\xe9"}\n{"text": "two\xe2\x80\xa8"}\r\n\n')
    found = gather([lines], [], 1000)
    assert [item.text for item in found.texts] == ["one", "two\u2028"]
    assert found.unread == {"line is not UTF-8": 1}
