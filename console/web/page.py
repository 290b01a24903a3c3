"""What a page is, what a person can do on it, and what both are given. No page and no framework is named here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from console.web.http.access import Person
from console.web.work.launching import NOWHERE, Work
from ingestion.runtime import Runtime

PER_PAGE = 50
"""Rows of a list that one page shows, unless it is asked for others."""

Basis: TypeAlias = Literal["counted", "declared", "matched", "suspected", "estimated", "unknown"]
Tone: TypeAlias = Literal["good", "notice", "warning", "bad", "quiet"]


class View(BaseModel):
    """A frozen part of a page, as it is rendered and as it is printed; nothing beside its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(View):
    """A number that says what it rests on."""

    value: float | None = Field(description="The number; null where nothing is known.")
    basis: Basis = Field(description="What it rests on; an estimate has an interval.")
    low: float | None = Field(default=None, description="Lower end of the interval of an estimate.")
    high: float | None = Field(default=None, description="Upper end of it.")
    of: int | None = Field(default=None, description="How many documents or chunks it speaks of.")


class Trouble(View):
    """Something that a person should look at, and where."""

    tone: Tone = Field(description="How urgent: `bad` before `warning` before `notice`.")
    contract: str = Field(description="The contract that it is about.")
    code: str = Field(description="What it is, for programs.")
    words: str = Field(description="What it is, for people.")
    path: str = Field(description="Path of the page where it can be dealt with; empty where there is none.")
    query: dict[str, str] = Field(default_factory=dict, description="Query of that page.")


class Asked(BaseModel):
    """The query of a page that has none."""


class OfContract(BaseModel):
    """The query of a page about one contract."""

    contract: str = Field(min_length=1, max_length=63, description="Name of the contract.")


class PageQuery(OfContract):
    """The query of a list."""

    page: int = Field(default=1, ge=1, description="Which page of the list, from 1.")


class Paging(View):
    """Which part of a list is shown."""

    page: int = Field(description="This page, from 1.")
    pages: int = Field(description="How many there are, at least 1.")
    total: int = Field(description="Rows of the whole list.")
    first: int = Field(description="Number of the first row shown, from 1; 0 where none is.")
    last: int = Field(description="Number of the last row shown.")

    @classmethod
    def of(cls, page: int, total: int, per_page: int = PER_PAGE) -> Paging:
        """Returns the part of a list that a page shows; a page past the end is the last one."""
        pages = max(1, -(-total // per_page))
        page = min(page, pages)
        first = (page - 1) * per_page
        return cls(
            page=page, pages=pages, total=total, first=first + 1 if total else 0, last=min(total, page * per_page)
        )

    def offset(self, per_page: int = PER_PAGE) -> int:
        """Returns how many rows come before this page."""
        return (self.page - 1) * per_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a page or an action is given beside its query or form.

    Attributes:
        runtime: The project.
        person: Who asks.
        now: When, aware UTC.
        work: Starts what takes longer than a request, and says how it goes.
        sees: Whether who asks may see a contract, or all of them where none is named.
    """

    runtime: Runtime
    person: Person
    now: datetime
    work: Work = NOWHERE
    sees: Callable[[str], bool] = lambda _contract: True

    def visible(self, contracts: Iterable[str]) -> tuple[str, ...]:
        """Returns those of some contracts that who asks may see, for what a page about one of them lists beside."""
        return tuple(contracts) if self.sees("") else tuple(name for name in contracts if self.sees(name))

    @property
    def acting(self) -> Runtime:
        """The project under the name of this person, for what writes its actor by itself."""
        return replace(self.runtime, settings=self.runtime.settings.model_copy(update={"actor": self.person.name}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page and its twin.

    Attributes:
        path: Where it is; its twin is at `<path>.json`.
        title: What the browser calls it; the template may say more.
        template: Its file in `templates/`.
        model: What `load` returns.
        query: The model of its query.
        load: Reads what it shows. It raises errors of ours freely.
        menu: Its word in the menu; empty where it is reached from another page only.
        under: Path of the page whose word in the menu is marked for it; its own where empty.
        key: One letter that goes there from the keyboard, after `g`.
        posts: Whether its query may come as a form too, where it is too long for an address. Nothing is written then.
    """

    path: str
    title: str
    template: str
    model: type[View]
    load: Callable[[Visit, Any], View]
    query: type[BaseModel] = Asked
    menu: str = ""
    under: str = ""
    key: str = ""
    posts: bool = False

    @property
    def takes(self) -> list[str]:
        """Names that its query may have."""
        return [field.alias or name for name, field in self.query.model_fields.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How an action ended well.

    Attributes:
        words: What was done, as the next page says it.
        path: Page to go to.
        query: Its query.
        tone: How it is said.
    """

    words: str
    path: str
    query: dict[str, str]
    tone: Tone = "good"


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
"""A text that a form must hold, such as an id."""

WHY = (
    "write why you do this, in a few words such as 'read it with the owner: it is right'. The reason stands in the "
    "audit log beside your name"
)
"""What is said to somebody who gave no reason."""


def _said(reason: str) -> str:
    """Refuses a reason that nobody could read: an empty one, or one of characters that show nothing."""
    from corpus.catalog.votes import person  # noqa: PLC0415 - brings SQLAlchemy

    if not person(reason):
        raise PydanticCustomError("reason", WHY)
    return reason


Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(_said)]
"""Why a person does something: never blank."""


class Form(BaseModel):
    """What every form of an action holds beside its own fields: that it is ours, and why it was sent."""

    model_config = ConfigDict(frozen=True)

    csrf: str = Field(default="", max_length=500)
    reason: Reason = Field(default="", validate_default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a person does; it answers POST only, and leaves an entry in the audit log with their reason.

    Attributes:
        path: Where its form is sent.
        form: The model of the form.
        do: Does it through `ingestion`. It raises errors of ours freely.
        back: Path of the page that shows the error of a refused form, with the query that `back_query` makes of it.
        back_query: Fields of the form that are the query of that page.
    """

    path: str
    form: type[Form]
    do: Callable[[Visit, Any], Done]
    back: str
    back_query: tuple[str, ...] = ()
