import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.types import Basis, Block, BlockKind, OriginKind, ParsedDocument, RawBlob, Scope, SourceRef, Span
from provenance.classify import verdict
from provenance.detectors.artefacts import catalogue
from provenance.detectors.registry import DETECTORS
from provenance.detectors.residue import ResidueDetector

EXAMPLES = {
    "openai.pua_cite": "\ue200cite\ue202turn0search1\ue201",
    "openai.pua_number": "\uea012\uea02",
    "openai.turn_ref": "citeturn0search12",
    "openai.contentReference": ":contentReference[oaicite:16]{index=16}",
    "openai.oai_citation": "[oai_citation:0‡wellington.scoop.co.nz](https://wellington.scoop.co.nz/?p=171473)",
    "openai.attributableIndex": '({"attribution":{"attributableIndex":"1009-1"}})',
    "openai.sandbox_link": "sandbox:/mnt/data/report.csv",
    "openai.file_scheme": "file-service://file-AbCdEfGh12",
    "openai.writing_fence": ':::writing{variant="email" id="1"}',
    "lenticular_cite": "【4:0†source】",
    "openai.plus_chips": "IT Governance+3ISO+3ISO+3",
    "gemini.cite": "[cite: 1, 2]",
    "gemini.span": "[span_0](start_span)",
    "grok.card": '<grok-card data-id="e8ff4f" data-type="citation_card">',
    "perplexity.file": "[attached_file:1]",
    "url.llm_referrer": "https://example.org/a?utm_source=chatgpt.com",
    "think_tag": "<think>",
    "chat_template": "<|im_start|>",
    "self_id": "As an AI language model",
    "cutoff": "as of my last knowledge update",
    "no_browse": "I cannot browse the internet",
    "refusal": "I'm sorry, but I can't assist with that",
    "opener": "Certainly! Here is",
    "closer": "I hope this helps",
    "source_gap": "While specific details about its history are scarce",
    "deliverable": "Here is a revised",
    "regenerate": "Regenerate response",
    "placeholder": "[Insert company name]",
    "placeholder_url": "https://example.com/your-page",
    "placeholder_comment": "<!-- Add if available with citation -->",
    "placeholder_date": "2024-XX-XX",
    "md_in_plain": "**Key points**:",
    "turn_footnote": "↩",
    "nnbsp": "\u202f",
}
HUMAN = "The council met on Tuesday and agreed to mend the bridge before the winter. "
BODY = HUMAN * 20
BLOB = RawBlob(ref=SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None), data=b"", sha256="")


def document(text: str, media_type: str = "text/html", blocks: tuple[Block, ...] = ()) -> ParsedDocument:
    return ParsedDocument(
        text=text, blocks=blocks, title="", media_type=media_type, metadata={}, parser="test/1", links=()
    )


def inside(mark: str) -> str:
    """Puts a trace on a line of its own, far from either end."""
    return f"{BODY}\n\n{mark}\n\n{BODY}"


def codes(parsed: ParsedDocument) -> set[str]:
    return {finding.code for finding in ResidueDetector().detect(BLOB, parsed)}


def test_every_kind_of_trace_has_an_example() -> None:
    assert set(EXAMPLES) == {item.code for item in catalogue()}


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_each_trace_is_found_where_it_stands(code: str) -> None:
    text = inside(EXAMPLES[code])
    found = [item for item in ResidueDetector().detect(BLOB, document(text)) if item.code == code]
    assert found
    for item in found:
        assert item.span is None or item.quote == item.span.of(text)[:200]


# Those of tier D are counted wherever they stand; attributableIndex holds quotation marks itself.
SHOWABLE = sorted({item.code for item in catalogue() if item.tier != "D"} - {"openai.attributableIndex"})


@pytest.mark.parametrize("code", SHOWABLE)
def test_a_trace_that_is_shown_and_not_said_does_not_count(code: str) -> None:
    mark = EXAMPLES[code]
    shown = [f"`{mark}`", f"```\n{mark}\n```", f"> {mark}", f"they wrote “{mark}” once", f"    ~~~\n{mark}"]
    for text in shown:
        assert code not in codes(document(inside(text)))
    text = inside(mark)
    block = Block(kind=BlockKind.CODE, span=Span(start=len(BODY), end=len(text) - len(BODY)))
    assert code not in codes(document(text, blocks=(block,)))


def test_interface_markup_decides_about_its_paragraph() -> None:
    text = inside("It opened in 1963. citeturn0search1")
    origin, ((span, passage),) = verdict(ResidueDetector().detect(BLOB, document(text)))
    assert origin.kind is OriginKind.UNKNOWN
    assert span.of(text).strip() == "It opened in 1963. citeturn0search1"
    assert (passage.kind, passage.basis, passage.level) == (OriginKind.AI_GENERATED, Basis.MATCHED, "E4")


def test_a_chatbot_address_speaks_of_the_link_only() -> None:
    link = EXAMPLES["url.llm_referrer"]
    for parsed in (
        document(inside(f"See {link} for more")),
        ParsedDocument(
            text=BODY, blocks=(), title="", media_type="text/html", metadata={}, parser="t", links=(link, "https://a.b")
        ),
    ):
        (found,) = ResidueDetector().detect(BLOB, parsed)
        assert found.scope is Scope.LINK
        assert verdict([found])[0].kind is OriginKind.UNKNOWN
        assert verdict([found])[1] == ()


