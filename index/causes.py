"""Why a document of a version is not as it was in another: one cause first, the others behind it. Pure.

Each thing that differs (bytes, text, governance, origin, score, chunks) has a cause of its own. The cause that comes
first in `CAUSES` is the document's primary cause: what happened earliest in the pipeline explains what followed.
Where nothing that is known explains a difference, the cause is `unknown`; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corpus import batches
from index.manifest import FINGERPRINT_ROLES, Manifest

CAUSES = (
    "source",
    "erasure",
    "person",
    "contract",
    "parser",
    "detectors",
    "answers",
    "scorer",
    "documents",
    "time",
    "chunker",
    "software",
    "embedder",
    "index",
    "unknown",
)
"""Causes, those that act first in front: of several the first is the primary one."""

ABOUT: Mapping[str, str] = {
    "source": "the document, or the metadata beside it, changed where it comes from",
    "erasure": "it was erased on purpose",
    "person": "a person decided about it",
    "contract": "the contract asks for something else",
    "parser": "another parser read the same bytes",
    "detectors": "other detectors looked for its origin",
    "answers": "answers were registered that it repeats",
    "scorer": "another scorer judged the same text",
    "documents": "other documents stand beside it: a copy, a newer version, a contradiction",
    "time": "a term ran out",
    "chunker": "the same text was cut another way",
    "software": "another release of this software worked on it",
    "embedder": "another model made its vectors",
    "index": "its vectors lie in an index of other parameters",
    "unknown": "nothing that is known explains it",
}

TAGS = ("digital_source_type", "origin_basis", "generation_depth")
GOVERNANCE = ("owner", "source_system", "last_validated_date", "sensitivity_label", "version")
COLUMNS = [
    "doc_id",
    "revision_id",
    "uri",
    "raw_sha256",
    "content_sha256",
    *GOVERNANCE,
    "governance_basis",
    *TAGS,
    "quality_score",
    "outcome",
    "reasons",
    "parser",
]
"""Columns of documents.parquet that a comparison needs."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A cause, and one sentence for a person."""

    cause: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A document that one of the two versions lacks.

    Attributes:
        doc_id: The document.
        kind: `added` where the earlier one lacks it, `removed` where the later one does.
        row: Its row in the version that holds it (`COLUMNS`).
    """

    doc_id: str
    kind: str
    row: Row


Explain = Callable[[Sequence[Absent]], Mapping[str, Told]]
"""Says why documents came or went, by id: what only a catalog knows. Those it leaves out are told from files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What differs between two versions as a whole.

    Attributes:
        changed: Names of `index.plan.what_changed`.
        software: Whether another release of this software built the later one.
        touched: What the contract's changes can reach: `source`, `governance`, `origin`, `quality`, `text`,
            `chunks`, `admission`. None where the clauses are not known, which leaves all of them open.
    """

    changed: frozenset[str] = field(default_factory=frozenset)
    software: bool = False
    touched: frozenset[str] | None = None

    def contract(self, aspect: str) -> bool:
        """Returns whether the contract changed in something that reaches an aspect."""
        return "contract" in self.changed and (self.touched is None or aspect in self.touched)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """One parameter behind a fingerprint that is not as it was; None where there was or is none."""

    role: str
    part: str
    before: Any
    after: Any


def parts_changed(before: Manifest, after: Manifest) -> tuple[PartChange, ...]:
    """Returns what changed inside fingerprints, index parameters and the runtime, by role and part."""
    groups = [(role, _parts(before, role), _parts(after, role)) for role in FINGERPRINT_ROLES]
    groups += [
        ("index", _index(before), _index(after)),
        ("runtime", dict(before.runtime), dict(after.runtime)),
        ("software", {"code_version": before.run.code_version}, {"code_version": after.run.code_version}),
    ]
    return tuple(
        PartChange(role=role, part=part, before=was.get(part), after=now.get(part))
        for role, was, now in groups
        for part in sorted({*was, *now})
        if was.get(part) != now.get(part)
    )


def _parts(manifest: Manifest, role: str) -> dict[str, Any]:
    ref = manifest.fingerprints[role]
    return {"digest": ref.digest, **ref.parts}


def _index(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest.index, name) for name in ("factory", "metric", "dimension")}


def kinds_of(old: Row, new: Row) -> tuple[str, ...]:
    """Returns what differs between two rows of one document, chunks and vectors aside."""
    groups = {
        "rewritten": ("content_sha256",),
        "retagged": TAGS,
        "rescored": ("quality_score",),
        "governed": GOVERNANCE,
        "edited": ("raw_sha256",),
        "moved": ("uri",),
    }
    return tuple(kind for kind, columns in groups.items() if any(old[name] != new[name] for name in columns))


def causes_of(old: Row, new: Row, kinds: Sequence[str], setting: Setting) -> tuple[str, ...]:
    """Returns why a document that both versions hold differs: the primary cause first.

    Args:
        old: Its row in the earlier version (`COLUMNS`).
        new: Its row in the later one.
        kinds: What differs: of `kinds_of`, and `recut`, `retagged`, `rescored`, `revectored`, `reindexed`.
        setting: What differs as a whole.

    Returns:
        Names out of `CAUSES` in their order, each once; empty where `kinds` is.
    """
    sourced = (old["raw_sha256"] or old["content_sha256"]) != (new["raw_sha256"] or new["content_sha256"])
    found = {cause for kind in kinds for cause in _of_kind(kind, old, new, setting, sourced=sourced)}
    return tuple(cause for cause in CAUSES if cause in found)


def _of_kind(kind: str, old: Row, new: Row, setting: Setting, *, sourced: bool) -> Iterator[str]:
    if kind in _WHOLE:
        yield _WHOLE[kind]
    elif sourced:
        yield "source"
        if kind == "recut" and "chunker" in setting.changed:
            yield "chunker"
    else:
        yield _CAUSE[kind](old, new, setting)


def _text(old: Row, new: Row, setting: Setting) -> str:
    if _said(old, _SPLIT) != _said(new, _SPLIT):
        return "person"
    if "parser" in setting.changed or old["parser"] != new["parser"]:
        return "parser"
    return _otherwise(setting, "text")


def _tags(old: Row, new: Row, setting: Setting) -> str:
    if _decider(old) != _decider(new):
        return "person"
    if "detectors" in setting.changed:
        return "detectors"
    if setting.contract("origin"):
        return "contract"
    if "matched" in (old["origin_basis"], new["origin_basis"]) or old["generation_depth"] != new["generation_depth"]:
        return "answers"
    if "declared" in (old["origin_basis"], new["origin_basis"]):
        return "source"
    return _otherwise(setting, "origin")


def _score(old: Row, new: Row, setting: Setting) -> str:
    if old["content_sha256"] != new["content_sha256"]:
        return _text(old, new, setting)
    if "scorer" in setting.changed:
        return "scorer"
    return _otherwise(setting, "quality")


def _governed(old: Row, new: Row, setting: Setting) -> str:
    """Says where the values came from; metadata beside a document is not among the digested bytes."""
    was, now = (batches.loads(row["governance_basis"]) or {} for row in (old, new))
    fields = [name for name in GOVERNANCE if old[name] != new[name]]
    told = {basis.get(name) for name in fields for basis in (was, now)}
    return "contract" if "contract" in told and setting.contract("governance") else "source"


def _recut(old: Row, new: Row, setting: Setting) -> str:
    if old["content_sha256"] != new["content_sha256"]:
        return _text(old, new, setting)
    if "chunker" in setting.changed:
        return "chunker"
    return _otherwise(setting, "chunks")


def _otherwise(setting: Setting, aspect: str) -> str:
    if setting.contract(aspect):
        return "contract"
    return "software" if setting.software else "unknown"


_SPLIT = "override.split"
"""Code of the reason by which a row says that a person keeps parts of it only (`ingestion.judge`)."""


def _decider(row: Row) -> str:
    """Returns what a person's decision says on a row; empty where nobody overrode."""
    return _said(row, "override") or _said(row, _SPLIT)


def _said(row: Row, code: str) -> str:
    reasons = batches.loads(row["reasons"]) or []
    return next((str(reason["message"]) for reason in reasons if reason["code"] == code), "")


_WHOLE: Mapping[str, str] = {"revectored": "embedder", "reindexed": "index"}
_CAUSE: Mapping[str, Callable[[Row, Row, Setting], str]] = {
    "rewritten": _text,
    "retagged": _tags,
    "rescored": _score,
    "governed": _governed,
    "recut": _recut,
    "edited": lambda *_: "source",
    "moved": lambda _old, _new, setting: "contract" if setting.contract("source") else "source",
}


def told_from_files(absent: Absent, setting: Setting) -> Told:
    """Says why a document came or went as far as files tell.

    Files do not say whether a document was missing or held back. Where nothing that admits documents changed, it
    came with or left its source as far as can be seen.
    """
    if _decider(absent.row) and absent.kind == "added":
        return Told(cause="person", why=_decider(absent.row))
    if setting.changed & {"contract", "parser", "detectors", "scorer"} or setting.software:
        return Told(cause="unknown", why="files do not tell whether it was held back or was not there")
    came = "came into" if absent.kind == "added" else "left"
    return Told(cause="source", why=f"it {came} what its source holds, as far as files tell")
