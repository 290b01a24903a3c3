"""`stemma contract explain`: a contract, or one rule of it, in plain words."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli import render_contract
from console.cli.command import Result
from console.cli.contract_files import WhichArgument, loaded
from console.cli.session import Session, require_known

RuleArgument = Annotated[
    str | None, typer.Argument(metavar="RULE", help="One rule, by its name in the contract or by its kind.")
]


def explain(session: Session, contract: WhichArgument, rule: RuleArgument = None) -> Result:
    """Say in plain words what a contract asks: what each rule checks, with which figure, and what a failure leads to.

    Each sentence comes with its line in the file. Then the rest: source, governance, chunking, embedding, schedule.
    """
    from contracts.explain import parts_in_words, rules_in_words  # noqa: PLC0415 - help must not load the validator

    terms, _ = loaded(session, contract)
    rules = rules_in_words(terms)
    if rule is not None:
        known = {word for item in rules for word in (item.name, item.rule)}
        require_known(f"rule in {terms.name}", rule, known, f"See them with `stemma contract explain {contract}`.")
        rules = tuple(item for item in rules if rule in (item.name, item.rule))
    data = {
        "contract": terms.name,
        "version": terms.version,
        "file": terms.path,
        "description": terms.description,
        "owner": terms.owner_team,
        "rules": [item.to_json() for item in rules],
        "parts": [] if rule is not None else [part.to_json() for part in parts_in_words(terms)],
    }
    return Result(data=data, view=render_contract.explanation)
