from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from contracts import build
from contracts.load import load_contract, parse_contract, problems_of
from contracts.model import CheckSpec, Threshold
from contracts.reading.compile import digest_of
from contracts.reading.locations import expand_braces, split_path
from contracts.reading.standard import SCHEMA_FILE, schema
from contracts.rules.table import RULE_ALIASES, RULES
from contracts.text.timing import cron_problem
from corpus import batches
from corpus.ids import canonical_json, fingerprint, sha256_hex
from corpus.types import OnFail, OriginKind, Severity

VALID_PATH = Path(__file__).with_name("valid.odcs.yaml")
VALID = VALID_PATH.read_text("utf-8")


def check(name: str) -> CheckSpec:
    return next(check for check in parse_contract(VALID, "kb").checks if check.name == name)


def test_every_part_of_a_contract_is_compiled() -> None:
    contract = load_contract(VALID_PATH, VALID_PATH.parent)
    assert (contract.name, contract.version, contract.path) == ("support-kb", "1.0.0", "valid.odcs.yaml")
    assert contract.owner_team == "support-content"
    assert contract.source.root == "data/inbox/support_kb"
    assert contract.source.include == ("**/*.md", "**/*.html", "**/*.pdf", "**/*.docx")
    assert contract.embedder.model == "all-MiniLM-L6-v2"
    assert (contract.embedder.dimension, contract.embedder.revision) == (384, "1")
    assert (contract.chunker.strategy, contract.chunker.max_tokens, contract.chunker.overlap) == ("structural", 254, 32)
    assert contract.freshness is not None
    assert contract.freshness.max_age_days == 90
    assert contract.retention_days == 3 * 365
    assert contract.schedule == "0 2 * * *"
    assert contract.enforcement == "block"
    assert (contract.guards.max_removed_share, contract.guards.min_documents) == (0.3, 2)
    assert contract.parsers == {"text/html": "unstructured"}
    assert contract.governance.required == ("owner", "sensitivity_label")
    assert contract.governance.defaults == {"owner": "support-content"}
    assert contract.governance.max_validation_age_days == 400
    assert set(contract.allowed_origins) == {kind.value for kind in OriginKind}
    assert contract.raw_yaml == VALID


def test_checks_say_rule_scope_and_consequence() -> None:
    quality = check("quality-score")
    assert (quality.rule, quality.engine, quality.scope) == ("quality_score", "stemma", "row")
    assert quality.threshold == Threshold(op="mustBeGreaterOrEqualTo", value=0.6)
    assert (quality.on_fail, quality.severity, quality.owner) == (OnFail.QUARANTINE, Severity.ERROR, "support-content")
    assert check("labels").arguments == {"allowed": ["public", "internal"]}
    assert check("self-ingestion").threshold == Threshold(op="mustBeLessThan", value=0.5)
    assert (check("ai-share").scope, check("ai-share").on_fail) == ("batch", OnFail.WARN)
    assert check("document.rowCount").on_fail is OnFail.BLOCK
    assert check("language.invalidValues").scope == "row"
    assert check("governance_fields").arguments == {"fields": ["owner", "sensitivity_label"], "maxAge": 400.0}


def test_a_threshold_that_needs_every_document_makes_a_batch_check() -> None:
    text = VALID.replace(
        "            mustBe: 0\n            unit: rows", "            mustBeLessThan: 5\n            unit: percent"
    )
    found = next(item for item in parse_contract(text, "kb").checks if item.rule == "invalidValues")
    assert (found.scope, found.on_fail, found.arguments["unit"]) == ("batch", OnFail.BLOCK, "percent")


def test_on_fail_of_a_library_check_is_a_custom_property() -> None:
    extra = "            customProperties: [{property: onFail, value: warn, vendor: stemma}]\n"
    text = VALID.replace("            unit: rows\n", "            unit: rows\n" + extra)
    assert (
        next(item for item in parse_contract(text, "kb").checks if item.rule == "invalidValues").on_fail is OnFail.WARN
    )


