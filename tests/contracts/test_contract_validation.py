"""Each invalid contract is one edit of a valid one: the problem must name the line and say what to write."""

# ruff: noqa: E501 - one edit, one line

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.load import load_contract, parse_contract, problems_of
from corpus.errors import ContractError

VALID = Path(__file__).with_name("valid.odcs.yaml").read_text("utf-8")

# What is replaced, with what, the text whose line the problem must be on, and phrases of the message.
INVALID = [
    ("kind: DataContract", "kind: Contract", "kind: Contract", ("'Contract' is not a valid value of `kind`",)),
    ("status: active", "statsu: active", "statsu:", ("unknown key `statsu`", "'status'")),
    ("name: support-kb\n", "name: Support KB\n", "name: Support KB", ("lower-case",)),
    ("version: 1.0.0", "version: v1", "version: v1", ("is not a version",)),
    ("version: 1.0.0", "version: 1.0", "version: 1.0", ("`version` must be text, not 1.0",)),
    ("    type: local", "    type: locl", "type: locl", ("'locl' is not a valid value of `type`", "'local'")),
    ("    type: local", "    type: duckdb", "type: duckdb", ("Valid: local", "no source for server type 'duckdb'")),
    ("    path: ./data/inbox/support_kb/**/*.{md,html,pdf,docx}\n", "", "- server: inbox", ("`path` is missing",)),
    ("*.{md,html,pdf,docx}", "*.{md,html", "path: ./data", ("not closed",)),
    ("    format: mixed", "    fromat: mixed", "fromat:", ("unknown key `fromat`", "'format'")),
    ("  - name: document\n", "  - name: documents\n", "- name: documents", ("unknown schema object 'documents'", "'document'")),
    ("  - name: document\n", "  - name: documents\n", "schema:", ("`document` is missing",)),
    ("        logicalType: string\n        physicalType", "        logicalType: strng\n        physicalType", "strng", ("'strng'", "'string'")),
    ("primaryKey: true\n        primaryKeyPosition: 1\n        required: true\n        unique", "primaryKey: true\n        primaryKeyPosition: 1\n        required: yes please\n        unique", "yes please", ("must be true or false",)),
    ("          minLength: 200", "          minLenght: 200", "minLenght", ("unknown key `minLenght`", "'minLength'")),
    ("          minLength: 200", "          minLength: 3000000", "minLength: 3000000", ("more than `maxLength",)),
    ('pattern: "^[0-9a-f]{64}$"', 'pattern: "^[0-9a-f{64}$"', "[0-9a-f{64}", ("not a valid regular expression",)),
    ("engine: stemma\n            dimension: conformity", "engine: stema\n            dimension: conformity", "engine: stema", ("unknown engine 'stema'", "'stemma'")),
    ("dimension: conformity", "dimension: quality", "dimension: quality", ("not a valid value of `dimension`",)),
    ("rule: quality_score", "rule: quality_scor", "rule: quality_scor", ("unknown rule 'quality_scor'", "'quality_score'")),
    ("rule: quality_score", "rule: hidden_text", "              threshold:", ("the rule hidden_text compares no number", "Remove the threshold")),
    ("rule: quality_score", "rule: near_duplicate", "              threshold:", ("from a similarity of 0.8 on: 0.6 is never judged", "ragFamilies")),
    ("rule: sensitivity", "rule: instruction_text", "allowed:", ("unknown key `allowed`", "where")),
    ("allowed: [public, internal]", "allow: [public]", "allow: [public]", ("unknown key `allow`", "'allowed'")),
    ("allowed: [public, internal]", "allowed: [no]", "allowed: [no]", ("Quote it",)),
    ("{mustBeGreaterOrEqualTo: 0.60}", "{mustBeGreaterOrEqual: 0.60}", "mustBeGreaterOrEqual:", ("unknown operator `mustBeGreaterOrEqual`", "'mustBeGreaterOrEqualTo'")),
    ("{mustBeGreaterOrEqualTo: 0.60}", "{mustBeGreaterOrEqualTo: 60}", "OrEqualTo: 60", ("out of range",)),
    ("{mustBeGreaterOrEqualTo: 0.60}", "{mustBeBetween: [0.9, 0.1]}", "mustBeBetween", ("smaller number first",)),
    ("{mustBeGreaterOrEqualTo: 0.60}", "{mustBe: 1, mustNotBe: 0}", "{mustBe: 1", ("2 operators in one threshold",)),
    ("              threshold: {mustBeGreaterOrEqualTo: 0.60}\n", "", "implementation:", ("quality_score needs a threshold",)),
    ("onFail: quarantine\n          - name: labels", "onFail: quarantain\n          - name: labels", "quarantain", ("unknown onFail 'quarantain'", "'quarantine'")),
    ("              allowed: [public, internal]\n              onFail: quarantine", "              allowed: [public, internal]\n              onFail: repair", "onFail: repair", ("no repair changes `sensitivity_label`", "Valid here: block, quarantine, warn")),
    ("          onFail: warn", "          onFail: quarantine", "onFail: quarantine\n      - name: self-ingestion", ("cannot quarantine one document",)),
    ("            severity: error\n            businessImpact", "            severity: eror\n            mustBe: 3\n            businessImpact", "mustBe: 3", ("cannot stand beside a custom check", "threshold: {mustBe: ...}")),
    ("            severity: error\n            businessImpact", "            severity: eror\n            businessImpact", "severity: eror", ("unknown severity 'eror'", "'error'")),
    ("            mustBe: 0\n", "", "- metric: invalidValues", ("no comparison operator",)),
    ("            mustBe: 0\n", "            mustBe: 0\n            mustNotBe: 1\n", "- metric: invalidValues", ("2 comparison operators",)),
    ("metric: invalidValues", "metric: invalidValue", "invalidValue\n", ("'invalidValues'",)),
    ("metric: invalidValues", "metric: rowCount", "metric: rowCount\n            arg", ("no meaning under a property",)),
    ("metric: rowCount\n        mustBe", "metric: nullValues\n        mustBe", "metric: nullValues", ("needs a property",)),
    ("arguments: {validValues: [en, de]}", "arguments: {validValue: [en, de]}", "validValue:", ("unknown argument `validValue`", "'validValues'")),
    ("validValues: [en, de]", "validValues: [en, no]", "[en, no]", ("false is not a value of validValues", "Quote it")),
    ("            unit: rows", "            unit: lines", "unit: lines", ("unknown unit 'lines'", "percent")),
    ("          answerLog: default", "          answerLog: other", "answerLog: other", ("unknown answerLog 'other'",)),
    ("measure: share_of_accepted_chunks", "measure: share", "measure: share", ("share_of_documents",)),
    ("      - name: updated_at", "      - name: language", "language\n        logicalType: timestamp", ("two properties are called 'language'",)),
    ("      - name: updated_at", "      - name: update_at", "update_at", ("unknown property 'update_at'", "'updated_at'")),
    ("logicalType: timestamp", "logicalType: date", "logicalType: date", ("is of logicalType timestamp",)),
    ("{value: unknown, label", "{value: unknwon, label", "unknwon", ("unknown origin 'unknwon'", "'unknown'")),
    ("      - name: self-ingestion", "      - name: ai-share", "ai-share\n        type: custom\n        engine: stemma\n        dimension: uniqueness", ("two checks are called 'ai-share'",)),
    ("          dimensions: 384", "          dimensions: 768", "dimensions: 768", ("`dimensions: 768` is wrong", "384")),
    ("embeddingModel: all-MiniLM-L6-v2", "embeddingModel: BAAI/bge-small-en-v1.5", "embeddingModel: BAAI", ("unknown embedding model 'BAAI/bge-small-en-v1.5'", "all-MiniLM-L6-v2, wordllama-256", "path:DIR")),
    ("      dimension: 384", "      dimension: 385", "dimension: 385", ("contradicts dimensions",)),
    ("      model: all-MiniLM-L6-v2", "      model: wordllama-256", "model: wordllama-256", ("contradicts embeddingModel", "authority")),
    ("normalized: true", "normalized: false", "normalized: false", ("unit length",)),
    ("distanceMetric: cosine", "distanceMetric: hamming", "hamming", ("cosine or dotProduct",)),
    ("strategy: recursive", "strategy: recursiv", "strategy: recursiv", ("unknown chunker strategy", "'recursive'")),
    ("maxTokens: 254", "maxTokens: 300", "maxTokens: 300", ("reads 254 tokens",)),
    ("maxTokens: 254", "maxTokens: 3", "maxTokens: 3", ("from 16 to 8192",)),
    ("overlap: 32", "overlap: 200", "overlap: 200", ("at most half of maxTokens (127)",)),
    ("    unit: d\n    element: document.updated_at", "    unit: dd\n    element: document.updated_at", "unit: dd", ("unknown unit 'dd'",)),
    ("    value: 90", "    value: ninety", "value: ninety", ("'ninety' is not a duration",)),
    ("property: freshness", "property: freshnes", "property: freshnes", ("unknown promise 'freshnes'", "'freshness'")),
    ('schedule: "0 2 * * *"', 'schedule: "0 25 * * *"', "0 25", ("'25' is not a valid hour",)),
    ('schedule: "0 2 * * *"', 'schedule: "0 2 * *"', "0 2 * *", ("5 (minute hour",)),
    ("scheduler: cron", "scheduler: airflow", "scheduler: airflow", ("scheduler: cron",)),
    ("property: ragEnforcement\n    value: block", "property: ragEnforcement\n    value: blok", "value: blok", ("unknown enforcement mode 'blok'", "'block'")),
    ("property: ragGuards", "property: ragGuard", "property: ragGuard", ("unknown property 'ragGuard'", "'ragGuards'")),
    ("maxRemovedShare: 0.3", "maxRemovedShare: 30", "maxRemovedShare: 30", ("from 0 to 1",)),
    ("minDocuments: 2", "minDocs: 2", "minDocs", ("unknown key `minDocs`",)),
    ("required: [owner, sensitivity_label]", "required: [ownr]", "[ownr]", ("unknown governance field 'ownr'", "'owner'")),
    ("defaults: {owner: support-content}", 'defaults: {owner: ""}', 'owner: ""', ("`owner` must be text that is not empty",)),
    ("defaults: {owner: support-content}", "defaults: {last_validated_date: soon}", "soon", ("a date such as",)),
    ("{text/html: unstructured}", "{text/html: unstructure}", "unstructure}", ("unknown parser 'unstructure'", "'unstructured'")),
    ("{text/html: unstructured}", "{html: unstructured}", "{html:", ("'html' is not a media type",)),
    ("{factory: Flat}", "{factory: PQ32}", "PQ32", ("unknown index factory 'PQ32'", "Flat")),
    ("{factory: Flat}", "{factory: auto, deletes: some}", "some", ("unknown deletes 'some'", "many")),
    ("{factory: Flat}", "{factory: auto, lexical: tfidf}", "tfidf", ("unknown index of words 'tfidf'", "bm25")),
    ("team:\n  name: support-content", "team:\n  nme: support-content", "nme:", ("unknown key `nme`", "'name'")),
    ("      - metric: rowCount\n        mustBeGreaterThan: 0\n", "      - type: sql\n        query: SELECT 1\n        mustBe: 1\n", "query: SELECT 1", ("does not read the documents", "one SELECT on ${object}")),
    ("      - metric: rowCount\n        mustBeGreaterThan: 0\n", "      - type: text\n        name: nothing\n", "- type: text", ("a check of type `text` says nothing", "description")),
    ("status: active", "status: active\nstatus: draft", "status: draft", ("the key 'status' stands twice", "line 6")),
    ("status: active", "status: *nowhere", "status: *nowhere", ("not YAML", "undefined alias")),
    ("status: active", "status: [active", None, ("not YAML",)),
    ("status: active", "status: !!python/name:os.system x", "!!python", ("tag",)),
    ("tenant: example", "<<: {a: b}", "<<:", ("merge keys",)),
    ("tenant: example", "1: example", "1: example", ("a key must be text",)),
]  # fmt: skip


