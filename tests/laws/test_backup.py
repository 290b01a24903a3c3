"""The page on backups keeps its word: copies taken while runs write are whole, and go on after a restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from docs.pages import page
from laws.handbook import NAME, Project
from sqlalchemy import make_url

from console.cli.main import main
from corpus.catalog import audit, documents, segments, versions
from corpus.catalog.session import open_catalog
from ingestion.stages import reconcile

ROOT = Path(__file__).resolve().parents[2]
INGEST = """
import sys
from pathlib import Path
from laws.handbook import Project
print(Project(Path(sys.argv[1])).ingest().figures["status"])
"""


def copy_catalog(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def copy_home(home: Path, target: Path) -> None:
    """As the page's `tar` does: without the catalog and without work that is not finished."""
    left_out = ("catalog.db*", ".tmp", "./staging", "./builds")
    command = ["tar", *(f"--exclude={name}" for name in left_out), "-cf", str(target), "-C"]
    done = subprocess.run([*command, str(home), "."], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: a file changed or vanished while it was read
    assert "Cannot" not in done.stderr.replace("Cannot stat: No such file", "")


def restore(project: Project, folder: Path, catalog: Path, home: Path) -> Project:
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns("home"))
    (folder / "home").mkdir()
    subprocess.run(["tar", "-xf", str(home), "-C", str(folder / "home")], check=True)
    shutil.copy(catalog, folder / "home" / "catalog.db")
    return Project(folder)


@pytest.fixture
def project(project: Project) -> Project:
    (project.folder / "stemma.toml").write_text('home = "home"\nshard_bytes = 8000\n')
    project.fill(4)
    project.ingest()
    return project


@contextlib.contextmanager
def ingesting(project: Project) -> Iterator[subprocess.Popen[str]]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST, str(project.folder)], env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_copies_taken_at_any_time_of_a_run_are_whole_and_go_on(project: Project, tmp_path: Path) -> None:
    home = Path(project.settings.home)
    project.fill(12)
    backups: list[tuple[Path, Path]] = []
    with ingesting(project) as process:
        while process.poll() is None and len(backups) < 200:
            catalog, files = tmp_path / f"{len(backups)}.db", tmp_path / f"{len(backups)}.tar"
            copy_catalog(home / "catalog.db", catalog)
            copy_home(home, files)
            backups.append((catalog, files))
        said, problem = process.communicate()
        assert said.strip() == "published", problem
    assert len(backups) >= 3
    for number in sorted({0, len(backups) // 2, len(backups) * 3 // 4, len(backups) - 1}):
        restored = restore(project, tmp_path / f"restored-{number}", *backups[number])
        whole(restored)
        receipt = restored.ingest()
        assert receipt.counts.balanced
        assert {state.state for state in restored.states().values()} == {"active"}
        assert len(restored.states()) == 12
        restored.runtime.catalog.close()


def whole(project: Project) -> None:
    """Everything that the catalog speaks of is there, and is what it was."""
    receipt = reconcile.reconcile(project.runtime, NAME)
    assert {name: receipt.figures[name] for name in ("lost_segments", "lost_vectors")} == {
        "lost_segments": 0,
        "lost_vectors": 0,
    }
    with project.runtime.catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None
        assert all(segments.get(tx, item.segment_id) for item in documents.active(tx, NAME))
    folder = str(project.folder)
    assert main(["index", "verify", NAME, "--all", "--project", folder]) == 0
    assert main(["doctor", "--skip-models", "--project", folder]) == 0


def test_the_other_order_loses_and_says_so_and_is_mended(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Home first, then the catalog, with a run in between: what the page warns of."""
    home = Path(project.settings.home)
    copy_home(home, tmp_path / "home.tar")
    project.fill(6)
    assert project.ingest().figures["version"] == 2
    copy_catalog(home / "catalog.db", tmp_path / "catalog.db")
    restored = restore(project, tmp_path / "restored", tmp_path / "catalog.db", tmp_path / "home.tar")
    capsys.readouterr()
    assert main(["doctor", "--skip-models", "--json", "--project", str(restored.folder)]) == 1
    assert "handbook live -> v000002, which is not in the home" in capsys.readouterr().out
    assert reconcile.reconcile(restored.runtime, NAME).figures["lost_segments"]
    receipt = restored.ingest()
    assert (receipt.figures["status"], receipt.counts.indexed > 0) == ("published", True)
    assert len({hit.doc_id for hit in restored.search("installation", k=50)}) == 6
    with restored.runtime.catalog.reading() as tx:
        live = versions.alias(tx, NAME, "live")
    assert live is not None
    assert main(["doctor", "--skip-models", "--project", str(restored.folder)]) == 0


def test_the_commands_of_the_page_dump_and_restore_postgresql(
    project: Project, postgres_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    binaries = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    path = os.pathsep.join(filter(None, (str(binaries or ""), os.environ.get("PATH", ""))))
    if shutil.which("pg_dump", path=path) is None:
        pytest.skip("no pg_dump: install PostgreSQL's client")
    project = Project.create(tmp_path / "on_postgres")  # a home belongs to one catalog
    project.settings = project.settings.model_copy(update={"catalog_url": postgres_url})
    project.fill(4)
    project.ingest()
    named = {"DATABASE_URL": _libpq(postgres_url), "RESTORED_URL": _libpq(empty_postgres_url), "PATH": path}
    blocks = [block.text for block in page("docs/backup.md").blocks("bash") if "_URL" in block.text]
    assert ["pg_dump" in blocks[0], "pg_restore" in blocks[1]] == [True, True]
    for block in blocks:
        subprocess.run(["bash", "-euc", block], cwd=tmp_path, env={**os.environ, **named}, check=True)
    before = project.states()
    project.runtime.catalog.close()
    project.settings = project.settings.model_copy(update={"catalog_url": empty_postgres_url})
    catalog = open_catalog(empty_postgres_url)
    catalog.check()
    catalog.close()
    assert project.states() == before
    assert project.ingest().counts.unchanged == len(before)
    project.write("added", "# Kettles\n\nA kettle is descaled twice a year, with vinegar or with citric acid.\n")
    assert project.ingest().counts.indexed == 1
    with project.runtime.catalog.reading() as tx:
        assert audit.verify(tx).broken_at is None
    project.runtime.catalog.close()


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
