"""Answers for a person: lists, one answer, and what marks in a text turned out to be."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli import render
from console.cli.render import Json

VERDICTS = {
    "signed": "an answer of ours",
    "moved": "our mark, under another text",
    "forged": "not signed by the key that it names",
    "unknown_key": "signed by nobody whom this project trusts",
    "unknown_manifest": "a C2PA mark of no registered answer",
}
"""What each verdict on a mark means."""


def receipt(data: Json) -> RenderableType:
    """Returns what an import or an erasure did, and what is odd about it."""
    note = [Text(render.plain(data["note"]), style="yellow")] if data.get("note") else []
    return render.page(render.receipt(data), *note)


def listed(data: Json) -> RenderableType:
    """Returns a page of answers."""
    rows = [
        (
            item["answer_id"],
            item["system"],
            item["served_at"],
            item["index_version"],
            "yes" if item["text_kept"] else "hashes",
            _known(item),
            item["expires_at"] or "never",
        )
        for item in data["answers"]
    ]
    columns = ("answer", "system", "served", "from", "text", "if it comes back", "forgotten")
    return render.page(
        Text(f"{len(rows)} of {data['registered']} answers"), render.table(columns, rows), render.next_step(data)
    )


def shown(data: Json) -> RenderableType:
    """Returns one answer, or what is left of an erased one."""
    if "erased" in data:
        return render.page(Text(f"{render.plain(data['answer_id'])} was erased."), render.facts(data["erased"]))
    apart = ("text", "question", "documents", "retrieved", "depth_known")
    plain = {key: value for key, value in data.items() if key not in apart}
    if not data["depth_known"]:
        plain["depth"] = f"at least {data['depth']}"
    lists = {key: ", ".join(data[key]) or "none" for key in ("retrieved", "documents")}
    body = data["text"] if data["text"] is not None else "The text is not kept."
    question = [Text(render.plain(data["question"]), style="bold")] if data["question"] else []
    facts = render.facts({**plain, **lists, "cited": ", ".join(data["cited"]) or "none"})
    return render.page(facts, *question, Text(render.plain(body, lines=True)))


def verified(data: Json) -> RenderableType:
    """Returns what the marks of a text turned out to be."""
    if not data["marks"]:
        return render.page(Text(f"{render.plain(data['file'])} holds no mark of an answer."))
    rows = [
        (
            VERDICTS[item["verdict"]],
            item["answer_id"] or "not registered",
            f"{item['sketch_found']} of {item['sketch_of']}",
        )
        for item in data["marks"]
    ]
    return render.page(render.table(("the mark is", "answer", "of its text found"), rows))


def _known(item: Json) -> str:
    if not item["decidable"]:
        return "not known again"
    return "matched" if item["context_known"] else "suspected"
