"""What reads bytes of others: each target takes any bytes, and only documented errors may come out of it.

Used by the property tests here and by `make fuzz` (`tests/security/fuzz.py`), which runs longer.
"""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from contracts.load import problems_of
from corpus.errors import ParseError, StemmaError
from corpus.storage import open_store
from corpus.types import RawBlob, SourceRef
from index import layout, signing, tombstones
from index.embedders.openai_answer import UnreadableAnswer, reason_of, vectors_of
from index.golden import read_items
from index.manifest import Manifest
from index.pointer import AliasPointer
from index.signing import TrustStore
from ingestion.governance import declared_beside, sidecar_problem
from ingestion.parsers.route import parse
from ingestion.web.sitemap import read_lines, read_sitemap
from provenance.importers import lines, native, otlp
from provenance.statistics.card import ModelCard

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = (ROOT / "tests" / "contracts" / "valid.odcs.yaml").read_bytes()
MANIFEST = (ROOT / "tests" / "index" / "golden" / "manifest.json").read_bytes()
VECTORS = b'{"data": [{"index": 0, "embedding": [0.6, 0.8]}]}'
NUMBER = sys.get_int_max_str_digits() + 1

TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"NaN", b"1e999", b"-0", b'"\\ud800"', b"\xff", b"\x00",
    b"\n", b"\r\n", b"\xe2\x80\xa8", b"../", b"/etc/passwd", b"<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
    b"&a;", b"<![CDATA[", b"<!--", b"---\n", b"+++\n", b"*a", b"&a ", b"!!python/object/apply:os.system [id]", b"<<: ",
    b"[" * 1500, b'{"a":' * 1500, b"<a>" * 1500, b"9" * NUMBER, b"- " * 300, b"> " * 300, b"PK\x03\x04", b"%PDF-1.7",
)  # fmt: skip
"""What a mutation puts in: signs that mean something to one reader or another, and nesting."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: Reads bytes; raises what is documented, or nothing.
        seeds: Bytes that it reads without an error.
        errors: What may come out.
    """

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = (StemmaError,)

    def __call__(self, data: bytes) -> bool:
        """Returns whether the bytes were read; whatever is not documented comes out."""
        try:
            self.read(data)
        except self.errors:
            return False
        return True


@cache
def signer() -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@cache
def targets() -> Mapping[str, Target]:
    trust = TrustStore(keys={signer().public_key.keyid: signer().public_key})
    moved = {"generation": 1, "moved_at": "2026-01-01T00:00:00+00:00", "actor": "ann"}
    pointer = AliasPointer(alias="live", version=1, manifest_sha256="a" * 64, **moved)
    envelope = signing.sign_statement(signer(), {"manifest.json": "a" * 64}, {"name": "a"})
    store = open_store("memory://fuzz")

    def _vectors(data: bytes) -> object:
        return vectors_of(data, 1, 2)

    def read_tombstones(data: bytes) -> object:
        store.replace(f"indexes/a/{layout.TOMBSTONES}", data)
        return tombstones.read_tombstones(store, "a", trust)

    said = tombstones.Tombstones(index="a", sequence=1, documents=frozenset({"b" * 64}), chunks=frozenset())
    answer = (
        b'{"text": "Thirty days.", "served_at": "2026-01-01T00:00:00Z", "question": "How long?", "retrieved": ["a"]}\n'
    )
    golden = b'{"id": "a", "question": "How long?", "evidence": [{"document": "a.md", "quote": "thirty days"}]}\n'
    said_by = [{"key": "gen_ai.completion", "value": {"stringValue": "x"}}]
    span = {"name": "chat", "traceId": "a" * 32, "spanId": "b" * 16, "attributes": said_by}
    trace = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    sitemap = b"<urlset><url><loc>https://a.example/</loc></url></urlset>"
    return {
        "contract": Target(lambda data: problems_of(data.decode("utf-8", "replace")), (CONTRACT,)),
        "manifest": Target(Manifest.from_bytes, (MANIFEST,)),
        "pointer": Target(AliasPointer.from_bytes, (pointer.to_bytes(), pointer.to_bytes(signer(), "a"))),
        "signature": Target(lambda data: signing.verify(data, trust, {"manifest.json": "a" * 64}), (envelope,)),
        "predicate": Target(signing.predicate_of, (envelope,)),
        "tombstones": Target(read_tombstones, (said.to_bytes(signer()),)),
        "answers": Target(lambda data: list(native.read(lines.bounded(io.BytesIO(data)))), (answer,)),
        "traces": Target(lambda data: list(otlp.read(io.BytesIO(data), Counter())), (trace, trace + b"\n" + trace)),
        "golden lines": Target(lambda data: read_items(data.decode("utf-8", "replace"), "a.jsonl"), (golden,)),
        "golden yaml": Target(lambda data: read_items(data.decode("utf-8", "replace"), "a.yaml"), (b"- " + golden,)),
        "endpoint answer": Target(_vectors, (VECTORS,), errors=(StemmaError, UnreadableAnswer)),
        "endpoint refusal": Target(lambda data: reason_of(data, "sk-1"), (b'{"error": {"code": "a"}}',)),
        "model card": Target(ModelCard.from_bytes, ()),
        "sidecar": Target(lambda data: (declared_beside(data), sidecar_problem(data)), (b"owner: ann\n",)),
        "sitemap": Target(lambda data: read_sitemap(data, "a"), (sitemap,)),
        "list": Target(lambda data: read_lines(data, "a"), (b"https://a.example/\n",)),
        **{f"parser {name}": _parser(f"a.{name}", seed) for name, seed in _PARSED.items()},
    }


_PARSED = {
    "md": b"---\nowner: ann\n---\n# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n* x\n\n[l](http://x/)\n",
    "html": b"<html><head><meta name=a content=b></head><body><h1>A</h1><p>x</p></body></html>",
    "xml": b"<?xml version='1.0'?><feed><title>A</title><entry>words</entry></feed>",
    "txt": b"Words and more words.\n",
    "rst": b"A\n=\n\nWords.\n",
    "json": b'{"a": ["words"]}',
    "csv": b"a,b\n1,2\n",
}


def _parser(path: str, seed: bytes) -> Target:
    def read(data: bytes) -> object:
        ref = SourceRef(doc_id="a", uri="memory://a", path=path, size=len(data), modified_at=None)
        return parse(RawBlob(ref=ref, data=data, sha256="0" * 64))

    return Target(read, (seed,), errors=(ParseError,))
