"""The default scorer on what it must pass and on what it must fail."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigurationError
from corpus.types import Block, BlockKind, ParsedDocument, Span
from ingestion.scorers.heuristic import HeuristicScorer
from ingestion.scorers.profile import Profile, facts_of
from ingestion.scorers.registry import SCORERS

SCORER = HeuristicScorer()
PROSE = " ".join(
    [
        "The harbour froze in the second week of January, and with it the trade that had kept the town alive.",
        "Old people said that they had seen worse, but nobody could name the year.",
        "Carts crossed where boats had lain, and a baker sold rolls from a sledge beside the lighthouse.",
        "When the thaw came at last, it took the outer pier and two of the smaller boats with it.",
        "The council spent the summer in dispute about who should pay for the stones.",
    ]
)
CODE = "\n".join(
    f"def area_{n}(width, high):\n    if width < 0:\n        raise ValueError(width)\n    return width * high + {n}\n"
    for n in range(20)
)
REFERENCE = "\n".join(f"- `option_{n}`: {n * 100} ms; default={n}" for n in range(60))
FAQ = """
How do I reset my password?
Open the sign-in page, choose the link under the form, and follow the letter that arrives in your mailbox.

Can I pay by invoice?
Yes, from the second order on. Ask the sales desk to put a note on your account before you check out.

Where are my files kept?
In the region that your contract names. Backups leave it never, and are deleted after ninety days.

Who reads what I upload?
Nobody, unless you open a ticket and allow it there. Each look is written to a log that you can see.
"""
TABLE = "\n".join(f"| {n} | {n * n} | {n % 7} | 2024-01-{n % 28 + 1:02d} |" for n in range(80))
SHORT = "The office is closed on Monday."
CHINESE = (
    "港口在一月的第二周结冰。维系小镇生计的贸易也随之停顿。老人们说他们见过更糟的年份。但没有人说得出是哪一年。" * 3
)
GERMAN = (
    "Der Hafen fror in der zweiten Januarwoche zu, und mit ihm der Handel, der die Stadt am Leben gehalten hatte. Die"
    " Alten sagten, sie hätten Schlimmeres gesehen, aber niemand konnte das Jahr nennen. Wo Boote gelegen hatten,"
    " fuhren nun Karren, und ein Bäcker verkaufte Brötchen von einem Schlitten neben dem Leuchtturm, bis es taute."
)
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
        "Tbc qv1ck hrwnf x jnmp5 0v3r t ~|; l zy d g ,.' w r ll bck t ,,; m rn ng " * 5,
    ],
    "boilerplate_only": [
        "We use cookies to improve your experience.\nAccept all\nPrivacy policy\nAll rights reserved",
        "404 Not Found",
        "Please enable JavaScript to view this page.",
    ],
}


def document(text: str, blocks: tuple[Block, ...] = ()) -> ParsedDocument:
    return ParsedDocument(
        text=text, blocks=blocks, title="", media_type="text/plain", metadata={}, parser="test/1", links=()
    )


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in FATAL.items() for text in texts])
def test_unusable_text_is_fatal_and_says_why(code: str, text: str) -> None:
    assert code in SCORER.score(document(text)).fatal


@pytest.mark.parametrize("text", [PROSE, CODE, REFERENCE, FAQ, SHORT, CHINESE, GERMAN, TABLE])
def test_each_kind_of_document_passes(text: str) -> None:
    score = SCORER.score(document(text))
    assert score.fatal == ()
    assert score.value > 0.9, score.reasons


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        (PROSE, Profile.PROSE),
        (CODE, Profile.CODE),
        (REFERENCE, Profile.REFERENCE),
        (FAQ, Profile.FAQ),
        (SHORT, Profile.SHORT),
        (CHINESE, Profile.UNSPACED),
    ],
)
def test_the_kind_of_a_document_is_seen(text: str, profile: Profile) -> None:
    assert facts_of(document(text)).profile is profile


def test_blocks_of_the_parser_tell_the_kind_too() -> None:
    whole = Span(start=0, end=len(PROSE))
    for kind, profile in ((BlockKind.CODE, Profile.CODE), (BlockKind.TABLE, Profile.TABLE)):
        assert facts_of(document(PROSE, (Block(kind=kind, span=whole),))).profile is profile


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE + " \ufffd\ufffd\ufffd", "replacement_characters"),
        (PROSE + " (cid:12) (cid:13)", "unmapped_glyphs"),
        (PROSE + " cafÃ© naÃ¯ve", "mojibake"),
        ("\n".join([PROSE, *["See the notice board."] * 30]), "duplicate_lines"),
        ("\n\n".join([PROSE] * 4), "duplicate_paragraphs"),
        ("buy cheap watches " * 60, "top_3_gram"),
        ("\n".join(f"{line}..." for line in PROSE.split(", ")), "ellipsis_lines"),
        (
            "pneumonoultramicroscopic electroencephalographically and the rest of counterrevolutionaries " * 12,
            "word_length",
        ),
        (PROSE.replace(".", " ... # # # # # #"), "symbols"),
        (" ".join(str(n) for n in range(80)), "few_alphabetic_words"),
        (" ".join(f"harbour{n} frozen{n}" for n in range(40)), "few_stop_words"),
    ],
)
def test_a_flaw_lowers_the_score_and_is_named(text: str, reason: str) -> None:
    score = SCORER.score(document(text))
    assert reason in score.reasons
    assert score.value < SCORER.score(document(PROSE)).value


def test_a_long_article_that_mentions_cookies_is_no_boilerplate() -> None:
    assert SCORER.score(document(PROSE + " They kept cookies in a tin. All rights reserved.")).fatal == ()


def test_weights_are_in_the_fingerprint_and_in_the_composite() -> None:
    other = HeuristicScorer(extraction=1.0, prose=0.0, repetition=0.0)
    assert other.fingerprint != SCORER.fingerprint == HeuristicScorer().fingerprint
    repeated = document("buy cheap watches " * 60)
    assert other.score(repeated).value == 1.0 > SCORER.score(repeated).value


def test_the_registry_gives_it_and_names_the_known_ones() -> None:
    assert SCORERS.load("heuristic")() == SCORER
    with pytest.raises(ConfigurationError, match="Did you mean 'heuristic'"):
        SCORERS.load("heuristics")


@given(st.text(max_size=600))
def test_any_text_has_a_score_in_range_and_the_same_each_time(text: str) -> None:
    score = SCORER.score(document(text))
    assert 0 <= score.value <= 1
    assert all(0 <= part <= 1 for part in score.parts.values())
    assert set(score.parts) == {"extraction", "prose", "repetition"}
    assert SCORER.score(document(text)) == score


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "part", ["a", "a ", "\n", "😀", "人工智能", "(", "x(", "...", "# ", "?\n", "Ã", "é ", "\x00", "=\n"]
)
def test_no_text_fails_or_takes_more_than_linear_time(part: str) -> None:
    assert 0 <= SCORER.score(document(part * (300_000 // len(part)))).value <= 1


def test_real_documentation_is_never_fatal(shared_data: Path) -> None:
    path = shared_data / "docs_python_311_313" / "sources.jsonl.gz"
    if not path.exists():
        pytest.skip("docs_python_311_313 is not beside the project")
    for line in gzip.decompress(path.read_bytes()).splitlines()[::4]:
        row = json.loads(line)
        score = SCORER.score(document(row["rst"]))
        assert (score.fatal, score.value > 0.6) == ((), True), (row["path"], score)
