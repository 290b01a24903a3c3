"""Where documents come from: `servers[]` to a root and globs."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from contracts.build import Build
from contracts.model import SourceSpec
from contracts.reading.weblocations import PROPERTIES, read_web_source
from contracts.text.node import Node
from contracts.text.problems import listed, shown

_GLOB = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{([^{}]*)\}")
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*:[^/?#]*@")
# `{a,b}{c,d}...` multiplies; no honest list of file types comes near this.
_MAX_GLOBS = 200


def expand_braces(pattern: str) -> tuple[str, ...]:
    """Returns the globs that `{a,b}` groups stand for, in order.

    Raises:
        ValueError: A brace is not closed, or the groups multiply to more than 200 globs.
    """
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        current = waiting.pop()
        match = _BRACES.search(current)
        if match is None:
            done.append(current)
        else:
            parts = (current[: match.start()] + option + current[match.end() :] for option in match[1].split(","))
            waiting.extend(reversed(list(parts)))
        if len(done) + len(waiting) > _MAX_GLOBS:
            raise ValueError(f"the braces of {pattern[:60]!r} expand to more than {_MAX_GLOBS} globs")
    if any("{" in glob or "}" in glob for glob in done):
        raise ValueError(f"a brace of {pattern[:60]!r} is not closed")
    return tuple(dict.fromkeys(done))


def split_path(path: str) -> tuple[str, tuple[str, ...]]:
    """Splits a path with globs into a folder and the globs under it.

    `./data/inbox/**/*.{md,html}` gives `("data/inbox", ("**/*.md", "**/*.html"))`. A path without globs is
    a folder, of which everything is taken, or one file if its last part has a suffix. A URL keeps its scheme.

    Raises:
        ValueError: The path is empty, climbs with `..` after a glob, or its braces are wrong.
    """
    scheme, separator, rest = path.rpartition("://")
    parts = [PurePosixPath(glob).parts for glob in expand_braces(rest)]
    if not path.strip() or not all(parts):
        raise ValueError(f"{path!r} names no place")
    fixed = min(_fixed_parts(item) for item in parts)
    while len({item[:fixed] for item in parts}) > 1:
        fixed -= 1
    include = tuple("/".join(item[fixed:]) or "**/*" for item in parts)
    if any(".." in item[fixed:] for item in parts):
        raise ValueError(f"{path!r} climbs with `..` below a glob")
    return scheme + separator + str(PurePosixPath(*parts[0][:fixed])), include


def _fixed_parts(parts: tuple[str, ...]) -> int:
    for number, part in enumerate(parts):
        if _GLOB.search(part):
            return number
    return len(parts) - 1 if PurePosixPath(parts[-1]).suffix else len(parts)


def read_source(servers: Node, build: Build) -> SourceSpec:
    """Reads the one server of a contract; what is wrong with it becomes problems."""
    found = list(servers.items())
    if not found:
        where = servers if servers.value is not None else Node(None, (), servers.sink)
        where.sink.add(
            where.path,
            "the contract has no server: nothing says where documents come from.",
            "Add `servers:` with a path.",
        )
        return SourceSpec(type="local", root="", include=())
    for extra in found[1:]:
        extra.problem("this build reads one server per contract.", "Make a contract of its own for each source.")
    server = found[0]
    kind = server.get("type")
    if isinstance(kind.value, str) and kind.value not in build.sources:
        kind.problem(
            f"this build has no source for server type {shown(kind.value)}.", f"Valid: {listed(build.sources)}."
        )
    given = _given(server, PROPERTIES if kind.value == "api" else ("exclude",))
    globs = {name: _globs(node) for name, node in given.items() if name in ("include", "exclude")}
    if kind.value == "api":
        return read_web_source(server, given, globs)
    place = server.get("path") if server.has("path") else server.get("location")
    if place.value is None and not server.sink.at(server.path):
        server.problem("the server has neither `path` nor `location`.", "Add `path:`, or `location:` with a URL.")
    root, include = _split(place)
    return SourceSpec(
        type=kind.text("local"),
        root=root,
        include=include,
        exclude=globs.get("exclude", ()),
        format=server.get("format").text(),
        source_name=server.get("server").text(),
    )


def _split(place: Node) -> tuple[str, tuple[str, ...]]:
    if not isinstance(place.value, str):
        return "", ()
    if _PASSWORD.match(place.value):
        place.problem(
            "the URL holds a password, which receipts, logs and every version would keep.",
            "Give it by the variables or files of the store's own library, such as AWS_SECRET_ACCESS_KEY.",
        )
        return "", ()
    try:
        return split_path(place.value)
    except ValueError as error:
        place.problem(f"{error}.", "Write a folder and globs, such as ./data/inbox/**/*.{md,html}.")
        return "", ()


def _given(server: Node, valid: tuple[str, ...]) -> dict[str, Node]:
    """Returns our properties of a server, by name."""
    found: dict[str, Node] = {}
    for item in server.get("customProperties").items():
        if item.get("vendor").value not in (None, "stemma"):
            continue
        name = item.get("property")
        if name.value not in valid:
            name.problem(f"unknown property {shown(name.value)} of a server.", f"Valid: {listed(valid)}.")
        elif name.text() in found:
            name.problem(f"the property {shown(name.value)} is given twice.", "Put all of it into one list.")
        else:
            found[name.text()] = item.get("value")
    return found


def _globs(node: Node) -> tuple[str, ...]:
    try:
        return tuple(glob for text in node.texts() for glob in expand_braces(text))
    except ValueError as error:
        node.problem(f"{error}.")
        return ()
