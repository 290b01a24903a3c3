"""Checking published versions and alias files; what does not hold is a finding, not an exception."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.cli.command import Json
from console.cli.versions import Index
from corpus.catalog.records import VersionRecord
from corpus.errors import StemmaError
from index.pointer import alias_names, verified_pointer
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.runtime import Runtime


def verify_versions(runtime: Runtime, versions: Iterable[VersionRecord]) -> list[Json]:
    """Checks signature, manifest and every file of versions."""
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    return [_version(runtime, version, trust) for version in versions]


def _version(runtime: Runtime, version: VersionRecord, trust: TrustStore) -> Json:
    found: Json = {"number": version.number, "ok": False, "manifest_sha256": None, "keyid": None, "error": None}
    try:
        verified = verify_version(runtime.store, version.name, version.number, trust)
    except StemmaError as error:
        return {**found, "error": f"v{version.number:06d}: {error}"}
    found |= {"manifest_sha256": verified.manifest_sha256, "keyid": verified.keyid}
    if verified.manifest_sha256 != version.manifest_sha256:
        other = (
            f"the catalog knows manifest {version.manifest_sha256[:12]}..., the home holds another, validly signed one"
        )
        return {**found, "error": f"v{version.number:06d}: {other}. The catalog or the home was restored alone."}
    return {**found, "ok": True}


def verify_aliases(runtime: Runtime, index: Index) -> list[Json]:
    """Compares alias rows of the catalog with the alias files that readers follow, both ways."""
    names = sorted({*index.aliases, *alias_names(runtime.store, index.name)})
    found = list(_aliases(runtime, index, names))
    return [*found, *_tombstones(runtime, index.name)]


def _tombstones(runtime: Runtime, name: str) -> Iterator[Json]:
    """Compares the tombstones that readers look at with those of the catalog; yields what does not hold."""
    from ingestion.stages.tombstone import is_projected  # noqa: PLC0415 - the check alone needs it

    if not is_projected(runtime, name):
        error = f"they are not those of the catalog, or the alias files do not say so. Run `stemma reconcile {name}`."
        yield {
            "alias": "tombstones",
            "number": 0,
            "ok": False,
            "manifest_sha256": None,
            "error": f"tombstones: {error}",
        }


def _aliases(runtime: Runtime, index: Index, names: Iterable[str]) -> Iterator[Json]:
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    numbers = {version.number: version.manifest_sha256 for version in index.versions}
    for name in names:
        row = index.aliases.get(name)
        error, number, sha256 = "", row or 0, numbers.get(row or 0)
        try:
            checked = verified_pointer(runtime.store, index.name, name, trust)
            pointer = checked[0] if checked else None
        except StemmaError as damage:
            error = str(damage)
        else:
            seen = (pointer.version, pointer.manifest_sha256) if pointer else None
            number = row or (pointer.version if pointer else 0)
            if seen != (row, sha256):
                where = f"v{pointer.version:06d}" if pointer else "nothing"
                known = f"v{row:06d}" if row else "nothing"
                error = f"readers follow it to {where}, the catalog to {known}. Run `stemma reconcile {index.name}`."
        yield {
            "alias": name,
            "number": number,
            "ok": not error,
            "manifest_sha256": sha256,
            "error": f"alias {name}: {error}" if error else None,
        }
