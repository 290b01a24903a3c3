"""`stemma erase`: a document leaves everything that is kept of it; and `index delete`: it is served no more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from console.cli import render_erase
from console.cli.command import Json, Result, command
from console.cli.session import Session
from corpus.errors import ConfigurationError

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the contract.")]
DocArgument = Annotated[
    str | None, typer.Argument(metavar="DOC", help="The document's id; without it, erasures cut short are completed.")
]
DeleteArgument = Annotated[str | None, typer.Argument(metavar="DOC", help="The document's id.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, without quoting the document; it is kept for ever.")
]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who; default: the setting actor.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
LiftOption = Annotated[bool, typer.Option("--lift", help="Let the document be taken in again.")]
ChunkOption = Annotated[str, typer.Option("--chunk", metavar="ID", help="Only this chunk, as a hit names it.")]
NoReleaseOption = Annotated[
    bool, typer.Option("--no-release", help="Do not build the index again, however large the share is.")
]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    examples = (
        "erase handbook people/mara.md --reason 'request 17'",
        "erase handbook people/mara.md --lift --reason 'consent given'",
        "erase handbook",
    )
    command(app, "erase", examples=examples)(erase)


def attach(nouns: typer.Typer) -> None:
    """Adds deletion to the group `index`."""
    examples: tuple[str, ...] = ("index delete handbook old.md --reason 'withdrawn'",)
    command(nouns, "delete", examples=examples)(delete)
    examples = ("index restore handbook old.md --reason 'was right after all'",)
    command(nouns, "restore", examples=examples)(restore)


def erase(
    session: Session,
    name: NameArgument,
    doc: DocArgument = None,
    reason: ReasonOption = "",
    by: ByOption = None,
    yes: YesOption = False,  # noqa: FBT002 - a flag of the command line
    lift: LiftOption = False,  # noqa: FBT002
) -> Result:
    """Remove a document for good, from every version, segment, vector, answer, report and row.

    It is served no more at once. Every version that holds it is built again without it, every file is read once more
    afterwards, and what was found is signed. Digests stay, so that it is refused when its source gives it again, until
    --lift. The source itself is not touched. Without DOC, erasures that were cut short are completed.
    """
    from ingestion.stages import erase as stage  # noqa: PLC0415 - help must not load the stages

    runtime = session.runtime()
    actor = by or runtime.settings.actor
    if doc is None:
        if lift or reason:
            raise ConfigurationError("name the document: stemma erase NAME DOC --reason TEXT.")
        done = stage.complete(runtime, name)
        return Result(data={"name": name, "completed": [_data(item) for item in done]}, view=render_erase.completed)
    if lift:
        receipt = stage.lift(runtime, name, doc, reason=reason, actor=actor)
        data: Json = {**receipt.to_json(), "next": f"stemma ingest {name}"}
        return Result(data=data, view=render_erase.lifted)
    _confirm(session, name, doc, yes=yes)
    near = stage.names_like(runtime, name, doc)
    erased = _data(stage.erase(runtime, name, doc, reason=reason, actor=actor))
    return Result(data={**erased, "near": near}, view=render_erase.erased)


def _confirm(session: Session, name: str, doc: str, *, yes: bool) -> None:
    if yes:
        return
    if session.json or not sys.stdin.isatty():
        raise ConfigurationError("an erasure cannot be undone: add --yes to say that it is meant.")
    typer.confirm(f"Erase {doc} of {name} for good, from every version?", abort=True, err=True)


def _data(done: object) -> Json:
    from ingestion.stages.erase import Erased  # noqa: PLC0415

    assert isinstance(done, Erased)  # noqa: S101 - the stage is imported where it is needed
    return {**done.receipt.to_json(), "receipt": done.path, "signed": done.signed, "also_said_by": list(done.also)}


def delete(
    session: Session,
    name: NameArgument,
    doc: DeleteArgument = None,
    chunk: ChunkOption = "",
    reason: ReasonOption = "",
    by: ByOption = None,
    no_release: NoReleaseOption = False,  # noqa: FBT002 - a flag of the command line
) -> Result:
    """Serve a document or a chunk no more, at once, in every version.

    Readers that are open leave it out from their next query on. The next version does without the document; it is
    built at once where more of the documents are deleted than the contract's ragIndex lets be (rebuildShare, a tenth).
    Nothing is removed: `stemma erase` does that.
    """
    from ingestion.stages import release, tombstone  # noqa: PLC0415 - help must not load the stages

    runtime = session.runtime()
    actor = by or runtime.settings.actor
    receipt = tombstone.delete(runtime, name, doc or "", chunk_id=chunk, reason=reason, actor=actor)
    data: Json = receipt.to_json()
    if receipt.figures["rebuild"] and not no_release:
        run_id = tombstone.rebuild_run(runtime, name, reason)
        data["released"] = release.release(runtime, name, run_id, progress=session.progress()).to_json()
    return Result(data=data, view=render_erase.deleted)


def restore(
    session: Session,
    name: NameArgument,
    doc: DeleteArgument = None,
    chunk: ChunkOption = "",
    reason: ReasonOption = "",
    by: ByOption = None,
) -> Result:
    """Serve a deleted document or chunk again."""
    from ingestion.stages import tombstone  # noqa: PLC0415 - help must not load the stages

    runtime = session.runtime()
    actor = by or runtime.settings.actor
    receipt = tombstone.delete(runtime, name, doc or "", chunk_id=chunk, reason=reason, actor=actor, undo=True)
    return Result(data={**receipt.to_json(), "next": f"stemma index release {name}"}, view=render_erase.deleted)
