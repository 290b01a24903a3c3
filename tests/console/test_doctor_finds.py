"""`stemma doctor` finds the commonest misconfigurations: each is really made here, and comes with its next step."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from console.cli import health, health_airflow, health_home
from corpus.catalog.session import open_catalog
from corpus.settings import load_settings
from index.signing import generate_keypair

DAGS = Path(__file__).parents[2] / "dags"
NOBODY = 65534
SECRET = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def no_airflow_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def find(cli: Any, name: str, *, code: int = 1) -> dict[str, str]:
    found = cli.json("doctor", "--skip-models", code=code)
    check: dict[str, str] = next(item for item in found["checks"] if item["name"] == name)
    assert (check["status"] == "ok") == (check["next"] == "")
    return check


def test_a_sound_project_passes_every_check(ingested: Any) -> None:
    found = ingested.json("doctor", "--skip-models")
    names = {item["name"] for item in found["checks"]}
    assert {"disk", "catalog's disk", "clock", "home and catalog", "signatures", "signing key"} <= names
    assert [item for item in found["checks"] if item["status"] == "fail"] == []


def test_the_wrong_signing_key(project: Any) -> None:
    key = project.folder / "keys" / "stemma-signing.pem"
    key.unlink()
    generate_keypair(key, project.folder / "elsewhere.pub")
    assert "does not trust this project's own key" in find(project, "trusted keys")["found"]


def test_a_missing_signing_key_is_a_warning_since_readers_need_none(project: Any) -> None:
    (project.folder / "keys" / "stemma-signing.pem").unlink()
    check = find(project, "signing key", code=0)
    assert (check["status"], "stemma init" in check["next"]) == ("warn", True)


def test_a_signing_key_that_others_may_read(project: Any) -> None:
    key = project.folder / "keys" / "stemma-signing.pem"
    key.chmod(0o640)
    check = find(project, "signing key")
    assert "0640" in check["found"]
    assert check["next"] == f"chmod 600 {key}"


def test_a_folder_of_trusted_keys_that_everybody_may_write(project: Any) -> None:
    (project.folder / "keys" / "trusted").chmod(0o777)
    assert "everybody may write" in find(project, "trusted keys")["found"]


def test_versions_signed_by_a_key_that_is_no_longer_trusted(ingested: Any) -> None:
    for public in (ingested.folder / "keys" / "trusted").glob("*.pub"):
        public.unlink()
    key = ingested.folder / "keys" / "stemma-signing.pem"
    key.unlink()
    generate_keypair(key, ingested.folder / "keys" / "trusted" / "new.pub")
    check = find(ingested, "signatures")
    assert "signed by" in check["found"]
    assert "trusted folder" in check["next"]


def test_two_distributions_that_own_one_package(tmp_path: Path) -> None:
    """A foreign distribution with a package `contracts` is installed for real, before ours on the path."""
    foreign = tmp_path / "contracts"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("")
    metadata = tmp_path / "contracts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: contracts\nVersion: 1.0\n")
    (metadata / "RECORD").write_text("contracts/__init__.py,,\ncontracts-1.0.dist-info/METADATA,,\n")
    (metadata / "top_level.txt").write_text("contracts\n")
    code = (
        "from console.cli import health\n"
        "[check] = [item for item in health.environment() if item.name == 'package names']\n"
        "print(check.status, '|', check.found, '|', check.next)"
    )
    paths = os.pathsep.join((str(tmp_path), str(DAGS.parent)))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    status, found, step = done.stdout.strip().split(" | ")
    assert status == "fail"
    assert "contracts is also installed by contracts" in found
    assert f"contracts is imported from {foreign}" in found
    assert "Uninstall" in step


def test_a_model_that_is_not_there(project: Any) -> None:
    text = project.contract.read_text("utf-8")
    project.contract.write_text(text.replace("wordllama-256", "path:models/lost"), "utf-8")
    found = project.json("doctor", code=1)
    [check] = [item for item in found["checks"] if item["name"].startswith(("model ", "contract "))
               and item["status"] == "fail"][:1]  # fmt: skip
    assert "lost" in check["name"] + check["found"]
    assert check["next"]


def test_a_home_that_cannot_be_written(project: Any) -> None:
    """Looked at as somebody who may not write there: nothing stops the superuser."""
    home = project.folder / ".stemma"
    home.chmod(0o555)
    for folder in (project.folder, *project.folder.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    settings = load_settings(project.folder)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def look() -> None:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        queue.put(health._home(settings))

    process = context.Process(target=look)
    process.start()
    process.join()
    check = queue.get()
    assert (check.status, "cannot be written" in check.found) == ("fail", True)
    assert "right to write" in check.next


@pytest.mark.parametrize(
    ("revision", "says", "step"), [("0003", "schema 0003", "stemma init"), ("9999", "newer", "pip")]
)
def test_an_old_and_a_newer_schema(project: Any, revision: str, says: str, step: str) -> None:
    with closing(sqlite3.connect(project.folder / ".stemma" / "catalog.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    check = find(project, "catalog")
    assert says in check["found"]
    assert step in check["next"]


def test_a_clock_that_is_behind_what_the_catalog_tells(ingested: Any) -> None:
    with closing(sqlite3.connect(ingested.folder / ".stemma" / "catalog.db")) as connection:
        connection.execute("UPDATE aliases SET moved_at = '2199-01-01 00:00:00.000000'")
        connection.commit()
    check = find(ingested, "clock")
    assert "2199-01-01" in check["found"]
    assert "NTP" in check["next"]


def test_the_clock_of_a_database_is_compared(postgres_url: str) -> None:
    """The database's clock is real; a session of it that lies by an hour stands for one that is wrong."""
    catalog = open_catalog(postgres_url)
    assert "the database's clock agrees" in health_home.clock(catalog)
    with catalog.transaction() as tx:
        connection = tx.connection()
        connection.exec_driver_sql("CREATE SCHEMA liar")
        connection.exec_driver_sql(
            "CREATE FUNCTION liar.clock_timestamp() RETURNS timestamptz AS "
            "'SELECT pg_catalog.clock_timestamp() + interval ''1 hour''' LANGUAGE sql"
        )
    catalog.close()
    lying = open_catalog(
        f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-csearch_path%3Dliar,pg_catalog,public"
    )
    with pytest.raises(health_home.Trouble, match=r"3,(599|600) seconds apart"):
        health_home.clock(lying)
    lying.close()


