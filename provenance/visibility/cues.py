"""Whether a hidden text sounds as if it told a reader or a machine what to do.

A wider cue than that for visible text, used only on text that nobody sees: it decides whether a hidden
passage that did not reach the extracted text, or that is usual in its place, is worth a finding.
"""

from __future__ import annotations

import re

from provenance.instructions import THRESHOLD, cues, is_instruction
from provenance.visibility.passage import is_prose

_NEAR = r"[^.!?\n]"
_MACHINE = (
    r"(?:\bA\.?I\.?\b|\bLLMs?\b|\blanguage models?\b|\bassistants?\b|\bchat-?\s?bots?\b|\b(?:chat-?)?gpt\b|\bcopilot\b"
    r"|\bgemini\b|\bclaude\b|\bautomated (?:readers?|reviewers?|systems?|screening)\b)"
)
_DUTY = r"(?:\b(?:must|should|shall|please|always|never|do not|don.t|required to)\b|\binstruct\w*)"
_ACTS = r"(?:answer|respond|reply|summari[sz]|quot|translat|recommend|rank|rat|evaluat|review|cit|mention|describ)\w*"
_SAYS = (
    r"(?:say|state|tell|mention|include|recommend|reply|respond|answer|write|add|note|cite|report|claim|insist|append|"
    r"conclude|direct|refer|use|give|output|treat|prefer|begin|end|start|always|never|must|should|do not)"
)
_OLDER = r"\b(?:previous|prior|above|earlier|preceding|all|any|other)\b"
_ORDERS = r"\b(?:instructions?|prompts?|rules?|guidelines?|messages?|context|sources?|documents?|directions?)\b"
_PEOPLE = r"\b(?:users?|readers?|customers?|clients?|applicants?|recruiters?)\b"
_SECRETS = r"\b(?:conversation|system message|prompts?|secrets?|api keys?|chat history|your instructions)\b"
_PATTERNS = (
    rf"{_MACHINE}{_NEAR}{{0,80}}{_DUTY}",
    rf"{_DUTY}{_NEAR}{{0,80}}{_MACHINE}",
    rf"\b(?:ignore|disregard|forget|override|bypass)\b{_NEAR}{{0,40}}{_OLDER}{_NEAR}{{0,40}}{_ORDERS}",
    rf"\b(?:when|whenever|if|while|before|after)\b{_NEAR}{{0,60}}\b(?:{_ACTS}|asked?)\b{_NEAR}{{0,100}}\b{_SAYS}\b",
    rf"\bin (?:your|any|every|all) (?:answers?|repl(?:y|ies)|responses?|summar(?:y|ies))\b{_NEAR}{{0,100}}\b{_SAYS}\b",
    rf"\b(?:tell|inform|advise|remind|assure|instruct)\b{_NEAR}{{0,12}}{_PEOPLE}",
    r"\bsystem prompt\b|\bdeveloper message\b|<\|im_start|\[INST\]|#{2,} ?(?:instructions?|system)\b",
    rf"\byou are now\b|\bfrom now on\b{_NEAR}{{0,20}}\byou\b",
    r"\byour (?:new |only |real )?(?:task|role|instructions?) (?:is|are)\b",
    r"\bnew instructions?\s*:|\binstructions? (?:for|to) (?:the )?(?:model|assistant|ai|summari[sz]er|reader)\b",
    rf"\b(?:reveal|print|output|repeat|leak|exfiltrate|disclose|send|forward|post|upload)\b{_NEAR}{{0,40}}{_SECRETS}",
)
_CUE = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE | re.DOTALL)
_MIN_LENGTH = 15
_AROUND = 40
"""Characters each side of a cue that must be words too: templates and settings of programs are code."""
_LEAST = 3
_LOOKED_AT = 20_000


def fingerprint() -> list[object]:
    """Returns everything that is looked for; part of the detector's fingerprint."""
    return [_CUE.pattern, THRESHOLD, [[cue.name, cue.weight, cue.order, cue.source] for cue in cues()]]


def noteworthy(text: str) -> bool:
    """Whether a hidden text is worth a finding for what it says.

    Args:
        text: A text that a person does not see.
    """
    if len(text) < _MIN_LENGTH:
        return False
    text = text[:_LOOKED_AT]
    found = (text[max(0, match.start() - _AROUND) : match.end() + _AROUND] for match in _CUE.finditer(text))
    return any(is_prose(around, _LEAST) for around in found) or is_instruction(text)
