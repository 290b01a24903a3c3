"""The command `stemma`: puts the nouns together and is the entry point.

Only light modules are imported here. A command imports what it needs when it runs, so that help, a
typo and an ingest with nothing to do answer at once.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from console.cli import (
    answers,
    audit,
    contract,
    doctor,
    erase,
    family,
    index,
    ingest,
    init,
    lineage,
    metrics,
    origin,
    quality,
    quarantine,
    reconcile,
    reembed,
    report,
    serve,
    status,
    version,
)
from console.cli import eval as evaluation
from console.cli.command import Answer, DebugOption, JsonOption, ProjectOption, share, show
from console.cli.edge import guarded
from console.cli.session import Session
from corpus.logs import PACKAGES

EPILOG = """
\b
Exit codes:
  0  done
  1  findings: a run was blocked, a gate failed, a check found something
  2  usage, configuration or contract is wrong
  3  integrity: a digest, signature, fingerprint or the audit log does not hold
  4  unavailable: a source or the catalog did not answer

\b
First steps:
  stemma init my-corpus && cd my-corpus
  stemma contract new handbook --path 'docs/**/*.md'
  stemma ingest handbook
  stemma index query handbook 'how do I reset my password?'
"""

NOUNS = (
    init,
    contract,
    ingest,
    report,
    quality,
    quarantine,
    family,
    origin,
    index,
    evaluation,
    reembed,
    answers,
    lineage,
    erase,
    audit,
    reconcile,
    metrics,
    serve,
    doctor,
    version,
)
"""In the order in which a person meets them, which is that of the help."""


VersionOption = Annotated[bool, typer.Option("--version", help="Show what is installed here.")]

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""What keeps model libraries from drawing their own bars, from the network, and from a warning at fork."""


class InOrder(TyperGroup):
    """Lists commands in the order of `NOUNS`; Typer would put all groups last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the commands."""
        order = [noun.__name__.rpartition(".")[2] for noun in NOUNS]
        return sorted(super().list_commands(ctx), key=order.index)


app = typer.Typer(
    name="stemma",
    cls=InOrder,
    help="Keeps the corpus behind a RAG system trustworthy: data contracts, origin, signed index versions.",
    epilog=EPILOG,
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for noun in NOUNS:
    noun.register(app)


@app.callback()
def root(
    context: typer.Context,
    project: ProjectOption = None,
    json: JsonOption = False,  # noqa: FBT002 - a flag of the command line
    debug: DebugOption = False,  # noqa: FBT002
    show_version: VersionOption = False,  # noqa: FBT002
) -> Answer | None:
    """Keeps the options given before a command; without a command, says what comes next."""
    share(context, project, json, debug)
    if context.invoked_subcommand is not None:
        return None
    session = Session(project=project, json=json, debug=debug)
    result = version.version(session) if show_version else status.status(session)
    return Answer(result, json)


def _say_once() -> None:
    """Keeps Python from printing the bare message of a record that nobody handles: the command says what failed."""
    for name in PACKAGES:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        arguments: Words after `stemma`; None takes those of the process.

    Returns:
        The exit status, as the epilogue of `stemma --help` says.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _say_once()

    def run() -> int:
        outcome = app(args=words, prog_name="stemma", standalone_mode=False)
        return show(outcome) if isinstance(outcome, Answer) else int(outcome or 0)

    return guarded(run, words)


if __name__ == "__main__":
    sys.exit(main())
