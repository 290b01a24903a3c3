"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web.page import Action, Page
from console.web.pages import corpus, document, documents, held, quarantine, review, source, split

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
    quarantine.PAGE,
    held.PAGE,
    split.PAGE,
    review.PAGE,
    documents.PAGE,
    document.PAGE,
)

ACTIONS: tuple[Action, ...] = (*source.ACTIONS, *held.ACTIONS, *split.ACTIONS, *review.ACTIONS, *document.ACTIONS)
