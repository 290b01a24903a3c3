"""Golden items: read strictly, every problem at once, and named by what is asked and pinned."""

from __future__ import annotations

import json

import pytest

from corpus.errors import ConfigurationError
from index.golden import Evidence, GoldenItem, read_items, unique_items

LINE = {"id": "q1", "question": "Why?", "evidence": [{"document": "a.md", "quote": "Because."}], "tags": ["x", "x"]}


def test_json_lines_and_yaml_say_the_same() -> None:
    wanted = (
        GoldenItem(
            id="q1", question="Why?", evidence=(Evidence(document="a.md", quote="Because."),), tags=("x",), answer=""
        ),
    )
    assert read_items(f"\n{json.dumps(LINE)}\n\n", "set.jsonl") == wanted
    listed = "- id: q1\n  question: Why?\n  evidence: [{document: a.md, quote: Because.}]\n  tags: [x]\n"
    assert read_items(listed, "SET.YAML") == wanted
    assert read_items("items:\n" + listed.replace("\n", "\n  ").replace("- id", "  - id", 1), "set.yml") == wanted


def test_an_item_without_an_id_is_named_by_what_it_asks() -> None:
    bare = {key: value for key, value in LINE.items() if key != "id"}
    [item] = read_items(json.dumps(bare), "s.jsonl")
    assert item.id == f"item-{item.digest[:12]}"
    [whole] = read_items(json.dumps({**bare, "evidence": [{"document": "a.md"}]}), "s.jsonl")
    assert whole.evidence == (Evidence(document="a.md"),)
    assert whole.id != item.id


def test_the_digest_is_of_question_and_evidence_only() -> None:
    first = read_items(json.dumps(LINE), "s.jsonl")[0]
    for change, same in (
        ({"tags": ["y"], "answer": "A", "id": "q2"}, True),
        ({"evidence": [{"document": "a.md", "quote": " Because.\n"}]}, True),
        ({"question": "Why not?"}, False),
        ({"evidence": [{"document": "b.md", "quote": "Because."}]}, False),
        ({"evidence": [{"document": "a.md", "quote": "because."}]}, False),
    ):
        other = read_items(json.dumps({**LINE, **change}), "s.jsonl")[0]
        assert (other.digest == first.digest) is same, change


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({**LINE, "quest": 1}, "unknown key quest. Valid: id, question, evidence"),
        ({**LINE, "question": " "}, "`question` must be text"),
        ({**LINE, "question": 7}, "`question` must be text"),
        ({**LINE, "evidence": []}, "`evidence` must be a list"),
        ({**LINE, "evidence": ["a.md"]}, "has the keys document, quote"),
        ({**LINE, "evidence": [{"document": "a.md", "page": 3}]}, "has the keys document, quote"),
        ({**LINE, "evidence": [{"document": "", "quote": "x"}]}, "`document` must be text"),
        ({**LINE, "evidence": [{"document": "a.md", "quote": " "}]}, "leave it out for the document as a whole"),
        ({**LINE, "evidence": [{"document": "a.md", "quote": None}]}, "`quote` must be text"),
        ({**LINE, "tags": "x"}, "`tags` must be a list of texts"),
        ({**LINE, "answer": ["x"]}, "`id` and `answer` must be text"),
        ({**LINE, "id": True}, "`id` and `answer` must be text"),
        (["a", "list"], "is no mapping"),
    ],
)
def test_what_is_wrong_with_an_item_is_said_with_its_line(value: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=r"set\.jsonl cannot be used:\n  line 2: ") as found:
        read_items(f"{json.dumps({**LINE, 'id': 'q0'})}\n{json.dumps(value)}", "set.jsonl")
    assert words in str(found.value)


def test_every_problem_is_named_at_once_and_nothing_is_left_out() -> None:
    lines = [json.dumps(LINE), "{not json", json.dumps({**LINE, "question": ""}), json.dumps(LINE)]
    with pytest.raises(ConfigurationError) as found:
        read_items("\n".join(lines), "set.jsonl")
    for words in ("line 2: is not JSON", "line 3: `question`", "two items are called 'q1'"):
        assert words in str(found.value)
    with pytest.raises(ConfigurationError, match="and 30 more"):
        read_items("\n".join(["{"] * 50), "set.jsonl")


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("", "set.jsonl", "holds no item"),
        ("[]", "set.yaml", "holds no item"),
        ("a: [", "set.yaml", "are not YAML"),
        ("other: []", "set.yaml", "must be a list, or a mapping with the one key `items`"),
        ("x", "set.csv", r"Valid: \.jsonl, \.yaml, \.yml"),
        ("x", "set", "unknown ending"),
    ],
)
def test_files_that_are_no_set(text: str, name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_items(text, name)


def test_items_of_two_places_may_not_share_a_name() -> None:
    item = GoldenItem(id="q", question="Q", evidence=(Evidence(document="a"),))
    assert unique_items([item]) == (item,)
    with pytest.raises(ConfigurationError, match="clash: two items are called 'q'"):
        unique_items([item, item])
