"""What `stemma contract` shows a person: pure functions over the documents that `--json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from console.cli.render import facts, next_step, page, plain, table, word
from corpus.types import IPTC

Json = Mapping[str, Any]

SHOWN = 20
"""Documents that would not enter, shown to a person at once; --json lists all."""

_KINDS = {"breaking": "red", "compatible": "green", "notice": "dim", "same": "green"}


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text of a file, shown to the letter: a line that is cut or wrapped would be another file."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Writes the text past the console's own layout."""
        console.out(plain(self.text, lines=True), highlight=False, end="")
        yield from ()


def comparison(data: Json) -> RenderableType:
    """Returns what changed between two versions of a contract."""
    head = Text.assemble(
        (f"{plain(data['contract'])} {plain(data['before'])} -> {plain(data['after'])}: ", "bold"),
        (data["verdict"], _KINDS[data["verdict"]]),
    )
    changes = [_change(change) for change in data["changes"]] or [Text("Nothing that matters changed.")]
    return page(head, *changes, Text(), _bump(data))


def _change(change: Json) -> RenderableType:
    was, now = (plain(change[key]) if change[key] is not None else "nothing" for key in ("before", "after"))
    lines = (
        Text.assemble((f"{change['kind']}  ", _KINDS[change["kind"]]), (plain(change["path"]) or "the text", "bold")),
        Text(f"  {was} -> {now}") if (change["before"], change["after"]) != ("", "") else None,
        Text(f"  {plain(change['why'])}"),
        Text(f"  tell: {plain(', '.join(change['tell']))}", style="dim"),
    )
    return Padding(Group(*(line for line in lines if line is not None)), (1, 0, 0, 0), expand=False)


def _bump(data: Json) -> Text:
    made = f"the version was raised by {data['made']}" if data["made"] != "none" else "the version was not raised"
    asks = f"The changes ask for {data['required']}; {made}."
    if data["sufficient"]:
        return Text(asks, style="green")
    return Text(f"{asks} Raise it: a version never changes its meaning.", style="red")


def rehearsal(data: Json) -> RenderableType:
    """Returns what a dry run found: each rule, the decisions, and the documents that would not enter."""
    part = "" if data["examined"] == data["listed"] else f" of {data['listed']}"
    mode = "" if data["enforcement"] == "block" else " Enforcement is warn: nothing would be held back."
    head = Text(f"{plain(data['contract'])} {plain(data['version'])} on {data['examined']}{part} documents.{mode}")
    head.stylize("bold")
    rows = [
        (word(rule["verdict"]), rule["name"], _short(rule["expected"]), rule["failing_count"] or "", _found(rule))
        for rule in data["rules"]
    ]
    rules = table(("", "rule", "expected", "fail", "found"), rows, numbers=("fail",))
    return page(head, Text(), rules, Text(), _decisions(data), *_held(data), Text(), _ending(data))


def _short(words: str) -> str:
    """Returns words with the terms of IPTC's vocabulary by their last part."""
    return words.replace(IPTC, "")


def _found(rule: Json) -> str:
    if rule["unjudged"]:
        return str(rule["unjudged"])
    examples = "; ".join(f"{item['document']}: {item['found']}" for item in rule["examples"][:2] if item["found"])
    return examples or str(rule["actual"])


def _decisions(data: Json) -> RenderableType:
    reasons = {
        outcome: Counter(
            reason["code"] for item in data["documents"] if item["outcome"] == outcome for reason in item["reasons"]
        )
        for outcome in data["outcomes"]
    }
    rows = [
        (word(outcome), number, ", ".join(f"{code} {count}" for code, count in reasons[outcome].most_common(4)))
        for outcome, number in data["outcomes"].items()
    ]
    return table(("decision", "documents", "reasons"), rows, numbers=("documents",))


def _held(data: Json) -> Iterator[RenderableType]:
    held = [item for item in data["documents"] if item["outcome"] not in ("accept", "repair")]
    if not held:
        return
    rows = [(item["doc_id"], word(item["outcome"]), _first(item)) for item in held[:SHOWN]]
    yield Text()
    yield table(("would not enter", "", "reason"), rows)
    if len(held) > SHOWN:
        yield Text(f"... and {len(held) - SHOWN} more; --json lists all of them.")


def _first(item: Json) -> str:
    more = f" (+{len(item['reasons']) - 1} more)" if len(item["reasons"]) > 1 else ""
    return f"{item['reasons'][0]['message']}{more}" if item["reasons"] else "-"


def _ending(data: Json) -> Text:
    blocked = [rule["name"] for rule in data["rules"] if rule["verdict"] == "block"]
    if blocked:
        return Text(f"The run would be stopped by {plain(', '.join(blocked))}. Nothing was written.", style="red")
    held = sum(number for outcome, number in data["outcomes"].items() if outcome not in ("accept", "repair"))
    if held:
        return Text(f"{held} of {data['examined']} documents would not enter. Nothing was written.", style="yellow")
    return Text("Every document would enter. Nothing was written.", style="green")


def explanation(data: Json) -> RenderableType:
    """Returns a contract in words."""
    head = Text(f"{plain(data['contract'])} {plain(data['version'])}  ({plain(data['file'])})", style="bold")
    about = Text(plain(data["description"])) if data["description"] else None
    rules = [_rule(rule) for rule in data["rules"]]
    parts = {part["part"]: f"{part['says']}{_at(part['line'])}" for part in data["parts"]}
    return page(head, about, *rules, Text(), facts(parts) if parts else None)


def _rule(rule: Json) -> RenderableType:
    title = rule["name"] if rule["name"] == rule["rule"] else f"{rule['name']}  ({rule['rule']})"
    lines = {
        "checks": rule["checks"],
        "on": rule["on"],
        "expects": _short(rule["expects"]),
        "otherwise": rule["fails"],
        "told": f"{rule['tells']}, as {rule['severity']}",
        "from": f"{rule['source']}{_at(rule['line'])}",
    }
    return Padding(Group(Text(plain(title), style="bold"), Padding(facts(lines), (0, 0, 0, 2))), (1, 0, 0, 0))


def _at(line: int) -> str:
    return f", line {line}" if line else ""


def proposal(data: Json) -> RenderableType:
    """Returns the proposed contract, or where it was written."""
    if data["output"] is None:
        return Verbatim(data["yaml"])
    pairs = {"contract": data["name"], "file": data["output"], "looked at": f"{data['examined']} documents"}
    asked = ", ".join(data["todo"])
    marked = "They are" if len(data["todo"]) > 1 else "It is"
    todo = Text(f"Only a person can say: {plain(asked)}. {marked} marked TODO in the file.") if asked else None
    left = [Text(f"left out: {plain(glob)} ({plain(why)})", style="dim") for glob, why in _left_out(data)]
    more = len(left) - SHOWN
    rest = Text(f"left out: {more} more; --json lists all of them", style="dim") if more > 0 else None
    return page(facts(pairs), *left[:SHOWN], rest, todo, next_step(data))


def _left_out(data: Json) -> list[tuple[str, str]]:
    return [*data["left_out"].items(), *data["beside"].items()]


def exported(data: Json) -> RenderableType:
    """Returns the exported contract, or where it was written."""
    if data["output"] is None:
        return Verbatim(data["yaml"])
    step = {"next": f"datacontract test {data['output']}"}
    return page(facts({"contract": data["contract"], "file": data["output"], "data": data["data"]}), next_step(step))
