"""Rules in words: what a check expects, for violations, reports and `contract explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.drift.rule import expected_words
from contracts.model import CheckSpec
from contracts.text.problems import listed
from contracts.text.thresholds import words
from contracts.text.timing import days_words

_MOST_QUERY = 160


def expected_of(spec: CheckSpec) -> str:
    """Returns what a rule asks, in words that stand after "expected"."""
    if spec.rule in _WORDS:
        unit = " %" if spec.arguments.get("unit") == "percent" else ""
        return _WORDS[spec.rule](spec.arguments, f"{words(spec.threshold)}{unit}" if spec.threshold else "")
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


def _format(arguments: Mapping[str, Any], _limit: str) -> str:
    if "pattern" in arguments:
        return f"a date in the format {arguments['pattern']}"
    return f"the format {arguments['name']}"


def _counts(least: str, most: str, what: str, arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get(least, 0), arguments.get(most)
    forms = [f"at least {low}" if low else "", f"at most {high}" if high is not None else ""]
    return f"{' and '.join(filter(None, forms)) or 'any number of'} {what}"


def _items(arguments: Mapping[str, Any], _limit: str) -> str:
    words_ = f"a list of {_counts('minItems', 'maxItems', 'entries', arguments)}"
    return words_ + (", none twice" if arguments.get("uniqueItems") else "")


def _keys(arguments: Mapping[str, Any], _limit: str) -> str:
    words_ = f"an object of {_counts('minProperties', 'maxProperties', 'keys', arguments)}"
    return words_ + (f", among them {_values(arguments['required'])}" if arguments.get("required") else "")


def _duplicates(arguments: Mapping[str, Any], limit: str) -> str:
    columns = arguments.get("properties", ())
    what = f"no combination of {listed(columns)} twice" if len(columns) > 1 else "no value twice"
    return f"{what} ({limit} duplicated)" if limit else what


def _reference(arguments: Mapping[str, Any], _limit: str) -> str:
    return f"{listed(arguments['from'])} is the {listed(arguments['to'])} of a document"


def _query(arguments: Mapping[str, Any], limit: str) -> str:
    query = " ".join(str(arguments["query"]).split())
    return f"{limit} from: {query if len(query) <= _MOST_QUERY else query[: _MOST_QUERY - 3] + '...'}"


def _hidden(arguments: Mapping[str, Any], _limit: str) -> str:
    names = arguments.get("techniques")
    return "no text hidden from readers" + (f" by {_values(names)}" if names else "")


def _orders(arguments: Mapping[str, Any], _limit: str) -> str:
    where = arguments.get("where", "anywhere")
    return f"no {'' if where == 'anywhere' else f'{where} '}text that gives orders to a language model"


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
    "duplicateValues": _duplicates,
    "multipleOf": lambda a, _t: f"a multiple of {a['step']}",
    "format": _format,
    "period": _between,
    "items": _items,
    "keys": _keys,
    "foreignKey": _reference,
    "sql": _query,
    "endOfSupport": lambda a, _t: f"support until {a['date']}",
    "endOfLife": lambda a, _t: f"in use until {a['date']}",
    "hidden_text": _hidden,
    "instruction_text": _orders,
    "near_duplicate": lambda _a, t: f"a similarity of {t} to every other document",
    "conflict": lambda _a, _t: "no sibling that says something else",
    "poisoning": lambda _a, t: f"{t} signs of poisoning",
    "drift": expected_words,
    "rowCount": lambda _a, t: f"{t} documents",
    "quality_score": lambda _a, t: f"a quality score of {t}",
    "freshness": lambda a, _t: f"changed at most {days_words(a['maxAge'])} ago",
    "language": lambda a, _t: f"one of {_values(a['allowed'])}",
    "governance_fields": _governance,
    "sensitivity": lambda a, _t: f"one of {_values(a['allowed'])}",
    "self_ingestion": lambda _a, t: f"{t} of the text from served answers",
    "paraphrase": lambda _a, t: f"{t or 'none'} of the text says in other words what a served answer said",
    "generation_depth": lambda _a, t: f"a generation depth of {t}",
    "ai_generated_share": _share,
    "volume": _volume,
}
