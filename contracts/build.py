"""What this build can run: the names that a contract may use.

The tables of embedders, parsers and so on belong to other packages, which this one may not import; a
test of the whole project compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An embedding model: numbers per vector, and tokens it reads (0 for no limit)."""

    dimension: int
    max_tokens: int


# all-MiniLM-L6-v2 reads 256 tokens, two of them special (its sentence_bert_config.json);
# wordllama pools static token vectors and has no limit.
EMBEDDERS: Mapping[str, Model] = MappingProxyType(
    {
        "all-MiniLM-L6-v2": Model(dimension=384, max_tokens=254),
        "wordllama-256": Model(dimension=256, max_tokens=0),
    }
)

EMBEDDER_ALIASES: Mapping[str, str] = MappingProxyType({"sentence-transformers/all-MiniLM-L6-v2": "all-MiniLM-L6-v2"})

# Other tools call a splitter that tries paragraphs, then sentences, then words "recursive": that is
# what `structural` does, with headings, code and tables respected as well.
CHUNKER_ALIASES: Mapping[str, str] = MappingProxyType({"recursive": "structural"})

PATH_PREFIX = "path:"
REMOTE_PREFIX = "remote:"
"""Before the name of an endpoint that the project's settings declare."""

FIXED_FACTORY = r"^(Flat|SQ8|HNSW\d+(,(Flat|SQ8))?|IVF\d+,(Flat|SQ8))$"
"""Index factories whose numbers the contract gives (`index.factory.FIXED`; a test compares)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Names that a contract may use.

    Attributes:
        embedders: Model name to what is known of it; `path:DIR` and `remote:NAME` are valid beside them.
        embedder_aliases: Other names of models, to the names above.
        chunkers: Chunker names.
        chunker_aliases: Other names of chunkers, to the names above.
        parsers: Parser names.
        sources: Server types that a source exists for.
        factories: Index factories without numbers; `FIXED_FACTORY` says which with numbers are valid beside them.
    """

    embedders: Mapping[str, Model] = field(default_factory=lambda: EMBEDDERS)
    embedder_aliases: Mapping[str, str] = field(default_factory=lambda: EMBEDDER_ALIASES)
    chunkers: tuple[str, ...] = ("structural",)
    chunker_aliases: Mapping[str, str] = field(default_factory=lambda: CHUNKER_ALIASES)
    parsers: tuple[str, ...] = ("epub", "html", "markdown", "odt", "pdf", "text", "unstructured", "xml")
    sources: tuple[str, ...] = ("local", "s3", "azure", "sftp", "custom", "api")
    factories: tuple[str, ...] = ("auto", "Flat", "SQ8", "HNSW32", "IVF,Flat", "IVF,SQ8")


THIS_BUILD = Build()

# Logical type of each column of documents.parquet (corpus.batches.DOCUMENTS; a test compares).
DOCUMENT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "doc_id": "string",
        "revision_id": "string",
        "uri": "string",
        "title": "string",
        "text": "string",
        "content_sha256": "string",
        "raw_sha256": "string",
        "media_type": "string",
        "language": "string",
        "updated_at": "timestamp",
        "size_bytes": "integer",
        "owner": "string",
        "source_system": "string",
        "last_validated_date": "string",
        "sensitivity_label": "string",
        "version": "string",
        "governance_basis": "string",
        "digital_source_type": "string",
        "origin_basis": "string",
        "generation_depth": "integer",
        "quality_score": "number",
        "quality_parts": "string",
        "quality_reasons": "string",
        "document_type": "string",
        "repairs": "string",
        "findings": "string",
        "metadata": "string",
        "blocks": "string",
        "parser": "string",
    }
)
"""`outcome` and `reasons` are not here: they are decided from the rules, so no rule can rest on them."""

OTHER_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "last_validated_date": "date",
        "quality_reasons": "array",
        "findings": "array",
        "repairs": "array",
        "blocks": "array",
        "quality_parts": "object",
        "governance_basis": "object",
        "metadata": "object",
    }
)
"""Columns of text that hold something else: a date, a JSON list or a JSON object. A contract may say either."""

ENTRY_TYPES: Mapping[str, str] = MappingProxyType(
    {"quality_reasons": "string", "findings": "object", "repairs": "object", "blocks": "array"}
)
"""Logical type of the entries of each list."""

CHUNK_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "chunk_id": "string",
        "doc_id": "string",
        "revision_id": "string",
        "ordinal": "integer",
        "start": "integer",
        "end": "integer",
        "text": "string",
        "text_sha256": "string",
        "headings": "string",
        "token_count": "integer",
        "digital_source_type": "string",
        "origin_basis": "string",
        "generation_depth": "integer",
        "quality_score": "number",
        "embedding": "vector",
    }
)

NEVER_NULL: tuple[str, ...] = tuple(name for name in CHUNK_COLUMNS if name != "quality_score")
"""Columns of chunks that the file format keeps from being null (corpus.batches.CHUNKS; a test compares)."""

DOCUMENT_TYPES = ("prose", "reference", "faq", "table", "code", "slides", "transcript")
"""Profiles that a document is scored by."""

HIDDEN_TECHNIQUES = (
    "actual_text",
    "alt",
    "annotation",
    "aria",
    "attachment",
    "bidi_nesting",
    "bidi_override",
    "clip",
    "colour",
    "comment",
    "content_visibility",
    "covered",
    "custom_xml",
    "data_attribute",
    "deleted",
    "display",
    "earlier_revision",
    "fallback",
    "field_code",
    "filler",
    "font_size",
    "hidden_annotation",
    "hidden_attribute",
    "hidden_input",
    "json_ld",
    "layer",
    "link_title",
    "look_alikes",
    "meta",
    "metadata",
    "noscript",
    "off_page",
    "off_screen",
    "opacity",
    "outside_page",
    "private_use",
    "properties",
    "render_mode",
    "script_data",
    "soft_hyphen",
    "srcdoc",
    "svg_metadata",
    "tag_characters",
    "template",
    "terminal",
    "text_indent",
    "text_matrix",
    "title_attribute",
    "transform",
    "unused_reference",
    "vanish",
    "variation_selectors",
    "visibility",
    "zero_box",
    "zero_width",
    "zero_width_code",
)
"""How text is hidden, as the rule `hidden_text` names it; the detector's own, compared by a test."""

SCORE_PARTS = (
    "extraction",
    "structure",
    "prose",
    "repetition",
    "boilerplate",
    "language",
    "density",
    "freshness",
    "metadata",
    "authority",
)
"""Sub-scores that a contract may weigh."""
