"""What a run found about its documents, once some of them turn out not to be fit for the index: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Patches = Mapping[str, dict[str, Any]]


def without(patches: Patches, refused: Collection[str]) -> dict[str, dict[str, Any]]:
    """Returns what `relate` found, with nobody leaving for a document that was refused since.

    Args:
        patches: Document id to what changed in its row.
        refused: The documents.
    """
    return {**patches, **{name: {**patches.get(name, {}), "sound": False, "displaces": []} for name in refused}}


def resting_on(patches: Patches, refused: Collection[str]) -> tuple[str, ...]:
    """Returns the documents that were judged by what they are to refused ones: the next run has to judge them again."""
    displaced = {other for name in refused for other in patches.get(name, {}).get("displaces", ())}
    related = {
        relation["doc_id"]
        for patch in patches.values()
        for relation in patch.get("relations", ())
        if relation["other_id"] in refused
    }
    return tuple(sorted((displaced | related) - set(refused)))
