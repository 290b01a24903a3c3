"""`stemma answers` from end to end over a real project."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

from provenance_parts.otlp_exports import export, span

TEXT = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are lost."
)


def _logged(cli: Any) -> None:
    said = json.dumps([{"role": "assistant", "content": TEXT}])
    trace = export(span("chat", {"gen_ai.operation.name": "chat", "gen_ai.output.messages": said}, trace="aa"))
    (cli.folder / "traces.jsonl").write_text(json.dumps(trace) + "\n", "utf-8")
    lines = [
        {"answer_id": f"a{number}", "text": f"{TEXT} {number}", "served_at": "2026-01-01T00:00:00Z", "system": "bot"}
        for number in range(3)
    ]
    (cli.folder / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def test_import_list_and_show(project: Any) -> None:
    _logged(project)
    assert project.json("answers", "import", "traces.jsonl")["inputs"] == ["otlp"]
    assert project.json("answers", "import", "answers.jsonl", "--format", "native")["figures"]["registered"] == 3
    assert project.json("answers", "import", "answers.jsonl")["figures"]["known"] == 3
    assert "no answer format 'csv'" in project("answers", "import", "answers.jsonl", "--format", "csv", code=2).err
    page = project.json("answers", "list", "--limit", "2")
    assert [item["answer_id"] for item in page["answers"]] == ["a0", "a1"]
    assert (page["registered"], page["next"]) == (4, "stemma answers list --after a1")
    rest = project.json("answers", "list", "--after", "a1")
    assert [item["answer_id"] for item in rest["answers"]] == ["a2", "otlp-aa-6368617400000000"]
    assert "next" not in rest
    assert project.json("answers", "list", "--system", "bot", "--index", "handbook")["answers"] == []
    shown = project.json("answers", "show", "a2")
    assert (shown["text"], shown["system"], shown["documents"], shown["expires_at"]) == (f"{TEXT} 2", "bot", [], None)
    assert (shown["depth"], shown["depth_known"]) == (0, False), "what it was given is not known"
    assert re.search("^depth +at least 0$", project("answers", "show", "a2").out, re.M)
    out = project("answers", "show", "otlp-aa-6368617400000000").out
    assert "opened battery packs" in out
    assert "support-bot" in project("answers", "list").out
    missing = project("answers", "show", "a9", code=2).err
    assert "no answer 'a9'. See them with `stemma answers list`." in missing


def test_a_misspelt_id_is_answered_with_the_nearest(project: Any) -> None:
    line = {"answer_id": "2026-03-01-0001", "text": TEXT, "served_at": "2026-01-01T00:00:00Z"}
    (project.folder / "answers.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    assert project.json("answers", "import", "answers.jsonl")["next"] == "stemma ingest NAME"
    wrong = project("answers", "show", "2026-03-01-001", code=2).err
    assert "no answer '2026-03-01-001'. Did you mean '2026-03-01-0001'?" in wrong
    erased = " ".join(project("answers", "erase", "2026-03-01-001", "--reason", "request 17").out.split())
    assert (
        "no answer was registered under this id; one that comes is refused. Did you mean '2026-03-01-0001'?" in erased
    )
    assert "Next:" not in erased, "no document has to be looked at"
    assert project.json("answers", "show", "2026-03-01-0001")["text"] == TEXT
    assert "note" not in project.json("answers", "erase", "2026-03-01-0001", "--reason", "request 17")


def test_another_text_under_a_known_id_is_not_passed_over_in_silence(project: Any) -> None:
    line = {"answer_id": "a1", "text": TEXT, "served_at": "2026-01-01T00:00:00Z"}
    log = project.folder / "answers.jsonl"
    log.write_text(
        "".join(json.dumps({**line, "text": f"{TEXT}{end}"}) + "\n" for end in ("", "", " Or not.")), "utf-8"
    )
    for known, registered in ((2, 1), (3, 0)):
        found = project.json("answers", "import", "answers.jsonl")
        assert {name: found["figures"][name] for name in ("registered", "known", "other_text")} == {
            "registered": registered, "known": known, "other_text": 1
        }  # fmt: skip
        assert found["outputs"][0].startswith("1 with the id of another answer and another text")
    assert project.json("answers", "show", "a1")["text"] == TEXT


def test_files_that_hold_no_answer_say_so(project: Any) -> None:
    log = project.folder / "answers.jsonl"
    log.write_bytes(b"\n")
    empty = project("answers", "import", "answers.jsonl").out
    assert "answers.jsonl holds no answer." in empty
    assert "Next:" not in empty
    log.write_bytes(b"\x99\x00\xff\n")
    binary = project("answers", "import", "answers.jsonl", code=1)
    assert "line 1: not UTF-8: invalid start byte at byte 0; want one JSON object a line" in " ".join(
        binary.out.split()
    )
    binary = project("answers", "import", "answers.jsonl", "--format", "otlp", code=1)
    assert "line 1: not UTF-8: invalid start byte at byte 0; want one OTLP export" in " ".join(binary.out.split())
    log.write_bytes(gzip.compress(b'{"text": "x"}\n'))
    packed = project("answers", "import", "answers.jsonl", code=2).err
    assert "answers.jsonl is compressed (gzip). Unpack it and import that." in " ".join(packed.split())


def test_erase_and_prune(project: Any) -> None:
    _logged(project)
    project("answers", "import", "answers.jsonl")
    assert "Missing option '--reason'" in project("answers", "erase", "a1", code=2).err
    done = project.json("answers", "erase", "a1", "--reason", "request 17", "--by", "mara")
    assert done["figures"] == {"erased": 1, "registered": 1, "documents_to_look_at": 0}
    assert project.json("answers", "erase", "a1", "--reason", "again")["figures"]["erased"] == 0
    assert project.json("answers", "import", "answers.jsonl")["figures"]["erased"] == 1
    left = project.json("answers", "show", "a1")
    assert (left["erased"]["by"], left["erased"]["reason"]) == ("mara", "request 17")
    assert "battery" not in json.dumps(left)
    assert "a1 was erased." in project("answers", "show", "a1").out
    assert "needs a reason" in project("answers", "erase", "a2", "--reason", " ", code=2).err
    assert "answer.erase" in project("audit", "list").out
    assert project.json("answers", "prune", "--dry-run")["figures"] == {"expired": 0, "removed": 0, "changed": 0}
    assert project.json("answers", "prune")["figures"] == {"expired": 0, "removed": 0, "changed": 0}


def test_mark_and_verify(project: Any) -> None:
    page = project.folder / "answer.md"
    page.write_text(TEXT + "\n", "utf-8")
    assert project("answers", "verify", "answer.md", code=1).out.strip() == "answer.md holds no mark of an answer."
    options = ("--id", "a1", "--system", "support-bot", "--index", "handbook/v000001")
    served = project("answers", "mark", "answer.md", *options).out
    assert served.startswith(TEXT + "\n\nWritten with AI by support-bot on ")
    page.write_text(served, "utf-8")
    [judged] = project.json("answers", "verify", "answer.md")["marks"]
    assert (judged["verdict"], judged["answer_id"], judged["sketch_found"]) == ("signed", None, 8)
    line = {"answer_id": "a1", "text": TEXT, "served_at": "2026-01-01T00:00:00Z", "mark": judged["mark"]}
    (project.folder / "answers.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    project("answers", "import", "answers.jsonl")
    assert project.json("answers", "verify", "answer.md")["marks"][0]["answer_id"] == "a1"
    page.write_text("Somebody else wrote this whole page with care.\n\n" + served.splitlines()[-1], "utf-8")
    assert "our mark, under another text" in project("answers", "verify", "answer.md", code=1).out
    for key in (project.folder / "keys" / "trusted").glob("*.pub"):
        key.unlink()
    page.write_text(served, "utf-8")
    assert "nobody whom this project trusts" in project("answers", "verify", "answer.md", code=1).out
    page.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in project("answers", "verify", "answer.md", code=2).err
    assert "cannot be read" in project("answers", "verify", "missing.md", code=2).err
    assert "--id is empty" in project("answers", "mark", "answer.md", "--id", "", code=2).err
