"""Refusing what was erased when its source gives it again: by its id, and by what it says under another.

The decision names the erasure and holds no text. A person lifts it with `stemma erase ... --lift`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from corpus.catalog import erasures
from corpus.catalog.erasures import ErasureRecord
from corpus.ids import erased_digest, revision_id, text_digest, tomb_digest
from corpus.types import Assessment, Decision, Governance, Origin, Outcome, Reason
from ingestion.examine import Examined
from ingestion.runtime import Runtime

CODE = "erased"
_NONE = Governance(values={}, basis={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What may not be taken in again under one contract.

    Attributes:
        contract: The contract.
        by_id: Digest of a document's id to its erasure.
        by_content: Digest of bytes or text to the erasure of the document that said it.
    """

    contract: str
    by_id: dict[str, ErasureRecord]
    by_content: dict[str, ErasureRecord]

    def examined(self, found: Examined) -> Examined:
        """Returns what is known about a document; of an erased one, nothing but that it is refused."""
        if not self.by_id:
            return found
        assessment = found.assessment
        if assessment.decision.outcome is Outcome.FAIL and assessment.document is None:
            record = self.by_id.get(tomb_digest(self.contract, assessment.ref.doc_id))
            return found if record is None else Examined(assessment=_refused(assessment, record))
        record = self._erasure_of(assessment)
        return found if record is None else Examined(assessment=_refused(assessment, record))

    def _erasure_of(self, assessment: Assessment) -> ErasureRecord | None:
        by_id = self.by_id.get(tomb_digest(self.contract, assessment.ref.doc_id))
        if by_id is not None:
            return by_id
        text = assessment.document.text if assessment.document else ""
        whole = assessment.whole.text if assessment.whole else ""
        texts = [text_digest(said) if said.strip() else "" for said in (text, whole)]
        said = [assessment.raw_sha256, *texts]
        found = (self.by_content.get(erased_digest(digest)) for digest in said if digest)
        return next((record for record in found if record is not None), None)


def refusal(runtime: Runtime, contract: str) -> Refusal:
    """Reads what was erased under a contract, lifted ones left out."""
    with runtime.catalog.reading() as tx:
        records = [record for record in erasures.of_contract(tx, contract) if record.state != "lifted"]
    return Refusal(
        contract=contract,
        by_id={record.digest: record for record in records},
        by_content={digest: record for record in records for digest in record.contents},
    )


def _refused(assessment: Assessment, record: ErasureRecord) -> Assessment:
    """Returns an assessment without anything that the document said."""
    message = (
        f"erased on {record.requested_at:%Y-%m-%d} by {record.actor} (erasure {record.digest[:12]}). Remove it from "
        "its source, or lift the erasure with `stemma erase NAME DOC --lift`."
    )
    return replace(
        assessment,
        revision_id=revision_id(assessment.ref.doc_id, assessment.state_key),
        document=None,
        governance=_NONE,
        language="und",
        score=None,
        findings=(),
        origin=Origin(),
        passage_origins=(),
        violations=(),
        repairs=(),
        sketch=b"",
        whole=None,
        decision=Decision(outcome=Outcome.REJECT, reasons=(Reason(code=CODE, message=message),)),
    )