def test_names_of_checks_are_unique() -> None:
    twice = VALID.replace(
        "      - metric: rowCount\n        mustBeGreaterThan: 0\n",
        "      - metric: rowCount\n        mustBeGreaterThan: 0\n      - metric: rowCount\n        mustBeLessThan: 9\n",
    )
    names = [item.name for item in parse_contract(twice, "kb").checks]
    assert len(names) == len(set(names))
    assert "document.rowCount-2" in names


def test_a_compiled_contract_can_be_fingerprinted() -> None:
    contract = parse_contract(VALID, "kb")
    assert fingerprint("x", {"checks": [asdict(item) for item in contract.checks], "g": asdict(contract.governance)})


def test_comments_and_layout_do_not_change_the_digest_but_values_do() -> None:
    digest = parse_contract(VALID, "kb").digest
    assert (
        parse_contract("# a comment\n" + VALID.replace("tenant: example", "tenant:   'example'  # who"), "kb").digest
        == digest
    )
    lines = VALID.splitlines(keepends=True)
    moved = "".join([*lines[:1], *lines[2:4], lines[1], *lines[4:]])
    assert parse_contract(moved, "kb").digest == digest
    assert parse_contract(VALID.replace("0.60", "0.61"), "kb").digest != digest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_the_digest_is_that_of_the_canonical_form(value: object) -> None:
    assert digest_of(value) == sha256_hex(canonical_json(value))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./data/inbox/**/*.{md,html}", ("data/inbox", ("**/*.md", "**/*.html"))),
        ("data/inbox", ("data/inbox", ("**/*",))),
        ("data/a.md", ("data", ("a.md",))),
        ("*.md", (".", ("*.md",))),
        ("/srv/kb/*.md", ("/srv/kb", ("*.md",))),
        ("../kb/**/*.md", ("../kb", ("**/*.md",))),
        ("s3://bucket/kb/**/*.{md,txt}", ("s3://bucket/kb", ("**/*.md", "**/*.txt"))),
        ("data/{a,b}/*.md", ("data", ("a/*.md", "b/*.md"))),
        ("data/{**/*.md,x/*.txt}", ("data", ("**/*.md", "x/*.txt"))),
    ],
)
def test_a_path_is_split_into_a_root_and_globs(path: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert split_path(path) == expected


@pytest.mark.parametrize("path", ["", " ", "a/{b", "a/b}", "a/*/../b", "{a,b}" * 12])
def test_a_path_that_names_no_place_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        split_path(path)


@given(st.lists(st.text("abc*", min_size=1, max_size=3), min_size=1, max_size=4))
def test_braces_expand_to_each_option_once(options: list[str]) -> None:
    assert expand_braces("x/{" + ",".join(options) + "}.md") == tuple(dict.fromkeys(f"x/{item}.md" for item in options))


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/15 * * * mon-fri", "0 0 1,15 jan-mar 0", "@daily", "5-10/2 * * * 7"])
def test_cron_expressions_that_are_valid(cron: str) -> None:
    assert cron_problem(cron) == ""


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "@soon"]
)
def test_cron_expressions_that_are_not(cron: str) -> None:
    assert cron_problem(cron)


def test_a_source_may_be_a_url() -> None:
    old = "    type: local\n    environment: prod\n    path: ./data/inbox/support_kb/**/*.{md,html,pdf,docx}"
    assert old in VALID
    text = VALID.replace(old, "    type: s3\n    environment: prod\n    location: s3://bucket/kb/**/*.md")
    source = parse_contract(text, "kb").source
    assert (source.type, source.root, source.include) == ("s3", "s3://bucket/kb", ("**/*.md",))