def line_of(text: str, needle: str) -> int:
    return text[: text.index(needle) + 1].count("\n") + 1


@pytest.mark.parametrize(("old", "new", "where", "phrases"), INVALID)
def test_an_invalid_contract_is_reported_at_its_line_in_words_that_help(
    old: str, new: str, where: str | None, phrases: tuple[str, ...]
) -> None:
    assert VALID.count(old) >= 1
    text = VALID.replace(old, new, 1)
    found = problems_of(text)
    fitting = [problem for problem in found if all(phrase in f"{problem.message} {problem.hint}" for phrase in phrases)]
    assert fitting, found
    if where is not None:
        lines = {problem.line for problem in fitting}
        assert line_of(text, where) in lines, found
    assert len(found) <= 4, "one edit, a cascade of problems"


def test_there_are_many_kinds_of_invalid_contract() -> None:
    assert len(INVALID) >= 80


def test_a_valid_contract_has_no_problem() -> None:
    assert problems_of(VALID) == ()


def test_every_problem_is_reported_at_once_in_order_of_line(tmp_path: Path) -> None:
    text = (
        VALID.replace("rule: quality_score", "rule: qualty_score")
        .replace("    format: mixed", "    fromat: mixed")
        .replace("factory: Flat", "factory: IVF")
    )
    path = tmp_path / "kb.odcs.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(path, tmp_path)
    problems = caught.value.problems
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert lines == sorted(lines)
    for needle in ("rule: qualty_score", "fromat", "factory: IVF"):
        assert any(problem.startswith(f"kb.odcs.yaml:{line_of(text, needle)}:") for problem in problems)


