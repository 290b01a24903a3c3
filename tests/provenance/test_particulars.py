"""What a rewording or a translation keeps: numbers, dates, names and identifiers, across notations and languages."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.agreement import Agreement, compare
from provenance.particulars import particulars


def agreement(ours: str, theirs: str) -> Agreement:
    return compare(particulars(ours), particulars(theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("It costs 1,200 dollars.", "Es kostet 1.200 Dollar."),
        ("It costs $1,200.50 now.", "Es kostet jetzt 1.200,50 USD."),
        ("There are 1 200 000 of them.", "There are 1.2 million of them."),
        ("Der Umsatz stieg um 3,5 Milliarden Euro.", "Sales rose by 3.5 billion euros."),
        ("On 26 March 2024 it opened.", "Am 26. März 2024 wurde es eröffnet."),
        ("It opened on March 26, 2024.", "El 26 de marzo de 2024 abrió."),
        ("It opened on 2024-03-26.", "Il a ouvert le 26 mars 2024."),
        ("It opened on 26.03.2024.", "2024年3月26日开业。"),
        ("It opened in 2024.", "It opened on March 26, 2024."),
        ("About 12 % of them left.", "Zwölf Prozent gingen."),
        ("Twelve percent left.", "Un 12 por ciento... 12 % se fue."),
        ("Wait sixty days.", "Man wartet 60 Tage."),
        ("It cites ISO-9001 and v2.3.1 there.", "Dort steht v2.3.1 neben ISO-9001."),
        ("We met Lewis Hamilton there.", "Dann kam Hamilton herein."),
        ("It was Société Générale again.", "It was Societe Generale again."),
        ("Write to help@example.org today.", "Schreiben Sie an help@example.org."),
    ],
)
def test_the_same_thing_agrees_in_another_notation_or_language(ours: str, theirs: str) -> None:
    found = agreement(ours, theirs)
    assert found.agreeing
    assert not found.contradicting
    assert agreement(theirs, ours).agreeing


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Wait sixty days for it.", "Wait 90 days for it."),
        ("It costs 45 € today.", "It costs 54 € today."),
        ("It opened on March 26, 2024.", "It opened on March 27, 2024."),
        ("Der Umsatz stieg um 12 Prozent.", "Sales rose by 21 percent."),
    ],
)
def test_another_number_or_date_contradicts(ours: str, theirs: str) -> None:
    found = agreement(ours, theirs)
    assert len(found.contradicting) == 1
    assert not found.agreeing


def test_a_number_of_another_unit_does_not_agree() -> None:
    assert not agreement("It takes 12 days.", "It costs 12 euros.").agreeing


def test_what_only_one_text_names_is_missing_and_no_contradiction() -> None:
    found = agreement("Mara Jones waited for 12 days.", "Somebody waited.")
    assert {item.text for item in found.missing} == {"Mara Jones", "12 days"}
    assert not found.contradicting


def test_the_first_word_of_a_sentence_is_no_name() -> None:
    assert particulars("Kettles are sold here.") == ()
    assert [item.text for item in particulars("We sell Kettles Deluxe here.")] == ["Kettles Deluxe"]


@given(st.text(max_size=300))
def test_every_text_agrees_with_itself(text: str) -> None:
    found = compare(particulars(text), particulars(text))
    assert not found.missing
    assert not found.contradicting


@given(st.text(alphabet="0123456789.,-/ %$€ A-bZ年月", max_size=120), st.text(max_size=60))
def test_any_text_is_read(ours: str, theirs: str) -> None:
    agreement(ours, theirs)


@given(st.integers(0, 10**9))
def test_grouped_numbers_are_the_number(number: int) -> None:
    assert agreement(f"{number:,} of them", f"{number} of them").agreeing


@pytest.mark.parametrize("piece", ["1", "1,", "A ", "A", "a.1", "1 ", "(1", "Ab", "a_", "1.", "of ", "A of "])
def test_time_is_bounded_for_the_longest_sentence(piece: str) -> None:
    began = time.process_time()
    particulars((piece * 1_200)[:1_200])
    assert time.process_time() - began < 0.5