def test_a_home_without_the_version_that_the_catalog_serves(ingested: Any) -> None:
    shutil.rmtree(ingested.folder / ".stemma" / "indexes" / "handbook" / "v000001")
    assert "not in the home" in find(ingested, "home and catalog")["found"]


def test_a_catalog_that_knows_nothing_of_the_versions_in_the_home(ingested: Any) -> None:
    for file in (ingested.folder / ".stemma").glob("catalog.db*"):
        file.unlink()
    ingested("init")
    check = find(ingested, "home and catalog")
    assert "of which the catalog knows none" in check["found"]
    assert "one backup" in check["next"]


def test_a_manifest_of_another_home(ingested: Any, tmp_path: Path) -> None:
    manifest = ingested.folder / ".stemma" / "indexes" / "handbook" / "v000001" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"number":1', b'"number": 1'))
    assert "not the one that the catalog recorded" in find(ingested, "home and catalog")["found"]


def test_a_file_of_an_alias_that_readers_cannot_use(ingested: Any) -> None:
    alias = ingested.folder / ".stemma" / "indexes" / "handbook" / "aliases" / "live.json"
    alias.write_text("x")
    check = find(ingested, "home and catalog")
    assert "stemma reconcile handbook" in check["found"]
    alias.unlink()
    assert "readers find no file of handbook live" in find(ingested, "home and catalog")["found"]
    ingested("reconcile", "handbook")
    assert find(ingested, "home and catalog", code=0)["status"] == "ok"


def test_two_contracts_of_one_name_and_a_home_that_is_a_file(project: Any) -> None:
    [contract] = (project.folder / "contracts").glob("*.odcs.yaml")
    shutil.copy(contract, contract.with_name("two.odcs.yaml"))
    check = find(project, "contracts")
    assert (contract.name in check["found"], "two.odcs.yaml" in check["found"]) == (True, True)
    contract.with_name("two.odcs.yaml").unlink()
    shutil.rmtree(project.folder / ".stemma")
    (project.folder / ".stemma").write_text("x")
    assert "is a file and no folder" in find(project, "home")["found"]