def test_a_problem_inside_an_implementation_given_as_text_has_its_own_line() -> None:
    text = VALID.replace("allowed: [public, internal]", "allowed: public")
    (problem,) = problems_of(text)
    assert problem.line == line_of(text, "allowed: public")
    assert problem.column == VALID.splitlines()[problem.line - 1].index("[public") + 1


def test_a_missing_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"no.odcs.yaml cannot be read"):
        load_contract(tmp_path / "no.odcs.yaml")


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "kb.odcs.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ContractError, match="not UTF-8"):
        load_contract(path)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b\n", "null", "# nothing\n"])
def test_a_file_that_is_not_a_mapping_is_refused(text: str) -> None:
    assert "a contract is a mapping" in problems_of(text)[0].message


def test_an_alias_bomb_is_refused_quickly() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    assert any("aliases expand" in problem.message for problem in problems_of(bomb))


def test_deep_nesting_and_endless_aliases_are_refused() -> None:
    assert "nested deeper" in problems_of("[" * 20_000)[0].message
    assert any("aliases expand" in problem.message for problem in problems_of("a: &a\n  b: *a\n"))


def test_a_file_that_is_too_large_is_refused() -> None:
    assert "larger than" in problems_of("a: " + "x" * 1_100_000)[0].message


def test_plain_aliases_are_read() -> None:
    text = VALID.replace("description: One row per indexed chunk.", "description: &words One row.").replace(
        "    description: One row per source document after extraction.", "    description: One row."
    )
    assert parse_contract(text, "x").name == "support-kb"
