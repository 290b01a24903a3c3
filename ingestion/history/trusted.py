"""Manifests that may be believed: signed by a trusted key, and the ones that the catalog knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from corpus.catalog.records import VersionRecord
from corpus.errors import ConfigurationError, IntegrityError, SignatureInvalid
from index import layout
from index.manifest import Manifest
from index.signing import TrustStore
from index.verify import verify_files, verify_manifest
from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A version that could not be looked into.

    Attributes:
        number: The version.
        state: `retired` where it is not kept any more, `damaged` otherwise.
        why: What is wrong with it.
    """

    number: int
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Whether a version's manifest may be believed.

    Attributes:
        state: `valid`, `invalid` (missing, untrusted or wrong signature), `damaged` (another manifest than the
            catalog's, or none), or `retired`.
        keyid: The trusted key that signed it, empty for none.
        why: What is wrong, empty where nothing is.
    """

    state: str
    keyid: str = ""
    why: str = ""


def manifest_of(runtime: Runtime, record: VersionRecord, files: Iterable[str] = ()) -> Manifest:
    """Returns the manifest of a version, with its signature checked, and the digests of some of its files.

    Args:
        runtime: The project.
        record: The version.
        files: Names of files (`index.layout`) that will be read.

    Raises:
        SignatureInvalid: The signature is missing, untrusted or wrong.
        DigestMismatch: One of the files is missing or altered.
        IntegrityError: The version was retired, or its manifest is not the one that the catalog knows.
    """
    return _checked(runtime, record, files)[0]


def signature_of(runtime: Runtime, record: VersionRecord) -> Signature:
    """Says whether a version's manifest may be believed; what is wrong is a finding and no error."""
    if record.state == "retired":
        return Signature(state="retired", why="the version is not kept any more")
    try:
        return Signature(state="valid", keyid=_checked(runtime, record, ())[1])
    except SignatureInvalid as error:
        return Signature(state="invalid", why=str(error))
    except (IntegrityError, ConfigurationError) as error:
        return Signature(state="damaged", why=str(error))


def sort_out(
    runtime: Runtime, records: Iterable[VersionRecord]
) -> tuple[list[tuple[VersionRecord, Manifest]], list[Unreadable]]:
    """Returns the versions that may be looked into, in the given order, and those that may not.

    Args:
        runtime: The project.
        records: The versions.
    """
    trusted: list[tuple[VersionRecord, Manifest]] = []
    others: list[Unreadable] = []
    for record in records:
        if record.state == "retired":
            others.append(Unreadable(number=record.number, state="retired", why="the version is not kept any more"))
            continue
        try:
            trusted.append((record, manifest_of(runtime, record)))
        except (IntegrityError, ConfigurationError) as error:
            others.append(Unreadable(number=record.number, state="damaged", why=str(error)))
    return trusted, others


def _checked(runtime: Runtime, record: VersionRecord, files: Iterable[str]) -> tuple[Manifest, str]:
    where = f"{record.name} {layout.version_name(record.number)}"
    if record.state == "retired":
        raise IntegrityError(f"{where} is not kept any more. See `stemma index list {record.name}` for those that are.")
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    try:
        verified = verify_manifest(runtime.store, record.name, record.number, trust)
    except ConfigurationError as error:
        raise IntegrityError(f"the catalog knows {where}, the home does not hold it: {error}") from error
    if verified.manifest_sha256 != record.manifest_sha256:
        raise IntegrityError(
            f"the catalog knows {where} with manifest {record.manifest_sha256[:12]}..., the home holds "
            f"{verified.manifest_sha256[:12]}..., validly signed. The catalog or the home was restored alone."
        )
    verify_files(runtime.store, verified.manifest, files)
    return verified.manifest, verified.keyid
