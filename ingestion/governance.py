"""The five governance fields, and who said each.

Precedence: the sidecar wins over the document, the document over the contract's defaults. A sidecar
is written by whoever answers for the document here; what stands inside may be a copy of a copy.

The names are taken strictly. Spelling variants (`Source-System`, `source system`) and the few
synonyms below count; what merely resembles a field does not: an author is not an owner, an edit is not a
validation, a generator is not a source system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from corpus.types import Governance, Reason, SourceRef
from ingestion.parsers.declared import DeclarationError, read_yaml

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "owner": ("document_owner", "data_owner"),
    "source_system": ("system_of_record",),
    "last_validated_date": ("last_validated", "validated_on"),
    "sensitivity_label": ("sensitivity",),
    "version": ("document_version", "doc_version"),
}
# Names under which documents say when their content last changed, best first.
UPDATED_NAMES = (
    "updated_at", "updated", "last_updated", "modified", "last_modified", "lastmod",
    "article_modified_time", "og_updated_time", "dcterms_modified", "dc_date_modified",
)  # fmt: skip
_SEPARATORS = re.compile(r"[\s:.-]+")
_PREFIX = "stemma_"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)


def governance_of(
    metadata: Mapping[str, str], sidecar: bytes, required: Sequence[str], defaults: Mapping[str, str]
) -> Governance:
    """Collects the governance fields of one document.

    A sidecar that cannot be read leaves all fields empty: it may have said `restricted`, and a
    contract's default must not say `public` in its place. `sidecar_problem` gives the reason.

    Args:
        metadata: What the document declares.
        sidecar: Bytes of the metadata beside it, empty where there is none.
        required: Fields that the contract wants; fields with a default are looked for as well.
        defaults: The contract's values for fields that nobody else gives.

    Returns:
        The values found and, for each, `sidecar`, `document` or `contract`.
    """
    try:
        beside = _read_sidecar(sidecar)
    except DeclarationError:
        return Governance(values={}, basis={})
    voices = (("sidecar", names_of(beside)), ("document", names_of(metadata)), ("contract", names_of(defaults)))
    values: dict[str, str] = {}
    basis: dict[str, str] = {}
    for name in dict.fromkeys((*SYNONYMS, *required, *defaults)):
        found = next(((who, value) for who, said in voices if (value := _value(name, said))), None)
        if found:
            basis[name], values[name] = found
    return Governance(values=values, basis=basis)


def declared_beside(sidecar: bytes) -> dict[str, str]:
    """Returns what the metadata file beside a document declares; nothing where it cannot be read."""
    try:
        return _read_sidecar(sidecar)
    except DeclarationError:
        return {}


def sidecar_problem(sidecar: bytes) -> Reason | None:
    """Returns why a sidecar cannot be read; None for one that can, or that is not there."""
    try:
        _read_sidecar(sidecar)
    except DeclarationError as error:
        message = f"The metadata file beside the document cannot be read: {error}. Mend or remove it."
        return Reason(code="governance.sidecar.invalid", message=message)
    return None


def updated_at_of(metadata: Mapping[str, str], ref: SourceRef) -> datetime | None:
    """Returns when the content last changed: as the document says, else as the source says.

    Args:
        metadata: What the document declares; only ISO 8601 dates and times count.
        ref: The listing entry.
    """
    named = names_of(metadata)
    stated = (parse_iso(named[name]) for name in UPDATED_NAMES if name in named)
    return next((moment for moment in stated if moment), ref.modified_at)


def parse_iso(value: str) -> datetime | None:
    """Reads `YYYY-MM-DD` or an ISO 8601 date and time; a missing zone is UTC; None for all else."""
    value = value.strip()
    if not _ISO.fullmatch(value):
        return None
    try:
        if len(value) == 10:
            day = date.fromisoformat(value)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _read_sidecar(sidecar: bytes) -> dict[str, str]:
    if not sidecar:
        return {}
    try:
        source = sidecar.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"it is not UTF-8 (byte {error.start})") from error
    return read_yaml(source)


def names_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Brings names to one spelling; of two spellings of one name the first counts."""
    named: dict[str, str] = {}
    for key, value in metadata.items():
        named.setdefault(_SEPARATORS.sub("_", key.strip().lower()).removeprefix(_PREFIX), value.strip())
    return named


def _value(name: str, named: Mapping[str, str]) -> str:
    return next((named[key] for key in (name, *SYNONYMS.get(name, ())) if named.get(key)), "")
