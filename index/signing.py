"""Signatures: ed25519 over an in-toto Statement in a DSSE envelope.

The statement names the manifest and the FAISS file by SHA-256; every other file is bound through the
manifest. Whoever reads needs a `TrustStore`. Nothing here reads a store or a clock.

Sources: in-toto Statement v1 (https://in-toto.io/Statement/v1), DSSE v1
(https://github.com/secure-systems-lab/dsse). Versions, alias files, tombstones and receipts of erasures are
signed, each as its own predicate type, so that none passes for another.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as DsseError
from securesystemslib.signer import CryptoSigner, SSlibKey

from corpus.errors import ConfigurationError, SignatureInvalid
from corpus.ids import canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:stemma-rag:index-version:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PUBLIC_SUFFIX = ".pub"

Signer: TypeAlias = CryptoSigner
"""A loaded private key."""

_PRIVATE_MODE = 0o600
_VARIABLE = "env:"  # corpus.settings.KEY_VARIABLE; the reader, which loads this module, loads no settings
_MOST_KEY_BYTES = 65_536
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class TrustStore:
    """The public keys whose signatures a reader accepts.

    Attributes:
        keys: Key id to key.
        origin: Where they came from, for messages.
        names: Name of a key's file without its suffix to key id, where the keys come from files.
    """

    keys: Mapping[str, SSlibKey]
    origin: str = "this trust store"
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, path: Path) -> Self:
        """Reads every `*.pub` (PEM, ed25519) of a folder; a missing folder trusts nobody.

        Raises:
            ConfigurationError: A file is no ed25519 public key. Skipping it would hide a mistake.
        """
        keys = {file.stem: _public_key(file) for file in sorted(path.glob(f"*{PUBLIC_SUFFIX}"))}
        names = {name: str(key.keyid) for name, key in keys.items()}
        return cls(keys={key.keyid: key for key in keys.values()}, origin=str(path), names=names)


def generate_keypair(private_path: Path, public_path: Path) -> str:
    """Makes a key pair for signing versions.

    Args:
        private_path: Where the private key goes, PEM PKCS#8, readable by its owner only.
        public_path: Where the public key goes, PEM; put it into the readers' trust folder.

    Returns:
        The key id.

    Raises:
        ConfigurationError: One of the files exists. A key is never overwritten: versions signed with
            it could no longer be told from forgeries.
    """
    for path in (private_path, public_path):
        if path.exists():
            raise ConfigurationError(f"key {path} exists and is not overwritten. Move it away first, or use it.")
        path.parent.mkdir(parents=True, exist_ok=True)
    signer = CryptoSigner.generate_ed25519()
    public = signer.public_key._crypto_key()  # the library offers no other way to PEM
    _write_new(private_path, signer.private_bytes, _PRIVATE_MODE)
    _write_new(public_path, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return str(signer.public_key.keyid)


def load_signer(path: Path) -> Signer:
    """Loads the private key that signs versions.

    Raises:
        ConfigurationError: The key is missing, readable by others, or no unencrypted ed25519 key.
    """
    data = _of_variable(str(path)[len(_VARIABLE) :]) if str(path).startswith(_VARIABLE) else _of_file(path)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"signing key {path} is no unencrypted PEM private key: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"signing key {path} is {type(key).__name__}; versions are signed with ed25519.")
    return CryptoSigner(key)


def load_trusted_signer(path: Path, trusted_keys: Path) -> Signer:
    """Loads the private key that signs versions, if the project's own readers accept what it signs.

    Args:
        path: The private key, as for `load_signer`.
        trusted_keys: Folder of the public keys that are accepted.

    Raises:
        ConfigurationError: As `load_signer`; or the key is another project's: every reader would refuse what it signs,
            so that nobody could be served.
    """
    signer, trust = load_signer(path), TrustStore.from_folder(trusted_keys)
    keyid = str(signer.public_key.keyid)
    if keyid not in trust.keys:
        accepted = ", ".join(sorted(known[:12] for known in trust.keys)) or "nobody"
        raise ConfigurationError(
            f"signing key {path} is {keyid[:12]}, and {trusted_keys} trusts {accepted}: readers would refuse what it "
            "signs. Nothing was changed. Set signing_key to a key that is trusted, or put its public key there, and "
            f"where readers have theirs: `openssl pkey -in KEY.pem -pubout -out {trusted_keys}/NAME{PUBLIC_SUFFIX}`."
        )
    return signer


def _of_variable(name: str) -> bytes:
    text = os.environ.get(name, "")
    if not text.strip():
        raise ConfigurationError(
            f"the environment variable {name}, which signing_key names, is not set. Set it to the PEM of the key."
        )
    return text.replace("\\n", "\n").encode("utf-8", "replace")  # many stores of secrets keep one line


def _of_file(path: Path) -> bytes:
    """Returns what is in the file of a key; its mode is that of the very file that is read, links followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"signing key {path} is no file. Set signing_key to a PEM file.")
            data = handle.read(_MOST_KEY_BYTES)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"signing key {path} does not exist. Run `stemma init` to make one, or set signing_key."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"signing key {path} cannot be read: {error}.") from error
    if status.st_mode & _OTHERS:
        raise ConfigurationError(
            f"signing key {path} has mode {stat.S_IMODE(status.st_mode):04o}: others can read it. Run `chmod 600 "
            f"{path}`; if it was exposed, make a new one."
        )
    return data


