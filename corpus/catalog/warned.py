"""Documents that were admitted although something was found, and that nobody has looked at: a page at a time.

A partial index holds the decisions that have reasons, so that the many without any cost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, Text, cast, func, literal, select, text
from sqlalchemy.orm import Session, aliased

from corpus.catalog import rows
from corpus.catalog.records import DecisionRecord, DocumentState
from corpus.catalog.tables import REASONED, DecisionRow, DocumentRow, OverrideRow, VoteRow
from corpus.catalog.votes import REVIEWED
from corpus.ids import judged_digest
from corpus.types import Outcome

_QUIET = ("repair.", "override")
"""How codes of reasons begin that nobody has to look at: what was repaired, and what a person decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One document that was admitted with warnings.

    Attributes:
        state: Its standing row.
        decision: The decision that let it in.
    """

    state: DocumentState
    decision: DecisionRecord


def seen(tx: Session, contract: str) -> frozenset[str]:
    """Returns the admitted documents that a person released, or whose warnings one saw, as they are now."""
    released = select(OverrideRow.doc_id, OverrideRow.raw_sha256.label("judged")).where(
        OverrideRow.contract == contract, OverrideRow.outcome == Outcome.ACCEPT.value
    )
    looked = select(VoteRow.doc_id, VoteRow.raw_sha256.label("judged")).where(
        VoteRow.contract == contract, VoteRow.outcome == REVIEWED
    )
    decided = released.union(looked).subquery()
    statement = select(DocumentRow.doc_id, DocumentRow.raw_sha256, DocumentRow.sidecar_sha256, decided.c.judged).join(
        decided, decided.c.doc_id == DocumentRow.doc_id
    )
    found = tx.execute(statement.where(DocumentRow.contract == contract))
    return frozenset(row.doc_id for row in found if judged_digest(row.raw_sha256, row.sidecar_sha256) == row.judged)


def count(tx: Session, contract: str, known: Collection[str], rule: str = "") -> int:
    """Returns how many documents wait to be looked at; by one rule, where it is named.

    Args:
        tx: The transaction.
        contract: The contract.
        known: What `seen` gives.
        rule: Only documents that break this rule; empty for all.
    """
    waiting = _waiting(tx, contract, known, rule, [DocumentRow.doc_id])
    return int(tx.execute(select(func.count()).select_from(waiting.subquery())).scalar_one())


def page(
    tx: Session, contract: str, known: Collection[str], *, rule: str = "", limit: int, offset: int
) -> tuple[Warned, ...]:
    """Returns documents that wait to be looked at, those that were judged first before others. Two statements.

    Args:
        tx: The transaction.
        contract: The contract.
        known: What `seen` gives.
        rule: Only documents that break this rule; empty for all.
        limit: How many at the most.
        offset: How many to pass over.
    """
    columns = [*rows.columns(DocumentRow, DocumentState), DecisionRow.id.label("decision")]
    ordered = _waiting(tx, contract, known, rule, columns).order_by(DocumentRow.updated_at, DocumentRow.doc_id)
    states: dict[int, DocumentState] = {}
    for row in tx.execute(ordered.limit(limit).offset(offset)):
        values = dict(row._mapping)
        number = values.pop("decision")
        states[number] = DocumentState(**values)
    wanted = select(*rows.columns(DecisionRow, DecisionRecord), DecisionRow.id.label("decision"))
    found: dict[int, DecisionRecord] = {}
    for row in tx.execute(wanted.where(DecisionRow.id.in_(states))):
        values = dict(row._mapping)
        number = values.pop("decision")
        found[number] = DecisionRecord(**values)
    return tuple(Warned(state=state, decision=found[number]) for number, state in states.items())


def _waiting(tx: Session, contract: str, known: Collection[str], rule: str, columns: list[Any]) -> Select[Any]:
    later = aliased(DecisionRow)
    newer = select(later.id).where(
        later.contract == DecisionRow.contract,
        later.doc_id == DecisionRow.doc_id,
        later.revision_id == DecisionRow.revision_id,
        later.outcome == DecisionRow.outcome,
        later.id > DecisionRow.id,
    )
    statement = (
        select(*columns)
        .select_from(DecisionRow)
        .join(
            DocumentRow,
            (DocumentRow.contract == DecisionRow.contract)
            & (DocumentRow.doc_id == DecisionRow.doc_id)
            & (DocumentRow.revision_id == DecisionRow.revision_id)
            & (DocumentRow.outcome == DecisionRow.outcome),
        )
        .where(DecisionRow.contract == contract, text(REASONED), DocumentRow.state == "active", _told())
        .where(~newer.exists())
    )
    if known:
        statement = statement.where(DocumentRow.doc_id.not_in(_listed(tx, known)))
    if rule:
        statement = statement.where(cast(DecisionRow.reasons, Text).contains(f'"rule":"{rule}"', autoescape=True))
    return statement


def _listed(tx: Session, names: Collection[str]) -> Select[Any]:
    """Returns names as rows of one parameter: neither database takes as many parameters as there may be names."""
    said = literal(json.dumps(sorted(names)), Text)
    if tx.get_bind().dialect.name == "postgresql":
        return select(func.json_array_elements_text(cast(said, JSON)).column_valued("name"))
    return select(func.json_each(said).table_valued("value").c.value)


def _told() -> ColumnElement[bool]:
    """Whether a decision has a reason that a person should know.

    Reasons are canonical JSON, and a quotation mark in a text is escaped there, so that codes are counted by letters.
    """
    return _number('"code":"') > sum((_number(f'"code":"{code}') for code in _QUIET), start=func.abs(0))


def _number(letters: str) -> ColumnElement[int]:
    """Returns how often letters stand in the reasons: each of them made shorter by one is one less."""
    whole = cast(DecisionRow.reasons, Text)
    return func.length(whole) - func.length(func.replace(whole, letters, letters[:-1]))
