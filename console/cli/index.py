"""`stemma index`: versions, what is in them, what differs, which one serves, and asking one."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import contamination, erase, render, render_index
from console.cli.command import Json, Result, command, group
from console.cli.session import Session, pairs
from console.cli.versions import Index, known_indexes, open_one, version_row
from corpus.errors import EXIT_INTEGRITY, EXIT_OK

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
AnyNameArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="Name of an index; default: all.")]
VersionText = "a number, or an alias such as live"
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help=f"The version: {VersionText}.")]
AnyVersionArgument = Annotated[
    str | None, typer.Argument(metavar="VERSION", help=f"The version: {VersionText}; default: live.")
]
BeforeArgument = Annotated[
    str | None, typer.Argument(metavar="BEFORE", help="The one version; default: the one that AFTER follows.")
]
AfterArgument = Annotated[str | None, typer.Argument(metavar="AFTER", help="The other version; default: live.")]
QuestionArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")]
AliasOption = Annotated[str, typer.Option("--alias", metavar="ALIAS", help="The alias.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log.")]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="VERSION", help="Version to go back to; default: what it served before.")
]
CountOption = Annotated[int, typer.Option("--k", "-k", min=1, help="How many hits.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="FIELD=VALUE", help="Only such chunks, as in origin=digitalCreation; may be repeated."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--version", metavar="VERSION", help="Ask this version instead of what the alias points to."),
]
OneOption = Annotated[str | None, typer.Option("--version", metavar="VERSION", help="Check this version.")]
AllOption = Annotated[bool, typer.Option("--all", help="Check every version, not only those that an alias points to.")]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Although corpus and model change at once, or the version shrank; needs --reason."),
]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "index", "Look at versions, ask them, and say which one serves.")
    command(nouns, "list", examples=("index list", "index list handbook"))(list_versions)
    command(nouns, "show", examples=("index show handbook", "index show handbook 3 --json"))(show)
    command(nouns, "diff", examples=("index diff handbook", "index diff handbook 1 3"))(diff)
    examples: tuple[str, ...] = (
        "index query handbook 'how long is the refund window?'",
        "index query handbook 'refunds' --k 3 --where origin=digitalCreation --where owner=legal",
        "index query handbook 'refunds' --version 1",
    )
    command(nouns, "query", examples=examples)(query)
    command(nouns, "verify", examples=("index verify handbook", "index verify handbook --all"))(verify)
    command(nouns, "audit", examples=("index audit handbook",))(audit)
    contamination.attach(nouns)
    command(nouns, "promote", examples=("index promote handbook shadow --reason 'golden set passed'",))(promote)
    examples = ("index rollback handbook --reason 'answers got worse'", "index rollback handbook --to 3")
    command(nouns, "rollback", examples=examples)(rollback)
    examples = ("index release handbook", "index release handbook --force --reason 'corpus was halved on purpose'")
    command(nouns, "release", examples=examples)(release)
    erase.attach(nouns)


def list_versions(session: Session, name: AnyNameArgument = None) -> Result:
    """List versions, newest first, and the aliases that point to them."""
    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        names = [name] if name else known_indexes(runtime, tx)
        opened = [open_one(runtime, tx, each) for each in names]
    data: Json = {"versions": [row for index in opened for row in index.rows()]}
    if not data["versions"]:
        data["next"] = f"stemma ingest {name or (names[0] if names else 'NAME')}"
    return Result(data=data, view=render_index.versions)


def show(session: Session, name: NameArgument, version: AnyVersionArgument = None) -> Result:
    """Show what a version holds and how it was judged."""
    index = _opened(session, name)
    found = index.resolve(version or "live")
    return Result(
        data={**version_row(found, index), "manifest": render.record_json(found.manifest)}, view=render_index.version
    )


def diff(session: Session, name: NameArgument, before: BeforeArgument = None, after: AfterArgument = None) -> Result:
    """Show what differs between two versions, and why.

    Without versions: what serves now, against the version that it follows.
    """
    from index.diff import diff_versions  # noqa: PLC0415 - help must not load pyarrow
    from index.manifest import Manifest  # noqa: PLC0415

    runtime = session.runtime()
    index = _opened(session, name)
    later = index.resolve(after or "live")
    earlier = index.resolve(before) if before else index.before(later)
    pair = (Manifest.from_json(version.manifest) for version in (earlier, later))
    found = diff_versions(runtime.store, *pair)
    return Result(data=found.to_json(), view=render_index.difference)


def query(
    session: Session,
    name: NameArgument,
    text: QuestionArgument,
    k: CountOption = 5,
    where: WhereOption = None,
    alias: AliasOption = "live",
    version: AtOption = None,
) -> Result:
    """Ask an index, the way an application would.

    The version is verified and asked with its own model. Filters apply before ranking. Fields: doc_id,
    origin, owner, source_system, sensitivity_label, language.
    """
    from console.cli.asking import ask  # noqa: PLC0415 - help must not load faiss and a model

    filters = _filters(where or [])
    runtime = session.runtime()
    found = _opened(session, name).resolve(version or alias)
    return Result(data=ask(runtime, found, text, k=k, where=filters), view=render_index.hits)


def verify(session: Session, name: NameArgument, version: OneOption = None, every: AllOption = False) -> Result:  # noqa: FBT002
    """Check every byte of versions, and their aliases.

    Signature, manifest, the digest of every file, and whether alias files agree with the
    catalog. Ends with exit code 3 if something does not hold.
    """
    from console.cli.verifying import verify_aliases, verify_versions  # noqa: PLC0415 - help must not load it

    runtime = session.runtime()
    index = _opened(session, name)
    chosen = [index.resolve(version)] if version else index.kept() if every else index.pointed()
    versions = verify_versions(runtime, chosen)
    aliases = [] if version else verify_aliases(runtime, index)
    holds = all(item["ok"] for item in (*versions, *aliases))
    return Result(
        data={"name": name, "ok": holds, "versions": versions, "aliases": aliases},
        view=render_index.verification,
        exit_code=EXIT_OK if holds else EXIT_INTEGRITY,
    )


def audit(session: Session, name: NameArgument, alias: AliasOption = "live") -> Result:
    """Check that what is served is what was released, and that the model still is the model.

    All that `index verify` checks of one version, then the canary texts are embedded again and
    compared with their stored vectors. Ends with exit code 3 if something does not hold.
    """
    from ingestion.stages import audit as stage  # noqa: PLC0415 - help must not load the stages

    receipt = stage.audit(session.runtime(), name, alias=alias)
    return Result(data=receipt.to_json(), view=render.receipt)


def promote(
    session: Session,
    name: NameArgument,
    version: VersionArgument,
    alias: AliasOption = "live",
    reason: ReasonOption = "",
) -> Result:
    """Point an alias to a version, after its signature was checked."""
    index = _opened(session, name)
    number = index.resolve(version).number
    return _move(session, index, alias, number, reason or "promoted by hand", "")


def rollback(
    session: Session, name: NameArgument, to: ToOption = None, alias: AliasOption = "live", reason: ReasonOption = ""
) -> Result:
    """Point an alias back to what it served before, or to the version named.

    What was rolled back is not published again until a document changes, or `index release --force`.
    """
    index = _opened(session, name)
    target = index.resolve(to) if to else index.served_before(alias)
    means = "Documents stay as they are. They are released again when one of them changes, or with --force."
    return _move(session, index, alias, target.number, reason or "rolled back by hand", means)


def release(
    session: Session,
    name: NameArgument,
    alias: AliasOption = "live",
    force: ForceOption = False,  # noqa: FBT002 - a flag of the command line
    reason: ReasonOption = "",
) -> Result:
    """Publish what was taken in but not released.

    That is after `ingest --no-release`, or when a gate held the version back and --force with a reason
    says that it is meant.
    """
    from corpus.ids import new_run_id  # noqa: PLC0415 - help must not load the stages
    from ingestion.stages import release as stage  # noqa: PLC0415

    receipt = stage.release(
        session.runtime(), name, new_run_id(), alias=alias, force=force, reason=reason, progress=session.progress()
    )
    return Result(data={**receipt.to_json(), "next": f"stemma index show {name} {alias}"}, view=render.receipt)


def _opened(session: Session, name: str) -> Index:
    runtime = session.runtime()
    with runtime.catalog.reading() as tx:
        return open_one(runtime, tx, name)


def _move(session: Session, index: Index, alias: str, number: int, reason: str, means: str) -> Result:
    from ingestion.stages import release as stage  # noqa: PLC0415 - help must not load the stages

    before = index.aliases.get(alias)
    receipt = stage.move(session.runtime(), index.name, alias, number, reason=reason)
    data = {
        "name": index.name,
        "alias": alias,
        "from": before,
        "to": number,
        "reason": reason,
        "manifest_sha256": receipt.figures["manifest_sha256"],
        "means": means,
        "next": f"stemma index diff {index.name} {before} {number}" if before and before != number else None,
    }
    return Result(data=data, view=render_index.moved)


def _filters(where: list[str]) -> dict[str, list[str]]:
    """Returns field to values; a field that is given twice takes either value."""
    filters: dict[str, list[str]] = {}
    for field, value in pairs(where, "--where"):
        filters.setdefault(field, []).append(value)
    return filters
