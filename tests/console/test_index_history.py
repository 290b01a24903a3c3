"""Asking the history of a real index: why, blame, replay, the causes of a difference, Parquet and Croissant."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import mlcroissant
import pandas as pd
import pytest

from corpus.catalog import audit
from corpus.errors import ConfigurationError, IntegrityError
from ingestion.queries import Queries, manifest_schema

NAME = "handbook"


def _open(cli: Any) -> Queries:
    return Queries.open(NAME, cli.folder)


def _chunk(cli: Any, question: str, version: str = "live") -> str:
    [hit] = cli.json("index", "query", NAME, question, "--k", "1", "--version", version)["hits"]
    return str(hit["chunk_id"])


def test_why_answers_for_every_state(changed: Any) -> None:
    states = {
        ("refunds.md",): "in",
        ("returns.md",): "quarantined",
        ("shipping.md",): "gone",
        ("shipping.md", "--version", "1"): "in",
        ("invoices.md", "--version", "1"): "later",
        ("notes.txt",): "excluded",
    }
    found = {words: changed.json("index", "why", NAME, *words) for words in states}
    assert {words: item["state"] for words, item in found.items()} == states
    assert "governance_fields" in json.dumps(found["returns.md",]["reasons"])
    assert found["returns.md",]["rules"][0]["owner"] == "support-team"
    assert found["shipping.md",]["spans"] == [[1, 1]]
    assert found["refunds.md",]["since"] == 1
    old, new = _chunk(changed, "refund", "1"), _chunk(changed, "refund")
    assert old != new
    assert changed.json("index", "why", NAME, old)["state"] == "replaced"
    assert changed.json("index", "why", NAME, new)["state"] == "in"
    assert changed.json("index", "why", NAME, new, "--version", "1")["state"] == "later"
    gone = changed.json("index", "why", NAME, _chunk(changed, "parcels leave the warehouse", "1"))
    assert (gone["state"], gone["kind"], gone["doc_id"]) == ("gone", "chunk", "shipping.md")


def test_why_of_what_nobody_has_seen(changed: Any) -> None:
    typo = changed("index", "why", NAME, "refundz.md", code=1)
    assert "Did you mean 'refunds.md'" in typo.out
    assert changed.json("index", "why", NAME, "0" * 32, code=1)["state"] == "unknown"
    changed.write("fresh", "# Fresh\n\nThis page was written after the last run of the index.\n")
    assert changed.json("index", "why", NAME, "fresh.md")["state"] == "unlisted"
    changed("ingest", NAME, "--no-release")
    told = changed.json("index", "why", NAME, "fresh.md")
    assert (told["state"], told["next"]) == ("waiting", f"stemma index release {NAME}")
    assert changed.json("index", "why", NAME, "fresh.md", "--version", "1")["state"] == "later"


def test_why_names_the_person_and_an_erasure(ingested: Any) -> None:
    ingested("quarantine", "release", NAME, "returns.md", "--reason", "checked by hand")
    ingested("ingest", NAME)
    told = ingested.json("index", "why", NAME, "returns.md")
    assert told["state"] == "in"
    assert told["people"][0]["reason"] == "checked by hand"
    [added] = [item for item in ingested.json("index", "diff", NAME)["documents"] if item["change"] == "added"]
    assert (added["doc_id"], added["cause"]) == ("returns.md", "person")
    # An erasure is another part's work; what it leaves in the audit log is read here.
    runtime = _open(ingested).runtime
    with runtime.catalog.transaction() as tx:
        audit.append(tx, actor="ada", action="document.delete", subject=f"{NAME}/shipping.md", detail={"reason": "x"})
    held = ingested.json("index", "why", NAME, "shipping.md")
    assert held["state"] == "erased"
    assert "readers leave it out" in held["answer"]
    (ingested.folder / "docs" / "shipping.md").unlink()
    ingested("ingest", NAME)
    erased = ingested.json("index", "why", NAME, "shipping.md")
    assert (erased["state"], erased["erasures"][0]["actor"]) == ("erased", "ada")
    [removed] = [item for item in ingested.json("index", "diff", NAME)["documents"] if item["change"] == "removed"]
    assert (removed["doc_id"], removed["cause"]) == ("shipping.md", "erasure")


def test_a_document_that_another_took_the_place_of(ingested: Any) -> None:
    front = "---\nversion: '4'\nlast_validated_date: 2026-03-01\nsupersedes: refunds.md\n---\n"
    ingested.write(
        "refunds-new", "# Refunds\n\nA refund is possible within ninety days of delivery now.\n", front=front
    )
    ingested("ingest", NAME)
    told = ingested.json("index", "why", NAME, "refunds.md")
    assert told["state"] == "superseded"
    assert "In its place stands refunds-new.md" in told["answer"]
    causes = {item["doc_id"]: item["cause"] for item in ingested.json("index", "diff", NAME)["documents"]}
    assert causes == {"refunds-new.md": "source", "refunds.md": "documents"}


def test_blame_says_who_brought_a_chunk(changed: Any) -> None:
    index = _open(changed)
    stays = index.blame(_chunk(changed, "password reset"))
    assert (stays.first, stays.since, stays.last, stays.versions) == (1, 1, 2, (1, 2))
    first, second = (index.show(number).record for number in (1, 2))
    assert stays.released_by.run_id == first.run_id
    assert stays.manifest_sha256 == first.manifest_sha256
    assert stays.decision is not None
    assert (stays.decision.outcome, stays.decision.actor) == ("accept", "stemma")
    assert stays.source.uri.endswith("/docs/passwords.md")
    assert stays.source.raw_sha256
    assert [item.number for item in stays.served] == [1, 2]
    assert stays.served[0].until == stays.served[1].since
    assert stays.chunk is not None
    assert "sign-in page" in stays.chunk["text"]
    rewritten = index.blame("refunds.md")
    assert (rewritten.first, rewritten.since) == (1, 2)
    assert rewritten.released_by.run_id == second.run_id
    assert [passage.since for passage in rewritten.passages] == [2]
    gone = index.blame("shipping.md")
    assert (gone.since, gone.last) == (1, 1)
    with pytest.raises(ConfigurationError, match="index why"):
        index.blame("nowhere.md")


def test_approvals_are_taken_from_the_audit_log(ingested: Any) -> None:
    index = _open(ingested)
    assert index.show().approvals == ()
    with index.runtime.catalog.transaction() as tx:
        audit.append(
            tx, actor="grace", action="version.approve", subject=f"{NAME}@v000001", detail={"by": "eve", "reason": "r"}
        )
    [approval] = index.show().approvals
    assert (approval.actor, approval.reason) == ("eve", "r")
    assert index.blame("refunds.md").approvals == (approval,)


def test_replay_explains_each_difference(changed: Any) -> None:
    found = changed.json("index", "replay", NAME, "refund within thirty days of delivery")
    assert (found["then"], found["now"], found["same_model"]) == (1, 2, True)
    fates = {item["hit"]["doc_id"]: item["fate"] for item in found["before"]}
    assert fates["refunds.md"] == "changed"
    assert fates["shipping.md"] == "gone"
    assert {item["hit"]["doc_id"]: item["fate"] for item in found["after"]}["invoices.md"] == "new"
    old = changed.json("index", "query", NAME, "refund within thirty days of delivery", "--version", "1")["hits"]
    assert [item["hit"]["chunk_id"] for item in found["before"]] == [hit["chunk_id"] for hit in old]
    same = changed.json("index", "replay", NAME, "refund", "--version", "2")
    assert {item["fate"] for item in same["before"]} == {"same"}


def test_a_hit_that_others_outrank(changed: Any) -> None:
    for number in range(3):
        changed.write(
            f"copy{number}", f"# Resets\n\nA forgotten password is reset from page {number} of the sign-in.\n"
        )
    changed("ingest", NAME)
    found = changed.json("index", "replay", NAME, "shipping of heavy goods by parcel", "--version", "1", "--k", "2")
    assert found["now"] == 3
    kept = changed.json("index", "replay", NAME, "forgotten password reset sign-in", "--version", "1", "--k", "1")
    [hit] = kept["before"]
    assert (hit["hit"]["doc_id"], hit["fate"]) == ("passwords.md", "outranked")
    assert hit["other_rank"] > 1


def test_replay_at_a_time_follows_the_alias_through_a_rollback(changed: Any) -> None:
    index = _open(changed)
    changed("index", "rollback", NAME, "--reason", "answers got worse")
    moves = index.blame("passwords.md").served
    assert [item.number for item in moves] == [1, 2, 1]
    between = moves[1].since + (moves[2].since - moves[1].since) / 2
    assert index.replay("refund", at=between).then == 2
    assert index.replay("refund", at=moves[0].since).then == 1
    assert index.replay("refund", at=datetime.now(UTC)).then == 1
    with pytest.raises(ConfigurationError, match="pointed nowhere at"):
        index.replay("refund", at=moves[0].since - timedelta(days=1))
    with pytest.raises(ConfigurationError, match="never set"):
        index.replay("refund", at=between, alias="shadow")
    assert "is no time" in changed("index", "replay", NAME, "refund", "--at", "yesterday", code=2).err


def test_replay_of_a_logged_answer(changed: Any) -> None:
    chunk = _chunk(changed, "refund", "1")
    line = {
        "answer_id": "a-1", "system": "helpdesk", "model": "m", "served_at": "2026-03-01T12:00:00Z",
        "text": "Thirty days.", "question": "how long is the refund window?", "retrieved": [chunk],
        "index_version": f"{NAME}/v000001",
    }  # fmt: skip
    log = changed.folder / "answers.jsonl"
    log.write_text(json.dumps(line) + "\n", "utf-8")
    changed("answers", "import", str(log))
    found = changed.json("index", "replay", NAME, "--answer", "a-1")
    assert (found["then"], found["query"], found["answer"]) == (1, "how long is the refund window?", [1, 1])
    assert "no answer 'a-2'" in changed("index", "replay", NAME, "--answer", "a-2", code=2).err


def test_the_clauses_of_the_contract_are_named(changed: Any) -> None:
    text = changed.contract.read_text("utf-8")
    changed.contract.write_text(
        text.replace("version: 1.0.0", "version: 2.0.0", 1).replace("docs/**/*.md", "docs/**/[a-o]*.md"), "utf-8"
    )
    changed("ingest", NAME, "--allow-shrink", "--reason", "the manual was taken back")
    found = changed.json("index", "diff", NAME)
    assert "contract" in found["changed"]
    assert "servers[0].path" in {clause["path"] for clause in found["clauses"]}
    removed = {item["doc_id"]: item["cause"] for item in found["documents"] if item["change"] == "removed"}
    assert removed == {"refunds.md": "contract", "passwords.md": "contract"}
    told = changed.json("index", "why", NAME, "refunds.md")
    assert told["state"] == "gone"


def test_another_way_of_cutting_is_told_from_another_text(project: Any) -> None:
    sentence = "The desk answers within two working days, and writes down what was agreed with whom. "
    project.write("long", "# Long\n\n" + "\n\n".join(f"Paragraph {number}. {sentence * 3}" for number in range(12)))
    text = project.contract.read_text("utf-8")
    project("ingest", NAME)
    assert "maxTokens: 254" in text
    project.contract.write_text(
        text.replace("version: 1.0.0", "version: 2.0.0", 1).replace("maxTokens: 254", "maxTokens: 64"), "utf-8"
    )
    project("ingest", NAME)
    found = project.json("index", "diff", NAME)
    assert {"chunker", "contract"} <= set(found["changed"])
    long = next(item for item in found["documents"] if item["doc_id"] == "long.md")
    assert (long["kinds"], long["cause"]) == (["recut"], "chunker")
    assert "ragChunker.maxTokens" in {clause["path"] for clause in found["clauses"]}


def test_filters_of_list(changed: Any) -> None:
    def numbers(*words: str) -> list[int]:
        return [row["number"] for row in changed.json("index", "list", NAME, *words)["versions"]]

    assert numbers() == [2, 1]
    assert numbers("--alias", "live") == [2]
    assert numbers("--state", "released") == [2, 1]
    assert numbers("--state", "candidate") == []
    assert numbers("--since", "2020-01-01") == [2, 1]
    assert numbers("--until", "2020-01-01") == []
    assert numbers("--embedder", "wordllama-256", "--contract-version", "1.0.0") == [2, 1]
    for words, hint in (
        (("--state", "relesed"), "Did you mean 'released'"),
        (("--alias", "liv"), "Did you mean 'live'"),
        (("--embedder", "wordlama-256"), "Did you mean 'wordllama-256'"),
        (("--contract-version", "9"), "There are: 1.0.0"),
        (("--since", "soon"), "is no time"),
    ):
        assert hint in changed("index", "list", NAME, *words, code=2).err


def test_the_metadata_is_parquet(changed: Any, tmp_path: Path) -> None:
    folder = tmp_path / "metadata"
    written = changed.json("index", "export", NAME, "--to", str(folder))
    assert written["unreadable"] == []
    for name, rows in written["rows"].items():
        assert len(pd.read_parquet(folder / name)) == rows
    frame = pd.read_parquet(folder / "versions.parquet").set_index("number")
    assert list(frame["signature"]) == ["valid", "valid"]
    assert frame.loc[2, "documents"] == changed.json("index", "show", NAME)["documents"]
    asked = duckdb.sql(
        f"SELECT doc_id FROM '{folder}/documents.parquet' WHERE number = 1 EXCEPT "
        f"SELECT doc_id FROM '{folder}/documents.parquet' WHERE number = 2"
    )
    assert asked.fetchall() == [("shipping.md",)]
    schema = jsonschema.Draft202012Validator(manifest_schema())
    for manifest in frame["manifest"]:
        schema.validate(json.loads(manifest))
    (tmp_path / "file").write_text("x")
    assert "cannot be written" in changed("index", "export", NAME, "--to", str(tmp_path / "file"), code=2).err


def test_every_manifest_of_a_project_follows_the_published_schema(changed: Any) -> None:
    schema = changed.json("index", "schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    found = sorted((changed.folder / ".stemma" / "indexes" / NAME).glob("v*/manifest.json"))
    assert len(found) == 2
    for path in found:
        jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_bytes()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlcroissant uses what rdflib will drop
def test_croissant_is_valid_and_its_records_are_those_of_the_version(changed: Any) -> None:
    version = changed.folder / ".stemma" / "indexes" / NAME / "v000002"
    target = version.parent / "copy" / "croissant.json"
    changed("index", "croissant", NAME, "2", "--to", str(target))
    for file in version.iterdir():
        (target.parent / file.name).write_bytes(file.read_bytes())
    dataset = mlcroissant.Dataset(str(target))
    assert dataset.metadata.issues.errors == set()
    texts = {record["chunks/chunk_id"] for record in dataset.records("chunks")}
    assert {chunk.decode() for chunk in texts} == set(pd.read_parquet(version / "chunks.parquet")["chunk_id"])
    assert len(list(dataset.records("documents"))) == changed.json("index", "show", NAME)["documents"]


def test_damage_is_found_and_named(changed: Any) -> None:
    folder = changed.folder / ".stemma" / "indexes" / NAME
    documents = folder / "v000001" / "documents.parquet"
    documents.write_bytes(documents.read_bytes()[:-1] + b"x")
    assert "altered" in changed("index", "diff", NAME, code=3).err
    manifest = folder / "v000001" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"0.1.0", b"0.1.1"))
    shown = changed.json("index", "show", NAME, "1", code=3)
    assert shown["signature"]["state"] == "invalid"
    told = changed.json("index", "blame", NAME, "passwords.md")
    assert (told["versions"], [item["number"] for item in told["unreadable"]]) == ([2], [1])
    written = changed.json("index", "export", NAME, "--to", "metadata")
    assert [item["state"] for item in written["unreadable"]] == ["damaged"]
    with pytest.raises(IntegrityError):
        _open(changed).croissant(1)
    manifest.unlink()
    assert "does not hold it" in changed("index", "diff", NAME, "1", "2", code=3).err
    assert changed.json("index", "show", NAME, "1", code=3)["signature"]["state"] == "damaged"


def test_what_is_asked_of_nothing_is_refused_with_a_next_step(project: Any) -> None:
    for words in (("show",), ("diff",), ("blame",), ("replay", "x"), ("export", "--to", "m"), ("croissant",)):
        verb, *rest = words
        subject = ["refunds.md"] if verb == "blame" else []
        ran = project("index", verb, NAME, *subject, *rest, code=2)
        assert "stemma ingest" in ran.err, words
    assert project.json("index", "why", NAME, "refunds.md")["state"] == "unlisted"
    assert project("index", "blame", "handbok", "x", code=2).err.count("Did you mean 'handbook'") == 1


def test_tables_for_people_name_the_cause_and_the_fate(changed: Any) -> None:
    out = changed("index", "diff", NAME, "--documents").out
    assert "new in its source" in out
    assert "its source no longer lists it" in out
    out = changed("index", "replay", NAME, "refund").out
    assert "What explains the differences" in out
    out = changed("index", "blame", NAME, "refunds.md").out
    assert "released by" in out
    assert "Passages" in out
    assert "valid, key" in changed("index", "show", NAME).out
