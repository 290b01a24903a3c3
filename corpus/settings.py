"""Settings: read once, at an edge, into one frozen object that is passed down.

Order, strongest first: arguments, environment (`STEMMA_*`), `stemma.toml` of the project folder,
defaults. Only the edges call `load_settings`; nothing below reads the environment.
"""

from __future__ import annotations

import difflib
import getpass
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from corpus import misset
from corpus.endpoints import NAME, Endpoint
from corpus.errors import ConfigurationError

PROJECT_FILE = "stemma.toml"
_ED25519_PEM = "MC4CAQAwBQYDK2Vw"
"""How the text of an unencrypted ed25519 key begins in PEM (RFC 8410, 10.3)."""
KEY_VARIABLE = "env:"
"""Before the name of the environment variable that holds the signing key."""


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


class Settings(BaseSettings):
    """Everything that a person may set for a whole project."""

    model_config = SettingsConfigDict(env_prefix="STEMMA_", frozen=True, extra="forbid")

    project: Path = Field(description="Folder that holds stemma.toml; relative paths start here.")
    home: str = Field(
        default=".stemma", description="Where versions, segments and vectors are: a folder or an fsspec URL."
    )
    catalog_url: str = Field(
        default="",
        description="SQLAlchemy URL of the catalog; empty for SQLite inside a local home.",
        repr=False,  # it may hold a password
    )
    contracts: Path = Field(default=Path("contracts"), description="Folder of *.odcs.yaml contracts.")
    signing_key: Path = Field(
        default=Path("keys/stemma-signing.pem"),
        description="Ed25519 private key that signs versions: a PEM file of mode 0600, or env:NAME for a variable.",
    )
    trusted_keys: Path = Field(
        default=Path("keys/trusted"), description="Folder of public keys (*.pub, PEM) whose signatures readers accept."
    )
    c2pa_anchors: Path = Field(
        default=Path("keys/c2pa"),
        description="Folder of root certificates (*.pem) whose C2PA signers are trusted; none there, none trusted.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="Element type of the embedder's matrix work; auto takes bf16 where the CPU has it."
    )
    compile: bool = Field(
        default=False, description="Compile the embedding model first; pays off from a few thousand chunks."
    )
    backend: Literal["torch", "onnx", "openvino"] = Field(
        default="torch",
        description="What computes models that run here; onnx and openvino need their extras. Canaries compare them.",
    )
    embedders: Mapping[str, Endpoint] = Field(
        default_factory=dict,
        description="Models behind HTTP: a table [embedders.NAME] for each, and remote:NAME in a contract.",
    )
    shard_bytes: int = Field(
        default=1_000_000, ge=1, description="Bytes of documents in one shard, the unit of parallel work."
    )
    max_shards: int = Field(
        default=1000,
        ge=1,
        description="Shards of one run; more work makes larger ones. At most Airflow's `[core] max_map_length`, 1024.",
    )
    max_shard_bytes: int = Field(
        default=64_000_000, ge=1, description="Largest shard that `max_shards` may ask for: a task holds one in memory."
    )
    index_shard_rows: int = Field(
        default=0,
        ge=0,
        description="Rows of an index that one Airflow task adds, in whole blocks of 16,384; 0 has one task add all.",
    )
    embed_pool: str = Field(
        default="default_pool",
        min_length=1,
        description="Airflow pool of the tasks that embed; its slots bound how many do at once. It has to exist.",
    )
    run_deadline_minutes: float = Field(
        default=240.0,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Airflow reports a run that takes longer; 0 for no deadline.",
    )
    max_document_bytes: int = Field(default=50_000_000, ge=1, description="A larger document is rejected unread.")
    trust_listing: bool = Field(
        default=True,
        description="Take a document as unchanged, unread, where its source lists it as before; false reads them all.",
    )
    inspect_workers: int = Field(
        default=2, ge=1, le=256, description="Worker processes that read documents, of one command or task."
    )
    inspect_seconds: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Processor seconds to read one document; four times as many by the clock.",
    )
    inspect_memory_mb: int = Field(
        default=2048, ge=256, description="Memory, in MB, that a worker which reads documents may have."
    )
    http_private_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks, such as 10.1.0.0/16, that sources over HTTP may ask although they are not public.",
    )
    http_token_env: Mapping[str, str] = Field(
        default_factory=dict,
        description="Host (`host` or `host:port`) to the environment variable with its bearer token; https only.",
    )
    actor: str = Field(default_factory=_login, description="Who acts, for the audit log.")
    log_format: Literal["off", "text", "json"] = Field(
        default="off", description="Logs of runs and stages on stderr: json for one object a line, text for people."
    )
    metrics_file: str = Field(
        default="",
        description="File that each run leaves its figures in, in Prometheus text form; empty for none.",
    )
    openlineage: bool = Field(
        default=False, description="Emit OpenLineage events of runs; needs the extra openlineage."
    )
    openlineage_namespace: str = Field(
        default="stemma", min_length=1, description="OpenLineage namespace of our jobs and data sets."
    )
    console_token: str = Field(
        default="",
        description="What people sign in to the console with, 16 characters or more; empty for one made at each start.",
        repr=False,  # whoever has it may decide
    )
    console_user_header: str = Field(
        default="", description="Header in which a reverse proxy names who is signed in, such as X-Forwarded-User."
    )
    console_proxies: str = Field(
        default="127.0.0.1, ::1",
        description="Addresses or networks of the reverse proxies whose console_user_header is believed.",
    )

    @property
    def key_in_environment(self) -> bool:
        """Whether the signing key is in a variable and not in a file."""
        return str(self.signing_key).startswith(KEY_VARIABLE)

    def locate(self, place: str) -> str:
        """Returns a folder or URL as it is meant: a relative folder starts at the project."""
        if "://" in place:
            return place
        return str((self.project / Path(place).expanduser()).absolute())

    @field_validator("contracts", "signing_key", "trusted_keys", "c2pa_anchors", mode="after")
    @classmethod
    def _under_project(cls, value: Path, info: Any) -> Path:
        if "PRIVATE KEY" in str(value) or _ED25519_PEM in str(value):
            raise ValueError("holds a key itself, which would be logged: name a file, or env:NAME for a variable")
        if str(value).startswith(KEY_VARIABLE) and info.field_name == "signing_key":
            return value
        project: Path = info.data.get("project", Path())
        return value if value.is_absolute() else project / value

    @field_validator("embedders", mode="after")
    @classmethod
    def _named_endpoints(cls, value: Mapping[str, Endpoint]) -> Mapping[str, Endpoint]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: letters, digits, '.', '_' and '-', at most 64 of them")
        return value

    @field_validator("http_private_networks", mode="after")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        misset.refuse_networks(value)
        return value

    @field_validator("http_token_env", mode="after")
    @classmethod
    def _token_hosts(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        misset.refuse_hosts(value)
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute_home(cls, value: str, info: Any) -> str:
        if "://" in value:
            misset.refuse_password(value)
            return value.rstrip("/") if not value.endswith("://") else value
        project: Path = info.data.get("project", Path())
        return str((project / Path(value).expanduser()).absolute())


def find_project(start: Path) -> Path:
    """Returns the nearest folder at or above `start` that holds stemma.toml, else `start`."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return start


def _refuse_misspelt() -> None:
    names = [f"STEMMA_{name.upper()}" for name in Settings.model_fields]
    for found in sorted(name for name in os.environ if name.startswith("STEMMA_") and name not in names):
        close = difflib.get_close_matches(found, names, n=1, cutoff=0.9)
        if close:
            raise ConfigurationError(f"{found} in the environment is no setting; did you mean {close[0]}?")


def load_settings(project: Path | None = None, **overrides: Any) -> Settings:
    """Reads the settings of a project.

    Args:
        project: Folder of the project; None takes `STEMMA_PROJECT`, else the nearest folder at or
            above the working directory that holds stemma.toml.
        **overrides: Values that win over environment and file.

    Raises:
        ConfigurationError: stemma.toml is not TOML, or a value is unknown or invalid; also when a name in
            the environment is nearly that of a setting, since it would be passed over in silence.
    """
    _refuse_misspelt()
    named = os.environ.get("STEMMA_PROJECT")
    folder = (project or (Path(named) if named else find_project(Path.cwd()))).absolute()
    path = folder / PROJECT_FILE
    values: dict[str, Any] = {}
    if path.is_file():
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    from_environment = {name for name in Settings.model_fields if f"STEMMA_{name.upper()}" in os.environ}
    values = {name: value for name, value in values.items() if name not in from_environment}
    try:
        return Settings(**{**values, "project": folder, **overrides})
    except ValidationError as error:
        # Without the cause: a traceback must not repeat what may be a password.
        said = misset.told(error, Settings.model_fields, PROJECT_FILE)
        raise ConfigurationError(f"settings of {folder} are invalid: {said}") from None
    except SettingsError as error:
        field = next((name for name in sorted(from_environment) if f'"{name}"' in str(error)), "...")
        raise ConfigurationError(misset.unreadable(field)) from None
