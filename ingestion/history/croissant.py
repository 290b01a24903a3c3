"""One version of an index as a Croissant description: JSON-LD that data set tools read (MLCommons Croissant 1.0).

The files are named relative to the version's folder, with the digests of the signed manifest; the two tables are record
sets with a field for each column. Written as plain JSON: nothing has to be installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from corpus import batches
from corpus.catalog.records import VersionRecord
from index import layout
from index.manifest import Manifest
from ingestion.dossier import contract_or_none
from ingestion.history.opened import open_history
from ingestion.history.trusted import manifest_of
from ingestion.runtime import Runtime

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives (section "Context", 1.0)."""

_MEDIA = {".parquet": "application/x-parquet", ".json": "application/json", ".yaml": "application/yaml"}
_TABLES = {"documents": (layout.DOCUMENTS, batches.DOCUMENTS, "doc_id"), "chunks": (layout.CHUNKS, batches.CHUNKS, "")}
_NOT_SAID = "https://spdx.org/licenses/NOASSERTION.html"


def croissant(runtime: Runtime, name: str, version: str | int = "live", *, license_url: str = "") -> dict[str, Any]:
    """Returns the Croissant description of one version.

    Args:
        runtime: The project.
        name: The index.
        version: A number or an alias.
        license_url: Licence of the documents; empty says that none is asserted: Stemma does not know it.

    Raises:
        ConfigurationError: There is no such index or version.
        IntegrityError: The manifest is not what was signed.
    """
    record = open_history(runtime, name).resolve(version)
    manifest = manifest_of(runtime, record)
    contract = contract_or_none(runtime, name)
    return described(manifest, record, license_url=license_url, publisher=contract.owner_team if contract else "")


def described(manifest: Manifest, record: VersionRecord, *, license_url: str, publisher: str) -> dict[str, Any]:
    """Returns the description of a version whose manifest is trusted."""
    held = manifest.contents
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{manifest.name}-{layout.version_name(manifest.number)}",
        "description": (
            f"Version {manifest.number} of the index {manifest.name}: {held.documents} documents in {held.chunks} "
            f"chunks, under contract {manifest.contract.name} {manifest.contract.version}. Identity "
            f"{manifest.identity}. AI-written or AI-assisted chunks: {manifest.origin.ai_share_chunks.declared:.1%} "
            f"declared, {manifest.origin.ai_share_chunks.matched:.1%} matched; nothing is estimated here."
        ),
        "version": f"{manifest.number}.0.0",
        "datePublished": manifest.created_at.isoformat(),
        "license": license_url or _NOT_SAID,
        "url": f"urn:stemma-rag:index:{manifest.name}:{manifest.number}:{record.manifest_sha256}",
        **({"publisher": {"@type": "sc:Organization", "name": publisher}} if publisher else {}),
        "citeAs": f"{manifest.name} {layout.version_name(manifest.number)}, manifest sha256 {record.manifest_sha256}",
        "distribution": [_file(name, manifest) for name in sorted(manifest.files)],
        "recordSet": [_record_set(table, *_TABLES[table]) for table in _TABLES],
    }


def _file(name: str, manifest: Manifest) -> dict[str, Any]:
    ending = f".{name.rpartition('.')[2]}"
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{manifest.files[name].size} B",
        "encodingFormat": _MEDIA.get(ending, "application/octet-stream"),
        "sha256": manifest.files[name].sha256,
    }


def _record_set(table: str, file: str, schema: pa.Schema, key: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        **({"key": {"@id": f"{table}/{key}"}} if key else {"key": {"@id": f"{table}/chunk_id"}}),
        "field": [_field(table, file, field) for field in schema],
    }


def _field(table: str, file: str, field: pa.Field) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "dataType": _kind(field.type),
        "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
    }


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Date" if pa.types.is_timestamp(kind) else "sc:Text"
