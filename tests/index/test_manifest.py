import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import IntegrityError
from corpus.ids import canonical_json
from corpus.receipts import Counts
from index import layout
from index.manifest import (
    FINGERPRINT_ROLES,
    AiShare,
    CanaryInfo,
    Contents,
    ContractRef,
    Distribution,
    FileRef,
    FingerprintRef,
    GateResult,
    IndexInfo,
    Manifest,
    OriginMix,
    RunInfo,
)

# Written again with REGENERATE_GOLDEN=1; a change of these bytes is a change of the format.
GOLDEN = Path(__file__).parent / "golden" / "manifest.json"

EXAMPLE = Manifest(
    name="handbook",
    number=2,
    previous=1,
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    run=RunInfo(run_id="0190-run", code_version="0.1.0", actor="ada"),
    contract=ContractRef(id="c-1", name="handbook", version="1.2.0", digest="c" * 64),
    fingerprints={
        role: FingerprintRef(digest=f"{position}" * 64, parts={"k": [1, "x"], "nested": {"a": None}})
        for position, role in enumerate(FINGERPRINT_ROLES)
    },
    runtime={"backend": "torch", "dtype": "bf16"},
    contents=Contents(documents=3, chunks=7, tokens=812, corpus_sha256="a" * 64),
    conservation=Counts(received=4, indexed=1, unchanged=2, quarantined=1),
    origin=OriginMix(
        documents={"unknown": 3},
        chunks={"unknown": 7},
        ai_share_documents=AiShare(declared=0.0, matched=0.0),
        ai_share_chunks=AiShare(declared=0.0, matched=0.0),
        max_generation_depth=0,
    ),
    quality=Distribution(count=3, missing=0, quantiles={"min": 0.25, "p50": 0.5, "max": 1.0}),
    freshness=Distribution(count=2, missing=1, quantiles={"min": "2024-05-06", "max": "2026-01-01"}),
    index=IndexInfo(factory="Flat", metric="cosine", dimension=384, vectors=7, recall_at_10=None, recall_sample=0),
    canaries=CanaryInfo(count=64, sha256="d" * 64),
    gates=(GateResult(name="parity", passed=True, expected="7", actual="7", message="7, as expected."),),
    files={name: FileRef(size=1, sha256="e" * 64) for name in layout.CONTENT_FILES},
)


@pytest.fixture
def schema():
    return json.loads(files("index").joinpath("schemas/manifest.schema.json").read_bytes())


def test_golden_bytes(schema):
    if os.environ.get("REGENERATE_GOLDEN"):
        GOLDEN.write_bytes(EXAMPLE.to_bytes())
    assert EXAMPLE.to_bytes() == GOLDEN.read_bytes()
    assert Manifest.from_bytes(GOLDEN.read_bytes()) == EXAMPLE
    jsonschema.Draft202012Validator(schema).validate(json.loads(GOLDEN.read_bytes()))


def test_real_manifests_follow_the_published_schema(world, schema):
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(world.publish(1).to_json())


@pytest.mark.parametrize("change", [{"number": 0}, {"identity": "x"}, {"previous": "1"}, {"surprise": 1}])
def test_the_schema_refuses_what_is_no_manifest(schema, change):
    assert not jsonschema.Draft202012Validator(schema).is_valid({**EXAMPLE.to_json(), **change})


def test_the_schema_names_every_field_there_is(schema):
    assert set(schema["properties"]) == set(EXAMPLE.to_json()) == set(schema["required"])
    assert set(schema["properties"]["files"]["properties"]) == {*layout.CONTENT_FILES, *layout.OPTIONAL_FILES}
    assert set(schema["properties"]["fingerprints"]["properties"]) == set(FINGERPRINT_ROLES)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
sizes = st.integers(0, 10**9)
shares = st.floats(0, 1)
instants = st.integers(0, 4 * 10**15).map(lambda us: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us))


