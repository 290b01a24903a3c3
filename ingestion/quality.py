"""A quality score in words: what each sub-score measured, against which bound, and what would raise it.

A score is stored as figures and codes. The text is stored beside it, so the values behind it are measured again
and said with their bounds and sources. It changes nothing and decides nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.model import Contract
from corpus import batches
from corpus.catalog import documents, segments
from corpus.errors import ConfigurationError, IntegrityError
from corpus.ids import sha256_hex
from corpus.types import Edit, ParsedDocument, RawBlob, Score, SourceRef
from ingestion.parsers.route import parse
from ingestion.repair import KINDS, repair, undo
from ingestion.runtime import Runtime
from ingestion.scorers.heuristic import HeuristicScorer, weights_of
from ingestion.scorers.limits import LIMITS, PARTS, Limit
from ingestion.splitting.narrow import lean

Row = Mapping[str, Any]

FATAL = {
    "empty": "it holds no letter and no digit",
    "mojibake": "so much of it is wrongly decoded that nobody can use it",
    "ocr_garbage": "it is what an OCR engine or a font without a Unicode map made of a page",
    "boilerplate_only": "nothing but notices of a web site is left of it",
}
"""Hard failure to what it means; such a text is held back whatever its score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One file, scored outside any project.

    Attributes:
        path: The file.
        document: Its text as scored, repaired.
        score: Its score.
        repairs: What was repaired first.
    """

    path: Path
    document: ParsedDocument
    score: Score
    repairs: tuple[Edit, ...]


def explain(row: Row, weights: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Explains the score of one document.

    Args:
        row: A row of documents.parquet or withheld.parquet.
        weights: What its contract says of sub-scores.

    Returns:
        A JSON object: `value`, `document_type`, `fatal`, `parts` with their checks, and `sentences`.
    """
    if row["text"] is None or row["quality_score"] is None:
        sentence = "It has no text that could be scored; see its reasons with `stemma quarantine show`."
        return {"value": None, "document_type": None, "fatal": [], "parts": [], "sentences": [sentence]}
    document_type = row["document_type"] or ""
    stored: Mapping[str, float] = batches.loads(row["quality_parts"]) or {}
    measured = HeuristicScorer(document_type=document_type).measure(_document(row))
    counted = weights_of(document_type, weights or {})
    reasons = batches.loads(row["quality_reasons"]) or []
    parts = [
        {
            "part": part,
            "about": PARTS.get(part, "what its scorer means by it"),
            "value": value,
            "weight": counted.get(part, 0.0),
            "checks": [_check(code, found) for code, found in measured.measures if LIMITS[code].part == part],
        }
        for part, value in sorted(stored.items(), key=lambda item: [*PARTS, item[0]].index(item[0]))
    ]
    found: dict[str, Any] = {
        "value": row["quality_score"],
        "document_type": document_type or None,
        "fatal": [code for code in reasons if code in FATAL],
        "reasons": [code for code in reasons if code not in FATAL],
        "parts": parts,
    }
    return {**found, "sentences": sentences(found)}


def sentences(explained: Mapping[str, Any]) -> list[str]:
    """Returns an explanation as sentences: the whole, hard failures, then what lowered each sub-score."""
    kind = f" as {explained['document_type']}" if explained["document_type"] else ""
    said = [f"The score is {explained['value']:.2f} of 1{kind}."]
    said += [f"It is unusable whatever its score ({code}): {FATAL[code]}." for code in explained["fatal"]]
    known: set[str] = set()
    for part in explained["parts"]:
        broken = [check for check in part["checks"] if not check["good"]]
        known.update(check["code"] for check in broken)
        counts = f"weight {part['weight']:g}" if part["weight"] else "told, not counted"
        state = f"{part['part']} is {part['value']:.2f} ({part['about']}; {counts})"
        if part["value"] >= 1 or not broken:
            said.append(f"{state}.")
            continue
        said.append(f"{state}, because:")
        said += [f"  {_sentence(check)}" for check in broken]
    others = [code for code in explained["reasons"] if code not in known]
    said += [f"{_named(code)}." for code in others]
    return said


def stored_row(runtime: Runtime, contract: str, doc_id: str) -> dict[str, Any]:
    """Returns what is stored of a document's newest decided revision.

    Raises:
        ConfigurationError: The contract has no such document; the message holds the nearest ones.
        IntegrityError: The catalog knows the document and no segment holds it.
    """
    with runtime.catalog.reading() as tx:
        state = documents.find(tx, contract, doc_id)
        if state is None:
            known = documents.states(tx, contract)
            if not known:
                runtime.contract(contract)  # a misspelt contract is what is wrong then
            raise ConfigurationError(_unknown(contract, doc_id, known))
        names = [record.segment_id for record in reversed(segments.of_contract(tx, contract))]
    for segment_id in dict.fromkeys(([state.segment_id] if state.segment_id else []) + names):
        for name in ("documents", "withheld"):
            row = _row(runtime, f"segments/{segment_id}/{name}.parquet", doc_id, state.revision_id)
            if row is not None:
                return row
    if state.state in ("failed", "gone"):
        raise ConfigurationError(
            f"{doc_id} is {state.state}: nothing of it is stored. See `stemma quarantine show {contract} {doc_id}`."
        )
    raise IntegrityError(f"no segment of {contract} holds {doc_id}, which the catalog calls {state.state}")


