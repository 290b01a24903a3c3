"""What one stage tells the next: documents by outcome, and a receipt; never data.

`Receipt.from_json(receipt.to_json()) == receipt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from corpus.types import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Conservation: `received = indexed + unchanged + quarantined + rejected + failed`.

    Attributes:
        received: Documents that the source listed.
        indexed: New or changed documents that were admitted in this run.
        unchanged: Documents whose standing decision still holds.
        quarantined: Held for a person.
        rejected: Refused.
        failed: No decision reached; tried again on the next run.
        removed: Documents of earlier runs that the source no longer lists (beside the balance).
    """

    received: int = 0
    indexed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    rejected: int = 0
    failed: int = 0
    removed: int = 0

    @property
    def balanced(self) -> bool:
        """Whether nothing was dropped in silence."""
        settled = self.indexed + self.unchanged + self.quarantined + self.rejected + self.failed
        return self.received == settled

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one stage did; the only thing that passes between stages.

    `Receipt.from_json(receipt.to_json()) == receipt`.

    Attributes:
        stage: Name of the stage.
        contract: Name of the contract.
        run_id: The run it belongs to.
        key: What the stage worked on (a shard, a segment, an index name).
        inputs: Names or digests of what went in.
        outputs: Names or digests of what came out.
        counts: Documents by outcome.
        figures: Other numbers and short texts a person would ask for (chunks, seconds, version).
        fingerprints: Role to fingerprint.
    """

    stage: str
    contract: str
    run_id: str
    key: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    figures: Mapping[str, int | float | str] = field(default_factory=lambda: EMPTY)
    fingerprints: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def to_json(self) -> dict[str, Any]:
        """Returns the receipt as a JSON object of plain lists, dictionaries and scalars."""
        return {
            "stage": self.stage,
            "contract": self.contract,
            "run_id": self.run_id,
            "key": self.key,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "counts": asdict(self.counts),
            "figures": dict(self.figures),
            "fingerprints": dict(self.fingerprints),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            KeyError: A field is missing.
        """
        return cls(
            stage=value["stage"],
            contract=value["contract"],
            run_id=value["run_id"],
            key=value["key"],
            inputs=tuple(value["inputs"]),
            outputs=tuple(value["outputs"]),
            counts=Counts(**value["counts"]),
            figures=dict(value["figures"]),
            fingerprints=dict(value["fingerprints"]),
        )