def sign_statement(
    signer: Signer, subjects: Mapping[str, str], predicate: Mapping[str, Any], kind: str = PREDICATE_TYPE
) -> bytes:
    """Signs a statement about files.

    Args:
        signer: The private key.
        subjects: File name to SHA-256, hexadecimal.
        predicate: What is said about them: name, number and identity of the version.
        kind: Predicate type: what the files are.

    Returns:
        The DSSE envelope, canonical JSON. Ed25519 is deterministic: equal input, equal bytes.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)],
        "predicateType": kind,
        "predicate": dict(predicate),
    }
    envelope = Envelope(canonical_json(statement), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return canonical_json(envelope.to_dict())


def verify(envelope: bytes, trust: TrustStore, subjects: Mapping[str, str], kind: str = PREDICATE_TYPE) -> str:
    """Checks a signature and that it speaks of exactly these bytes.

    Args:
        envelope: The DSSE envelope; empty when there is none.
        trust: The accepted keys.
        subjects: File name to the SHA-256 that the files in hand have.
        kind: Predicate type that was signed: what the files are.

    Returns:
        Id of the trusted key that signed.

    Raises:
        SignatureInvalid: There is no signature, nobody is trusted, no trusted key signed, the signed
            text was altered, or it speaks of other bytes.
    """
    if not trust.keys:
        raise SignatureInvalid(
            f"{trust.origin} trusts no key, so no signature can be accepted. Put the signer's *{PUBLIC_SUFFIX} file "
            "there, or pass allow_unsigned=True where that is meant."
        )
    if not envelope:
        raise SignatureInvalid("there is no signature. Build the version again with a signing key, or roll back.")
    parsed = _parse(envelope)
    keyid = _signed_by(parsed, trust)
    _check_subjects(_statement(parsed, kind), subjects)
    return keyid


def predicate_of(envelope: bytes) -> dict[str, Any]:
    """Returns the predicate of an envelope; believe it only after `verify` accepted the same bytes.

    Raises:
        SignatureInvalid: It is no envelope of a statement.
    """
    try:
        predicate = json.loads(_parse(envelope).payload)["predicate"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignatureInvalid(f"what was signed is no in-toto statement: {error!r}.") from error
    if not isinstance(predicate, dict):
        raise SignatureInvalid("what was signed says nothing: its predicate is no object.")
    return predicate


def is_canonical(envelope: bytes) -> bool:
    """Returns whether an envelope is in the one form that `sign_statement` writes.

    JSON and base64 let some bytes change without changing what is said. Files of ours are canonical, so that
    any byte that differs is seen.
    """
    return canonical_json(_parse(envelope).to_dict()) == envelope


def _public_key(path: Path) -> SSlibKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"trusted key {path} is no PEM public key: {error}. Remove it or replace it."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"trusted key {path} is {type(key).__name__}; versions are signed with ed25519.")
    return SSlibKey.from_crypto(key)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _parse(envelope: bytes) -> Envelope:
    try:
        return Envelope.from_dict(json.loads(envelope))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DsseError) as error:
        raise SignatureInvalid(f"the signature is no DSSE envelope: {error!r}. Restore it, or roll back.") from error


def _signed_by(envelope: Envelope, trust: TrustStore) -> str:
    known = [trust.keys[keyid] for keyid in envelope.signatures if keyid in trust.keys]
    if not known:
        signers = ", ".join(keyid[:12] for keyid in envelope.signatures) or "nobody"
        trusted = ", ".join(keyid[:12] for keyid in trust.keys)
        raise SignatureInvalid(
            f"signed by {signers}, but {trust.origin} trusts {trusted}. Add the signer's public key if you trust it."
        )
    try:
        accepted = envelope.verify(known, 1)
    except DsseError as error:
        raise SignatureInvalid(
            f"the signed text was altered after {known[0].keyid[:12]} signed it. Restore the version, or roll back."
        ) from error
    return str(next(iter(accepted)))


def _statement(envelope: Envelope, kind: str) -> dict[str, str]:
    """Returns the subjects of a verified statement, name to SHA-256."""
    try:
        statement = json.loads(envelope.payload)
        kinds = (envelope.payload_type, statement["_type"], statement["predicateType"])
        pairs = [(subject["name"], subject["digest"]["sha256"]) for subject in statement["subject"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignatureInvalid(f"what was signed is no in-toto statement: {error!r}.") from error
    if kinds != (PAYLOAD_TYPE, STATEMENT_TYPE, kind):
        raise SignatureInvalid(f"what was signed is {kinds}, not {(PAYLOAD_TYPE, STATEMENT_TYPE, kind)}.")
    if len(dict(pairs)) != len(pairs):
        raise SignatureInvalid("the signed statement names one file twice.")
    return dict(pairs)


def _check_subjects(signed: Mapping[str, str], subjects: Mapping[str, str]) -> None:
    for name, digest in subjects.items():
        if name not in signed:
            raise SignatureInvalid(f"the signature does not speak of {name}. Build the version again, or roll back.")
        if signed[name] != digest:
            raise SignatureInvalid(
                f"{name} has sha256 {digest[:12]}..., but {signed[name][:12]}... was signed: it was altered. "
                "Restore the version, or roll back."
            )
