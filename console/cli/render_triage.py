"""What people see of triage: what is held or warned about, one document with its evidence, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import Json, facts, next_step, origin, page, plain, size, table, when, word

_MOST_EVIDENCE = 8
_TEACH = {
    "quarantine": "Held documents wait here for a person. What was admitted with warnings: stemma quarantine review {}",
    "reject": "Rejected are files from which no text can be had, and what a person rejected.",
    "fail": "Failed are documents that could not be read; every ingest tries them again.",
}


def held(data: Json) -> RenderableType:
    """Returns documents that are held back, one line each with rule, owner and first reason."""
    if not data["documents"]:
        return _nothing(
            data, f"No document of {data['contract']} has the outcome {data['outcome']}.", _TEACH[data["outcome"]]
        )
    return _listed(data, "document", {"quarantine": "held", "reject": "rejected", "fail": "failed"}[data["outcome"]])


def warned(data: Json) -> RenderableType:
    """Returns documents that were admitted with warnings."""
    if not data["documents"]:
        seen = f" People accepted the warnings of {data['seen']} others." if data["seen"] else ""
        text = f"No document of {data['contract']} waits for review.{seen}"
        return _nothing(data, text, "A rule with `onFail: warn` lets a document in and lists it here.")
    return _listed(data, "document", "admitted with warnings")


def _nothing(data: Json, text: str, teach: str) -> RenderableType:
    if data["total"]:
        return page(Text(plain(f"None of {data['total']} documents matches. Leave out --rule or --owner to see them.")))
    return page(Text(plain(text)), Text(plain(teach.format(data["contract"])), style="dim"))


def _listed(data: Json, noun: str, what: str) -> RenderableType:
    rows = [
        (item["doc_id"], when(item["decided_at"])[:10], ", ".join(item["owners"]) or "-", _why(item))
        for item in data["documents"]
    ]
    number = data["matching"]
    why = ", ".join(f"{count} {code}" for code, count in data["reasons"].items())
    of_all = "" if number == data["total"] else f" of {data['total']}"
    summary = Text(plain(f"{number}{of_all} {noun}{'' if number == 1 else 's'} {what}: {why}"), style="bold")
    left = number - len(data["documents"])
    more = Text(f"... and {left} more; show them with --limit {number}.") if left > 0 else None
    return page(summary, Text(), table((noun, "since", "owner", "why"), rows), more, next_step(data))


def _why(item: Json) -> str:
    for outcome, done in (("released_by", "released"), ("rejected_by", "rejected")):
        if item[outcome]:
            return f"{done} by {item[outcome]}{', waits for the next ingest' if item['waits'] else ''}"
    if item["split_by"] and item["waits"]:
        return f"split by {item['split_by']}, waits for the next ingest"
    reasons = item["reasons"]
    if not reasons:
        return "-"
    more = f" (+{len(reasons) - 1} more)" if len(reasons) > 1 else ""
    voted = f" [{_votes(item['votes'])}]" if item["votes"] else ""
    marked = item["statistics"]
    first = f" [statistics: p {marked['p']:.2g} by {marked['model']}, so look here first]" if marked else ""
    return f"{reasons[0]['rule'] or reasons[0]['code']}: {reasons[0]['message']}{more}{voted}{first}"


def _votes(votes: Iterable[Json]) -> str:
    return ", ".join(f"{vote.get('by') or vote.get('actor')}: {_wants(vote['outcome'])}" for vote in votes)


def _wants(outcome: str) -> str:
    return {"accept": "release", "reject": "reject", "reviewed": "seen"}.get(outcome, outcome.partition(":")[0])


def document(data: Json) -> RenderableType:
    """Returns all that is known about one document, and what can be done about it."""
    return page(
        _head(data),
        *_section("Rules", [_rule(told) for told in data["rules"]]),
        *_section("Evidence", _evidence(data["evidence"])),
        *_section("Decisions", [_decision(item) for item in data["decisions"]]),
        *_section("People", _people(data)),
        *_section("What you can do", [_step(step) for step in data["steps"]]),
    )


def _head(data: Json) -> RenderableType:
    state, override = data["document"], data["override"]
    pairs = {
        "document": state["doc_id"],
        "state": word(state["state"]),
        "source": state["uri"],
        "size": size(state["size"]),
        "sha256": data["sha256"],
    }
    if override:
        pairs["decided"] = f"{_wants(override['outcome'])} by {override['actor']}: {override['reason']}"
    return facts(pairs)


def _section(title: str, lines: Sequence[RenderableType]) -> tuple[RenderableType, ...]:
    if not lines:
        return ()
    body = Padding(Group(*lines), (0, 0, 0, 2), expand=False)
    return Text(), Text(title, style="bold"), body


def _rule(told: Json) -> RenderableType:
    called = f" ({plain(told['name'])})" if told["name"] and told["name"] != told["rule"] else ""
    fate = f", on failure: {plain(told['on_fail'])}" if told["on_fail"] else ", no longer in the contract"
    owner = f", owner: {plain(told['owner'])}" if told["owner"] else ""
    return Text.assemble((plain(told["rule"]), "bold"), f"{called}{fate}{owner}")


def _evidence(found: Sequence[Json]) -> list[RenderableType]:
    shown: list[RenderableType] = [_piece(item) for item in found[:_MOST_EVIDENCE]]
    left = len(found) - _MOST_EVIDENCE
    return [*shown, Text(f"... and {left} more; --json lists all of them.", style="dim")] if left > 0 else shown


def _piece(item: Json) -> RenderableType:
    if item["span"] is None:
        place = "not in the extracted text" if item["quote"] else "no place in the text"
    else:
        line = f", line {item['line']}" if item["line"] else ""
        place = f"characters {item['span'][0]} to {item['span'][1]}{line}"
    figures = ", ".join(f"{name}: {_figure(value)}" for name, value in item["detail"].items() if _tells(value))
    head = Text.assemble(
        (plain(item["code"]), "yellow"), f"  {place}", (f"  {plain(figures)}" if figures else "", "dim")
    )
    if item["detail"].get("pairs"):
        return Group(head, Padding(_side_by_side(item["detail"]), (0, 0, 0, 2), expand=False))
    if not item["quote"]:
        return head
    quoted = Text.assemble(
        ("..." if item["before"] else "", "dim"),
        (_around(item["before"]), "dim"),
        ("[", "bold red"),
        (plain(item["quote"]), "bold red"),
        ("]", "bold red"),
        (_around(item["after"]), "dim"),
        ("..." if item["after"] else "", "dim"),
    )
    return Group(head, Padding(quoted, (0, 0, 0, 2), expand=False))


def _side_by_side(detail: Json) -> RenderableType:
    """Returns the sentences of a document beside those of the answer that they may repeat, and the likely sources."""
    rows = [
        (
            " ".join(pair["ours"].split()) or "(the text changed)",
            " ".join(pair["theirs"].split()) or "(the answer is not kept)",
            f"{pair['cosine']:.2f}",
            ", ".join(pair["agreeing"]) or "-",
            ", ".join(pair["contradicting"]) or "-",
        )
        for pair in detail["pairs"]
    ]
    found = table(("this document", f"answer {detail['answer_id']}", "cosine", "agrees", "differs"), rows)
    likely = ", ".join(f"{item['doc_id']} ({item['cosine']:.2f})" for item in detail["sources"])
    return Group(found, Text(plain(f"likely sources: {likely or 'none in the corpus'}"), style="dim"))


def _around(text: str) -> str:
    """Returns text beside the evidence on one line, the blanks at its ends kept."""
    said = plain(text)
    left = " " if text[:1].isspace() and said else ""
    return f"{left}{said}{' ' if text[-1:].isspace() and said else ''}"


def _tells(value: object) -> bool:
    structured = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], (dict, list)))
    return value not in (None, "", False) and not structured


def _figure(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _decision(item: Json) -> RenderableType:
    score = item["quality_score"]
    quality = "" if score is None else f", quality {score:.2f}"
    head = Text.assemble(
        word(item["outcome"]),
        f"  {when(item['decided_at'])} UTC by {plain(item['actor'])}{quality}, "
        f"origin {plain(origin(item['digital_source_type']))} ({plain(item['origin_basis'])})",
    )
    reasons = [
        Padding(Text.assemble((plain(reason["code"]), "bold"), f"  {plain(reason['message'])}"), (0, 0, 0, 2))
        for reason in item["reasons"]
    ]
    return Group(head, *reasons)


def _people(data: Json) -> list[RenderableType]:
    """Returns what people said, newest first, and who is still needed."""
    lines: list[RenderableType] = [
        Text(
            f"{when(entry['at'])} UTC  {plain(entry['actor'])} "
            f"{_did(entry)}: {plain(entry['detail'].get('reason', ''))}"
            f"{_other_bytes(entry, data)}"
        )
        for entry in data["trail"]
    ]
    needed = _needed(data)
    return [*lines, Text(needed, style="bold")] if needed else lines


def _did(entry: Json) -> str:
    wanted = _wants(str(entry["detail"].get("outcome", "")))
    if wanted == "seen":
        return "saw the warnings"
    return f"{'decided' if entry['action'] == 'decision.override' else 'voted'} to {plain(wanted)}"


def _other_bytes(entry: Json, data: Json) -> str:
    seen = entry["detail"].get("raw_sha256")
    return " (of earlier bytes)" if seen and seen != data["sha256"] else ""


def _needed(data: Json) -> str:
    if data["override"] or data["persons"] < 2 or data["document"]["state"] not in ("quarantined", "rejected"):
        return ""
    votes = [vote for vote in data["votes"] if vote["outcome"] != "reviewed"]
    said = f" So far: {plain(_votes(votes))}." if votes else ""
    split = " They disagree." if len({vote["outcome"] for vote in votes}) > 1 else ""
    return f"{data['persons']} different people must say the same.{said}{split}"


def _step(step: Json) -> RenderableType:
    return Text.assemble((plain(step["do"]), "bold"), f"\n    {plain(step['means'])}")


def decided(data: Json) -> RenderableType:
    """Returns what a release or a rejection means, and who else is needed."""
    done = {"accept": "Released", "reject": "Rejected"}[data["outcome"]]
    parts: list[RenderableType] = []
    if data["settled"]:
        together: dict[str, list[str]] = {}
        for doc_id, people in data["settled_by"].items():
            together.setdefault(" and ".join(people), []).append(doc_id)
        parts += [Text(f"{done} by {plain(who)}: {plain(', '.join(names))}") for who, names in together.items()]
        parts.append(Text(plain(data["means"])))
    for item in data["waiting"]:
        parts.append(_waiting(item, data))
    return page(*parts, next_step(data))


def _waiting(item: Json, data: Json) -> RenderableType:
    against = [vote for vote in item["votes"] if vote["outcome"] not in (data["outcome"], "reviewed")]
    other = f" Against it: {plain(_votes(against))}." if against else ""
    people = "one more person" if item["missing"] == 1 else f"{item['missing']} more people"
    return Text(
        f"Vote of {plain(data['by'])} to {_wants(data['outcome'])} {plain(item['doc_id'])} is kept. The contract asks "
        f"for {item['persons']} people: {people} must say the same.{other}"
    )


def accepted(data: Json) -> RenderableType:
    """Returns what was noted about admitted documents."""
    names = plain(", ".join(data["documents"]))
    return page(Text(f"Warnings seen by {plain(data['by'])}: {names}"), Text(plain(data["means"])), next_step(data))
