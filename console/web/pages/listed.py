"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web.page import Action, Page
from console.web.pages import corpus, document, documents, held, quarantine, reembed, reembeds, source

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
    quarantine.PAGE,
    held.PAGE,
    documents.PAGE,
    document.PAGE,
    reembeds.PAGE,
    reembed.PAGE,
)

ACTIONS: tuple[Action, ...] = (*held.ACTIONS, *document.ACTIONS, *reembed.ACTIONS)
