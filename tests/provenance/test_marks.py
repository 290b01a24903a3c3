"""Signed footers and C2PA marks of plain text: what they survive, and what they give away."""

from __future__ import annotations

import html
import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from corpus.types import ParsedDocument, RawBlob, SourceRef
from provenance import marks, textmark
from provenance.detectors.marks import MarksDetector

SERVED = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
ANSWER = (
    "You can send the device back within a month after it reached you, but note three exceptions that often surprise "
    "people: opened battery packs stay with you, activated licence keys cannot be undone, and gift orders are "
    "credited to whoever paid. Start by printing the label from your account page."
)
HUMAN = (
    "The winter of that year was long, and the river froze twice before the ferry could be brought to the other bank, "
    "where the carpenter had his shed and kept the planks dry under a roof of reed. "
) * 8
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


TRUST = {"ours": raw(KEY)}


def made(text: str = ANSWER, key: Ed25519PrivateKey = KEY, system: str = 'the "support" bot') -> tuple[marks.Mark, str]:
    return marks.make(
        text,
        answer_id="a-0001",
        served_at=SERVED,
        system=system,
        sign=key.sign,
        public_key=raw(key),
        index_version="handbook/v000012",
    )


MARK, FOOTER = made()


def test_the_line_is_readable_and_the_token_reads_back() -> None:
    words, _, token = FOOTER.partition(" \u00b7 ")
    assert words == 'Written with AI by the "support" bot on 2026-03-01 from handbook v000012'
    assert token == MARK.token
    assert len(token) == 198
    [found] = marks.find(f"{ANSWER}\n\n{FOOTER}\n")
    assert replace(found, span=None) == MARK
    assert found.span is not None
    assert found.span.of(f"{ANSWER}\n\n{FOOTER}\n") == token
    assert marks.judge(found, TRUST) == ("signed", "ours")
    assert found.id_digest == marks.id_digest_of("a-0001")


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 60, break_long_words=True))


RENDERED = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "wrapped": _wrapped,
    "quoted mail": lambda text: textwrap.indent(_wrapped(text), "> "),
    "blanks": lambda text: text.replace(" ", "\u00a0\n  "),
    "curly quotes": lambda text: text.replace('"', "\u201d"),
    "soft hyphens": lambda text: text[:150] + "\u00ad\n" + text[150:],
    "html": lambda text: f"<p><em>{html.escape(text)}</em></p>",
    "markdown to html": lambda text: MarkdownIt().render(f"*{text}*"),
    "markdown quote": lambda text: MarkdownIt().render(f"> {text}"),
    "escaped dot": lambda text: text.replace("\u00b7", "&middot;"),
}


@pytest.mark.parametrize("render", RENDERED.values(), ids=RENDERED)
def test_it_survives_being_rendered(render) -> None:
    text = f"{HUMAN}\n\n{ANSWER}\n\n{render(FOOTER)}\n"
    [found] = marks.find(text)
    assert found.token == MARK.token
    assert marks.judge(found, TRUST) == ("signed", "ours")


@pytest.mark.parametrize("name", ["as it is", "upper case", "wrapped", "blanks", "curly quotes"])
def test_the_readable_words_are_those_that_were_signed(name: str) -> None:
    text = f"{ANSWER}\n\n{RENDERED[name](FOOTER)}\n"
    [found] = marks.find(text)
    assert marks.words_changed(text, found) is False


def test_other_words_before_a_token_are_told() -> None:
    for before, after in (("2026-03-01", "2026-04-01"), ("support", "sales"), ("v000012", "v000013")):
        text = f"{ANSWER}\n\n{FOOTER.replace(before, after)}"
        [found] = marks.find(text)
        assert marks.judge(found, TRUST)[0] == "signed"
        assert marks.words_changed(text, found) is True
    [bare] = marks.find(MARK.token)
    assert marks.words_changed(MARK.token, bare) is None


