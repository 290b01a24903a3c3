"""Release: seal a candidate, publish its folder, move an alias to it.

Files first, then one catalog transaction, then the projection. Killed anywhere, a reader sees the
old version or the new one: the folder appears by one rename and is not referred to before the alias
moves; the alias moves by compare-and-swap; the projection is a copy that any later step can repair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from corpus.catalog import audit, versions
from corpus.catalog.records import AliasState, VersionRecord
from corpus.catalog.session import Catalog
from corpus.errors import ConcurrentRelease, ConfigurationError, IntegrityError, ReleaseError
from corpus.ids import sha256_hex
from corpus.storage import Store
from index import layout
from index.manifest import Manifest
from index.pointer import AliasPointer, alias_names, is_signed, read_pointer, version_numbers
from index.signing import Signer, TrustStore, sign_statement
from index.tombstones import stored_sequence
from index.verify import ALIASES_SIGNED, verify_version

_PROJECTION_ATTEMPTS = 10


def seal(folder: Path, manifest: Manifest, signer: Signer | None, *, aliases_signed: bool = False) -> str:
    """Writes manifest.json and its signature into a built folder.

    Args:
        folder: `Built.folder`.
        manifest: What it holds.
        signer: The signing key; None leaves the version unsigned, which readers refuse by default.
        aliases_signed: Say that the files of aliases which point to it are signed; a reader then refuses others.

    Returns:
        Digest of manifest.json.
    """
    data = manifest.to_bytes()
    (folder / layout.MANIFEST).write_bytes(data)
    digest = sha256_hex(data)
    if signer is None:
        (folder / layout.ENVELOPE).unlink(missing_ok=True)
        return digest
    subjects = {layout.MANIFEST: digest, layout.INDEX: manifest.files[layout.INDEX].sha256}
    predicate = {"name": manifest.name, "number": manifest.number, "identity": manifest.identity}
    predicate |= {"aliases": ALIASES_SIGNED} if aliases_signed else {}
    (folder / layout.ENVELOPE).write_bytes(sign_statement(signer, subjects, predicate))
    return digest


def next_number(store: Store, catalog: Catalog, name: str) -> int:
    """Returns the number of the next version: one above every row and every folder."""
    with catalog.reading() as tx:
        used = versions.latest_number(tx, name)
    return max(used, *version_numbers(store, name), 0) + 1


def find_orphan(store: Store, catalog: Catalog, manifest: Manifest, trust: TrustStore) -> Manifest | None:
    """Finds a folder that a killed release left behind and that holds the same version.

    Args:
        store: The home.
        catalog: The catalog, which knows no row for an orphan.
        manifest: The candidate; only its name and identity count.
        trust: Keys whose signatures are accepted.

    Returns:
        The orphan's manifest: record it under its own number instead of publishing the candidate
        again. None where there is none. One that is incomplete, altered, or signed by nobody
        trusted is skipped: its number stays unused.
    """
    with catalog.reading() as tx:
        used = versions.latest_number(tx, manifest.name)
    for number in version_numbers(store, manifest.name):
        found = _verified(store, manifest.name, number, trust) if number > used else None
        if found is not None and found.identity == manifest.identity:
            return found
    return None


def _verified(store: Store, name: str, number: int, trust: TrustStore) -> Manifest | None:
    try:
        return verify_version(store, name, number, trust).manifest
    except (IntegrityError, ConfigurationError):
        return None


def publish(store: Store, name: str, number: int, folder: Path) -> str:
    """Publishes a sealed folder as a version.

    Args:
        store: The home.
        name: The index.
        number: The version; it must be free.
        folder: The sealed folder, inside `Store.scratch`. On a local home it is moved.

    Returns:
        Digest of manifest.json.

    Raises:
        ConcurrentRelease: The number is taken, by another release or by an orphan.
    """
    data = (folder / layout.MANIFEST).read_bytes()
    last = layout.ENVELOPE if (folder / layout.ENVELOPE).exists() else layout.MANIFEST
    try:
        store.publish_folder(layout.version_path(name, number), folder, last)
    except OSError as error:
        # A rename onto a folder that appeared meanwhile says ENOTEMPTY, not FileExistsError.
        if not store.exists(layout.version_path(name, number)):
            raise
        raise ConcurrentRelease(
            f"{layout.version_name(number)} of {name!r} is taken. Nothing was published; run the release again, "
            "it will take the next number."
        ) from error
    return sha256_hex(data)


def version_record(manifest: Manifest, manifest_sha256: str, state: str = "candidate") -> VersionRecord:
    """Returns the catalog's row of a version; everything in it comes from the manifest."""
    return VersionRecord(
        name=manifest.name,
        number=manifest.number,
        contract=manifest.contract.name,
        contract_version=manifest.contract.version,
        manifest_sha256=manifest_sha256,
        identity=manifest.identity,
        embedder_fingerprint=manifest.fingerprints["embedder"].digest,
        chunker_fingerprint=manifest.fingerprints["chunker"].digest,
        documents=manifest.contents.documents,
        chunks=manifest.contents.chunks,
        path=layout.version_path(manifest.name, manifest.number),
        state=state,
        run_id=manifest.run.run_id,
        created_at=manifest.created_at,
        manifest=manifest.to_json(),
    )


