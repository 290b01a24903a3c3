"""One question asked of a version, or of two side by side: two versions, two models, or a refused candidate.

Reads only. A hit of one side is looked for on the other, as deep as `DEEP`, and where it is not found its document is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from corpus.catalog import choices, versions
from corpus.catalog.choices import Choice
from corpus.catalog.records import EmbedderRecord
from corpus.errors import ConfigurationError
from corpus.seams import Embedder, Vectors
from index import layout
from index.candidates import kept_candidates, open_candidate, read_candidate
from index.filters import Where, parse_where
from index.fusion import Hybrid
from index.manifest import Manifest
from index.reader import Hit, open_index
from index.signing import TrustStore
from ingestion.models import known_space, load_model
from ingestion.openreaders import READERS, Key, Open, Readers
from ingestion.runtime import Runtime

DEEP = 200
"""Hits of the other side among which one is looked for."""
MOST_CHOICES = 60
CANDIDATE = "candidate:"
"""Before the id of a candidate where a version is named."""
Fate = Literal["same", "moved", "behind", "rewritten", "absent", ""]
FATES = {
    "same": "the same place on the other side",
    "moved": "at another place on the other side",
    "behind": "on the other side behind the hits shown, or filtered out there",
    "rewritten": "its document is on the other side, cut or worded otherwise",
    "absent": "its document is not on the other side",
    "": "nothing to compare with",
}
"""What became of a hit on the other side, to what that means."""
_NUMBER = re.compile(r"^v?0*([1-9]\d{0,8})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A candidate that a gate refused and that may be asked."""

    id: str
    model: str
    failed: tuple[str, ...]
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What of an index may be asked.

    Attributes:
        name: The index.
        versions: Kept versions, newest first, `MOST_CHOICES` at the most.
        aliases: Alias to number.
        candidates: Candidates that are kept.
    """

    name: str
    versions: tuple[Choice, ...]
    aliases: dict[str, int]
    candidates: tuple[Refused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        text: The question.
        k: Hits of each side.
        where: Filters as they are typed (`index.filters.parse_where`).
        words: Weight of a search by words beside; 0 for none.
    """

    text: str
    k: int
    where: tuple[str, ...] = ()
    words: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A hit, and where it is on the other side.

    Attributes:
        hit: The hit.
        fate: A name out of `FATES`.
        other_rank: Its place there; None where it is not found.
    """

    hit: Hit
    fate: Fate
    other_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One version that may be asked, as it is named.

    Attributes:
        label: What it is called: `v000003`, or a candidate's id.
        number: Number of the version; None for a candidate.
        model: Its model.
        space: Fingerprint of its space.
        documents: Documents in it.
        chunks: Chunks in it.
        manifest_sha256: Digest of its manifest; empty for a candidate.
    """

    label: str
    number: int | None
    model: str
    space: str
    documents: int
    chunks: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version that was asked.

    Attributes:
        version: Which one.
        hits: Best first.
        opened: Whether it was opened, and its model loaded, for this question.
        seconds: How long opening and asking took.
    """

    version: Named
    hits: tuple[Found, ...]
    opened: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One side, named and not opened yet."""

    version: Named
    key: Key
    opener: Callable[[], Open]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One side, asked as deep as the other's hits are looked for."""

    target: _Target
    open: Open
    vector: Vectors
    hits: tuple[Hit, ...]
    opened: bool
    seconds: float


def choices_of(runtime: Runtime, name: str) -> Choices:
    """Returns what of an index may be asked; three statements, and the candidates' manifests."""
    with runtime.catalog.reading() as tx:
        kept = choices.newest(tx, name, MOST_CHOICES)
        aliases = {state.alias: state.number for state in versions.aliases(tx, name)}
    models = {choice.embedder_fingerprint: choice.model for choice in kept}
    refused = [
        Refused(
            id=item.id,
            model=_model_of(item.manifest, models),
            failed=item.failed,
            documents=item.manifest.contents.documents,
            chunks=item.manifest.contents.chunks,
        )
        for item in kept_candidates(runtime.store, name)
        if item.manifest is not None
    ]
    return Choices(name=name, versions=kept, aliases=aliases, candidates=tuple(refused))


def _model_of(manifest: Manifest, models: Mapping[str, str]) -> str:
    made = manifest.fingerprints["embedder"]
    return models.get(made.digest) or str(made.parts.get("model") or "another model")


def ask(
    runtime: Runtime, known: Choices, question: Question, which: Sequence[str], readers: Readers = READERS
) -> tuple[Side, ...]:
    """Asks one version, or two side by side.

    Args:
        runtime: The project.
        known: What may be asked.
        question: The question.
        which: One or two of: an alias, a number, `candidate:` and an id.
        readers: Where open ones are kept.

    Raises:
        ConfigurationError: There is no such version, the question is empty, a filter is none, or the model is not
            installed.
        IntegrityError: A version or a model is not what it was.
    """
    if not question.text.strip():
        raise ConfigurationError("The question is empty.")
    where, hybrid = parse_where(question.where), Hybrid(lexical=question.words) if question.words else None
    targets = [_target(runtime, known, text, readers) for text in which]
    staying = {choice.manifest_sha256 for choice in known.versions} | {item.id for item in known.candidates}
    readers.close_others(runtime.store.url, known.name, staying | {target.key.digest for target in targets})
    asked = [_asked(target, question, where, hybrid, readers, deep=len(targets) > 1) for target in targets]
    if len(asked) == 1:
        return (_side(asked[0], question.k, None),)
    return _side(asked[0], question.k, asked[1]), _side(asked[1], question.k, asked[0])


