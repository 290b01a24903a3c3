"""What holds for every watermark detector, checked on real ones: a generator, its detector, and their p-values."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance_parts.watermark_texts import GERMAN, generated, human_texts

from corpus.ids import fingerprint, sha256_hex
from corpus.seams import Detector
from corpus.types import Basis, Finding, Origin, OriginKind, ParsedDocument, RawBlob, Scope, SourceRef, Span
from provenance.classify import verdict
from provenance.watermarks import DECIDES, SUSPECTS, Mark, MarkReading, Watermark, WatermarkDetector

_WORD = re.compile(r"\w+")
BLOB = RawBlob(ref=SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None), data=b"", sha256="")


@dataclass(frozen=True)
class GreenList:
    """Kirchenbauer and others (2023) over words: gamma of all words are green, by key and the word before."""

    scheme: ClassVar[str] = "green-list-test/1"
    key: bytes = b"secret"
    gamma: float = 0.25
    min_words: int = 40

    @property
    def key_id(self) -> str:
        return sha256_hex(self.key)[:12]

    @property
    def fingerprint(self) -> str:
        return fingerprint("watermark", {"key": sha256_hex(self.key), "gamma": self.gamma, "min": self.min_words})

    def green(self, before: str, word: str) -> bool:
        data = f"{before}\0{word}".lower().encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self.key, digest_size=4).digest() < int(self.gamma * 2**32).to_bytes(4, "big")

    def read(self, text: str) -> MarkReading:
        words = [match[0] for match in _WORD.finditer(text.lower()[:400_000])]
        pairs = sorted(set(pairwise(words)))
        if len(pairs) < self.min_words:
            return MarkReading(mark=Mark.TOO_SHORT, words=len(pairs))
        hits = sum(self.green(*pair) for pair in pairs)
        p = upper_tail(hits, len(pairs), self.gamma)
        return MarkReading(mark=Mark.DETECTED if p < 1e-3 else Mark.NOT_DETECTED, p=p, words=len(pairs))

    def write(self, count: int = 300, delta: float = 2.0) -> str:
        """Samples a text with the mark: green words get `delta` on their log-probability."""
        return generated(count, lambda before, word: math.exp(delta * self.green(before, word)))


@dataclass(frozen=True)
class Alphabet:
    """A second scheme of another kind: the first letters of sentences follow a keyed order; it tells where."""

    scheme: ClassVar[str] = "acrostic-test/1"
    word: str = "stemmata"
    min_words: int = 8

    @property
    def key_id(self) -> str:
        return sha256_hex(self.word.encode())[:12]

    @property
    def fingerprint(self) -> str:
        return fingerprint("watermark", {"word": self.word, "min": self.min_words})

    def read(self, text: str) -> MarkReading:
        starts = [match.start(1) for match in re.finditer(r"(?:^|[.!?]\s)(\w)", text[:400_000])]
        if len(text[:2_000].split()) < self.min_words:
            return MarkReading(mark=Mark.TOO_SHORT)
        first = "".join(text[start] for start in starts).casefold()
        at = first.find(self.word) if len(first) == len(starts) else -1
        if at < 0:
            return MarkReading(mark=Mark.NOT_DETECTED)
        span = Span(start=starts[at], end=starts[at + len(self.word) - 1] + 1)
        p = min(1.0, len(first) * (1 / 12) ** len(self.word))
        return MarkReading(mark=Mark.DETECTED, p=p, spans=(span,))


def upper_tail(hits: int, total: int, gamma: float) -> float:
    """Exact chance of at least so many green words where the mark is not there."""
    logs = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
            + k * math.log(gamma) + (total - k) * math.log1p(-gamma) for k in range(hits, total + 1)]  # fmt: skip
    return min(1.0, math.fsum(map(math.exp, logs)))


def document(text: str) -> ParsedDocument:
    return ParsedDocument(text=text, blocks=(), title="", media_type="text/plain", metadata={}, parser="test/1")


ACROSTIC = (
    "Seals hold. Tanks fill. Every hose is clamped. Motors turn. Mud settles. All valves shut. Two drains run. All."
)
SCHEMES: dict[str, tuple[Watermark, Callable[[], str]]] = {
    "green list": (GreenList(), lambda: GreenList().write()),
    "acrostic": (Alphabet(), lambda: ACROSTIC),
}
HOSTILE = [
    "",
    " ",
    "\x00",
    "word",
    "\u200b" * 500,
    "\ud800 alone",
    "a " * 200_000,
    "漢字" * 3_000,
    "x" * 300_000,
    GERMAN,
]


def found(detector: Detector, text: str) -> tuple[Finding, ...]:
    return detector.detect(BLOB, document(text))


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> tuple[Watermark, str]:
    watermark, marked = SCHEMES[request.param]
    return watermark, marked()


def test_a_marked_text_is_declared_by_whoever_holds_the_key(scheme: tuple[Watermark, str]) -> None:
    watermark, marked = scheme
    findings = found(WatermarkDetector(watermark=watermark), marked)
    assert [finding.code for finding in findings] == ["watermark.detected"]
    assert (findings[0].level, findings[0].basis, findings[0].origin) == (
        "E3",
        Basis.DECLARED,
        OriginKind.AI_GENERATED,
    )
    assert findings[0].detail["key"] == watermark.key_id
    assert findings[0].detail["p"] <= DECIDES
    assert b"secret" not in repr(findings).encode()
    origin, passages = verdict(findings)
    spoken = [origin, *(passage for _, passage in passages)]
    assert any((said.kind, said.basis) == (OriginKind.AI_GENERATED, Basis.DECLARED) for said in spoken)


def test_a_mark_in_one_place_speaks_of_that_place(scheme: tuple[Watermark, str]) -> None:
    watermark, marked = scheme
    for finding in found(WatermarkDetector(watermark=watermark), marked):
        if finding.span is not None:
            assert finding.scope is Scope.PASSAGE
            assert marked.startswith(finding.quote, finding.span.start)
            assert verdict([finding])[0] == Origin()


def test_absence_proves_nothing(scheme: tuple[Watermark, str]) -> None:
    watermark, _ = scheme
    unmarked = generated(300, lambda before, word: 1.0)
    for text in (*human_texts(), GERMAN, unmarked):
        assert found(WatermarkDetector(watermark=watermark), text) == ()


def test_it_never_says_human_and_never_raises(scheme: tuple[Watermark, str]) -> None:
    watermark, marked = scheme
    for text in (*HOSTILE, *human_texts(), marked, marked * 20):
        for finding in found(WatermarkDetector(watermark=watermark), text):
            assert finding.origin is not OriginKind.HUMAN
            assert finding.code.startswith("watermark.")
            finding.quote.encode("utf-8", "surrogatepass")


def test_a_short_text_is_called_short(scheme: tuple[Watermark, str]) -> None:
    watermark, _ = scheme
    for text in ("", "word"):
        [finding] = found(WatermarkDetector(watermark=watermark), text)
        assert (finding.code, finding.level, finding.basis) == ("watermark.too_short", "-", Basis.NONE)
        assert finding.detail["scheme"] == watermark.scheme
        assert verdict([finding])[0] == Origin()


def test_the_same_text_reads_the_same(scheme: tuple[Watermark, str]) -> None:
    watermark, marked = scheme
    for text in (marked, human_texts()[1]):
        first, second = (found(WatermarkDetector(watermark=replace(watermark)), text) for _ in range(2))  # type: ignore[type-var]
        assert first == second


def test_options_and_keys_are_in_the_fingerprint() -> None:
    made = [
        WatermarkDetector(watermark=GreenList()),
        WatermarkDetector(watermark=GreenList(key=b"other")),
        WatermarkDetector(watermark=GreenList(gamma=0.5)),
        WatermarkDetector(watermark=GreenList(min_words=41)),
        WatermarkDetector(watermark=GreenList(), decides=1e-9),
        WatermarkDetector(watermark=GreenList(), suspects=1e-2),
        WatermarkDetector(watermark=Alphabet()),
    ]
    assert len({detector.fingerprint for detector in made}) == len(made)
    assert WatermarkDetector(watermark=GreenList()).fingerprint == made[0].fingerprint
    assert all("secret" not in detector.fingerprint for detector in made)


def test_another_key_does_not_read_the_mark() -> None:
    marked = GreenList().write()
    assert found(WatermarkDetector(watermark=GreenList(key=b"other")), marked) == ()


def test_p_values_of_unmarked_texts_are_no_smaller_than_chance() -> None:
    """Under 400 keys, p is at most x for about a share x of them: the exact interval at 400 is wide, so factor 2."""
    texts = human_texts()[:3]
    values = sorted(GreenList(key=str(n).encode()).read(text).p or 0.0 for n in range(400) for text in texts)
    for share in (0.01, 0.05, 0.2):
        assert sum(p <= share for p in values) / len(values) <= 2 * share


def test_a_weak_reading_only_suspects_and_a_score_alone_never_decides() -> None:
    @dataclass(frozen=True)
    class Fixed(GreenList):
        reading: MarkReading | None = None

        def read(self, text: str) -> MarkReading:
            assert self.reading is not None
            return self.reading

    def levels(**figures: float) -> list[str]:
        watermark = Fixed(reading=MarkReading(mark=Mark.DETECTED, **figures))
        return [finding.level for finding in found(WatermarkDetector(watermark=watermark), "text")]

    assert levels(p=DECIDES) == ["E3"]
    assert levels(p=DECIDES * 1.01) == ["E5"]
    assert levels(score=99.0) == ["E5"]
    assert levels(p=SUSPECTS * 1.01) == []
    for nonsense in (math.nan, -1.0, math.inf):
        assert levels(p=nonsense) == []
    [suspected] = found(WatermarkDetector(watermark=Fixed(reading=MarkReading(mark=Mark.DETECTED, p=1e-4))), "text")
    assert verdict([suspected])[0].basis is Basis.SUSPECTED


def test_spans_outside_the_text_are_not_believed() -> None:
    @dataclass(frozen=True)
    class Far(GreenList):
        def read(self, text: str) -> MarkReading:
            spans = (Span(start=-5, end=2), Span(start=3, end=3), Span(start=0, end=10**9))
            return MarkReading(mark=Mark.DETECTED, p=1e-9, spans=spans)

    [finding] = found(WatermarkDetector(watermark=Far()), "text")
    assert finding.span is None
    assert finding.scope is Scope.DOCUMENT


def test_what_a_scheme_raises_is_unreadable_and_says_so() -> None:
    @dataclass(frozen=True)
    class Broken(GreenList):
        def read(self, text: str) -> MarkReading:
            raise RuntimeError(text)

    [finding] = found(WatermarkDetector(watermark=Broken()), "text")
    assert (finding.code, finding.level, finding.detail["error"]) == ("watermark.unreadable", "-", "RuntimeError")


def test_limits_that_contradict_each_other_are_refused() -> None:
    for wrong in ({"decides": 0.1}, {"decides": 0.0}, {"suspects": 1.0}):
        with pytest.raises(ValueError, match="decides"):
            WatermarkDetector(watermark=GreenList(), **wrong)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=400) | st.sampled_from([text[:2_000] for text in HOSTILE]))
def test_any_text_gives_findings_or_none(text: str) -> None:
    for watermark, _ in SCHEMES.values():
        assert found(WatermarkDetector(watermark=watermark), text) == found(
            WatermarkDetector(watermark=watermark), text
        )
