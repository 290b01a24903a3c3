import pytest
from provenance_parts import hidden_fixtures as made

from corpus.types import Finding, ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.detectors.hidden import HiddenDetector
from provenance.visibility.reached import key

BY_ID = {case.id: case for case in made.CASES}
FACTS = [case.id for case in made.CASES if case.finds_facts]


def look(data: bytes, path: str) -> tuple[ParsedDocument, list[Finding]]:
    ref = SourceRef(doc_id=path, uri=f"file:///{path}", path=path, size=len(data), modified_at=None)
    blob = RawBlob(ref=ref, data=data, sha256="")
    document = parse(blob)
    found = HiddenDetector().detect(blob, document)
    assert not [each for each in found if each.code == "visibility.unchecked"], found
    return document, [each for each in found if each.code.startswith("hidden.")]


def check(case: made.Case, payload: str) -> None:
    document, found = look(case.build(payload), case.path)
    assert {each.code for each in found} == {f"hidden.{case.technique}"}
    (only,) = found
    assert (only.level, only.detail["technique"], only.detail["instruction"]) == ("-", case.technique, False)
    assert case.place in only.detail["place"]
    assert only.detail["extracted"] is (only.span is not None)
    assert only.detail["extracted"] is case.reaches
    assert len(only.quote) <= 200
    if case.technique == "look_alikes":  # the words that are disguised, as they stand
        assert set(only.quote.split()[:-1]) <= set(document.text.split())
        return
    assert key(payload) in key(only.quote)
    if only.span is not None and not case.id.startswith("unicode"):
        assert key(payload) == key(only.span.of(document.text))


@pytest.mark.parametrize("name", BY_ID)
def test_a_hidden_instruction_is_found_with_technique_place_and_text(name: str) -> None:
    check(BY_ID[name], made.INSTRUCTION)


@pytest.mark.parametrize("name", FACTS)
def test_a_hidden_fact_is_found_where_a_model_would_read_it(name: str) -> None:
    check(BY_ID[name], made.FACT)


@pytest.mark.parametrize("payload", [made.INSTRUCTION, made.FACT], ids=["instruction", "fact"])
@pytest.mark.parametrize("name", BY_ID)
def test_the_same_document_without_hiding_is_not_flagged(name: str, payload: str) -> None:
    document, found = look(BY_ID[name].twin(payload), BY_ID[name].path)
    assert key(payload) in key(document.text)
    assert found == []


def test_the_matrix_has_the_techniques_of_every_format() -> None:
    assert len(made.CASES) >= 100
    assert len({(case.path, case.technique) for case in made.CASES}) >= 40
