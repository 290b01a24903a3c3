"""Which version an alias points to, as the catalog has it."""

from __future__ import annotations

from corpus.catalog import versions
from corpus.catalog.records import AliasState
from corpus.errors import ConfigurationError
from ingestion.runtime import Runtime


def alias_state(runtime: Runtime, name: str, alias: str) -> AliasState:
    """Returns the state of an alias of an index.

    Raises:
        ConfigurationError: There is no such alias.
    """
    with runtime.catalog.reading() as tx:
        state = versions.alias(tx, name, alias)
        known = [item.alias for item in versions.aliases(tx, name)]
    if state is None:
        raise ConfigurationError(
            f"index {name!r} has no alias {alias!r}. Known: {', '.join(known) or 'none; run `stemma ingest` first'}."
        )
    return state
