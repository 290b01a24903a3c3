"""What a C2PA manifest states about the origin of the document, read from its JSON form.

How it came about is told by the digital source types of its actions: that of `c2pa.created` says what was made, those
of later actions what was done to it. A manifest that says nothing of its own takes what its parent says. Pictures and
other components placed in a document speak of themselves only. It verifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from corpus.types import OriginKind
from provenance.iptc import folded, source_type

_ACTIONS = "c2pa.actions"
_CREATED = "c2pa.created"
_METADATA = ("stds.schema-org.CreativeWork", "stds.iptc", "c2pa.metadata", "cawg.metadata", "stds.xmp")
_KINDS = (OriginKind.AI_GENERATED, OriginKind.AI_ASSISTED, OriginKind.HUMAN, OriginKind.UNKNOWN)
"""The one that keeps AI text visible first."""
_USES_AI = frozenset({OriginKind.AI_GENERATED, OriginKind.AI_ASSISTED})
_DEEPEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a manifest states.

    Attributes:
        origin: UNKNOWN where it states nothing of how the text came about.
        source_types: `action: digital source type`, as they stand there; `parent:` before those of its parent.
        generator: The program that wrote the claim.
        signer: Whose certificate signed it.
        signed_at: When, as a time stamp says; empty without one.
        title: Title of the document, as it says.
    """

    origin: OriginKind = OriginKind.UNKNOWN
    source_types: tuple[str, ...] = ()
    generator: str = ""
    signer: str = ""
    signed_at: str = ""
    title: str = ""


def claims_of(store: Mapping[str, Any]) -> Claims:
    """Reads the active manifest of a store.

    Args:
        store: The store as c2pa-python's `Reader.json` gives it.
    """
    label = str(store.get("active_manifest") or "")
    manifest = _mapping(_mapping(store.get("manifests")).get(label))
    signature = _mapping(manifest.get("signature_info"))
    said = list(_chain(store, label))
    return Claims(
        origin=_origin(said),
        source_types=tuple(f"{'parent: ' * (item.depth > 0)}{item.name}: {item.value}" for item in said)[:20],
        generator=_generator(manifest)[:100],
        signer=" / ".join(str(signature[key]) for key in ("issuer", "common_name") if signature.get(key))[:100],
        signed_at=str(signature.get("time") or "")[:40],
        title=str(manifest.get("title") or "")[:100],
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """One digital source type: how many parents up, whether it says how the asset was made, where, and the value."""

    depth: int
    made: bool
    name: str
    value: str


def _chain(store: Mapping[str, Any], label: str) -> Iterator[_Said]:
    manifests, seen = _mapping(store.get("manifests")), set[str]()
    for depth in range(_DEEPEST):
        manifest = _mapping(manifests.get(label))
        if not manifest or label in seen:
            return
        seen.add(label)
        yield from (_Said(depth, made, name, value) for made, name, value in _types(manifest))
        parents = (_mapping(item) for item in manifest.get("ingredients") or () if isinstance(item, Mapping))
        label = next((str(item.get("active_manifest") or "") for item in parents if _is_parent(item)), "")


def _is_parent(ingredient: Mapping[str, Any]) -> bool:
    return ingredient.get("relationship") == "parentOf"


def _types(manifest: Mapping[str, Any]) -> Iterator[tuple[bool, str, str]]:
    for assertion in manifest.get("assertions") or ():
        label, data = str(_mapping(assertion).get("label") or ""), _mapping(_mapping(assertion).get("data"))
        if label.startswith(_ACTIONS):
            for action in data.get("actions") or ():
                if value := _mapping(action).get("digitalSourceType"):
                    name = str(action.get("action") or "")
                    yield name == _CREATED, name, str(value)[:200]
        elif label.startswith(_METADATA):
            for name, value in data.items():
                if folded(str(name).split(":")[-1]) == "digitalsourcetype" and isinstance(value, str):
                    yield True, label, value[:200]


def _origin(said: list[_Said]) -> OriginKind:
    """Weighs the nearest statement of how it was made with all that was done to it since."""
    kinds = [(item, source_type(item.value) or OriginKind.UNKNOWN) for item in said]
    made = [(item.depth, kind) for item, kind in kinds if item.made and kind is not OriginKind.UNKNOWN]
    nearest = min((depth for depth, _ in made), default=_DEEPEST)
    base = min((kind for depth, kind in made if depth == nearest), key=_KINDS.index, default=OriginKind.UNKNOWN)
    touched = any(kind in _USES_AI for item, kind in kinds if not item.made and item.depth <= nearest)
    return OriginKind.AI_ASSISTED if touched and base is not OriginKind.AI_GENERATED else base


def _generator(manifest: Mapping[str, Any]) -> str:
    infos = manifest.get("claim_generator_info") or ()
    named = [f"{_mapping(item).get('name') or ''} {_mapping(item).get('version') or ''}".strip() for item in infos]
    return ", ".join(name for name in named if name) or str(manifest.get("claim_generator") or "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
