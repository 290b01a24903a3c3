"""Keeps `unstructured` off the network, and gives it a sentence and tag model that needs no download.

It wants spaCy's en_core_web_sm, which no package registry has, and would fetch it at the first document. It
asks that model two things only: where sentences end, and whether a word is a verb (to tell a title from
running text). Where the model is not installed, rules answer both.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_MODEL = "en_core_web_sm"
_RULES = "rules/1"
_COMPONENT = "stemma_rule_tagger"
_VERB_WORDS = (
    "am are be been being is was were do does did has have had can could may might must shall should will would "
    "get gets give gives go goes keep keeps know knows let lets make makes need needs provide provides run runs say "
    "says see sees take takes use uses want wants work works contain contains describe describes"
)
_VERBS = frozenset(_VERB_WORDS.split())
_ENDINGS = (("ing", "VBG"), ("ized", "VBN"), ("ed", "VBD"), ("ize", "VB"))


def model_name() -> str:
    """Returns which model runs, with its version; imports nothing heavy."""
    try:
        return f"{_MODEL}/{version(_MODEL.replace('_', '-'))}"
    except PackageNotFoundError:
        return _RULES


@functools.cache
def prepare() -> None:
    """Switches telemetry off and replaces the model loader; call before `unstructured` is used."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["SCARF_NO_ANALYTICS"] = "1"
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    from unstructured.nlp import tokenize  # noqa: PLC0415 - it reads the environment when imported

    tokenize._load_spacy_model = _load


def _load() -> Any:
    import spacy  # noqa: PLC0415 - two seconds, for office formats only

    if importlib.util.find_spec(_MODEL):
        return spacy.load(_MODEL, exclude=["ner", "lemmatizer", "attribute_ruler"])
    if not spacy.Language.has_factory(_COMPONENT):
        spacy.Language.component(_COMPONENT, func=_tag)
    model = spacy.blank("en")
    model.add_pipe("sentencizer")
    model.add_pipe(_COMPONENT)
    return model


def _tag(document: Any) -> Any:
    for token in document:
        token.tag_ = tag_of(token.text)
    return document


def tag_of(word: str) -> str:
    """Returns a Penn Treebank tag by rule: a verb's by list or ending, else `NN`."""
    low = word.lower()
    if low in _VERBS:
        return "VB"
    return next((tag for ending, tag in _ENDINGS if low.endswith(ending) and len(low) > len(ending) + 2), "NN")
