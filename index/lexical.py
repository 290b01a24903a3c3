"""The index of words beside the vectors: BM25 over the chunks of a version, in one signed file.

bm25s computes the scores when the version is built (extra `hybrid`); they are kept by word, so a search only adds
the columns of the words that were asked for, and needs numpy alone. The file is in the safetensors format: `rows` and
`scores` of all words one after the other, where each word's begin in `starts`, and the words as UTF-8 in `words`,
separated by line feeds.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from corpus.errors import ConfigurationError, IntegrityError
from index.search import Selection

METHOD = {"method": "lucene", "k1": 1.5, "b": 0.75, "words": "nfkc-casefold-1"}
"""BM25 as in Lucene, with the constants that bm25s has by default, and the name of how texts become words."""

_WORD = re.compile(r"\w+")
# Scripts that are written without spaces: each two neighbouring characters are a word.
_RUN = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f]+"
)
_TYPES: dict[str, Any] = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "I64": np.dtype("<i8"), "U8": np.dtype("u1")}


def words(text: str) -> list[str]:
    """Returns the words of a text: normalised (NFKC), without case, in order."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [part for word in _WORD.findall(folded) for part in _parts(word)]


def _parts(word: str) -> Iterator[str]:
    start = 0
    for run in _RUN.finditer(word):
        if word[start : run.start()]:
            yield word[start : run.start()]
        signs = run.group()
        yield from (signs[at : at + 2] for at in range(max(len(signs) - 1, 1)))
        start = run.end()
    if word[start:]:
        yield word[start:]


def write_lexical(path: Path, texts: Iterable[str]) -> None:
    """Builds the index of words over texts, in the order of the rows; equal texts give equal bytes.

    Raises:
        ConfigurationError: bm25s is not installed.
    """
    from safetensors.numpy import save_file  # noqa: PLC0415 - only a build writes

    known: dict[str, int] = {}
    rows = [[known.setdefault(word, len(known)) for word in words(text)] for text in texts]
    matrix = _scores(rows, known)
    tensors = {**matrix, "words": np.frombuffer("\n".join(known).encode("utf-8"), dtype=np.uint8)}
    described = json.dumps({**METHOD, "chunks": len(rows)}, sort_keys=True)
    save_file({name: np.ascontiguousarray(item) for name, item in tensors.items()}, path, {"bm25": described})


def _scores(rows: list[list[int]], known: dict[str, int]) -> dict[str, npt.NDArray[Any]]:
    if not known:
        return {"rows": np.zeros(0, "<i4"), "scores": np.zeros(0, "<f4"), "starts": np.zeros(1, "<i8")}
    try:
        from bm25s import BM25  # noqa: PLC0415 - an extra, and it loads numba
    except ImportError as error:
        raise ConfigurationError(
            "the contract asks for `lexical: bm25`, and bm25s is not installed. Install `stemma-rag[hybrid]`."
        ) from error
    bm25 = BM25(k1=METHOD["k1"], b=METHOD["b"], method=METHOD["method"])
    bm25.index((rows, known), create_empty_token=False, show_progress=False)
    return {
        "rows": bm25.scores["indices"].astype("<i4"),
        "scores": bm25.scores["data"].astype("<f4"),
        "starts": bm25.scores["indptr"].astype("<i8"),
    }


class Lexicon:
    """An open index of words. Any number of threads may ask.

    Args:
        data: The bytes of the file, or a read-only map of it.
        chunks: Chunks of the version.

    Raises:
        IntegrityError: It is not what `write_lexical` writes, or of another number of chunks.
    """

    def __init__(self, data: Any, chunks: int) -> None:
        try:
            said, tensors = _tensors(data)
            self._rows, self._scores, self._starts = (tensors[name] for name in ("rows", "scores", "starts"))
            listed = bytes(tensors["words"]).decode("utf-8")
        except (KeyError, ValueError, TypeError) as error:
            raise IntegrityError(f"the index of words cannot be read: {error!r}. Build the version again.") from error
        if said != {**METHOD, "chunks": chunks}:
            raise IntegrityError(
                f"the index of words says {said}, expected { ({**METHOD, 'chunks': chunks}) }. Build the version again."
            )
        self._chunks = chunks
        self._known = {word: code for code, word in enumerate(listed.split("\n"))} if listed else {}

    @classmethod
    def mapped(cls, path: Path, chunks: int) -> Self:
        """Opens a file without reading it into memory."""
        return cls(np.memmap(path, dtype=np.uint8, mode="r"), chunks)

    def scores(self, text: str) -> npt.NDArray[np.float32]:
        """Returns the BM25 score of each row for the words of a text; a word that is said twice counts twice."""
        total = np.zeros(self._chunks, dtype=np.float32)
        for word in words(text):
            code = self._known.get(word)
            if code is not None:
                part = slice(int(self._starts[code]), int(self._starts[code + 1]))
                total[self._rows[part]] += self._scores[part]  # a row stands once in a word's column
        return total

    def search(self, text: str, depth: int, allowed: Selection | None = None) -> tuple[list[int], list[float]]:
        """Finds the rows with the highest scores among those allowed; rows without any of the words are none.

        Returns:
            Rows and their scores, best first; of equal scores the smaller row is first.
        """
        total = self.scores(text)
        rows = np.flatnonzero(total > 0 if allowed is None else (total > 0) & allowed.mask)
        found = total[rows]
        if len(rows) > depth:
            least = np.partition(found, len(found) - depth)[len(found) - depth]
            kept = found >= least
            rows, found = rows[kept], found[kept]
        order = np.lexsort((rows, -found))[:depth]
        return rows[order].tolist(), found[order].tolist()


def _tensors(data: Any) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Reads a safetensors file without copying: eight bytes of length, a JSON header, the tensors."""
    view = memoryview(data)
    length = int.from_bytes(view[:8], "little")
    header = json.loads(bytes(view[8 : 8 + length]))
    said = json.loads(header.pop("__metadata__")["bm25"])
    body = view[8 + length :]
    tensors = {}
    for name, item in header.items():
        start, end = item["data_offsets"]
        tensors[name] = np.frombuffer(body[start:end], dtype=_TYPES[item["dtype"]])
    return said, tensors
