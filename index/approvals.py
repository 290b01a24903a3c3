"""Approvals: signed statements of persons about one version, kept beside it.

The version is immutable and signed before anybody looks at it, so an approval is a file of its own: an in-toto
statement over the digest of the version's manifest, which says who approves, when and why. It holds for these bytes
and no others. Where the trust folder has a key that is named like the person, only that key speaks for this person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from corpus.errors import ConfigurationError, SignatureInvalid
from corpus.ids import sha256_hex
from corpus.storage import Store
from index import layout
from index.signing import Signer, TrustStore, predicate_of, sign_statement, verify

APPROVAL_TYPE = "urn:stemma-rag:index-approval:v1"
_SUFFIX = ".dsse.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word for one version.

    Attributes:
        by: Who approves, by name.
        at: When, aware UTC.
        reason: Why.
        keyid: The trusted key that signed it.
    """

    by: str
    at: datetime
    reason: str
    keyid: str

    def to_json(self) -> dict[str, Any]:
        """Returns the approval as a JSON object."""
        return {"by": self.by, "at": self.at.isoformat(), "reason": self.reason, "keyid": self.keyid}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """The approvals of one version.

    Attributes:
        accepted: Those that hold, by time.
        refused: File to why it does not count.
    """

    accepted: tuple[Approval, ...]
    refused: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a version is from being approved.

    Attributes:
        asked: How many persons must approve.
        counted: Approvals that count.
        passed_over: Person to why their approval does not count.
    """

    asked: int
    counted: tuple[Approval, ...]
    passed_over: dict[str, str]

    @property
    def missing(self) -> int:
        """How many approvals are still needed."""
        return max(0, self.asked - len(self.counted))


def write_approval(
    store: Store, signer: Signer, *, name: str, number: int, manifest_sha256: str, by: str, reason: str, at: datetime
) -> str:
    """Writes a person's approval of a version.

    Args:
        store: The home.
        signer: The key that speaks for the person.
        name: The index.
        number: The version.
        manifest_sha256: Digest of its manifest.json: what is approved.
        by: Who approves.
        reason: Why.
        at: When.

    Returns:
        Where the statement is inside the home.

    Raises:
        ConfigurationError: This person has approved this version already.
    """
    path = f"{layout.approvals_path(name, number)}/{sha256_hex(_folded(by).encode())[:32]}{_SUFFIX}"
    if store.exists(path):
        raise ConfigurationError(f"{by!r} has approved {name} {layout.version_name(number)} already.")
    predicate = {
        "name": name,
        "number": number,
        "by": by,
        "reason": reason,
        "at": at.astimezone(UTC).isoformat(),
    }
    store.publish(path, sign_statement(signer, {layout.MANIFEST: manifest_sha256}, predicate, APPROVAL_TYPE))
    return path


def read_approvals(store: Store, name: str, number: int, manifest_sha256: str, trust: TrustStore) -> Approvals:
    """Reads the approvals of a version, and says which hold.

    Args:
        store: The home.
        name: The index.
        number: The version.
        manifest_sha256: Digest of its manifest.json; an approval of other bytes does not hold.
        trust: Keys whose signatures are accepted.
    """
    accepted, refused = [], {}
    folder = layout.approvals_path(name, number)
    for file in store.names(folder):
        if not file.endswith(_SUFFIX):
            continue
        try:
            accepted.append(_read(store.read_bytes(f"{folder}/{file}"), name, number, manifest_sha256, trust))
        except SignatureInvalid as error:
            refused[file] = str(error)
    first: dict[str, Approval] = {}
    for approval in sorted(accepted, key=lambda item: (item.at, item.by)):
        first.setdefault(_folded(approval.by), approval)
    return Approvals(accepted=tuple(first.values()), refused=refused)


def _read(envelope: bytes, name: str, number: int, manifest_sha256: str, trust: TrustStore) -> Approval:
    keyid = verify(envelope, trust, {layout.MANIFEST: manifest_sha256}, APPROVAL_TYPE)
    said = predicate_of(envelope)
    if (said.get("name"), said.get("number")) != (name, number):
        raise SignatureInvalid(f"the approval speaks of {said.get('name')} v{said.get('number')}.")
    try:
        at = datetime.fromisoformat(said["at"])
        found = Approval(by=str(said["by"]), at=at.astimezone(UTC), reason=str(said["reason"]), keyid=keyid)
    except (KeyError, ValueError, TypeError) as error:
        raise SignatureInvalid(f"the approval lacks a field: {error!r}.") from error
    own = {_folded(person): key for person, key in trust.names.items()}.get(_folded(found.by))
    if own is not None and own != keyid:
        raise SignatureInvalid(
            f"{found.by!r} has a key in {trust.origin}, and the approval was signed with another ({keyid[:12]})."
        )
    return found


def standing(given: Iterable[Approval], *, asked: int, approvers: Collection[str], builder: str) -> Standing:
    """Says which approvals count, and how many are missing. Pure.

    Args:
        given: Approvals that hold, one per person.
        asked: How many persons must approve.
        approvers: Who may; empty for anybody.
        builder: Who built the version: this person's approval never counts.
    """
    allowed = {_folded(name) for name in approvers}
    counted, passed_over = [], {}
    for approval in given:
        if _folded(approval.by) == _folded(builder):
            passed_over[approval.by] = "built the version"
        elif allowed and _folded(approval.by) not in allowed:
            passed_over[approval.by] = "is not among the approvers of the contract"
        else:
            counted.append(approval)
    return Standing(asked=asked, counted=tuple(counted), passed_over=passed_over)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
