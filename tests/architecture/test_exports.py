"""What others build on: names and signatures of the public modules, held against a golden file.

A change here is a change for users: say it in CHANGELOG.md, then write the file again with
`STEMMA_REGENERATE=1 python -m pytest tests/architecture/test_exports.py`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

GOLDEN = Path(__file__).with_name("public_api.txt")
PUBLIC = (
    "corpus.errors",
    "corpus.plugins",
    "corpus.seams",
    "corpus.settings",
    "corpus.types",
    "index.filters",
    "index.fusion",
    "index.live",
    "index.reader",
    "index.signing",
    "ingestion.marking",
    "ingestion.pipeline",
    "ingestion.queries",
    "ingestion.recording",
    "ingestion.runtime",
    "ingestion.stages.answers",
    "ingestion.stages.erase",
    "ingestion.stages.forget",
    "ingestion.stages.tombstone",
)


def _lines() -> Iterator[str]:
    for name in PUBLIC:
        module = importlib.import_module(name)
        yield from sorted(_describe(module, attribute) for attribute in vars(module) if _is_ours(module, attribute))


def _is_ours(module: ModuleType, attribute: str) -> bool:
    value = getattr(module, attribute)
    return not attribute.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _describe(module: ModuleType, attribute: str) -> str:
    value = getattr(module, attribute)
    if inspect.isclass(value):
        members = sorted(name for name in vars(value) if not name.startswith("_"))
        return f"{module.__name__}.{attribute}: {', '.join(members)}"
    if inspect.isfunction(value):
        signature = re.sub(r"<(?:function )?(\S+?)( object)? at 0x[0-9a-f]+>", r"\1()", str(inspect.signature(value)))
        return f"{module.__name__}.{attribute}{signature}"
    return f"{module.__name__}.{attribute}"


def test_the_public_names_and_signatures_are_those_that_were_promised() -> None:
    found = "\n".join(_lines()) + "\n"
    if os.environ.get("STEMMA_REGENERATE"):
        GOLDEN.write_text(found)
    assert GOLDEN.read_text() == found


def test_every_public_name_is_documented() -> None:
    modules = [importlib.import_module(name) for name in PUBLIC]
    bare = [
        f"{module.__name__}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if _is_ours(module, name) and (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__
    ]
    assert bare == []
