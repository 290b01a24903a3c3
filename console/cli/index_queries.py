"""`stemma index list|show|diff|why|blame|replay|export|schema|croissant`: questions about versions. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import render, render_history, render_index
from console.cli.command import Json, Result, command
from console.cli.session import Session
from console.cli.versions import version_row
from corpus.errors import EXIT_FINDINGS, EXIT_INTEGRITY, EXIT_OK

if TYPE_CHECKING:
    from ingestion.queries import Queries

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
AnyNameArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="Name of an index; default: all.")]
VersionText = "a number, or an alias such as live"
AnyVersionArgument = Annotated[
    str | None, typer.Argument(metavar="VERSION", help=f"The version: {VersionText}; default: live.")
]
BeforeArgument = Annotated[
    str | None, typer.Argument(metavar="BEFORE", help="The one version; default: the one that AFTER follows.")
]
AfterArgument = Annotated[str | None, typer.Argument(metavar="AFTER", help="The other version; default: live.")]
SubjectArgument = Annotated[
    str, typer.Argument(metavar="DOC|CHUNK", help="A document id, or a chunk id as `query --json` gives it.")
]
QuestionArgument = Annotated[
    str | None, typer.Argument(metavar="TEXT", help="What was asked; default: the question of --answer.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Built then or later (ISO 8601, UTC).")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Built then or earlier.")]
PointedOption = Annotated[str | None, typer.Option("--alias", metavar="ALIAS", help="What this alias points to now.")]
ContractOption = Annotated[
    str | None, typer.Option("--contract-version", metavar="VERSION", help="Built under this version of the contract.")
]
EmbedderOption = Annotated[
    str | None,
    typer.Option("--embedder", metavar="MODEL", help="With this model: its name, or the start of its fingerprint."),
]
StateOption = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="In this state: candidate, released or retired.")
]
OneOption = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help=f"The version: {VersionText}; default: live.")
]
DocumentsOption = Annotated[bool, typer.Option("--documents", help="List every document that differs, with its cause.")]
ThenOption = Annotated[
    str | None,
    typer.Option("--version", metavar="VERSION", help="The old version; default: the one before what serves now."),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="What the alias served at this time, such as 2026-11-01T12:00 (UTC)."),
]
AnswerOption = Annotated[
    str | None, typer.Option("--answer", metavar="ID", help="Of a logged answer: its question and its version.")
]
AliasOption = Annotated[str, typer.Option("--alias", metavar="ALIAS", help="The alias that was asked.")]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", metavar="VERSION", help="Compare with this version; default: what the alias serves now."),
]
CountOption = Annotated[int, typer.Option("--k", "-k", min=1, help="How many hits of each.")]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", metavar="FIELD=VALUE", help="Only such chunks; may be repeated.")
]
FolderOption = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the Parquet files go.")]
FileOption = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Write it to this file; default: print it.")
]
LicenceOption = Annotated[
    str, typer.Option("--license", metavar="URL", help="Licence of the documents; default: none is asserted.")
]


def attach(nouns: typer.Typer) -> None:
    """Adds the commands to the group `index`."""
    examples: tuple[str, ...] = ("index list", "index list handbook --since 2026-11-01 --embedder all-MiniLM-L6-v2")
    command(nouns, "list", examples=examples)(list_versions)
    command(nouns, "show", examples=("index show handbook", "index show handbook 3 --json"))(show)
    command(nouns, "diff", examples=("index diff handbook", "index diff handbook 1 3 --documents"))(diff)
    command(nouns, "why", examples=("index why handbook refunds.md", "index why handbook returns.md --version 2"))(why)
    command(nouns, "blame", examples=("index blame handbook refunds.md",))(blame)
    examples = (
        "index replay handbook 'how long is the refund window?' --version 1",
        "index replay handbook 'refunds' --at 2026-11-01T12:00",
        "index replay handbook --answer a-17",
    )
    command(nouns, "replay", examples=examples)(replay)
    command(nouns, "export", examples=("index export handbook --to metadata",))(export)
    command(nouns, "schema", examples=("index schema",))(schema)
    examples = ("index croissant handbook", "index croissant handbook 3 --to croissant.json")
    command(nouns, "croissant", examples=examples)(croissant)


def list_versions(
    session: Session,
    name: AnyNameArgument = None,
    since: SinceOption = None,
    until: UntilOption = None,
    alias: PointedOption = None,
    contract_version: ContractOption = None,
    embedder: EmbedderOption = None,
    state: StateOption = None,
) -> Result:
    """List versions, newest first, and the aliases that point to them."""
    from ingestion.history import contents  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion.history.opened import moment_of  # noqa: PLC0415

    which = contents.Filter(
        since=moment_of(since) if since else None,
        until=moment_of(until, end_of_day=True) if until else None,
        alias=alias,
        contract_version=contract_version,
        embedder=embedder,
        state=state,
    )
    opened = contents.list_versions(session.runtime(), name, which)
    data: Json = {"versions": [version_row(record, history) for history, records in opened for record in records]}
    if not any(history.versions for history, _ in opened):
        data["next"] = f"stemma ingest {name or (opened[0][0].name if opened else 'NAME')}"
    return Result(data=data, view=render_index.versions)


def show(session: Session, name: NameArgument, version: AnyVersionArgument = None) -> Result:
    """Show what a version holds and how it was judged.

    Ends with exit code 3 if its manifest is not what was signed; then it is shown as the catalog knows it.
    """
    from ingestion.history.opened import open_history  # noqa: PLC0415 - help must not load SQLAlchemy

    asked = _queries(session, name)
    found = asked.show(version or "live")
    record = found.record
    data = {
        **version_row(record, open_history(asked.runtime, name)),
        "manifest": render.record_json(record.manifest),
        "signature": render.record(found.signature),
        "served": [render.record(item) for item in found.served],
        "approvals": [render.record(item) for item in found.approvals],
        "ai_share": render.record_json(found.shares),
        "facets": render.record_json(found.facets),
        "contamination": render.record(found.measured) if found.measured else None,
    }
    believed = found.signature.state in ("valid", "retired")
    return Result(data=data, view=render_history.version, exit_code=EXIT_OK if believed else EXIT_INTEGRITY)


def diff(
    session: Session,
    name: NameArgument,
    before: BeforeArgument = None,
    after: AfterArgument = None,
    documents: DocumentsOption = False,  # noqa: FBT002 - a flag of the command line
) -> Result:
    """Show what differs between two versions, and why: source, contract, parser, model and so on.

    Without versions: what serves now, against the version that it follows. Every document has one primary cause.
    """
    found = _queries(session, name).diff(before, after)
    view = render_history.difference_listed if documents else render_history.difference
    return Result(data=render.record_json(found.to_json()), view=view)


def why(session: Session, name: NameArgument, subject: SubjectArgument, version: OneOption = None) -> Result:
    """Say why a document or a chunk is in a version, or why it is not.

    Ends with exit code 1 if nobody has ever seen it.
    """
    found = _queries(session, name).why(subject, version)
    return Result(
        data=render.record(found),
        view=render_history.why,
        exit_code=EXIT_FINDINGS if found.state == "unknown" else EXIT_OK,
    )


def blame(session: Session, name: NameArgument, subject: SubjectArgument) -> Result:
    """Say who put a document or a chunk into the index: version, run, people, bytes, contract and models."""
    return Result(data=render.record(_queries(session, name).blame(subject)), view=render_history.blame)


def replay(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    session: Session,
    name: NameArgument,
    text: QuestionArgument = None,
    version: ThenOption = None,
    at: AtOption = None,
    answer: AnswerOption = None,
    alias: AliasOption = "live",
    against: AgainstOption = None,
    k: CountOption = 5,
    where: WhereOption = None,
) -> Result:
    """Ask an old version again, beside what serves now, and say what explains each difference."""
    from index.filters import parse_where  # noqa: PLC0415 - help must not load it
    from ingestion.history.opened import moment_of  # noqa: PLC0415

    found = _queries(session, name).replay(
        text,
        version=version,
        at=moment_of(at) if at else None,
        answer=answer,
        alias=alias,
        against=against,
        k=k,
        where=parse_where(where or []),
    )
    return Result(data=render.record(found), view=render_history.replay)


def export(session: Session, name: NameArgument, to: FolderOption) -> Result:
    """Write manifests, gates, files, documents and alias history of all versions as Parquet files."""
    found = _queries(session, name).export(to)
    data: dict[str, Any] = {**render.record(found), "name": name, "folder": str(found.folder)}
    return Result(data=data, view=render_history.exported)


def schema(session: Session) -> Result:  # noqa: ARG001 - needs no project
    """Print the JSON Schema of manifest.json."""
    from ingestion.queries import manifest_schema  # noqa: PLC0415

    return Result(data=manifest_schema(), view=render_history.as_json)


def croissant(
    session: Session,
    name: NameArgument,
    version: AnyVersionArgument = None,
    to: FileOption = None,
    license_url: LicenceOption = "",
) -> Result:
    """Describe a version as a Croissant data set (JSON-LD), for data set tools and catalogues.

    Paths in it are relative to the version's folder.
    """
    found = _queries(session, name).croissant(version or "live", license_url)
    if to is None:
        return Result(data=found, view=render_history.as_json)
    return Result(data={"file": render_history.write_json(to, found), "name": name}, view=render_history.written)


def _queries(session: Session, name: str) -> Queries:
    from ingestion.queries import Queries  # noqa: PLC0415 - help must not load SQLAlchemy

    return Queries(session.runtime(), name)
