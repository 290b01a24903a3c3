"""From the model that a contract names to its space and its embedder, in this project.

A name is of the registry, `path:` and a folder, or `remote:` and an endpoint of the settings. Only here do
names meet the project: its folder, its endpoints, and the home that keeps the first canaries of remote models.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from corpus import batches
from corpus.catalog import embedders
from corpus.catalog.records import EmbedderRecord, VersionRecord
from corpus.endpoints import Endpoint
from corpus.errors import ConfigurationError, DigestMismatch, EmbedderUnavailable, FingerprintMismatch
from corpus.ids import text_digest
from corpus.seams import Embedder, Vectors
from corpus.settings import Settings
from index.canaries import CANARY_TEXTS
from index.embedders.registry import Backend, describe_embedder, load_embedder
from index.embedders.space import Precision, Space
from index.fingerprint import is_pin, require_pin
from index.layout import version_name
from ingestion.runtime import Runtime

if TYPE_CHECKING:
    from index.embedders.http import EndpointClient

REMOTE = "remote:"
"""Before the name of an endpoint."""


_REMOTE: dict[tuple[str, str, str, Endpoint], Embedder] = {}
"""Remote models that this process has opened, by home, name, label and declaration."""


def describe_model(runtime: Runtime, model: str, revision: str | None) -> Space:
    """Says which space a model name stands for now.

    Files are all that is read; a remote model that was never used here is asked for its canaries, once.

    Raises:
        ConfigurationError: The name is unknown, or its files or its endpoint cannot be used.
        EmbedderUnavailable: A remote model that is new here did not answer.
        FingerprintMismatch: The revision pins another space.
    """
    if not model.startswith(REMOTE):
        return describe_embedder(located(runtime.settings, model), revision=revision)
    space = _remote_space(runtime, model, revision)
    require_pin(model, revision, space.fingerprint)
    return space


def space_of(runtime: Runtime, version: VersionRecord) -> EmbedderRecord:
    """Returns the space that a version was built in.

    Raises:
        FingerprintMismatch: The catalog does not know it.
    """
    return known_space(runtime, version.embedder_fingerprint, f"{version.name} {version_name(version.number)}")


def known_space(runtime: Runtime, fingerprint: str, what: str) -> EmbedderRecord:
    """Returns the space of a fingerprint, under a name that its model has now: one that was moved is the same model.

    Args:
        runtime: The project.
        fingerprint: The fingerprint.
        what: What was built in it, for the message.

    Raises:
        FingerprintMismatch: The catalog does not know it.
    """
    with runtime.catalog.reading() as tx:
        spaces = embedders.named(tx, fingerprint)
    if not spaces:
        raise FingerprintMismatch(
            f"the catalog does not know the model of {what} ({fingerprint[:12]}). Was it copied from another home?"
        )
    standing = (space for space in spaces if _stands_for(runtime, space))
    return spaces[0] if len(spaces) == 1 else next(standing, spaces[0])


def _stands_for(runtime: Runtime, space: EmbedderRecord) -> bool:
    """Returns whether a name stands for its space now: the model may have been moved since it was accepted."""
    try:
        return describe_model(runtime, space.model, space.revision or None).fingerprint == space.fingerprint
    except (ConfigurationError, FingerprintMismatch, EmbedderUnavailable):
        return False


def load_model(runtime: Runtime, model: str, revision: str | None, fingerprint: str) -> Embedder:
    """Loads a model, once per process and space; its canaries are not checked yet.

    Raises:
        ConfigurationError: As for `describe_model`, or the backend or the key is missing.
        FingerprintMismatch: The name does not stand for this space (any more).
    """
    settings = runtime.settings
    if model.startswith(REMOTE):
        embedder = _remote(runtime, model, revision, fingerprint)
    else:
        place = located(settings, model)
        embedder = _local(place, revision, settings.precision, settings.compile, settings.backend, fingerprint)
    if embedder.fingerprint != fingerprint:
        raise FingerprintMismatch(
            f"the embedding model {model!r} changed between being described and being loaded. Nothing was "
            "written. Run again when nobody is replacing the model's files."
        )
    return embedder


def ask_once(settings: Settings, model: str) -> str:
    """Asks a remote model for one vector; returns what it answered, in words.

    Raises:
        ConfigurationError: There is no such endpoint, or it refuses.
        EmbedderUnavailable: It did not answer.
    """
    client = _client(endpoint_of(settings, model))
    client.embed(["Does the model answer?"])
    return f"{client.endpoint.dimension} numbers from {client}, which says {client.answered_as or 'no name'}"


def declared_price(settings: Settings, model: str) -> float:
    """Returns what a model costs per million tokens: what its endpoint declares, nothing for one that runs here."""
    return (endpoint_of(settings, model).price_per_million_tokens or 0.0) if model.startswith(REMOTE) else 0.0


def endpoint_of(settings: Settings, model: str) -> Endpoint:
    """Returns the endpoint that a `remote:` name stands for.

    Raises:
        ConfigurationError: The settings declare none of that name.
    """
    name = model.removeprefix(REMOTE)
    found = settings.embedders.get(name)
    if found is None:
        known = ", ".join(f"{REMOTE}{each}" for each in sorted(settings.embedders)) or "none"
        raise ConfigurationError(
            f"{model!r} is no endpoint of this project. Declared: {known}. Add a table [embedders.{name}] to "
            "stemma.toml."
        )
    return found


def declared_dimension(settings: Settings, model: str) -> int | None:
    """Returns the numbers per vector of a model that is a folder or an endpoint; nothing is loaded or asked.

    Returns:
        As its files or its declaration say; None for a name of the registry.

    Raises:
        ConfigurationError: The folder is no model, or there is no such endpoint.
    """
    if model.startswith(REMOTE):
        return endpoint_of(settings, model).dimension
    return describe_embedder(located(settings, model)).dimension if model.startswith("path:") else None


def first_canaries_path(declared: str) -> str:
    """Returns where the first canary vectors of a remote model are kept."""
    return f"embedders/{declared}/canaries.parquet"


def located(settings: Settings, model: str) -> str:
    """Returns a model name with its folder, if it has one, as the project means it."""
    kind, colon, folder = model.partition(":")
    return f"path:{settings.locate(folder)}" if colon and kind == "path" else model


@lru_cache(maxsize=2)
def _local(
    model: str,
    revision: str | None,
    precision: Precision,
    compile_: bool,  # noqa: FBT001
    backend: Backend,
    fingerprint: str,  # noqa: ARG001 - weights that were replaced are loaded again
) -> Embedder:
    return load_embedder(model, revision=revision, precision=precision, compile=compile_, backend=backend)


@lru_cache(maxsize=4)
def _client(endpoint: Endpoint) -> EndpointClient:
    from index.embedders.http import EndpointClient  # noqa: PLC0415 - brings the HTTP library along

    return EndpointClient(endpoint)


def _remote(runtime: Runtime, model: str, revision: str | None, fingerprint: str) -> Embedder:
    from index.embedders.remote import RemoteEmbedder, space_of  # noqa: PLC0415

    endpoint, label = endpoint_of(runtime.settings, model), _label(revision)
    key = (runtime.settings.home, model, label, endpoint)
    if key in _REMOTE and _REMOTE[key].fingerprint == fingerprint:
        return _REMOTE[key]
    canaries = _first_canaries(runtime, endpoint, label)
    space = space_of(model, endpoint, canaries, label)
    if space.fingerprint != fingerprint:
        raise FingerprintMismatch(
            f"{model!r} stands for the space {space.fingerprint[:12]} here, not for {fingerprint[:12]}: another "
            "provider, model, revision, dimension or home. Nothing was written. Declare what the index was built with."
        )
    return _REMOTE.setdefault(key, RemoteEmbedder(space, _client(endpoint), canaries))


def _remote_space(runtime: Runtime, model: str, revision: str | None) -> Space:
    from index.embedders.remote import space_of  # noqa: PLC0415

    endpoint, label = endpoint_of(runtime.settings, model), _label(revision)
    return space_of(model, endpoint, _first_canaries(runtime, endpoint, label), label)


def _label(revision: str | None) -> str:
    """Returns the revision of a contract where it is a label, and not the pin of a fingerprint."""
    return revision if revision and not is_pin(revision) else ""


def _first_canaries(runtime: Runtime, endpoint: Endpoint, label: str) -> Vectors:
    """Returns the first canary vectors of a remote model; where there are none, the server is asked for them."""
    from index.embedders.remote import asked_canaries, declared, declared_digest  # noqa: PLC0415

    path = first_canaries_path(declared_digest(declared(endpoint, label)))
    if not runtime.store.exists(path):
        rows = asked_canaries(_client(endpoint))
        digests = tuple(text_digest(text) for text in CANARY_TEXTS)
        with runtime.store.scratch() as folder:
            batches.write_vectors(folder / "canaries.parquet", [(digests, rows)], endpoint.dimension)
            with suppress(DigestMismatch):  # another process was first: its vectors are the ones that count
                runtime.store.publish_file(path, folder / "canaries.parquet")
    with runtime.store.open(path) as handle:
        return batches.vectors_from_arrow(batches.read_table(handle, ["vector"])["vector"])
