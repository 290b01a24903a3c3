"""Writes the reference pages that are taken from the code itself, so that they cannot fall behind it.

Run it with `make docs`, or `python docs/reference/generate.py`; with `--check` it writes nothing and
ends with 1 where a page is not what it would write.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from console.cli.main import app
from console.cli.project import settings_text
from console.web.http import routes
from console.web.pages.listed import PAGES as CONSOLE_PAGES
from contracts.reading.options import PROPERTIES
from contracts.reading.ragchecks import UNIT_DAYS
from contracts.rules.table import RULE_ALIASES, RULES, THRESHOLD_KEYS, Rule
from corpus import errors
from corpus.endpoints import Endpoint
from corpus.settings import Settings
from index.manifest import Manifest
from ingestion.scorers.limits import LIMITS, PARTS, Limit

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
NOTE = "<!-- Written by docs/reference/generate.py (`make docs`). Change the help texts in console/cli instead. -->"
WIDTH = 100
MODELS = "#/components/schemas/"
SAID_BY_NAME = {
    "actor": "Who, as the audit log names them.",
    "at": "When.",
    "basis": "What the origin rests on.",
    "by": "Who.",
    "chunk_id": "Id of the chunk.",
    "chunks": "How many chunks.",
    "contract": "Name of the contract.",
    "created_at": "When it was made.",
    "doc_id": "Id of the document.",
    "documents": "How many documents.",
    "end": "Offset behind its last character in the stored text.",
    "headings": "The headings above it, the outermost first.",
    "held": "Documents in quarantine.",
    "kind": "Which kind.",
    "number": "Number of the version.",
    "origin": "IPTC digital source type, or `unknown`.",
    "outcome": "How it was decided.",
    "owner": "Team that answers for it.",
    "q": "What ids were searched for.",
    "quality": "Quality score, 0 to 1; null where there is none.",
    "reason": "The reason that was given.",
    "revision_id": "Id of the revision.",
    "rule": "Name of the rule.",
    "run_id": "Id of the run.",
    "sha256": "Digest of the bytes.",
    "since": "When it was last judged so.",
    "size": "Bytes.",
    "start": "Offset of its first character in the stored text.",
    "started_at": "When it began.",
    "state": "State, as [Concepts](../concepts.md) names them.",
    "text": "The words.",
    "title": "Title of the document.",
    "tokens": "Size in tokens.",
    "uri": "Where it was read.",
}
"""What a field of a twin means where its model does not say it, because the name means the same on every page."""


def cli_page() -> str:
    """Returns the page of the command line: the help of each command, as it prints it."""
    parts = ["# The command `stemma`", NOTE]
    for path, text in _helps(typer.main.get_command(app), None, "stemma"):
        parts += [f"{'#' * min(2 + path.count(' '), 4)} `{path}`", f"```text\n{text}\n```"]
    return "\n\n".join(parts) + "\n"


def settings_page() -> str:
    """Returns the page of the settings, from the fields of `corpus.settings.Settings`."""
    rows = (
        (f"`{name}`", f"`STEMMA_{name.upper()}`", _default(field), str(field.description))
        for name, field in Settings.model_fields.items()
    )
    return _page(
        "Settings",
        "corpus/settings.py",
        "Settings are read once, when a command or a task starts. The strongest source wins: arguments, then the "
        "environment, then `stemma.toml` in the project folder, then the default. Relative paths start at the project "
        "folder. An unknown setting is an error, also a near miss in the environment (`STEMMA_HOEM`).",
        _table(("setting", "environment", "default", "what it says"), rows),
        "`project` is not read from `stemma.toml`: the file lies in that folder. `stemma init` writes this file, in "
        "which every line is a comment:",
        f"```toml\n{settings_text().strip()}\n```",
        "## `[embedders.NAME]`",
        "One model behind an OpenAI-compatible endpoint; [Embedders](../embedders.md#remote-over-http) shows one. The "
        "first four say which space it is, all others how to ask.",
        _table(("key", "default", "what it says"), _endpoint_rows()),
    )


def _endpoint_rows() -> Iterator[tuple[str, str, str]]:
    for name, field in Endpoint.model_fields.items():
        yield f"`{name}`", "required" if field.is_required() else _default(field), str(field.description)


def errors_page() -> str:
    """Returns the page of the errors, from `corpus.errors`."""
    found = list(_below(errors.StemmaError))
    rows = ((f"`{e.__name__}`", _parent(e), str(e.exit_code), "yes" if e.retryable else "no", _first(e)) for e in found)
    tree = inspect.getdoc(errors) or ""
    return _page(
        "Errors and exit codes",
        "corpus/errors.py",
        "Every error that Stemma raises on purpose is one of these. A message names the bad value, the valid ones and "
        "the next step. The command line ends with the exit code of the error; the DAGs retry only what is retryable. "
        "Trouble with one document is no error: it is a decision, with a reason.",
        _table(("exit code", "meaning"), _exit_codes()),
        _table(("error", "kind of", "exit code", "retryable", "meaning"), rows),
        f"```text\n{tree[tree.index('StemmaError') : tree.index('A message names')].strip()}\n```",
    )


def rules_page() -> str:
    """Returns the page of the contract rules, from `contracts.rules.table`."""
    rows = (
        (f"`{name}`", _scope(rule), rule.explains, _threshold(name, rule), _arguments(rule), _columns(rule))
        for name, rule in RULES.items()
    )
    return _page(
        "Contract rules",
        "contracts/rules/table.py",
        "Rules of `engine: stemma`, as a contract names them in `implementation: {rule: ...}`. "
        "[Contracts](../contracts.md) says where they go. A `row` rule judges one document and may quarantine it; with "
        "`relations` it is judged beside all other documents, once the run is assessed. A `batch` rule judges the "
        "whole run and may block it.",
        _table(("rule", "scope", "what it asks", "threshold", "options", "reads"), rows),
        "Options in bold must be given. A duration is a number of days, or `{value: 90, unit: d}`; units: "
        + ", ".join(f"`{unit}`" for unit in UNIT_DAYS)
        + ".",
        "Other names of the same rules: " + ", ".join(f"`{a}` for `{b}`" for a, b in RULE_ALIASES.items()) + ".",
        "## Custom properties of vendor `stemma`",
        _table(("property", "what it says"), ((f"`{name}`", text) for name, text in PROPERTIES.items())),
    )


def manifest_page() -> str:
    """Returns the page of the manifest: fields from its JSON Schema, meanings from the docstrings of its types."""
    schema = json.loads((REPOSITORY / "index/schemas/manifest.schema.json").read_text("utf-8"))
    meanings = dict(_meanings(Manifest, ""))
    fields = _fields(schema, schema, "")
    rows = ((f"`{path}`", kind, text or meanings.get(path, "")) for path, kind, text in fields)
    return _page(
        "Manifest of an index version",
        "index/manifest.py and index/schemas/manifest.schema.json",
        "`manifest.json` in `indexes/<name>/v<number>/` is canonical JSON. `manifest.dsse.json` beside it signs it, "
        "together with `index.faiss`. The JSON Schema is `index/schemas/manifest.schema.json`. All fields but "
        "`index.reason` and the file `lexical.safetensors` are required, and no others are allowed.",
        _table(("field", "type", "meaning"), rows),
    )


def scores_page() -> str:
    """Returns the page of the thresholds of the default scorer, from `ingestion.scorers.limits`."""
    parts = []
    for part, speaks_of in PARTS.items():
        rows = (
            (f"`{code}`", limit.measures, _bound(limit), limit.source)
            for code, limit in LIMITS.items()
            if limit.part == part
        )
        parts += [
            f"## {part.capitalize()}",
            f"{speaks_of.capitalize()}.",
            _table(("code", "value", "good", "set by"), rows),
        ]
    return _page(
        "Scores",
        "ingestion/scorers/limits.py",
        "Every threshold of the default scorer, with who set it. [Quality](../quality.md) says how they make a score. "
        "A code stands in `quality_reasons` of documents.parquet where its bound is broken.",
        *parts,
    )


def console_page() -> str:
    """Returns the page of the console's JSON twins, from the schema that `/openapi.json` serves."""
    schema = _console_schema()
    models = {name: model for name, model in schema["components"]["schemas"].items() if "ValidationError" not in name}
    parts: list[str] = []
    shown: set[str] = set()
    for path, methods in schema["paths"].items():
        asked = methods["get"]
        model = asked["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].removeprefix(MODELS)
        shown.add(model)
        parts += [f"## `{path}`", asked["description"], *_asked(asked.get("parameters", ()))]
        parts.append(_table(("field", "type", "meaning"), _model_rows(models, model)))
    parts += ["## Models", "What stands inside the pages."]
    for name in sorted(models.keys() - shown, key=_model_name):
        rows = _table(("field", "type", "meaning"), _model_rows(models, name))
        parts += [f"### {_model_name(name)}", models[name].get("description", ""), rows]
    return _page(
        "Pages as JSON",
        "the models in console/web/pages",
        "Every page of the [console](../console.md) has a twin at its path with `.json`: the model that the page is "
        "rendered from. [As JSON](../console.md#as-json) says how a program asks. `/openapi.json` of a running console "
        "has the same as a schema.",
        "A twin holds all the fields below and no others; null stands only where the type says so. Times are ISO 8601 "
        "in UTC. A wrong query ends with 400, nobody signed in with 401, a thing that is not there with 404; such an "
        "answer is `application/problem+json` with `title`, `status` and `detail`. The schema may grow in any version: "
        "ignore fields that you do not know.",
        *(part for part in parts if part),
    )


def _console_schema() -> dict[str, Any]:
    """Returns the schema of all twins; no project is opened and nothing is started."""
    router, web = APIRouter(), FastAPI()
    for page in CONSOLE_PAGES:
        routes.add_page(router, page)
    web.include_router(router)
    return get_openapi(title="Stemma console", version="0", routes=web.routes)


def _asked(parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (f"`{item['name']}`", _shape(item["schema"]), _otherwise(item), item.get("description", ""))
        for item in parameters
    ]
    if rows:
        yield _table(("query", "type", "default", "meaning"), rows)


def _otherwise(item: Mapping[str, Any]) -> str:
    if item["required"]:
        return "required"
    value = item["schema"].get("default")
    return "empty" if value in {"", None} else f"`{json.dumps(value)}`"


def _model_rows(models: Mapping[str, Any], name: str) -> Iterator[tuple[str, str, str]]:
    for field, found in models[name].get("properties", {}).items():
        inner = (found.get("items") or found).get("$ref", "").removeprefix(MODELS)
        words = found.get("description") or SAID_BY_NAME.get(field) or models.get(inner, {}).get("description", "")
        yield f"`{field}`", _shape(found), words


def _shape(item: Mapping[str, Any]) -> str:
    """Returns a type of a JSON Schema in words; a model is a link to its section."""
    if "$ref" in item:
        name = _model_name(item["$ref"].removeprefix(MODELS))
        return f"[{name}](#{re.sub(r'[^a-z0-9-]', '', name.lower())})"
    if "anyOf" in item:
        return " or ".join(_shape(part) for part in item["anyOf"])
    if "enum" in item:
        return ", ".join(f"`{value}`" for value in item["enum"])
    if item.get("type") == "array":
        return f"list of {_shape(item.get('items', {}))}"
    if isinstance(item.get("additionalProperties"), dict):
        return f"object of {_shape(item['additionalProperties'])}"
    return {"date-time": "time", "date": "date"}.get(item.get("format", ""), str(item.get("type", "any")))


def _model_name(name: str) -> str:
    """Returns the name of a model; where two modules have one of a name, the module stands in front."""
    parts = name.split("__")
    return f"{parts[-2]}.{parts[-1]}" if len(parts) > 1 else name


PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "rules.md": rules_page,
    "scores.md": scores_page,
    "manifest.md": manifest_page,
    "console.md": console_page,
}
"""File name to the function that says what it holds."""