NFS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
60 27 0:55 / /srv/shared\\040disk rw,relatime shared:9 - nfs4 files.example.org:/export rw,vers=4.2
"""


def test_a_sqlite_catalog_on_a_network_file_system() -> None:
    """The mount table is as a kernel prints it; a test may not mount one."""
    check = health_home.network(Path("/srv/shared disk/project/catalog.db"), NFS)
    assert (check.status, "SQLite on nfs4" in check.found, "PostgreSQL" in check.next) == ("fail", True, True)
    assert health_home.network(Path("/srv/other/catalog.db"), NFS).status == "ok"


def test_the_file_system_of_this_machine_is_found(project: Any) -> None:
    assert "an unknown file system" not in find(project, "catalog's disk", code=0)["found"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of two megabytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system may not be mounted here: needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_nearly_full(tiny_disk: Path) -> None:
    check = health_home.disk(tiny_disk)
    assert (check.status, "2 MB free" in check.found, "Make room" in check.next) == ("fail", True, True)


SOUND = {
    "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
    "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
    "AIRFLOW__API__SECRET_KEY": SECRET,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__PARALLELISM": "1",
}


def test_without_an_airflow_nothing_is_said_of_it(project: Any) -> None:
    assert not list(health_airflow.checks(load_settings(project.folder), {"HOME": "/nowhere"}))


def test_sound_keys_of_airflow(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    assert find(project, "airflow keys", code=0)["status"] == "ok"


@pytest.mark.parametrize(
    ("change", "name", "status", "says"),
    [
        ({"AIRFLOW__CORE__FERNET_KEY": ""}, "airflow fernet_key", "warn", "in clear"),
        ({"AIRFLOW__CORE__FERNET_KEY": "short"}, "airflow fernet_key", "fail", "5 characters"),
        ({"AIRFLOW__API_AUTH__JWT_SECRET": ""}, "airflow jwt_secret", "fail", "refuses the tokens"),
        ({"AIRFLOW__API_AUTH__JWT_SECRET": "<openssl rand -hex 32>"}, "airflow jwt_secret", "fail", "22 characters"),
        ({"AIRFLOW__API__SECRET_KEY": ""}, "airflow secret_key", "warn", "task logs"),
        ({"AIRFLOW__API__SECRET_KEY": "<openssl rand -hex 32>"}, "airflow secret_key", "warn", "of the example"),
        ({"AIRFLOW__CORE__DAGS_FOLDER": "/nowhere/dags"}, "airflow dags_folder", "fail", "does not exist"),
        ({"STEMMA_PROJECT": "/nowhere"}, "airflow STEMMA_PROJECT", "fail", "STEMMA_PROJECT is /nowhere"),
        ({"AIRFLOW__API__PORT": "8099", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://127.0.0.1:8080/execution/"},
         "airflow API port", "fail", "8099"),
        ({"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}, "airflow executor", "fail", "SQLite"),
        ({"AIRFLOW__CORE__PARALLELISM": "9999"}, "airflow parallelism", "warn", "9999 tasks at once"),
        ({"AIRFLOW__CORE__MAX_MAP_LENGTH": "500"}, "airflow max_map_length", "fail", "1000 shards"),
    ],
)  # fmt: skip
def test_keys_of_airflow_that_do_not_work(
    project: Any, change: dict[str, str], name: str, status: str, says: str
) -> None:
    found = list(health_airflow.checks(load_settings(project.folder), SOUND | change))
    [check] = [item for item in found if item.name == name]
    assert check.status == status
    assert says in check.found
    assert check.next
    assert len(found) == 1


def test_secrets_that_only_airflow_can_ask_for_are_not_missing(project: Any) -> None:
    """A command or a secrets backend gives them: `_CMD` and `_SECRET` of Airflow's own configuration."""
    named = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    for end in ("_CMD", "_SECRET"):
        keys = {name: value for name, value in SOUND.items() if name not in named}
        keys |= {name + end: "cat /run/secrets/key" for name in named}
        [check] = health_airflow.checks(load_settings(project.folder), keys)
        assert (check.name, check.status) == ("airflow keys", "ok")


@pytest.mark.parametrize(
    ("slots", "status", "says"),
    [(None, "fail", "no pool of that name"), (0, "fail", "no slots"), (2, "", ""), (-1, "", "")],
)
def test_the_pool_of_tasks_that_embed(project: Any, tmp_path: Path, slots: int | None, status: str, says: str) -> None:
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database, database:
        database.execute("CREATE TABLE slot_pool (pool TEXT, slots INTEGER)")
        if slots is not None:
            database.execute("INSERT INTO slot_pool VALUES ('embedding', ?)", [slots])
    settings = load_settings(project.folder, embed_pool="embedding")
    found = list(health_airflow.checks(settings, SOUND | {"AIRFLOW_HOME": str(tmp_path)}))
    [check] = found
    assert (check.name, check.status) == ("airflow pool" if status else "airflow keys", status or "ok")
    assert says in check.found
    assert bool(check.next) == bool(status)


@pytest.mark.parametrize("database", ["", "postgresql://u:hush@h:port/x", "mysql://u:hush@h/x", "nonsense"])
def test_a_pool_that_nobody_can_look_at(project: Any, tmp_path: Path, database: str) -> None:
    settings = load_settings(project.folder, embed_pool="embedding")
    named = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    [check] = health_airflow.checks(settings, SOUND | named)
    assert (check.name, check.status, "not known" in check.found) == ("airflow pool", "warn", True)
    assert "hush" not in f"{check.found} {check.next}"


def test_the_memory_of_a_container_counts(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = health_airflow._memory_mb(tmp_path / "none")
    limit.write_text("268435456\n")
    assert health_airflow._memory_mb(limit) == 256
    limit.write_text("max\n")
    assert health_airflow._memory_mb(limit) == whole > 256


def test_keys_are_read_from_airflow_cfg_and_secrets_are_not_shown(project: Any, tmp_path: Path) -> None:
    path = tmp_path / "airflow.cfg"
    path.write_text("[core]\nfernet_key = not-a-key-but-secret\nparallelism = 1\n[api_auth]\njwt_secret = hush\n")
    found = list(health_airflow.checks(load_settings(project.folder), {"AIRFLOW_CONFIG": str(path)}))
    assert {item.name for item in found} == {"airflow fernet_key", "airflow jwt_secret", "airflow secret_key"}
    assert not any("not-a-key" in item.found or "hush" in item.found for item in found)
    path.write_text("not an ini file")
    [broken] = health_airflow.checks(load_settings(project.folder), {"AIRFLOW_CONFIG": str(path)})
    assert (broken.name, broken.status) == ("airflow.cfg", "fail")
