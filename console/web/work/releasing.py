"""What a person does about a version: release it, go back to it, approve it, protect it. Each ends in `ingestion`.

An order holds for what the page showed: another manifest under the number, or an alias that moved since, refuses it,
in the transaction that would write.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from console.web.page import Action, Done, Form, Line, Visit
from console.web.views.versions import LIVE
from corpus.catalog import versions
from corpus.errors import ConfigurationError

_BACK = ("contract", "number")


class About(Form):
    """An order about one version."""

    contract: Line
    number: int = Field(ge=1, le=999_999_999)
    sha256: Line


class Move(About):
    """An order to point `live` to it."""

    generation: int = Field(ge=0)


def _promote(visit: Visit, form: Move) -> Done:
    before = _moved(visit, form, back=False)
    words = f"v{form.number:06d} is live." + (f" Before it was v{before:06d}." if before else "")
    return _done(form, words)


def _rollback(visit: Visit, form: Move) -> Done:
    before = _moved(visit, form, back=True)
    words = (
        f"v{form.number:06d} is live again; v{before or 0:06d} is not. Documents stay as they are: they are published "
        "again when one of them changes, or by a release that insists."
    )
    return _done(form, words)


def _moved(visit: Visit, form: Move, *, back: bool) -> int | None:
    """Points `live` to a version; returns what it pointed to before."""
    from ingestion.stages import release as stage  # noqa: PLC0415 - brings the engines

    with visit.runtime.catalog.reading() as tx:
        versions.require_shown(tx, form.contract, form.number, form.sha256)
        state = versions.alias(tx, form.contract, LIVE)
        served = versions.served(tx, form.contract, LIVE)
    if (state.generation if state else 0) != form.generation:
        now = f"to v{state.number:06d} by {state.actor}" if state else "away"
        raise ConfigurationError(f"live was moved {now} since this page was loaded. Nothing was done; look again.")
    if back and form.number not in served:
        raise ConfigurationError(
            f"v{form.number:06d} never served, so there is no going back to it: release it. Nothing was done."
        )
    stage.move(
        visit.acting, form.contract, LIVE, form.number, reason=form.reason, manifest_sha256=form.sha256,
        generation=form.generation,
    )  # fmt: skip
    return state.number if state else None


def _approve(visit: Visit, form: About) -> Done:
    from ingestion import approving  # noqa: PLC0415 - with the signing library

    runtime = visit.acting
    version = approving.approve(
        runtime, form.contract, form.number, by=visit.person.name, reason=form.reason, manifest_sha256=form.sha256
    )
    missing = approving.standing_of(runtime, version, LIVE).missing
    if not missing:
        return _done(form, f"You approved v{form.number:06d}. Nobody else has to: it may be released.")
    people = "one more person" if missing == 1 else f"{missing} more people"
    return _done(form, f"You approved v{form.number:06d}. It needs {people}.", notice=True)


def _hold(visit: Visit, form: About) -> Done:
    from ingestion import holding  # noqa: PLC0415 - where it is used

    holding.hold(visit.acting, form.contract, form.number, reason=form.reason, manifest_sha256=form.sha256)
    return _done(form, f"v{form.number:06d} is protected: retention does not remove it.")


def _unhold(visit: Visit, form: About) -> Done:
    from ingestion import holding  # noqa: PLC0415 - where it is used

    holding.unhold(visit.acting, form.contract, form.number, reason=form.reason, manifest_sha256=form.sha256)
    return _done(form, f"v{form.number:06d} is protected no more: retention may remove it.")


def _done(form: About, words: str, *, notice: bool = False) -> Done:
    query = {"contract": form.contract, "number": str(form.number)}
    return Done(words=words, path="/version", query=query, tone="notice" if notice else "good")


def _action(name: str, form: type[About], do: Callable[[Visit, About], Done]) -> Action:
    return Action(path=f"/version/{name}", form=form, do=do, back="/version", back_query=_BACK)


ACTIONS = (
    Action(path="/version/promote", form=Move, do=_promote, back="/version", back_query=_BACK),
    Action(path="/version/rollback", form=Move, do=_rollback, back="/version", back_query=_BACK),
    _action("approve", About, _approve),
    _action("hold", About, _hold),
    _action("unhold", About, _unhold),
)
