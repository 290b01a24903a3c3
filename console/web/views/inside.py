"""What the manifest of a version says is in it, as its page shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.page import View
from console.web.views.health import Mix, Spread, mix_of
from console.web.views.versions import gates_of
from corpus.catalog.board import BoardVersion

Manifest = Mapping[str, Any]
"""A manifest as JSON (`index.manifest`)."""


class FileTold(View):
    """A file of the version."""

    name: str
    size: int = Field(description="Bytes.")
    sha256: str


class Kind(View):
    """How much of the version is of one origin."""

    origin: str = Field(description="IPTC digital source type, or `unknown`.")
    documents: int
    chunks: int


def inside_of(name: str, manifest: Manifest, model: str) -> dict[str, Any]:
    """Returns what a manifest says, as fields of the page.

    Args:
        name: The index.
        manifest: The manifest.
        model: The name that its embedder was asked for by; empty where nobody wrote it down.
    """
    contents, quality = manifest["contents"], manifest["quality"]
    return {
        "contract": name,
        "gates": gates_of(manifest),
        "documents": contents["documents"],
        "chunks": contents["chunks"],
        "mix": _mix(name, manifest),
        "kinds": _kinds(manifest["origin"]),
        "quality": Spread(
            known=quality["count"],
            missing=quality["missing"],
            quantiles={rank: float(value) for rank, value in quality["quantiles"].items()},
        ),
        "validated": {rank: str(value) for rank, value in manifest["freshness"]["quantiles"].items()},
        "canaries": manifest["canaries"]["count"],
        "facts": _facts(manifest, model),
        "fingerprints": {role: ref["digest"] for role, ref in sorted(manifest["fingerprints"].items())},
        "files": [
            FileTold(name=file, size=ref["size"], sha256=ref["sha256"])
            for file, ref in sorted(manifest["files"].items())
        ],
        "manifest": dict(manifest),
    }


def _mix(name: str, manifest: Manifest) -> Mix:
    board = BoardVersion(
        name=name,
        number=manifest["number"],
        state="",
        created_at=datetime.fromisoformat(manifest["created_at"]),
        documents=manifest["contents"]["documents"],
        chunks=manifest["contents"]["chunks"],
        origin=manifest["origin"],
        quality=manifest["quality"],
        freshness=manifest["freshness"],
        gates=(),
    )
    return mix_of(board)


def _kinds(origin: Mapping[str, Any]) -> list[Kind]:
    documents, chunks = origin["documents"], origin["chunks"]
    return [
        Kind(origin=kind, documents=documents.get(kind, 0), chunks=chunks.get(kind, 0))
        for kind in sorted({*documents, *chunks})
    ]


def _facts(manifest: Manifest, model: str) -> dict[str, str]:
    contents, index, run = manifest["contents"], manifest["index"], manifest["run"]
    recall, contract = index["recall_at_10"], manifest["contract"]
    return {
        "built": f"{manifest['created_at'][:19].replace('T', ' ')} by {run['actor']}",
        "run": run["run_id"],
        "software": f"stemma-rag {run['code_version']}",
        "follows": f"v{manifest['previous']:06d}" if manifest.get("previous") else "nothing: it is the first",
        "contract": f"{contract['name']} {contract['version']}",
        "model": f"{model or manifest['fingerprints']['embedder']['digest'][:12]}, {index['dimension']} numbers",
        "index": f"{index['factory']}, {index['metric']}, {index['vectors']} vectors",
        "recall@10": "not measured: too few vectors"
        if recall is None
        else f"{recall:.4f} of exact search, over {index['recall_sample']} queries",
        "tokens": str(contents["tokens"]),
        "deepest": f"generation {manifest['origin']['max_generation_depth']}",
        "runtime": ", ".join(f"{part} {value}" for part, value in sorted(manifest["runtime"].items())) or "not known",
        "identity": manifest["identity"],
        "corpus": contents["corpus_sha256"],
        "contract digest": contract["digest"],
    }
