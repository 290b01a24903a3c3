"""How a handler becomes a command: shared options, one result, one place that prints.

A handler takes a `Session` and its own arguments and returns a `Result`; it prints nothing. This
module gives every command `--project`, `--json` and `--debug`, sends what libraries print to
stderr, and shows the result as one JSON document or as a view for people. It knows no command.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

import typer

from console.cli.session import Session
from corpus.errors import EXIT_OK

if TYPE_CHECKING:
    from rich.console import RenderableType

Json: TypeAlias = dict[str, Any]
View: TypeAlias = Callable[[Json], "RenderableType | str"]
"""Makes what a person sees; a plain text is a document of its own and is printed as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command found or did.

    Attributes:
        data: The document that `--json` prints; its keys are stable.
        view: Makes what a person sees out of `data`.
        exit_code: The exit status of the process.
    """

    data: Json
    view: View
    exit_code: int = EXIT_OK


@dataclass(frozen=True, slots=True)
class Answer:
    """A result on its way out.

    Attributes:
        result: The result.
        as_json: Whether it is printed as JSON.
    """

    result: Result
    as_json: bool


Handler: TypeAlias = Callable[..., Result]

ProjectOption = Annotated[
    Path | None, typer.Option("--project", metavar="DIR", help="Project folder; default: the nearest with stemma.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclass(frozen=True, slots=True)
class Shared:
    """The options that every command has, as given before the command's name.

    Attributes:
        options: Name to value.
    """

    options: Mapping[str, Any] = field(default_factory=dict)


def command(app: typer.Typer, name: str, *, examples: Sequence[str]) -> Callable[[Handler], Handler]:
    """Registers a handler as a command of `app`.

    Args:
        app: The group.
        name: The command's name.
        examples: Command lines that its help ends with, without the leading `stemma`.

    Returns:
        A decorator that leaves the handler as it is. The handler's docstring is the help text.
    """

    def register(handler: Handler) -> Handler:
        app.command(name, help=inspect.getdoc(handler), epilog=example_block(examples))(_adapted(handler))
        return handler

    return register


def group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """Registers a group of commands; the shared options may also stand right behind its name.

    Args:
        app: What the group belongs to.
        name: Its name.
        about: Its help text.
    """
    made = typer.Typer(help=about, no_args_is_help=True)
    made.callback()(share)
    app.add_typer(made, name=name)
    return made


def share(
    context: typer.Context,
    project: ProjectOption = None,
    json: JsonOption = False,  # noqa: FBT002 - a flag of the command line
    debug: DebugOption = False,  # noqa: FBT002
) -> None:
    """Keeps options that were given before the command for the command."""
    given = {"project": project, "json": json, "debug": debug}
    context.obj = Shared({name: _shared(context, name, value) for name, value in given.items()})


def example_block(examples: Sequence[str]) -> str:
    """Returns examples as a block that the help formatter does not wrap."""
    return "\n".join(("\b", "Examples:", *(f"  stemma {line}".rstrip() for line in examples)))


def show(answer: Answer) -> int:
    """Prints an answer, one JSON document or its view, and returns the exit status."""
    result = answer.result
    if answer.as_json:
        print_json(result.data)
        return result.exit_code
    shown = result.view(result.data)
    if isinstance(shown, str):
        print_document(shown)
    else:
        from console.cli.terminal import print_view  # noqa: PLC0415 - only where a person looks

        print_view(shown)
    return result.exit_code


def print_document(text: str) -> None:
    """Prints a text that is a file of its own, such as a page: as UTF-8 whatever stdout would say.

    A pipe and a file get every character; on a terminal those that would drive it are spelled out.
    """
    if sys.stdout.isatty():
        from console.cli.render import plain  # noqa: PLC0415 - only where a person looks

        text = "\t".join(plain(part, lines=True) for part in text.split("\t"))
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def print_json(data: Json) -> None:
    """Prints one JSON document on stdout, as UTF-8 where stdout can say it."""
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=plain, allow_nan=False) + "\n")


def _adapted(handler: Handler) -> Callable[..., Answer]:
    hints = get_type_hints(handler, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(inspect.signature(handler).parameters.values())[1:]
    ]

    def call(context: typer.Context, **values: Any) -> Answer:
        session = Session(**{name: _shared(context, name, values.pop(name)) for name in _SHARED})
        with contextlib.redirect_stdout(sys.stderr):
            return Answer(handler(session, **values), session.json)

    parameters = [_parameter("context", typer.Context), *own, *_shared_parameters()]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


_SHARED: Mapping[str, tuple[Any, Any]] = {
    "project": (ProjectOption, None),
    "json": (JsonOption, False),
    "debug": (DebugOption, False),
}


def _shared_parameters() -> list[inspect.Parameter]:
    return [_parameter(name, kind, default) for name, (kind, default) in _SHARED.items()]


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _shared(context: typer.Context, name: str, value: Any) -> Any:
    """Returns an option as given after the command, else as given before it."""
    before = context.find_object(Shared)
    return value or (before.options.get(name) if before else None) or value
