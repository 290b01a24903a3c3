"""The engine of shape rules, Great Expectations: imported once, in time, and without what draws plots.

Its import costs as much as admitting a hundred documents. A third of it are libraries for plots and distributions that
are used inside few expectations: those are imported when one is first run.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_LATER = ("altair", "scipy.stats")


class _Later(ModuleType):
    """Stands in for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        _give_way(self)
        return getattr(import_module(self.__name__), name)


def _give_way(module: ModuleType) -> None:
    if sys.modules.get(module.__name__) is module:
        sys.modules.pop(module.__name__, None)


@contextmanager
def _later(names: tuple[str, ...]) -> Iterator[None]:
    """Lets modules that are not imported yet be imported when something of them is used."""
    waiting = [_Later(name) for name in names if name not in sys.modules]
    sys.modules.update({module.__name__: module for module in waiting})
    try:
        yield
    finally:
        for module in waiting:
            _give_way(module)


_NAME = "great_expectations"
_lock = threading.Lock()


def library() -> Any:
    """Returns the library, imported; waits where `prepare` is at it."""
    with _lock:
        if _NAME not in sys.modules:
            with _later(_LATER):
                import_module(_NAME)  # first: after an import that failed, a part of it that stands is not the whole
                import_module(f"{_NAME}.expectations")
    return sys.modules[_NAME]


def prepare() -> None:
    """Imports the library in a thread of its own, while the documents are still being read.

    A process that ends early waits for it: a thread that Python ends amid an import of native code takes all along.
    Not where warnings are errors: the library uses what is deprecated, and filters of warnings belong to all threads.
    """
    strict = any(action == "error" for action, *_ in warnings.filters)
    if _NAME not in sys.modules and not _lock.locked() and not strict:
        threading.Thread(target=_early, name="rules-engine").start()


def _early() -> None:
    with suppress(Exception):  # whoever needs the library is told why it cannot be had
        library()
