"""How well evidence of origin is found: traces of chatbots, false alarms on human text, signed files, and the cost.

Usage: python -m benchmarks.origin_evidence [--json FILE]

Needs the shared data beside the repository. Traces: the examples that Wikipedia's catalogue of signs of AI writing
quotes are said outside quotation marks, inside human text; what each holds is told by literal strings, not by our
expressions. False alarms: every document of corpora that people wrote is read and shown to all detectors of origin; it
counts as flagged where the verdict on it, or on any passage of it, is another than unknown. Intervals are exact
(Clopper-Pearson, 95 %). Times are processor time per document, parsing left out, the quickest of three.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from scipy.stats import binomtest

from benchmarks.corpora import SHARED
from corpus.errors import ParseError
from corpus.types import OriginKind, ParsedDocument, RawBlob, SourceRef
from ingestion.parsers.route import parse
from provenance.classify import verdict
from provenance.credentials.carriers import Carrier, Way
from provenance.credentials.verify import verify
from provenance.detectors.c2pa import C2paDetector
from provenance.detectors.declared import DeclaredDetector
from provenance.detectors.residue import ResidueDetector

DETECTORS = (C2paDetector(), DeclaredDetector(), ResidueDetector())
HUMAN = "The council met on Tuesday and agreed to mend the bridge before the winter. " * 12
# Class of trace to strings of which one stands in every example of it.
LITERALS: Mapping[str, tuple[str, ...]] = {
    "openai.pua_cite": ("\ue200",),
    "openai.pua_number": ("\uea01",),
    "openai.turn_ref": ("citeturn", "iturn"),
    "openai.contentReference": ("contentReference[oaicite",),
    "openai.oai_citation": ("[oai_citation:",),
    "openai.attributableIndex": ("attributableIndex",),
    "openai.plus_chips": ("+3ISO",),
    "perplexity.file": ("[attached_file:",),
    "grok.card": ("<grok-card",),
    "url.llm_referrer": ("utm_source=chatgpt.com", "utm_source=openai", "utm_source=copilot.com", "referrer=grok.com"),
    "cutoff": ("my last knowledge update", "my last training update"),
    "self_id": ("As an AI language model",),
    "source_gap": ("provided search results", "are not extensively documented", "based on available information"),
    "placeholder": ("[Entertainer's Name]", "[Describe the", "[Insert", "[Your"),
    "placeholder_url": ("INSERT_SOURCE_URL", "PASTE_SPOTIFY"),
    "placeholder_date": ("2025-XX-XX", "2022-11-XX"),
    "placeholder_comment": ("Add if available with citation",),
    "deliverable": ("Here's a template for your",),
}
KINDS = {".pdf": "application/pdf", ".svg": "application/xml"}
IMAGES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = options.parse_args()
    found = {"traces": traces(), "false_alarms": false_alarms(), "models": models(), "signed": signed()}
    _print(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def traces() -> list[dict[str, Any]]:
    """Recall per class: said in human text, and shown in a quotation or in code."""
    page = (SHARED / "wiki_signs_of_ai" / "wikipedia-sign-ai-writing.md").read_text("utf-8")
    examples = list(_examples(page))
    rows = []
    for code, strings in LITERALS.items():
        held = [text for text in examples if any(string in text for string in strings)]
        said = sum(code in _codes(f"{HUMAN}\n\n{text}\n\n{HUMAN}") for text in held)
        shown = [_in_quotation(text) for text in held] + [f"```\n{text}\n```" for text in held]
        rows.append(
            {
                "class": code,
                "examples": len(held),
                "found": said,
                "shown": len(shown),
                "found_when_shown": sum(code in _codes(f"{HUMAN}\n\n{text}\n\n{HUMAN}") for text in shown),
            }
        )
    origin, passages = verdict(ResidueDetector().detect(_blob(b"", "a.md"), _document(page)))
    whole = {"class": "the page itself", "kind": origin.kind.value, "passages": len(passages)}
    return [*rows, whole]


def _examples(page: str) -> Iterator[str]:
    """Yields the page's quoted examples, with the escapes of its Markdown taken away."""
    lines: list[str] = []
    for line in (*page.splitlines(), ""):
        if line.startswith(">"):
            lines.append(line[1:].removeprefix(" ").replace("\\", ""))
        elif lines:
            yield "\n".join(lines)
            lines.clear()
    # What the page shows in running text only, as code; and the same where the private characters were lost in copying.
    marks = [mark for line in page.splitlines() for mark in line.split("`")[1::2] if "\ue200" in mark]
    yield from marks
    yield from ("".join(char for char in mark if not "\ue000" <= char <= "\uf8ff") for mark in marks)


