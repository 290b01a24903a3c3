"""The forms of a report: each is valid of its kind whatever documents are called, and shows what there is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tinycss2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped
from lxml import etree
from markdown_it import MarkdownIt

import console.reports.page
from console.cli.render import plain
from console.reports.junit import junit
from console.reports.markdown import markdown
from console.reports.page import page
from console.reports.shown import LISTED, ordered, plots, state_of
from contracts.drift.measure import profile_of
from contracts.drift.profile import COLUMNS, Baseline, Profile
from contracts.drift.rule import completed
from contracts.facts import BatchFacts
from contracts.model import CheckSpec, Threshold, Verdict
from contracts.report import ContractReport, RuleResult
from corpus.batches import DOCUMENTS
from corpus.types import OnFail, OriginKind, Severity
from ingestion.reports import document

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
SCHEMA = pa.schema([DOCUMENTS.field(name).with_nullable(True) for name in COLUMNS])
CSS = Path(console.reports.page.__file__).parent / "templates" / "report.css"
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "]]><a/>",
    'a" onmouseover="alert(1)',
    "a|b`c``d|",
    "null\x00 bell\x07 escape\x1b[31m",
    "right\u202eto left\u2066",
    "{{ 7 * 7 }}{% raw %}",
    "[x](javascript:alert(1)) ![y](http://evil.example/z.png)",
    "line\nbreak\r\n\r\n# heading",
    "&lt;b&gt; &amp; \ufffe",
    "`",
    "\\|",
)


def profiled(languages: dict[str, int], field: str = "author") -> Profile:
    rows = [
        {"doc_id": "a", "text": "word " * 30, "language": name, "updated_at": NOW, "metadata": json.dumps({field: "x"})}
        for name, count in languages.items()
        for _ in range(count)
    ]
    return profile_of([pa.RecordBatch.from_pylist(rows, schema=SCHEMA)], now=NOW)


def result(name: str, verdict: Verdict, failing: tuple[str, ...] = (), **changes: Any) -> RuleResult:
    spec = CheckSpec(
        name=name,
        rule="pattern",
        engine="library",
        scope="row",
        field="text",
        severity=changes.pop("severity", Severity.ERROR),
        on_fail=OnFail.QUARANTINE,
        owner=changes.pop("owner", "docs-team"),
        dimension="validity",
    )
    words = {"expected": "a match", "actual": f"{len(failing)} documents"} | changes
    return RuleResult(spec=spec, failing=failing, verdict=verdict, **words)


def drifting() -> RuleResult:
    spec = CheckSpec(
        name="language-drift",
        rule="drift",
        engine="stemma",
        scope="batch",
        field="language",
        threshold=Threshold(op="mustBeLessThan", value=0.25),
        arguments={"column": "language", "statistic": "psi"},
    )
    return RuleResult(spec=spec, expected="", actual="", failing=(), verdict=Verdict.PASS)


def made(*results: RuleResult, baseline: Profile | None = None, contract: str = "handbook") -> dict[str, Any]:
    report = ContractReport(
        contract=contract, version="1.2.0", digest="d" * 64, enforcement="block", documents=60, results=results
    )
    facts = BatchFacts(
        documents=60,
        profile=profiled({"en": 40, "de": 20}),
        baseline=Baseline(profile=baseline, run_id="run-1", accepted_at=NOW - timedelta(days=3)) if baseline else None,
    )
    value: dict[str, Any] = json.loads(json.dumps(document(completed(report, facts), "run-2", NOW)))
    return value


@pytest.fixture
def hostile() -> dict[str, Any]:
    return made(
        *(result(f"rule {index} {text}", Verdict.FAIL, HOSTILE, actual=text) for index, text in enumerate(HOSTILE)),
        result("fine", Verdict.PASS),
        drifting(),
        baseline=profiled({"en": 30, HOSTILE[0]: 30}, field=HOSTILE[1]),
    )


def tree(text: str) -> Any:
    """The page as strict XML, which it is written to be as well: every element is closed."""
    return etree.fromstring(text.encode("utf-8"), etree.XMLParser(resolve_entities=False, recover=False))


def texts(root: Any, path: str) -> list[str]:
    return ["".join(found.itertext()) for found in root.xpath(path)]


def test_a_page_shows_hostile_names_as_text_and_holds_nothing_that_runs_or_loads(hostile: dict[str, Any]) -> None:
    text = page(hostile)
    root = tree(text)
    shown = texts(root, "//details//li")
    for name in HOSTILE:
        assert shown.count(plain(name, lines=True)) == len(HOSTILE)
    assert "49" not in texts(root, "//tbody/tr/td[5]")
    assert {found.tag for found in root.iter() if isinstance(found.tag, str)}.isdisjoint(
        {"script", "img", "iframe", "link", "object", "a", "form"}
    )
    for found in root.iter():
        assert not [name for name in found.attrib if name.startswith("on") or name in ("src", "href", "style")]
    assert "default-src 'none'" in root.xpath("string(//meta[@http-equiv]/@content)")
    style = root.xpath("string(//style)")
    assert "url(" not in style
    assert "@import" not in style
    assert re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", text) is None


def test_a_page_can_be_read_without_seeing_it(hostile: dict[str, Any]) -> None:
    root = tree(page(hostile))
    assert root.get("lang") == "en"
    assert len(root.xpath("//h1")) == len(root.xpath("//main")) == 1
    levels = [int(found.tag[1]) for found in root.iter("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert root.xpath("//table[not(caption)] | //th[not(@scope)]") == []
    named = set(root.xpath("//@id"))
    assert len(named) == len(root.xpath("//@id"))
    assert set(root.xpath("//@aria-labelledby")) <= named
    pictures = root.xpath("//svg")
    assert pictures
    assert all(found.get("role") == "img" and found.xpath("string(title)") for found in pictures)


def _colours(scheme: str) -> dict[str, str]:
    """The custom properties of one colour scheme, as the style sheet's parser reads them."""
    rules = tinycss2.parse_stylesheet(CSS.read_text("utf-8"), skip_comments=True, skip_whitespace=True)
    found: dict[str, str] = {}
    for rule in rules:
        inner = [rule] if rule.type == "qualified-rule" else []
        if rule.type == "at-rule" and scheme in tinycss2.serialize(rule.prelude):
            inner = tinycss2.parse_blocks_contents(rule.content)
        for block in (item for item in inner if item.type == "qualified-rule"):
            if tinycss2.serialize(block.prelude).strip() == ":root":
                declared = tinycss2.parse_blocks_contents(block.content)
                found |= {
                    item.name: tinycss2.serialize(item.value).strip() for item in declared if item.type == "declaration"
                }
    return found


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: str, second: str) -> float:
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_have_the_contrast_that_wcag_asks(scheme: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for the bars that must be told from the panel (1.4.11)."""
    colours = _colours("@light" if scheme == "light" else scheme)
    for name in ("text", "quiet", "block", "fail", "warn", "pass", "other"):
        for ground in ("page", "panel"):
            assert _contrast(colours[f"--{name}"], colours[f"--{ground}"]) >= 4.5, (name, ground)
    assert _contrast(colours["--now"], colours["--panel"]) >= 3
    assert _contrast(colours["--before"], colours["--panel"]) >= 3


def test_the_style_sheet_is_valid() -> None:
    rules = tinycss2.parse_stylesheet(CSS.read_text("utf-8"))
    assert [rule for rule in rules if rule.type == "error"] == []
    assert any(rule.type == "at-rule" and rule.lower_at_keyword == "media" for rule in rules)


def test_bars_are_as_long_as_the_shares_they_show() -> None:
    report = made(drifting(), baseline=profiled({"en": 30, "fr": 30}))
    [picture] = [found for found in tree(page(report)).xpath("//svg") if "language" in found.xpath("string(title)")]
    now, before = (
        [float(bar.get("width")) for bar in picture.xpath(f"rect[@class='{name}']")] for name in ("now", "before")
    )
    labels = [text.text for text in picture.xpath("text[@x='0']")]
    assert dict(zip(labels, zip(now, before, strict=True), strict=True)) == {
        "en": (100.0, 75.0),
        "fr": (0.0, 75.0),
        "any other": (50.0, 0.0),
    }
    assert "fr 0.0 % (50.0 % before)" in picture.xpath("string(title)")


def test_columns_are_marked_by_the_convention_for_psi() -> None:
    levels = {plot.column: plot.level for plot in plots(made(drifting(), baseline=profiled({"en": 30, "fr": 30})))}
    assert levels["language"] == "change"
    assert {plot.level for plot in plots(made(drifting()))} == {""}


def test_rules_stand_worst_first() -> None:
    report = made(
        result("a", Verdict.PASS),
        result("b", Verdict.WARN, ("x",), severity=Severity.WARNING),
        result("c", Verdict.FAIL, ("x",)),
        result("d", Verdict.WARN, ("x",)),
        result("e", Verdict.BLOCK, ("x",)),
    )
    assert [rule["name"] for rule in ordered(report["rules"])] == ["e", "c", "d", "b", "a"]
    assert [text[:1] for text in texts(tree(page(report)), "//tbody/tr/th")][:5] == ["e", "c", "d", "b", "a"]


def test_junit_has_a_suite_per_contract_and_a_case_per_rule(hostile: dict[str, Any]) -> None:
    text = junit(hostile)
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?>")
    parsed = JUnitXml.fromstring(text.encode("utf-8"))
    [suite] = list(parsed)
    assert (suite.name, suite.tests, suite.failures, suite.errors) == ("handbook", len(HOSTILE) + 2, len(HOSTILE), 0)
    assert (parsed.tests, parsed.failures) == (suite.tests, suite.failures)
    cases = {case.name: case for case in suite}
    for index, name in enumerate(HOSTILE):
        case = cases[plain(f"rule {index} {name}", lines=True)]
        [failure] = case.result
        assert isinstance(failure, Failure)
        assert failure.type == "fail"
        assert plain(name, lines=True) in failure.message
        assert failure.text == "\n".join(plain(other, lines=True) for other in HOSTILE)
    assert cases["fine"].result == []
    properties = {item.name: item.value for item in suite.properties()}
    assert properties["run_id"] == "run-2"


def test_terms_are_short_and_what_is_kept_was_not_found_wanting() -> None:
    kept = result("origin", Verdict.PASS, actual="kept by every document")
    report = made(kept, result("other", Verdict.FAIL, ("a.md",), actual=f"found {OriginKind.AI_GENERATED.value}"))
    for rule in report["rules"]:
        rule["expected"] = f"one of {OriginKind.HUMAN.value} and unknown"
    for form in (junit, page, markdown):
        text = form(report)
        assert "digitalCreation" in text
        assert "trainedAlgorithmicMedia" in text
        assert "newscodes" not in text
    assert "expected one of digitalCreation and unknown: kept by every document" in junit(report)
    assert "found kept" not in junit(report)


def test_junit_skips_what_was_not_judged_and_passes_a_warning_with_words() -> None:
    warned = result("old", Verdict.WARN, ("a.md",), actual="too old")
    [suite] = list(JUnitXml.fromstring(junit(made(drifting(), warned)).encode("utf-8")))
    cases = {case.name: case for case in suite}
    [skipped] = cases["language-drift"].result
    assert isinstance(skipped, Skipped)
    assert "no run was accepted before" in skipped.message
    assert cases["old"].result == []
    assert cases["old"].system_out.startswith("warning: expected a match, found too old")
    assert "a.md" in cases["old"].system_out
    assert (suite.skipped, suite.failures) == (1, 0)


def _rendered(text: str) -> Any:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    return etree.fromstring(f"<body>{html.replace('<br>', '<br/>')}</body>", etree.XMLParser(recover=False))


def test_markdown_keeps_its_table_and_shows_hostile_names_as_text(hostile: dict[str, Any]) -> None:
    root = _rendered(markdown(hostile))
    rows = root.xpath("//table[1]/tbody/tr")
    assert len(rows) == len(HOSTILE) + 2
    assert {len(row.xpath("td")) for row in rows} == {8}
    assert {len(row.xpath("td")) for row in root.xpath("//table[2]/tbody/tr")} <= {3}
    assert root.xpath("//script | //img | //a") == []
    shown = texts(root, "//li/code")
    for name in HOSTILE:
        assert shown.count(plain(name)) == len(HOSTILE)
    found = texts(root, "//table[1]/tbody/tr/td[5]")
    assert {plain(name) for name in HOSTILE} <= {text.strip() for text in found}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_every_form_is_valid_whatever_a_document_is_called(name: str) -> None:
    report = made(result("r", Verdict.FAIL, (name,), actual=name, expected=name, owner=name))
    assert plain(name, lines=True) in texts(tree(page(report)), "//details//li")
    [suite] = list(JUnitXml.fromstring(junit(report).encode("utf-8")))
    assert suite.failures == 1
    [row] = _rendered(markdown(report)).xpath("//table[1]/tbody/tr")
    assert len(row.xpath("td")) == 8


def test_a_report_of_an_older_build_is_shown_without_what_it_does_not_have() -> None:
    report = made(result("a", Verdict.FAIL, ("x.md",)))
    for name in ("notices", "profile", "baseline", "drift", "run_id", "judged_at"):
        del report[name]
    for rule in report["rules"]:
        del rule["judged"]
    assert plots(report) == ()
    assert state_of(report["rules"][0]) == "fail"
    assert texts(tree(page(report)), "//svg") == []
    assert "x.md" in markdown(report)
    assert JUnitXml.fromstring(junit(report).encode("utf-8")).failures == 1


def test_a_contract_without_rules_has_a_report_too() -> None:
    report = made()
    assert "The contract has no rule." in page(report)
    assert tree(page(report)) is not None
    assert "no rules over 60 documents" in markdown(report)
    assert JUnitXml.fromstring(junit(report).encode("utf-8")).tests == 0


def test_long_lists_are_cut_and_say_how_many_are_left() -> None:
    names = tuple(f"doc-{number:04d}.md" for number in range(LISTED + 50))
    report = made(result("a", Verdict.FAIL, names))
    assert "and 50 more" in page(report)
    assert "and 50 more" in markdown(report)
    assert "and 50 more" in junit(report)
    assert len(report["rules"][0]["failing"]) == LISTED + 50


def test_addresses_and_names_of_people_in_a_document_are_dead_in_markdown() -> None:
    live = "see https://evil.example/?q=1 and www.evil.example @everyone #12"
    report = made(result("r", Verdict.FAIL, (live,), actual=live, expected=live, owner=live))
    root = _rendered(markdown({**report, "notices": [live]}))
    outside = [text for text in root.xpath("//text()[not(ancestor::code)]") if "evil" in text or "@" in text]
    assert outside == []
    assert len([text for text in texts(root, "//code") if "evil.example" in text]) >= 4
