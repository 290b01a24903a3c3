"""Globs over paths: `**`, `*`, `?`, `[...]` and `{a,b}`.

`*` stays inside one folder; `**/` is any number of folders, none included. Case matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from corpus.errors import ConfigurationError


def compile_globs(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Compiles globs to one test.

    Args:
        patterns: Globs relative to a root, with `/` between parts.

    Returns:
        A function that says whether a relative path matches any of them.

    Raises:
        ConfigurationError: A pattern has an unclosed brace or bracket.
    """
    expression = "|".join(f"(?:{_expression(pattern.removeprefix('./'))})" for pattern in patterns)
    if not patterns:
        return lambda _: False
    matches = re.compile(expression, re.DOTALL).fullmatch
    return lambda path: matches(path) is not None


_SIGN = re.compile(r"\*\*/|\*\*|\[!?\]?[^\]/]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}


def _expression(pattern: str) -> str:
    parts: list[str] = []
    depth = 0
    for sign in _SIGN.findall(pattern):
        depth += (sign == "{") - (sign == "}")
        if depth < 0 or sign == "[":
            raise _malformed(pattern)
        parts.append("|" if sign == "," and depth else _piece(sign))
    if depth:
        raise _malformed(pattern)
    return "".join(parts)


def _piece(sign: str) -> str:
    if len(sign) > 1 and sign.startswith("["):
        body = sign[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("&&", "&\\&")
        return f"[^/{body[1:]}]" if body.startswith("!") else f"[{body}]"
    return _MEANING.get(sign) or re.escape(sign)


def _malformed(pattern: str) -> ConfigurationError:
    return ConfigurationError(
        f"glob {pattern!r} has a brace or bracket that is not closed. Write it like **/*.{{md,html}}."
    )
