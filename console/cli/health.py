"""The checks of `stemma doctor`. None of them changes anything, and none raises."""

from __future__ import annotations

import importlib.util
import os
import platform
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path

from console.cli import health_airflow, health_home
from console.cli.checks import Check, Trouble, attempt
from console.cli.version import DISTRIBUTION, version_of
from corpus.errors import StemmaError
from corpus.settings import PROJECT_FILE, Settings, load_settings

PACKAGES = ("corpus", "contracts", "provenance", "index", "ingestion", "console")
"""Our top-level names: plain words that another distribution may also take."""

PYTHON = (3, 11)
"""The one version that the lock was tested with (pyproject.toml, requires-python)."""


def environment() -> Iterator[Check]:
    """Checks what has nothing to do with a project."""
    yield _python()
    yield collisions(packages_distributions(), {name: _place(name) for name in PACKAGES}, _place("console"))
    yield _airflow()


def project(folder: Path | None) -> tuple[Settings | None, Check]:
    """Reads the settings of a project; None where there is no project or they are invalid."""
    try:
        settings = load_settings(folder)
    except StemmaError as error:
        return None, Check(name="project", status="fail", found=str(error), next=f"Mend {PROJECT_FILE}.")
    if not (settings.project / PROJECT_FILE).is_file():
        found = f"no {PROJECT_FILE} in {settings.project} or above"
        return None, Check(name="project", status="warn", found=found, next="stemma init, or --project DIR.")
    return settings, Check(name="project", status="ok", found=str(settings.project))


def parts(settings: Settings, *, load_models: bool) -> Iterator[Check]:
    """Checks the parts of a project."""
    yield _home(settings)
    yield _catalog_check(settings)
    yield _signing_key(settings)
    yield attempt(
        "trusted keys",
        "Put the project's own keys back, or replace the file that is named.",
        lambda: _trusted(settings),
    )
    yield from health_home.checks(settings)
    yield from health_airflow.checks(settings)
    yield from _contracts(settings)
    if load_models:
        yield from _models(settings)


def collisions(owners: Mapping[str, list[str]], places: Mapping[str, Path | None], home: Path | None) -> Check:
    """Finds a distribution that installs a package of our name, or stands before ours on the path.

    Args:
        owners: Package to the distributions that install it, as `packages_distributions()`.
        places: Our packages to the folder that each is imported from.
        home: The folder that `console` itself is imported from.
    """
    others = {name: sorted(set(owners.get(name, ())) - {DISTRIBUTION}) for name in places}
    shared = [f"{name} is also installed by {', '.join(found)}" for name, found in others.items() if found]
    base = home.parent if home else None
    strays = [
        f"{name} is imported from {place}" for name, place in places.items() if place is None or place.parent != base
    ]
    if shared or strays:
        step = "Uninstall the other distribution, or use an environment of its own."
        return Check(name="package names", status="fail", found="; ".join((*shared, *strays)), next=step)
    return Check(name="package names", status="ok", found=f"{', '.join(places)} are ours")


