"""The parts of a project folder: how each is made, and what is left alone because it exists.

Nothing that exists is overwritten. Every step can be repeated, so `stemma init` in a project that
lacks one part makes that part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.errors import ConfigurationError
from corpus.settings import PROJECT_FILE, Settings, load_settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

IGNORED = (".stemma/", "keys/*.pem")
"""What must not be committed: the home, and the private key above all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happened to one part of a project.

    Attributes:
        part: Its name.
        path: Where it is, relative to the project where it lies inside.
        action: `made`, `kept`, `extended` or `missing`.
        note: What a person should know; empty where the action says it all.
    """

    part: str
    path: str
    action: str
    note: str = ""


def make_project(folder: Path) -> tuple[Step, ...]:
    """Makes a project in a folder, or what is missing of one.

    Args:
        folder: The project folder; it and its parents are made.

    Raises:
        ConfigurationError: The folder is a file or cannot be written, or an existing stemma.toml is
            invalid.
        CatalogError: The catalog cannot be reached.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings_step = _settings_file(folder)
        settings = load_settings(folder)
        return (
            settings_step,
            _folder("contracts", settings.contracts, folder),
            _signing_key(settings),
            _ignore_file(folder),
            _catalog(settings),
        )
    except OSError as error:
        raise ConfigurationError(
            f"no project can be made in {folder}: {error.strerror or error}. Name a folder that you may write to."
        ) from error


def settings_text() -> str:
    """Returns a stemma.toml that sets nothing and shows every setting with its default."""
    lines = [
        "# A Stemma project. Every setting has a default; STEMMA_<NAME> in the environment wins over this file.",
        "",
    ]
    for name, setting in Settings.model_fields.items():
        if setting.is_required():
            continue
        lines += [f"# {setting.description}", f"# {_example(name, setting)}", ""]
    return "\n".join(lines)


def _example(name: str, setting: FieldInfo) -> str:
    if setting.default_factory is dict:
        return f"[{name}.NAME]" if name == "embedders" else f"{name} = {{}}"
    return f"{name} = {'your login' if setting.default_factory else _toml(setting.default)}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def _settings_file(folder: Path) -> Step:
    path = folder / PROJECT_FILE
    if path.is_file():
        return Step(part="settings", path=PROJECT_FILE, action="kept")
    path.write_text(settings_text(), "utf-8")
    return Step(part="settings", path=PROJECT_FILE, action="made")


def _folder(part: str, path: Path, project: Path) -> Step:
    existed = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    return Step(part=part, path=shown_path(path, project), action="kept" if existed else "made")


def _signing_key(settings: Settings) -> Step:
    """Makes a key pair only where neither half exists: half a pair is somebody's, and is not replaced."""
    from index.signing import generate_keypair  # noqa: PLC0415 - brings the cryptography along

    if settings.key_in_environment:
        return Step(part="signing key", path=str(settings.signing_key), action="kept", note="it is in the environment")
    private, public = settings.signing_key, settings.trusted_keys / f"{settings.signing_key.stem}.pub"
    path = shown_path(private, settings.project)
    trusted = any(settings.trusted_keys.glob("*.pub"))
    if private.exists():
        if trusted:
            return Step(part="signing key", path=path, action="kept")
        _write_public(private, public)
        note = f"its public half was missing and is in {shown_path(public, settings.project)} again"
        return Step(part="signing key", path=path, action="extended", note=note)
    if trusted:
        note = (
            "keys are trusted already: copy their private key here to publish versions; reading needs none. If it is "
            "lost for good, move its *.pub out of the trusted folder and run `stemma init` again"
        )
        return Step(part="signing key", path=path, action="missing", note=note)
    keyid = generate_keypair(private, public)
    note = f"key {keyid[:12]}, trusted through {shown_path(public, settings.project)}; keep the private key secret"
    return Step(part="signing key", path=path, action="made", note=note)


def _write_public(private: Path, public: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    from index.signing import load_signer  # noqa: PLC0415

    load_signer(private)  # refuses what is no ed25519 key, or is readable by others
    key = load_pem_private_key(private.read_bytes(), password=None).public_key()
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _ignore_file(folder: Path) -> Step:
    path = folder / ".gitignore"
    before = path.read_text("utf-8") if path.is_file() else ""
    missing = [line for line in IGNORED if line not in before.splitlines()]
    if not missing:
        return Step(part="ignore file", path=path.name, action="kept")
    path.write_text(_with_lines(before, missing), "utf-8")
    return Step(part="ignore file", path=path.name, action="extended" if before else "made")


def _with_lines(text: str, lines: Iterable[str]) -> str:
    start = text if not text or text.endswith("\n") else f"{text}\n"
    return start + "".join(f"{line}\n" for line in lines)


def _catalog(settings: Settings) -> Step:
    from corpus.catalog.session import open_catalog  # noqa: PLC0415 - brings SQLAlchemy and Alembic along
    from ingestion.runtime import catalog_url  # noqa: PLC0415

    if "://" not in settings.home:
        Path(settings.home).mkdir(parents=True, exist_ok=True)
    existed = not settings.catalog_url and (Path(settings.home) / "catalog.db").exists()
    open_catalog(catalog_url(settings)).upgrade()
    place = "the database of catalog_url" if settings.catalog_url else f"{settings.home}/catalog.db"
    shown = place if settings.catalog_url else shown_path(Path(place), settings.project)
    return Step(part="catalog", path=shown, action="kept" if existed else "made", note="at the current schema")


def shown_path(path: Path, project: Path) -> str:
    """Returns a path as a person in the project would write it."""
    return os.path.relpath(path, project) if path.is_relative_to(project) else str(path)
