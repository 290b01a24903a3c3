"""Every threshold of the heuristic scorer: what is measured, the bound, who set it, and what would mend it.

It is the one place where a bound stands, and what explains a score in words. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

GOPHER = "Gopher (Rae et al. 2021, arXiv:2112.11446, table A1)"
C4 = "C4 (Raffel et al. 2020, JMLR 21, section 2.2)"
FINEWEB = "FineWeb (Penedo et al. 2024, arXiv:2406.17557, section 3.6)"
OURS = "Stemma's choice"
CHECKED = "Stemma's choice, checked on documentation and encyclopedia articles"

PARTS: Mapping[str, str] = {
    "extraction": "whether the text came whole out of its file",
    "structure": "whether headings, sections, paragraphs and tables are in order",
    "prose": "whether it reads like writing",
    "repetition": "how much of it is said again",
    "boilerplate": "how much of it is notices and navigation of a web site",
    "language": "whether it keeps to one language",
    "density": "how much it says for its length",
    "freshness": "how old the content is",
    "metadata": "how much is declared about it",
    "authority": "how far its source is trusted",
}
"""Sub-score to what it speaks of. The last three need to know more than the text."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold.

    Attributes:
        part: The sub-score that the check belongs to.
        bound: The value that is still good.
        source: Who set the bound.
        measures: What the value is, as a noun phrase; of a fact (1 or 0) what it says, as a sentence.
        remedy: What would raise the score, as a sentence.
        least: Whether the value must reach the bound, rather than stay within it.
        unit: How the value is written.
        floor: The fewest points that it gives: a flaw that spoils a part of the text leaves the rest of use.
    """

    part: str
    bound: float
    source: str
    measures: str
    remedy: str
    least: bool = False
    unit: Literal["share", "number", "fact"] = "share"
    floor: float = 0.0

    def broken(self, value: float) -> bool:
        """Whether a value is beyond the bound."""
        return value < self.bound if self.least else value > self.bound

    def points(self, value: float) -> float:
        """Returns 1 within the bound, falling to 0 at twice the bound, or at nothing where it must be reached."""
        if not self.broken(value):
            return 1.0
        if self.least:
            return max(self.floor, value / self.bound)
        return max(self.floor, 2 - value / self.bound) if self.bound else self.floor


_DECODE = "Save the source as UTF-8 and ingest it again, or let the repair lane mend it."
_OCR = "Run a better OCR on the scan, or take the document from its editable source."
_AGAIN = "Take out what stands there more than once."
_WRITING = "Check that the parser took the text and not a menu, a log or a list of names."


def _top(width: int, bound: float) -> Limit:
    what = f"share of characters in the commonest run of {width} words"
    return Limit("repetition", bound, GOPHER, what, _AGAIN)


def _runs(width: int, bound: float) -> Limit:
    return Limit("repetition", bound, GOPHER, f"share of characters in runs of {width} words seen before", _AGAIN)


LIMITS: Mapping[str, Limit] = {
    "replacement_characters": Limit(
        "extraction", 0.005, "Stemma's design, 2026", "share of characters that are U+FFFD, lost in decoding", _DECODE
    ),
    "control_characters": Limit("extraction", 0.005, OURS, "share of characters that are control characters", _DECODE),
    "mojibake": Limit("extraction", 0.01, OURS, "wrongly decoded sequences such as `Ã©` per word", _DECODE),
    "unmapped_glyphs": Limit(
        "extraction", 0.01, OURS, "`(cid:n)` per word, left by a font without a Unicode map", _OCR
    ),
    "single_letters": Limit("extraction", 0.15, "Stemma's design, 2026", "share of words of one letter", _OCR),
    "garbled_words": Limit(
        "extraction", 0.1, CHECKED, "share of words without a vowel or with a digit between letters", _OCR
    ),
    "decoding_loss": Limit(
        "extraction", 0, OURS, "number of times that bytes fitted no encoding", _DECODE, unit="number", floor=0.5
    ),
    "truncated": Limit(
        "extraction",
        0,
        OURS,
        "the text breaks off",
        "Get the whole document: it ends inside a sentence or says that it goes on elsewhere.",
        unit="fact",
        floor=0.5,
    ),
    "long_section": Limit(
        "structure",
        2_000,
        OURS,
        "words of the longest stretch without a heading",
        "Give long sections headings: they tell a retriever what a passage is about.",
        unit="number",
    ),
    "long_paragraph": Limit(
        "structure",
        600,
        CHECKED,
        "words of the longest paragraph",
        "Break long paragraphs up; a file that lost its line ends looks like this too.",
        unit="number",
    ),
    "heading_jumps": Limit(
        "structure",
        0.34,
        CHECKED,
        "share of headings that skip a level",
        "Number heading levels without gaps.",
    ),
    "empty_sections": Limit(
        "structure", 0.34, CHECKED, "share of headings with nothing below", "Fill or remove empty sections."
    ),
    "ragged_tables": Limit(
        "structure",
        0.34,
        OURS,
        "share of tables whose rows differ in their number of cells",
        "Mend the tables: a cell that lost its column has lost its meaning.",
    ),
    "too_short": Limit("prose", 50, GOPHER, "number of words", "Nothing: short is no flaw.", least=True, unit="number"),
    "too_long": Limit("prose", 100_000, GOPHER, "number of words", "Split the document.", unit="number"),
    "short_words": Limit("prose", 3, GOPHER, "mean length of a word", _WRITING, least=True, unit="number"),
    "long_words": Limit("prose", 10, GOPHER, "mean length of a word", _WRITING, unit="number"),
    "hashes": Limit("prose", 0.1, GOPHER, "number signs per word", _WRITING),
    "ellipses": Limit("prose", 0.1, GOPHER, "ellipses per word", _WRITING),
    "bullet_lines": Limit("prose", 0.9, GOPHER, "share of lines that open with a bullet", _WRITING),
    "ellipsis_lines": Limit("prose", 0.3, GOPHER, "share of lines that end with an ellipsis", _WRITING),
    "few_alphabetic_words": Limit("prose", 0.8, GOPHER, "share of words with a letter", _WRITING, least=True),
    "few_stop_words": Limit(
        "prose", 2, GOPHER, "number of different function words such as `the`", _WRITING, least=True, unit="number"
    ),
    "lorem_ipsum": Limit("prose", 0, C4, "a line holds `lorem ipsum`", "Replace the dummy text.", unit="fact"),
    "curly_bracket": Limit("prose", 0, C4, "a line of prose holds `{`", "Mark code up as code.", unit="fact"),
    "few_sentences": Limit(
        "prose", 5, C4, "number of sentences in full lines (counted up to 5)", _WRITING, least=True, unit="number"
    ),
    "few_punctuated_lines": Limit(
        "prose", 0.12, FINEWEB, "share of lines that end with a sentence", _WRITING, least=True
    ),
    "short_lines": Limit("prose", 0.67, FINEWEB, "share of lines of at most 30 characters", _WRITING),
    "many_newlines": Limit("prose", 0.3, FINEWEB, "line ends per word", _WRITING),
    "duplicate_paragraphs": Limit("repetition", 0.3, GOPHER, "share of paragraphs seen before", _AGAIN),
    "duplicate_paragraph_characters": Limit(
        "repetition", 0.2, GOPHER, "share of characters in paragraphs seen before", _AGAIN
    ),
    "duplicate_lines": Limit("repetition", 0.3, GOPHER, "share of lines seen before", _AGAIN),
    "duplicate_line_characters": Limit("repetition", 0.2, GOPHER, "share of characters in lines seen before", _AGAIN),
    "repeated_line_characters": Limit(
        "repetition",
        0.01,
        FINEWEB,
        "share of characters in lines seen before",
        "Nothing: it is a filter for web pages.",
    ),
    "top_2_gram": _top(2, 0.2),
    "top_3_gram": _top(3, 0.18),
    "top_4_gram": _top(4, 0.16),
    "repeated_5_grams": _runs(5, 0.15),
    "repeated_6_grams": _runs(6, 0.14),
    "repeated_7_grams": _runs(7, 0.13),
    "repeated_8_grams": _runs(8, 0.12),
    "repeated_9_grams": _runs(9, 0.11),
    "repeated_10_grams": _runs(10, 0.10),
    "boilerplate_lines": Limit(
        "boilerplate",
        0.1,
        CHECKED,
        "share of lines that are notices of a web site",
        "Take the page's content only; the repair `boilerplate` removes such lines.",
    ),
    "navigation_lines": Limit(
        "boilerplate",
        0.1,
        CHECKED,
        "share of lines that are menus or bread crumbs",
        "Take the page's content only; the repair `boilerplate` removes such lines.",
    ),
    "mixed_languages": Limit(
        "language",
        0.34,
        OURS,
        "share of windows of the text in another than its main language",
        "Keep one language to a document, or cut it in two.",
    ),
    "few_distinct_words": Limit(
        "density", 0.2, CHECKED, "different words among the first 1,000", "Say less, or say more things.", least=True
    ),
    "compressible": Limit(
        "density", 0.18, CHECKED, "size after compression over size before", "Take out filler and copies.", least=True
    ),
    "addresses": Limit("density", 0.3, OURS, "share of characters in web addresses", "Keep lists of links out."),
    "old": Limit(
        "freshness",
        0.5,
        "half-life of the contract, or two years",
        "freshness, halved with each half-life",
        "Update the content; a new validation date alone does not make it newer.",
        least=True,
    ),
    "undeclared": Limit(
        "metadata", 1, OURS, "share of the wanted fields that have a value", "Declare what is missing.", least=True
    ),
    "little_authority": Limit(
        "authority", 0.5, OURS, "trust in source and author", "Have the document owned and reviewed.", least=True
    ),
}
"""Reason code to its limit."""
