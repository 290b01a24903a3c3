"""What a person sees of quality: an explanation in sentences, a table of scored files. Pure."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli.render import Json, facts, page, plain, table, word


def explanation(data: Json) -> RenderableType:
    """Returns why a document's score is what it is."""
    head = {"document": data["doc_id"], "outcome": word(data["outcome"])}
    if data["repairs"]:
        head["repairs"] = f"{data['repairs']} made before it was scored"
    return page(facts(head), Text(), *(Text(plain(line, lines=True)) for line in data["sentences"]))


def repairs(data: Json) -> RenderableType:
    """Returns what was repaired in a document, mend by mend."""
    head = facts({"document": data["doc_id"], "outcome": word(data["outcome"])})
    if not data["repairs"]:
        return page(head, Text(), Text("Nothing was repaired: the text is as it was extracted."))
    rows = [
        (edit["code"], "{}-{}".format(*edit["span"]), _quoted(edit["before"]), _quoted(edit["after"]) or "taken out")
        for edit in data["repairs"]
    ]
    hint = Text("The text before the repair: add --original.")
    return page(head, Text(), table(("repair", "where", "before", "after"), rows), Text(), hint)


def original(data: Json) -> str:
    """Returns the text as it was before it was repaired."""
    text: str = data["original"]
    return text


def _quoted(text: str) -> str:
    """Returns a stretch of text with what cannot be seen spelled out."""
    return ascii(text)[1:-1][:60] if not text.isprintable() else text[:60]


def scores(data: Json) -> RenderableType:
    """Returns scored files: a table, and below it what lowered each."""
    rows = [
        (
            item["path"],
            "-" if item["value"] is None else f"{item['value']:.2f}",
            item["document_type"] or "-",
            item["error"] or ", ".join([*item["fatal"], *item["reasons"]]) or "nothing to say against it",
        )
        for item in data["files"]
    ]
    shown = table(("file", "quality", "kind", "what lowered it"), rows, numbers=("quality",))
    only = data["files"][0] if len(data["files"]) == 1 else None
    if not only or not only["sentences"]:
        return shown
    return page(shown, Text(), *(Text(plain(line, lines=True)) for line in only["sentences"]))
