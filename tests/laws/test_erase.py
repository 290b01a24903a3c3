"""Erasure: after it no byte of the home or the catalog says what the document said, and it does not come back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from laws.erasing import DOC, LINES, NEEDLES, TEXT, forms, make, never_found, page, traces
from laws.handbook import NAME, Project
from sqlalchemy import text

from corpus.catalog import answers, audit, decisions, erasures, holds, segments, versions
from corpus.catalog.tables import Base
from corpus.errors import ConfigurationError, IntegrityError, SignatureInvalid
from corpus.ids import tomb_digest
from corpus.storage import Store
from corpus.types import utc_now
from index.embedders.registry import load_embedder
from index.manifest import Manifest
from index.pointer import AliasPointer
from index.reader import open_index
from index.rebuild import rebuild_catalog
from index.signing import Signer, TrustStore, generate_keypair
from index.tombstones import Tombstones, Watch
from index.verify import verify_version
from ingestion import pipeline
from ingestion.erasure import receipt as receipts
from ingestion.history.blame import blame
from ingestion.history.replay import Then, replay
from ingestion.stages import erase as erasing
from ingestion.stages import tombstone
from ingestion.stages.answers import import_answers
from ingestion.stages.reconcile import reconcile

WHY = {"reason": "request 17", "actor": "ann"}


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project on SQLite; on PostgreSQL where the test is marked with `both`."""
    made = Project.create(tmp_path / "project")
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url")
        made.settings = made.settings.model_copy(update={"catalog_url": url})
    yield made
    made.runtime.catalog.close()


both = pytest.mark.parametrize("project", ["sqlite", "postgresql"], indirect=True)


def _home(project: Project) -> Path:
    return Path(project.settings.home)


def _rows_that_say(project: Project) -> list[str]:
    """Tables of the catalog in which a row says something of the document, read as text by the database itself."""
    found = []
    with project.runtime.catalog.reading() as tx:
        for table in Base.metadata.sorted_tables:
            for row in tx.execute(table.select()):
                said = json.dumps([str(value) for value in row], ensure_ascii=False)
                if any(needle in said or json.dumps(needle)[1:-1] in said for needle in NEEDLES):
                    found.append(table.name)
    return sorted(set(found))


@both
def test_not_one_byte_is_left(project: Project) -> None:
    vectors = make(project)
    home = _home(project)
    before = traces(home, vectors)
    for place in (
        "indexes/handbook/v000001/chunks.parquet",
        "indexes/handbook/v000002/index.faiss",
        "reports",
        "staging",
    ):
        assert any(name.startswith(place) for name in before), place
    assert any(name.startswith(f"vectors/{'0' * 63}7") for name in before)
    assert set(_rows_that_say(project)) >= {"answers", "audit_log", "decisions", "overrides", "relations", "votes"}
    reader = project.reader()
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert traces(home, vectors) == []
    assert _rows_that_say(project) == []
    never_found(project, vectors[0])
    assert DOC not in {hit.doc_id for hit in reader.search(LINES[0], k=100)}
    assert len(reader.search(LINES[0], k=5)) == 5
    assert done.signed["left"] == 0
    assert done.signed["removed"]["answers"] == 2
    with project.runtime.catalog.reading() as tx:
        assert set(answers.get(tx, ["a-made", "a-quotes", "a-other"])) == {"a-other"}
        assert audit.verify(tx).broken_at is None
        [erased] = erasures.of_contract(tx, NAME)
    assert (erased.state, erased.doc_id, erased.reason) == ("done", "", "request 17")
    _works_on(project)


def _works_on(project: Project) -> None:
    """The project is whole: what stays is served, verifies, and is ingested as before."""
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    with project.runtime.catalog.reading() as tx:
        kept = [item for item in versions.all_of(tx, NAME) if item.state != "retired"]
    for item in kept:
        assert verify_version(project.runtime.store, NAME, item.number, trust).aliases_signed
    receipt = project.ingest()
    assert (receipt.counts.rejected, receipt.counts.balanced) == (1, True)
    assert project.search("The pump is explained here", k=1)[0].doc_id == "pump.md"
    assert project.ingest().counts.unchanged == receipt.counts.received
    assert traces(_home(project), []) == []


