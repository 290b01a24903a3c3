"""Parting one document: each part with its evidence, what stays and what goes, one reason for all of it."""

from __future__ import annotations

import itertools
import re
from typing import Any

from pydantic import ConfigDict, Field

from console.web.drawings.marked import Mark, Run, excerpt_of, marks_of
from console.web.page import Action, Done, Form, Line, Page, View, Visit
from console.web.pages.held import Asked as OfDocument
from console.web.pages.held import Voted, state_of, vote_kept, voted
from console.web.views.gathering import contract_of
from corpus.catalog import queue, votes
from corpus.errors import ConfigurationError, IntegrityError
from corpus.types import Span
from ingestion.shown import standing_of
from ingestion.triage import Settlement

MOST_PARTS = 150
"""Parts that one page shows: a form may hold 200 fields. For more there is the command line."""
_NUMBERS = re.compile(r"\d{1,9}")


class Asked(OfDocument):
    """The query of the page."""

    at: str = Field(default="", max_length=4_000, description="Offsets to cut at, in characters; empty for a proposal.")


class Parted(View):
    """One part of the document."""

    number: int
    start: int
    end: int
    title: str = Field(description="Its heading, else its first words.")
    evidence: list[str] = Field(description="Codes of the evidence in it.")
    kept: bool = Field(description="Whether it stays: as it is cut, as somebody voted, else where it has no evidence.")
    text: list[Run] = Field(description="Its beginning, and what is around its evidence.")
    more: int = Field(description="Characters of it after the last that is shown.")


class Splitting(View):
    """A document in parts."""

    contract: str
    doc_id: str
    state: str
    sha256: str = Field(description="Digest of the bytes and of the metadata beside them.")
    text_sha256: str = Field(description="Digest of the whole text, which offsets speak of.")
    characters: int
    persons: int = Field(description="People who must want the same parts.")
    votes: list[Voted]
    standing: str = Field(description="Names the decision that stands, for a form to send back; empty for none.")
    cut: str = Field(description="How it is cut by now, in words; empty where it is whole.")
    places: str = Field(description="Where it is cut on this page: the offsets, with commas between them.")
    evidence: list[Mark]
    parts: list[Parted]
    note: str = Field(description="Why it cannot be split here; empty where it can.")


def load(visit: Visit, query: Asked) -> Splitting:
    """Reads the page."""
    from ingestion.splitting.deciding import whole_of  # noqa: PLC0415 - brings the parsers

    runtime, name = visit.runtime, query.contract
    with runtime.catalog.reading() as tx:
        state = state_of(runtime, tx, name, query.id)
        override = queue.override_of(tx, name, state)
        cast = votes.of_content(tx, name, state.doc_id, state.judged_sha256)
    contract = contract_of(runtime, name)[0]
    try:
        whole = whole_of(runtime, name, state.doc_id)
        evidence = marks_of(whole.findings)
        parts, note = _parts(whole, evidence, query.at)
    except (ConfigurationError, IntegrityError) as error:
        whole, evidence, parts, note = None, [], [], str(error)
    return Splitting(
        contract=name,
        doc_id=state.doc_id,
        state=state.state,
        sha256=state.judged_sha256,
        text_sha256=whole.text_sha256 if whole else "",
        characters=len(whole.text) if whole else 0,
        persons=contract.triage.persons if contract else 1,
        votes=[voted(vote) for vote in cast],
        standing=standing_of(override),
        cut=f"by {override.actor}: {whole.cut.words()}" if override and whole and whole.cut else "",
        places=", ".join(str(part.start) for part in parts[1:]),
        evidence=evidence,
        parts=parts,
        note=note,
    )


def _parts(whole: Any, evidence: list[Mark], at: str) -> tuple[list[Parted], str]:
    from ingestion.splitting.deciding import parts_of  # noqa: PLC0415 - brings the parsers

    found = parts_of(whole, _offsets(at))
    if len(found) > MOST_PARTS:
        return [], (
            f"It has {len(found)} parts, and this page shows {MOST_PARTS} at the most. Cut at fewer places, or use "
            "stemma quarantine split."
        )
    shown = []
    for part in found:
        runs = excerpt_of(whole.text, evidence, part.span.start, part.span.end)
        last = runs[-1].start + (1 if runs[-1].unseen else len(runs[-1].text)) if runs else part.span.start
        more = len(whole.text[last : part.span.end].rstrip())
        shown.append(
            Parted(
                number=part.number,
                start=part.span.start,
                end=part.span.end,
                title=part.title,
                evidence=list(part.codes),
                kept=part.kept,
                text=runs,
                more=more,
            )
        )
    return shown, ""


def _offsets(said: str) -> list[int]:
    """Reads offsets that a person typed.

    Raises:
        ConfigurationError: One of them is no number.
    """
    words = said.replace(",", " ").split()
    wrong = next((word for word in words if not _NUMBERS.fullmatch(word)), None)
    if wrong is not None:
        raise ConfigurationError(f"{wrong!r} is no offset. Give numbers of characters, with commas between them.")
    return [int(word) for word in words]


class Split(Form):
    """Which parts of a document are kept: `keep1`, `keep2` and so on, for those that are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    contract: Line
    id: Line
    sha256: Line
    standing: str = Field(default="", max_length=200)
    text_sha256: Line
    places: str = Field(default="", max_length=4_000)
    size: int = Field(ge=1)

    def kept(self) -> tuple[int, ...]:
        """Returns the numbers of the parts that are kept."""
        extra = self.model_extra or {}
        return tuple(sorted(int(name[4:]) for name in extra if re.fullmatch(r"keep\d{1,4}", name)))


def _split(visit: Visit, form: Split) -> Done:
    from ingestion.splitting.deciding import Wanted, split_held  # noqa: PLC0415 - brings the parsers

    cuts = [0, *_offsets(form.places), form.size]
    spans = tuple(Span(start=start, end=end) for start, end in itertools.pairwise(cuts))
    wanted = Wanted(spans=spans, kept=form.kept(), text_sha256=form.text_sha256)
    settled = split_held(
        visit.runtime,
        form.contract,
        form.id,
        wanted,
        reason=form.reason,
        actor=visit.person.name,
        seen=form.sha256,
        standing=form.standing,
    )
    return _done(form, settled)


def _done(form: Split, settled: Settlement) -> Done:
    if settled.settled:
        words = f"{form.id} is split. The next ingest takes in what is kept, where it breaks no rule that holds it."
        return Done(words=words, path="/quarantine", query={"contract": form.contract})
    return vote_kept("/split", form.contract, settled, "want the same parts")


PAGE = Page(
    path="/split",
    title="Split a document",
    template="split.html",
    model=Splitting,
    load=load,
    query=Asked,
    under="/quarantine",
)
ACTIONS = (Action(path="/split", form=Split, do=_split, back="/split", back_query=("contract", "id")),)
