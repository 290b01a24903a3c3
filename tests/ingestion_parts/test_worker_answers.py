"""What a worker says is made of our types only: a parser that was taken over runs nothing outside its worker."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingestion_parts.makers import MARKDOWN, blob_of, docx_of, pdf_of

from corpus.errors import ParseError
from ingestion.inspect import Recipe, inspect
from ingestion.isolation import Limits
from ingestion.sandbox import Answer, Forged, answered, packed

PIECES = (
    b"\x80\x05",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"R",
    b"(",
    b"t",
    b".",
    b"\x93",
    b"\x81",
    b"b",
    b"}",
    b"N",
)
NAMES = (b"\x8c\x02os", b"\x8c\x06system", b"\x8c\x0ccorpus.types", b"\x8c\x05Score", b"\x8c\x05utc_now", b"0", b"2")


class _Calls:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


FORGED = {
    "a shell": _Calls(os.system, ("touch forged",)),
    "code": _Calls(eval, ("open('forged', 'w')",)),
    "a file": _Calls(open, ("forged", "w")),
    "an error": _Calls(ParseError, ("code",)),
    "a path": Path("forged"),
    "another type of ours": Limits,
    "a function": json.loads,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_answer_runs_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Forged, match="no answer"):
        answered(packed((1, Answer.FOUND, FORGED[name])))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES + NAMES), max_size=20).map(b"".join))
def test_no_bytes_are_anything_but_a_value_or_a_forgery(said):
    with contextlib.suppress(Forged):
        answered(bytes(8) + said)


@pytest.mark.parametrize(
    "made", [lambda: (MARKDOWN, "a.md"), lambda: (docx_of(), "a.docx"), lambda: (pdf_of(), "a.pdf")]
)
def test_what_is_found_passes_as_it_is(made):
    data, path = made()
    recipe = Recipe(detectors=("declared", "residue", "hidden"), repairs=("encoding",), mends=("control_characters",))
    found = inspect(recipe, blob_of(data if isinstance(data, bytes) else data.encode(), path))
    assert answered(packed((1, Answer.FOUND, found))) == (1, Answer.FOUND, found)
