"""Legacy encodings: how many real files are read as the text that they hold, per encoding.

Usage: encodings.py [--json] [--failures]

The truth is the folder's name: a file counts as read when our decoder gives the text that Python's codec of that
name gives. Beside it the same files through charset_normalizer alone, as people call it.
"""

from __future__ import annotations

import argparse
import codecs
import json
import re
import sys
import tarfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import corpora
from charset_normalizer import from_bytes
from rich.console import Console
from rich.table import Table

from corpus.errors import ParseError
from ingestion.parsers.decode import decode
from ingestion.parsers.layout import tidy

ARCHIVE = corpora.SHARED / "encodings_chardet" / "files.tar.xz"
# Names of folders that Python knows under another name.
CODECS = {"MacCyrillic": "mac_cyrillic", "windows-1252": "cp1252", "EUC-TW": ""}
# What the label means on the web (WHATWG Encoding Standard, 4.2): those readings are right too.
WEB = {"gb2312": "gb18030", "shift_jis": "cp932", "tis-620": "cp874", "iso8859-1": "cp1252", "iso8859-9": "cp1254"}


def files() -> Iterator[tuple[str, str, bytes]]:
    """Yields (encoding, path, bytes); the folder's language is not part of the encoding."""
    with tarfile.open(ARCHIVE) as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isfile() else None
            path = Path(member.name)
            if source is not None and len(path.parts) > 1 and path.name != "README.txt":
                yield path.parent.name, str(path), source.read()


def codec_of(folder: str) -> str:
    """Returns the codec of a folder such as `iso-8859-2-czech`; empty where Python has none."""
    name = CODECS.get(folder, re.sub(r"-[a-z]{5,}$", "", folder))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def comparable(text: str) -> str:
    """Returns a text without what two right readings may differ in: marks, line ends, composed letters."""
    return unicodedata.normalize("NFKC", tidy(text).replace("\ufeff", "")).strip()


def read(data: bytes, path: str) -> tuple[str, str]:
    """Returns our text and how it was decoded."""
    try:
        text, notes = decode(data, markup=path.endswith((".xml", ".html", ".htm")))
    except ParseError as error:
        return "", error.code
    return text, " ".join(notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--failures", action="store_true")
    options = parser.parse_args()
    if not ARCHIVE.exists():
        sys.exit(f"{ARCHIVE} is not on this machine")
    total, right, plain, silent = (Counter[str]() for _ in range(4))
    failures = []
    ours_s = theirs_s = 0.0
    for folder, path, data in files():
        encoding = codec_of(folder)
        if not encoding:
            print(f"left out: {path} (this Python has no codec {folder})", file=sys.stderr)
            continue
        truths = {comparable(data.decode(name, "replace")) for name in (encoding, WEB.get(encoding, encoding))}
        started = time.perf_counter()
        text, notes = read(data, path)
        ours_s += time.perf_counter() - started
        started = time.perf_counter()
        guess = from_bytes(data).best()
        theirs_s += time.perf_counter() - started
        total[encoding] += 1
        plain[encoding] += guess is not None and comparable(str(guess)) in truths
        if comparable(text) in truths:
            right[encoding] += 1
        else:
            silent[encoding] += not notes
            failures.append({"path": path, "notes": notes, "text": text[:80], "truth": min(truths)[:80]})
    _show(options, (total, right, plain, silent), failures, (ours_s, theirs_s))


def _show(
    options: argparse.Namespace,
    counts: tuple[Counter[str], ...],
    failures: list[dict[str, str]],
    seconds: tuple[float, float],
) -> None:
    total, right, plain, silent = counts
    if options.json:
        rows = {name: {"files": total[name], "read": right[name], "plain": plain[name]} for name in sorted(total)}
        print(json.dumps({"encodings": rows, "failures": failures}, indent=2, ensure_ascii=False))
        return
    table = Table("encoding", "files", "read", "charset_normalizer alone", "wrong without a note")
    for name in sorted(total):
        table.add_row(name, *(str(count[name]) for count in (total, right, plain, silent)))
    sums = [count.total() for count in (total, right, plain, silent)]
    table.add_row("all", *map(str, sums), style="bold")
    console = Console(width=130)
    console.print(table)
    console.print(f"read: {sums[1] / sums[0]:.1%}; charset_normalizer alone: {sums[2] / sums[0]:.1%}")
    console.print(f"documents/s: {sums[0] / seconds[0]:.0f}; charset_normalizer alone: {sums[0] / seconds[1]:.0f}")
    for failure in failures if options.failures else ():
        console.print_json(json.dumps(failure, ensure_ascii=False))


if __name__ == "__main__":
    main()
