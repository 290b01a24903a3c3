"""Every page and every action, in the order of the menu."""

from __future__ import annotations

from console.web.page import Action, Page
from console.web.pages import (
    change,
    contract,
    contracts,
    corpus,
    diff,
    document,
    documents,
    held,
    index,
    quarantine,
    query,
    reembed,
    reembeds,
    review,
    run,
    source,
    split,
    version,
)
from console.web.work import releasing

PAGES: tuple[Page, ...] = (
    corpus.PAGE,
    source.PAGE,
    quarantine.PAGE,
    held.PAGE,
    split.PAGE,
    review.PAGE,
    documents.PAGE,
    document.PAGE,
    index.PAGE,
    version.PAGE,
    diff.PAGE,
    contracts.PAGE,
    contract.PAGE,
    change.PAGE,
    run.PAGE,
    query.PAGE,
    reembeds.PAGE,
    reembed.PAGE,
)

ACTIONS: tuple[Action, ...] = (
    *source.ACTIONS,
    *held.ACTIONS,
    *split.ACTIONS,
    *review.ACTIONS,
    *document.ACTIONS,
    *index.ACTIONS,
    *releasing.ACTIONS,
    *reembed.ACTIONS,
)
