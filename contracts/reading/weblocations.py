"""Where documents over HTTP(S) come from: a server of type `api`, its list, its further URLs and its hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from contracts.model import SourceSpec
from contracts.text.node import Node
from contracts.text.problems import listed, shown

FORMATS = ("document", "list", "sitemap")
PROPERTIES = ("allowedHosts", "exclude", "format", "include", "urls")

_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|(?=:|$)))+(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?"
)
_KINDS: Mapping[str, str] = {".xml": "sitemap", ".xml.gz": "sitemap", ".txt": "list", ".txt.gz": "list"}


def read_web_source(server: Node, given: Mapping[str, Node], globs: Mapping[str, tuple[str, ...]]) -> SourceSpec:
    """Reads a server of type `api`; what is wrong with it becomes problems.

    Args:
        server: The server.
        given: Its custom properties, by name.
        globs: `include` and `exclude`, braces expanded.
    """
    place = server.get("location")
    root = _url(place)
    urls = tuple(_url(item) for item in given["urls"].items()) if "urls" in given else ()
    if "urls" in given:
        given["urls"].texts()
    return SourceSpec(
        type="api",
        root=root,
        include=globs.get("include", ()) or ("**",),
        exclude=globs.get("exclude", ()),
        format=_kind(given.get("format"), root),
        source_name=server.get("server").text(),
        urls=tuple(url for url in urls if url),
        hosts=_hosts(given["allowedHosts"]) if "allowedHosts" in given else (),
    )


def _kind(node: Node | None, root: str) -> str:
    if node is None:
        path = urlsplit(root).path.lower() if root else ""
        return next((kind for end, kind in _KINDS.items() if path.endswith(end)), "document")
    if node.value not in FORMATS:
        node.problem(f"unknown format {shown(node.value)} of a location over HTTP.", f"Valid: {listed(FORMATS)}.")
        return "document"
    return node.text()


def _url(node: Node) -> str:
    if not isinstance(node.value, str):
        return ""
    try:
        parts = urlsplit(node.value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\x00-\x20\x7f\\]", node.value):
        node.problem(
            f"{shown(node.value)} is no http or https URL.", "Write one such as https://docs.example.com/a.html."
        )
        return ""
    if parts.username is not None or parts.password is not None:
        node.problem(
            "the URL holds a user or a password, which would be logged.",
            "Name a variable in http_token_env of stemma.toml.",
        )
        return ""
    return node.value


def _hosts(node: Node) -> tuple[str, ...]:
    found: list[str] = []
    node.texts()
    for item in node.items():
        host = item.text().lower()
        if item.value and not _HOST.fullmatch(host):
            item.problem(f"{shown(item.value)} is no host.", "Write docs.example.com, or docs.example.com:8443.")
        else:
            found.append(host)
    return tuple(host for host in found if host)
