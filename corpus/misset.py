"""What is said of settings that are wrong: the value, what would be right, and where it stands. Never a secret.

A value is shown where no secret belongs; a field that may hold one, or the name of one, is only named.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

_SHOWN = 60
_SECRET = frozenset(
    ("api_key", "catalog_url", "console_token", "embedders", "home", "http_token_env", "metrics_file", "signing_key")
)
"""Settings into which people put passwords, tokens and keys, also where they do not belong."""
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*:[^/?#]*@")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?")
# Capitals only: a token that was put here by mistake is refused, and not repeated.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def told(error: ValidationError, names: Iterable[str], file: str) -> str:
    """Returns what is wrong with settings, one sentence for each.

    Args:
        error: What pydantic found.
        names: The settings that there are.
        file: Name of the project's file, for the places.
    """
    names = sorted(names)
    found = [_one(item, names, file) for item in error.errors()]
    unknown = any(item["type"] == "extra_forbidden" and len(item["loc"]) == 1 for item in error.errors())
    return " ".join((*found, *((f"Valid settings: {', '.join(names)}.",) if unknown else ())))


def unreadable(field: str) -> str:
    """Returns what is wrong with a list or table in the environment that is no JSON."""
    return (
        f"STEMMA_{field.upper()} in the environment is no JSON. Lists and tables are written as JSON there, such as "
        '\'["10.1.0.0/16"]\' and \'{"docs.example.com": "DOCS_TOKEN"}\'.'
    )


def refuse_networks(value: Sequence[str]) -> None:
    """Raises ValueError where one of some networks is none."""
    for item in value:
        try:
            ipaddress.ip_network(item)
        except ValueError as error:
            raise ValueError(f"{item!r} is no network ({error}): write such as 10.1.0.0/16 or ::1/128") from None


def refuse_hosts(value: Mapping[str, str]) -> None:
    """Raises ValueError where a host of tokens is none, or a token stands where the name of its variable belongs."""
    for host, variable in value.items():
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host[:_SHOWN]!r} is no host: write docs.example.com or docs.example.com:8443")
        if not _VARIABLE.fullmatch(variable):
            raise ValueError(f"{host} needs the name of an environment variable, in capitals, and not the token itself")


def refuse_password(value: str) -> None:
    """Raises ValueError where a URL holds a password."""
    if _PASSWORD.match(value):
        raise ValueError(
            "holds a password, which messages, logs and events would repeat: give it by the variables or files of the "
            "store's own library, such as AWS_SECRET_ACCESS_KEY"
        )


def _one(item: Any, names: Sequence[str], file: str) -> str:
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[0], names, n=1) if len(path) == 1 else []
        return f"{'.'.join(path)!r} is no setting{f': did you mean {near[0]!r}?' if near else '.'}"
    words = str(item["msg"]).removeprefix("Value error, ").rstrip(".")
    name = f"STEMMA_{path[0].upper()}" if f"STEMMA_{path[0].upper()}" in os.environ else ".".join(path)
    place = "the environment" if name.startswith("STEMMA_") else file
    given = "" if path[0] in _SECRET else f" = {str(item['input'])[:_SHOWN]!r}"
    return f"{name}{given} ({place}): {words[:1].lower()}{words[1:]}."
