"""`stemma index`: versions, what is in them, what differs, which one serves, and asking one."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import canaries, candidate, contamination, erase, index_queries, lifecycle, render, render_index
from console.cli.command import Result, command, group
from console.cli.session import Session
from console.cli.versions import Index, open_one
from corpus.errors import EXIT_INTEGRITY, EXIT_OK

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index, which is that of its contract.")]
VersionText = "a number, or an alias such as live"
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help=f"The version: {VersionText}.")]
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
        "--where",
        metavar="FIELD=VALUE",
        help="Only such chunks, as in origin=digitalCreation or quality>=0.6 (= != < <= > >=); may be repeated.",
    ),
]
HybridOption = Annotated[
    float,
    typer.Option(
        "--hybrid",
        min=0.0,
        metavar="WEIGHT",
        help="Search by words as well, with this weight (vectors have 1); needs ragIndex: {lexical: bm25}.",
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
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Take the vectors of this model; default: the contract's, or the live version's during a re-embed.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "index", "Look at versions, ask them, and say which one serves.")
    index_queries.attach(nouns)
    examples: tuple[str, ...] = (
        "index query handbook 'how long is the refund window?'",
        "index query handbook 'refunds' --k 3 --where origin=digitalCreation --where owner=legal",
        "index query handbook 'refunds' --where 'quality>=0.6' --where 'reviewed>=today-365d' --where in_force=now",
        "index query handbook 'error E-4711' --hybrid 1",
        "index query handbook 'refunds' --version 1",
    )
    command(nouns, "query", examples=examples)(query)
    command(nouns, "verify", examples=("index verify handbook", "index verify handbook --all"))(verify)
    command(nouns, "audit", examples=("index audit handbook",))(audit)
    canaries.attach(nouns)
    contamination.attach(nouns)
    lifecycle.attach(nouns)
    candidate.attach(nouns)
    command(nouns, "promote", examples=("index promote handbook shadow --reason 'golden set passed'",))(promote)
    examples = ("index rollback handbook --reason 'answers got worse'", "index rollback handbook --to 3")
    command(nouns, "rollback", examples=examples)(rollback)
    examples = ("index release handbook", "index release handbook --force --reason 'corpus was halved on purpose'")
    command(nouns, "release", examples=examples)(release)
    erase.attach(nouns)


def query(
    session: Session,
    name: NameArgument,
    text: QuestionArgument,
    k: CountOption = 5,
    where: WhereOption = None,
    alias: AliasOption = "live",
    version: AtOption = None,
    hybrid: HybridOption = 0.0,
) -> Result:
    """Ask an index, the way an application would.

    The version is verified and asked with its own model. Filters apply before ranking. A field that is given twice
    with = takes either value. Fields: chunk_id, depth, doc_id, document_type, effective_from, effective_until,
    in_force, language, media_type, origin, origin_basis, owner, parser, quality, reviewed, revision_id, sensitivity,
    size_bytes, source, title, tokens, updated, uri, version, metadata.KEY and basis.FIELD. Dates are YYYY-MM-DD,
    today, now, or today-30d. Quote what has < or > in it.
    """
    from console.cli.asking import ask  # noqa: PLC0415 - help must not load faiss and a model
    from index.filters import parse_where  # noqa: PLC0415
    from index.fusion import Hybrid  # noqa: PLC0415

    filters = parse_where(where or [])
    runtime = session.runtime()
    found = _opened(session, name).resolve(version or alias)
    joined = Hybrid(lexical=hybrid) if hybrid else None
    return Result(data=ask(runtime, found, text, k=k, where=filters, hybrid=joined), view=render_index.hits)


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
    model: ModelOption = None,
) -> Result:
    """Publish what was taken in but not released.

    That is after `ingest --no-release`, or when a gate held the version back and --force with a reason
    says that it is meant. With --model it is also how a re-embed is insisted on that a person rolled back from.
    """
    from corpus.ids import new_run_id  # noqa: PLC0415 - help must not load the stages
    from ingestion.stages import release as stage  # noqa: PLC0415

    receipt = stage.release(
        session.runtime(),
        name,
        new_run_id(),
        alias=alias,
        model=model,
        force=force,
        reason=reason,
        progress=session.progress(),
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
