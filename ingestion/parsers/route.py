"""The way in to parsing: sniff, choose the parser, and let nothing but ParseError out.

This is the one place where any exception of a parsing library is caught.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from corpus.errors import ConfigurationError, ParseError
from corpus.ids import fingerprint as digest
from corpus.seams import Parser
from corpus.types import EMPTY, ParsedDocument, RawBlob
from ingestion import media
from ingestion.parsers.registry import DEFAULTS, PARSERS

RULES = 2
"""Raised when sniffing or decoding gives other text than before; 2: guessing by language, ISO 2022, UTF-32."""
_REFUSED: Mapping[str, tuple[str, str]] = {
    media.EMPTY_FILE: ("empty", "The file is empty. Add text, or remove it."),
    media.ENCRYPTED_OFFICE: ("encrypted", "The document is encrypted. Save it without a password."),
    media.BINARY: ("binary", "The file holds binary data of no known document format. Replace or remove it."),
}


def parse(blob: RawBlob, overrides: Mapping[str, str] = EMPTY) -> ParsedDocument:
    """Turns the bytes of one document into text with structure.

    Args:
        blob: The bytes.
        overrides: Media type to parser name, where a contract wants another than ours.

    Raises:
        ParseError: No text can be had; `code` says why. No other exception leaves, whatever the bytes.
        MemoryError: There is no memory to read it: nothing is known of the document.
        ConfigurationError: An override names a parser that does not exist.
    """
    kind = media.sniff(blob.data, blob.ref.path)
    parser = parser_for(kind.type, overrides)
    try:
        document = parser.parse(blob, kind.type)
    except (ParseError, ConfigurationError, MemoryError):
        raise
    except Exception as error:
        raise _unparseable(error) from error
    return replace(document, notes=(*kind.notes, *document.notes))


def parser_for(media_type: str, overrides: Mapping[str, str] = EMPTY) -> Parser:
    """Returns the parser of a media type.

    Raises:
        ParseError: No parser reads it (code `unsupported`, or what is wrong with the file).
        ConfigurationError: The override names a parser that does not exist.
    """
    name = overrides.get(media_type) or DEFAULTS.get(media_type)
    if name is None:
        unsupported = f"The file is {media_type}, which no parser reads. Save it as text, Markdown, HTML, PDF or DOCX."
        code, message = _REFUSED.get(media_type, ("unsupported", unsupported))
        raise ParseError(message, code=code)
    parser: Parser = PARSERS.load(name)()
    return parser


def fingerprint(overrides: Mapping[str, str] = EMPTY) -> str:
    """Returns the digest of everything that changes what `parse` gives; loads no parsing library."""
    names = sorted({*DEFAULTS.values(), *overrides.values()})
    return digest(
        "parsers",
        {
            "rules": RULES,
            "routes": {**DEFAULTS, **overrides},
            "parsers": {name: PARSERS.load(name)().fingerprint for name in names},
        },
    )


def _unparseable(error: Exception) -> ParseError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ParseError(f"The document is damaged or not what it claims to be: {reason}. Export it again.")
