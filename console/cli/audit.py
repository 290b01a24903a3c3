"""`stemma audit`: the hash-chained log of who did what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from console.cli import render
from console.cli.command import Json, Result, command, group
from console.cli.session import Session
from corpus.errors import EXIT_INTEGRITY, EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from rich.console import RenderableType

_DIGEST = re.compile(r"[0-9a-f]{64}")

ExpectOption = Annotated[
    str | None,
    typer.Option("--expect", metavar="HEAD", help="A head that you kept elsewhere: it must still be in the log."),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many entries, newest first.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "audit", "Read and check the log of who did what.")
    command(nouns, "list", examples=("audit list", "audit list --limit 5"))(list_entries)
    command(nouns, "verify", examples=("audit verify", "audit verify --expect HEAD"))(verify)


def list_entries(session: Session, limit: LimitOption = 20) -> Result:
    """Show the newest entries: releases, alias moves, decisions that a person overrode."""
    from corpus.catalog import audit  # noqa: PLC0415 - help must not load SQLAlchemy

    with session.runtime().catalog.reading() as tx:
        entries = [render.record(entry) for entry in audit.tail(tx, limit)]
    return Result(data={"entries": entries}, view=render.audit_entries)


def verify(session: Session, expect: ExpectOption = None) -> Result:
    """Check that no entry was altered, removed or put in between; exit code 3 if one was.

    The chain alone cannot show that entries were cut off at its end. Keep the `head` that this prints in a
    place that the catalog's administrators cannot write, and give it with --expect the next time.
    """
    from corpus.catalog import audit  # noqa: PLC0415 - help must not load SQLAlchemy

    head = None if expect is None else _head(expect)
    with session.runtime().catalog.reading() as tx:
        report = audit.verify(tx)
        kept = None if head is None else audit.number_of(tx, head)
    data: Json = {
        "intact": report.broken_at is None and (head is None or kept is not None),
        "entries": report.entries,
        "broken_at": report.broken_at,
        "head": report.head,
    }
    if head is not None:
        data |= {"expected": head, "expected_at": kept}
    return Result(data=data, view=_report, exit_code=EXIT_OK if data["intact"] else EXIT_INTEGRITY)


def _head(text: str) -> str:
    head = text.strip().lower()
    if not _DIGEST.fullmatch(head):
        raise ConfigurationError(
            f"--expect {text!r} is no head: it has 64 hexadecimal characters. `stemma audit verify --json` prints it."
        )
    return head


def _report(data: Json) -> RenderableType:
    if "expected" not in data or data["broken_at"] is not None:
        return render.audit_report(data)
    if data["expected_at"] is not None:
        since = data["entries"] - data["expected_at"]
        return render.page(
            render.audit_report(data),
            Text(f"The head that you kept is entry {data['expected_at']}; {since} came after it."),
        )
    return Text.assemble(
        render.word("broken"),
        f"  the chain of {data['entries']} entries holds, but the head that you kept is not in it: entries were cut "
        "off at its end, or this is another log. Compare it with a backup of the catalog.",
    )
