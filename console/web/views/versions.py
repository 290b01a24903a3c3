"""What is said of index versions: their state, how gates judged them, who approved them. Models and their making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field

from console.web.page import View
from console.web.views.seals import Seal
from contracts.model import Contract
from corpus.catalog.aliasmoves import AliasMove
from corpus.catalog.holds import HoldRecord
from corpus.catalog.records import VersionRecord
from ingestion.history.states import Stage, has_served, stage_of

LIVE = "live"

GATES: Mapping[str, str] = {
    "conservation": "every document received has an outcome",
    "parity": "chunks, vectors and the chunks of the documents inside are the same number",
    "recall": "the index finds what exact search finds",
    "canary": "the model still gives the vectors that it gave when it was first used",
    "superseded": "no document stands beside the one that takes its place",
    "overlap": "chunks keep their nearest neighbours of the version that serves",
    "quality": "scores are good enough, and not much worse than in the version that serves",
    "freshness": "documents were validated lately enough",
    "change": "one release does not change too much at once",
    "size": "the version did not shrink by more than the contract allows",
    "one-chunker": "all chunks were cut in one way",
    "owned": "every document has an owner",
    "contamination": "questions do not find too much AI text",
    "golden-recall": "golden questions find no less than in the version that serves",
    "golden-mrr": "golden questions find their evidence no lower than in the version that serves",
    "golden-slices": "no slice of the golden questions finds less than before",
    "golden-valid": "enough golden questions still have their evidence",
    "one-change": "corpus and model did not both change",
    "chunk-parity": "another model holds the same chunks as the one before",
    "depth": "no text is too many generations away from a primary source",
    "self-ingestion": "no document is made of served answers",
    "erasure": "it was built again without an erased document",
    "ai-share": "AI-written text keeps to the contract's limit",
}
"""Name of a gate to what it asks for, in words."""


class GateTold(View):
    """What one gate asked for and found."""

    name: str
    about: str = Field(description="What it asks for, in words; empty for a gate of another build.")
    passed: bool
    expected: str
    actual: str
    message: str = Field(description="One sentence; where it failed, with the next step.")


class Approving(View):
    """Whom a version waits for before readers first get it."""

    asked: int = Field(description="People who must approve, by the contract of today; 0 for none.")
    noted: list[str] = Field(
        description="Who approved, as the audit log notes it; the version's page checks signatures."
    )
    missing: int = Field(description="How many more must.")


class VersionRow(View):
    """One version in the list."""

    number: int
    stage: Stage = Field(description="`live`, `candidate`, `superseded` and so on.")
    aliases: list[str] = Field(description="Aliases that point to it now.")
    held: str = Field(description="Why retention must not remove it; empty where it is not protected.")
    created_at: datetime
    by: str = Field(description="Who built it.")
    documents: int
    chunks: int
    model: str
    contract_version: str
    passed: int = Field(description="Gates that it passed.")
    waived: list[str] = Field(description="Gates that somebody waived, or that only warned.")
    failed: list[str] = Field(description="Gates that it failed.")
    approving: Approving | None = Field(description="Null where nobody has to approve it any more, or ever.")
    seal: Seal
    compare: int | None = Field(
        description="What to compare it with: the version it followed, or the nearest older kept."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known of an index beside the rows of its versions.

    Attributes:
        contract: Its contract; None where it cannot be read.
        aliases: Alias to the version that it points to.
        moves: Every move of its aliases, oldest first.
        replaced: Number that a version had to the one that it has since an erasure.
        holds: What retention must keep, by number.
        models: Fingerprint of a space to the name of its model.
        approved: Who approved, by number, as the audit log notes it.
    """

    contract: Contract | None
    aliases: Mapping[str, int] = field(default_factory=dict)
    moves: Sequence[AliasMove] = ()
    replaced: Mapping[int, int] = field(default_factory=dict)
    holds: Mapping[int, HoldRecord] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    approved: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def stage(self, version: VersionRecord) -> Stage:
        """Returns the state of a version."""
        return stage_of(version.number, version.state, self.aliases, self.moves, self.replaced)

    def model(self, fingerprint: str) -> str:
        """Returns the name of a model, or the beginning of its fingerprint where nobody wrote it down."""
        return self.models.get(fingerprint, fingerprint[:12])

    def served(self, number: int) -> bool:
        """Returns whether `live` ever pointed to a version."""
        return has_served(number, self.moves, self.replaced)


def comparable(version: VersionRecord, states: Mapping[int, str]) -> int | None:
    """Returns the version that one is compared with: the one it followed, or the nearest older one that is kept.

    Args:
        version: The version.
        states: Every version's number and state.
    """
    kept = [number for number, state in states.items() if number < version.number and state != "retired"]
    if version.state == "retired" or not kept:
        return None
    followed = version.manifest.get("previous")
    return int(followed) if followed in kept else max(kept)


def row_of(version: VersionRecord, around: Around, seal: Seal, states: Mapping[int, str]) -> VersionRow:
    """Returns a version as the list shows it."""
    gates = gates_of(version.manifest)
    stage = around.stage(version)
    return VersionRow(
        number=version.number,
        stage=stage,
        aliases=sorted(alias for alias, number in around.aliases.items() if number == version.number),
        held=around.holds[version.number].reason if version.number in around.holds else "",
        created_at=version.created_at,
        by=str(version.manifest["run"]["actor"]),
        documents=version.documents,
        chunks=version.chunks,
        model=around.model(version.embedder_fingerprint),
        contract_version=version.contract_version,
        passed=sum(gate.passed for gate in gates),
        waived=[gate.name for gate in gates if gate.passed and is_waived(gate)],
        failed=[gate.name for gate in gates if not gate.passed],
        approving=approving_of(version, around) if stage == "candidate" else None,
        seal=seal,
        compare=comparable(version, states),
    )


def approving_of(version: VersionRecord, around: Around) -> Approving | None:
    """Returns whom a candidate waits for by the contract of today; None where it waits for nobody."""
    spec = around.contract.approvals if around.contract else None
    if spec is None or not spec.persons or LIVE not in spec.aliases:
        return None
    noted = sorted(around.approved.get(version.number, ()))
    return Approving(asked=spec.persons, noted=noted, missing=max(0, spec.persons - len(noted)))


def gates_of(manifest: Mapping[str, Any]) -> list[GateTold]:
    """Returns what gates found, those that failed first."""
    told = [
        GateTold(
            name=str(gate["name"]),
            about=GATES.get(str(gate["name"]), ""),
            passed=bool(gate["passed"]),
            expected=str(gate["expected"]),
            actual=str(gate["actual"]),
            message=str(gate["message"]),
        )
        for gate in manifest.get("gates") or ()
    ]
    return sorted(told, key=lambda gate: (gate.passed, not is_waived(gate)))


def is_waived(gate: GateTold) -> bool:
    """Returns whether a gate passed only because somebody insisted, or because it only warns."""
    return gate.actual.endswith(("(forced)", "(only a warning)"))
