"""The default scorer on what it must pass and on what it must fail."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorers.texts import (
    API,
    CHINESE,
    CODE,
    FAQ,
    GERMAN,
    PROSE,
    REFERENCE,
    SHORT,
    TABLE,
    TRANSCRIPT,
    document,
    real_texts,
)

from corpus.errors import ConfigurationError
from corpus.types import Block, BlockKind, Span
from ingestion.scorers.checks import extraction, fatal
from ingestion.scorers.facts import facts_of
from ingestion.scorers.heuristic import HeuristicScorer, weights_of
from ingestion.scorers.limits import LIMITS, PARTS
from ingestion.scorers.profile import PROFILES, Profile
from ingestion.scorers.registry import SCORERS

SCORER = HeuristicScorer()
FATAL = {
    "empty": ["", " \n\t", "---\n***", "😀 😀"],
    "mojibake": [
        PROSE.replace("a", "\ufffd"),
        " ".join("Müller fährt über die Brücke nach Köln".encode().decode("cp1252") for _ in range(12)),
        "по улице шёл старый человек и смотрел на окна ".encode().decode("latin-1") * 6,
        "\x00\x01\x02\x03 text \x04\x05" * 40,
    ],
    "ocr_garbage": [
        " ".join(f"(cid:{n})" for n in range(200)),
        "T h e q u i c k b r o w n f o x j u m p s o v e r t h e l a z y d o g a n d r u n s " * 3,
        "T bc qv1ck h rwnf x jnmp5 0v3r t ~|; l zy d g ,.' w r ll bck t ,,; m rn ng b f l r " * 5,
    ],
    "boilerplate_only": [
        "We use cookies to improve your experience.\nAccept all\nPrivacy policy\nAll rights reserved",
        "404 Not Found",
        "Please enable JavaScript to view this page.",
    ],
}
KINDS = {
    Profile.PROSE: [PROSE, GERMAN, SHORT, CHINESE],
    Profile.CODE: [CODE],
    Profile.REFERENCE: [REFERENCE, API],
    Profile.FAQ: [FAQ],
    Profile.TABLE: [TABLE],
    Profile.TRANSCRIPT: [TRANSCRIPT],
}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in FATAL.items() for text in texts])
def test_unusable_text_is_fatal_and_says_why(code: str, text: str) -> None:
    assert code in SCORER.score(document(text)).fatal


@pytest.mark.parametrize("text", [text for texts in KINDS.values() for text in texts])
def test_each_kind_of_document_passes(text: str) -> None:
    score = SCORER.score(document(text))
    assert score.fatal == ()
    assert score.value > 0.9, score.reasons


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts])
def test_the_kind_of_a_document_is_seen_and_told(kind: Profile, text: str) -> None:
    assert SCORER.score(document(text)).document_type == kind.value


def test_blocks_and_media_type_of_the_parser_tell_the_kind_too() -> None:
    whole = Span(start=0, end=len(PROSE))
    for kind, profile in ((BlockKind.CODE, "code"), (BlockKind.TABLE, "table"), (BlockKind.LIST, "reference")):
        assert SCORER.score(document(PROSE, (Block(kind=kind, span=whole),))).document_type == profile
    assert SCORER.score(document(PROSE, media_type="text/vtt")).document_type == "transcript"
    deck = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    assert SCORER.score(document(PROSE, media_type=deck)).document_type == "slides"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE + " \ufffd\ufffd\ufffd", "replacement_characters"),
        (PROSE + " (cid:12) (cid:13)", "unmapped_glyphs"),
        (PROSE + " cafÃ© naÃ¯ve", "mojibake"),
        (PROSE + " \x01\x02\x03\x04", "control_characters"),
        (PROSE + " x" * 40, "single_letters"),
        (PROSE.replace("the ", "thrnf "), "garbled_words"),
        (PROSE + " and then it was that the whole of the town went down to the water and", "truncated"),
        (PROSE + " Read more", "truncated"),
        ("\n".join([PROSE, *["See the notice board."] * 30]), "duplicate_lines"),
        ("\n\n".join([PROSE] * 4), "duplicate_paragraphs"),
        ("buy cheap watches " * 60, "top_3_gram"),
        (PROSE + " " + PROSE, "repeated_10_grams"),
        ("\n".join(f"{line}..." for line in PROSE.split(", ")), "ellipsis_lines"),
        (
            "pneumonoultramicroscopic electroencephalographically and the rest of counterrevolutionaries " * 12,
            "long_words",
        ),
        ("it is so as he or we do go up on to me in at by us of an if no be my " * 5, "short_words"),
        (PROSE.replace(".", " # # # # # #"), "hashes"),
        (PROSE.replace(".", " ... ... ... ..."), "ellipses"),
        (" ".join(str(n) for n in range(80)), "few_alphabetic_words"),
        (" ".join(f"harbour{n} frozen{n}" for n in range(40)), "few_stop_words"),
        (PROSE + "\nLorem ipsum dolor sit amet.", "lorem_ipsum"),
        (PROSE + "\nIt ends with a brace such as { or so.", "curly_bracket"),
        (PROSE.replace(".", " and"), "few_sentences"),
        (PROSE.replace(" ", "\n"), "many_newlines"),
        (PROSE + "\nHome | Docs | Blog | About" * 4, "navigation_lines"),
        (PROSE + "\nAll rights reserved.\nPrivacy policy\nTerms of use", "boilerplate_lines"),
        (PROSE * 2 + GERMAN * 2, "mixed_languages"),
        (PROSE + " https://example.org/a/very/long/path/without/end" * 12, "addresses"),
        ("the harbour and the boat " * 80, "few_distinct_words"),
        ("the harbour and the boat " * 80, "compressible"),
    ],
)
def test_a_flaw_lowers_the_score_and_is_named(text: str, reason: str) -> None:
    score = SCORER.score(document(text))
    assert reason in score.reasons
    assert score.value < SCORER.score(document(PROSE)).value
    assert score.parts[LIMITS[reason].part] < 1


def test_structure_is_judged_from_blocks() -> None:
    def made(parts: list[tuple[BlockKind, int, str]]) -> tuple[str, ...]:
        text, blocks = "", []
        for kind, level, part in parts:
            blocks.append(Block(kind=kind, span=Span(start=len(text), end=len(text) + len(part)), level=level))
            text += part + "\n\n"
        return SCORER.score(document(text, tuple(blocks))).reasons

    heading, paragraph, table = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.TABLE
    good = [(heading, 1, "Harbour"), (paragraph, 0, PROSE), (heading, 2, "Ice"), (paragraph, 0, PROSE[::-1])]
    named = {"heading_jumps", "empty_sections", "long_paragraph", "long_section", "ragged_tables"}
    assert not named & set(made(good))
    assert "heading_jumps" in made([(heading, 1, "Harbour"), (heading, 4, "Ice"), (paragraph, 0, PROSE)])
    assert "empty_sections" in made([(paragraph, 0, PROSE), (heading, 1, "Harbour"), (heading, 1, "Ice")])
    assert "long_paragraph" in made([(heading, 1, "Harbour"), (paragraph, 0, (PROSE + " ") * 10)])
    assert "long_section" in made([(heading, 1, "Harbour"), *[(paragraph, 0, PROSE)] * 40])
    assert "ragged_tables" in made([(paragraph, 0, PROSE), (table, 0, "| a | b |\n| 1 |")])


def test_bytes_that_fitted_no_encoding_are_told() -> None:
    score = SCORER.score(document(PROSE, notes=("decoded_with_loss:utf-8",)))
    assert ("decoding_loss" in score.reasons, score.parts["extraction"]) == (True, 0.5)


def test_a_long_article_that_mentions_cookies_is_no_boilerplate() -> None:
    assert SCORER.score(document(PROSE + " They kept cookies in a tin. All rights reserved.")).fatal == ()


def test_a_kind_is_excused_from_what_it_breaks_by_nature() -> None:
    as_prose = HeuristicScorer(document_type="prose").score(document(REFERENCE))
    assert as_prose.document_type == "prose"
    assert {"few_sentences", "few_punctuated_lines"} <= set(as_prose.reasons)
    assert as_prose.value < SCORER.score(document(REFERENCE)).value
    assert set(PROFILES) == set(Profile)
    for asked in PROFILES.values():
        assert asked.excused <= set(LIMITS)
        assert asked.without | set(asked.weights) <= set(PARTS)


def test_weights_are_in_the_fingerprint_and_in_the_composite() -> None:
    only = HeuristicScorer(weights={"repetition": 0.0, "prose": 0.0, "density": 0.0})
    assert only.fingerprint != SCORER.fingerprint == HeuristicScorer().fingerprint
    assert HeuristicScorer(document_type="faq").fingerprint != SCORER.fingerprint
    repeated = document("buy cheap watches " * 60 + ".")
    assert only.score(repeated).value == 1.0 > SCORER.score(repeated).value
    assert weights_of("code", {"prose": 3.0})["prose"] == 3.0
    assert HeuristicScorer(weights=dict.fromkeys(PARTS, 0.0)).score(repeated).value == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"document_type": "prosa"}, "Did you mean 'prose'"),
        ({"weights": {"extracton": 1.0}}, "Did you mean 'extraction'"),
        ({"weights": {"prose": -1.0}}, "from 0 up"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        HeuristicScorer(**options)  # type: ignore[arg-type]


def test_the_registry_gives_it_and_names_the_known_ones() -> None:
    assert SCORERS.load("heuristic")() == SCORER
    with pytest.raises(ConfigurationError, match="Did you mean 'heuristic'"):
        SCORERS.load("heuristics")


@given(st.text(max_size=600))
def test_any_text_has_a_score_in_range_and_the_same_each_time(text: str) -> None:
    score = SCORER.score(document(text))
    assert 0 <= score.value <= 1
    assert all(0 <= part <= 1 for part in score.parts.values())
    assert set(score.parts) <= set(PARTS)
    assert all(LIMITS[code].part in score.parts for code in score.reasons)
    assert SCORER.score(document(text)) == score


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "part",
    [
        "a",
        "a ",
        "\n",
        "😀",
        "人工智能",
        "(",
        "x(",
        "...",
        "# ",
        "?\n",
        "Ã",
        "é ",
        "\x00",
        "=\n",
        "a.",
        "a:b@",
        "A: b\n",
    ],
)
def test_no_text_fails_or_takes_more_than_linear_time(part: str) -> None:
    assert 0 <= SCORER.score(document(part * (300_000 // len(part)))).value <= 1


def test_real_documents_are_never_fatal(shared_data: Path) -> None:
    for text in real_texts(shared_data, python=95, prometheus=40, wikipedia=100):
        score = SCORER.score(document(text))
        assert (score.fatal, score.value > 0.6) == ((), True), (text[:80], score)


@pytest.mark.parametrize(
    "text",
    [
        "Plan B",
        "x y z",
        "Article I\nArticle V\nSection X\nSection I\nPart V\nPart I",
        "Let x be in X. Then f ( x ) = a x + b y + c z for all a , b , c in R and x , y , z in V .",
    ],
)
def test_a_few_words_are_no_garbage(text: str) -> None:
    assert list(fatal(facts_of(document(text)))) == []


def test_a_list_of_answers_is_excused_from_single_letters() -> None:
    key = "Answer key for the biology exam\n" + "\n".join(f"{n}. {'ABCD'[n % 4]}" for n in range(1, 60))
    facts = facts_of(document(key), "reference")
    assert "single_letters" not in dict(extraction(facts))
    assert "single_letters" in dict(extraction(facts_of(document(key), "prose")))
