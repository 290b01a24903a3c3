"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web.page import Action, Page
from console.web.pages import corpus, source

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
)

ACTIONS: tuple[Action, ...] = ()
