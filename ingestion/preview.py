"""What a changed contract would mean, before anybody saves it: how it differs, which version it asks for, whom it hits.

The text comes from a person at a page. It is read, compared and tried; nothing of it is kept. Documents are read from
where the standing contract says, whatever the text names: a page is no way to make this machine open other places.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.load import parse_contract
from contracts.model import Contract
from contracts.versions.compare import Comparison, compare
from corpus.catalog import contracts as registry
from corpus.catalog import queue
from corpus.errors import ConfigurationError, ContractError
from corpus.naming import require_known
from corpus.types import Assessment, Outcome
from ingestion.contractfiles import ContractFile, contract_files, told
from ingestion.rehearsal import Rehearsal, rehearse
from ingestion.runtime import Runtime

MOST = 200
"""Documents that a preview looks at, at the most: a person waits for it."""
LABEL = "pasted"
"""What messages call a text that is no file."""
_BECOMES: Mapping[Outcome, str] = {
    Outcome.ACCEPT: "active",
    Outcome.REPAIR: "active",
    Outcome.QUARANTINE: "quarantined",
    Outcome.REJECT: "rejected",
}
_TRYING = threading.Lock()
"""One trial at a time in a process: each takes the workers that read documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a changed contract is compared with.

    Attributes:
        label: What it is called: the file, or a version.
        contract: The contract; None where none can be read.
        file: The contract's file, as it is.
        versions: Versions that runs have used, oldest first.
    """

    label: str
    contract: Contract | None
    file: ContractFile
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What would become of one document.

    Attributes:
        doc_id: The document.
        now: Its state now; `new` where it was never seen.
        would: Its state under the changed contract.
        reasons: Why.
    """

    doc_id: str
    now: str
    would: str
    reasons: tuple[str, ...]

    @property
    def moves(self) -> bool:
        """Whether its state would be another one."""
        return self.now != self.would


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the changed contract would decide about documents.

    Attributes:
        rehearsal: How each rule came out.
        fates: What would become of each document that was looked at, by id.
        elsewhere: Whether the text names another source, of which nothing was read.
    """

    rehearsal: Rehearsal
    fates: tuple[Fate, ...]
    elsewhere: bool

    @property
    def moves(self) -> Mapping[tuple[str, str], int]:
        """Documents by state now and state then, of those looked at."""
        return Counter((fate.now, fate.would) for fate in self.fates)


def standing_of(runtime: Runtime, name: str, against: str = "") -> Standing:
    """Returns what a changed contract is compared with: its file as it is, or a version that runs used.

    Args:
        runtime: The project.
        name: The contract.
        against: A version; empty for the file, or where that is invalid or gone for the version used last.

    Raises:
        ConfigurationError: There is no such contract or version; the message holds the nearest.
    """
    files = contract_files(runtime.settings)
    with runtime.catalog.reading() as tx:
        known = registry.names(tx)
        texts = registry.texts(tx, name)
    require_known("contract", name, {*known, *(file.name for file in files)}, "The page of contracts lists them.")
    gone = ContractFile(file="", name=name, owner="", text="", contract=None)
    file = next((found for found in files if found.name == name), gone)
    if against:
        require_known(f"used version of {name}", against, texts, "The page of the contract lists them.")
    chosen = against or ("" if file.contract else next(reversed(texts), ""))
    if not chosen:
        return Standing(label=file.file, contract=file.contract, file=file, versions=tuple(texts))
    label = f"version {chosen}, as runs used it"
    return Standing(label=label, contract=_registered(texts[chosen], label), file=file, versions=tuple(texts))


def _registered(text: str, label: str) -> Contract | None:
    try:
        return parse_contract(text, label)
    except ContractError:
        return None  # an older build allowed what this one does not


def read(text: str) -> ContractFile:
    """Reads a changed contract; what is wrong with it is in the result."""
    return told(text, LABEL)


def compared(standing: Standing, proposed: Contract) -> Comparison | None:
    """Returns how a changed contract differs; None where there is nothing to compare it with."""
    return compare(standing.contract, proposed) if standing.contract else None


def refusal(runtime: Runtime, proposed: Contract) -> str:
    """Returns why the next run would refuse the contract as it is; empty where it would not."""
    try:
        with runtime.catalog.reading() as tx:
            registry.require_same_terms(tx, name=proposed.name, version=proposed.version, digest=proposed.digest)
    except ContractError as error:
        return str(error)
    return ""


def tried(runtime: Runtime, standing: Standing, proposed: Contract, sample: int) -> Tried:
    """Takes documents of the standing source through a changed contract, and writes nothing.

    Args:
        runtime: The project.
        standing: What stands; its source is read.
        proposed: The changed contract.
        sample: How many documents to look at, `MOST` at the most.

    Raises:
        ConfigurationError: There is no source to read, it lists nothing, or somebody else tries a change just now.
        SourceUnavailable: The source cannot be listed.
    """
    source = standing.file.contract or standing.contract
    if source is None:
        raise ConfigurationError("There is no valid contract whose documents could be looked at.")
    terms = replace(proposed, name=source.name, source=source.source)
    if not _TRYING.acquire(blocking=False):
        raise ConfigurationError("Another change is being tried just now. Try again in a moment.")
    try:
        found = rehearse(terms, runtime.settings, sample=max(1, min(sample, MOST)), project=runtime)
    finally:
        _TRYING.release()
    with runtime.catalog.reading() as tx:
        states = queue.states_of(tx, source.name, [item.ref.doc_id for item in found.assessments])
    fates = (
        _fate(item, states[item.ref.doc_id][0] if item.ref.doc_id in states else "new") for item in found.assessments
    )
    return Tried(
        rehearsal=found,
        fates=tuple(sorted(fates, key=lambda fate: fate.doc_id)),
        elsewhere=proposed.source != source.source,
    )


def _fate(item: Assessment, now: str) -> Fate:
    decision = item.decision
    return Fate(
        doc_id=item.ref.doc_id,
        now=now,
        would=_BECOMES.get(decision.outcome, "failed"),
        reasons=tuple(reason.message for reason in decision.reasons),
    )
