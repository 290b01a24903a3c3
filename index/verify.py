"""Verification of a published version: signature, manifest, every file. Fails closed.

Order matters: nothing is parsed before the signature over it was accepted, and no library opens a
file whose digest was not compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from corpus.errors import ConfigurationError, DigestMismatch, IntegrityError, SignatureInvalid
from corpus.ids import sha256_hex
from corpus.storage import Store
from index import layout
from index.manifest import FileRef, Manifest
from index.pointer import version_numbers
from index.signing import TrustStore, is_canonical, predicate_of, verify

ALIASES_SIGNED = "signed"
"""Value of `aliases` in the predicate of a version whose alias files are signed too."""
_BLOCK_BYTES = 1 << 20

# SHA-256 ran at 1.1 GB/s on one core (`openssl speed -evp sha256`, 2026): a twentieth of a second, and with ten times
# as many processes as cores still under one.
QUICK_BYTES = 50_000_000
"""Versions up to this size are checked byte by byte before an alias moves to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A manifest that may be believed.

    Attributes:
        manifest: The manifest.
        manifest_sha256: Digest of its bytes.
        keyid: The trusted key that signed it; empty where unsigned versions were allowed.
        aliases_signed: Whether it says, signed, that the files of aliases which point to it are signed too.
    """

    manifest: Manifest
    manifest_sha256: str
    keyid: str
    aliases_signed: bool = False


def verify_manifest(
    store: Store, name: str, number: int, trust: TrustStore, *, allow_unsigned: bool = False
) -> Verified:
    """Reads the manifest of a version and checks its signature. Files are not read.

    Args:
        store: The home.
        name: The index.
        number: The version.
        trust: The accepted keys.
        allow_unsigned: Accept a version without signature, or any where `trust` is empty. A
            signature that is there and can be checked must still be right.

    Raises:
        ConfigurationError: There is no such version.
        SignatureInvalid: The signature is missing or wrong.
        IntegrityError: The manifest is damaged, or is that of another version.
    """
    folder = layout.version_path(name, number)
    data = _manifest_bytes(store, name, number)
    envelope = _envelope(store, folder)
    subjects = {layout.MANIFEST: sha256_hex(data)}
    unchecked = allow_unsigned and (not envelope or not trust.keys)
    if not unchecked:
        verify(envelope, trust, subjects)
    manifest = Manifest.from_bytes(data)
    _check_names(manifest, name, number)
    subjects[layout.INDEX] = manifest.files[layout.INDEX].sha256
    _check_folder(store, folder, manifest)
    if unchecked:
        return Verified(manifest=manifest, manifest_sha256=subjects[layout.MANIFEST], keyid="")
    keyid = verify(envelope, trust, subjects)
    _check_said(envelope, manifest)
    signed = predicate_of(envelope).get("aliases") == ALIASES_SIGNED
    return Verified(manifest=manifest, manifest_sha256=subjects[layout.MANIFEST], keyid=keyid, aliases_signed=signed)


def verify_version(
    store: Store, name: str, number: int, trust: TrustStore, *, allow_unsigned: bool = False
) -> Verified:
    """Checks signature, manifest and the digest of every file, in bounded memory.

    Raises:
        ConfigurationError: There is no such version.
        SignatureInvalid: The signature is missing or wrong.
        IntegrityError: The manifest is damaged.
        DigestMismatch: A file is missing or altered.
    """
    verified = verify_manifest(store, name, number, trust, allow_unsigned=allow_unsigned)
    folder = layout.version_path(name, number)
    for file, ref in verified.manifest.files.items():
        check_file(store, folder, file, ref)
    return verified


def verify_files(store: Store, manifest: Manifest, files: Iterable[str]) -> None:
    """Checks the digests of some files of a version whose manifest is trusted already, in bounded memory.

    Raises:
        DigestMismatch: A file is missing or altered.
    """
    folder = layout.version_path(manifest.name, manifest.number)
    for file in files:
        check_file(store, folder, file, manifest.files[file])


def verify_quickly(store: Store, name: str, number: int, trust: TrustStore) -> Verified:
    """Checks a version in less than a second, whatever its size, before an alias is moved to it.

    That is signature, manifest, and the digest of every file where they have `QUICK_BYTES` together at the most. Of a
    larger version only the sizes are compared: whoever opens it checks every byte, and refuses what was altered.

    Raises:
        ConfigurationError: There is no such version.
        SignatureInvalid: The signature is missing or wrong.
        IntegrityError: The manifest is damaged.
        DigestMismatch: A file is missing or altered.
    """
    verified = verify_manifest(store, name, number, trust)
    folder = layout.version_path(name, number)
    files = verified.manifest.files
    whole = sum(ref.size for ref in files.values()) <= QUICK_BYTES
    for file, ref in files.items():
        path = f"{folder}/{file}"
        found = _stream_ref(store, path) if whole else FileRef(size=_size(store, path), sha256=ref.sha256)
        _check(path, ref, found)
    return verified


def _size(store: Store, path: str) -> int:
    try:
        return int(store.fs.size(store.path(path)))
    except FileNotFoundError as error:
        raise DigestMismatch(f"{path} is missing. Restore the version, or roll back.") from error


def read_checked(store: Store, folder: str, name: str, ref: FileRef) -> bytes:
    """Reads a file once and returns its bytes if they are the recorded ones.

    Raises:
        DigestMismatch: The file is missing or altered.
    """
    path = f"{folder}/{name}"
    try:
        data = store.read_bytes(path)
    except FileNotFoundError as error:
        raise DigestMismatch(f"{path} is missing. Restore the version, or roll back.") from error
    _check(path, ref, FileRef(size=len(data), sha256=sha256_hex(data)))
    return data


def check_file(store: Store, folder: str, name: str, ref: FileRef) -> None:
    """Compares a file with what is recorded of it, in bounded memory.

    Raises:
        DigestMismatch: The file is missing or altered.
    """
    _check(f"{folder}/{name}", ref, _stream_ref(store, f"{folder}/{name}"))


def _check(path: str, expected: FileRef, found: FileRef) -> None:
    if found != expected:
        raise DigestMismatch(
            f"{path} has {found.size} bytes with sha256 {found.sha256[:12]}..., the manifest says {expected.size} with "
            f"{expected.sha256[:12]}...: it was altered. Restore the version, or roll back."
        )


def _stream_ref(store: Store, path: str) -> FileRef:
    digest, size = hashlib.sha256(), 0
    try:
        with store.open(path) as handle:
            while block := handle.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except FileNotFoundError as error:
        raise DigestMismatch(f"{path} is missing. Restore the version, or roll back.") from error
    return FileRef(size=size, sha256=digest.hexdigest())


def _manifest_bytes(store: Store, name: str, number: int) -> bytes:
    try:
        return store.read_bytes(f"{layout.version_path(name, number)}/{layout.MANIFEST}")
    except FileNotFoundError as error:
        found = ", ".join(layout.version_name(known) for known in version_numbers(store, name)) or "none"
        raise ConfigurationError(
            f"index {name!r} has no version {layout.version_name(number)} in {store.url}. Versions: {found}."
        ) from error


def _envelope(store: Store, folder: str) -> bytes:
    try:
        return store.read_bytes(f"{folder}/{layout.ENVELOPE}")
    except FileNotFoundError:
        return b""


def _check_folder(store: Store, folder: str, manifest: Manifest) -> None:
    """Refuses what was put into a version beside its files, and links, which may lead elsewhere tomorrow."""
    known = {*manifest.files, layout.MANIFEST, layout.ENVELOPE}
    extra = sorted(set(store.names(folder, every=True)) - known)
    if extra:
        raise IntegrityError(
            f"{folder} holds {', '.join(extra)}, which its manifest does not name: it was put there. Remove it."
        )
    links = store.links(folder, known)
    if links:
        raise IntegrityError(
            f"{links[0]} is a link, and a version has none: what it leads to may change. Restore the version, or roll "
            "back."
        )


def _check_said(envelope: bytes, manifest: Manifest) -> None:
    """Compares what the signature says in words with the manifest; the digests were compared before."""
    said = predicate_of(envelope)
    if not is_canonical(envelope) or said.get("name", manifest.name) != manifest.name:
        raise SignatureInvalid(
            f"the signature of {manifest.name} {layout.version_name(manifest.number)} was altered. Restore the "
            "version, or roll back."
        )


def _check_names(manifest: Manifest, name: str, number: int) -> None:
    if (manifest.name, manifest.number) != (name, number):
        raise IntegrityError(
            f"the folder of {name} {layout.version_name(number)} holds the manifest of {manifest.name} "
            f"{layout.version_name(manifest.number)}: it was copied or renamed. Restore the version, or roll back."
        )
    listed = set(manifest.files)
    if not set(layout.CONTENT_FILES) <= listed <= {*layout.CONTENT_FILES, *layout.OPTIONAL_FILES}:
        raise IntegrityError(
            f"the manifest lists {', '.join(sorted(listed))}; a version has {', '.join(layout.CONTENT_FILES)} and may "
            f"have {', '.join(layout.OPTIONAL_FILES)}."
        )
