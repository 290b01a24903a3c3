"""`stemma quarantine split`: part a document, keep some parts, drop the others."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli import render_splitting
from console.cli.command import Json, Result
from console.cli.ingest import NameArgument
from console.cli.session import Session
from corpus.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.runtime import Runtime
    from ingestion.splitting.deciding import Whole
    from ingestion.splitting.parts import Proposed

DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, as `list` shows it.")]
ShowOption = Annotated[bool, typer.Option("--show", help="Only propose parts, with the evidence in each.")]
AtOption = Annotated[
    list[int] | None,
    typer.Option("--at", metavar="OFFSET", help="Cut here, in characters; default: headings and evidence."),
]
KeepOption = Annotated[list[int] | None, typer.Option("--keep", metavar="PART", help="Number of a part that stays.")]
DropOption = Annotated[list[int] | None, typer.Option("--drop", metavar="PART", help="Number of a part that goes.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the audit log.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who decides; default: the actor setting.")]
SeenOption = Annotated[
    str, typer.Option("--sha256", metavar="DIGEST", help="Digest that `show` printed: refuse if the bytes changed.")
]


def split(  # noqa: PLR0913, PLR0917 - options of the command line
    session: Session,
    name: NameArgument,
    document: DocumentArgument,
    show: ShowOption = False,  # noqa: FBT002 - a flag of the command line
    at: AtOption = None,
    keep: KeepOption = None,
    drop: DropOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
    sha256: SeenOption = "",
) -> Result:
    """Keep some parts of a document and drop the others.

    The next ingest takes in only what is kept, at the places where it stands in the document; what is dropped stays in
    the record. No rule is overridden: what is kept is judged like any other text, and held where it breaks a rule.
    Where the contract asks for more than one person, this is a vote until enough of them want the same parts.
    """
    from ingestion.splitting import deciding  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    _require_contract(runtime, name)
    whole = deciding.whole_of(runtime, name, document)
    parts = deciding.parts_of(whole, at or ())
    if show:
        if keep or drop or reason.strip():
            raise ConfigurationError("--show decides nothing: leave out --keep, --drop and --reason, or --show.")
        return _shown(name, whole, parts)
    wanted = deciding.Wanted(spans=tuple(part.span for part in parts), kept=_kept(parts, keep or (), drop or ()))
    actor = runtime.settings.actor if by is None else by
    settled = deciding.split_held(runtime, name, document, wanted, reason=reason, actor=actor, seen=sha256)
    data: Json = {
        "contract": name,
        "document": document,
        "parts": [_part(part, kept=part.number in wanted.kept) for part in parts],
        "reason": reason.strip(),
        "by": actor.strip(),
        "settled": settled.settled,
        "settled_by": list(settled.people) or [actor.strip()] if settled.settled else [],
        "persons": settled.persons,
        "missing": settled.missing,
        "means": "This holds for exactly these bytes and the metadata beside them. The next ingest takes in what is "
        "kept, where it breaks no rule that holds documents; a later change is judged afresh.",
        "next": f"stemma ingest {name}" if settled.settled else f"stemma quarantine show {name} {document}",
    }
    return Result(data=data, view=render_splitting.decided)


def _require_contract(runtime: Runtime, name: str) -> None:
    from console.cli.quarantine import require_contract  # noqa: PLC0415 - it registers this command

    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)


def _shown(name: str, whole: Whole, parts: Sequence[Proposed]) -> Result:
    cuts = " ".join(f"--at {part.span.start}" for part in parts[1:])
    gone = " ".join(f"--drop {part.number}" for part in parts if not part.kept) or "--drop ..."
    command = f"stemma quarantine split {name} {shlex.quote(whole.state.doc_id)}"
    data: Json = {
        "contract": name,
        "document": whole.state.doc_id,
        "sha256": whole.state.judged_sha256,
        "text_sha256": whole.text_sha256,
        "characters": len(whole.text),
        "cut": whole.cut.digest if whole.cut else None,
        "parts": [_part(part, kept=part.kept) for part in parts],
    }
    if len(parts) > 1:
        data["next"] = f"{command} {cuts} {gone} --sha256 {whole.state.judged_sha256[:12]} --reason '...'"
    return Result(data=data, view=render_splitting.proposed)


def _part(part: Proposed, *, kept: bool) -> dict[str, Any]:
    return {
        "number": part.number,
        "start": part.span.start,
        "end": part.span.end,
        "title": part.title,
        "evidence": list(part.codes),
        "kept": kept,
    }


def _kept(parts: Sequence[Proposed], keep: Sequence[int], drop: Sequence[int]) -> tuple[int, ...]:
    """Returns the numbers of the parts that stay.

    Raises:
        ConfigurationError: Both ways of naming parts are used or neither, or there is no such part.
    """
    if bool(keep) == bool(drop):
        raise ConfigurationError("say which parts go (--drop) or which stay (--keep); see their numbers with --show.")
    numbers = [part.number for part in parts]
    unknown = sorted({*keep, *drop} - set(numbers))
    if unknown:
        raise ConfigurationError(f"there is no part {unknown[0]}: the document has parts 1 to {len(numbers)}.")
    return tuple(number for number in numbers if (number in keep if keep else number not in drop))
