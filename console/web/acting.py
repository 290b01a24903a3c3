"""Doing something in the name of the person who is signed in: their name is the actor of what `ingestion` does."""

from __future__ import annotations

from dataclasses import replace

from console.web.page import Visit
from ingestion.runtime import Runtime


def as_person(visit: Visit) -> Runtime:
    """Returns the project with the person as its actor: in the audit log, and as builder of what they release."""
    return replace(visit.runtime, settings=visit.runtime.settings.model_copy(update={"actor": visit.person.name}))
