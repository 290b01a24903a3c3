import pytest

from corpus.types import Basis, OriginKind
from provenance.classify import verdict
from provenance.detectors.declared import DeclaredDetector

AI, HUMAN, ASSISTED, UNKNOWN = (
    OriginKind.AI_GENERATED,
    OriginKind.HUMAN,
    OriginKind.AI_ASSISTED,
    OriginKind.UNKNOWN,
)
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("ai-generated", "true", AI),
        ("ai_generated", "Yes", AI),
        ("ai-generated", "partially", ASSISTED),
        ("ai-generated", "false", UNKNOWN),
        ("ai-generated", "ask Bob", UNKNOWN),
        ("ai-disclosure", "ai-assisted", ASSISTED),
        ("ai-disclosure", "autonomous", AI),
        ("ai-disclosure", "none", HUMAN),
        ("ai-disclosure", "", UNKNOWN),
        ("digitalsourcetype", IPTC + "digitalCreation", HUMAN),
        ("iptc4xmpext:digitalsourcetype", IPTC + "trainedAlgorithmicMedia", AI),
        ("jsonld.digitalsourcetype", "compositeWithTrainedAlgorithmicMedia", ASSISTED),
        ("digitalsourcetype", "digsrctype:compositeSynthetic", ASSISTED),
        ("digitalsourcetype", IPTC + "algorithmicMedia", UNKNOWN),
        ("digitalsourcetype", IPTC + "digitalCapture", UNKNOWN),
        ("ld+json", '{"@type": "Article", "digitalSourceType": "TrainedAlgorithmicMedia"}', AI),
        ("producer", "ChatGPT PDF export", AI),
        ("creator", "Claude 3.5 Sonnet", AI),
    ],
)
def test_a_declaration_is_read(make, blob, key: str, value: str, origin: OriginKind) -> None:
    (found,) = DeclaredDetector().detect(blob, make("text", metadata={key: value}))
    assert (found.level, found.origin) == ("E3", origin)
    assert found.basis is (Basis.NONE if origin is UNKNOWN else Basis.DECLARED)
    assert verdict([found])[0].kind is origin
    assert found.quote.startswith(key)
    assert len(found.quote) <= 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("creator", "Claude Monet"),
        ("creator", "Gemini Ganesan"),
        ("producer", "Acrobat Distiller 9.0"),
        ("generator", "Hugo 0.120"),
        ("author", "OpenAI"),
        ("description", "how to set digitalSourceType to trainedAlgorithmicMedia"),
        ("title", "ai-generated: true"),
    ],
)
def test_what_declares_nothing_is_no_finding(make, blob, key: str, value: str) -> None:
    assert DeclaredDetector().detect(blob, make("text", metadata={key: value})) == ()


def test_of_repeated_declarations_each_is_read(make, blob) -> None:
    found = DeclaredDetector().detect(blob, make("", metadata={"ai-disclosure": "none; ai-generated; none"}))
    assert [item.origin for item in found] == [HUMAN, AI]
    assert verdict(found)[0].kind is AI


def test_a_hostile_value_is_read_in_linear_time(make, blob) -> None:
    values = ['{"digitalSourceType"' + " :" * 400_000, "{" + '"digitalSourceType": "' * 50_000, "gpt" * 300_000]
    for value in values:
        for key in ("digitalsourcetype", "ld+json", "producer"):
            found = DeclaredDetector().detect(blob, make("", metadata={key: value}))
            assert all(len(item.quote) <= 200 for item in found)