def _target(runtime: Runtime, known: Choices, text: str, readers: Readers) -> _Target:
    if text.startswith(CANDIDATE):
        return _candidate(runtime, known, text.removeprefix(CANDIDATE), readers)
    choice = _chosen(runtime, known, text)
    name, number = known.name, choice.number

    def opener() -> Open:
        space = known_space(runtime, choice.embedder_fingerprint, f"{name} {layout.version_name(number)}")
        embedder = _model(runtime, space, readers)
        trust = TrustStore.from_folder(runtime.settings.trusted_keys)
        reader = open_index(runtime.store, name, version=number, trust=trust, embedder=embedder, mmap=True)
        return Open(reader=reader, embedder=embedder)

    version = Named(
        label=layout.version_name(number),
        number=number,
        model=choice.model,
        space=choice.embedder_fingerprint,
        documents=choice.documents,
        chunks=choice.chunks,
        manifest_sha256=choice.manifest_sha256,
    )
    key = Key(home=runtime.store.url, name=name, digest=choice.manifest_sha256)
    return _Target(version=version, key=key, opener=opener)


def _chosen(runtime: Runtime, known: Choices, text: str) -> Choice:
    """Returns the version that an alias or a number names.

    Raises:
        ConfigurationError: There is none, or it is not kept; the message says which there are.
    """
    match = _NUMBER.match(text.strip())
    number = int(match[1]) if match else known.aliases.get(text.strip())
    found = next((choice for choice in known.versions if choice.number == number), None)
    if found is None and number is not None:
        with runtime.catalog.reading() as tx:
            found = choices.of_number(tx, known.name, number)
    if found is None:
        numbers = ", ".join(str(choice.number) for choice in known.versions[:10]) or "none"
        aliases = ", ".join(sorted(known.aliases)) or "none"
        raise ConfigurationError(f"{known.name} has no version {text!r}. Newest: {numbers}. Aliases: {aliases}.")
    if found.state == "retired":
        raise ConfigurationError(f"{layout.version_name(found.number)} of {known.name} is not kept any more.")
    return found


def _candidate(runtime: Runtime, known: Choices, asked: str, readers: Readers) -> _Target:
    manifest = read_candidate(runtime.store, known.name, asked)
    found = next((item for item in known.candidates if manifest.identity.startswith(item.id)), None)
    if found is None:
        raise ConfigurationError(f"candidate {asked!r} of {known.name} was refused only just now. Ask again.")
    space = manifest.fingerprints["embedder"].digest

    def opener() -> Open:
        embedder = _model(runtime, known_space(runtime, space, f"candidate {found.id}"), readers)
        return Open(reader=open_candidate(runtime.store, manifest, embedder), embedder=embedder)

    version = Named(
        label=f"candidate {found.id}",
        number=None,
        model=found.model,
        space=space,
        documents=found.documents,
        chunks=found.chunks,
        manifest_sha256="",
    )
    return _Target(version=version, key=Key(home=runtime.store.url, name=known.name, digest=found.id), opener=opener)


def _model(runtime: Runtime, space: EmbedderRecord, readers: Readers) -> Embedder:
    load = partial(load_model, runtime, space.model, space.revision or None, space.fingerprint)
    return readers.model(space.fingerprint, load)


def _asked(
    target: _Target, question: Question, where: Where, hybrid: Hybrid | None, readers: Readers, *, deep: bool
) -> _Asked:
    begun = time.monotonic()
    found, opened = readers.get(target.key, target.opener)
    vector = found.embedder.embed([question.text])[0]
    k = max(question.k, DEEP) if deep else question.k
    hits = found.reader.search(
        vector, k, embedder_fingerprint=found.embedder.fingerprint, where=where, hybrid=hybrid, words=question.text
    )
    seconds = round(time.monotonic() - begun, 3)
    return _Asked(target=target, open=found, vector=vector, hits=hits, opened=opened, seconds=seconds)


def _side(own: _Asked, k: int, other: _Asked | None) -> Side:
    ranks = {hit.chunk_id: rank for rank, hit in enumerate(other.hits, start=1)} if other else {}
    return Side(
        version=own.target.version,
        hits=tuple(_found(rank, hit, ranks, other, k) for rank, hit in enumerate(own.hits[:k], start=1)),
        opened=own.opened,
        seconds=own.seconds,
    )


def _found(rank: int, hit: Hit, ranks: dict[str, int], other: _Asked | None, k: int) -> Found:
    if other is None:
        return Found(hit=hit, fate="", other_rank=None)
    there = ranks.get(hit.chunk_id)
    if there is not None:
        return Found(hit=hit, fate="same" if there == rank else "moved" if there <= k else "behind", other_rank=there)
    beside = other.open.reader.search(
        other.vector, DEEP, embedder_fingerprint=other.open.embedder.fingerprint, where={"doc_id": hit.doc_id}
    )
    if any(found.chunk_id == hit.chunk_id for found in beside):
        return Found(hit=hit, fate="behind", other_rank=None)
    return Found(hit=hit, fate="rewritten" if beside else "absent", other_rank=None)
