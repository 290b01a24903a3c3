"""Marked secrets through the main flows: none is printed, logged, or left in a file or in the catalog."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from laws.handbook import DEFAULTS, NAME, real_texts
from serving import serving
from sqlalchemy import create_engine, make_url, text

from contracts.scaffold import new_contract
from corpus.catalog.tables import Base
from index.embedders.registry import load_embedder

ROOT = Path(__file__).resolve().parents[2]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(7, 39)))
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SECRETS = {
    "signing key": PEM.splitlines()[1],
    "database password": "MARKdbpass91c2ad",
    "endpoint key": "sk-MARKendpoint7f3a",
    "wrong endpoint key": "sk-MARKwrong11d9",
    "AWS secret": "MARKaws5d0e77aa",
    "web token": "MARKweb2b64",
}

# Every command line and the exit code that it has.
FLOWS = (
    ("init", 0),
    ("contract validate", 0),
    (f"contract explain {NAME}", 0),
    ("doctor --json", 0),
    (f"ingest {NAME}", 0),
    (f"ingest {NAME} --json", 0),
    (f"quarantine list {NAME} --json", 0),
    (f"report {NAME} --json", 0),
    (f"index show {NAME} --json", 0),
    (f"index verify {NAME}", 0),
    (f"index audit {NAME} --json", 0),
    (f"index query {NAME} refunds --json", 0),
    ("audit verify --json", 0),
    ("metrics", 0),
    ("doctor", 0),
    (f"reconcile {NAME}", 0),
)
DRIVER = """
import os, sys, traceback
from console.cli.main import main
from ingestion import models
for line in open(sys.argv[1]):
    arguments, environment = line.split(), {}
    while arguments and "=" in arguments[0] and not arguments[0].startswith("-"):
        name, _, value = arguments.pop(0).partition("=")
        environment[name] = value
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    models._client.cache_clear()  # a process keeps the client that it opened, and the key with it
    models._REMOTE.clear()
    print("$", " ".join(arguments), flush=True)
    try:
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
        code = "raised"
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    print("->", code, flush=True)
"""


@dataclass(frozen=True)
class Told:
    """What was printed, and the places that may hold something."""

    folder: Path
    url: str
    out: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, postgres_server, postgres_template) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("secrets") / "project"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE secrets_stay TEMPLATE {postgres_template}"))
    url = postgres_server.set(database="secrets_stay", password=SECRETS["database password"])
    with serving(load_embedder("wordllama-256").embed, key=SECRETS["endpoint key"]) as server:
        _project(folder, server.url)
        out = _run(folder, url.render_as_string(hide_password=False))
    yield Told(folder, postgres_server.set(database="secrets_stay").render_as_string(hide_password=False), out)
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE secrets_stay WITH (FORCE)"))
    engine.dispose()


def _project(folder: Path, endpoint: str) -> None:
    (folder / "docs").mkdir(parents=True)
    (folder / "contracts").mkdir()
    (folder / "keys" / "trusted").mkdir(parents=True)
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "keys" / "trusted" / "house.pub").write_bytes(public)
    for name, words in real_texts()[:3]:
        (folder / "docs" / f"{name}.md").write_text(words)
    named = {"embedder": "remote:house", "owner": "ann", "defaults": DEFAULTS, "dimension": 256}
    contract = new_contract(NAME, root="./docs", include=("**/*.md",), **named)
    (folder / "contracts" / f"{NAME}.odcs.yaml").write_text(contract)
    (folder / "stemma.toml").write_text(f"""home = ".stemma"
signing_key = "env:HOUSE_SIGNING_KEY"
metrics_file = "metrics.prom"
log_format = "json"
openlineage = true
http_token_env = {{ "docs.example.com" = "HOUSE_WEB_TOKEN" }}
[embedders.house]
provider = "house"
model = "a-model"
dimension = 256
url = "{endpoint}"
api_key_env = "HOUSE_ENDPOINT_KEY"
attempts = 1
batch_size = 16
""")


def _run(folder: Path, url: str) -> str:
    password, wrong = SECRETS["database password"], f"HOUSE_ENDPOINT_KEY={SECRETS['wrong endpoint key']}"
    nowhere = f"STEMMA_CATALOG_URL=postgresql+psycopg://ann:{password}@127.0.0.1:9/stemma?connect_timeout=2"
    extra = (
        f"{wrong} index query {NAME} refunds",
        f"{wrong} doctor --json",
        f"{nowhere} audit verify",
        f"{nowhere} doctor --json",
        f"STEMMA_CATALOG_URL=nonsense://ann:{password}@x/ audit verify",
        f"STEMMA_CATALOG_URL=postgresql://ann:{password}@127.0.0.1:x/ audit verify --debug",
        f"HOUSE_SIGNING_KEY={SECRETS['signing key']} reconcile {NAME}",
        f"STEMMA_SIGNING_KEY={SECRETS['signing key']} doctor --json",
    )
    script = folder.parent / "flows.txt"
    script.write_text("".join(f"{line}\n" for line in (*(line for line, _ in FLOWS), *extra)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STEMMA_", "AIRFLOW"))}
    environment |= {
        "STEMMA_CATALOG_URL": url,
        "HOUSE_SIGNING_KEY": PEM,
        "HOUSE_ENDPOINT_KEY": SECRETS["endpoint key"],
        "HOUSE_WEB_TOKEN": SECRETS["web token"],
        "AWS_SECRET_ACCESS_KEY": SECRETS["AWS secret"],
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(folder / "lineage.json"),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "COLUMNS": "300",
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(script)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    return done.stdout + done.stderr


def _forms(secret: str) -> tuple[bytes, ...]:
    plain = secret.encode()
    return (plain, base64.b64encode(plain)[:-4], plain.hex().encode())


def test_the_flows_did_what_they_should(told: Told) -> None:
    lines = told.out.splitlines()
    ended = [line for line in lines if line.startswith("-> ")]
    assert len(ended) == len(FLOWS) + 8, told.out[-3000:]
    assert ended[: len(FLOWS)] == [f"-> {code}" for _, code in FLOWS], told.out[-6000:]
    refused = ended[len(FLOWS) :]
    assert "-> raised" not in refused
    assert sum(line != "-> 0" for line in refused) >= 6, refused
    assert "published" in told.out
    assert "wrong key" in told.out, "a careless server repeated the key that it was sent"
    assert (told.folder / "lineage.json").exists()
    assert '"level"' in told.out, "logs were written"


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_printed_or_logged(told: Told, name: str) -> None:
    said = told.out.encode()
    for form in _forms(SECRETS[name]):
        at = said.find(form)
        assert at < 0, said[max(0, at - 300) : at].decode("utf-8", "replace")


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_left_in_a_file(told: Told, name: str) -> None:
    found = [
        path.relative_to(told.folder).as_posix()
        for path in told.folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in _forms(SECRETS[name]))
    ]
    assert found == []


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_left_in_the_catalog(told: Told, name: str) -> None:
    engine = create_engine(make_url(told.url))
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(text(f"SELECT t::text FROM {table.name} t")).scalars()
            assert not any(SECRETS[name] in row for row in rows), table.name
    engine.dispose()


def test_the_marks_would_be_seen(tmp_path: Path) -> None:
    said = json.dumps({"key": SECRETS["endpoint key"]}).encode()
    assert _forms(SECRETS["endpoint key"])[0] in said
    assert len(set(SECRETS.values())) == len(SECRETS)
