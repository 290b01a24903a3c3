"""`stemma index candidate`: versions that a gate held back, kept to be looked at, asked and compared."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render, render_history, render_index, render_lifecycle
from console.cli.command import Json, Result, command, group
from console.cli.session import Session
from console.cli.versions import open_one

if TYPE_CHECKING:
    from corpus.seams import Embedder
    from index.candidates import Kept
    from index.manifest import Manifest
    from ingestion.runtime import Runtime

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The candidate, or the beginning of its name.")]
TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")]
CountOption = Annotated[int, typer.Option("--k", "-k", min=1, help="How many hits.")]
AgainstOption = Annotated[
    str, typer.Option("--against", metavar="VERSION", help="Compare with this version: a number, or an alias.")
]


def attach(nouns: typer.Typer) -> None:
    """Adds the group `candidate` to the group `index`."""
    own = group(nouns, "candidate", "Look at versions that a gate held back.")
    command(own, "list", examples=("index candidate list handbook",))(list_candidates)
    command(own, "show", examples=("index candidate show handbook 1f2e3d",))(show)
    command(own, "query", examples=("index candidate query handbook 1f2e3d 'how long is the refund window?'",))(query)
    command(own, "diff", examples=("index candidate diff handbook 1f2e3d --against live",))(diff)
    command(own, "remove", examples=("index candidate remove handbook 1f2e3d",))(remove)


def list_candidates(session: Session, name: NameArgument) -> Result:
    """List the candidates that failed a gate and are kept, newest first.

    Readers never open one, and no alias can point to one. How many are kept, and for how long, says the contract's
    ragRetention.
    """
    from index.candidates import kept_candidates  # noqa: PLC0415 - help must not load faiss

    runtime = session.runtime()
    _require_known(runtime, name)
    rows = [_row(item) for item in kept_candidates(runtime.store, name)]
    data: Json = {"name": name, "candidates": rows}
    if rows:
        data["next"] = f"stemma index candidate show {name} {rows[0]['id']}"
    return Result(data=data, view=render_lifecycle.candidates)


def _row(kept: Kept) -> Json:
    manifest = kept.manifest
    return {
        "id": kept.id,
        "failed": list(kept.failed),
        "documents": manifest.contents.documents if manifest else None,
        "chunks": manifest.contents.chunks if manifest else None,
        "created_at": kept.created_at.isoformat() if kept.created_at else None,
        "run_id": manifest.run.run_id if manifest else None,
        "bytes": kept.size,
        "problem": kept.problem,
    }


def show(session: Session, name: NameArgument, candidate: IdArgument) -> Result:
    """Show what a candidate holds and what each gate found."""
    _, manifest = _read(session, name, candidate)
    data = {
        "name": name,
        "id": manifest.identity[:16],
        "messages": [f"{gate.name}: {gate.message}" for gate in manifest.gates if not gate.passed],
        "manifest": render.record_json(manifest.to_json()),
    }
    return Result(data=data, view=render_lifecycle.candidate)


def query(
    session: Session, name: NameArgument, candidate: IdArgument, text: TextArgument, k: CountOption = 5
) -> Result:
    """Ask a candidate, with its own model, as `stemma index query` asks a version."""
    from index.candidates import open_candidate  # noqa: PLC0415 - help must not load faiss

    runtime, manifest = _read(session, name, candidate)
    found = open_candidate(runtime.store, manifest, _embedder(runtime, manifest)).search(text, k=k)
    data = {
        "name": f"candidate {manifest.identity[:16]} of {name}",
        "version": manifest.number,
        "query": text,
        "hits": [
            {"rank": rank, **asdict(hit), "headings": list(hit.headings)} for rank, hit in enumerate(found, start=1)
        ],
    }
    return Result(data=data, view=render_index.hits)


def diff(session: Session, name: NameArgument, candidate: IdArgument, against: AgainstOption = "live") -> Result:
    """Show what differs between a version and a candidate, and why."""
    from index import layout  # noqa: PLC0415 - help must not load pyarrow
    from index.diff import diff_versions  # noqa: PLC0415
    from index.manifest import Manifest  # noqa: PLC0415

    runtime, manifest = _read(session, name, candidate)
    with runtime.catalog.reading() as tx:
        version = open_one(runtime, tx, name).resolve(against)
    folder = layout.candidate_path(name, manifest.identity[:16])
    found = diff_versions(runtime.store, Manifest.from_json(version.manifest), manifest, after_folder=folder)
    return Result(data=render.record_json(found.to_json()), view=render_history.difference)


def remove(session: Session, name: NameArgument, candidate: IdArgument) -> Result:
    """Remove a candidate before its time."""
    from index.candidates import remove_candidate  # noqa: PLC0415 - help must not load faiss

    runtime, manifest = _read(session, name, candidate)
    remove_candidate(runtime.store, name, manifest.identity[:16])
    data = {"name": name, "id": manifest.identity[:16], "next": f"stemma index candidate list {name}"}
    return Result(data=data, view=render_lifecycle.removed)


def _read(session: Session, name: str, candidate: str) -> tuple[Runtime, Manifest]:
    from index.candidates import read_candidate  # noqa: PLC0415 - help must not load faiss

    runtime = session.runtime()
    _require_known(runtime, name)
    return runtime, read_candidate(runtime.store, name, candidate)


def _require_known(runtime: Runtime, name: str) -> None:
    with runtime.catalog.reading() as tx:
        open_one(runtime, tx, name)


def _embedder(runtime: Runtime, manifest: Manifest) -> Embedder:
    from ingestion.embedding import open_embedder  # noqa: PLC0415 - help must not load the stages
    from ingestion.models import known_space  # noqa: PLC0415

    what = f"candidate {manifest.identity[:16]}"
    return open_embedder(runtime, known_space(runtime, manifest.fingerprints["embedder"].digest, what))