def activate(  # noqa: PLR0913 - a move names all that it rests on
    store: Store,
    catalog: Catalog,
    name: str,
    alias: str,
    number: int,
    *,
    expected_generation: int | None,
    actor: str,
    reason: str,
    signer: Signer | None = None,
    manifest_sha256: str = "",
) -> AliasState:
    """Points an alias to a published version: compare-and-swap in the catalog, then the projection.

    Args:
        store: The home.
        catalog: The catalog; the version has a row there.
        name: The index.
        alias: The alias.
        number: The version.
        expected_generation: The generation that the caller saw; None when there was no such alias.
        actor: Who moves it.
        reason: Why, for the audit log.
        signer: Signs the projection; without it readers refuse it where the version says that it is signed.
        manifest_sha256: Digest of the manifest that was looked at; empty to take what has the number.

    Returns:
        The alias after the move.

    Raises:
        ReleaseError: The version's folder is gone, or the version was retired.
        ConfigurationError: There is no such version, or it is another one than was looked at.
        ConcurrentRelease: Somebody else moved the alias first; nothing was changed.
    """
    _check_alias(name, alias)
    require_current(store, catalog, name)
    if not store.exists(f"{layout.version_path(name, number)}/{layout.MANIFEST}"):
        raise ReleaseError(
            f"{name} {layout.version_name(number)} has no folder in {store.url}. See `stemma index list {name}` for "
            "versions that can be served."
        )
    with catalog.transaction() as tx:
        audit.lock(tx)  # before the state is read: nobody retires the version between that and the move
        record = versions.get(tx, name, number)
        versions.require_shown(tx, name, number, manifest_sha256)
        if record is not None and record.state == "retired":
            raise ReleaseError(f"{name} {layout.version_name(number)} was retired. Choose a version that is kept.")
        state = versions.move_alias(
            tx,
            name=name,
            alias=alias,
            number=number,
            expected_generation=expected_generation,
            actor=actor,
            reason=reason,
        )
        versions.set_state(tx, name, number, "released")
    project_alias(store, catalog, state, signer)
    return state


def require_current(store: Store, catalog: Catalog, name: str) -> None:
    """Refuses to go on with a catalog that is older than the home, before anything is built or moved.

    Raises:
        ReleaseError: The file of an alias is ahead of its row; the message says what mends that.
    """
    for found in ahead(store, catalog, name):
        with catalog.reading() as tx:
            row = versions.alias(tx, name, found.alias)
        raise ReleaseError(_behind(store, name, found, row.generation if row else 0))


def ahead(store: Store, catalog: Catalog, name: str) -> tuple[AliasPointer, ...]:
    """Returns the files of aliases that say more moves than the catalog knows; their signatures are not checked.

    A move at work is none of them: the row comes first. So where there is one, the catalog was restored from an older
    copy, or is another home's.
    """
    found: list[AliasPointer] = []
    for alias in alias_names(store, name):
        pointer = _readable_pointer(store, name, alias)
        with catalog.reading() as tx:  # after the file was read: the row was there before it
            row = versions.alias(tx, name, alias)
        if pointer is not None and pointer.generation > (row.generation if row else 0):
            found.append(pointer)
    return tuple(found)


def _check_alias(name: str, alias: str) -> None:
    """Refuses a name that no projection can have, before anything is written."""
    try:
        layout.alias_path(name, alias)
    except ValueError as error:
        raise ConfigurationError(
            f"{alias!r} cannot name an alias: use lower-case letters, digits, '.', '_' and '-', 63 at the most, "
            "such as 'live' or 'shadow'."
        ) from error


def project_alias(store: Store, catalog: Catalog, state: AliasState, signer: Signer | None = None) -> AliasPointer:
    """Writes an alias's projection from its row, for readers without a database; repairs a stale one.

    After writing, the row is read again: where it has moved on, the newer one is written, so a late
    writer cannot leave an older projection behind. Equal content is not written again.

    Args:
        store: The home.
        catalog: The catalog.
        state: The alias; only its name and its index count, the row is read here.
        signer: Signs it; None leaves it unsigned.

    Raises:
        ReleaseError: The projection is ahead of the catalog (which was restored from an older copy,
            or is not this home's), or the alias never stopped moving.
    """
    for _ in range(_PROJECTION_ATTEMPTS):
        wanted = replace(_pointer(catalog, state), tombstones=stored_sequence(store, state.name))
        found = _readable_pointer(store, state.name, state.alias)
        if found == wanted and (signer is None or is_signed(store, state.name, state.alias)):
            return wanted
        if found is not None and found.generation > wanted.generation:
            # Either we read the row before somebody moved it, or the catalog really is behind.
            if _pointer(catalog, state).generation == wanted.generation:
                raise ReleaseError(_behind(store, state.name, found, wanted.generation))
            continue
        store.replace(layout.alias_path(state.name, state.alias), wanted.to_bytes(signer, state.name))
    raise ReleaseError(f"alias {state.alias!r} of {state.name!r} kept moving; run `stemma reconcile` when it rests.")


def _pointer(catalog: Catalog, state: AliasState) -> AliasPointer:
    with catalog.reading() as tx:
        row = versions.alias(tx, state.name, state.alias)
    if row is None:
        raise ReleaseError(f"the catalog knows no alias {state.alias!r} of {state.name!r}.")
    return AliasPointer(
        alias=row.alias,
        version=row.number,
        manifest_sha256=row.manifest_sha256,
        generation=row.generation,
        moved_at=row.moved_at.isoformat(),
        actor=row.actor,
    )


def _readable_pointer(store: Store, name: str, alias: str) -> AliasPointer | None:
    try:
        return read_pointer(store, name, alias)
    except IntegrityError:
        return None  # damaged: it is written again


def _behind(store: Store, name: str, found: AliasPointer, known: int) -> str:
    return (
        f"alias {found.alias!r} of {name!r} in {store.url} is at generation {found.generation} "
        f"({layout.version_name(found.version)}), ahead of the catalog's {known}. The catalog is older than the home, "
        "or belongs to another one: check catalog_url. If it was restored from an older copy, `stemma reconcile "
        f"{name}` brings its versions and aliases up to what the home says."
    )
