"""Statistical models of a project: where they are kept, who signed them, and which one a contract uses.

<home>/models/<name>/{card.json, weights.safetensors, card.dsse.json}   immutable; another model has another name

The card is what is trusted: it is signed with the project's key, and names the digest of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from contracts.model import Contract
from corpus.errors import ConfigurationError
from corpus.ids import NAME_PATTERN, sha256_hex
from corpus.settings import Settings
from corpus.storage import Store, open_store
from corpus.types import Finding, ParsedDocument, RawBlob, utc_now
from index.signing import TrustStore, load_signer, sign_statement, verify
from ingestion.language import language_of
from provenance.statistics.card import ModelCard
from provenance.statistics.detector import StatisticalDetector, fingerprint_of
from provenance.statistics.model import StatisticalModel

FOLDER = "models"
CARD, WEIGHTS, ENVELOPE = "card.json", "weights.safetensors", "card.dsse.json"
PREDICATE_TYPE = "urn:stemma-rag:statistical-model:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The model that a contract names. Its weights are read with the first document.

    Attributes:
        settings: Of the project that it is in.
        card: What is claimed of it, its signature checked.
        on: The day on which documents are read.
    """

    settings: Settings
    card: ModelCard
    on: date

    @property
    def fingerprint(self) -> str:
        """Digest of the model and of whether it is expired: the day after which documents are read again."""
        return fingerprint_of(self.card, self.on)

    def detect(self, blob: RawBlob, document: ParsedDocument) -> tuple[Finding, ...]:
        """Returns what the model says of a document: one E6 finding."""
        model = _model(self.settings.home, self.settings.trusted_keys, self.card.name, self.card.digest)
        return StatisticalDetector(model=model, language_of=language_of, on=self.on).detect(blob, document)


def statistics_of(contract: Contract, settings: Settings) -> Statistics | None:
    """Returns the model that a contract names; None where it names none.

    Raises:
        ConfigurationError: There is no model of that name.
        IntegrityError: Its card is not what was signed.
    """
    if not contract.origin.model:
        return None
    card = load_card(open_store(settings.home), settings.trusted_keys, contract.origin.model)
    return Statistics(settings=settings, card=card, on=utc_now().date())


def require_free(store: Store, name: str) -> None:
    """Refuses a name that no new model may have.

    Raises:
        ConfigurationError: It is no name, or a model has it. Models never change: documents were judged by them.
    """
    if not NAME_PATTERN.match(name):
        raise ConfigurationError(
            f"{name!r} is no name of a model. Use lower-case letters, digits, '.', '_' and '-', at most 63."
        )
    if store.exists(f"{FOLDER}/{name}/{CARD}"):
        raise ConfigurationError(
            f"there is a model {name!r}, and a model never changes: documents were judged by it. Choose another name, "
            f"such as {name}-{utc_now():%Y-%m}, and name it in the contract."
        )


def publish_model(store: Store, signing_key: Path, model: StatisticalModel) -> None:
    """Signs a model and publishes it as one.

    Raises:
        ConfigurationError: The name is taken, or the signing key cannot be used.
    """
    require_free(store, model.card.name)
    files = model.files()
    card = model.card
    predicate = {"name": card.name, "created_on": card.created_on.isoformat(), "weights_sha256": card.weights_sha256}
    signer = load_signer(signing_key)
    files[ENVELOPE] = sign_statement(signer, {CARD: sha256_hex(files[CARD])}, predicate, PREDICATE_TYPE)
    with store.scratch() as folder:
        made = folder / "model"
        made.mkdir()
        for name, data in files.items():
            (made / name).write_bytes(data)
        store.publish_folder(f"{FOLDER}/{card.name}", made, CARD)


def model_names(store: Store) -> tuple[str, ...]:
    """Returns the names of all models of a home."""
    return store.names(FOLDER)


def load_card(store: Store, trusted_keys: Path, name: str) -> ModelCard:
    """Reads the card of a model and checks its signature.

    Raises:
        ConfigurationError: There is no model of that name.
        IntegrityError: The card is not what a trusted key signed, or cannot be read.
    """
    data = _read(store, name, CARD)
    verify(_read(store, name, ENVELOPE), TrustStore.from_folder(trusted_keys), {CARD: sha256_hex(data)}, PREDICATE_TYPE)
    return ModelCard.from_bytes(data)


def load_model(store: Store, trusted_keys: Path, name: str) -> StatisticalModel:
    """Reads a model, every byte of which is what a trusted key signed.

    Raises:
        ConfigurationError: There is no model of that name.
        IntegrityError: A file is not what was signed.
    """
    card = load_card(store, trusted_keys, name)
    return StatisticalModel.from_files(card.to_bytes(), _read(store, name, WEIGHTS))


@lru_cache(maxsize=4)
def _model(home: str, trusted_keys: Path, name: str, digest: str) -> StatisticalModel:  # noqa: ARG001 - what is kept
    return load_model(open_store(home), trusted_keys, name)


def _read(store: Store, name: str, file: str) -> bytes:
    try:
        return store.read_bytes(f"{FOLDER}/{name}/{file}")
    except FileNotFoundError as error:
        known = ", ".join(model_names(store)) or "none"
        raise ConfigurationError(
            f"there is no statistical model {name!r} in {store.url}. Known: {known}. Make one with `stemma origin "
            f"train {name} --human ... --ai ...`, or take it out of the contract (ragOrigin)."
        ) from error


def cards(store: Store, trusted_keys: Path) -> Mapping[str, ModelCard]:
    """Returns the card of every model by its digest, as findings name it."""
    found = (load_card(store, trusted_keys, name) for name in model_names(store))
    return {card.digest: card for card in found}