def test_other_names_of_the_model_are_the_same_model() -> None:
    text = VALID.replace("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
    assert parse_contract(text, "kb").embedder.model == "all-MiniLM-L6-v2"


def test_a_folder_with_a_model_may_have_any_dimension() -> None:
    text = VALID.replace("all-MiniLM-L6-v2", "path:models/own").replace("384", "512")
    assert (parse_contract(text, "kb").embedder.model, parse_contract(text, "kb").embedder.dimension) == (
        "path:models/own",
        512,
    )


def test_ai_generated_documents_can_be_kept_out() -> None:
    line = f'          - {{value: "{OriginKind.AI_GENERATED.value}", label: AI generated}}\n'
    assert line in VALID
    assert OriginKind.AI_GENERATED not in parse_contract(VALID.replace(line, ""), "kb").allowed_origins


def test_the_columns_that_contracts_know_are_those_of_the_files() -> None:
    kinds = {"string": "string", "large_string": "string", "int64": "integer", "int32": "integer", "double": "number"}
    documents = {f.name: kinds.get(str(f.type), "timestamp") for f in batches.DOCUMENTS}
    assert documents == {"outcome": "string", "reasons": "string", **build.DOCUMENT_COLUMNS}
    chunks = {f.name: kinds[str(f.type)] for f in batches.CHUNKS}
    assert dict(build.CHUNK_COLUMNS) == {**chunks, "embedding": "vector"}


def test_the_vendored_schema_is_the_published_one_and_a_valid_schema() -> None:
    Draft201909Validator.check_schema(schema())
    folder = Path(build.__file__).parent / "schemas"
    digest = sha256_hex((folder / SCHEMA_FILE).read_bytes())
    assert digest in (folder / "README.md").read_text("utf-8")


def test_rules_are_explained_and_read_columns_that_exist() -> None:
    assert set(RULE_ALIASES.values()) <= set(RULES)
    for name, rule in RULES.items():
        assert rule.explains.endswith("."), name
        assert (rule.row is None) == (rule.scope == "batch"), name
        assert (rule.batch is None) == (rule.scope == "row"), name
        assert set(rule.columns) - {""} <= set(build.DOCUMENT_COLUMNS), name


def test_the_rule_freshness_takes_its_age_from_the_sla_and_refuses_to_guess() -> None:
    rule = VALID.replace("rule: sensitivity\n              allowed: [public, internal]", "rule: freshness")
    assert next(item for item in parse_contract(rule, "kb").checks if item.name == "labels").arguments == {
        "maxAge": 90.0
    }
    without = rule.replace("property: freshness", "property: latency")
    assert any("knows no age" in problem.message for problem in problems_of(without))


def test_reading_a_contract_does_not_load_pandas_or_great_expectations() -> None:
    code = (
        "import sys; from pathlib import Path; from contracts.load import load_contract; "
        f"load_contract(Path({str(VALID_PATH)!r})); import contracts.evaluate; "
        "print([n for n in ('pandas', 'great_expectations', 'numpy', 'pyarrow', 'sqlalchemy') if n in sys.modules])"
    )
    root = Path(build.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def test_the_contract_of_the_design_compiles_but_for_a_model_that_is_not_here() -> None:
    design = VALID_PATH.with_name("design.odcs.yaml").read_text("utf-8")
    (problem,) = problems_of(design)
    line = design[: design.index("embeddingModel: BAAI")].count("\n") + 1
    assert (problem.line, "unknown embedding model 'BAAI/bge-small-en-v1.5'" in problem.message) == (line, True)
    contract = parse_contract(design.replace("BAAI/bge-small-en-v1.5", "path:models/bge-small-en-v1.5"), "kb")
    assert contract.embedder.revision == "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a"
    assert {item.rule for item in contract.checks} >= {"hidden_text", "self_ingestion", "quality_score", "pattern"}
    assert contract.relationships[0].object == "chunk"
    assert contract.golden[0].relevant_doc_ids == ("policies/refunds.md",)
    assert [item.property for item in contract.sla] == ["freshness", "retention", "frequency"]
