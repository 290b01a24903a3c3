"""What a version holds, all of it that is known, and which versions there are. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from corpus.catalog import contamination
from corpus.catalog.aliasmoves import Serving
from corpus.catalog.contamination import ContaminationRecord
from corpus.catalog.records import VersionRecord
from corpus.catalog.tables import VERSION_STATES
from corpus.errors import ConfigurationError, StemmaError
from corpus.naming import nearest
from index import layout
from ingestion.history import joined
from ingestion.history.opened import History, open_history
from ingestion.history.trusted import Signature, signature_of
from ingestion.runtime import Runtime
from ingestion.shares import shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which versions are listed; None takes all.

    Attributes:
        since: Built at this time or later.
        until: Built at this time or earlier.
        alias: An alias points to it now.
        contract_version: Built under this version of the contract.
        embedder: Its model's name, or the beginning of its fingerprint.
        state: `candidate`, `released` or `retired`.
    """

    since: datetime | None = None
    until: datetime | None = None
    alias: str | None = None
    contract_version: str | None = None
    embedder: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """One version with everything that is known of it.

    Attributes:
        record: Its row, with the manifest.
        model: The name that its embedder was asked for by.
        aliases: Aliases that point to it now.
        served: When which alias served it, oldest first.
        approvals: Who approved it, oldest first.
        signature: Whether its manifest may be believed.
        shares: AI-written documents by what the statement rests on (`ingestion.shares.shares`); None where the
            version's documents cannot be read.
        facets: Owner, source system, label and language to documents; None where report.json cannot be read.
        measured: Contamination as it was measured last; None where it never was.
    """

    record: VersionRecord
    model: str
    aliases: tuple[str, ...]
    served: tuple[Serving, ...]
    approvals: tuple[joined.Act, ...]
    signature: Signature
    shares: Mapping[str, Any] | None
    facets: Mapping[str, Mapping[str, int]] | None
    measured: ContaminationRecord | None


def show(runtime: Runtime, name: str, version: str | int = "live") -> Contents:
    """Returns what a version holds and how it was judged.

    A version whose manifest was altered is shown as the catalog knows it; `signature` says what is wrong.

    Raises:
        ConfigurationError: There is no such index or version.
    """
    history = open_history(runtime, name)
    record = history.resolve(version)
    signature = signature_of(runtime, record)
    readable = signature.state == "valid"
    with runtime.catalog.reading() as tx:
        measured = contamination.latest(tx, name, record.number)
        approvals = joined.approvals(tx, name, record.number)
    return Contents(
        record=record,
        model=history.models.get(record.embedder_fingerprint, record.embedder_fingerprint[:12]),
        aliases=tuple(sorted(alias for alias, number in history.aliases.items() if number == record.number)),
        served=history.served([record.number]),
        approvals=approvals,
        signature=signature,
        shares=_shares(runtime, record) if readable else None,
        facets=_facets(runtime, record) if readable else None,
        measured=measured,
    )


def _shares(runtime: Runtime, record: VersionRecord) -> Mapping[str, Any] | None:
    try:
        return next(iter(shares(runtime, record.name, "version", number=record.number)), None)
    except (StemmaError, OSError):
        return None


def _facets(runtime: Runtime, record: VersionRecord) -> Mapping[str, Mapping[str, int]] | None:
    try:
        found = json.loads(runtime.store.read_bytes(f"{record.path}/{layout.REPORT}"))["facets"]
    except (OSError, ValueError, KeyError):
        return None
    return {name: dict(values) for name, values in found.items()}


def list_versions(
    runtime: Runtime, name: str | None = None, which: Filter | None = None
) -> tuple[tuple[History, tuple[VersionRecord, ...]], ...]:
    """Returns the versions of one index, or of all, that a filter takes, newest first.

    Raises:
        ConfigurationError: There is no such index, or a filter names what no version has.
    """
    from ingestion.history.opened import known_indexes  # noqa: PLC0415 - beside `open_history`

    with runtime.catalog.reading() as tx:
        names = [name] if name else known_indexes(runtime, tx)
    opened = [open_history(runtime, each) for each in names]
    which = which or Filter()
    _require(opened, which)
    return tuple(
        (history, tuple(record for record in history.versions if matches(history, record, which))) for history in opened
    )


def matches(history: History, record: VersionRecord, which: Filter) -> bool:
    """Returns whether a filter takes a version."""
    model = history.models.get(record.embedder_fingerprint, "")
    return all(
        (
            which.since is None or record.created_at >= which.since,
            which.until is None or record.created_at <= which.until,
            which.alias is None or history.aliases.get(which.alias) == record.number,
            which.contract_version is None or record.contract_version == which.contract_version,
            which.embedder is None or which.embedder == model or _begins(record.embedder_fingerprint, which.embedder),
            which.state is None or record.state == which.state,
        )
    )


def _begins(fingerprint: str, text: str) -> bool:
    begins = text.removeprefix("sha256:")
    return len(begins) >= 8 and fingerprint.startswith(begins)


def _require(opened: Iterable[History], which: Filter) -> None:
    """Refuses a filter that no version can pass because its value is a typing error."""
    listed = list(opened)
    records = [record for history in listed for record in history.versions]
    models = {history.models.get(record.embedder_fingerprint, "") for history in listed for record in history.versions}
    known: tuple[tuple[str, str | None, set[str]], ...] = (
        ("state", which.state, set(VERSION_STATES)),
        ("alias", which.alias, {alias for history in listed for alias in history.aliases}),
        ("contract version", which.contract_version, {record.contract_version for record in records}),
    )
    for what, value, values in known:
        if value is not None and value not in values and (records or what == "state"):
            _refuse(what, value, values)
    wanted, spaces = which.embedder, {record.embedder_fingerprint for record in records}
    if wanted and records and wanted not in models and not any(_begins(space, wanted) for space in spaces):
        _refuse("model", wanted, models)


def _refuse(what: str, value: str, values: set[str]) -> None:
    near = nearest(value, values)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ConfigurationError(
        f"no version has the {what} {value!r}.{hint} There are: {', '.join(sorted(filter(None, values))) or 'none'}."
    )
