"""What the standard has no place for: custom properties of vendor `stemma`.

`PROPERTIES` names them all. The vendor may be left out; a property of another vendor is none of our
business. How documents are treated is read in `contracts.reading.curation`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from contracts.build import FIXED_FACTORY, PATH_PREFIX, REMOTE_PREFIX, Build, Model
from contracts.model import (
    GOVERNANCE_FIELDS,
    ORIGIN,
    ChunkerSpec,
    EmbedderSpec,
    Enforcement,
    GovernanceSpec,
    GuardSpec,
    IndexSpec,
)
from contracts.text.node import Node, unique_names
from contracts.text.problems import Sink, listed, nearest, shown
from corpus.types import OriginKind

PROPERTIES: Mapping[str, str] = {
    "ragAnswers": "What is kept of the answers served from the index: {text: keep or hash; retention: 400d}.",
    "ragApprovals": "Who must approve a version before an alias points to it: {persons: 1 to 9, approvers: [names], "
    "aliases: [live]}.",
    "ragChunker": "How documents are cut: {strategy, maxTokens, overlap}.",
    "ragEmbedding": "Says the embedding again, for readers of the older form: {model, revision, dimension, chunker}.",
    "ragEnforcement": "block, or warn to report and hold nothing back.",
    "ragEvaluation": "How versions are evaluated by golden items: {golden: FILE, k, minScore, minValid}.",
    "ragFamilies": "From which similarity on two texts are near duplicates: {similarity}, 0.5 to 1.",
    "ragGates": "Gates of a release: {contamination: {maxExposure, maxAmplification, maxExposureRise, maxAllAiShare, "
    "k}, golden: {maxRecallDrop, maxMrrDrop, maxIntervalDrop, maxSliceDrop, minRecall, minMrr, maxInvalid}, overlap: "
    "{minimum, minimumModelChange, k, sample}, quality: {minimum, maxShareBelow, maxDrop, of}, freshness: {maxAgeDays, "
    "maxShareOlder}, change: {maxAddedShare, maxRemovedShare, maxChangedShare}}, none of which is run without it; and "
    "recall: {minimum}, which always is.",
    "ragGovernance": "Governance fields: {required, defaults, maxValidationAgeDays}.",
    "ragGuards": "Limits that stop a run: {maxRemovedShare, minDocuments}.",
    "ragIndex": "How chunks are indexed: {factory: auto, deletes: few or many, lexical: bm25, rebuildShare: 0.1}.",
    "ragOrigin": "What is asked about origin beside what is always asked: {detectors: [names], "
    "statistical: {model: NAME}}; off by default.",
    "ragParsers": "Parser by media type, where the choice by content is not wanted.",
    "ragQuality": "How documents are scored: {documentType, weights: {SUBSCORE: 0 to 100}}.",
    "ragRepair": "Safe repairs that every document gets: {kinds: [encoding, control_characters, hyphenation, "
    "boilerplate]}; an empty list for none.",
    "ragRetention": "Which versions are kept that no alias points to: {versions, days}; which failed candidates: "
    "{candidates, candidateDays}. Without it no version is removed.",
    "ragTriage": "How many persons must agree about a held document: {persons: 1 to 9}.",
    "ragTrust": "How far the source is trusted: {tier: curated, reviewed or open; authors: [names that are known]}.",
}
"""Every custom property that a contract may have at its top, with what it says."""

_KINDS = tuple(kind.value for kind in OriginKind if kind is not OriginKind.UNKNOWN)
_ORIGINS = tuple(name for kind in _KINDS for name in (kind.rpartition("/")[2], kind))
_MEDIA_TYPE = re.compile(r"^[a-z]+/[a-z0-9.+-]+$")
_CHUNKER_KEYS = ("strategy", "maxTokens", "overlap")
_MIN_TOKENS, _MAX_TOKENS = 16, 8192


@dataclass(frozen=True, slots=True)
class Options:
    """The custom properties of a contract, by name; a node of None for one that is not there."""

    nodes: Mapping[str, Node]
    sink: Sink

    def get(self, name: str) -> Node:
        """Returns the value of a property."""
        return self.nodes.get(name) or Node(None, ("customProperties",), self.sink)


def read_options(properties: Node) -> Options:
    """Finds our properties in the top-level `customProperties`; unknown ones of ours are problems."""
    found: dict[str, Node] = {}
    ours = [item for item in properties.items() if item.get("vendor").value in (None, "stemma")]
    unique_names((item for item in ours), "custom properties", "property")
    for item in ours:
        name = item.get("property")
        if name.text() in PROPERTIES:
            found.setdefault(name.text(), item.get("value"))
        elif item.get("vendor").value == "stemma" or name.text().startswith("rag"):
            hint = f"{nearest(name.text(), PROPERTIES)} Valid: {listed(PROPERTIES)}.".strip()
            name.problem(f"unknown property {shown(name.value)} of vendor stemma.", hint)
    return Options(found, properties.sink)


def read_governance(node: Node) -> GovernanceSpec:
    """Reads ragGovernance; every governance field is required unless it says otherwise."""
    node.only(("required", "defaults", "maxValidationAgeDays"))
    required: tuple[str, ...] = GOVERNANCE_FIELDS
    if node.has("required"):
        for item in node.get("required").items():
            item.choice(GOVERNANCE_FIELDS, "", "governance field")
        required = tuple(node.get("required").texts(least=0))
    node.get("defaults").only((*GOVERNANCE_FIELDS, ORIGIN))
    readers = {"last_validated_date": Node.day, ORIGIN: _origin}
    defaults = {
        name: readers.get(name, Node.filled)(entry)
        for name, entry in node.get("defaults").entries()
        if name in (*GOVERNANCE_FIELDS, ORIGIN)
    }
    age = node.get("maxValidationAgeDays")
    days = age.whole(1, 1, 36_500) if age.value is not None else None
    return GovernanceSpec(required=required, defaults=defaults, max_validation_age_days=days)


def _origin(entry: Node) -> str:
    """Reads a declared origin: one of the three that speak of a text."""
    given = entry.filled()
    if given and given not in _ORIGINS:
        entry.problem(f"{shown(given)} is no origin.", f"{nearest(given, _ORIGINS)} Valid: {listed(_ORIGINS)}.".strip())
    return given


def read_enforcement(node: Node) -> Enforcement:
    """Reads ragEnforcement."""
    return cast("Enforcement", node.choice(("block", "warn"), "block", "enforcement mode"))


def read_guards(node: Node) -> GuardSpec:
    """Reads ragGuards."""
    node.only(("maxRemovedShare", "minDocuments"))
    spec = GuardSpec()
    return GuardSpec(
        max_removed_share=node.get("maxRemovedShare").number(spec.max_removed_share, 0.0, 1.0),
        min_documents=node.get("minDocuments").whole(spec.min_documents, 0, 1_000_000_000),
    )


def read_index(node: Node, build: Build) -> IndexSpec:
    """Reads ragIndex."""
    node.only(("factory", "deletes", "lexical", "rebuildShare"))
    spec = IndexSpec()
    factory = node.get("factory")
    fixed = isinstance(factory.value, str) and re.match(FIXED_FACTORY, factory.value) is not None
    return IndexSpec(
        factory=factory.text() if fixed else factory.choice(build.factories, spec.factory, "index factory"),
        deletes=cast('Literal["few", "many"]', node.get("deletes").choice(("few", "many"), spec.deletes)),
        lexical=node.get("lexical").choice(("bm25",), spec.lexical, "index of words"),
        rebuild_share=node.get("rebuildShare").number(spec.rebuild_share, 0.0, 1.0),
    )


def read_parsers(node: Node, build: Build) -> dict[str, str]:
    """Reads ragParsers: media type to parser name."""
    if node.value is not None and not isinstance(node.value, Mapping):
        node.problem(f"ragParsers must map media types to parsers, not {shown(node.value)}.")
    for media_type, entry in node.entries():
        if not _MEDIA_TYPE.match(media_type):
            entry.problem(f"{media_type!r} is not a media type.", "Write it like text/html.", key=True)
        if not isinstance(entry.value, str):
            entry.problem(f"a parser is named by text, not {shown(entry.value)}.", f"Valid: {listed(build.parsers)}.")
    return {key: entry.choice(build.parsers, build.parsers[0], "parser") for key, entry in node.entries()}


def read_chunker(options: Options, build: Build, model: Model | None) -> ChunkerSpec:
    """Reads how documents are cut, from ragChunker or from ragEmbedding's chunker.

    Args:
        options: The custom properties.
        build: Names that exist.
        model: The embedding model, whose limit a chunk may not pass; None when it is not known.
    """
    own, older = options.get("ragChunker"), options.get("ragEmbedding").get("chunker")
    own.only(_CHUNKER_KEYS)
    older.only(_CHUNKER_KEYS)
    for key in _CHUNKER_KEYS:
        if own.has(key) and older.has(key) and _plain(own, key, build) != _plain(older, key, build):
            line, _ = own.sink.places.of(own.get(key).path)
            message = f"`{key}: {older.get(key).value}` contradicts ragChunker, line {line}: {own.get(key).value}."
            older.get(key).problem(message, "Say it once.")
    return _chunker(own if own.value is not None else older, build, model)


def _plain(node: Node, key: str, build: Build) -> object:
    value = node.get(key).value
    return build.chunker_aliases.get(value, value) if isinstance(value, str) else value


def _chunker(node: Node, build: Build, model: Model | None) -> ChunkerSpec:
    spec = ChunkerSpec()
    limit = model.max_tokens if model and model.max_tokens else _MAX_TOKENS
    default = min(spec.max_tokens, limit)
    size = node.get("maxTokens")
    tokens = size.whole(default, _MIN_TOKENS, _MAX_TOKENS)
    if tokens > limit:
        size.problem(
            f"`maxTokens: {tokens}` is out of range: the embedding model reads {limit} tokens.",
            f"Write at most {limit}.",
        )
    overlap = node.get("overlap").whole(spec.overlap, 0, _MAX_TOKENS)
    if overlap * 2 > tokens:
        node.get("overlap").problem(f"`overlap: {overlap}` is out of range: at most half of maxTokens ({tokens // 2}).")
    names = (*build.chunkers, *build.chunker_aliases)
    strategy = node.get("strategy").choice(names, build.chunkers[0], "chunker strategy")
    return ChunkerSpec(strategy=build.chunker_aliases.get(strategy, strategy), max_tokens=tokens, overlap=overlap)


def read_embedder(embedding: Node, older: Node, build: Build) -> tuple[EmbedderSpec, Model | None]:
    """Reads the vector space from `chunk.embedding`; ragEmbedding may only say the same.

    Args:
        embedding: The `logicalTypeOptions` of the property `embedding`.
        older: The value of ragEmbedding.
        build: Names that exist.

    Returns:
        The space, and what is known of its model.
    """
    older.only(("model", "revision", "dimension", "chunker"))
    pairs = (("model", "embeddingModel"), ("revision", "embeddingModelVersion"), ("dimension", "dimensions"))
    for key, authority in pairs:
        _agree(older.get(key), embedding.get(authority), build)
    name, known = _model(embedding, build)
    dimension = embedding.get("dimensions")
    if known and isinstance(dimension.value, int) and dimension.value != known.dimension:
        dimension.problem(
            f"`dimensions: {dimension.value}` is wrong: vectors of {name} have {known.dimension} numbers."
        )
    _fixed(embedding)
    revision = embedding.get("embeddingModelVersion").text() or None
    metric = embedding.get("distanceMetric").text("cosine")
    count = dimension.value if isinstance(dimension.value, int) else 0
    return EmbedderSpec(model=name, revision=revision, dimension=count, metric=metric), known


def _agree(said: Node, authority: Node, build: Build) -> None:
    aliases = build.embedder_aliases
    first, second = (aliases.get(str(node.value), node.value) for node in (said, authority))
    if said.value is not None and first != second:
        line, _ = said.sink.places.of(authority.path)
        what = f"{authority.path[-1]} in line {line}: {shown(authority.value)}"
        said.problem(
            f"`{said.path[-1]}: {said.value}` contradicts {what}.", "The property chunk.embedding is the authority."
        )


def _model(embedding: Node, build: Build) -> tuple[str, Model | None]:
    node = embedding.get("embeddingModel")
    name = build.embedder_aliases.get(node.text(), node.text())
    if name in build.embedders:
        return name, build.embedders[name]
    if any(name.startswith(prefix) and len(name) > len(prefix) for prefix in (PATH_PREFIX, REMOTE_PREFIX)):
        return name, None
    every = (*build.embedders, *build.embedder_aliases)
    valid = (
        f"Valid: {listed(every)}, path:DIR for a folder with a sentence-transformers model, or remote:NAME for an "
        "endpoint of stemma.toml."
    )
    if node.value is None:
        target = embedding if embedding.value is not None else Node(None, embedding.path[:-1], embedding.sink)
        target.problem("the property `embedding` names no `embeddingModel`.", valid)
    else:
        node.problem(f"unknown embedding model {shown(node.value)}.", f"{nearest(name, every)} {valid}".strip())
    return name, None


def _fixed(embedding: Node) -> None:
    """Refuses options of the standard that no embedder of this build has."""
    element, metric, normal = (embedding.get(key) for key in ("elementType", "distanceMetric", "normalized"))
    if element.value not in (None, "float32"):
        element.problem(f"elementType {shown(element.value)} is not run by this build.", "Write float32.")
    if metric.value not in (None, "cosine", "dotProduct"):
        metric.problem(f"distanceMetric {shown(metric.value)} is not run by this build.", "Write cosine or dotProduct.")
    if normal.value is False:
        normal.problem("`normalized: false` is not run by this build: every vector has unit length.", "Write true.")
