"""What a person sees of index versions: lists, one version, a difference, hits, verification. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import COUNTS, Json, facts, next_step, origin, page, plain, size, table, when, word

SNIPPET = 240
"""Characters of a hit's text that are shown; `--json` gives all of it."""
LISTED = 8
"""Documents of a kind that a difference names; `--json` gives all of them."""


def versions(data: Json) -> RenderableType:
    """Returns the versions of one or more indexes, newest first."""
    if not data["versions"]:
        return page(Text("No version yet."), next_step(data))
    rows = [
        (
            item["name"],
            f"v{item['number']:06d}",
            Text(", ".join(item["aliases"]), style="green bold"),
            item["documents"],
            item["chunks"],
            item["model"],
            when(item["created_at"]),
        )
        for item in data["versions"]
    ]
    columns = ("index", "version", "alias", "documents", "chunks", "model", "created (UTC)")
    return page(table(columns, rows, numbers=("documents", "chunks")), next_step(data))


def version(data: Json) -> RenderableType:
    """Returns one version: what is inside, where it came from, how it was judged."""
    manifest = data["manifest"]
    contents, index, run = manifest["contents"], manifest["index"], manifest["run"]
    pairs = {
        "version": f"{data['name']} v{data['number']:06d}  {' '.join(f'<- {alias}' for alias in data['aliases'])}",
        "state": data["state"],
        "created": f"{when(manifest['created_at'])} UTC by {run['actor']}, run {run['run_id']}",
        "follows": f"v{manifest['previous']:06d}" if manifest["previous"] else "nothing: it is the first",
        "contract": f"{manifest['contract']['name']} {manifest['contract']['version']}",
        "contents": f"{contents['documents']} documents, {contents['chunks']} chunks, {contents['tokens']} tokens",
        "model": f"{data['model']}, {index['dimension']} numbers, {index['factory']}, {index['metric']}",
        **({"index": index["reason"]} if index.get("reason") else {}),
        "manifest": data["manifest_sha256"],
        "identity": manifest["identity"],
    }
    return page(
        facts(pairs),
        _titled("Origin", _origins(manifest["origin"])),
        _titled("Quality and freshness", _distributions(manifest)),
        _titled("Where every document of the run went", _balance(manifest["conservation"])),
        _titled("Gates", _gates(manifest["gates"])),
        _titled("Fingerprints", facts({role: ref["digest"] for role, ref in manifest["fingerprints"].items()})),
        _titled("Files", _files(manifest["files"])),
    )


def _titled(title: str, part: RenderableType) -> RenderableType:
    return page(Padding(Text(title, style="bold"), (1, 0, 0, 0), expand=False), part)


def _origins(mix: Json) -> RenderableType:
    kinds = sorted({*mix["documents"], *mix["chunks"]})
    rows = [(origin(kind), mix["documents"].get(kind, 0), mix["chunks"].get(kind, 0)) for kind in kinds]
    share = mix["ai_share_chunks"]
    line = f"AI share of chunks: {share['declared']:.1%} declared, {share['matched']:.1%} matched"
    return page(table(("origin", "documents", "chunks"), rows, numbers=("documents", "chunks")), Text(line))


def _distributions(manifest: Json) -> RenderableType:
    rows = []
    for name in ("quality", "freshness"):
        found = manifest[name]
        quantiles = found["quantiles"]
        rows.append((name, found["count"], found["missing"], *(quantiles.get(key) for key in ("min", "p50", "max"))))
    return table(("", "known", "missing", "least", "median", "most"), rows, numbers=("known", "missing"))


def _balance(counts: Json) -> RenderableType:
    return table(COUNTS, [[counts[name] for name in COUNTS]], numbers=COUNTS)


def _gates(gates: Sequence[Json]) -> RenderableType:
    rows = [
        (word("pass" if gate["passed"] else "fail"), gate["name"], gate["expected"], gate["actual"]) for gate in gates
    ]
    return table(("", "gate", "expected", "found"), rows)


def _files(files: Mapping[str, Json]) -> RenderableType:
    rows = [(name, size(ref["size"]), ref["sha256"]) for name, ref in sorted(files.items())]
    return table(("file", "size", "sha256"), rows, numbers=("size",))


def difference(data: Json) -> RenderableType:
    """Returns what differs between two versions, and what made the difference."""
    kinds = ("added", "removed", "rewritten", "retagged", "rescored", "governed")
    rows = [(kind, len(data[kind]), _some(data[kind])) for kind in kinds if data[kind]]
    chunks = data["chunks"]
    pairs = {
        "from, to": f"{data['name']} v{data['before']:06d} -> v{data['after']:06d}",
        "changed": ", ".join(data["changed"]) or "nothing",
        "chunks": f"{chunks['add']} added, {chunks['keep']} kept, {chunks['drop']} dropped",
    }
    documents = table(("documents", "", "which"), rows, numbers=("",)) if rows else Text("The documents are the same.")
    return page(facts(pairs), documents)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def hits(data: Json) -> RenderableType:
    """Returns what a query found, best first."""
    head = Text(f"{plain(data['name'])} v{data['version']:06d}, {len(data['hits'])} hits", style="dim")
    if not data["hits"]:
        return page(head, Text("No chunk passes the filters."))
    return page(head, *(_hit(hit) for hit in data["hits"]))


def _hit(hit: Json) -> RenderableType:
    quality = "-" if hit["quality_score"] is None else f"{hit['quality_score']:.2f}"
    head = Text.assemble(
        (f"{hit['rank']:>2}  {hit['score']:.3f}  ", "bold"),
        (plain(hit["doc_id"]), "bold cyan"),
        (f"  origin {plain(origin(hit['digital_source_type']))}, quality {quality}", "dim"),
    )
    headings = [Text(" > ".join(plain(item) for item in hit["headings"]), style="italic")] if hit["headings"] else []
    body = page(*headings, Text(_snippet(hit["text"])))
    return Padding(page(head, Padding(body, (0, 0, 0, 4), expand=False)), (1, 0, 0, 0), expand=False)


def _snippet(text: str) -> str:
    line = plain(text)
    return line if len(line) <= SNIPPET else f"{line[:SNIPPET].rsplit(' ', 1)[0]} ..."


def moved(data: Json) -> RenderableType:
    """Returns where an alias points now."""
    before = f"v{data['from']:06d}" if data["from"] else "nothing"
    line = f"{plain(data['name'])}@{plain(data['alias'])}: {before} -> v{data['to']:06d}"
    return page(Text(line), Text(plain(data["means"])) if data["means"] else None, next_step(data))


def verification(data: Json) -> RenderableType:
    """Returns which versions and aliases hold."""
    rows = [_verified(item, f"v{item['number']:06d}") for item in data["versions"]]
    rows += [_verified(item, f"{item['alias']} -> v{item['number']:06d}") for item in data["aliases"]]
    errors = [
        Text(plain(item["error"]), style="red") for item in (*data["versions"], *data["aliases"]) if item["error"]
    ]
    return page(table(("", data["name"], "manifest sha256", "signed by"), rows), *errors)


def _verified(item: Json, what: str) -> Sequence[Any]:
    state = "ok" if item["ok"] else "broken"
    return (word(state), what, item.get("manifest_sha256"), (item.get("keyid") or "-")[:12])
