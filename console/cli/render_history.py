"""What a person sees of the history of an index: a version, a difference, why, blame, replay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from console.cli.render import COUNTS, Json, facts, next_step, origin, page, plain, size, table, when, word
from console.cli.render_index import gates
from corpus.errors import ConfigurationError

LISTED = 8
"""Documents of a kind that a difference names; `--documents` and `--json` give all of them."""
SNIPPET = 60
_STANDING = {"valid": "ok", "retired": "missing"}


def version(data: Json) -> RenderableType:
    """Returns one version: what is inside, where it came from, how it was judged, who may believe it."""
    manifest = data["manifest"]
    contents, index, run = manifest["contents"], manifest["index"], manifest["run"]
    arrows = " ".join(f"<- {alias}" for alias in data["aliases"])
    pairs = {
        "version": f"{data['name']} v{data['number']:06d}  {arrows}",
        "state": data["state"],
        "signature": _signature(data["signature"]),
        "created": f"{when(manifest['created_at'])} UTC by {run['actor']}, run {run['run_id']}, {run['code_version']}",
        "follows": f"v{manifest['previous']:06d}" if manifest["previous"] else "nothing: it is the first",
        "contract": f"{manifest['contract']['name']} {manifest['contract']['version']}",
        "contents": f"{contents['documents']} documents, {contents['chunks']} chunks, {contents['tokens']} tokens",
        "model": f"{data['model']}, {index['dimension']} numbers, {index['factory']}, {index['metric']}",
        **({"index": index["reason"]} if index.get("reason") else {}),
        "runtime": ", ".join(f"{name} {value}" for name, value in sorted(manifest["runtime"].items())) or "not known",
        "recall@10": _recall(index),
        "canaries": f"{manifest['canaries']['count']} texts, sha256 {manifest['canaries']['sha256']}",
        "manifest": data["manifest_sha256"],
        "identity": manifest["identity"],
    }
    return page(
        facts(pairs),
        _titled("Origin", _origins(manifest["origin"], data["ai_share"])),
        _titled("Quality and freshness", _distributions(manifest)),
        _titled("Where every document of the run went", _balance(manifest["conservation"])),
        _titled("Gates", gates(manifest["gates"])),
        _titled("Approvals", _acts(data["approvals"])) if data["approvals"] else None,
        _titled("Served", _served(data["served"])) if data["served"] else None,
        _titled("Fingerprints", facts({role: ref["digest"] for role, ref in manifest["fingerprints"].items()})),
        _titled("Files", _files(manifest["files"])),
    )


def _titled(title: str, part: RenderableType) -> RenderableType:
    return page(Padding(Text(title, style="bold"), (1, 0, 0, 0), expand=False), part)


def _signature(found: Json) -> Text:
    state = Text.assemble(word(_STANDING.get(found["state"], "broken")), f"  {plain(found['state'])}")
    if found["keyid"]:
        state.append(f", key {plain(found['keyid'])[:12]}")
    return state.append(f": {plain(found['why'])}") if found["why"] else state


def _recall(index: Json) -> str:
    if index["recall_at_10"] is None:
        return "not measured: too few vectors"
    return f"{index['recall_at_10']:.4f} against exact search ({index['recall_sample']} queries)"


def _origins(mix: Json, share: Json | None) -> RenderableType:
    kinds = sorted({*mix["documents"], *mix["chunks"]})
    rows = [(origin(kind), mix["documents"].get(kind, 0), mix["chunks"].get(kind, 0)) for kind in kinds]
    told = mix["ai_share_chunks"]
    lines = [f"AI share of chunks: {told['declared']:.1%} declared, {told['matched']:.1%} matched"]
    if share is not None:
        parts = ("declared", "matched", "suspected")
        documents = ", ".join(f"{share[name]['share']:.1%} {name}" for name in parts)
        lines += [f"AI share of documents: {documents}; of {share['unknown']['share']:.1%} nothing is known"]
        lines += [f"Estimated of these: {_estimated(share['estimated'])}"]
    lines += [f"Greatest generation depth: {mix['max_generation_depth']}"]
    shown = table(("origin", "documents", "chunks"), rows, numbers=("documents", "chunks"))
    return page(shown, *(Text(plain(line)) for line in lines))


def _estimated(found: Json) -> str:
    if found["point"] is None:
        return f"no estimate, because {found['why_not']}"
    interval = f"{found['point']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"
    return f"{interval} of {found['of']} documents by {found['model']}"


def _distributions(manifest: Json) -> RenderableType:
    ranks = ("min", "p10", "p50", "p90", "max")
    rows = []
    for name in ("quality", "freshness"):
        found = manifest[name]
        rows.append((name, found["count"], found["missing"], *(found["quantiles"].get(rank) for rank in ranks)))
    columns = ("", "known", "missing", "least", "10 %", "median", "90 %", "most")
    return table(columns, rows, numbers=("known", "missing"))


def _balance(counts: Json) -> RenderableType:
    return table(COUNTS, [[counts[name] for name in COUNTS]], numbers=COUNTS)


def _files(files: Mapping[str, Json]) -> RenderableType:
    rows = [(name, size(ref["size"]), ref["sha256"]) for name, ref in sorted(files.items())]
    return table(("file", "size", "sha256"), rows, numbers=("size",))


def _acts(acts: Sequence[Json]) -> RenderableType:
    rows = [(when(act["at"]), act["actor"], act["action"], act["reason"] or "-") for act in acts]
    return table(("when (UTC)", "who", "what", "why"), rows)


def _served(served: Sequence[Json]) -> RenderableType:
    rows = [
        (
            item["alias"],
            f"v{item['number']:06d}",
            when(item["since"]),
            when(item["until"]) if item["until"] else "now",
            item["actor"],
            item["reason"],
        )
        for item in served
    ]
    return table(("alias", "version", "from (UTC)", "until", "moved by", "why"), rows)


def difference(data: Json) -> RenderableType:
    """Returns what differs between two versions, and what made the difference; documents by what changed in them."""
    return _difference(data, _summary(data))


def difference_listed(data: Json) -> RenderableType:
    """Returns the same as `difference` with every document that differs, and its cause."""
    return _difference(data, _documents(data))


def _difference(data: Json, documents: RenderableType) -> RenderableType:
    chunks = data["chunks"]
    pairs = {
        "from, to": f"{data['name']} v{data['before']:06d} -> v{data['after']:06d}",
        "changed": ", ".join(data["changed"]) or "nothing",
        "chunks": f"{chunks['add']} added, {chunks['keep']} kept ({chunks['retagged']} retagged, "
        f"{chunks['rescored']} rescored), {chunks['drop']} dropped",
        "documents": f"{len(data['added'])} added, {len(data['removed'])} removed, "
        f"{len(data['documents']) - len(data['added']) - len(data['removed'])} changed, {data['same']} the same",
    }
    return page(
        facts(pairs),
        _titled("Why", _causes(data["causes"])) if data["causes"] else Text("The documents are the same."),
        _titled("Contract", _clauses(data)) if data.get("clauses") or data.get("clauses_unknown") else None,
        _titled("Parameters", _parts(data["parts"])) if data["parts"] else None,
        _titled("Documents", documents) if data["causes"] else None,
    )


def _causes(causes: Sequence[Json]) -> RenderableType:
    numbers = ("added", "removed", "changed", "chunks added", "chunks dropped")
    rows = [(item["cause"], *(item[name.replace(" ", "_")] for name in numbers)) for item in causes]
    return table(("cause", *numbers), rows, numbers=numbers)


def _clauses(data: Json) -> RenderableType:
    if data.get("clauses_unknown"):
        return Text(plain(data["clauses_unknown"]))
    rows = [(item["path"], item["before"], item["after"]) for item in data["clauses"]]
    return table(("clause", "before", "after"), rows)


def _parts(parts: Sequence[Json]) -> RenderableType:
    rows = [(item["role"], item["part"], _short(item["before"]), _short(item["after"])) for item in parts]
    return table(("of", "parameter", "before", "after"), rows)


def _short(value: Any) -> str:
    text = plain(value)
    return f"{text[:12]}..." if len(text) == 64 else text


def _summary(data: Json) -> RenderableType:
    groups = {"added": data["added"], "removed": data["removed"]}
    kinds = dict.fromkeys(kind for item in data["documents"] for kind in item["kinds"])
    groups |= {kind: [item["doc_id"] for item in data["documents"] if kind in item["kinds"]] for kind in kinds}
    rows = [(kind, len(names), _some(names)) for kind, names in groups.items() if names]
    return table(("", "documents", "which"), rows, numbers=("documents",))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more (--documents)" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _documents(data: Json) -> RenderableType:
    rows = [
        (
            item["doc_id"],
            ", ".join(item["kinds"]) or item["change"],
            item["cause"] + (f" (also {', '.join(item['also'])})" if item["also"] else ""),
            f"+{item['chunks']['add']} -{item['chunks']['drop']}",
            item["why"],
        )
        for item in data["documents"]
    ]
    return table(("document", "what", "cause", "chunks", "why"), rows)


def why(data: Json) -> RenderableType:
    """Returns why a document or chunk is in a version, or is not."""
    asked = f"v{data['version']:06d}" if data["version"] else "the index"
    pairs = {
        data["kind"]: data["subject"],
        **({"document": data["doc_id"]} if data["kind"] == "chunk" and data["doc_id"] else {}),
        "in": f"{data['name']} {asked}: {'yes' if data['state'] == 'in' else 'no'}",
        "state": f"{data['state']}: {data['means']}",
        "versions": ", ".join(_span(span) for span in data["spans"]) or "none",
    }
    rules = {rule["rule"]: rule["owner"] for rule in data["rules"]}
    rows = [(item["code"], item["message"], rules.get(item.get("rule") or "", "-")) for item in data["reasons"]]
    related = [(item["kind"], item["doc_id"], item["other_id"]) for item in data["relations"]]
    return page(
        facts(pairs),
        Padding(Text(plain(data["answer"])), (1, 0, 0, 0), expand=False),
        _titled("Reasons", table(("reason", "what was found", "answers"), rows)) if rows else None,
        _titled("People", _acts([*data["people"], *data["erasures"]])) if data["people"] or data["erasures"] else None,
        _titled("Beside other documents", table(("how", "document", "other"), related)) if related else None,
        _blind(data["unreadable"]),
        next_step(data),
    )


def _span(span: Sequence[int]) -> str:
    first, last = span
    return f"v{first:06d}" if first == last else f"v{first:06d} to v{last:06d}"


def _blind(unreadable: Sequence[Json]) -> RenderableType | None:
    if not unreadable:
        return None
    listed = "; ".join(f"v{item['number']:06d} is {item['state']}: {item['why']}" for item in unreadable)
    return Padding(Text(f"Not looked into: {plain(listed)}", style="yellow"), (1, 0, 0, 0), expand=False)


def blame(data: Json) -> RenderableType:
    """Returns who put a document or a chunk into an index."""
    source, contract, decision = data["source"], data["contract"], data["decision"]
    chunk = data["chunk"]
    pairs = {
        data["kind"]: data["subject"],
        **({"text": _snippet(chunk["text"], 200)} if chunk else {}),
        **({"place": f"characters {chunk['start']} to {chunk['end']} of {source['doc_id']}"} if chunk else {}),
        "since": f"v{data['since']:06d}, built {when(data['created_at'])} UTC"
        + (f"; first ever in v{data['first']:06d}" if data["first"] != data["since"] else ""),
        "last": f"v{data['last']:06d}, in {len(data['versions'])} versions",
        "released by": _run(data["released_by"]),
        "admitted by": _run(data["admitted_by"]) if data["admitted_by"] else "not in the catalog",
        "decision": _decision(decision),
        "contract": f"{contract['name']} {contract['version']}, {contract['digest']}",
        "source": source["uri"],
        "revision": f"{source['revision_id']}, {source['size_bytes']} bytes, sha256 {source['raw_sha256']}",
        "changed": f"{when(source['updated_at'])} UTC" if source["updated_at"] else "not known",
        "owner": source["owner"] or "none",
        "origin": f"{origin(source['digital_source_type'])}, {source['origin_basis']}",
        "read by": source["parser"],
        "software": data["code_version"],
        "manifest": data["manifest_sha256"],
    }
    rows = [(item["ordinal"], _snippet(item["text"], SNIPPET), *_brought(item)) for item in data["passages"]]
    return page(
        facts(pairs),
        _titled("People", _acts(data["people"])) if data["people"] else None,
        _titled("Approvals", _acts(data["approvals"])) if data["approvals"] else None,
        _titled("Served", _served(data["served"])) if data["served"] else None,
        _titled("Fingerprints", facts(data["fingerprints"])),
        _titled("Passages", table(("", "text", "since", "by", "run"), rows)) if rows else None,
        _blind(data["unreadable"]),
    )


def _brought(item: Json) -> tuple[str, str, str]:
    return f"v{item['since']:06d}", item["actor"], item["run_id"]


def _run(run: Json) -> str:
    kind = f"{run['kind']} run" if run["kind"] else "run"
    by = f" by {run['actor']}" if run["actor"] else ""
    return f"{kind} {run['run_id']}{by}" + (f", {when(run['started_at'])} UTC" if run["started_at"] else "")


def _decision(decision: Json | None) -> str:
    if decision is None:
        return "not in the catalog"
    score = f", quality {decision['quality_score']:.2f}" if decision["quality_score"] is not None else ""
    return f"{decision['outcome']} by {decision['actor']}, {when(decision['decided_at'])} UTC{score}"


def _snippet(text: str, most: int) -> str:
    line = plain(text)
    return line if len(line) <= most else f"{line[:most].rsplit(' ', 1)[0]} ..."


def replay(data: Json) -> RenderableType:
    """Returns what a query found then and finds now, side by side, and what explains each difference."""
    then, now = f"v{data['then']:06d}", f"v{data['now']:06d}"
    pairs = {
        "asked": data["query"],
        "then, now": f"{data['name']} {then} ({data['how']}), {now}",
        "in both": f"{data['overlap']} of {len(data['before'])} hits",
        **({} if data["same_model"] else {"scores": "the two versions have other models: scores are no common scale"}),
        **({"answer": _given(data["answer"])} if data["answer"] else {}),
    }
    depth = max(len(data["before"]), len(data["after"]))
    rows = [(rank + 1, *_side(data["before"], rank), *_side(data["after"], rank)) for rank in range(depth)]
    columns = ("", f"then: {then}", "score", "what became of it", f"now: {now}", "score", "what it was")
    reasons = [
        (label, item["rank"], item["hit"]["doc_id"], item["fate"], item["why"])
        for label, side in ((then, data["before"]), (now, data["after"]))
        for item in side
        if item["fate"] != "same"
    ]
    explained = table(("version", "hit", "document", "what", "why"), reasons, numbers=("hit",))
    return page(
        facts(pairs),
        Padding(table(columns, rows, numbers=("score",)), (1, 0, 0, 0), expand=False),
        _titled("What explains the differences", explained) if reasons else Text("Both find the same."),
    )


def _side(side: Sequence[Json], rank: int) -> tuple[str, str, str]:
    if rank >= len(side):
        return "-", "-", "-"
    hit = side[rank]["hit"]
    return f"{hit['doc_id']}: {_snippet(hit['text'], SNIPPET)}", f"{hit['score']:.3f}", side[rank]["fate"]


def _given(answer: Sequence[int]) -> str:
    return f"{answer[0]} of the {answer[1]} chunks that it was given are among the hits then"


def exported(data: Json) -> RenderableType:
    """Returns which files were written."""
    rows = [(name, count) for name, count in sorted(data["rows"].items())]
    return page(
        Text(f"{plain(data['name'])}: written to {plain(data['folder'])}"),
        table(("file", "rows"), rows, numbers=("rows",)),
        _blind(data["unreadable"]),
    )


def written(data: Json) -> RenderableType:
    """Returns which file was written."""
    return Text(f"{plain(data['name'])}: written to {plain(data['file'])}")


def as_json(data: Json) -> str:
    """Returns a document that is JSON by itself."""
    return json.dumps(data, indent=2, ensure_ascii=False)


def write_json(path: Path, data: Json) -> str:
    """Writes a JSON document to a file and returns its name.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_json(data) + "\n", "utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}. Name another file.") from error
    return str(path)
