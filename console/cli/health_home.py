"""Checks of `stemma doctor` about where the project lives: disk, file system, clock, and what belongs together."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.checks import Check, Trouble, attempt
from corpus.errors import ConfigurationError, IntegrityError, StemmaError
from corpus.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from corpus.catalog.figures import ServedFigures
    from corpus.catalog.session import Catalog
    from corpus.storage import Store

LITTLE_BYTES = 1_000_000_000
"""Free space below which a release of a middling corpus may not fit: it is built beside the one that serves."""
LEAST_BYTES = 50_000_000
"""Free space below which SQLite's log and a segment may not fit."""
SKEW = timedelta(minutes=2)
"""Clocks of machines that keep time by NTP differ by milliseconds; tokens and leases bear a minute or two."""
NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs"),
        *("glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs"),
    )
)
"""File systems whose locks SQLite must not rely on; its documentation says so of network file systems at large."""
MOUNTS = Path("/proc/self/mountinfo")


def checks(settings: Settings) -> Iterator[Check]:
    """Checks a project whose settings can be read; a home or catalog that is not there is told elsewhere."""
    home = Path(settings.home)
    local = "://" not in settings.home
    if local and home.is_dir():
        yield disk(home)
    path = _sqlite_file(settings)
    if path is not None and path.parent.is_dir():
        yield network(path, MOUNTS.read_text("utf-8", "replace") if MOUNTS.exists() else "")
    opened = _opened(settings)
    if opened is not None:
        catalog, store = opened
        yield attempt("clock", "Set the clocks by NTP (timedatectl) before the next run.", lambda: clock(catalog))
        yield attempt("home and catalog", _TOGETHER, lambda: belonging(settings, catalog, store))
        yield attempt("signatures", _TRUST, lambda: signed(settings, catalog, store))
        catalog.close()


_TOGETHER = "Set home and catalog_url to one project, or restore both from one backup (docs/backup.md)."
_TRUST = "Copy the public key of whoever signs into the trusted folder, or take the signing key of this project."


def disk(folder: Path) -> Check:
    """Looks at the free space of the home."""
    usage = shutil.disk_usage(folder)
    found = f"{_megabytes(usage.free)} MB of {_megabytes(usage.total)} MB free in {folder}"
    if usage.free >= LITTLE_BYTES:
        return Check(name="disk", status="ok", found=found)
    status = "fail" if usage.free < LEAST_BYTES else "warn"
    step = "Make room, or set home to a larger disk: a version is built beside the one that serves."
    return Check(name="disk", status=status, found=found, next=step)


def network(path: Path, mounts: str) -> Check:
    """Looks whether a SQLite catalog lies on a network file system.

    Args:
        path: The catalog's file.
        mounts: The mount table of the process, as /proc/self/mountinfo has it; empty where there is none.
    """
    place, kind = _mount_of(path.resolve(), mounts)
    if kind in NETWORK:
        step = "Set catalog_url to PostgreSQL, or put the catalog on a local disk: locks do not hold there."
        return Check(
            name="catalog's disk", status="fail", found=f"{path} is SQLite on {kind}, mounted at {place}", next=step
        )
    return Check(name="catalog's disk", status="ok", found=f"{path} is on {kind or 'an unknown file system'}")


def _mount_of(path: Path, mounts: str) -> tuple[str, str]:
    """Returns mount point and type of the file system that holds a path: the last of the longest that match."""
    best = ("", "")
    for line in mounts.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        place = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4])
        if path.is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, right.split(" ")[0])
    return best


def clock(catalog: Catalog) -> str:
    """Compares this machine's clock with the database's, and with what the catalog says happened already.

    Raises:
        Trouble: They are further apart than `SKEW`.
    """
    with catalog.reading() as tx:
        here = datetime.now(UTC)
        there = _database_time(tx)
        newest = _newest(tx)
    if there is not None and abs(there - here) > SKEW:
        raise Trouble(f"the database says {_second(there)}, this machine {_second(here)}: {_apart(there, here)} apart")
    if newest is not None and newest - here > SKEW:
        raise Trouble(
            f"the catalog tells of {_second(newest)}, which is {_apart(newest, here)} in the future of this machine's "
            f"clock ({_second(here)})"
        )
    beside = "the database's clock agrees" if there is not None else "nothing in the catalog is of the future"
    return f"{_second(here)}; {beside}"


def _database_time(tx: Session) -> datetime | None:
    from sqlalchemy import text  # noqa: PLC0415 - help must not load it

    if tx.get_bind().dialect.name == "sqlite":
        return None  # it has no clock of its own
    found: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found.astimezone(UTC)


