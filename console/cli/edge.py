"""The edge: turns whatever ends a command into a message and an exit status.

Deliberate errors carry their own exit code; a usage error is 2; anything else is a bug of ours and
says so. With `--json` an error is a document as well.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence

import typer

from console.cli.command import Json, print_json
from corpus.errors import EXIT_FINDINGS, EXIT_USAGE, StemmaError

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells say it."""

_CHOICES = re.compile(r"'(?P<value>[^']+)' is not one of (?P<valid>'.+')")

ISSUES_HINT = "This is a bug in Stemma, not something you did. Run again with --debug and report the traceback."


def guarded(run: Callable[[], int], arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit status, whatever happens.

    Args:
        run: Parses and executes.
        arguments: As typed; they say how errors are shown even where they could not be parsed.
    """
    as_json, debug = _asked(arguments, "--json"), _asked(arguments, "--debug")
    try:
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail(_interrupted(), as_json=as_json)
    except (Exception, typer.Exit) as error:  # noqa: BLE001 - the one edge: everything becomes a message and a status
        if isinstance(error, typer.Exit):
            return _left(error.exit_code, as_json=as_json)
        if debug:
            traceback.print_exc()
        if _is_bare(error) and not as_json:
            sys.stderr.write(f"{error}\n")
            return EXIT_USAGE
        return _fail(describe(error), as_json=as_json)
    return _left(status, as_json=as_json)


def _left(status: int, *, as_json: bool) -> int:
    """Says what an interrupt means where Typer saw it first and only left with its status."""
    return _fail(_interrupted(), as_json=as_json) if status == EXIT_INTERRUPTED else status


def describe(error: Exception) -> Json:
    """Returns an error as the object that `--json` prints under `error`."""
    if isinstance(error, StemmaError):
        return {
            "type": type(error).__name__,
            "message": str(error),
            "problems": list(getattr(error, "problems", ())),
            "retryable": error.retryable,
            "exit_code": error.exit_code,
        }
    if isinstance(error, typer.TyperException):
        return _error("UsageError", "Missing command." if _is_bare(error) else _usage(error), EXIT_USAGE)
    return _error("InternalError", f"{type(error).__name__}: {error}\n{ISSUES_HINT}", EXIT_FINDINGS)


def _is_bare(error: BaseException) -> bool:
    """Returns whether a group was named without a command; the message is then its help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    message = message.replace(": Value error, ", ": ")  # how the validation under Typer begins what a check said
    if context is None:
        return message
    ended = message if message.endswith((".", "?", "!", ")")) else f"{message}."
    return f"{ended}{_near(message)} See `{context.command_path} --help`."


def _near(message: str) -> str:
    """Returns the nearest of the choices that a message about a value lists, as a question."""
    found = _CHOICES.search(message)
    if found is None:
        return ""
    near = difflib.get_close_matches(found["value"], re.findall("'([^']+)'", found["valid"]), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _interrupted() -> Json:
    return _error("Interrupted", "stopped. What was finished is kept; run the same command again.", EXIT_INTERRUPTED)


def _error(kind: str, message: str, exit_code: int) -> Json:
    return {"type": kind, "message": message, "problems": [], "retryable": False, "exit_code": exit_code}


def _fail(error: Json, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": error})
    else:
        _print_error(error)
    return int(error["exit_code"])


def _print_error(error: Json) -> None:
    from rich.text import Text  # noqa: PLC0415 - only where an error is shown

    from console.cli.render import plain  # noqa: PLC0415
    from console.cli.terminal import stderr_console  # noqa: PLC0415

    text = Text("error: ", style="bold red") + Text(plain(error["message"], lines=True), style="default")
    if error["retryable"]:
        text += Text("\nThis may pass: run the same command again.", style="dim")
    stderr_console().print(text, soft_wrap=True)


def _asked(arguments: Sequence[str], flag: str) -> bool:
    words = list(arguments)
    return flag in (words[: words.index("--")] if "--" in words else words)
