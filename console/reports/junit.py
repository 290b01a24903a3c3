"""A report as JUnit XML: what build servers show as tests.

One suite per contract, one case per rule. `fail` and `block` are failures with the documents that break
the rule; a warning passes and says so in its output; what could not be judged is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from console.reports.shown import FAILED, LISTED, safe, what_of

Json = Mapping[str, Any]

_PROPERTIES = ("run_id", "version", "digest", "enforcement", "documents", "verdict")


def junit(report: Json) -> str:
    """Returns a report as a JUnit XML document, declared and encoded as UTF-8."""
    suite = TestSuite(safe(report["contract"]))
    suite.timestamp = _timestamp(report.get("judged_at"))
    suite.hostname = "localhost"
    for name in _PROPERTIES:
        suite.add_property(name, safe(report.get(name)))
    suite.add_testcases([_case(report, rule) for rule in report["rules"]])
    document = JUnitXml("stemma")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    out = BytesIO()
    document.write(out)
    return out.getvalue().decode("utf-8") + "\n"


def _case(report: Json, rule: Json) -> TestCase:
    case = TestCase(safe(rule["name"]), classname=f"{safe(report['contract'])}.{safe(rule['rule'])}", time=0.0)
    found = rule["verdict"] in FAILED or rule["verdict"] == "warn"
    said = f"expected {safe(rule['expected'])}{', found' if found else ':'} {safe(rule['actual'])}"
    if rule["verdict"] in FAILED:
        failure = Failure(said, type_=safe(rule["verdict"]))
        failure.text = _documents(rule) or said
        case.result = [failure]
    elif not rule.get("judged", True):
        case.result = [Skipped(safe(rule["actual"]))]
    word = "warning: " if rule["verdict"] == "warn" else ""
    case.system_out = "\n".join((f"{word}{said}", _about(rule), *([_documents(rule)] if rule["failing"] else [])))
    return case


def _about(rule: Json) -> str:
    facts = {
        "looks at": what_of(rule),
        "severity": rule["severity"],
        "on failure": rule["on_fail"],
        "dimension": rule["dimension"],
        "owner": rule["owner"],
    }
    return "; ".join(f"{name} {safe(value)}" for name, value in facts.items() if value)


def _documents(rule: Json) -> str:
    more = rule["failing_count"] - LISTED
    lines = [safe(doc_id) for doc_id in rule["failing"][:LISTED]]
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def _timestamp(judged_at: str | None) -> str:
    moment = datetime.fromisoformat(judged_at) if judged_at else datetime.fromtimestamp(0, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
