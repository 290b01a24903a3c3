"""`stemma serve`: the web console."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.command import Result, command
from console.cli.session import Session
from corpus.errors import ConfigurationError

if TYPE_CHECKING:
    from console.web.serve import Opened

HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0 for a free one.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    examples = ("serve", "serve --port 0", "serve --host 10.0.0.5 --port 8600")
    command(app, "serve", examples=examples)(serve)


def serve(session: Session, host: HostOption = "127.0.0.1", port: PortOption = 8600) -> Result:
    """Serve the console: pages to see the corpus, to decide, and to trust it.

    It prints its address and, where the settings name none, a token to sign in with. Ctrl-C ends it. An address that
    others can reach needs the setting console_token, or console_user_header behind a reverse proxy.
    """
    try:
        from console.web.serve import serve as answering  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the console needs {error.name}: pip install 'stemma-rag[console]'.") from error
    answering(session.runtime(), host, port, _tell)
    return Result(data={"stopped": True}, view=lambda _: "stopped\n")


def _tell(opened: Opened) -> None:
    """Says on stderr where the console is; stdout is for the result."""
    print(f"console    {opened.url}", file=sys.stderr)
    if opened.token:
        print(f"token      {opened.token}", file=sys.stderr)
        print("It holds until this process ends; console_token sets one that stays.", file=sys.stderr)
    print("Ctrl-C ends it.", file=sys.stderr, flush=True)
