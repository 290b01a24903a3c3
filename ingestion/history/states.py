"""In which state a version is for a person: what its row says, joined with where aliases point and pointed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from corpus.catalog.aliasmoves import AliasMove

Stage: TypeAlias = Literal["live", "pointed", "candidate", "superseded", "rolled back", "passed over", "removed"]

MEANS: Mapping[Stage, str] = {
    "live": "it is what readers get",
    "pointed": "another alias than live points to it",
    "candidate": "it is newer than what serves, and was never served",
    "superseded": "it served, until a newer version took its place",
    "rolled back": "it served, until somebody went back to an older version",
    "passed over": "it never served, and a newer version does",
    "removed": "it was removed; its files are gone",
}
"""What each state means."""


def stage_of(
    number: int,
    row_state: str,
    aliases: Mapping[str, int],
    moves: Sequence[AliasMove],
    replaced: Mapping[int, int],
    alias: str = "live",
) -> Stage:
    """Returns the state of a version.

    Args:
        number: The version.
        row_state: State of its row: `candidate`, `released` or `retired`.
        aliases: Alias to the version that it points to now.
        moves: Every move of every alias, oldest first.
        replaced: Number that a version had to the one that it has since it was built again without an erased document.
        alias: The alias that readers follow.
    """
    if row_state == "retired":
        return "removed"
    if aliases.get(alias) == number:
        return "live"
    if number in aliases.values():
        return "pointed"
    left = [move for move in moves if move.before is not None and replaced.get(move.before, move.before) == number]
    if left:
        went_to = left[-1].number
        return "rolled back" if replaced.get(went_to, went_to) < number else "superseded"
    return "candidate" if number > aliases.get(alias, 0) else "passed over"


def has_served(number: int, moves: Sequence[AliasMove], replaced: Mapping[int, int], alias: str = "live") -> bool:
    """Returns whether an alias ever pointed to a version."""
    return any(move.alias == alias and replaced.get(move.number, move.number) == number for move in moves)
