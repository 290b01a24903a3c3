"""Names of programs that write text, as they stand in fields that name a program or an author.

Product names that are also people's names count only with maker, model or version. Collected in 2026.
"""

from __future__ import annotations

import re

NAMED = re.compile(
    r"\bchat-?gpt\b|\bgpt-?(?:3\.5|4o?|5)\b|\bopenai\b|\banthropic\b|\bclaude[ -](?:\d|opus|sonnet|haiku|ai\b|code\b)"
    r"|\bgoogle (?:gemini|bard)\b|\bgemini[ -](?:\d|pro\b|flash\b|ultra\b|advanced\b)|\bnotebooklm\b"
    r"|\b(?:microsoft|github|365) copilot\b|\bcopilot for microsoft 365\b|\bperplexity(?:\.ai| ai)\b|\bdeepseek\b"
    r"|\bmistral ai\b|\bmistral[ -](?:large|medium|small)\b|\bgrok[ -]?\d\b|\bllama[ -]?\d|\bqwen[ -]?\d"
    r"|\bcommand[ -]r\b|\bjasper(?:\.ai| ai)\b|\bcopy\.ai\b|\bwritesonic\b|\bgamma\.app\b|\bmeta ai\b",
    re.IGNORECASE,
)
"""What a field that names a program says when the program writes text."""

AS_AUTHOR = re.compile(
    r"(?:open ?ai(?:'s)? )?chat-?gpt(?: ?(?:plus|pro|\d[\w.]{0,8}))?|(?:open ?ai )?gpt-?(?:3\.5|4o?|5)(?:[ -]\w{1,12})?"
    r"|(?:anthropic )?claude (?:ai|\d[\w.]{0,8}|opus|sonnet|haiku)(?: [\w.]{1,8})?|google (?:gemini|bard)"
    r"|gemini (?:ai|pro|ultra|flash|\d[\w.]{0,8})|(?:microsoft|github) copilot|perplexity ai|deepseek(?:[ -]\w{1,8})?"
    r"|grok[ -]?\d{1,2}|artificial intelligence|an? ai(?: (?:language )?model)?|ai[- ]generated|large language model",
    re.IGNORECASE,
)
"""What a field that names an author says when the author is a program, and nothing else."""