@st.composite
def manifests(draw):
    return replace(
        EXAMPLE,
        number=draw(st.integers(1, 10**6)),
        previous=draw(st.none() | st.integers(1, 10**6)),
        created_at=draw(instants),
        run=draw(st.builds(RunInfo, run_id=texts, code_version=texts, actor=texts)),
        runtime=draw(st.dictionaries(texts, texts, max_size=3)),
        contents=draw(st.builds(Contents, documents=sizes, chunks=sizes, tokens=sizes, corpus_sha256=texts)),
        conservation=draw(st.builds(Counts, received=sizes, indexed=sizes, failed=sizes)),
        quality=draw(
            st.builds(Distribution, count=sizes, missing=sizes, quantiles=st.dictionaries(texts, shares, max_size=3))
        ),
        gates=tuple(
            draw(
                st.lists(
                    st.builds(
                        GateResult, name=texts, passed=st.booleans(), expected=texts, actual=texts, message=texts
                    ),
                    max_size=3,
                )
            )
        ),
        files=draw(st.dictionaries(texts, st.builds(FileRef, size=sizes, sha256=texts), max_size=3)),
    )


@given(manifests())
def test_round_trip_law(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest
    again = Manifest.from_bytes(manifest.to_bytes())
    assert again == manifest
    assert again.to_bytes() == manifest.to_bytes() == canonical_json(manifest.to_json())


def test_another_time_zone_is_the_same_manifest():
    elsewhere = EXAMPLE.created_at.astimezone(timezone(timedelta(hours=5)))
    assert replace(EXAMPLE, created_at=elsewhere).to_bytes() == EXAMPLE.to_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"number": 9, "previous": None},
        {"created_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"run": RunInfo(run_id="other", code_version="9", actor="eve")},
        {"runtime": {}},
        {"gates": ()},
        {"conservation": Counts()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_identity_is_not_about_the_run(change):
    assert replace(EXAMPLE, **change).identity == EXAMPLE.identity


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"contract": replace(EXAMPLE.contract, digest="0" * 64)},
        {"contents": replace(EXAMPLE.contents, tokens=1)},
        {"files": {**EXAMPLE.files, layout.INDEX: FileRef(size=1, sha256="0" * 64)}},
        {"index": replace(EXAMPLE.index, factory="SQ8")},
        *(
            {"fingerprints": {**EXAMPLE.fingerprints, role: FingerprintRef(digest="f" * 64, parts={})}}
            for role in FINGERPRINT_ROLES
        ),
    ],
)
def test_identity_is_about_what_is_inside(change):
    assert replace(EXAMPLE, **change).identity != EXAMPLE.identity


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format 2 is unknown"),
        ({"identity": "0" * 64}, "edited by hand"),
        ({"contents": {"documents": 1}}, "not a manifest"),
        ({"created_at": "2026-01-02T03:04:05"}, "without time zone"),
        ({"files": [1]}, "not a manifest"),
        ({"surprise": 1}, "not a manifest"),
    ],
)
def test_what_is_no_manifest_is_refused(change, message):
    with pytest.raises(IntegrityError, match=message):
        Manifest.from_json({**EXAMPLE.to_json(), **change})


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{}", b"null"])
def test_bytes_that_are_no_manifest_are_refused(data):
    with pytest.raises(IntegrityError):
        Manifest.from_bytes(data)


def test_a_number_that_no_json_can_say_is_refused():
    """Python reads `1e999` as infinity, which nothing can be written of again; found by `make fuzz`."""
    data = EXAMPLE.to_bytes()
    size = f'"size":{next(iter(EXAMPLE.files.values())).size}'.encode()
    assert size in data
    with pytest.raises(IntegrityError, match="no form for inf"):
        Manifest.from_bytes(data.replace(size, b'"size":1e999'))


@pytest.mark.parametrize("name", ["", "../up", "a/b", "UPPER", ".hidden"])
def test_names_that_could_climb_out_are_refused(name):
    with pytest.raises(ValueError, match="no name"):
        layout.version_path(name, 1)
    with pytest.raises(ValueError, match="no name"):
        layout.alias_path("handbook", name)


def test_version_names():
    assert layout.version_path("handbook", 42) == "indexes/handbook/v000042"
    assert [layout.version_number(name) for name in ("v000042", "v1234567", "v42", "aliases", "x000042")] == [
        42,
        1234567,
        None,
        None,
        None,
    ]
