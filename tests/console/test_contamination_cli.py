"""`stemma index contamination`: figures, alarms in words, exit codes."""

from __future__ import annotations

from typing import Any

import pytest

NAME = "handbook"
TOPICS = ("refunds", "shipping", "passwords")
GOLDEN = "context:\n  verifiedStatements:\n" + "".join(
    f"    - {{id: q{number}, question: 'What should I know about {topic}, point {number}?', answer: 'See {topic}.'}}\n"
    for number, topic in enumerate(TOPICS * 8)
)


@pytest.fixture
def asked(ingested: Any) -> Any:
    """The project at version 1, with 24 verified questions in its contract."""
    text = ingested.contract.read_text().replace("version: 1.0.0", "version: 1.1.0", 1)
    ingested.contract.write_text(text.rstrip("\n") + "\n" + GOLDEN)
    return ingested


def _machine_pages(project: Any) -> None:
    for topic in TOPICS:
        for number in range(4):
            said = f"What you should know about {topic} at point {number} is short, and people read it here."
            text = f"# What should I know about {topic}, point {number}?\n\n{said}\n"
            project.write(
                f"faq-{topic}-{number}",
                text,
                front="---\nai-generated: 'true'\nversion: '1'\nlast_validated_date: 2026-02-01\n---\n",
            )


def test_a_clean_version_ends_with_0_and_says_what_is_not_known(asked: Any) -> None:
    ran = asked("index", "contamination", NAME)
    for words in ("handbook v000001", "24 golden", "0.0% of 3 chunks are AI text", "100.0% unknown", "no alarm"):
        assert words in ran.out
    assert "Unknown is not human" in ran.out


def test_pages_that_machines_wrote_end_with_1_and_an_alarm_in_words(asked: Any) -> None:
    _machine_pages(asked)
    assert asked.json("ingest", NAME)["figures"]["version"] == 2
    ran = asked("index", "contamination", NAME, "--k", "3", code=1)
    for words in ("exposure_rising", "rose by", "since v000001", "stemma index diff", "the same questions"):
        assert words in ran.out
    data = asked.json("index", "contamination", NAME, "--k", "3", code=1)
    assert [item["k"] for item in data["at"]] == [1, 3]
    assert data["change"]["before"] == 1
    assert {item["code"] for item in data["alarms"]} >= {"exposure_rising"}
    assert data["pool"]["ai_declared_share"] == data["pool"]["ai_share"] > 0.5
    older = asked.json("index", "contamination", NAME, "--version", "1", "--against", "live", code=None)
    assert older["version"] == 1
    assert older["change"]["exposure"]["value"] < 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--version", "9"), ("no version '9'", "Versions: 1")),
        (("--against", "1"), ("with itself",)),
        (("--k", "0"), ("--k",)),
    ],
)
def test_what_cannot_be_asked_is_said(asked: Any, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    ran = asked("index", "contamination", NAME, *arguments, code=2)
    assert all(word in ran.err for word in words), ran.err
