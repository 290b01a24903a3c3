"""Checks of `stemma doctor` about the keys of an Airflow that runs our DAGs. Airflow itself is not imported.

Keys are read as Airflow reads them: `AIRFLOW__SECTION__KEY` in the environment first, then airflow.cfg. Keys that
Airflow makes up where they are missing differ from component to component; that is what these checks are about.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from console.cli import health_pool
from console.cli.checks import Check
from corpus.settings import Settings

_ALONE = "LocalExecutor"
_OURS = "corpus_ingest.py"
_JWT_BYTES = 32
"""HS512 wants 64 bytes; `openssl rand -hex 32`, which the example says, gives as many characters (RFC 7518, 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowKeys:
    """The configuration of Airflow as far as it is written down.

    Attributes:
        place: The file, or `the environment` where there is none.
        file: Section to key to value.
        environment: Variables of this process.
        home: Where Airflow keeps what nobody told it to keep elsewhere.
    """

    place: str
    home: Path
    file: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]

    def get(self, section: str, key: str, default: str = "") -> str:
        """Returns a key's value; the default where it is set nowhere."""
        name = f"AIRFLOW__{section.upper()}__{key.upper()}"
        value = self.environment.get(name) or self.file.get(section, {}).get(key) or ""
        return value.strip() or default

    def is_elsewhere(self, section: str, key: str) -> bool:
        """Whether a secret comes from a command or a secrets backend, which only Airflow asks (`_cmd`, `_secret`)."""
        return any(self.get(section, key + end) for end in ("_cmd", "_secret"))


def find(environment: Mapping[str, str] | None = None) -> AirflowKeys | None:
    """Returns Airflow's configuration; None where neither AIRFLOW_HOME, a variable nor a file speaks of one."""
    variables = os.environ if environment is None else environment
    named = variables.get("AIRFLOW_CONFIG")
    home = Path(variables.get("AIRFLOW_HOME") or Path.home() / "airflow")
    path = Path(named) if named else home / "airflow.cfg"
    spoken = any(name.startswith("AIRFLOW__") for name in variables) or "AIRFLOW_HOME" in variables
    if not path.is_file() and not spoken:
        return None
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if path.is_file():
        parser.read(path, "utf-8")
    return AirflowKeys(
        place=str(path) if path.is_file() else "the environment",
        home=home,
        file={section: dict(parser.items(section)) for section in parser.sections()},
        environment=variables,
    )


def checks(settings: Settings, environment: Mapping[str, str] | None = None) -> Iterator[Check]:
    """Checks what Airflow needs to run this project; nothing where no Airflow is set up."""
    try:
        keys = find(environment)
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        step = "Mend airflow.cfg; airflow.cfg.example shows the keys that matter."
        yield Check(name="airflow.cfg", status="fail", found=f"cannot be read: {error}".splitlines()[0], next=step)
        return
    if keys is None:
        return
    found = [*_secrets(keys), *_places(keys, settings), *_load(keys, settings), *_mapping(keys, settings)]
    found += health_pool.checks(keys.get("database", "sql_alchemy_conn", f"sqlite:///{keys.home}/airflow.db"), settings)
    yield from found
    if not found:
        yield Check(name="airflow keys", status="ok", found=f"{keys.place}: secrets, folder, port and load agree")


def _secrets(keys: AirflowKeys) -> Iterator[Check]:
    fernet = keys.get("core", "fernet_key")
    if keys.is_elsewhere("core", "fernet_key"):
        pass
    elif not fernet:
        found = (
            f"{keys.place} sets none: passwords of connections are kept in clear, or under a key made up per machine"
        )
        step = (
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())', and set it as "
            "[core] fernet_key in every component."
        )
        yield Check(name="airflow fernet_key", status="warn", found=found, next=step)
    elif not all(_is_fernet(key) for key in fernet.split(",")):
        found = f"{keys.place} sets one that is not 32 bytes in URL-safe base64 ({len(fernet)} characters)"
        step = "Make one with cryptography.fernet.Fernet.generate_key()."
        yield Check(name="airflow fernet_key", status="fail", found=found, next=step)
    yield from _token_secret(keys)
    secret = keys.get("api", "secret_key")
    if (not secret or secret.startswith("<")) and not keys.is_elsewhere("api", "secret_key"):
        said = "the words of the example" if secret else "none, so that the API server cannot fetch task logs"
        found = f"{keys.place} sets {said}"
        step = "Set [api] secret_key (openssl rand -hex 32) to the same value in every component."
        yield Check(name="airflow secret_key", status="warn", found=found, next=step)


