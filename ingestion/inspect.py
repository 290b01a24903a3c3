"""What the bytes of one document are: its text, and everything that the text alone can tell.

The order keeps evidence intact: parse, look for evidence, and only then repair, since a repair takes
marks away. It knows no contract, catalog or store, and what it needs can be pickled, so it runs in a
worker process that may be killed for running away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from corpus.ids import canonical_json
from corpus.seams import Detector, Scorer
from corpus.types import Edit, Finding, ParsedDocument, RawBlob, Score, SourceRef, Span
from ingestion.language import language_of
from ingestion.parsers.route import parse
from ingestion.relations.sketch import sketch_of
from ingestion.repair import moved, repair
from ingestion.scorers.registry import SCORERS
from ingestion.splitting.cut import STALE, Cut
from ingestion.splitting.narrow import edits_in, fits, in_kept, lean, narrowed
from provenance.crossing import cross
from provenance.detectors.registry import DETECTORS

_USUAL = ("declared", "residue", "hidden", "instruction")
# Ordinary words of manuals, so that what looks at such words is compiled.
_SAMPLE = (
    "If you want to use the pump\u2019s valve, call for it on each page, or print the output. Do not ignore what the "
    "user is asked: when you answer a question, always show your source, and never say only what the text must not. "
    "Start with the context in any of these instructions; you can replace the following, or note that it will be run "
    "as the system is now. Without it, no content is given. Send your data to the server, and read this page's rules."
).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to do with the bytes; names and options only.

    Attributes:
        detectors: Names of the detectors.
        options: Detector to its options, where it is not to be made without any.
        parsers: Media type to parser name, where another than ours is wanted.
        scorer: Name of the scorer.
        document_type: The scorer's profile, empty to tell it from the document.
        weights: Sub-score to weight, where the profile's is not wanted.
        repairs: Kinds of repairs that every document gets.
        mends: Kinds of repairs that a document gets which breaks a rule with `onFail: repair`.
        cut: Which parts of this one document a person keeps; None for all.
    """

    detectors: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parsers: Mapping[str, str] = field(default_factory=dict)
    scorer: str = "heuristic"
    document_type: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()
    cut: Cut | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the bytes of one document are.

    Attributes:
        document: The text, repaired; every offset beside it counts in this text.
        repairs: What was repaired.
        language: ISO 639-1 code, `und` when not determined.
        score: Its quality.
        findings: Evidence, from the document as it came: quotes are of the text before repairs, spans count in the
            text after them. A repair takes marks away, and the mark is the evidence.
        sketch: MinHash signature, empty for a text too short to have one.
        mended: The same document with more repairs; None where they change nothing, or none are asked.
        whole: The document with all its parts, where some were dropped; else None.
    """

    document: ParsedDocument
    repairs: tuple[Edit, ...]
    language: str
    score: Score
    findings: tuple[Finding, ...]
    sketch: bytes
    mended: Inspection | None = None
    whole: ParsedDocument | None = None


def inspect(recipe: Recipe, blob: RawBlob) -> Inspection:
    """Works out what the bytes of one document are.

    Args:
        recipe: What to do.
        blob: The bytes.

    Raises:
        ParseError: No text can be had; `code` says why.
        ConfigurationError: The recipe names something that does not exist.
    """
    document = parse(blob, recipe.parsers)
    asked = (detector_of(name, recipe.options.get(name)) for name in recipe.detectors)
    findings = cross(finding for detector in asked for finding in detector.detect(blob, document))
    found = _inspected(recipe, document, findings, recipe.repairs)
    if not recipe.mends or (recipe.cut is not None and fits(found.document, recipe.cut)):
        return found if recipe.cut is None else _cut(recipe, found, recipe.cut)
    mended = _inspected(recipe, document, findings, tuple(dict.fromkeys((*recipe.repairs, *recipe.mends))))
    if recipe.cut is not None:  # what a person looked at may have been mended for a rule
        return _cut(recipe, mended if fits(mended.document, recipe.cut) else found, recipe.cut)
    return found if mended.document.text == found.document.text else replace(found, mended=mended)


def warm() -> None:
    """Loads what the first document would: our detectors and scorer, the language model, what they compile."""
    ref = SourceRef(doc_id="sample", uri="", path="sample.txt", size=len(_SAMPLE), modified_at=None)
    inspect(Recipe(detectors=_USUAL), RawBlob(ref=ref, data=_SAMPLE, sha256=""))


def detector_of(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """Builds a detector, once per process and options."""
    return _detector(name, canonical_json(dict(options or {})))


def scorer_of(recipe: Recipe) -> Scorer:
    """Builds the recipe's scorer, once per process and options."""
    return _scorer(recipe.scorer, recipe.document_type, canonical_json(dict(recipe.weights)))


def _inspected(
    recipe: Recipe, document: ParsedDocument, findings: tuple[Finding, ...], kinds: tuple[str, ...]
) -> Inspection:
    mended, edits = repair(document, kinds)
    return Inspection(
        document=mended,
        repairs=edits,
        language=language_of(mended.text),
        score=scorer_of(recipe).score(mended),
        findings=tuple(_moved(finding, edits) for finding in findings) if edits else findings,
        sketch=sketch_of(mended.text),
    )


def _cut(recipe: Recipe, found: Inspection, cut: Cut) -> Inspection:
    """Returns what is left of a document once a person's cut is made; one of another text is not made."""
    if not fits(found.document, cut):
        note = Finding(detector="split/1", code=STALE, level="-")
        return replace(found, findings=(*found.findings, note))
    document = narrowed(found.document, cut)
    if document is found.document:
        return found
    kept = lean(document)
    return replace(
        found,
        document=document,
        repairs=edits_in(found.repairs, cut),
        language=language_of(kept.text),
        score=scorer_of(recipe).score(kept),
        findings=in_kept(found.findings, cut, document.text),
        sketch=sketch_of(kept.text),
        whole=found.document,
    )


def _moved(finding: Finding, edits: tuple[Edit, ...]) -> Finding:
    if finding.span is None:
        return finding
    detail = dict(finding.detail)
    if around := detail.get("passage"):
        place = moved(Span(start=int(around[0]), end=int(around[1])), edits)
        detail["passage"] = [place.start, place.end]
    return replace(finding, span=moved(finding.span, edits), detail=detail)


@lru_cache(maxsize=32)
def _detector(name: str, options: bytes) -> Detector:
    detector: Detector = DETECTORS.load(name)(**json.loads(options))
    return detector


@lru_cache(maxsize=32)
def _scorer(name: str, document_type: str, weights: bytes) -> Scorer:
    given = {"document_type": document_type, "weights": json.loads(weights)}
    scorer: Scorer = SCORERS.load(name)(**{key: value for key, value in given.items() if value})
    return scorer
