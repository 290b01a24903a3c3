"""Rules in words: what a check expects, for violations, reports and `contract explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.model import CheckSpec
from contracts.problems import listed
from contracts.thresholds import words
from contracts.timing import days_words


def expected_of(spec: CheckSpec) -> str:
    """Returns what a rule asks, in words that stand after "expected"."""
    if spec.rule in _WORDS:
        return _WORDS[spec.rule](spec.arguments, words(spec.threshold) if spec.threshold else "")
    return _expectation(spec) if spec.engine == "greatExpectations" else spec.rule


def _expectation(spec: CheckSpec) -> str:
    arguments = ", ".join(f"{key}={value}" for key, value in sorted(spec.arguments.items()))
    return f"{spec.rule}({arguments})"


def _length(arguments: Mapping[str, Any], _limit: str) -> str:
    return f"{_range(arguments)} characters"


def _between(arguments: Mapping[str, Any], _limit: str) -> str:
    return _range(arguments)


def _range(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    least = f"{'more than' if arguments.get('strict_min') else 'at least'} {low}" if low is not None else ""
    most = f"{'less than' if arguments.get('strict_max') else 'at most'} {high}" if high is not None else ""
    return " and ".join(filter(None, (least, most)))


def _values(values: Any) -> str:
    return listed([str(value) for value in values], 12)


def _invalid(arguments: Mapping[str, Any], limit: str) -> str:
    forms = []
    if "validValues" in arguments:
        forms.append(f"one of {_values(arguments['validValues'])}")
    if "pattern" in arguments:
        forms.append(f"a match of {arguments['pattern']}")
    return f"{' and '.join(forms)} ({limit} invalid)"


def _governance(arguments: Mapping[str, Any], _limit: str) -> str:
    age = f"; validated at most {days_words(arguments['maxAge'])} ago" if "maxAge" in arguments else ""
    return f"{listed(arguments['fields'])} known{age}"


def _share(arguments: Mapping[str, Any], limit: str) -> str:
    unit = "chunks" if arguments.get("measure") == "share_of_accepted_chunks" else "documents"
    return f"AI-generated share of {unit} {limit}"


def _volume(arguments: Mapping[str, Any], limit: str) -> str:
    ratio = arguments.get("measure") == "ratio_to_previous"
    return f"{limit} times the documents of the last run" if ratio else f"{limit} documents"


_WORDS: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "required": lambda _a, _t: "a value",
    "unique": lambda _a, _t: "no value twice",
    "pattern": lambda a, _t: f"a match of {a['regex']}",
    "length": _length,
    "range": _between,
    "enum": lambda a, _t: f"one of {_values(a['value_set'])}",
    "nullValues": lambda _a, t: f"a value ({t} null)",
    "missingValues": lambda a, t: f"none of {_values(a['missingValues'])} ({t} missing)",
    "invalidValues": _invalid,
    "duplicateValues": lambda _a, t: f"no value twice ({t} duplicated)",
    "rowCount": lambda _a, t: f"{t} documents",
    "quality_score": lambda _a, t: f"a quality score of {t}",
    "freshness": lambda a, _t: f"changed at most {days_words(a['maxAge'])} ago",
    "language": lambda a, _t: f"one of {_values(a['allowed'])}",
    "governance_fields": _governance,
    "sensitivity": lambda a, _t: f"one of {_values(a['allowed'])}",
    "self_ingestion": lambda _a, t: f"{t} of the text from served answers",
    "generation_depth": lambda _a, t: f"a generation depth of {t}",
    "ai_generated_share": _share,
    "volume": _volume,
}
