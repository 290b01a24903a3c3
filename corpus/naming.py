"""Names that a person types: the known one, or an error that holds the nearest. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from corpus.errors import ConfigurationError


def require_known(what: str, name: str, known: Iterable[str], hint: str) -> None:
    """Refuses a name that is not among the known ones.

    Args:
        what: What is named, for the message.
        name: As typed.
        known: The names that exist.
        hint: The next step when none is near.

    Raises:
        ConfigurationError: The name is unknown; the message holds the nearest ones.
    """
    names = sorted(set(known))
    if name in names:
        return
    near = nearest(name, names)
    if near:
        raise ConfigurationError(f"no {what} {name!r}. Did you mean {' or '.join(map(repr, near))}?")
    listed = f" Known: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}." if names else ""
    raise ConfigurationError(f"no {what} {name!r}.{listed} {hint}".rstrip())


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that look most like one, three at the most."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