def explain_stored(runtime: Runtime, contract: str, doc_id: str) -> dict[str, Any]:
    """Explains the stored score of one document.

    Raises:
        ConfigurationError: There is no such document.
        IntegrityError: The catalog knows the document and no segment holds it.
    """
    row = stored_row(runtime, contract, doc_id)
    repairs = batches.loads(row["repairs"]) or []
    facts = {"contract": contract, "doc_id": doc_id, "outcome": row["outcome"], "repairs": len(repairs)}
    return {**facts, **explain(row, _weights(runtime, contract))}


def repairs_of(runtime: Runtime, contract: str, doc_id: str) -> dict[str, Any]:
    """Returns what was repaired in a stored document, and its text as it was before.

    Raises:
        ConfigurationError: There is no such document.
        IntegrityError: The catalog knows the document and no segment holds it.
    """
    row = stored_row(runtime, contract, doc_id)
    edits = [batches.edit_from_json(edit) for edit in batches.loads(row["repairs"]) or []]
    return {
        "contract": contract,
        "doc_id": doc_id,
        "outcome": row["outcome"],
        "repairs": [batches.edit_json(edit) for edit in edits],
        "original": undo(row["text"] or "", edits),
    }


def score_file(path: Path, *, document_type: str = "", kinds: tuple[str, ...] = ()) -> Scored:
    """Scores a file as an ingest would, without a project.

    Args:
        path: The file.
        document_type: The kind it is judged as; empty to tell it.
        kinds: Kinds of repairs to make first.

    Raises:
        ConfigurationError: The file cannot be read, or there is no such kind.
        ParseError: No text can be had.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ConfigurationError(f"there is no repair {unknown[0]!r}. There are: {', '.join(KINDS)}.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    ref = SourceRef(doc_id=path.name, uri=path.absolute().as_uri(), path=path.name, size=len(data), modified_at=None)
    document, edits = repair(parse(RawBlob(ref=ref, data=data, sha256=sha256_hex(data)), {}), kinds)
    scorer = HeuristicScorer(document_type=document_type)
    return Scored(path=path, document=document, score=scorer.score(document), repairs=edits)


def explain_scored(scored: Scored) -> dict[str, Any]:
    """Explains the score of a file; what `explain` does for a stored row."""
    score, document = scored.score, scored.document
    row = {
        "text": document.text,
        "title": document.title,
        "media_type": document.media_type,
        "metadata": batches.dumps(dict(document.metadata)),
        "parser": document.parser,
        "blocks": batches.dumps([[b.kind.value, b.span.start, b.span.end, b.level] for b in document.blocks]),
        "document_type": score.document_type,
        "quality_score": score.value,
        "quality_parts": batches.dumps(dict(score.parts)),
        "quality_reasons": batches.dumps([*score.fatal, *score.reasons]),
    }
    return explain(row)


def _check(code: str, value: float) -> dict[str, Any]:
    limit = LIMITS[code]
    return {
        "code": code,
        "measures": limit.measures,
        "value": value,
        "bound": limit.bound,
        "least": limit.least,
        "source": limit.source,
        "good": not limit.broken(value),
        "remedy": limit.remedy,
    }


def _sentence(check: Mapping[str, Any]) -> str:
    limit = LIMITS[check["code"]]
    if limit.unit == "fact":
        return f"{check['code']}: {check['measures']} ({check['source']}). {check['remedy']}"
    value, bound = _figure(limit, check["value"]), _figure(limit, check["bound"])
    must = "at least" if check["least"] else "at most"
    found = f"{check['code']}: the {check['measures']} is {value}; good is {must} {bound}"
    return f"{found} ({check['source']}). {check['remedy']}"


def _named(code: str) -> str:
    limit = LIMITS.get(code)
    if limit is None:
        return f"{code} was named by a scorer that is not installed here"
    return f"{code} was found when it was judged: {limit.measures}. {limit.remedy.rstrip('.')}"


def _figure(limit: Limit, value: float) -> str:
    return f"{value:.1%}" if limit.unit == "share" else f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"


def _document(row: Row) -> ParsedDocument:
    """Returns what the score was measured on."""
    stored = ParsedDocument(
        text=row["text"],
        blocks=batches.blocks_from_json(row["blocks"]),
        title=row["title"],
        media_type=row["media_type"] or "",
        metadata=batches.loads(row["metadata"]) or {},
        parser=row["parser"],
    )
    return lean(stored)


def _row(runtime: Runtime, name: str, doc_id: str, revision_id: str) -> dict[str, Any] | None:
    if not runtime.store.exists(name):
        return None
    with runtime.store.local_file(name) as path:
        rows = batches.stream_rows(path)
        return next((row for row in rows if row["doc_id"] == doc_id and row["revision_id"] == revision_id), None)


def _weights(runtime: Runtime, contract: str) -> Mapping[str, float]:
    """Returns the contract's weights; none where its file is no longer there or no longer valid."""
    try:
        found: Contract = runtime.contract(contract)
    except ConfigurationError:
        return {}
    return found.quality.weights


def _unknown(contract: str, doc_id: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(doc_id, known, n=3, cutoff=0.5)
    if near:
        return f"no document {doc_id!r} of {contract}. Did you mean {' or '.join(map(repr, near))}?"
    return f"no document {doc_id!r} of {contract}. See those held back with `stemma quarantine list {contract}`."
