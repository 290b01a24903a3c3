"""Name tables: how an implementation of a seam is found, loaded and checked.

Each of the six seams (source, parser, chunker, scorer, detector, embedder) has one `Registry`: a
literal table `name -> "module:attribute"`, loaded on first use, and an entry-point group for
implementations that live elsewhere. Plug-ins get data, never a store or a session.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from corpus.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Registry:
    """The implementations of one seam.

    Attributes:
        seam: What is registered, for messages.
        group: Entry-point group under which others register theirs.
        table: Our own, as `name -> "module:attribute"`.
    """

    seam: str
    group: str
    table: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """Returns every name that `load` accepts, sorted."""
        return tuple(sorted({*self.table, *(point.name for point in entry_points(group=self.group))}))

    def load(self, name: str) -> Any:
        """Imports and returns the attribute registered under `name`.

        Args:
            name: One of `names()`. Our own names win over entry points.

        Raises:
            ConfigurationError: The name is unknown, or its package cannot be imported.
        """
        if name in self.table:
            module, _, attribute = self.table[name].partition(":")
            return self._import(name, module, attribute)
        for point in entry_points(group=self.group):
            if point.name == name:
                return self._import(name, point.module, point.attr)
        raise ConfigurationError(self._unknown(name))

    def _import(self, name: str, module: str, attribute: str) -> Any:
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"{self.seam} {name!r} is registered as {module}:{attribute} but cannot be loaded: "
                f"{error}. Install the package that provides it."
            ) from error

    def _unknown(self, name: str) -> str:
        names = self.names()
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"unknown {self.seam} {name!r}.{hint} Known: {', '.join(names)}."
