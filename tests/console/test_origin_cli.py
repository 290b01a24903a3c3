"""`stemma origin show`: the ladder of evidence about one document, for people and as JSON."""

from __future__ import annotations

from typing import Any

import pytest

NAME = "handbook"
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TEXT = "The pump moves forty litres of water a minute, and the valve stands left of it behind the door. " * 3


def _ingested(cli: Any, name: str, text: str, front: str = "", beside: str = "") -> None:
    head = f"---\nversion: '3'\nlast_validated_date: 2026-02-01\n{front}---\n"
    path = cli.write(name, text, head)
    if beside:
        path.with_name(path.name + ".meta.yaml").write_text(beside, "utf-8")
    cli("ingest", NAME, code=None)


def _show(cli: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cli.json("origin", "show", NAME, f"{name}.md")
    return found


def test_a_document_without_a_mark_is_unknown_and_that_proves_nothing(ingested: Any) -> None:
    found = _show(ingested, "refunds")
    assert found["origin"] == {
        "digital_source_type": "unknown", "basis": "none", "level": None, "scope": "document", "generation_depth": 0,
    }  # fmt: skip
    assert found["findings"] == []
    assert "proves nothing" in found["statement"]
    assert "No evidence" in ingested("origin", "show", NAME, "refunds.md").out


def test_a_declaration_is_shown_with_its_place_and_quote(project: Any) -> None:
    _ingested(project, "made", f"# Pump\n\n{TEXT}\n", "digital_source_type: trainedAlgorithmicMedia\n")
    found = _show(project, "made")
    (finding,) = found["findings"]
    assert (finding["level"], finding["role"], finding["place"]) == ("E3", "supports", "metadata, digital_source_type")
    assert finding["quote"] == "digital_source_type: trainedAlgorithmicMedia"
    assert found["origin"]["digital_source_type"] == AI
    shown = project("origin", "show", NAME, "made.md").out
    for said in ("E3", "declared.digital_source_type", "metadata, digital_source_type", "declared, not proven"):
        assert said in shown


def test_contradicting_declarations_say_which_prevailed_and_why(project: Any) -> None:
    front = "ai-disclosure: none\nai-generated: fully\n"
    _ingested(project, "both", f"# Pump\n\n{TEXT}\n", front)
    found = _show(project, "both")
    roles = {item["code"]: item["role"] for item in found["findings"]}
    assert roles == {"declared.ai_disclosure": "contradicts", "declared.ai_generated": "supports"}
    against = next(item for item in found["findings"] if item["role"] == "contradicts")
    assert "keeps AI text visible" in against["why"]
    assert "1 finding says otherwise" in found["statement"]


def test_nonsense_is_named_with_the_valid_values(project: Any) -> None:
    _ingested(project, "odd", f"# Pump\n\n{TEXT}\n", "digital_source_type: banana\n")
    (finding,) = _show(project, "odd")["findings"]
    assert finding["code"] == "declared.not_understood"
    assert "'banana' is no IPTC digital source type" in finding["why"]
    assert "trainedAlgorithmicMedia" in finding["why"]


def test_a_sidecar_and_kept_headers_declare(project: Any) -> None:
    beside = "headers:\n  AI-Disclosure: mode=ai-originated, model=gpt-4o\n  Content-Type: text/html\n"
    _ingested(project, "kept", f"# Pump\n\n{TEXT}\n", beside=beside)
    (finding,) = _show(project, "kept")["findings"]
    assert (finding["place"], finding["digital_source_type"]) == ("HTTP header, AI-Disclosure", AI)


@pytest.mark.parametrize(
    ("beside", "kind", "place"),
    [
        ("", "compositeWithTrainedAlgorithmicMedia", "contract, digital_source_type"),
        ("digital_source_type: human\n", "digitalCreation", "sidecar, digital_source_type"),
    ],
)
def test_a_contract_declares_and_a_sidecar_makes_the_exception(
    project: Any, beside: str, kind: str, place: str
) -> None:
    text = project.contract.read_text("utf-8")
    line = "        digital_source_type: compositeWithTrainedAlgorithmicMedia\n"
    assert "      defaults:\n" in text
    project.contract.write_text(text.replace("      defaults:\n", f"      defaults:\n{line}"), "utf-8")
    _ingested(project, "ours", f"# Pump\n\n{TEXT}\n", beside=beside)
    (finding,) = _show(project, "ours")["findings"]
    assert finding["place"] == place
    assert finding["digital_source_type"].endswith(kind)


def test_a_contract_that_declares_nonsense_is_invalid(project: Any) -> None:
    text = project.contract.read_text("utf-8")
    project.contract.write_text(
        text.replace("      defaults:\n", "      defaults:\n        digital_source_type: banana\n"), "utf-8"
    )
    ran = project("contract", "validate", NAME, code=None)
    assert ran.code != 0
    assert "'banana' is no origin" in ran.out + ran.err


def test_residue_decides_about_its_passage_and_the_rest_stays_unknown(project: Any) -> None:
    human = "\n\n".join(f"{TEXT} Part {number}." for number in range(12))
    _ingested(project, "mixed", f"# Pump\n\n{human}\n\nIt opened in 1963. citeturn0search1 {TEXT}\n\n{human}\n")
    found = _show(project, "mixed")
    assert found["origin"]["digital_source_type"] == "unknown"
    (passage,) = found["passages"]
    assert passage["quote"].startswith("It opened in 1963.")
    assert (passage["digital_source_type"], passage["basis"], passage["level"]) == (AI, "matched", "E4")
    hits = project.json("index", "query", NAME, "pump litres minute valve", "--k", "50")["hits"]
    mixed = [hit for hit in hits if hit["doc_id"] == "mixed.md"]
    kinds = {hit["digital_source_type"] for hit in mixed}
    assert kinds == {AI, "unknown"}
    assert sum(hit["digital_source_type"] == AI for hit in mixed) == 1


def test_an_unknown_document_names_the_nearest(ingested: Any) -> None:
    ran = ingested("origin", "show", NAME, "refund.md", code=2)
    assert "Did you mean 'refunds.md'" in ran.err
