"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web import releasing
from console.web.page import Action, Page
from console.web.pages import corpus, diff, document, documents, held, index, quarantine, source, version

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
    quarantine.PAGE,
    held.PAGE,
    documents.PAGE,
    document.PAGE,
    index.PAGE,
    version.PAGE,
    diff.PAGE,
)

ACTIONS: tuple[Action, ...] = (*held.ACTIONS, *document.ACTIONS, *index.ACTIONS, *releasing.ACTIONS)
