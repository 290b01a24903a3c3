"""Whether one glob names every path that another names; where that is not plain, it says no."""

from __future__ import annotations

import re

_SIGN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]")
_FORMS = {
    "**/": r"(?:.*/)?",
    "**": r".*",
    "*": r"(?:(?!\*\*)[^/])*",
    "?": r"[^/*]",
}


def covers(wide: str, narrow: str) -> bool:
    """Returns whether every path of `narrow` is one of `wide`.

    Args:
        wide: A glob whose signs are matched against the other's text: a `*` takes whatever a segment holds,
            wildcards included, and only `**` takes several segments.
        narrow: The other glob.
    """
    form = "".join(_FORMS.get(sign, re.escape(sign)) for sign in _SIGN.findall(wide))
    return re.fullmatch(form, narrow) is not None
