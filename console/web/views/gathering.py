"""Reads what the catalog and the contracts say of sources, with a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from console.web.views.health import Facts
from console.web.views.refused import refused_of
from contracts.model import Contract
from corpus.catalog import aliasmoves, board, contracts, erasures, figures, versions
from corpus.errors import ConfigurationError, ContractError
from corpus.naming import require_known
from ingestion.discovery import discover
from ingestion.history.states import Stage, stage_of
from ingestion.runtime import Runtime

RUNS = 20
"""Runs of each source that a trend and a table are made of."""
_HINT = "Make one with `stemma contract new NAME --path '...'`."
VERSIONS = 24
"""Versions of each index that the mix over time is drawn of: a bar each, on a phone too."""


def facts_of_all(runtime: Runtime) -> tuple[Facts, ...]:
    """Returns what is known of every source, by name: those with a contract file, and those that once had one."""
    return _gathered(runtime, None)


def facts_of(runtime: Runtime, contract: str) -> Facts:
    """Returns what is known of one source.

    Raises:
        ConfigurationError: There is none of that name; the message holds the nearest.
    """
    return _gathered(runtime, contract)[0]


def versions_of(runtime: Runtime, contract: str) -> tuple[board.BoardVersion, ...]:
    """Returns the newest versions of an index, oldest first."""
    with runtime.catalog.reading() as tx:
        return board.versions(tx, VERSIONS, contract).get(contract, ())


def stages_of(tx: Session, name: str) -> Callable[[int, str], Stage]:
    """Returns what tells the state of a version by its number and the state of its row, as the index page does."""
    aliases = {state.alias: state.number for state in versions.aliases(tx, name)}
    moves, replaced = aliasmoves.moves(tx, name), erasures.replacements(tx, name)
    return lambda number, row_state: stage_of(number, row_state, aliases, moves, replaced)


def require_source(runtime: Runtime, tx: Session, name: str) -> None:
    """Refuses a name that is no contract of the project and was never one.

    Raises:
        ConfigurationError: The message holds the nearest names.
    """
    require_known("contract", name, sources_of(runtime, tx), _HINT)


def sources_of(runtime: Runtime, tx: Session) -> tuple[str, ...]:
    """Returns every contract with a file, and every one that once had one, by name."""
    return tuple(sorted({*contracts.names(tx), *(stub.name for stub in discover(runtime.settings.contracts))}))


def _gathered(runtime: Runtime, only: str | None) -> tuple[Facts, ...]:
    with runtime.catalog.reading() as tx:
        known = sources_of(runtime, tx)
        if only is not None:
            require_known("contract", only, known, _HINT)
        states, runs = board.states(tx, only), board.runs(tx, RUNS, only)
        live, waiting = board.live(tx, name=only), board.waiting(tx, only)
        newest, golden, alarms = board.versions(tx, 1, only), board.golden(tx, only), figures.alarms(tx)
    found = []
    for name in known if only is None else [only]:
        contract, problem = contract_of(runtime, name)
        found.append(
            Facts(
                name=name,
                contract=contract,
                problem=problem,
                states=states.get(name, {}),
                runs=runs.get(name, ()),
                live=live.get(name),
                waiting=waiting.get(name, board.Waiting()),
                alarms=alarms.get(name, 0),
                golden=golden.get(name),
                newest=_last(newest, name),
                refused=next(iter(refused_of(runtime, name)), None),
            )
        )
    return tuple(found)


def contract_of(runtime: Runtime, name: str) -> tuple[Contract | None, str]:
    """Returns a contract and "", or None and why it cannot be read: a page must show what is held nevertheless."""
    try:
        return runtime.contract(name), ""
    except (ConfigurationError, ContractError) as error:
        return None, str(error)


def _last(newest: Mapping[str, tuple[board.BoardVersion, ...]], name: str) -> board.BoardVersion | None:
    found = newest.get(name, ())
    return found[-1] if found else None