def _token_secret(keys: AirflowKeys) -> Iterator[Check]:
    secret = keys.get("api_auth", "jwt_secret")
    if keys.is_elsewhere("api_auth", "jwt_secret"):
        return
    step = "Set [api_auth] jwt_secret (openssl rand -hex 32) to the same value in every component."
    if not secret and not keys.get("api_auth", "jwt_private_key_path"):
        found = f"{keys.place} sets none: each component makes up its own and refuses the tokens of the others' tasks"
        yield Check(name="airflow jwt_secret", status="fail", found=found, next=step)
    elif secret and (len(secret) < _JWT_BYTES or secret.startswith("<")):
        found = f"{keys.place} sets one of {len(secret)} characters"
        yield Check(name="airflow jwt_secret", status="fail", found=found, next=step)


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key.strip())) == 32
    except (binascii.Error, ValueError):
        return False


def _places(keys: AirflowKeys, settings: Settings) -> Iterator[Check]:
    folder = keys.get("core", "dags_folder")
    if folder and not (Path(folder).expanduser() / _OURS).is_file():
        found = f"{folder} holds no {_OURS}" if Path(folder).is_dir() else f"{folder} does not exist"
        step = "Set [core] dags_folder to the folder dags/ of Stemma's repository."
        yield Check(name="airflow dags_folder", status="fail", found=found, next=step)
    project = keys.environment.get("STEMMA_PROJECT")
    if project and Path(project).absolute().resolve() != settings.project.resolve():
        found = f"STEMMA_PROJECT is {project}, this project is {settings.project}"
        step = "Set STEMMA_PROJECT to the folder with stemma.toml, the same in every component."
        yield Check(name="airflow STEMMA_PROJECT", status="fail", found=found, next=step)
    port = keys.get("api", "port", "8080")
    url = keys.get("core", "execution_api_server_url")
    if url and str(_port(url)) != port:
        found = f"[core] execution_api_server_url is {url}, and [api] port is {port}"
        step = "Give both the same port: every task reports there, and fails at its start where nobody listens."
        yield Check(name="airflow API port", status="fail", found=found, next=step)


def _port(url: str) -> int | None:
    try:
        parts = urlsplit(url)
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def _load(keys: AirflowKeys, settings: Settings) -> Iterator[Check]:
    executor = keys.get("core", "executor", _ALONE)
    local = "://" not in settings.home
    if executor.partition(":")[0] != _ALONE and (not settings.catalog_url or settings.catalog_url.startswith("sqlite")):
        found = f"[core] executor is {executor}, and the catalog is SQLite in {settings.home}" if local else executor
        step = "Set catalog_url to PostgreSQL: workers on other machines do not reach a file of this one."
        yield Check(name="airflow executor", status="fail", found=found, next=step)
    tasks = keys.get("core", "parallelism", "32")
    if not tasks.isdecimal():
        return
    wanted = int(tasks) * settings.inspect_workers * settings.inspect_memory_mb
    have = _memory_mb()
    if have and wanted > have:
        found = (
            f"{tasks} tasks at once ([core] parallelism) x {settings.inspect_workers} inspect_workers x "
            f"{settings.inspect_memory_mb} MB inspect_memory_mb is {wanted:,} MB at most; this machine has {have:,}"
        )
        step = "Lower [core] parallelism to the number of cores, or inspect_workers, or inspect_memory_mb."
        yield Check(name="airflow parallelism", status="warn", found=found, next=step)


def _mapping(keys: AirflowKeys, settings: Settings) -> Iterator[Check]:
    most = keys.get("core", "max_map_length", "1024")
    if most.isdecimal() and int(most) < settings.max_shards:
        found = f"[core] max_map_length is {most}, and a run may have {settings.max_shards} shards (max_shards)"
        step = f"Set [core] max_map_length to {settings.max_shards} or more, or max_shards to {most} or less."
        yield Check(name="airflow max_map_length", status="fail", found=found, next=step)


_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def _memory_mb(container: Path = _CONTAINER) -> int:
    """Returns the memory of the machine, or of the container that this process is in; 0 where nobody says."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        machine = 0
    try:
        limit = container.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return machine
    return min(machine or int(limit), int(limit) // 2**20) if limit.isdecimal() else machine
