"""Real documents that are on every machine: what the installed distributions say of themselves.

Each distribution's long description becomes one document in its own format, and its metadata the
sidecar beside it. Nothing is invented: a distribution that names no author gives a document without
an owner, which a contract may refuse.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import getaddresses
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

SHORTEST, LONGEST = 400, 9_000
"""Characters. Shorter ones say nothing; the few longest would be half of all chunks."""
BUDGET = 520_000
"""Characters in all: about 1,200 chunks, under a minute of embedding on two slow cores."""

SUFFIXES = {"text/markdown": ".md", "text/x-rst": ".rst", "text/plain": ".txt"}
_LICENCE_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One document to be written.

    Attributes:
        name: File name.
        text: The long description, as its author wrote it.
        sidecar: Metadata, in the words of the five governance fields where it has them.
        changed_at: When the distribution's metadata was put on this machine.
    """

    name: str
    text: str
    sidecar: dict[str, str]
    changed_at: datetime

    def write(self, folder: Path) -> Path:
        """Writes document and sidecar, and gives the document its own time."""
        path = folder / self.name
        path.write_text(self.text, "utf-8")
        stamp = self.changed_at.timestamp()
        os.utime(path, (stamp, stamp))
        path.with_name(path.name + ".meta.json").write_text(json.dumps(self.sidecar, indent=2) + "\n", "utf-8")
        return path


def exports() -> list[Export]:
    """Chooses documents up to the budget, the same ones in the same environment, in an order of no meaning."""
    named = {export.name: export for export in map(_export, distributions()) if export}
    chosen: list[Export] = []
    spent = 0
    for export in sorted(named.values(), key=lambda item: hashlib.sha256(item.name.encode()).digest()):
        if SHORTEST <= len(export.text) <= LONGEST and spent + len(export.text) <= BUDGET:
            chosen.append(export)
            spent += len(export.text)
    return chosen


def _export(distribution: Distribution) -> Export | None:
    metadata: Any = distribution.metadata
    text = metadata.get_payload() or metadata.get("Description") or ""
    if not isinstance(text, str) or not metadata["Name"]:
        return None
    kind = (metadata.get("Description-Content-Type") or "text/x-rst").partition(";")[0].strip().lower()
    changed_at = _installed_at(distribution)
    sidecar = {
        "title": f"{metadata['Name']} {distribution.version}",
        "owner": next(_people(distribution), ""),
        "source_system": "PyPI metadata",
        "last_validated_date": changed_at.date().isoformat(),
        "sensitivity_label": "public",
        "version": distribution.version,
        "licence": _licence(distribution),
        "summary": metadata.get("Summary") or "",
    }
    return Export(
        name=re.sub(r"[-_.]+", "-", metadata["Name"]).lower() + SUFFIXES.get(kind, ".txt"),
        text=text.strip() + "\n",
        sidecar={name: value for name, value in sidecar.items() if value},
        changed_at=changed_at,
    )


def _people(distribution: Distribution) -> Iterator[str]:
    """Yields authors, then maintainers: a name where there is one, else an address."""
    metadata: Any = distribution.metadata
    for field in ("Author", "Author-email", "Maintainer", "Maintainer-email"):
        value = metadata.get(field) or ""
        if field.endswith("email"):
            yield from (name or address for name, address in getaddresses([value]) if name or address)
        elif value and value.upper() != "UNKNOWN":
            yield value.partition(",")[0].strip()


def _licence(distribution: Distribution) -> str:
    metadata: Any = distribution.metadata
    stated = (metadata.get("License-Expression") or metadata.get("License") or "").strip().partition("\n")[0]
    classified = (metadata.get_all("Classifier") or []) if not stated else []
    found = (text.rpartition(" :: ")[2] for text in classified if text.startswith("License ::"))
    return (stated or next(found, ""))[:_LICENCE_CHARACTERS]


def _installed_at(distribution: Distribution) -> datetime:
    """When somebody put this version here: the one date that an installed distribution carries."""
    files = (distribution.locate_file(path) for path in distribution.files or () if path.name == "METADATA")
    stamps = (Path(str(path)).stat().st_mtime for path in files if Path(str(path)).is_file())
    return datetime.fromtimestamp(int(next(stamps, 0)), UTC)
