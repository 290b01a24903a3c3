from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.types import SourceRef
from ingestion.governance import SYNONYMS, governance_of, parse_iso, sidecar_problem, updated_at_of
from ingestion.language import language_of
from ingestion.parsers.declared import DeclarationError, read_yaml

FIELDS = tuple(SYNONYMS)
REF = SourceRef(doc_id="a", uri="u", path="a", size=1, modified_at=datetime(2020, 1, 1, tzinfo=UTC))


def test_sidecar_wins_over_document_and_document_over_contract():
    found = governance_of(
        {"owner": "doc", "version": "1"},
        b"owner: beside\n",
        FIELDS,
        {"owner": "default", "version": "0", "sensitivity_label": "internal"},
    )
    assert found.values == {"owner": "beside", "version": "1", "sensitivity_label": "internal"}
    assert found.basis == {"owner": "sidecar", "version": "document", "sensitivity_label": "contract"}


@pytest.mark.parametrize(
    "name", ["Source-System", "source system", "SOURCE_SYSTEM", "stemma:source_system", "system_of_record"]
)
def test_spellings_and_synonyms(name):
    assert governance_of({name: "wiki"}, b"", FIELDS, {}).values == {"source_system": "wiki"}


@pytest.mark.parametrize(
    "name", ["author", "creator", "source", "generator", "modified", "date", "revision", "pdfversion", "class"]
)
def test_what_resembles_a_field_is_not_one(name):
    assert governance_of({name: "x"}, b"", FIELDS, {}).values == {}


def test_blank_and_null_are_missing():
    found = governance_of({"owner": "  "}, b"version:\nsensitivity_label: null\n", FIELDS, {})
    assert found.values == {}


def test_a_broken_sidecar_leaves_all_open_and_says_why():
    for sidecar in (b"\xff\xfe", b"- a list", b"a: [", b"a: &x 1\nb: *x", b"x" * 300_000):
        assert governance_of({"owner": "doc"}, sidecar, FIELDS, {"owner": "default"}).values == {}
        reason = sidecar_problem(sidecar)
        assert reason.code == "governance.sidecar.invalid"
    assert sidecar_problem(b"") is None
    assert sidecar_problem(b'{"owner": "json"}') is None


def test_values_stay_as_written():
    assert read_yaml("version: 1.10\nday: 2024-02-03\nyes: no\ntags: [a, b]") == {
        "version": "1.10",
        "day": "2024-02-03",
        "yes": "no",
        "tags": '["a", "b"]',
    }


@given(st.text(max_size=200))
def test_any_declaration_is_flat_text_or_refused(source):
    try:
        found = read_yaml(source)
    except DeclarationError:
        return
    assert all(isinstance(key, str) and isinstance(value, str) and value for key, value in found.items())


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-02-03", datetime(2024, 2, 3, tzinfo=UTC)),
        ("2024-02-03T04:05:06Z", datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2024-02-03 04:05+02:00", datetime(2024, 2, 3, 2, 5, tzinfo=UTC)),
        ("2024-02-03T04:05:06.25", datetime(2024, 2, 3, 4, 5, 6, 250000, tzinfo=UTC)),
        ("0001-01-01T00:00+23:00", None),
        ("2024-02-30", None),
        ("20240203", None),
        ("2024-W05", None),
        ("last week", None),
        ("03.02.2024", None),
        ("", None),
    ],
)
def test_dates_are_strict(value, moment):
    assert parse_iso(value) == moment


def test_updated_at():
    assert updated_at_of({"article:modified_time": "2024-02-03", "date": "2030-01-01"}, REF) == datetime(
        2024, 2, 3, tzinfo=UTC
    )
    assert updated_at_of({"modified": "yesterday"}, REF) == REF.modified_at
    assert updated_at_of({"modified": "yesterday", "Last-Modified": "2023-01-01"}, REF).year == 2023


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The refund window is thirty days, and nobody asks any questions about it.", "en"),
        ("Die Frist für eine Rückgabe beträgt dreißig Tage, und niemand stellt Fragen.", "de"),
        ("Le délai de remboursement est de trente jours et personne ne pose de questions.", "fr"),
        ("退款期限为三十天 没有人会问任何问题 请保留收据并将其带到商店去办理。", "zh"),
        ("ok", "und"),
        ("", "und"),
        ("1234567890 " * 50, "und"),
        ("https://example.com/a/very/long/address/that/says/nothing", "und"),
    ],
)
def test_language(text, language):
    assert language_of(text) == language
    assert language_of(text) == language


def test_an_english_header_does_not_decide_for_a_german_page():
    german = "Die Frist für eine Rückgabe beträgt dreißig Tage, und niemand stellt Fragen. " * 60
    assert language_of("Copyright notice: all rights reserved by the company. " * 10 + german) == "de"


def test_language_opens_no_connection():
    code = (
        "import sys\ncalls = []\n"
        "network = ('socket.connect', 'socket.getaddrinfo', 'socket.gethostby', 'socket.send')\n"
        "sys.addaudithook(lambda event, args: calls.append(event) if event.startswith(network) else None)\n"
        "from ingestion.language import language_of\nprint('fasttext' in sys.modules)\n"
        "print(language_of('The refund window is thirty days, and nobody asks.'), calls)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["False", "en []"]
