"""`stemma origin`: where texts came from. The group; its commands stand in modules of their own."""

from __future__ import annotations

import typer

from console.cli import origin_model, origin_share
from console.cli.command import group


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "origin", "Statistical models of AI writing, and the share of AI-written text.")
    origin_model.add_to(nouns)
    origin_share.add_to(nouns)
