"""The hand-written and generated pages, read as a person reads them: prose, links and fenced blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL_MODEL = "wordllama-256"
DEFAULT_MODEL = "all-MiniLM-L6-v2"

STORY = (
    "README.md",
    "docs/contracts.md",
    "docs/quality.md",
    "docs/duplicates.md",
    "docs/hidden-text.md",
    "docs/origin.md",
    "docs/triage.md",
    "docs/reports.md",
    "docs/answers.md",
    "docs/lineage.md",
    "docs/operations.md",
    "docs/contamination.md",
    "docs/reembed.md",
    "docs/evaluation.md",
    "docs/queries.md",
    "docs/releases.md",
    "docs/erasure.md",
    "docs/reader.md",
    "docs/openlineage.md",
    "docs/monitoring.md",
    "docs/backup.md",
)
"""Pages whose shell blocks make and then use one project, in this order; no other page may have any that run."""

_BLOCK = re.compile(r"(?:<!-- (run in a copy|run by): ([^\n]+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: What stands behind its fence.
        text: What is in it.
        mark: How it is run where it does not run where it stands: `run in a copy` or `run by`.
        reason: Why, or by which test.
        line: Where it begins.
    """

    language: str
    text: str
    mark: str
    reason: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether it is a part of the story, or of the program of its page."""
        return not self.mark


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def prose(self) -> str:
        return _BLOCK.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        return {slug(title) for title in HEADING.findall(self.prose)}

    def blocks(self, *languages: str) -> list[Block]:
        found = (
            Block(match[3], match[4], match[1] or "", match[2] or "", self.text.count("\n", 0, match.start(4)))
            for match in _BLOCK.finditer(self.text)
        )
        return [block for block in found if block.language in languages or not languages]


def slug(title: str) -> str:
    """The anchor that a heading gets: lower case, punctuation gone, blanks to hyphens."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


@cache
def pages() -> tuple[Page, ...]:
    top = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    return tuple(Page(path) for path in [*top, *sorted((ROOT / "docs").rglob("*.md"))])


def page(name: str) -> Page:
    return Page(ROOT / name)
