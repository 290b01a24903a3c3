"""From one embedding model to another: what it would cost, how far it is, how the two compare, and the cut-over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from console.web.http.failures import Refused
from console.web.page import Action, Done, Form, Line, OfContract, Page, View, Visit
from console.web.views.gathering import contract_of, require_source
from console.web.views.migration import Compared, Estimate, Way, compared_of, estimate_of, model_of, way_of
from console.web.work.launching import Going, Order
from corpus.catalog import versions
from corpus.errors import ConfigurationError, StemmaError
from index.pacing import parse_rate
from ingestion.campaigns import Pair, campaigns, pair_of

PATH = "/reembed"
_MOST_WAYS = 20


class AskedReembed(OfContract):
    """The query of the page."""

    model: str = Field(default="", max_length=300, description="A model to estimate a re-embed for.")
    rate: str = Field(default="", max_length=60, description="A limit such as `50 chunks/s`.")
    price: str = Field(default="", max_length=20, description="Price of a million tokens.")
    overlap: Literal["", "1"] = Field(default="", description="Whether to measure how many neighbours chunks keep.")
    watch: Literal["", "1"] = Field(default="", description="Whether the page loads itself again every few seconds.")


class Reembed(View):
    """A contract's model, and its ways to another one."""

    contract: str
    problem: str = Field(description="Why the contract cannot be used; empty where it can.")
    declared: str = Field(description="The model that the contract declares; empty where nobody knows.")
    served: str = Field(description="The model of the version that serves; empty where none does.")
    live: int | None = Field(description="The version that serves.")
    place: Literal["process", "airflow"] = Field(description="Where work that is started here runs.")
    models: list[str] = Field(description="Models that are built in, and those that were used before.")
    under_way: list[Way]
    before: list[Way] = Field(description="Those that are over, newest first, 20 at the most.")
    going: str = Field(description="What was started last and is not a re-embed yet, in words; empty for nothing.")
    estimate: Estimate | None = Field(description="What was asked for; null where nothing was.")
    estimate_problem: str = Field(description="Why nothing could be estimated; empty where it could.")
    compared: Compared | None = Field(description="Null where all versions are in one space.")
    can: list[Literal["start", "stop", "abandon", "cutover", "approve"]]
    cut_over_to: str = Field(description="The model that a cut-over would move `live` to; empty for none.")
    cut_over_problem: str = Field(description="Why there is no cut-over yet; empty where there is one, or nothing to.")


def load(visit: Visit, query: AskedReembed) -> Reembed:
    """Reads the page."""
    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        require_source(runtime, tx, name)
        state = versions.alias(tx, name, "live")
        served = versions.get(tx, name, state.number) if state else None
    contract, problem = contract_of(runtime, name)
    going = visit.work.going(name)
    ways = [way_of(visit, found, None) for found in campaigns(runtime, name)]
    ways = [_with(way, going) if way.dual else way for way in ways]
    under_way = [way for way in ways if way.dual]
    pair = pair_of(runtime, name)
    compared = compared_of(runtime, pair, measure=query.overlap == "1") if pair else None
    estimate, why = _estimated(visit, query)
    goal, not_yet = _cut_over(contract.embedder.model if contract else "", pair, compared)
    return Reembed(
        contract=name,
        problem=problem,
        declared=contract.embedder.model if contract else "",
        served=model_of(served) if served else "",
        live=served.number if served else None,
        place=visit.work.place,
        models=_models(ways),
        under_way=under_way,
        before=[way for way in ways if not way.dual][:_MOST_WAYS],
        going=_unseen(going, under_way),
        estimate=estimate,
        estimate_problem=why,
        compared=compared,
        can=_can(under_way, going, compared, goal),
        cut_over_to=goal,
        cut_over_problem=not_yet,
    )


def _with(way: Way, going: Going | None) -> Way:
    if going is None:
        return way
    from console.web.views.migration import GoingTold  # noqa: PLC0415

    return way.model_copy(update={"going": GoingTold(name=going.name, state=going.state, words=going.words)})


def _models(ways: list[Way]) -> list[str]:
    from index.embedders.registry import EMBEDDERS  # noqa: PLC0415 - brings numpy

    return list(dict.fromkeys([*EMBEDDERS.names(), *(way.model for way in ways)]))


def _unseen(going: Going | None, under_way: list[Way]) -> str:
    """Returns what is said of work that has no row yet, or that failed before it had one."""
    if going is None or under_way or going.state == "ended":
        return ""
    said = {
        "waiting": "is waiting to begin",
        "working": "is beginning, or about to end",
        "failed": "failed",
        "stopped": "was stopped",
    }
    return f"{going.name[:1].upper()}{going.name[1:]} {said[going.state]}. {going.words}".strip()


def _estimated(visit: Visit, query: AskedReembed) -> tuple[Estimate | None, str]:
    if not query.model.strip():
        return None, ""
    try:
        price = float(query.price) if query.price.strip() else None
    except ValueError:
        return None, f"{query.price!r} is no price: give a number, such as 0.02."
    try:
        return estimate_of(visit, query.contract, query.model.strip(), query.rate.strip(), price), ""
    except StemmaError as error:
        return None, str(error)


def _cut_over(declared: str, pair: Pair | None, compared: Compared | None) -> tuple[str, str]:
    """Returns the model that `live` can be moved to, or why it cannot yet."""
    if pair is None or compared is None or pair.alias == "live":
        return "", ""
    model = compared.after.model
    if model != declared:
        return "", (
            f"The contract declares {declared or 'no model that can be read'}, and the next ingest follows the "
            f"contract. Declare {model} in it (embeddingModel, and a higher version), then cut over here."
        )
    if compared.approvals is not None and compared.approvals.missing:
        missing = compared.approvals.missing
        people = "one more person has" if missing == 1 else f"{missing} more people have"
        return "", f"{people[:1].upper()}{people[1:]} to approve version {compared.after.version} first."
    return model, ""


