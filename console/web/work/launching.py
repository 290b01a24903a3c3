"""Work that takes longer than a request: what is asked for, where it runs, and how it goes. Starts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from starlette.requests import Request

from corpus.errors import ConfigurationError

Mode: TypeAlias = Literal["shadow", "cutover"]
State: TypeAlias = Literal["waiting", "working", "ended", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A re-embed that a person asks for.

    Attributes:
        contract: The contract.
        model: The model to embed with.
        mode: Which alias is moved.
        rate: A limit such as `50 chunks/s`; empty for none.
        reason: Why, for the audit log; empty for none.
        by: Who asks.
    """

    contract: str
    model: str
    mode: Mode
    rate: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """How work that was started from here goes.

    Attributes:
        name: What it is called where it runs.
        state: `waiting` before it began; `stopped` where it was killed or stopped, and can go on.
        words: More, for people; the error where it failed.
    """

    name: str
    state: State
    words: str

    @property
    def alive(self) -> bool:
        """Whether it will still do something by itself."""
        return self.state in ("waiting", "working")


class Work(Protocol):
    """Long work, asked for by whoever made a request."""

    place: Literal["process", "airflow"]
    """Where it runs: a process beside this one, or a run of Airflow."""

    def start(self, order: Order) -> str:
        """Starts a re-embed and returns at once; says in words what was started.

        Raises:
            ConfigurationError: It cannot be started here, or by this person.
        """
        ...

    def going(self, contract: str) -> Going | None:
        """Returns how the re-embed of a contract goes that was started last; None where nothing is known of one."""
        ...

    def stop(self, contract: str) -> bool:
        """Stops it; what it did is kept. Returns whether there was something to stop."""
        ...


class Launcher(Protocol):
    """Where long work of this console runs."""

    def of(self, request: Request) -> Work:
        """Returns it as far as whoever makes a request may use it."""
        ...


class Nowhere:
    """Has no place for long work: for reading pages without a server around them."""

    place: Literal["process", "airflow"] = "process"

    def start(self, order: Order) -> str:
        """Refuses.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(f"a re-embed of {order.contract!r} cannot be started from here.")

    def going(self, _contract: str) -> Going | None:
        """Knows of nothing."""
        return None

    def stop(self, _contract: str) -> bool:
        """Has nothing to stop."""
        return False


NOWHERE: Work = Nowhere()