def _page(title: str, source: str, *parts: str) -> str:
    note = f"<!-- Written by docs/reference/generate.py (`make docs`). Change {source} instead. -->"
    return "\n\n".join((f"# {title}", note, *parts)) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _default(field: Any) -> str:
    if field.is_required():
        return "nearest folder with `stemma.toml`"
    if field.default_factory is dict:
        return "none"
    if field.default_factory is not None:
        return "your login"
    return (
        "empty"
        if field.default == ""
        else f"`{str(field.default).lower() if field.default is False else field.default}`"
    )


def _below(kind: type[errors.StemmaError]) -> Iterator[type[errors.StemmaError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _below(child)


def _parent(kind: type[errors.StemmaError]) -> str:
    return "-" if kind is errors.StemmaError else f"`{kind.__base__.__name__}`"  # type: ignore[union-attr]


def _first(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _exit_codes() -> Iterator[tuple[str, str]]:
    """Yields the exit codes as the help of the command says them."""
    help_text = str(app.info.epilog)
    for line in help_text.splitlines():
        code, _, meaning = line.strip().partition("  ")
        if code.isdigit():
            yield code, meaning


def _threshold(name: str, rule: Rule) -> str:
    if rule.threshold == "none":
        return "-"
    low, high = rule.range
    key = THRESHOLD_KEYS.get(name, "threshold")
    return f"`{key}`, {low:g} to {high:g}" if high is not None else f"`{key}`, {low:g} or more"


def _scope(rule: Rule) -> str:
    return f"{rule.scope}, relations" if rule.relations else rule.scope


def _bound(limit: Limit) -> str:
    if limit.unit == "fact":
        return "no"
    return f"{'at least' if limit.least else 'at most'} {limit.bound:g}"


def _arguments(rule: Rule) -> str:
    texts = []
    for name, kind in rule.arguments.items():
        shown = f"**`{name}`**" if name in rule.required else f"`{name}`"
        texts.append(f"{shown}: {kind if isinstance(kind, str) else ' or '.join(f'`{word}`' for word in kind)}")
    return "; ".join(texts) or "-"


def _columns(rule: Rule) -> str:
    return ", ".join(f"`{name}`" for name in rule.columns if name) or "-"


def _fields(schema: Mapping[str, Any], part: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Yields path, type and meaning of every field of a JSON Schema; a shared type is named by its keys."""
    for name, found in part.get("properties", {}).items():
        shared = schema["$defs"][found["$ref"].rpartition("/")[2]] if "$ref" in found else {}
        here = f"{path}{name}"
        yield here, _type({**shared, **found}, shared), {**shared, **found}.get("description", "")
        inner = found.get("items", {})
        yield from _fields(schema, inner or found, f"{here}[]." if inner else f"{here}.")


def _type(item: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    if shared.get("properties"):
        return "object of " + ", ".join(f"`{name}`" for name in shared["properties"])
    if shared:
        return "SHA-256, hexadecimal"
    if "const" in item:
        return f"`{json.dumps(item['const'])}`"
    kinds = item.get("type", "")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _meanings(kind: type, path: str) -> Iterator[tuple[str, str]]:
    """Yields path and meaning of every field of a dataclass, from its docstring, nested types included."""
    said = dict(_attributes(inspect.getdoc(kind) or ""))
    for name, hint in get_type_hints(kind).items():
        if name not in getattr(kind, "__dataclass_fields__", {}):
            continue
        yield f"{path}{name}", said.get(name, "")
        parts = [part for part in (hint, *get_args(hint)) if hasattr(part, "__dataclass_fields__")]
        for part in parts:
            yield from _meanings(part, f"{path}{name}[]." if get_args(hint) else f"{path}{name}.")


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    """Yields name and text of the attributes section of a Google-style docstring."""
    section = doc.partition("Attributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n(?= {4}\S)", section.removeprefix("\n")):
        name, _, text = entry.strip().partition(": ")
        yield name, " ".join(text.split())


def _helps(command: Any, parent: Any, name: str) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings
    )
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines()).strip()
    for child in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _helps(command.get_command(context, child), context, child)


def main(check: bool) -> int:  # noqa: FBT001 - one switch
    """Writes the pages, or checks them, and returns the exit status."""
    stale = [name for name, page in PAGES.items() if not _is(FOLDER / name, page())]
    for name in stale:
        if not check:
            (FOLDER / name).write_text(PAGES[name](), "utf-8")
        sys.stdout.write(f"{name} {'is stale: run make docs' if check else 'written'}\n")
    return int(check and bool(stale))


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
