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


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Names that a contract may use.

    Attributes:
        embedders: Model name to what is known of it; `path:DIR` is valid beside them.
        embedder_aliases: Other names of models, to the names above.
        chunkers: Chunker names.
        chunker_aliases: Other names of chunkers, to the names above.
        parsers: Parser names.
        sources: Server types that a source exists for.
        factories: Index factories.
    """

    embedders: Mapping[str, Model] = field(default_factory=lambda: EMBEDDERS)
    embedder_aliases: Mapping[str, str] = field(default_factory=lambda: EMBEDDER_ALIASES)
    chunkers: tuple[str, ...] = ("structural",)
    chunker_aliases: Mapping[str, str] = field(default_factory=lambda: CHUNKER_ALIASES)
    parsers: tuple[str, ...] = ("html", "markdown", "pdf", "text", "unstructured", "xml")
    sources: tuple[str, ...] = ("local", "s3", "azure", "sftp", "custom")
    factories: tuple[str, ...] = ("Flat",)


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
        "findings": "string",
        "metadata": "string",
        "blocks": "string",
        "parser": "string",
    }
)
"""`outcome` and `reasons` are not here: they are decided from the rules, so no rule can rest on them."""

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

# Expectations of Great Expectations 1.24 that judge one row at a time; arguments beside `column` and
# `mostly`, those that must be given marked with `!`. A test compares them with the library.
ROW_EXPECTATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "expect_column_values_to_not_be_null": (),
        "expect_column_values_to_be_null": (),
        "expect_column_values_to_be_in_set": ("value_set!",),
        "expect_column_values_to_not_be_in_set": ("value_set!",),
        "expect_column_values_to_match_regex": ("regex!",),
        "expect_column_values_to_not_match_regex": ("regex!",),
        "expect_column_values_to_match_regex_list": ("regex_list!", "match_on"),
        "expect_column_values_to_not_match_regex_list": ("regex_list!",),
        "expect_column_values_to_match_strftime_format": ("strftime_format!",),
        "expect_column_values_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_value_lengths_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_value_lengths_to_equal": ("value!",),
    }
)

# Expectations that need every document; likewise.
BATCH_EXPECTATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "expect_column_values_to_be_unique": (),
        "expect_column_unique_value_count_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_proportion_of_unique_values_to_be_between": (
            "min_value",
            "max_value",
            "strict_min",
            "strict_max",
        ),
        "expect_column_distinct_values_to_be_in_set": ("value_set!",),
        "expect_column_distinct_values_to_contain_set": ("value_set!",),
        "expect_column_distinct_values_to_equal_set": ("value_set!",),
        "expect_column_mean_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_median_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_min_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_column_max_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_table_row_count_to_be_between": ("min_value", "max_value", "strict_min", "strict_max"),
        "expect_table_row_count_to_equal": ("value!",),
    }
)
