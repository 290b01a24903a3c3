"""Where the parts of an index are inside a home. Names only: nothing here reads or writes.

indexes/<name>/v000042/...           one immutable version
indexes/<name>/approvals/v000042/... signed statements of the persons who approved a version
candidates/<name>/<id>/...           a version that failed a gate: never signed, and no reader looks there
builds/<name>/<key>/...              an index in the making, in parts that tasks share: work in progress
indexes/<name>/aliases/live.json     projection of an alias, signed
indexes/<name>/tombstones.dsse.json  what readers must not serve, signed; these two are the only files ever replaced
"""

from __future__ import annotations

import re

INDEX = "index.faiss"
CHUNKS = "chunks.parquet"
DOCUMENTS = "documents.parquet"
CANARIES = "canaries.parquet"
CONTRACT = "contract.odcs.yaml"
REPORT = "report.json"
LEXICAL = "lexical.safetensors"
MANIFEST = "manifest.json"
ENVELOPE = "manifest.dsse.json"

TOMBSTONES = "tombstones.dsse.json"

CONTENT_FILES = (CANARIES, CHUNKS, CONTRACT, DOCUMENTS, INDEX, REPORT)
"""Files that the manifest lists, sorted; every version has these."""

OPTIONAL_FILES = (LEXICAL,)
"""Files that the manifest lists where the contract asks for them; a version has no others."""

SIGNED_FILES = (INDEX, MANIFEST)
"""Files that the signature speaks of; all others are bound through the manifest's digests."""

_VERSION = re.compile(r"^v(\d{6,})$")
_PART = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")


def index_path(name: str) -> str:
    """Returns the folder of an index.

    Raises:
        ValueError: It is no name: it could climb out of the home.
    """
    return f"indexes/{_checked(name, 'index')}"


def version_path(name: str, number: int) -> str:
    """Returns the folder of one version."""
    return f"{index_path(name)}/{version_name(number)}"


def version_name(number: int) -> str:
    """Returns the name of a version, such as `v000042`."""
    return f"v{number:06d}"


def version_number(name: str) -> int | None:
    """Returns the number of a version's folder name, None for any other name."""
    match = _VERSION.match(name)
    return int(match.group(1)) if match else None


def aliases_path(name: str) -> str:
    """Returns the folder of an index's alias projections."""
    return f"{index_path(name)}/aliases"


def alias_path(name: str, alias: str) -> str:
    """Returns the file of one alias projection."""
    return f"{aliases_path(name)}/{_checked(alias, 'alias')}.json"


def approvals_path(name: str, number: int) -> str:
    """Returns the folder of the approvals of one version."""
    return f"{index_path(name)}/approvals/{version_name(number)}"


def candidates_path(name: str) -> str:
    """Returns the folder of an index's candidates that failed a gate.

    Raises:
        ValueError: It is no name: it could climb out of the home.
    """
    return f"candidates/{_checked(name, 'index')}"


def candidate_path(name: str, candidate: str) -> str:
    """Returns the folder of one candidate."""
    return f"{candidates_path(name)}/{_checked(candidate, 'candidate')}"


def builds_path(name: str) -> str:
    """Returns the folder of an index's builds that several tasks share.

    Raises:
        ValueError: It is no name: it could climb out of the home.
    """
    return f"builds/{_checked(name, 'index')}"


def build_path(name: str, key: str) -> str:
    """Returns the folder of one such build."""
    return f"{builds_path(name)}/{_checked(key, 'build')}"


def tombstones_path(name: str) -> str:
    """Returns the file of an index's tombstones."""
    return f"{index_path(name)}/{TOMBSTONES}"


def _checked(value: str, what: str) -> str:
    if not _PART.match(value):
        raise ValueError(f"{value!r} is no name of an {what}: use lower-case letters, digits, '.', '_' and '-'.")
    return value
