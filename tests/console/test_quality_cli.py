"""`stemma quality`: explanations of stored scores in words, and files scored at once."""

import io
import sys
from pathlib import Path

import pytest

from console.cli.command import print_document

NAME = "handbook"
OCR = "T h e q u i c k b r o w n f o x j u m p s o v e r t h e l a z y d o g a n d r u n s "


def test_a_stored_score_is_explained_in_words(ingested):
    found = ingested.json("quality", "explain", NAME, "refunds.md")
    assert found["outcome"] == "accept"
    assert 0.9 < found["value"] <= 1
    assert "extraction" in {part["part"] for part in found["parts"]}
    for part in found["parts"]:
        for check in part["checks"]:
            assert check["source"]
            assert check["measures"]
            assert check["remedy"]
    assert found["sentences"][0].startswith("The score is ")
    shown = ingested("quality", "explain", NAME, "refunds.md").out
    assert "extraction is 1.00" in shown


def test_a_withheld_document_is_explained_too(ingested):
    found = ingested.json("quality", "explain", NAME, "returns.md")
    assert found["outcome"] == "quarantine"
    assert found["sentences"]


def test_a_low_score_names_value_bound_source_and_remedy(project):
    project.write("scan", "\n\n".join(f"{OCR * 3} {n}" for n in range(3)) + "\n")
    project("ingest", NAME, code=None)
    found = project.json("quality", "explain", NAME, "scan.md")
    assert found["fatal"] == ["ocr_garbage"]
    said = "\n".join(found["sentences"])
    assert "unusable whatever its score (ocr_garbage)" in said
    assert "single_letters: the share of words of one letter is " in said
    assert "good is at most 15.0%" in said
    assert "Run a better OCR" in said


def test_an_unknown_document_names_the_nearest(ingested):
    ran = ingested("quality", "explain", NAME, "refund.md", code=2)
    assert "Did you mean 'refunds.md'" in ran.err
    ran = ingested("quality", "explain", NAME, "zzz", code=2)
    assert "stemma quarantine list" in ran.err


def test_files_are_scored_without_a_project(cli):
    good, bad = cli.folder / "good.md", cli.folder / "bad.txt"
    good.write_text("# Harbour\n\nThe harbour froze in January, and the town lived from its stores.\n", "utf-8")
    bad.write_text(OCR * 3, "utf-8")
    found = cli.json("quality", "score", str(good), str(bad), code=1)["files"]
    assert [(Path(item["path"]).name, item["fatal"]) for item in found] == [
        ("good.md", []),
        ("bad.txt", ["ocr_garbage"]),
    ]
    assert found[0]["value"] > found[1]["value"]
    shown = cli("quality", "score", str(good)).out
    assert "nothing to say against it" in shown


def test_repairs_are_made_first_and_an_unreadable_file_is_told(cli):
    page = cli.folder / "page.txt"
    page.write_text("The caf\u00c3\u00a9 on the corner. " * 20, "utf-8")
    before = cli.json("quality", "score", str(page), code=None)["files"][0]
    after = cli.json("quality", "score", str(page), "--repair", "encoding", code=None)["files"][0]
    assert (before["repairs"], after["repairs"]) == (0, 20)
    assert after["value"] > before["value"]
    ran = cli("quality", "score", str(page), "--repair", "enc", code=2)
    assert "hyphenation" in ran.err
    empty = cli.folder / "empty.txt"
    empty.write_bytes(b" \n")
    assert cli.json("quality", "score", str(empty), code=1)["files"][0]["error"]
    assert "cannot be read" in cli("quality", "score", "nothing.txt", code=2).err


def test_a_kind_may_be_given(cli):
    page = cli.folder / "page.txt"
    page.write_text("\n".join(f"- item {n}: {n * 3} ms" for n in range(60)), "utf-8")
    kinds = [
        cli.json("quality", "score", str(page), *more, code=None)["files"][0]["document_type"]
        for more in ((), ("--type", "prose"))
    ]
    assert kinds == ["reference", "prose"]


def test_repairs_are_shown_and_can_be_undone(project):
    mark = "\u00e2\u20ac\u2122"
    project.write("harbour", f"# Harbour\n\nThe harbour{mark}s ice broke in March, and the town{mark}s ships left.\n")
    project("ingest", NAME, code=None)
    found = project.json("quality", "repairs", NAME, "harbour.md")
    assert found["outcome"] == "repair"
    assert {edit["code"] for edit in found["repairs"]} == {"encoding"}
    assert "harbour\u00e2\u20ac\u2122s ice" in found["original"]
    assert project("quality", "repairs", NAME, "harbour.md", "--original").out.rstrip("\n") == found["original"].rstrip(
        "\n"
    )
    assert "encoding" in project("quality", "repairs", NAME, "harbour.md").out


def test_a_text_that_was_not_repaired_says_so(ingested):
    assert ingested.json("quality", "repairs", NAME, "refunds.md")["repairs"] == []
    assert "Nothing was repaired" in ingested("quality", "repairs", NAME, "refunds.md").out


class _Stdout:
    """A stdout that says whether a person looks at it."""

    def __init__(self, *, person: bool) -> None:
        self.buffer = io.BytesIO()
        self._person = person

    def isatty(self) -> bool:
        return self._person

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("person", [True, False])
def test_a_document_drives_no_terminal_and_reaches_a_pipe_whole(monkeypatch, person):
    text = "caf\u00e9\tone\n\x1b]0;owned\x07\x1b[2J\u202etwo\n"
    stdout = _Stdout(person=person)
    monkeypatch.setattr(sys, "stdout", stdout)
    print_document(text)
    said = stdout.buffer.getvalue().decode("utf-8")
    shown = "caf\u00e9\tone\n\\u001b]0;owned\\u0007\\u001b[2J\\u202etwo\n"
    assert said == (shown if person else text)
