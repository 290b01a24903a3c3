"""`stemma lineage`: what a document was made of, over how many generations, and where text went in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.cli.command import Json, Result, command, group
from console.cli.ingest import NameArgument
from console.cli.quarantine import require_contract
from console.cli.session import Session, require_known
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from corpus.catalog.records import AnswerRecord
    from ingestion.lineage.gather import Lineage
    from ingestion.runtime import Runtime
    from provenance.lineage import Loop


class Format(StrEnum):
    """How a lineage is shown."""

    TREE = "tree"
    DOT = "dot"
    SVG = "svg"
    JSON = "json"


class Exchange(StrEnum):
    """How a lineage is exported."""

    PROV_JSON = "prov-json"


DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, as `query` shows it.")]
OptionalDocument = Annotated[
    str | None, typer.Argument(metavar="DOCUMENT", help="Document id; leave it out with --all.", show_default=False)
]
OptionalName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Name of the contract; default: all.", show_default=False)
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="tree for people, dot or svg to draw, json for programs.")
]
DepthOption = Annotated[int, typer.Option("--depth", min=1, metavar="N", help="Generations shown.")]
ExchangeOption = Annotated[Exchange, typer.Option("--format", help="Form of the file.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every document that lineage knows.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "lineage", "See what documents were made of: answers, and what these had retrieved.")
    command(
        nouns, "show", examples=("lineage show handbook kettles.md", "lineage show handbook kettles.md --format svg")
    )(show)
    command(nouns, "loops", examples=("lineage loops", "lineage loops handbook"))(loops)
    command(nouns, "export", examples=("lineage export handbook kettles.md", "lineage export handbook --all"))(export)


def show(
    session: Session,
    name: NameArgument,
    document: DocumentArgument,
    format: FormatOption = Format.TREE,  # noqa: A002 - the option is called so
    depth: DepthOption = 5,
) -> Result:
    """Show which answers a document was made of, what these had retrieved, and so on back to primary sources."""
    from console.cli import render_lineage  # noqa: PLC0415 - only where it is asked for
    from console.drawings import lineage_svg  # noqa: PLC0415
    from console.drawings.lineage import drawn  # noqa: PLC0415

    found = _lineage(session.runtime(), name, document)
    data = {"contract": name, "document": document, **drawn(found, depth)}
    views = {
        Format.TREE: render_lineage.tree,
        Format.DOT: render_lineage.dot,
        Format.SVG: lineage_svg.svg,
        Format.JSON: render_lineage.as_json,
    }
    return Result(data=data, view=views[format])


def loops(session: Session, name: OptionalName = None) -> Result:
    """List the documents that were made of what came of themselves; exit code 1 if there is one."""
    from console.cli import render_lineage  # noqa: PLC0415
    from ingestion.lineage.gather import all_loops, standing_of  # noqa: PLC0415 - help must not load SQLAlchemy

    runtime = session.runtime()
    if name is not None:
        with runtime.catalog.reading() as tx:
            require_contract(runtime, tx, name)
    found, answers = all_loops(runtime, name)
    states = standing_of(runtime, [loop.document for loop in found])
    data: Json = {"contract": name, "loops": [_loop(loop, answers, states) for loop in found]}
    if found:
        contract, _, doc_id = found[0].document.name.partition("/")
        data["next"] = f"stemma lineage show {contract} {doc_id}"
    return Result(data=data, view=render_lineage.loops, exit_code=EXIT_FINDINGS if found else EXIT_OK)


def _loop(loop: Loop, answers: Mapping[str, AnswerRecord], states: Mapping[str, str]) -> Json:
    known = [answers[name] for name in loop.answers if name in answers]
    return {
        "document": loop.document.name,
        "state": states.get(loop.document.name, "unknown"),
        "answers": len(loop.answers),
        "path": [{"kind": node.kind.value, "name": node.name} for node in loop.path],
        "models": sorted({record.model for record in known if record.model}),
        "systems": sorted({record.system for record in known if record.system}),
    }


def export(
    session: Session,
    name: NameArgument,
    document: OptionalDocument = None,
    all_: AllOption = False,  # noqa: FBT002 - a flag of the command line
    format: ExchangeOption = Exchange.PROV_JSON,  # noqa: A002, ARG001 - one form so far
) -> Result:
    """Print the lineage of a document, or of all, in the W3C's exchange form PROV-JSON."""
    from console.cli import render_lineage  # noqa: PLC0415
    from ingestion.lineage.export import with_activities  # noqa: PLC0415
    from ingestion.lineage.gather import lineage_of_contract  # noqa: PLC0415
    from provenance.prov_json import prov_json  # noqa: PLC0415

    if (document is None) == (not all_):
        raise ConfigurationError("name one document, or give --all for every document that lineage knows.")
    runtime = session.runtime()
    if document is not None:
        found = _lineage(runtime, name, document)
    else:
        with runtime.catalog.reading() as tx:
            require_contract(runtime, tx, name)
        found = lineage_of_contract(runtime, name)
    return Result(data=prov_json(with_activities(runtime, found), found.depths), view=render_lineage.as_json)


def _lineage(runtime: Runtime, name: str, document: str) -> Lineage:
    from corpus.catalog import documents  # noqa: PLC0415 - help must not load SQLAlchemy
    from ingestion.lineage.gather import lineage_of  # noqa: PLC0415

    with runtime.catalog.reading() as tx:
        require_contract(runtime, tx, name)
        state = documents.find(tx, name, document)
        if state is None:
            known: Sequence[Any] = sorted(documents.states(tx, name))
            require_known(f"document of {name}", document, known, f"See them with `stemma quarantine list {name}`.")
            raise AssertionError(document)  # it is not known, so the line before raised
    return lineage_of(runtime, name, document, state.revision_id)