def _place(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info[:2] == PYTHON:
        return Check(name="python", status="ok", found=found)
    wanted = ".".join(map(str, PYTHON))
    return Check(name="python", status="fail", found=found, next=f"Install {DISTRIBUTION} under Python {wanted}.")


def _airflow() -> Check:
    found = version_of("apache-airflow")
    if found:
        return Check(name="airflow", status="ok", found=found)
    return Check(
        name="airflow",
        status="ok",
        found=f"not installed; the command line needs none (pip install '{DISTRIBUTION}[airflow]' for the DAGs)",
    )


def _home(settings: Settings) -> Check:
    if "://" in settings.home:
        step = "Check credentials and that the fsspec package is installed (s3:// needs s3fs)."
        return attempt("home", step, lambda: _remote(settings.home))
    folder = Path(settings.home)
    if folder.exists() and not folder.is_dir():
        step = "Move it away, or set home to a folder."
        return Check(name="home", status="fail", found=f"{folder} is a file and no folder", next=step)
    if not folder.is_dir():
        return Check(name="home", status="fail", found=f"{folder} does not exist", next="stemma init")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        step = "Give yourself the right to write, or set home."
        return Check(name="home", status="fail", found=f"{folder} cannot be written", next=step)
    return Check(name="home", status="ok", found=f"{folder} can be written")


def _remote(url: str) -> str:
    from corpus.storage import open_store  # noqa: PLC0415 - only for a remote home

    names = open_store(url).names("")
    return f"{url} answers, {len(names)} names"


def _catalog_check(settings: Settings) -> Check:
    found = attempt("catalog", "stemma init makes or upgrades it.", lambda: _catalog(settings))
    if found.status == "fail" and "newer build" in found.found:
        step = "pip install --upgrade stemma-rag, or restore the catalog from before the upgrade (docs/backup.md)."
        return replace(found, next=step)
    return found


def _catalog(settings: Settings) -> str:
    from corpus.catalog.session import open_catalog  # noqa: PLC0415 - brings SQLAlchemy along
    from ingestion.runtime import catalog_url  # noqa: PLC0415

    catalog = open_catalog(catalog_url(settings))
    catalog.check()
    return f"{catalog.engine.url.render_as_string(hide_password=True)}, schema current"


def _signing_key(settings: Settings) -> Check:
    path = settings.signing_key
    if settings.key_in_environment:
        return attempt("signing key", "Set the variable to the PEM of the key.", lambda: _signer(path))
    if not path.exists():
        step = "stemma init makes one; or copy the key that keys/trusted trusts. Reading needs none."
        return Check(name="signing key", status="warn", found=f"{path} does not exist", next=step)
    mode = stat.S_IMODE(path.stat().st_mode)
    step = f"chmod 600 {path}" if mode & 0o077 else "Put an unencrypted ed25519 key there."
    return attempt("signing key", step, lambda: _signer(path))


def _signer(path: Path) -> str:
    from index.signing import load_signer  # noqa: PLC0415 - brings the cryptography along

    said = "" if str(path).startswith("env:") else ", readable by its owner only"
    return f"{path}, key {load_signer(path).public_key.keyid[:12]}{said}"


def _trusted(settings: Settings) -> str:
    from index.signing import TrustStore, load_signer  # noqa: PLC0415 - brings the cryptography along

    trust = TrustStore.from_folder(settings.trusted_keys)
    if settings.trusted_keys.is_dir() and settings.trusted_keys.stat().st_mode & stat.S_IWOTH:
        raise Trouble(f"everybody may write {settings.trusted_keys}, and so add a key that is trusted: chmod o-w it")
    if not trust.keys:
        raise Trouble(f"{settings.trusted_keys} trusts nobody: no version can be read")
    if settings.key_in_environment or settings.signing_key.exists():
        keyid = load_signer(settings.signing_key).public_key.keyid
        if keyid not in trust.keys:
            raise Trouble(f"{settings.trusted_keys} does not trust this project's own key {keyid[:12]}")
    return f"{len(trust.keys)} in {settings.trusted_keys}"


def _contracts(settings: Settings) -> Iterator[Check]:
    files = sorted(settings.contracts.glob("*.odcs.yaml"))
    if not files:
        step = "stemma contract new NAME --path 'docs/**/*.md'"
        yield Check(name="contracts", status="warn", found=f"none in {settings.contracts}", next=step)
    for path in files:
        yield attempt(f"contract {path.name}", "stemma contract validate", partial(_contract, path, settings))
    yield from _twice(settings)


def _twice(settings: Settings) -> Iterator[Check]:
    """Finds names that two files declare: no run of such a contract starts."""
    from ingestion.discovery import discover  # noqa: PLC0415 - brings PyYAML along

    stubs = discover(settings.contracts)
    for name in sorted({stub.name for stub in stubs}):
        files = [stub.path.name for stub in stubs if stub.name == name]
        if len(files) > 1:
            found = f"{name!r} is declared by {' and '.join(files)}"
            yield Check(name="contracts", status="fail", found=found, next="Rename or remove one of them.")


def _contract(path: Path, settings: Settings) -> str:
    from contracts.load import load_contract  # noqa: PLC0415 - brings the validator along

    contract = load_contract(path, settings.project)
    return f"{contract.name} {contract.version}, {len(contract.checks)} checks"


def _models(settings: Settings) -> Iterator[Check]:
    """Loads every model that a valid contract names, and the default one where there is no contract."""
    for model, revision in sorted(_named_models(settings), key=str):
        step = "Install the package of the model, or name another one in the contract."
        yield attempt(f"model {model}", step, partial(_model, model, revision, settings))


def _named_models(settings: Settings) -> set[tuple[str, str | None]]:
    from contracts.load import load_contract  # noqa: PLC0415

    named: set[tuple[str, str | None]] = set()
    for path in settings.contracts.glob("*.odcs.yaml"):
        try:
            spec = load_contract(path, settings.project).embedder
        except StemmaError:
            continue
        named.add((spec.model, spec.revision))
    return named or {("all-MiniLM-L6-v2", None)}


def _model(model: str, revision: str | None, settings: Settings) -> str:
    from index.embedders.registry import load_embedder  # noqa: PLC0415 - brings torch along
    from ingestion.models import REMOTE, ask_once, located  # noqa: PLC0415

    if model.startswith(REMOTE):
        return ask_once(settings, model)
    embedder = load_embedder(
        located(settings, model), revision=revision, precision=settings.precision, backend=settings.backend
    )
    embedder.embed(["Does the model answer?"])
    runtime = ", ".join(f"{name} {value}" for name, value in sorted(embedder.runtime.items()) if name != "cpu_features")
    return f"{embedder.dimension} numbers, space {embedder.fingerprint[:12]}; {runtime}"