def test_the_database_files_of_postgresql_hold_nothing_either(request, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres_url")
    project = Project.create(tmp_path / "project")
    project.settings = project.settings.model_copy(update={"catalog_url": url})
    make(project)
    engine = project.runtime.catalog.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        data = Path(str(connection.execute(text("SHOW data_directory")).scalar()))
        connection.execute(text("CHECKPOINT"))
    assert _said_in(data / "base")
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
    assert _said_in(data / "base") == []
    project.runtime.catalog.close()


def _said_in(folder: Path) -> list[str]:
    needles = {form for needle in NEEDLES for form in forms(needle)}
    try:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]
    except PermissionError:
        pytest.skip("the server's files are not ours to read")


def test_a_version_gets_a_new_number_and_says_what_it_takes_the_place_of(project: Project) -> None:
    project.fill(2)
    project.ingest()
    project.write("people/mara", TEXT)
    project.ingest()
    project.write("pump", page("The pump"))
    project.ingest()
    before = {number: _manifest(project, number) for number in (1, 2, 3)}
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert done.signed["versions"] == {"2": 4, "3": 5}
    assert _manifest(project, 1) == before[1], "it never held the document, so it is as it was"
    for old, new in ((2, 4), (3, 5)):
        fresh = _manifest(project, new)
        assert fresh.contents.documents == before[old].contents.documents - 1
        assert fresh.contract == before[old].contract
        assert fresh.created_at == before[old].created_at
        [gate] = [gate for gate in fresh.gates if gate.name == "erasure"]
        assert f"v00000{old}" in gate.message
        assert tomb_digest(NAME, DOC)[:12] in gate.message
    assert (_manifest(project, 4).previous, _manifest(project, 5).previous) == (1, 4)
    with project.runtime.catalog.reading() as tx:
        assert versions.alias(tx, NAME, "live").number == 5
        assert versions.served(tx, NAME, "live")[:3] == (1, 4, 5), "a roll-back finds its way"
        states = {item.number: item.state for item in versions.all_of(tx, NAME)}
    assert states == {1: "released", 2: "retired", 3: "retired", 4: "released", 5: "released"}


def _manifest(project: Project, number: int) -> Manifest:
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    return verify_version(project.runtime.store, NAME, number, trust).manifest


def test_what_was_kept_is_what_a_build_without_the_document_gives(project: Project, tmp_path: Path) -> None:
    other = Project.create(tmp_path / "other")
    for each in (project, other):
        each.fill(3)
    project.write("people/mara", TEXT)
    for each in (project, other):
        each.ingest()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    for name in ("index.faiss", "report.json"):
        ours = _home(project) / "indexes" / NAME / "v000002" / name
        theirs = _home(other) / "indexes" / NAME / "v000001" / name
        if name == "report.json":
            assert json.loads(ours.read_bytes()) == json.loads(theirs.read_bytes())
        else:
            assert ours.read_bytes() == theirs.read_bytes(), "vectors, order and all"


