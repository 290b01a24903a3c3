"""Time of the detector of hidden text, beside the time of parsing the same documents.

Usage: hidden.py FOLDER    (documents of any format below it; the typical sizes are made here)
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from corpus.errors import ParseError
from corpus.types import RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.detectors.hidden import HiddenDetector
from provenance.visibility.characters import read_characters
from provenance.visibility.cues import noteworthy

_PARAGRAPH = (
    "<p class='c{n}' title='part {n}'>The pump moves <b>forty</b> litres of <a href='/w'>water</a> a minute.</p>"
)
_RULE = ".c{n}{{color:#135;background-color:#fefefe;font-size:1.1em;margin:0 4px}}"


def _page(size: int) -> str:
    rules = "".join(_RULE.format(n=number) for number in range(20))
    body = "".join(_PARAGRAPH.format(n=number % 20) for number in range(size // len(_PARAGRAPH)))
    return f"<html><head><style>{rules}</style></head><body>{body}</body></html>"


def _best(act: Callable[[], object]) -> float:
    times = []
    for _ in range(30):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times) * 1_000


def main(folder: Path) -> None:
    detector = HiddenDetector()
    source = _page(10_000)
    ref = SourceRef(doc_id="a", uri="file:///a.html", path="a.html", size=len(source), modified_at=None)
    blob = RawBlob(ref=ref, data=source.encode(), sha256="")
    document = parse(blob)
    print(f"HTML of {len(source)} bytes: {_best(lambda: detector.detect(blob, document)):.2f} ms")
    for name, text in (("ASCII", "The pump moves water. "), ("German", "Die Pumpe fördert Wasser für Häuser. "),
                       ("Russian", "Насос качает воду для дома. ")):  # fmt: skip  # noqa: RUF001
        clean = text * (10_000 // len(text))
        took = _best(lambda clean=clean: read_characters(clean, noteworthy))
        print(f"characters, 10,000 of clean {name} text: {took:.3f} ms")
    _folder(folder, detector)


def _folder(folder: Path, detector: HiddenDetector) -> None:
    rows: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        data = path.read_bytes()
        ref = SourceRef(doc_id=path.name, uri=path.as_uri(), path=path.name, size=len(data), modified_at=None)
        blob = RawBlob(ref=ref, data=data, sha256="")
        start = time.perf_counter()
        try:
            document = parse(blob)
        except ParseError:
            continue
        parsed = time.perf_counter()
        detector.detect(blob, document)
        row = rows[document.media_type.rpartition("/")[2].rpartition(".")[2]]
        for at, value in enumerate((1, len(data) / 1_000, parsed - start, time.perf_counter() - parsed)):
            row[at] += value
    print(f"{'kind':12} {'documents':>9} {'kB each':>8} {'parse ms':>9} {'detect ms':>9}")
    for kind, (count, size, parsing, detecting) in sorted(rows.items()):
        print(f"{kind:12} {count:9.0f} {size / count:8.1f} {1e3 * parsing / count:9.2f} {1e3 * detecting / count:9.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
