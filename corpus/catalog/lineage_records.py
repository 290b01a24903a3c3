"""What the catalog takes and gives of lineage: frozen records with no tie to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LineageNode:
    """What an edge of lineage leads from or to.

    Attributes:
        kind: `document` or `answer`.
        name: The answer's id; of a document, `CONTRACT/DOCUMENT`.
        revision_id: The document's revision; empty for an answer.
    """

    kind: str
    name: str
    revision_id: str = ""

    @property
    def contract(self) -> str:
        """The contract of a document."""
        return self.name.partition("/")[0]

    @property
    def doc_id(self) -> str:
        """The id of a document in its contract."""
        return self.name.partition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge:
    """One step of lineage: `subject` was derived from `object`.

    Attributes:
        subject: A document that repeats an answer, or an answer that was given a document.
        object: That answer, or that document.
        relation: Name in PROV: `wasDerivedFrom`.
        detail: Of a document: `basis`, `scope`, `containment`, `share`, and `passages` as pairs of offsets. Of an
            answer: `chunks`, each the place in what it retrieved with start and end in the document, and `depth`,
            the greatest generation depth of these chunks when they were served.
        run_id: The run that found it; empty for an answer's, which its log says.
    """

    subject: LineageNode
    object: LineageNode
    relation: str
    detail: Mapping[str, Any]
    run_id: str = ""
