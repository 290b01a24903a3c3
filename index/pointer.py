"""Alias projections: what `live` points to, for readers without a database.

The catalog's row is the truth and moves by compare-and-swap; the projection is a copy of it beside
the versions. It is signed (an in-toto statement in DSSE, as versions are), so who may write the home
cannot point an alias elsewhere. What cannot be told from one file is that an older one, signed
in its time, was put back: a reader that remembers does (`index.seen`). Files of earlier builds are not
signed; they are read where the version that they name does not say that its aliases are.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from corpus.errors import IntegrityError, SignatureInvalid
from corpus.ids import canonical_json, sha256_hex
from corpus.storage import Store
from index import layout
from index.signing import Signer, TrustStore, is_canonical, predicate_of, sign_statement, verify

PREDICATE_TYPE = "urn:stemma-rag:alias:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasPointer:
    """One alias projection. `AliasPointer.from_bytes(pointer.to_bytes()) == pointer`.

    Attributes:
        alias: Its name.
        version: Number of the version it points to.
        manifest_sha256: Digest of that version's manifest.json.
        generation: How often the alias was moved; larger is later.
        moved_at: When, ISO 8601.
        actor: Who moved it.
        tombstones: Sequence that the index's tombstones had at least by then; 0 for none.
    """

    alias: str
    version: int
    manifest_sha256: str
    generation: int
    moved_at: str
    actor: str
    tombstones: int = 0

    def to_bytes(self, signer: Signer | None = None, index: str = "") -> bytes:
        """Returns the content of the projection's file.

        Args:
            signer: The signing key; None leaves it unsigned.
            index: Name of the index, which is signed with it.
        """
        said = asdict(self)
        if signer is None:
            return canonical_json(said)
        subjects = {f"{self.alias}.json": sha256_hex(canonical_json(said))}
        return sign_statement(signer, subjects, {"index": index, "pointer": said}, PREDICATE_TYPE)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote, signed or not; whether the signature is right, `verified_pointer` says.

        Raises:
            IntegrityError: It is no alias projection.
        """
        try:
            said = json.loads(data)
            pointer = cls(**(predicate_of(data)["pointer"] if "payload" in said else said))
        except (ValueError, TypeError, KeyError, RecursionError, SignatureInvalid) as error:
            raise IntegrityError(
                f"alias file is damaged: {error}. Run `stemma reconcile` to write it again."
            ) from error
        if {type(pointer.version), type(pointer.generation), type(pointer.tombstones)} != {int}:
            raise IntegrityError("alias file is damaged: version and generation are numbers. Run `stemma reconcile`.")
        return pointer


def read_pointer(store: Store, name: str, alias: str) -> AliasPointer | None:
    """Returns an alias's projection, None where there is none. Its signature is not checked.

    Raises:
        IntegrityError: The file is damaged.
    """
    try:
        return AliasPointer.from_bytes(store.read_bytes(layout.alias_path(name, alias)))
    except FileNotFoundError:
        return None


def verified_pointer(
    store: Store, name: str, alias: str, trust: TrustStore, *, allow_unsigned: bool = False
) -> tuple[AliasPointer, bool] | None:
    """Returns an alias's projection and whether a trusted key signed it, None where there is none.

    Args and errors are those of `checked_pointer`; `store` is the home.
    """
    try:
        data = store.read_bytes(layout.alias_path(name, alias))
    except FileNotFoundError:
        return None
    return checked_pointer(data, name, alias, trust, allow_unsigned=allow_unsigned)


def checked_pointer(
    data: bytes, name: str, alias: str, trust: TrustStore, *, allow_unsigned: bool = False
) -> tuple[AliasPointer, bool]:
    """Returns the projection that an alias's file holds, and whether a trusted key signed it.

    Args:
        data: Content of the file.
        name: The index.
        alias: The alias.
        trust: The accepted keys.
        allow_unsigned: Do not check a signature where `trust` is empty.

    Raises:
        IntegrityError: The file is damaged, or is that of another alias.
        SignatureInvalid: It is signed, and not by a trusted key, or it was altered.
    """
    pointer = AliasPointer.from_bytes(data)
    signed = _is_signed(data) and not (allow_unsigned and not trust.keys)
    if signed:
        _check_signature(data, name, pointer, trust)
    if pointer.alias != alias:
        raise IntegrityError(
            f"the file of alias {alias!r} of {name!r} is that of {pointer.alias!r}: it was copied. Run `stemma "
            "reconcile` to write it again."
        )
    return pointer, signed


def _check_signature(data: bytes, name: str, pointer: AliasPointer, trust: TrustStore) -> None:
    subjects = {f"{pointer.alias}.json": sha256_hex(canonical_json(asdict(pointer)))}
    verify(data, trust, subjects, PREDICATE_TYPE)
    if not is_canonical(data):
        raise SignatureInvalid(f"the file of alias {pointer.alias!r} of {name!r} was altered. Run `stemma reconcile`.")
    if predicate_of(data).get("index") != name:
        raise SignatureInvalid(
            f"the file of alias {pointer.alias!r} of {name!r} was signed for another index. Run `stemma reconcile`."
        )


def is_signed(store: Store, name: str, alias: str) -> bool:
    """Returns whether an alias's file carries a signature, right or wrong."""
    try:
        return _is_signed(store.read_bytes(layout.alias_path(name, alias)))
    except FileNotFoundError:
        return False


def _is_signed(data: bytes) -> bool:
    try:
        said: Any = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and "payload" in said


def alias_names(store: Store, name: str) -> tuple[str, ...]:
    """Returns the names of the aliases that have a projection, sorted."""
    files = store.names(layout.aliases_path(name))
    return tuple(file.removesuffix(".json") for file in files if file.endswith(".json"))


def version_numbers(store: Store, name: str) -> tuple[int, ...]:
    """Returns the numbers of the version folders of an index, ascending."""
    found = (layout.version_number(folder) for folder in store.names(layout.index_path(name)))
    return tuple(sorted(number for number in found if number is not None))
