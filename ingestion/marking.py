"""Marks on answers: made with the project's key, and judged by the keys that it trusts.

A document that holds a mark of a trusted key is an answer of ours, whether the registry still knows the answer
or not. What the mark stands under is compared with what was signed, so that a footer that somebody copied under
another text is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from corpus.catalog import forgotten
from corpus.catalog.records import AnswerRecord
from corpus.settings import Settings
from corpus.types import Assessment, Basis, Finding, OriginKind, Scope, Span, utc_now
from index.signing import Signer, TrustStore, load_signer
from ingestion.examine import Matcher
from ingestion.recording import Open, index_version
from ingestion.runtime import Runtime
from provenance import marks, textmark
from provenance.detectors.marks import CODE, MarksDetector
from provenance.marks import Compared, Mark

NAME = MarksDetector.name
WHOLE_SHARE = 0.5
"""From this share of a document's words on the document is an answer, below it a passage (as for a match)."""

_CODES = {
    "signed": "answer.marked",
    "moved": "answer.moved",
    "forged": "answer.forged",
    "unknown_key": "answer.foreign",
}
_QUOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An answer with its mark.

    Attributes:
        text: The answer with the footer under it: what to serve.
        footer: The footer alone.
        mark: What to record beside the answer.
    """

    text: str
    footer: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a mark in a text turned out to be.

    Attributes:
        verdict: `signed`, `moved` (signed, but under another text), `forged`, or `unknown_key`.
        mark: The mark.
        keyid: The trusted key that signed it, empty for none.
        answer: The answer in the registry that was served with it; None where it holds none.
        compared: How much of the answer stands there.
    """

    verdict: str
    mark: str
    keyid: str
    answer: AnswerRecord | None
    compared: Compared


class Marker:
    """Puts signed footers under answers.

    Args:
        signer: The private key.
        system: Which RAG system serves.
    """

    def __init__(self, signer: Signer, *, system: str) -> None:
        self._signer = signer
        self._system = system
        self._public = _raw_key(signer.public_key)

    @classmethod
    def of(cls, settings: Settings, *, system: str) -> Marker:
        """Makes a marker with the project's signing key.

        Raises:
            ConfigurationError: The key is missing, or no key.
        """
        return cls(load_signer(settings.signing_key), system=system)

    def footer(self, text: str, *, answer_id: str, index: str | Open = "", served_at: datetime | None = None) -> Marked:
        """Marks an answer.

        Args:
            text: The answer.
            answer_id: Its id, the one that it is recorded with.
            index: The index version it was retrieved from: an open reader, or `NAME/v000001`.
            served_at: When, aware; None for now.

        Raises:
            ValueError: There is no id, or the time is out of range.
        """
        mark, footer = marks.make(
            text,
            answer_id=answer_id,
            served_at=served_at or utc_now(),
            system=self._system,
            sign=lambda message: bytes.fromhex(self._signer.sign(message).signature),
            public_key=self._public,
            index_version=index_version(index),
        )
        return Marked(text=f"{text.rstrip()}\n\n{footer}\n", footer=footer, mark=mark.token)


def _raw_key(key: Any) -> bytes:
    """Returns the 32 bytes of an Ed25519 public key of the trust store."""
    return bytes.fromhex(key.keyval["public"])


def trusted_keys(settings: Settings) -> dict[str, bytes]:
    """Returns the keys that the project trusts, by id, raw."""
    return {keyid: _raw_key(key) for keyid, key in TrustStore.from_folder(settings.trusted_keys).keys.items()}


def judge_text(runtime: Runtime, text: str, keys: Mapping[str, bytes]) -> tuple[Judged, ...]:
    """Judges every mark of a text, in order of kind and place."""
    spans = [(mark.token, mark.span) for mark in marks.find(text)]
    spans += [(found.mark, found.span) for found in textmark.find(text)]
    return tuple(_judged(runtime, text, mark, span, keys) for mark, span in spans)


def with_marks(runtime: Runtime, match: Matcher) -> Matcher:
    """Returns a look-up that judges the marks a document holds, beside another look-up.

    Args:
        runtime: The project.
        match: The other look-up; its findings come first.
    """
    keys: dict[str, bytes] = {}

    def look_up(draft: Assessment) -> tuple[Finding, ...]:
        held = [finding for finding in draft.findings if finding.code == CODE]
        if held and not keys:
            keys.update(trusted_keys(runtime.settings))
        return (*match(draft), *_findings(runtime, draft, held, keys))

    return look_up


def _findings(
    runtime: Runtime, draft: Assessment, held: Sequence[Finding], keys: Mapping[str, bytes]
) -> tuple[Finding, ...]:
    if draft.document is None:
        return ()
    text = draft.document.text
    found = [_judged(runtime, text, str(item.detail["mark"]), item.span, keys) for item in held]
    return tuple(_finding(text, item, judged) for item, judged in zip(held, found, strict=True) if judged.verdict)


def _judged(runtime: Runtime, text: str, token: str, span: Span | None, keys: Mapping[str, bytes]) -> Judged:
    with runtime.catalog.reading() as tx:
        answer = forgotten.marked(tx, token)
    end = span.end if span else len(text)
    if token.startswith(textmark.PREFIX):
        # What a manifest says is for a C2PA library; here only the registry can say that it is ours.
        sketch = marks.sketch_of(answer.text) if answer is not None and answer.text else ()
        compared = marks.compare(text, sketch, end)
        # Where its text is not kept nobody can say that it still stands under it.
        verdict = "" if answer is None else "signed" if compared.of and compared.same else "moved"
        return Judged(verdict=verdict, mark=token, keyid="", answer=answer, compared=compared)
    mark = _read(token)
    verdict, keyid = marks.judge(mark, keys)
    compared = marks.compare(text, mark.sketch, end)
    if verdict == "signed" and not compared.same:
        verdict = "moved"
    return Judged(verdict=verdict, mark=token, keyid=keyid, answer=answer, compared=compared)


def _read(token: str) -> Mark:
    [mark] = marks.find(token)
    return mark


def _finding(text: str, held: Finding, judged: Judged) -> Finding:
    sure = judged.verdict == "signed"
    whole = sure and judged.compared.share >= WHOLE_SHARE
    span = judged.compared.span if sure and judged.compared.span else held.span
    return Finding(
        detector=NAME,
        code=_CODES[judged.verdict],
        level="E2",
        origin=OriginKind.AI_GENERATED,
        basis=Basis.MATCHED if sure else Basis.SUSPECTED,
        scope=Scope.DOCUMENT if whole else Scope.PASSAGE,
        span=span,
        quote=span.of(text)[:_QUOTE] if span else held.quote,
        detail={
            "answer_id": judged.answer.answer_id if judged.answer else "",
            "mark": judged.mark,
            "keyid": judged.keyid,
            "registered": judged.answer is not None,
            "sketch_found": judged.compared.found,
            "sketch_of": judged.compared.of,
            "answers_share": round(judged.compared.share, 4),
            "generation_depth": 1 + (judged.answer.depth if judged.answer else 0),
            **({"words": held.detail["words"]} if "words" in held.detail else {}),
        },
    )