def test_it_is_refused_when_its_source_gives_it_again_until_a_person_lifts_it(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert project.ingest().counts.rejected == 1
    with project.runtime.catalog.reading() as tx:
        [told] = decisions.standing(tx, NAME, "reject")
    assert told.doc_id == DOC
    assert told.reasons[0]["code"] == "erased"
    assert "by ann" in told.reasons[0]["message"]
    assert tomb_digest(NAME, DOC)[:12] in told.reasons[0]["message"]
    assert traces(_home(project), []) == []
    assert project.ingest().counts.unchanged == 3, "the refusal stands, and is no work"
    with pytest.raises(ConfigurationError, match="needs a reason"):
        erasing.lift(project.runtime, NAME, DOC, reason=" ", actor="ann")
    lifted = erasing.lift(project.runtime, NAME, DOC, reason="consent of 3 May", actor="ann")
    assert lifted.figures == {"lifted": 1, "documents_to_look_at": 1}
    assert project.ingest().counts.indexed == 1
    assert DOC in {hit.doc_id for hit in project.search(LINES[0], k=3)}
    with pytest.raises(ConfigurationError, match="nothing to lift"):
        erasing.lift(project.runtime, NAME, DOC, reason="again", actor="ann")


@pytest.mark.parametrize(
    "again", [("renamed", TEXT), ("other", TEXT.replace("author: Marabel Quintessa", "owner: nobody"))]
)
def test_the_same_bytes_or_text_under_another_name_are_refused_too(project: Project, again: tuple[str, str]) -> None:
    project.fill(2)
    path = project.write("people/mara", TEXT)
    project.ingest()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    path.unlink()
    project.write(*again)
    assert project.ingest().counts.rejected == 1
    assert traces(_home(project), []) == []
    lifted = erasing.lift(project.runtime, NAME, DOC, reason="a mistake", actor="ann")
    assert lifted.figures["documents_to_look_at"] == 1
    assert project.ingest().counts.indexed == 1


def test_a_document_in_quarantine_is_erased_too(project: Project) -> None:
    project.fill(2)
    project.ingest()
    project.write("people/mara", TEXT.replace("---\nauthor", "---\nai_generated: true\nsuspicious: yes\nauthor"))
    project.write("short", "tiny")
    project.ingest()
    held = [doc_id for doc_id, state in project.states().items() if state.state != "active"]
    for doc_id in (*held, DOC):
        erasing.erase(project.runtime, NAME, doc_id, **WHY)
    assert traces(_home(project), []) == []
    assert set(project.states()).isdisjoint({*held, DOC})


def test_the_only_document_leaves_an_empty_version(project: Project) -> None:
    project.write("people/mara", TEXT)
    project.ingest()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert project.search(LINES[0], k=3) == ()
    assert _manifest(project, 2).contents.documents == 0
    project.write("pump", page("The pump"))
    assert project.ingest(allow_shrink=True).counts.indexed == 1
    assert project.search("The pump", k=1)[0].doc_id == "pump.md"


def test_one_that_is_not_there_is_refused_from_now_on(project: Project) -> None:
    project.fill(2)
    project.ingest()
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert done.receipt.figures["versions"] == 0
    project.write("people/mara", TEXT)
    assert project.ingest().counts.rejected == 1


def test_an_equal_name_under_another_contract_is_not_touched(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    second = project.settings.contracts / "second.odcs.yaml"
    second.write_text(
        project.contract_path.read_text().replace(f"name: {NAME}", "name: second").replace(f"id: {NAME}", "id: second")
    )
    pipeline.ingest(project.runtime, "second")
    before = (_home(project) / "indexes/second/v000001/manifest.json").read_bytes()
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert done.also, "the other contract's document says the same, and is named"
    assert all(DOC in item for item in done.also)
    assert (_home(project) / "indexes/second/v000001/manifest.json").read_bytes() == before
    assert DOC not in {hit.doc_id for hit in project.search(LINES[0], k=50)}


def test_the_receipt_is_signed_and_holds_neither_text_nor_id(project: Project, tmp_path: Path) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    store, digest = project.runtime.store, tomb_digest(NAME, DOC)
    assert receipts.read(store, NAME, digest, trust) == done.signed
    data = store.read_bytes(done.path)
    assert DOC.encode() not in data
    assert done.signed["found"]["versions"] == 1
    assert done.signed["searched"]["files"] > 10
    for place in range(0, len(data), 29):
        altered = bytearray(data)
        altered[place] ^= 1
        store.replace(done.path, bytes(altered))
        with pytest.raises(SignatureInvalid):
            receipts.read(store, NAME, digest, trust)
    store.replace(done.path, data)
    generate_keypair(tmp_path / "their.pem", tmp_path / "theirs/their.pub")
    with pytest.raises(SignatureInvalid):
        receipts.read(store, NAME, digest, TrustStore.from_folder(tmp_path / "theirs"))
    with pytest.raises(IntegrityError, match="there is no receipt"):
        receipts.read(store, NAME, "f" * 64, trust)


def test_a_reason_that_quotes_the_document_is_refused_before_anything_is_done(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    for reason in (f"because of {DOC}", LINES[3], "", "  "):
        with pytest.raises(ConfigurationError):
            erasing.erase(project.runtime, NAME, DOC, reason=reason, actor="ann")
    assert DOC in {hit.doc_id for hit in project.search(LINES[0], k=3)}
    assert not (_home(project) / "indexes" / NAME / "tombstones.dsse.json").exists()


def test_a_restored_old_version_is_still_not_served(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    old = _home(project) / "indexes" / NAME / "v000001"
    shutil.copytree(old, project.folder / "backup")
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    shutil.copytree(project.folder / "backup", old)
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    reader = open_index(project.settings.home, NAME, version=1, trust=trust, embedder=load_embedder(project.model))
    assert DOC not in {hit.doc_id for hit in reader.search(LINES[0], k=50)}
    assert reader.search(LINES[0], k=1)


def test_what_is_left_is_named_and_nothing_is_signed(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    stray = _home(project) / "notes" / "copy.txt"
    stray.parent.mkdir()
    stray.write_text(TEXT)
    with pytest.raises(IntegrityError, match=r"left in notes/copy\.txt"):
        erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert not (_home(project) / "erasures").exists()
    assert DOC not in {hit.doc_id for hit in project.search(LINES[0], k=50)}
    stray.unlink()
    assert reconcile(project.runtime, NAME).figures["erasures_completed"] == 1
    assert erasing.complete(project.runtime) == ()
    assert (_home(project) / "erasures" / NAME).exists()


def test_an_answer_that_was_erased_with_it_is_not_imported_again(project: Project) -> None:
    make(project)
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert import_answers(project.runtime, project.folder / "answers.jsonl").figures["erased"] == 2
    assert _rows_that_say(project) == []


def test_two_documents_one_after_the_other(project: Project) -> None:
    project.fill(3)
    project.write("people/mara", TEXT)
    project.write("pump", page("The pump"))
    project.ingest()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    done = erasing.erase(project.runtime, NAME, "pump.md", **WHY)
    assert done.signed["versions"] == {"2": 3}
    with project.runtime.catalog.reading() as tx:
        assert erasures.replacements(tx, NAME) == {1: 3, 2: 3}
        assert len(segments.of_contract(tx, NAME)) == 1
    assert {hit.doc_id for hit in project.search("pump", k=50)}.isdisjoint({DOC, "pump.md"})


def test_after_an_erasure_old_numbers_and_times_lead_to_what_took_their_place(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    first = utc_now()
    project.write("pump", page("The pump"))
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        before = holds.last_served(tx, NAME)
    assert erasing.erase(project.runtime, NAME, DOC, **WHY).signed["versions"] == {"1": 3, "2": 4}
    with project.runtime.catalog.reading() as tx:
        after = holds.last_served(tx, NAME)
    assert (set(after), after[3]) == ({3, 4}, before[1]), "retention counts from when it served"
    at = replay(project.runtime, NAME, "pump", Then(at=first))
    asked = replay(project.runtime, NAME, "pump", Then(version=1))
    assert (at.then, asked.then, asked.now) == (3, 3, 4)
    assert asked.how == "version 1, built again as version 3 without an erased document"
    assert [item.number for item in blame(project.runtime, NAME, "pump.md").served] == [2, 4]


@both
def test_a_deletion_is_served_no_more_and_the_next_version_does_without_it(project: Project) -> None:
    project.fill(12)
    project.write("people/mara", TEXT)
    project.ingest()
    reader = project.reader()
    done = tombstone.delete(project.runtime, NAME, DOC, reason="withdrawn", actor="ann")
    assert done.figures["changed"] == 1
    assert done.figures["rebuild"] == 0
    assert DOC not in {hit.doc_id for hit in reader.search(LINES[0], k=50)}
    assert tombstone.delete(project.runtime, NAME, DOC, reason="again", actor="ann").figures["changed"] == 0
    assert _manifest(project, 1).contents.documents == 13
    project.write("pump", page("The pump"))
    assert project.ingest().figures["version"] == 2
    assert _manifest(project, 2).contents.documents == 13
    assert DOC not in {hit.doc_id for hit in project.search(LINES[0], k=50)}
    undone = tombstone.delete(project.runtime, NAME, DOC, reason="was right", actor="ann", undo=True)
    assert undone.figures["changed"] == 1
    assert DOC in {hit.doc_id for hit in reader.search(LINES[0], k=50)}, "the old version still holds it"
    project.write("valve", page("The valve"))
    project.ingest()
    assert DOC in {hit.doc_id for hit in project.search(LINES[0], k=3)}


@both
def test_of_two_deletions_at_once_the_file_of_the_later_one_is_the_later_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older file in the place of a newer one is what a reader takes for an attack, and stops."""
    project.fill(4)
    project.ingest()
    first, second = sorted(project.states())[:2]
    watch = Watch(project.runtime.store, NAME, TrustStore.from_folder(project.settings.trusted_keys))
    write, meanwhile, looks = tombstone.write_tombstones, [], []

    def delete(doc_id: str) -> None:
        tombstone.delete(project.runtime, NAME, doc_id, reason="withdrawn", actor="ann")

    def slowly(store: Store, tombstones: Tombstones, signer: Signer) -> None:
        if not meanwhile:
            meanwhile.append(pool.submit(delete, second))
            wait(meanwhile, timeout=1)
        write(store, tombstones, signer)
        looks.append(len(watch.current()))

    monkeypatch.setattr(tombstone, "write_tombstones", slowly)
    with ThreadPoolExecutor() as pool:
        delete(first)
        meanwhile[0].result()
    assert (looks[-1], len(watch.current())) == (2, 2)


def test_from_which_share_on_the_index_is_built_again_the_contract_says(project: Project) -> None:
    terms = project.contract_path.read_text().rstrip("\n")
    project.contract_path.write_text(f"{terms}\n  - property: ragIndex\n    value: {{rebuildShare: 0.5}}\n")
    project.fill(4)
    project.ingest()
    rebuild = [
        tombstone.delete(project.runtime, NAME, doc_id, reason="withdrawn", actor="ann").figures["rebuild"]
        for doc_id in sorted(project.states())[:3]
    ]
    assert rebuild == [0, 0, 1]


def test_a_chunk_can_be_deleted_alone(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    hit = project.search(LINES[2], k=1)[0]
    tombstone.delete(project.runtime, NAME, chunk_id=hit.chunk_id, reason="garbled", actor="ann")
    assert hit.chunk_id not in {other.chunk_id for other in project.search(LINES[2], k=50)}


def test_wrong_deletions_say_what_is_right(project: Project) -> None:
    project.fill(2)
    project.ingest()
    with pytest.raises(ConfigurationError, match=r"has no document 'nope\.md'"):
        tombstone.delete(project.runtime, NAME, "nope.md", reason="x", actor="ann")
    with pytest.raises(ConfigurationError, match="holds a chunk 'nope'"):
        tombstone.delete(project.runtime, NAME, chunk_id="nope", reason="x", actor="ann")
    with pytest.raises(ConfigurationError, match="a document or a chunk"):
        tombstone.delete(project.runtime, NAME, reason="x", actor="ann")
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    with pytest.raises(ConfigurationError, match="was erased"):
        tombstone.delete(project.runtime, NAME, DOC, reason="x", actor="ann", undo=True)


def test_reconcile_writes_tombstones_and_alias_files_again(project: Project) -> None:
    project.fill(3)
    project.ingest()
    doc_id = next(iter(project.states()))
    tombstone.delete(project.runtime, NAME, doc_id, reason="withdrawn", actor="ann")
    path = _home(project) / "indexes" / NAME / "tombstones.dsse.json"
    right = path.read_bytes()
    path.unlink()
    with pytest.raises(IntegrityError):
        project.reader()
    assert reconcile(project.runtime, NAME).figures["projections"] == 1
    assert path.read_bytes() == right
    assert reconcile(project.runtime, NAME).figures["projections"] == 0
    alias = _home(project) / "indexes" / NAME / "aliases" / "live.json"
    alias.write_bytes(AliasPointer.from_bytes(alias.read_bytes()).to_bytes())
    with pytest.raises(SignatureInvalid, match="is not signed"):
        project.reader()
    assert reconcile(project.runtime, NAME).figures["projections"] == 1
    assert project.reader()


def test_a_lost_catalog_brings_nothing_back(project: Project, tmp_path: Path) -> None:
    """Tombstones and refusals are read back from the signed files, and a later deletion keeps the earlier ones."""
    project.fill(3)
    project.write("people/mara", TEXT)
    project.ingest()
    first, second = sorted(set(project.states()) - {DOC})[:2]
    tombstone.delete(project.runtime, NAME, first, reason="withdrawn", actor="ann")
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    project.settings = project.settings.model_copy(update={"catalog_url": f"sqlite:///{tmp_path}/new.db"})
    project.upgrade()
    trust = TrustStore.from_folder(project.settings.trusted_keys)
    found = rebuild_catalog(project.runtime.store, project.runtime.catalog, NAME, trust, actor="ann")
    assert (found.aliases, found.skipped) == (("live",), {})
    assert reconcile(project.runtime, NAME).figures["refusals_restored"] == 1
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        assert len(erasures.buried(tx, NAME, "document")) == 2
        assert [item.doc_id for item in decisions.standing(tx, NAME, "reject")] == [DOC]
    tombstone.delete(project.runtime, NAME, second, reason="withdrawn", actor="ann")
    served = {hit.doc_id for hit in project.search(LINES[0], k=100)}
    assert served.isdisjoint({first, second, DOC})
    assert served
    assert traces(_home(project), []) == []


def test_a_candidate_in_which_another_document_quotes_it_goes_too(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    version, candidate = (
        _home(project) / "indexes/handbook/v000001",
        _home(project) / "candidates/handbook/0123456789abcdef",
    )
    shutil.copytree(version, candidate)
    for name in ("documents.parquet", "chunks.parquet"):
        table = pq.read_table(candidate / name)
        others = table.filter(pc.not_equal(table["doc_id"], DOC))
        if name == "documents.parquet":
            said = json.dumps([{"code": "duplicate", "message": f"says: {LINES[0]}"}])
            place = others.schema.get_field_index("findings")
            others = others.set_column(place, "findings", pa.array([said] * others.num_rows, pa.string()))
        pq.write_table(others, candidate / name)
    (candidate / "index.faiss").unlink()
    erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert not candidate.exists()


def test_a_contract_that_quotes_it_is_mended_first_and_its_old_texts_are_cleaned(project: Project) -> None:
    project.fill(2)
    project.write("people/mara", TEXT)
    terms = project.contract_path.read_text()
    quoting = f"{terms.rstrip()}\n\n# A question: {LINES[0]} Is it?\n"
    project.contract_path.write_text(quoting)
    project.ingest()
    with pytest.raises(ConfigurationError, match="raise its version, and run again"):
        erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert DOC in {hit.doc_id for hit in project.search(LINES[0], k=50)}
    project.contract_path.write_text(terms.replace("version: 1.0.0", "version: 1.1.0", 1))
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert done.signed["removed"]["contracts"] == 1
    assert traces(_home(project), []) == []
    kept = (_home(project) / "indexes" / NAME / "v000002" / "contract.odcs.yaml").read_text()
    assert "# A question: (erased)" in kept
    assert kept.startswith(terms.rstrip())
    project.ingest()


def test_a_home_that_is_no_local_folder(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    url = f"sqlite:///{tmp_path}/catalog.db"
    project.settings = project.settings.model_copy(update={"home": f"memory://{tmp_path.name}", "catalog_url": url})
    project._create()
    project.fill(2)
    project.write("people/mara", TEXT)
    project.ingest()
    done = erasing.erase(project.runtime, NAME, DOC, **WHY)
    assert done.signed["versions"] == {"1": 2}
    store = project.runtime.store
    left = [path for path in store.fs.find(store.root) if any(form in store.fs.cat(path) for form in forms(LINES[0]))]
    assert left == []
    assert DOC not in {hit.doc_id for hit in project.search(LINES[0], k=50)}
    assert project.ingest().counts.rejected == 1
