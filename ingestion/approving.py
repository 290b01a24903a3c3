"""Approvals of versions: who must approve before an alias first points to one, who has, and saying yes.

A version asks for what the contract says under which it was built, and for what the contract says now: editing the
contract afterwards makes nothing easier. A version that the alias has served before needs no approval to serve again:
rolling back never waits.
"""

from __future__ import annotations

from contextlib import suppress

from contracts.lifecycle import ApprovalSpec
from contracts.load import parse_contract
from corpus.catalog import audit, versions
from corpus.catalog.records import VersionRecord
from corpus.errors import ApprovalMissing, ConfigurationError, ContractError
from corpus.types import utc_now
from index import layout
from index.approvals import Approvals, Standing, read_approvals, standing, write_approval
from index.manifest import Manifest
from index.signing import TrustStore, load_signer
from index.verify import read_checked, verify_version
from ingestion.runtime import Runtime


def standing_of(runtime: Runtime, version: VersionRecord, alias: str) -> Standing:
    """Says how far a version is from what is asked before an alias points to it.

    Of the contract of the version and the contract of today, the one that is further from satisfied is given.

    Raises:
        ConfigurationError: The version's folder is gone.
        IntegrityError: The contract in the version is not what its manifest says.
    """
    found = approvals_of(runtime, version)
    stands = [
        standing(
            found.accepted,
            asked=spec.persons if alias in spec.aliases else 0,
            approvers=spec.approvers,
            builder=str(version.manifest["run"]["actor"]),
        )
        for spec in _specs(runtime, version)
    ]
    return max(stands, key=lambda item: (item.missing, item.asked))


def approvals_of(runtime: Runtime, version: VersionRecord) -> Approvals:
    """Reads the approvals of a version."""
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    return read_approvals(runtime.store, version.name, version.number, version.manifest_sha256, trust)


def _specs(runtime: Runtime, version: VersionRecord) -> list[ApprovalSpec]:
    manifest = Manifest.from_json(version.manifest)
    folder = layout.version_path(version.name, version.number)
    text = read_checked(runtime.store, folder, layout.CONTRACT, manifest.files[layout.CONTRACT]).decode("utf-8")
    specs = [_of_text(text, version)]
    with suppress(ConfigurationError):  # it was removed or cannot be read: what the version says holds
        specs.append(runtime.contract(version.contract).approvals)
    return specs


def _of_text(text: str, version: VersionRecord) -> ApprovalSpec:
    try:
        return parse_contract(text, f"{version.name} {layout.version_name(version.number)}").approvals
    except ContractError as error:
        raise ApprovalMissing(
            f"the contract inside {version.name} {layout.version_name(version.number)} is none that this build reads, "
            "so nobody can say who must approve it. Build the version again."
        ) from error


def has_served(runtime: Runtime, name: str, alias: str, number: int) -> bool:
    """Returns whether an alias pointed to a version before."""
    with runtime.catalog.reading() as tx:
        return number in versions.served(tx, name, alias)


def require_approved(runtime: Runtime, version: VersionRecord, alias: str) -> None:
    """Stops a move of an alias to a version that is not approved.

    Raises:
        ApprovalMissing: Approvals are missing; the message says how many, and who gave some.
    """
    if has_served(runtime, version.name, alias, version.number):
        return
    found = standing_of(runtime, version, alias)
    if found.missing:
        raise ApprovalMissing(missing_words(version, alias, found))


def missing_words(version: VersionRecord, alias: str, found: Standing) -> str:
    """Returns in words what is missing."""
    given = ", ".join(item.by for item in found.counted) or "nobody"
    passed_over = "".join(f" {who} {why}, which does not count." for who, why in sorted(found.passed_over.items()))
    number = layout.version_name(version.number)
    return (
        f"{version.name} {number} needs {found.asked} approvals before {alias!r} points to it; approved by {given}. "
        f"{found.missing} missing.{passed_over} The alias stays where it is. Approve it with `stemma index approve "
        f"{version.name} {version.number} --by NAME --reason '...'`, then `stemma index promote {version.name} "
        f"{version.number}`."
    )


def approve(
    runtime: Runtime, name: str, number: int, *, by: str, reason: str, manifest_sha256: str = ""
) -> VersionRecord:
    """Writes a person's approval of a version, having checked every byte of the version.

    Args:
        runtime: The project; its signing key speaks for the person.
        name: The index.
        number: The version.
        by: Who approves.
        reason: Why.
        manifest_sha256: Digest of the manifest that they looked at; empty to approve what has the number.

    Returns:
        The version.

    Raises:
        ConfigurationError: No name or reason, no such version or another one than was looked at, the builder, no
            approver, or approved already.
        IntegrityError: The version is not what its signature says, or the key may not speak for this person.
    """
    by, reason = " ".join(by.split()), reason.strip()
    if not by or not reason:
        raise ConfigurationError("an approval needs a name and a reason: --by NAME --reason '...'.")
    with runtime.catalog.reading() as tx:
        version = versions.require_shown(tx, name, number, manifest_sha256)
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    verify_version(runtime.store, name, number, trust)
    _require_may(runtime, version, by)
    signer = load_signer(runtime.settings.signing_key)
    _require_own_key(trust, str(signer.public_key.keyid), by)
    at = utc_now()
    with runtime.catalog.transaction() as tx:
        audit.lock(tx)  # of two approvals of one person the second finds the first; nobody puts another version here
        versions.require_shown(tx, name, number, version.manifest_sha256)
        path = write_approval(
            runtime.store,
            signer,
            name=name,
            number=number,
            manifest_sha256=version.manifest_sha256,
            by=by,
            reason=reason,
            at=at,
        )
        detail = {"by": by, "reason": reason, "manifest_sha256": version.manifest_sha256, "statement": path}
        subject = f"{name}@{layout.version_name(number)}"
        audit.append(tx, actor=runtime.settings.actor, action="version.approve", subject=subject, detail=detail, at=at)
    return version


def _require_may(runtime: Runtime, version: VersionRecord, by: str) -> None:
    builder = str(version.manifest["run"]["actor"])
    if by.casefold() == builder.casefold():
        raise ConfigurationError(
            f"{by!r} built {version.name} {layout.version_name(version.number)}: somebody else has to approve it."
        )
    for spec in _specs(runtime, version):
        if spec.approvers and by.casefold() not in {name.casefold() for name in spec.approvers}:
            raise ConfigurationError(
                f"{by!r} is not among the approvers of contract {version.contract!r}: {', '.join(spec.approvers)}."
            )


def _require_own_key(trust: TrustStore, keyid: str, by: str) -> None:
    own = {name.casefold(): key for name, key in trust.names.items()}.get(by.casefold())
    if own is not None and own != keyid:
        raise ConfigurationError(
            f"{by!r} has a key of their own in {trust.origin}: sign with it (STEMMA_SIGNING_KEY), not with "
            f"{keyid[:12]}."
        )
    if keyid not in trust.keys:
        raise ConfigurationError(
            f"the signing key {keyid[:12]} is not in {trust.origin}, so its approval would count for nothing. Put its "
            "public key there."
        )
