"""What a new version adds, keeps and drops, and what changed between two versions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from index import layout
from index.manifest import FINGERPRINT_ROLES, Manifest

ChunkKey = tuple[str, str]
"""`(text_sha256, revision_id)` of a chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Chunk ids by what happens to them, each sorted.

    Laws: `add` and `keep` together are the desired chunks, `drop` and `keep` the previous ones. A
    chunk id whose text changed is dropped and added.

    Attributes:
        add: Needs a vector that the previous version lacks.
        keep: Same id and text: the vector stays.
        drop: Leaves.
        moved: Those of `keep` that now belong to another revision of their document.
    """

    add: tuple[str, ...]
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    moved: tuple[str, ...]


def plan_version(previous: Mapping[str, ChunkKey], desired: Mapping[str, ChunkKey]) -> Plan:
    """Compares the chunks of a version with those that are wanted.

    Args:
        previous: Chunk id to its key, of the version that is served.
        desired: The same, of the active revisions.
    """
    keep = sorted(chunk for chunk in desired if chunk in previous and previous[chunk][0] == desired[chunk][0])
    kept = set(keep)
    return Plan(
        add=tuple(sorted(desired.keys() - kept)),
        keep=tuple(keep),
        drop=tuple(sorted(previous.keys() - kept)),
        moved=tuple(chunk for chunk in keep if previous[chunk][1] != desired[chunk][1]),
    )


def what_changed(previous: Manifest | None, candidate: Manifest) -> tuple[str, ...]:
    """Names what differs between two versions, for gates and for attribution.

    Args:
        previous: The version that is served; None when there is none.
        candidate: The version that shall follow.

    Returns:
        Sorted names out of `corpus`, `contract`, `index` (factory, metric, or whether words are indexed) and the
        fingerprint roles; empty when there is no previous version.
    """
    if previous is None:
        return ()
    changed = {
        "corpus": previous.contents.corpus_sha256 != candidate.contents.corpus_sha256,
        "contract": previous.contract.digest != candidate.contract.digest,
        "index": _index(previous) != _index(candidate),
        **{role: _digest(previous, role) != _digest(candidate, role) for role in FINGERPRINT_ROLES},
    }
    return tuple(sorted(name for name, differs in changed.items() if differs))


def _index(manifest: Manifest) -> tuple[str, str, bool]:
    return manifest.index.factory, manifest.index.metric, layout.LEXICAL in manifest.files


def _digest(manifest: Manifest, role: str) -> str | None:
    ref = manifest.fingerprints.get(role)
    return ref.digest if ref else None
