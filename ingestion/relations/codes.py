"""What decisions and gates call the ways in which documents stand to each other. Constants, for all who compare."""

from __future__ import annotations

SUPERSEDED, NOT_YET, EXPIRED = "family.superseded", "family.not_yet_effective", "family.expired"
UNREADABLE = "family.unreadable_date"
CYCLE, KIN, CONFLICT = "family.cycle", "family.version_of", "family.conflict"
HOLDING = (SUPERSEDED, NOT_YET, EXPIRED, UNREADABLE)
"""What keeps a document out of the index whatever the rules, unless a person or `enforcement: warn` lets it in."""