@given(place=st.integers(len(marks.SCHEME), 197), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_other_letter_leaves_it_signed(place: int, letter: str) -> None:
    token = MARK.token[:place] + letter + MARK.token[place + 1 :]
    found = [item for item in marks.find(token) if item.token != MARK.token]
    assert all(marks.judge(item, TRUST)[0] != "signed" for item in found)


def test_the_last_letter_has_bits_that_say_nothing_and_the_token_is_written_one_way() -> None:
    changed = {MARK.token[:-1] + letter for letter in "abcdefghijklmnopqrstuvwxyz234567"}
    same = {found.token for token in changed for found in marks.find(token) if marks.judge(found, TRUST)[0] == "signed"}
    assert same == {MARK.token}


def test_other_keys_and_cut_tokens() -> None:
    foreign, _ = made(key=OTHER)
    assert marks.judge(foreign, TRUST) == ("unknown_key", "")
    assert marks.judge(replace(foreign, key=MARK.key), TRUST) == ("forged", "")
    assert marks.judge(MARK, {}) == ("unknown_key", "")
    assert marks.judge(replace(MARK, day=MARK.day + timedelta(days=1)), TRUST) == ("forged", "")
    assert list(marks.find(MARK.token[:-1])) == []
    assert list(marks.find(MARK.token.replace(":", " "))) == []
    assert list(marks.find("stemma:answer:" * 100)) == []


def test_a_mark_knows_its_own_text_from_another() -> None:
    own = f"{HUMAN}\n\n{ANSWER}\n\n{FOOTER}\n"
    [found] = marks.find(own)
    assert found.span is not None
    mine = marks.compare(own, found.sketch, found.span.end)
    assert mine.same
    assert mine.found == mine.of == marks.SKETCH
    assert mine.span is not None
    assert mine.span.of(own) == f"{ANSWER}\n\n{FOOTER}"
    assert 0.1 < mine.share < 0.5
    copied = f"{HUMAN}\n\n{FOOTER}\n"
    theirs = marks.compare(copied, found.sketch, len(copied))
    assert (theirs.same, theirs.found, theirs.span) == (False, 0, None)


def test_an_edited_answer_is_still_its_own_and_a_page_without_paragraphs_keeps_its_human_part() -> None:
    edited = " ".join("changed" if place % 6 == 0 else word for place, word in enumerate(ANSWER.split()))
    text = f"{HUMAN} {edited} {FOOTER}"
    [found] = marks.find(text)
    compared = marks.compare(text, found.sketch, len(text))
    assert compared.same
    assert compared.span is not None
    assert compared.span.start > len(HUMAN) / 2
    assert compared.share < 0.5


def test_an_answer_too_short_for_groups_is_marked_and_not_compared() -> None:
    mark, footer = made("Yes, gladly."[:4])
    assert mark.sketch == ()
    [found] = marks.find(f"Yes,\n\n{footer}")
    assert marks.judge(found, TRUST)[0] == "signed"
    assert marks.compare("Yes", found.sketch, 3).same


def test_what_cannot_be_marked_says_so() -> None:
    with pytest.raises(ValueError, match="needs an id"):
        marks.make("x", answer_id="", served_at=SERVED, system="s", sign=KEY.sign, public_key=raw(KEY))
    early = SERVED.replace(year=1969)
    with pytest.raises(ValueError, match="1970-01-01 to 2149"):
        marks.make("x", answer_id="a", served_at=early, system="s", sign=KEY.sign, public_key=raw(KEY))


def test_a_system_name_cannot_break_the_line() -> None:
    _, footer = made(system="two\nlines\x1b[31m\u202e")
    assert "\n" not in footer
    assert footer.startswith("Written with AI by two lines [31m on 2026-03-01")


@given(st.text(max_size=300))
def test_no_text_fails(text: str) -> None:
    for source in (text, f"stemma:answer:{text}", f"{text}\ufeff\ufe00{text}"):
        list(marks.find(source))
        list(textmark.find(source))
        marks.compare(source, MARK.sketch, len(source))


def document(text: str) -> tuple[RawBlob, ParsedDocument]:
    ref = SourceRef(doc_id="a", uri="u", path="a", size=1, modified_at=None)
    blob = RawBlob(ref=ref, data=text.encode("utf-8", "replace"), sha256="")
    parsed = ParsedDocument(text=text, blocks=(), title="", media_type="text/plain", metadata={}, parser="p")
    return blob, parsed


def test_the_detector_says_only_that_a_mark_stands_there() -> None:
    text = textmark.wrap(f"{ANSWER}\n\n{FOOTER}", b"manifest")
    footer, hidden = MarksDetector().detect(*document(text))
    assert (footer.code, footer.level, footer.detail["kind"]) == ("mark.found", "-", "footer")
    assert footer.detail["mark"] == MARK.token
    assert footer.detail["words"] == "as signed"
    assert hidden.detail == {"kind": "c2pa-text", "mark": textmark.mark_of(b"manifest")}
    assert len(MarksDetector(most=2).detect(*document(f"{FOOTER}\n" * 9))) == 2
    assert MarksDetector().detect(*document(HUMAN)) == ()


@given(st.text(max_size=60).filter(lambda text: "\ufeff" not in text), st.binary(min_size=1, max_size=300))
def test_a_c2pa_mark_comes_back_whole(text: str, manifest: bytes) -> None:
    wrapped = textmark.wrap(text, manifest)
    [found] = textmark.find(wrapped)
    assert found.manifest == manifest
    assert textmark.without(wrapped).encode("utf-8", "surrogatepass") == textmark.without(wrapped).encode(
        "utf-8", "surrogatepass"
    )
    assert textmark.without(wrapped) + wrapped[found.span.start :] == wrapped


def test_only_one_c2pa_mark_and_no_empty_one() -> None:
    with pytest.raises(ValueError, match="may hold one only"):
        textmark.wrap(textmark.wrap("x", b"m"), b"m")
    with pytest.raises(ValueError, match="1 to 4000000 bytes, got 0"):
        textmark.wrap("x", b"")
    cut = textmark.wrap("x", b"manifest")[:-3]
    assert list(textmark.find(cut)) == []


def test_the_outside_implementation_reads_what_we_write_and_we_read_what_it_writes() -> None:
    c2pa_text = pytest.importorskip("c2pa_text", reason="c2pa-text is not installed")
    manifest = bytes(range(256)) * 3
    assert textmark.wrap("Cafe\u0301", manifest) == c2pa_text.embed_manifest("Cafe\u0301", manifest)
    assert c2pa_text.extract_manifest(textmark.wrap(ANSWER, manifest)) == (manifest, ANSWER)
    padded = ANSWER + c2pa_text.encode_wrapper_padded(manifest, c2pa_text.worst_case_wrapper_byte_length(len(manifest)))
    [found] = textmark.find(padded)
    assert (found.manifest, textmark.without(padded)) == (manifest, ANSWER)