@pytest.mark.parametrize(
    ("text", "suspected"),
    [
        (inside(EXAMPLES["refusal"]), False),
        (inside(EXAMPLES["refusal"] + "\n" + EXAMPLES["refusal"]), False),
        (inside(EXAMPLES["refusal"] + "\n" + EXAMPLES["self_id"]), True),
        (EXAMPLES["opener"] + " the plan:\n" + BODY, True),
        (BODY + "\nRegenerate response", True),
        (BODY + "\nI hope this helps.", False),
        (BODY + "\nDear [Name],\n", False),
        (BODY + "\nDear [Name],\n" + BODY + "I hope this helps.", True),
        ("# Title\n\n**Key points**:\n" + BODY, False),
    ],
)
def test_dialogue_is_suspected_with_two_different_traces_or_one_at_an_end(text: str, *, suspected: bool) -> None:
    origin, _ = verdict(ResidueDetector().detect(BLOB, document(text)))
    assert (origin.basis is Basis.SUSPECTED) is suspected
    assert origin.basis in (Basis.SUSPECTED, Basis.NONE)


def test_markdown_is_no_trace_where_an_author_writes_markdown() -> None:
    text = inside(EXAMPLES["md_in_plain"])
    assert "md_in_plain" not in codes(document(text, "text/markdown"))
    assert "md_in_plain" not in codes(document(text, "text/plain"))


def test_density_is_counted_and_says_nothing() -> None:
    (found,) = ResidueDetector().detect(BLOB, document("10\u202fkm et 20\u202fkm"))
    assert (found.detail["count"], found.origin, found.span) == (2, OriginKind.UNKNOWN, None)


def test_a_bare_lenticular_number_is_an_ordinary_citation() -> None:
    assert codes(document("研究表明这一点【12】。")) == set()


def test_options_and_kinds_are_in_the_fingerprint() -> None:
    prints = {
        ResidueDetector().fingerprint,
        ResidueDetector(distinct=3).fingerprint,
        ResidueDetector(edge=0.2).fingerprint,
        ResidueDetector(most=5).fingerprint,
        DETECTORS.load("declared")().fingerprint,
    }
    assert len(prints) == 5
    assert DETECTORS.load("residue")().fingerprint == ResidueDetector().fingerprint


def test_findings_are_capped_and_keep_the_true_number() -> None:
    found = ResidueDetector(most=3).detect(BLOB, document("[cite: 1] " * 50))
    assert [item.detail["count"] for item in found] == [50, 50, 50]


@given(st.lists(st.sampled_from([*EXAMPLES.values(), "`", '"', "\n", "> ", "word ", "\n\n", "```\n"]), max_size=30))
def test_findings_are_in_order_and_quote_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    found = ResidueDetector().detect(BLOB, document(text))
    starts = [item.span.start if item.span else -1 for item in found]
    assert starts == sorted(starts)
    assert all(item.quote == item.span.of(text)[:200] for item in found if item.span)


HOSTILE = [
    "",
    "\x00",
    "😀" * 50_000,
    "人工智能" * 100_000,
    *(part * (1_000_000 // len(part)) for part in ("a", " ", '"', "`", "`` ", "<think ", "<grok-card ", "[cite: 1 ,")),
    *(
        part * (1_000_000 // len(part))
        for part in ("INSERT_", "[oai_citation:1", "{ ", "“", "> ", "'a ", "sure, ", "\n")
    ),
    *(
        part * (1_000_000 // len(part))
        for part in ("i'm sorry, but i ", "\ue200cite\ue202", "~~~\n", "[insert ", "【1†")
    ),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_no_text_fails_or_takes_more_than_linear_time(text: str) -> None:
    ResidueDetector().detect(BLOB, document(text))


def test_human_documents_are_not_suspected(shared_data: Path) -> None:
    path = shared_data / "docs_python_311_313" / "sources.jsonl.gz"
    if not path.exists():
        pytest.skip("docs_python_311_313 is not beside the project")
    lines = gzip.decompress(path.read_bytes()).splitlines()[::4]
    assert len(lines) > 150
    for line in lines:
        row = json.loads(line)
        origin, passages = verdict(ResidueDetector().detect(BLOB, document(row["rst"], "text/x-rst")))
        assert (origin.kind, passages) == (OriginKind.UNKNOWN, ()), row["path"]


def test_the_traces_that_wikipedia_quotes_are_found_when_they_are_said(shared_data: Path) -> None:
    path = shared_data / "wiki_signs_of_ai" / "wikipedia-sign-ai-writing.md"
    if not path.exists():
        pytest.skip("wiki_signs_of_ai is not beside the project")
    page = path.read_text(encoding="utf-8")
    origin, _ = verdict(ResidueDetector().detect(BLOB, document(page, "text/markdown")))
    assert origin.kind is OriginKind.UNKNOWN, "a human page about traces quotes them"
    quoted = [line.lstrip("> ").replace("\\", "") for line in page.splitlines() if line.startswith(">")]
    said = codes(document("\n\n".join(quoted), "text/markdown"))
    assert {"openai.turn_ref", "openai.contentReference", "openai.oai_citation", "url.llm_referrer"} <= said