def _in_quotation(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _codes(text: str) -> set[str]:
    return {finding.code for finding in ResidueDetector().detect(_blob(b"", "a.html"), _document(text, "text/html"))}


def false_alarms() -> list[dict[str, Any]]:
    """Documents that people wrote, and how many of them get a verdict."""
    counts: Counter[str] = Counter()
    flagged: defaultdict[str, list[str]] = defaultdict(list)
    times: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for corpus, name, data, path in _human():
        blob = _blob(data, path)
        try:
            document = parse(blob)
        except ParseError:
            continue
        counts[corpus] += 1
        findings = []
        for detector in DETECTORS:
            spent, made = _timed(detector, blob, document)
            times[corpus][detector.name].append(spent)
            findings += made
        origin, passages = verdict(findings)
        if origin.kind is not OriginKind.UNKNOWN or passages:
            flagged[corpus].append(name)
    return [_alarm_row(corpus, counts[corpus], flagged[corpus], times[corpus]) for corpus in counts]


def _alarm_row(corpus: str, count: int, names: list[str], times: Mapping[str, list[float]]) -> dict[str, Any]:
    interval = binomtest(len(names), count).proportion_ci(confidence_level=0.95, method="exact")
    return {
        "corpus": corpus,
        "documents": count,
        "flagged": len(names),
        "interval": [float(interval.low), float(interval.high)],
        "names": names[:10],
        "median_ms": {name: 1000 * median(spent) for name, spent in times.items()},
    }


def _timed(detector: Any, blob: RawBlob, document: ParsedDocument) -> tuple[float, list[Any]]:
    spent = []
    for _ in range(3):
        start = time.process_time_ns()
        made = detector.detect(blob, document)
        spent.append((time.process_time_ns() - start) / 1e9)
    return min(spent), list(made)


def _human() -> Iterator[tuple[str, str, bytes, str]]:
    """Yields (corpus, name, bytes, path) of documents that people wrote."""
    for record in _records(SHARED / "docs_python_311_313" / "sources.jsonl.gz"):
        later = "" if str(record["version"]).startswith("3.11") else ", after ChatGPT"
        yield f"docs_python {record['version']}{later}", record["path"], record["rst"].encode(), "a.rst"
    for record in _records(SHARED / "docs_git_versions" / "prometheus_docs.jsonl.gz"):
        later = ", after ChatGPT" if record["rev"] > "2022-11-30" else ""
        yield f"docs_git {record['rev'][:4]}{later}", record["path"], (record["text"] or "").encode(), "a.md"
    for record in _records(SHARED / "wiki_versions" / "wiki_versions.jsonl.gz"):
        name = f"{record['article']} {record['version']}"
        yield "wiki_versions, before 2021", name, record["text"].encode(), "a.txt"
    for path in sorted((SHARED / "chunking_eval" / "corpora").glob("*.md")):
        if path.stem != "chatlogs":  # conversations with chatbots: no human text
            text = path.read_text("utf-8", "replace")
            for number in range(0, len(text), 10_000):
                yield "chunking_eval, by 10,000 characters", path.name, text[number : number + 10_000].encode(), "a.md"
    with tarfile.open(SHARED / "html_readability" / "files.tar.xz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith("source.html") and (opened := archive.extractfile(member)):
                yield "html_readability", member.name, opened.read(), "a.html"


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def models() -> list[dict[str, Any]]:
    """What models wrote, as it was served, with nothing declared: how much of it carries a trace at all."""
    counts: Counter[str] = Counter()
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, text in _served():
        counts[name] += 1
        origin, passages = verdict(ResidueDetector().detect(_blob(b"", "a.txt"), _document(text, "text/plain")))
        state = "passage" if passages else "suspected" if origin.kind is not OriginKind.UNKNOWN else "none"
        found[name][state] += 1
    return [{"corpus": name, "answers": counts[name], **dict(found[name])} for name in sorted(counts)]


def _served() -> Iterator[tuple[str, str]]:
    for path in sorted((SHARED / "expertqa").glob("*.jsonl.gz")):
        for record in _records(path):
            for system, answer in record["answers"].items():
                yield f"expertqa {system}", answer["answer_string"]
    for path in sorted((SHARED / "factscore_bios").glob("*.jsonl.gz")):
        yield from ((f"factscore_bios {path.name.partition('.')[0]}", item["output"]) for item in _records(path))
    for record in _records(SHARED / "ragchecker_meta" / "human_labeled.jsonl.gz"):
        yield from (("ragchecker_meta", record[name]["response"]) for name in ("model1", "model2"))
    for record in _records(SHARED / "glimpse" / "glimpse_pairs.jsonl.gz"):
        yield f"glimpse {record['model']}", record["ai"]


def signed() -> list[dict[str, Any]]:
    """The states of real files, by kind: PDF and SVG through the detector, images through the library alone."""
    states: defaultdict[str, Counter[str]] = defaultdict(Counter)
    times: defaultdict[str, list[float]] = defaultdict(list)
    with tarfile.open(SHARED / "c2pa_fixtures" / "files.tar.xz") as archive:
        for member in archive:
            suffix = Path(member.name).suffix
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is None or suffix not in {*KINDS, *IMAGES}:
                continue
            data = opened.read()
            start = time.process_time_ns()
            state = _state(data, suffix)
            times[suffix].append((time.process_time_ns() - start) / 1e6)
            states[suffix][state] += 1
    return [
        {"kind": kind, "files": sum(found.values()), "states": dict(sorted(found.items())), "ms": median(times[kind])}
        for kind, found in sorted(states.items())
    ]


def _state(data: bytes, suffix: str) -> str:
    if suffix in IMAGES:
        return verify(data, IMAGES[suffix], Carrier(way=Way.PDF)).state.value
    found = C2paDetector().detect(_blob(data, f"a{suffix}"), _document("", KINDS[suffix]))
    return str(found[0].detail["state"]) if found else "absent"


def _blob(data: bytes, path: str) -> RawBlob:
    ref = SourceRef(doc_id="a", uri="file:///a", path=path, size=len(data), modified_at=None)
    return RawBlob(ref=ref, data=data, sha256="")


def _document(text: str, media_type: str = "text/markdown") -> ParsedDocument:
    return ParsedDocument(text=text, blocks=(), title="", media_type=media_type, metadata={}, parser="benchmark/1")


def _print(found: Mapping[str, list[dict[str, Any]]]) -> None:
    print(f"{'class of trace':<28}{'examples':>10}{'found':>8}{'shown':>8}{'found when shown':>18}")
    for row in found["traces"][:-1]:
        print(f"{row['class']:<28}{row['examples']:>10}{row['found']:>8}{row['shown']:>8}{row['found_when_shown']:>18}")
    page = found["traces"][-1]
    print(f"the catalogue itself, as a document: {page['kind']}, {page['passages']} passages\n")
    print(
        f"{'human text':<38}{'documents':>10}{'flagged':>9}  {'95 % interval':<18}c2pa, declared, residue (median ms)"
    )
    for row in found["false_alarms"]:
        low, high = row["interval"]
        cost = ", ".join(f"{value:.2f}" for value in row["median_ms"].values())
        print(f"{row['corpus']:<38}{row['documents']:>10}{row['flagged']:>9}  {low:.2%} to {high:.2%}   {cost}")
    print(f"\n{'what models wrote':<38}{'answers':>10}{'passage':>9}{'suspected':>11}{'no trace':>10}")
    for row in found["models"]:
        cells = [row.get(name, 0) for name in ("passage", "suspected", "none")]
        print(f"{row['corpus']:<38}{row['answers']:>10}{cells[0]:>9}{cells[1]:>11}{cells[2]:>10}")
    print(f"\n{'signed files':<14}{'files':>6}  states (median ms)")
    for row in found["signed"]:
        states = ", ".join(f"{count} {state}" for state, count in row["states"].items())
        print(f"{row['kind']:<14}{row['files']:>6}  {states} ({row['ms']:.1f})")


if __name__ == "__main__":
    main()
