"""What MkDocs is told beside its configuration: the menu, pages from outside `docs/`, links, and names of sections.

The pages are written for a reader of the repository. Here they become a site without a second copy of anything: the
menu is the tables of `docs/README.md`, what stands outside `docs/` is brought in, links are turned to where their
target went, and a section has the name that GitHub gives it. Nothing here reads the code of Stemma.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).resolve().parents[1]
REPOSITORY = DOCS.parent
BROUGHT_IN = {"README.md": "stemma.md", "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages at the top of the repository, and what they are called in the site."""

_FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_ROW = re.compile(r"^\| \[([^\]]+)\]\(([^)\s]+)\) \|")
_HEADING = re.compile(r"^(##+) (.+)$")
_NOT_SHOWN = re.compile(r"^<!-- run\b[^\n]* -->\n", re.MULTILINE)
_INCLUDED = re.compile(r"^<!-- include (\S+): ([^\n]+) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Sets the menu, and how sections are named."""
    config.nav = menu((DOCS / "README.md").read_text("utf-8"))
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from outside `docs/`, and other files of the repository that a page links to."""
    for name, called in BROUGHT_IN.items():
        files.append(File.generated(config, called, content=(REPOSITORY / name).read_text("utf-8")))
    wanted = {path for page in files.documentation_pages() for path in _elsewhere(page)}
    for path in sorted(wanted):
        files.append(File.generated(config, _static(path), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Includes what is to be included, turns links, and takes out what is for tests only."""
    home = _home(page.file)
    whole = _INCLUDED.sub(lambda found: _section(found[1], found[2], home.parent), markdown)
    return _in_prose(_NOT_SHOWN.sub("", whole), lambda text: _LINK.sub(lambda link: _turned(link[1], home), text))


def slug(title: str, separator: str = "-") -> str:
    """Returns the name of a section as GitHub makes it: lower case, punctuation gone, each blank a hyphen."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", separator)


def menu(text: str) -> list[dict[str, Any]]:
    """Returns the menu that the index of pages describes: a heading is a part, a row of a table a page.

    A page that is the index of a folder becomes a part of its own, with the rows of its tables.

    Args:
        text: `docs/README.md`.

    Raises:
        PluginError: A row stands before the first heading.
    """
    parts: list[dict[str, Any]] = [{"Documentation": "README.md"}]
    open_at: dict[int, list[Any]] = {1: parts}
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            level = len(heading[1])
            inside: list[Any] = []
            open_at = {known: found for known, found in open_at.items() if known < level}
            open_at[max(open_at)].append({heading[2]: inside})
            open_at[level] = inside
        elif row := _ROW.match(line):
            if len(open_at) == 1:
                raise PluginError(f"docs/README.md lists {row[2]} before its first heading. Put the table under one.")
            open_at[max(open_at)].append({row[1].replace("`", ""): _entry(row[2])})
    return parts


def _entry(target: str) -> str | list[Any]:
    """Returns a page of the menu; an index of a folder with the pages that its tables list, under their own titles."""
    if target.startswith("../"):
        return BROUGHT_IN[target.removeprefix("../")]
    if not target.endswith("/README.md"):
        return target
    folder = target.rpartition("/")[0]
    rows = (_LINK.search(line) for line in (DOCS / target).read_text("utf-8").splitlines() if line.startswith("| ["))
    listed = (row[1] for row in rows if row)
    extra = sorted({path.name for path in (DOCS / folder).glob("*.md")} - {"README.md"})
    return [target, *(f"{folder}/{name}" for name in dict.fromkeys([*listed, *extra]) if "/" not in name)]


def _home(file: File) -> Path:
    """Returns where a page stands in the repository."""
    for name, called in BROUGHT_IN.items():
        if file.src_uri == called:
            return REPOSITORY / name
    return DOCS / file.src_uri


def _elsewhere(file: File) -> Iterator[Path]:
    """Yields the files of the repository that a page links to and that are no pages."""
    home = _home(file)
    for link in _LINK.findall(_FENCE.sub("", file.content_string)):
        path = _target(link, home)
        if path and path.is_file() and path.suffix != ".md" and not path.is_relative_to(DOCS):
            yield path


def _target(link: str, home: Path) -> Path | None:
    place = link.partition("#")[0]
    return None if not place or "://" in place else (home.parent / place).resolve()


def _turned(link: str, home: Path) -> str:
    """Returns a link as it has to be in the site, relative to where the page stands there."""
    path = _target(link, home)
    if path is None or not path.is_relative_to(REPOSITORY):
        return link
    here, there = _called(home), _called(path)
    _, mark, anchor = link.partition("#")
    return os.path.relpath(there, Path(here).parent) + mark + anchor


def _called(path: Path) -> str:
    """Returns what a file of the repository is called in the site."""
    name = path.relative_to(REPOSITORY).as_posix()
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return BROUGHT_IN.get(name) or _static(path)


def _static(path: Path) -> str:
    return f"repository/{path.relative_to(REPOSITORY).as_posix()}"


def _section(name: str, title: str, folder: Path) -> str:
    """Returns the text of a section of another page, without its heading, its links as seen from `folder`."""
    source = (folder / name).resolve()
    text = source.read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise PluginError(f"{source.name} has no section {title!r}.")

    def seen_from(link: re.Match[str]) -> str:
        path = _target(link[1], source)
        return os.path.relpath(path, folder) + link[1][len(link[1].partition("#")[0]) :] if path else link[1]

    return _in_prose(found[1].strip(), lambda part: _LINK.sub(seen_from, part))


def _in_prose(markdown: str, change: Callable[[str], str]) -> str:
    """Changes a text outside its fenced blocks."""
    return "".join(part if part.startswith("```") else change(part) for part in _FENCE.split(markdown))