def _newest(tx: Session) -> datetime | None:
    from corpus.catalog import figures  # noqa: PLC0415 - as above

    times = [item.latest for item in figures.by_run(tx)] + [item.moved_at for item in figures.served(tx)]
    return max((moment for moment in times if moment is not None), default=None)


def belonging(settings: Settings, catalog: Catalog, store: Store) -> str:
    """Looks whether the versions that the catalog serves are those in the home, and the other way round.

    Raises:
        Trouble: One does not know what the other has.
    """
    from corpus.catalog import figures  # noqa: PLC0415 - help must not load SQLAlchemy
    from index.pointer import version_numbers  # noqa: PLC0415

    with catalog.reading() as tx:
        served, known = figures.served(tx), figures.version_counts(tx)
    strange = [problem for item in served if (problem := _strange(item, store))]
    unknown = [name for name in store.names("indexes") if name not in known and version_numbers(store, name)]
    strange += [f"{settings.home} has versions of {name!r}, of which the catalog knows none" for name in unknown]
    strange += [problem for name in store.names("indexes") for problem in _behind(name, store, catalog)]
    if strange:
        raise Trouble("; ".join(strange))
    return f"{len(served)} aliases, each with its version in {settings.home}"


def _behind(name: str, store: Store, catalog: Catalog) -> Iterator[str]:
    """Yields the aliases that were moved on since the copy was taken that the catalog was restored from."""
    from index.layout import version_name  # noqa: PLC0415 - as above
    from index.release import ahead  # noqa: PLC0415

    for pointer in ahead(store, catalog, name):
        yield (
            f"the home serves {name} {pointer.alias} -> {version_name(pointer.version)} and the catalog is at an "
            f"earlier move: `stemma reconcile {name}` lets it catch up"
        )


def _strange(item: ServedFigures, store: Store) -> str:
    from corpus.ids import sha256_hex  # noqa: PLC0415 - as above
    from index.layout import MANIFEST, version_name, version_path  # noqa: PLC0415
    from index.pointer import read_pointer  # noqa: PLC0415

    place = f"{version_path(item.name, item.number)}/{MANIFEST}"
    what = f"{item.name} {item.alias} -> {version_name(item.number)}"
    if not store.exists(place):
        return f"the catalog serves {what}, which is not in the home"
    if sha256_hex(store.read_bytes(place)) != item.manifest_sha256:
        return f"the manifest of {what} in the home is not the one that the catalog recorded"
    try:
        pointer = read_pointer(store, item.name, item.alias)
    except IntegrityError as error:
        return f"{error} `stemma reconcile {item.name}` writes it from the catalog."
    if pointer is None:
        return f"readers find no file of {what}: `stemma reconcile {item.name}` writes it from the catalog"
    return ""


def signed(settings: Settings, catalog: Catalog, store: Store) -> str:
    """Looks whether the served versions are signed by keys that this project trusts. Files are not read.

    Raises:
        Trouble: One is signed by another key, or by none.
    """
    from corpus.catalog import figures  # noqa: PLC0415 - as above
    from index.signing import TrustStore  # noqa: PLC0415
    from index.verify import verify_manifest  # noqa: PLC0415

    trust = TrustStore.from_folder(settings.trusted_keys)
    with catalog.reading() as tx:
        served = figures.served(tx)
    wrong: list[str] = []
    for item in served:
        try:
            verify_manifest(store, item.name, item.number, trust)
        except (IntegrityError, ConfigurationError) as error:
            wrong.append(f"{item.name} {item.alias}: {error}")
    if wrong:
        raise Trouble("; ".join(wrong))
    return f"{len(served)} served versions are signed by trusted keys"


def _opened(settings: Settings) -> tuple[Catalog, Store] | None:
    """Returns catalog and home where both can be opened; what is wrong with one that cannot is told elsewhere."""
    from corpus.catalog.session import open_catalog  # noqa: PLC0415 - as above
    from corpus.storage import open_store  # noqa: PLC0415
    from ingestion.runtime import catalog_url  # noqa: PLC0415

    def opened() -> tuple[Catalog, Store]:
        catalog = open_catalog(catalog_url(settings))
        catalog.check()
        return catalog, open_store(settings.home)

    return _or_none(opened)


def _or_none(look: Callable[[], tuple[Catalog, Store]]) -> tuple[Catalog, Store] | None:
    try:
        return look()
    except (StemmaError, OSError, ValueError):
        return None


def _sqlite_file(settings: Settings) -> Path | None:
    from ingestion.runtime import catalog_url  # noqa: PLC0415 - as above

    try:
        url = catalog_url(settings)
    except ConfigurationError:
        return None
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f}"


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _apart(one: datetime, other: datetime) -> str:
    return f"{abs((one - other).total_seconds()):,.0f} seconds"
