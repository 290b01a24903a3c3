"""What a person sees of lineage: a tree, a list of loops, and the same as DOT. Pure."""

from __future__ import annotations

import json
from collections import defaultdict

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from console.cli.render import Json, next_step, origin, page, plain, table, word
from console.drawings.words import chunks_words, labels, line_label


def as_json(data: Json) -> str:
    """Returns the document itself, as a file."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def tree(data: Json) -> RenderableType:
    """Returns a lineage as a tree, the document on top; what was shown once is not shown again."""
    nodes = {node["id"]: node for node in data["nodes"]}
    below: dict[str, list[Json]] = defaultdict(list)
    for edge in data["edges"]:
        below[edge["from"]].append(edge)
    top = nodes[data["root"]]
    made = Tree(_of_document(top, data["depth"]["words"]))
    _grow(made, data["root"], None, nodes, below, {data["root"]})
    lines = [Text(_loop_words(path), style="yellow") for path in data["loops"]]
    if not below[data["root"]]:
        lines.append(Text("It repeats no answer that is registered here."))
    if data["hidden"]:
        lines.append(Text(f"{data['hidden']} more behind the last generation shown: add --depth.", style="dim"))
    if data["cut"]:
        lines.append(
            Text(f"{data['cut']} documents and answers were not followed: there are too many.", style="yellow")
        )
    return page(made, *lines)


def _grow(
    here: Tree, name: str, only: list[str] | None, nodes: dict[str, Json], below: dict[str, list[Json]], seen: set[str]
) -> None:
    """Adds what a node was derived from; of a document only the answers that the chunks given of it held."""
    for edge in below[name]:
        node = nodes[edge["to"]]
        if only is not None and node["name"] not in only:
            continue
        again = edge["to"] in seen
        branch = here.add(Text.assemble(_of_node(node, edge), (" (as above)", "dim") if again else ""))
        if not again:
            seen.add(edge["to"])
            _grow(branch, edge["to"], edge.get("of_answers"), nodes, below, seen)


def _of_node(node: Json, edge: Json) -> Text:
    if node["kind"] == "answer":
        return _of_answer(node, edge)
    said = chunks_words(edge)
    if node["kind"] == "unknown":
        return Text.assemble((f"{said}: found in no version and no segment here", "yellow"))
    return Text.assemble(_of_document(node, node["depth"]), (f"  {said}", "dim"))


def _of_document(node: Json, depth: str) -> Text:
    state = word(plain(node.get("state", "unknown")))
    return Text.assemble((plain(node["name"]), "bold"), "  ", state, f"  depth {depth}", f"  {_origin(node)}")


def _of_answer(node: Json, edge: Json) -> Text:
    if not node.get("registered"):
        return Text.assemble(("answer ", "dim"), plain(node["name"]), ("  no longer registered", "yellow"))
    by = " of ".join(plain(node[key]) for key in ("model", "system") if node[key])
    served = plain(node["served_at"])[:10]
    said = "suspected" if edge.get("basis") == "suspected" else f"{float(edge.get('containment') or 0):.0%} of it found"
    part = "" if edge.get("scope") == "document" else f" in {len(edge.get('passages', ()))} passages"
    words = f"  {by or 'unknown'}, {served}  depth {node['depth']}  {said}{part}"
    return Text.assemble(("answer ", "dim"), plain(node["name"]), words)


def _origin(node: Json) -> str:
    basis = node.get("origin_basis")
    return f"{origin(node.get('digital_source_type'))} ({basis})" if basis and basis != "none" else "origin unknown"


def _loop_words(path: list[str]) -> str:
    return "Loop: " + " <- ".join(plain(name) for name in [*path, path[0]])


def loops(data: Json) -> RenderableType:
    """Returns the documents that feed themselves, each with its way round."""
    if not data["loops"]:
        return Text("No document was made of what came of itself.")
    rows = [
        (
            item["document"],
            word(item["state"]),
            item["answers"],
            ", ".join(item["models"]) or "-",
            " <- ".join(step["name"] for step in item["path"]),
        )
        for item in data["loops"]
    ]
    columns = ("document", "state", "answers", "models", "made of")
    return page(table(columns, rows, numbers=("answers",)), next_step(data))


def dot(data: Json) -> str:
    """Returns a lineage in DOT, the language of Graphviz."""
    numbers = {node["id"]: f"n{number}" for number, node in enumerate(data["nodes"])}
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for node in data["nodes"]:
        shape = {"answer": "note", "unknown": "plaintext"}.get(node["kind"], "box")
        lines.append(f"  {numbers[node['id']]} [shape={shape}, label={_quoted(chr(10).join(labels(node)))}];")
    for edge in data["edges"]:
        dashed = ", style=dashed" if edge.get("basis") == "suspected" else ""
        lines.append(f"  {numbers[edge['from']]} -> {numbers[edge['to']]} [label={_quoted(line_label(edge))}{dashed}];")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
