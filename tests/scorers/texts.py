"""Texts of each kind, made here, and the real documents that the scorer is held against."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.types import Block, ParsedDocument

PROSE = " ".join(
    [
        "The harbour froze in the second week of January, and with it the trade that had kept the town alive.",
        "Old people said that they had seen worse, but nobody could name the year.",
        "Carts crossed where boats had lain, and a baker sold rolls from a sledge beside the lighthouse.",
        "When the thaw came at last, it took the outer pier and two of the smaller boats with it.",
        "The council spent the summer in dispute about who should pay for the stones.",
    ]
)
CODE = "\n".join(
    f"def area_{n}(width, high):\n    if width < 0:\n        raise ValueError(width)\n    return width * high + {n}\n"
    for n in range(20)
)
REFERENCE = "\n".join(f"- `option_{n}`: {n * 100} ms; default={n}" for n in range(60))
API = "\n\n".join(
    f".. method:: Store.load_{n}(name, size={n})\n\n   Reads part {n} and gives it back. Raises OSError without it."
    for n in range(24)
)
FAQ = """
How do I reset my password?
Open the sign-in page, choose the link under the form, and follow the letter that arrives in your mailbox.

Can I pay by invoice?
Yes, from the second order on. Ask the sales desk to put a note on your account before you check out.

Where are my files kept?
In the region that your contract names. Backups leave it never, and are deleted after ninety days.

Who reads what I upload?
Nobody, unless you open a ticket and allow it there. Each look is written to a log that you can see.
"""
TABLE = "\n".join(f"| {n} | {n * n} | {n % 7} | 2024-01-{n % 28 + 1:02d} |" for n in range(80))
TRANSCRIPT = "\n".join(
    f"{who}: Point {number}, page {number * 7}. {what}"
    for number, (who, what) in enumerate(
        [
            ("Anna Keller", "Shall we begin with the budget, or wait for the others to arrive?"),
            ("Tom", "Let us begin. The figures for March came in yesterday, and they are better than we feared."),
            ("Anna Keller", "By how much? I had them down as flat against the year before."),
            ("Tom", "Four per cent up, most of it from the repairs shop and none of it from the new counter."),
            ("Anna Keller", "Then I would keep the counter open until summer and decide after the fair."),
            ("Tom", "Agreed. I will write it down and send it round tonight, with the table from finance."),
        ]
        * 2
    )
)
SHORT = "The office is closed on Monday."
CHINESE = (
    "港口在一月的第二周结冰。维系小镇生计的贸易也随之停顿。老人们说他们见过更糟的年份。但没有人说得出是哪一年。" * 3
)
GERMAN = (
    "Der Hafen fror in der zweiten Januarwoche zu, und mit ihm der Handel, der die Stadt am Leben gehalten hatte. Die"
    " Alten sagten, sie hätten Schlimmeres gesehen, aber niemand konnte das Jahr nennen. Wo Boote gelegen hatten,"
    " fuhren nun Karren, und ein Bäcker verkaufte Brötchen von einem Schlitten neben dem Leuchtturm, bis es taute."
)


def document(
    text: str, blocks: tuple[Block, ...] = (), media_type: str = "text/plain", notes: tuple[str, ...] = ()
) -> ParsedDocument:
    """A document of one text."""
    return ParsedDocument(
        text=text, blocks=blocks, title="", media_type=media_type, metadata={}, parser="test/1", notes=notes
    )


def real_texts(shared_data: Path, python: int, prometheus: int, wikipedia: int) -> list[str]:
    """Real texts of three kinds, that many of each, in the order of their files."""
    wanted = (
        ("docs_python_311_313/sources.jsonl.gz", "rst", python),
        ("docs_git_versions/prometheus_docs.jsonl.gz", "text", prometheus),
        ("wiki_new_2024/articles.jsonl.gz", "content", wikipedia),
    )
    return [text for name, field, number in wanted for text in _texts(shared_data / name, field, number)]


def _texts(path: Path, field: str, number: int) -> Iterator[str]:
    if not path.exists():
        pytest.skip(f"{path.parent.name} is not beside the project")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    texts = [row[field] for row in rows if row[field].strip()]
    yield from texts[:: max(1, len(texts) // number)][:number]
