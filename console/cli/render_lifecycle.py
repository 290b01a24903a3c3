"""What a person sees of approvals, holds, candidates and what was removed. Pure."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from console.cli.render import Json, facts, next_step, page, plain, size, table, when
from console.cli.render_index import LISTED, gates


def waiting(data: Json) -> RenderableType:
    """Returns the versions that wait for approval."""
    if not data["waiting"]:
        return Text("No version waits for approval.")
    rows = [
        (
            item["name"],
            f"v{item['number']:06d}",
            item["alias"],
            item["builder"],
            f"{len(item['approvals'])} of {item['asked']}",
            ", ".join(approval["by"] for approval in item["approvals"]) or "-",
            when(item["created_at"]),
        )
        for item in data["waiting"]
    ]
    columns = ("index", "version", "for alias", "built by", "approvals", "by", "created (UTC)")
    lines = [
        Text(plain(f"{item['name']} v{item['number']:06d}: {who} {why}, which does not count."), style="yellow")
        for item in data["waiting"]
        for who, why in item["passed_over"].items()
    ]
    return page(table(columns, rows), *lines)


def approved(data: Json) -> RenderableType:
    """Returns that a person approved a version, and what is still missing."""
    line = f"{plain(data['name'])} v{data['number']:06d} approved by {plain(data['by'])}"
    left = f"{data['missing']} of {data['asked']} approvals missing" if data["asked"] else "no approval was asked for"
    return page(Text(line), Text(left), next_step(data))


def held(data: Json) -> RenderableType:
    """Returns which versions are protected."""
    state = "is protected" if data["held"] else "is no longer protected"
    every = ", ".join(f"v{number:06d}" for number in data["all_held"]) or "none"
    return page(Text(f"{plain(data['name'])} v{data['number']:06d} {state}. Protected now: {every}."))


def candidates(data: Json) -> RenderableType:
    """Returns the candidates that are kept."""
    if not data["candidates"]:
        return Text("No candidate is kept: no version failed a gate lately.")
    rows = [
        (
            item["id"],
            ", ".join(item["failed"]) or plain(item["problem"]),
            item["documents"],
            item["chunks"],
            size(item["bytes"]),
            when(item["created_at"]),
        )
        for item in data["candidates"]
    ]
    columns = ("candidate", "failed", "documents", "chunks", "size", "created (UTC)")
    return page(table(columns, rows, numbers=("documents", "chunks", "size")), next_step(data))


def candidate(data: Json) -> RenderableType:
    """Returns one candidate: what it holds, and how it was judged."""
    manifest = data["manifest"]
    contents, run = manifest["contents"], manifest["run"]
    pairs = {
        "candidate": f"{data['id']} of {data['name']}; never served",
        "created": f"{when(manifest['created_at'])} UTC by {run['actor']}, run {run['run_id']}",
        "follows": f"v{manifest['previous']:06d}" if manifest["previous"] else "nothing: it would be the first",
        "contract": f"{manifest['contract']['name']} {manifest['contract']['version']}",
        "contents": f"{contents['documents']} documents, {contents['chunks']} chunks",
    }
    failed = [Text(plain(message), style="red") for message in data["messages"]]
    return page(facts(pairs), gates(manifest["gates"]), *failed)


def removed(data: Json) -> RenderableType:
    """Returns that a candidate is gone."""
    return page(Text(f"candidate {plain(data['id'])} of {plain(data['name'])} is removed"), next_step(data))


def collected(data: Json) -> RenderableType:
    """Returns what was removed, or would be."""
    figures = {name: value for name, value in data["figures"].items() if name not in ("bytes", "dry_run", "rule")}
    dry = data["figures"]["dry_run"] == "yes"
    title = f"{data['stage']} {data['contract']}: {'would remove' if dry else 'removed'}"
    names = [Text(f"  {plain(name)}", style="dim") for name in data["outputs"][:LISTED]]
    more = len(data["outputs"]) - LISTED
    pairs = {**figures, "size": size(data["figures"]["bytes"]), "rule": data["figures"]["rule"]}
    return page(
        Text(plain(title), style="bold"),
        facts(pairs),
        *names,
        Text(f"  and {more} more", style="dim") if more > 0 else None,
    )