def _can(
    under_way: list[Way], going: Going | None, compared: Compared | None, goal: str
) -> list[Literal["start", "stop", "abandon", "cutover", "approve"]]:
    busy = (going is not None and going.alive) or any(way.alive for way in under_way)
    found: list[Literal["start", "stop", "abandon", "cutover", "approve"]] = [] if busy else ["start"]
    if going is not None and going.alive:
        found.append("stop")
    if under_way:
        found.append("abandon")
    if goal and not busy:
        found.append("cutover")
    if compared is not None and compared.approvals is not None and compared.approvals.missing:
        found.append("approve")
    return found


class Start(Form):
    """A re-embed to start, or to go on with."""

    contract: Line
    model: Line
    mode: Literal["shadow", "cutover"]
    rate: str = Field(default="", max_length=60)


def _start(visit: Visit, form: Start) -> Done:
    from ingestion.stages import reembed  # noqa: PLC0415 - brings numpy

    reembed.require_declared(visit.runtime, form.contract, form.model, form.mode)
    reembed.target(visit.runtime, form.contract, form.model)
    if form.rate.strip():
        parse_rate(form.rate.strip())
    _require_idle(visit, form.contract)
    order = Order(
        contract=form.contract, model=form.model, mode=form.mode, rate=form.rate.strip(), reason=form.reason,
        by=visit.person.name,
    )  # fmt: skip
    return _done(form.contract, visit.work.start(order), "notice")


def _require_idle(visit: Visit, contract: str) -> None:
    going = visit.work.going(contract)
    if going is not None and going.alive:
        raise ConfigurationError(f"{going.name} works on {contract!r} already. Stop it first, or wait for it.")
    for found in campaigns(visit.runtime, contract):
        way = way_of(visit, found, going)
        if way.alive and going is None:
            raise ConfigurationError(
                f"a re-embed of {contract!r} into {way.model!r} is under way: run {way.run_id} by {way.by}, which "
                "saved something a moment ago. Wait for it, or stop it where it runs."
            )


class Stop(Form):
    """Work to stop."""

    contract: Line


def _stop(visit: Visit, form: Stop) -> Done:
    if not _stopped(visit, form.contract, form.reason):
        raise Refused(409, "Nothing to stop", "No work that was started from here is at it. Nothing was stopped.")
    words = "It is stopped. What it did is kept: start it again to go on, or give it up."
    return _done(form.contract, words, "notice")


def _stopped(visit: Visit, contract: str, reason: str) -> bool:
    """Stops what is at work, if anything is; the audit log has the order before it is carried out."""
    from ingestion.stages import reembed  # noqa: PLC0415 - brings numpy

    going = visit.work.going(contract)
    if going is None or not going.alive:
        return False
    reembed.note_stop(visit.acting, contract, going.name, reason=reason)
    visit.work.stop(contract)
    return True


class Abandon(Form):
    """A re-embed to give up."""

    contract: Line
    model: Line


def _abandon(visit: Visit, form: Abandon) -> Done:
    from ingestion.stages import reembed  # noqa: PLC0415 - brings numpy

    reembed.require_under_way(visit.runtime, form.contract, form.model)
    _stopped(visit, form.contract, form.reason)
    reembed.abandon(visit.acting, form.contract, model=form.model, reason=form.reason)
    words = f"Given up. Vectors of {form.model} stay; new documents go to one model again."
    return _done(form.contract, words, "good")


class Ask(Form):
    """Golden questions to be asked of both versions."""

    contract: Line


def _ask(visit: Visit, form: Ask) -> Done:
    from ingestion.stages import evaluation  # noqa: PLC0415 - brings faiss, and loads both models

    pair = pair_of(visit.runtime, form.contract)
    if pair is None:
        raise Refused(409, "Nothing to compare", "All versions are in one space.")
    before, after = pair.before.number, pair.after.number
    evaluation.run(visit.acting, form.contract, version=before, reason=form.reason)
    found = evaluation.run(visit.acting, form.contract, version=after, against=before, reason=form.reason)
    return _done(form.contract, f"Both versions were asked {found.bound} golden questions.", "good")


class Approve(Form):
    """An approval of the version that a re-embed led to."""

    contract: Line
    version: int = Field(ge=1, le=999_999_999)
    sha256: Line


def _approve(visit: Visit, form: Approve) -> Done:
    from ingestion.approving import approve  # noqa: PLC0415 - brings the signing library

    approve(
        visit.acting, form.contract, form.version, by=visit.person.name, reason=form.reason,
        manifest_sha256=form.sha256,
    )  # fmt: skip
    return _done(form.contract, f"Version {form.version} has your approval, signed by this project's key.", "good")


def _done(contract: str, words: str, tone: Literal["good", "notice"]) -> Done:
    return Done(words=words, path=PATH, query={"contract": contract}, tone=tone)


PAGE = Page(
    path=PATH,
    title="Re-embed",
    template="reembed.html",
    model=Reembed,
    load=load,
    query=AskedReembed,
    under="/reembeds",
)
ACTIONS = (
    Action(path="/reembed/start", form=Start, do=_start, back=PATH, back_query=("contract",)),
    Action(path="/reembed/stop", form=Stop, do=_stop, back=PATH, back_query=("contract",)),
    Action(path="/reembed/abandon", form=Abandon, do=_abandon, back=PATH, back_query=("contract",)),
    Action(path="/reembed/ask", form=Ask, do=_ask, back=PATH, back_query=("contract",)),
    Action(path="/reembed/approve", form=Approve, do=_approve, back=PATH, back_query=("contract",)),
)
