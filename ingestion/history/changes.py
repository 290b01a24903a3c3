"""What differs between two versions and why: what files tell, joined with the contract's clauses and the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.load import parse_contract
from contracts.model import Contract
from contracts.versions.changes import Change
from contracts.versions.compare import compare
from corpus.errors import ContractError
from index import layout
from index.causes import Absent, Told
from index.diff import VersionDiff, diff_versions, setting_of
from index.manifest import Manifest
from ingestion.history.admitting import Admission, explain
from ingestion.history.opened import open_history
from ingestion.history.trusted import manifest_of
from ingestion.runtime import Runtime

_REACH: Mapping[str, frozenset[str]] = {
    "servers": frozenset({"source"}),
    "ragGovernance": frozenset({"governance", "admission"}),
    "ragParsers": frozenset({"text"}),
    "ragRepair": frozenset({"text"}),
    "ragQuality": frozenset({"quality", "admission"}),
    "ragTrust": frozenset({"quality", "admission"}),
    "ragOrigin": frozenset({"origin", "admission"}),
    "ragAnswers": frozenset({"origin", "admission"}),
    "ragChunker": frozenset({"chunks"}),
    "ragIndex": frozenset(),
    "ragGates": frozenset(),
    "ragApprovals": frozenset(),
    "ragRetention": frozenset(),
    "ragEvaluation": frozenset(),
    "chunk": frozenset(),
    "team": frozenset(),
    "roles": frozenset(),
    "relationships": frozenset(),
    "context": frozenset(),
}
"""First word of a clause's path to what a change of it can reach; every other clause reaches admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two versions of one index.

    Attributes:
        versions: Documents and chunks, with causes.
        clauses: The clauses of the contract that changed; empty where it is the same.
        clauses_unknown: Why the clauses are not known; empty where they are.
    """

    versions: VersionDiff
    clauses: tuple[Change, ...]
    clauses_unknown: str

    def to_json(self) -> dict[str, Any]:
        """Returns the difference as a JSON object."""
        told = {"clauses": [clause.to_json() for clause in self.clauses], "clauses_unknown": self.clauses_unknown}
        return {**self.versions.to_json(), **told}


def diff(runtime: Runtime, name: str, before: str | int | None = None, after: str | int | None = None) -> Difference:
    """Compares two versions of an index.

    Both manifests are verified, and the digests of what is read of both versions.

    Args:
        runtime: The project.
        name: The index.
        before: A number or an alias; None for the version that `after` follows.
        after: A number or an alias; None for `live`.

    Raises:
        ConfigurationError: There is no such index or version, or none before it.
        IntegrityError: A version is not what was signed.
    """
    history = open_history(runtime, name)
    later = history.resolve("live" if after is None else after)
    earlier = history.before(later) if before is None else history.resolve(before)
    files = (layout.DOCUMENTS, layout.CHUNKS, layout.CONTRACT)
    old, new = (manifest_of(runtime, record, files) for record in (earlier, later))
    pair, unknown = _contracts(runtime, old, new)
    clauses = compare(*pair).changes if pair and old.contract.digest != new.contract.digest else ()
    touched = reach(clauses) if pair else None
    admission = Admission(
        name=old.contract.name,
        since=old.created_at,
        until=new.created_at,
        setting=setting_of(old, new, touched),
        before=pair[0] if pair else None,
        after=pair[1] if pair else None,
    )

    def told(absent: Sequence[Absent]) -> Mapping[str, Told]:
        return explain(runtime, admission, absent)

    found = diff_versions(runtime.store, old, new, explain=told, touched=touched)
    return Difference(versions=found, clauses=tuple(clauses), clauses_unknown=unknown)


def reach(clauses: Sequence[Change]) -> frozenset[str]:
    """Returns what changes of a contract can reach (`index.causes.Setting.touched`)."""
    found: set[str] = set()
    for clause in clauses:
        if clause.path.startswith("schema.document.digital_source_type"):
            found |= {"origin", "admission"}
        word = clause.path.partition(".")[0].partition("[")[0]
        found |= _REACH.get(word, frozenset({"admission"}))
    return frozenset(found)


def _contracts(runtime: Runtime, old: Manifest, new: Manifest) -> tuple[tuple[Contract, Contract] | None, str]:
    """Returns the contracts that two versions hold; None and the reason where this build cannot read one."""
    try:
        return (_contract(runtime, old), _contract(runtime, new)), ""
    except ContractError as error:
        return None, f"the contract of one of the versions is not valid for this build: {str(error).splitlines()[0]}"


def _contract(runtime: Runtime, manifest: Manifest) -> Contract:
    path = f"{layout.version_path(manifest.name, manifest.number)}/{layout.CONTRACT}"
    label = f"{manifest.contract.name} of {layout.version_name(manifest.number)}"
    return parse_contract(runtime.store.read_bytes(path).decode("utf-8-sig"), label)
