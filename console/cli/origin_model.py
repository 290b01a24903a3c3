"""`stemma origin train` and `evaluate`: a statistical detector of the user's own, off until a contract names it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli import render_shares
from console.cli.command import Json, Result, command
from console.cli.session import Session
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError

NameArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model; a trained one never changes.")]
_TEXTS = "a folder of documents, or *.jsonl[.gz] with text, domain, group, generator, language; may be repeated."
HumanOption = Annotated[
    list[Path] | None, typer.Option("--human", metavar="PATH", help=f"Texts that humans wrote for sure: {_TEXTS}")
]
AiOption = Annotated[
    list[Path] | None, typer.Option("--ai", metavar="PATH", help=f"Texts that models wrote for sure: {_TEXTS}")
]
AlphaOption = Annotated[
    float, typer.Option("--alpha", help="Share of human texts, like those given, that may be flagged.")
]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=730, help="Days until the model expires.")]
WordsOption = Annotated[int, typer.Option("--min-words", min=20, help="Least words of a text that is scored.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the division into training, threshold and test.")]


def add_to(nouns: typer.Typer) -> None:
    """Adds the commands to the group."""
    examples = (
        "origin train house-2026 --human docs/before-2021 --ai answers.jsonl.gz",
        "origin train house-strict --human texts.jsonl --ai answers.jsonl --alpha 0.01 --days 90",
    )
    command(nouns, "train", examples=examples)(train)
    example = "origin evaluate house-2026 --human other-team/ --ai newer-model.jsonl"
    command(nouns, "evaluate", examples=("origin evaluate house-2026", example))(evaluate)


def train(
    session: Session,
    name: NameArgument,
    human: HumanOption = None,
    ai: AiOption = None,
    alpha: AlphaOption = 0.05,
    days: DaysOption = 180,
    min_words: WordsOption = 200,
    seed: SeedOption = 0,
) -> Result:
    """Train a statistical detector on your own texts, and write its signed model card.

    Its threshold comes from known-human documents that it was not trained on; with fewer than 300 of them it is kept,
    and says "not calibrated". Nothing uses it until a contract names it (ragOrigin), and then it decides nothing.
    """
    from corpus.types import utc_now  # noqa: PLC0415 - help must not load numpy
    from ingestion.known import gather  # noqa: PLC0415
    from ingestion.statistical import publish_model, require_free  # noqa: PLC0415
    from provenance.statistics import fit  # noqa: PLC0415

    runtime = session.runtime()
    require_free(runtime.store, name)
    found = gather(*_both(human, ai), runtime.settings.max_document_bytes)
    options = fit.Options(name=name, alpha=alpha, days=days, minimum_words=min_words, seed=seed)
    model = fit.train(found.texts, options, utc_now().date())
    publish_model(runtime.store, runtime.settings.signing_key, model)
    data = {"model": name, "unread": found.unread, **_card(model.card), "next": _next(model.card)}
    return Result(data=data, view=render_shares.trained)


def evaluate(session: Session, name: NameArgument, human: HumanOption = None, ai: AiOption = None) -> Result:
    """Show what a model is known to do: by its card or, with --human and --ai, on other texts.

    Ends with exit code 1 if the model is expired, or flags more human texts than its alpha on these.
    """
    from corpus.types import utc_now  # noqa: PLC0415 - help must not load numpy
    from ingestion.known import gather  # noqa: PLC0415
    from ingestion.statistical import load_model  # noqa: PLC0415
    from provenance.statistics import fit  # noqa: PLC0415

    runtime = session.runtime()
    model = load_model(runtime.store, runtime.settings.trusted_keys, name)
    today = utc_now().date()
    given = human or ai
    found = gather(human or (), ai or (), runtime.settings.max_document_bytes) if given else None
    seen = fit.evaluate(model, found.texts, today) if found else model.card.evaluation
    expired = model.card.expired(today)
    exceeded = seen.false_positives.interval[0] > model.card.alpha
    data: Json = {
        "model": name,
        "on": "these texts" if found else "the texts held out in training",
        "expired": expired,
        "exceeds_alpha": exceeded,
        "unread": found.unread if found else {},
        **_card(model.card),
        "evaluation": seen.to_json(),
    }
    code = EXIT_FINDINGS if expired or exceeded else EXIT_OK
    return Result(data=data, view=render_shares.evaluated, exit_code=code)


def _both(human: list[Path] | None, ai: list[Path] | None) -> tuple[list[Path], list[Path]]:
    if not human or not ai:
        missing = "--human" if not human else "--ai"
        raise ConfigurationError(
            f"{missing} is missing: a detector learns from both kinds. Name a folder or a *.jsonl file for each."
        )
    return human, ai


def _card(card: object) -> Json:
    from provenance.statistics.card import ModelCard  # noqa: PLC0415
    from provenance.statistics.conformal import LEAST_CALIBRATION, likely_rate  # noqa: PLC0415

    if not isinstance(card, ModelCard):
        raise TypeError("not a model card")
    likely = round(likely_rate(card.calibration, card.alpha), 6) if card.calibrated else None
    covered = sorted(language for language in card.languages if card.covers(language))
    return {
        "card": card.digest,
        "calibrated": card.calibrated,
        "needs": LEAST_CALIBRATION,
        "likely_rate": likely,
        "covers": covered,
        **{key: value for key, value in card.to_json().items() if key != "name"},
    }


def _next(card: object) -> str:
    from provenance.statistics.card import ModelCard  # noqa: PLC0415

    if isinstance(card, ModelCard) and card.calibrated:
        return f"name it in a contract: ragOrigin: {{statistical: {{model: {card.name}}}}}"
    return "give more known-human documents: until then it says `not calibrated` of every document"
