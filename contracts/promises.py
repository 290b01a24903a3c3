"""What a contract promises beside its data: freshness, retention, cadence, and who answers for it."""

from __future__ import annotations

from contracts.model import FreshnessSpec
from contracts.node import Node
from contracts.problems import nearest, shown
from contracts.ragchecks import duration_days
from contracts.timing import CRON_PRESETS, cron_problem

# Properties that change what a run does. Others of the standard's table (availability, latency, ...) are
# words for people, so they pass; a near miss of one of these does not.
_USED = ("freshness", "retention", "frequency")
_FRESH = "document.updated_at"


def read_freshness(root: Node) -> FreshnessSpec | None:
    """Reads how old a document may be."""
    _near_misses(root)
    node = _promise(root, "freshness")
    if node is None:
        return None
    element = node.get("element")
    if element.text(_FRESH) not in (_FRESH, "document"):
        element.problem(f"freshness of {shown(element.value)} is not run by this build.", f"Write `element: {_FRESH}`.")
    return FreshnessSpec(max_age_days=duration_days(node.get("value"), node.get("unit")))


def read_retention(root: Node) -> float | None:
    """Reads for how many days documents are kept."""
    node = _promise(root, "retention")
    return None if node is None else duration_days(node.get("value"), node.get("unit"))


def read_schedule(root: Node) -> str | None:
    """Reads when the contract runs, a cron expression; None for on demand."""
    node = _promise(root, "frequency")
    if node is None:
        return None
    duration_days(node.get("value"), node.get("unit"))
    scheduler, schedule = node.get("scheduler"), node.get("schedule")
    if scheduler.text("cron") != "cron":
        scheduler.problem(f"scheduler {shown(scheduler.value)} is not run by this build.", "Write `scheduler: cron`.")
        return None
    if schedule.value is None:
        return None
    wrong = cron_problem(schedule.text())
    if wrong and scheduler.text("cron") == "cron":
        schedule.problem(
            f"{shown(schedule.value)} is not a schedule: {wrong}.", f"Or one of {', '.join(CRON_PRESETS)}."
        )
    return schedule.text()


def read_owner(root: Node) -> str:
    """Reads who answers for the contract: the team's name, or its member with the role owner."""
    team = root.get("team")
    if team.get("name").text().strip():
        return team.get("name").text()
    members = team if isinstance(team.value, list) else team.get("members")
    for member in members.items():
        if member.get("role").text().lower() == "owner" and member.get("username").text():
            return member.get("username").text()
    if not team.sink.at(team.path):
        where = team if team.value is not None else root
        where.sink.add(where.path, "nobody answers for the contract: it has no team.", "Add `team: {name: ...}`.")
    return ""


def _promise(root: Node, name: str) -> Node | None:
    """Returns the one SLA property of a name; a second one is a problem."""
    found = [item for item in root.get("slaProperties").items() if item.get("property").value == name]
    for extra in found[1:]:
        extra.get("property").problem(f"`{name}` is promised twice.", "Keep one.")
    return found[0] if found else None


def _near_misses(root: Node) -> None:
    for item in root.get("slaProperties").items():
        name = item.get("property")
        if name.text() and name.value not in _USED and nearest(name.text(), _USED):
            name.problem(f"unknown promise {name.value!r}.", nearest(name.text(), _USED))
