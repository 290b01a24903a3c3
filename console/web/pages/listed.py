"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web.page import Action, Page
from console.web.pages import corpus, document, documents, held, quarantine, source, split

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
    quarantine.PAGE,
    held.PAGE,
    split.PAGE,
    documents.PAGE,
    document.PAGE,
)

ACTIONS: tuple[Action, ...] = (*held.ACTIONS, *split.ACTIONS, *document.ACTIONS)
