"""Retention: which versions may go. The decision is pure; removing is the one effect."""

from __future__ import annotations

from collections.abc import Collection

from corpus.storage import Store
from index import layout


def plan_retention(
    numbers: Collection[int],
    pointed: Collection[int],
    keep: int,
    *,
    held: Collection[int] = (),
    young: Collection[int] = (),
) -> tuple[int, ...]:
    """Says which versions may be removed.

    Args:
        numbers: Versions that exist.
        pointed: Versions that an alias points to; they always stay.
        keep: How many of the newest others stay for rolling back, 0 or more.
        held: Versions under a hold; they stay, and count among those that `keep` speaks of.
        young: Versions that served too recently to go; as above.

    Returns:
        Numbers, ascending. A version newer than every pointed one is a release in the making, or
        waits for approval, and stays as well.
    """
    newest_pointed = max(pointed, default=0)
    spare = sorted((number for number in set(numbers) - set(pointed) if number < newest_pointed), reverse=True)
    staying = {*held, *young}
    return tuple(sorted(number for number in spare[max(keep, 0) :] if number not in staying))


def remove_version(store: Store, name: str, number: int) -> None:
    """Removes the folder of a version that no alias points to.

    The signature and the manifest go first, so a removal that is cut short leaves nothing that a
    reader would open.
    """
    folder = layout.version_path(name, number)
    for file in (layout.ENVELOPE, layout.MANIFEST):
        store.remove(f"{folder}/{file}")
    store.remove(folder)
    store.remove(layout.approvals_path(name, number))
