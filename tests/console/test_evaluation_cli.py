"""`stemma eval`: bound, run, shown, over time, and bound anew with a reason; exit codes and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

NAME = "handbook"
QUOTES = {
    "refunds": ("How long does a customer have for a refund?", "thirty days"),
    "shipping": ("How is shipping done?", None),
    "lost": ("What is not there?", "words that nobody wrote"),
}


def write_set(project: Any, quotes: dict[str, tuple[str, str | None]]) -> None:
    lines = []
    for name, (question, quote) in quotes.items():
        document = f"docs/{name}.md" if (project.folder / "docs" / f"{name}.md").exists() else "docs/refunds.md"
        pinned = {"document": document.removeprefix("docs/")} | ({"quote": quote} if quote else {})
        lines.append(json.dumps({"id": name, "question": question, "evidence": [pinned], "tags": ["all"]}))
    (project.folder / "golden.jsonl").write_text("\n".join(lines))


@pytest.fixture
def asked(ingested: Any) -> Any:
    """The project at version 1, with a golden file in its contract."""
    text = ingested.contract.read_text().replace("version: 1.0.0", "version: 1.1.0", 1).rstrip("\n")
    added = "  - property: ragEvaluation\n    vendor: stemma\n    value: {golden: golden.jsonl, k: 3, minValid: 0.9}\n"
    ingested.contract.write_text(f"{text}\n{added}")
    write_set(ingested, QUOTES)
    return ingested


def test_an_item_is_bound_run_shown_and_bound_anew(asked: Any) -> None:
    first = asked.json("eval", "bind", NAME, code=1)
    assert set(first["bound"]) == {"refunds", "shipping"}
    assert "not found in refunds.md" in first["unbound"]["lost"]
    write_set(asked, {name: value for name, value in QUOTES.items() if name != "lost"})
    again = asked.json("eval", "bind", NAME)
    assert (again["bound"], again["already"], again["unbound"]) == ([], 2, {})

    ran = asked("eval", "run", NAME)
    for words in (
        "handbook v000001",
        "2 of 2 hold; 2 valid",
        "recall@3 1.0000",
        "slice all",
        "no hit stands against it",
    ):
        assert words in ran.out
    refunds = (asked.folder / "docs" / "refunds.md").read_text()
    (asked.folder / "docs" / "refunds.md").write_text(refunds.replace("thirty days", "sixty days"))
    figures = asked.json("ingest", NAME)["figures"]
    assert (figures["golden_items"], figures["golden_holding"]) == (2, 1)

    ran = asked("eval", "run", NAME, code=1)
    for words in (
        "1 of 2 hold",
        "changed",
        "the words are no longer there",
        "since v000001",
        "invalidation",
        "-0.5000",
    ):
        assert words in ran.out
    data = asked.json("eval", "run", NAME, "--version", "live", "--against", "1", code=1)
    split = data["change"]["measures"]["recall"]
    assert split["invalidation"] == split["change"] == -0.5
    assert split["regression"] == 0.0
    shown = asked.json("eval", "show", NAME)
    assert shown == data
    assert "shipping" in asked("eval", "show", NAME, "--all").out
    assert "valid" not in [
        line.split()[1] for line in asked("eval", "show", NAME).out.splitlines() if "refunds" in line
    ]

    points = asked.json("eval", "history", NAME)["points"]
    assert [(point["number"], point["holding"]) for point in points][-1] == (2, 1)
    assert "50.0%" in asked("eval", "history", NAME).out

    left = asked.json("eval", "rebase", NAME, "--reason", "sixty days since May", code=1)
    assert (left["rebased"], left["left"]) == ({}, {"refunds": "changed"})
    write_set(
        asked,
        {"refunds": ("How long does a customer have for a refund?", "sixty days"), "shipping": QUOTES["shipping"]},
    )
    done = asked.json("eval", "rebase", NAME, "--item", "refunds", "--reason", "sixty days since May")
    assert done["rebased"] == {"refunds": "unbound"}
    assert (
        "sixty days since May"
        in asked("eval", "rebase", NAME, "--item", "shipping", "--reason", "sixty days since May").out
    )
    assert "2 of 2 hold" in asked("eval", "run", NAME, "--reason", "the terms of May").out
    [entry] = asked.json("audit", "list", "--limit", "1")["entries"]
    assert (entry["action"], entry["detail"]["reason"], entry["detail"]["holding"]) == (
        "golden.run",
        "the terms of May",
        2,
    )
    assert "golden.rebase" in asked("audit", "list").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", NAME, "--version", "9"), ("no version '9'", "Versions: 1")),
        (("run", NAME, "--against", "1"), ("with itself",)),
        (("rebase", NAME), ("needs a reason", "audit log")),
        (("rebase", NAME, "--item", "q", "--reason", "r"), ("no golden item q", "stemma eval show")),
        (("show", NAME), ("was never evaluated", "stemma eval run")),
    ],
)
def test_what_cannot_be_done_is_said(asked: Any, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    ran = asked("eval", *arguments, code=2)
    assert all(word in ran.err for word in words), ran.err


def test_an_index_without_golden_items_is_told_where_to_put_them(ingested: Any) -> None:
    ran = ingested("eval", "run", NAME, code=2)
    assert "ragEvaluation.golden" in ran.err
    assert "Nothing was evaluated yet" in ingested("eval", "history", NAME).out
