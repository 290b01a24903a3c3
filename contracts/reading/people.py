"""Who answers for a contract and who may do what with it: `team`, in both forms of the standard, and `roles`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from contracts.model import Member, Role
from contracts.text.node import Node, unique_names
from contracts.text.problems import listed, nearest, shown

_OWNER = "owner"


def read_owner(root: Node) -> str:
    """Reads who answers for the contract: the team's name, or its member with the role owner."""
    team = root.get("team")
    if team.get("name").text().strip():
        return team.get("name").text()
    owners = [member for member in _members(team) if member.get("role").text().lower() == _OWNER]
    there = [member for member in owners if not member.has("dateOut")] or owners
    for member in there:
        if member.get("username").text():
            return member.get("username").text()
    if not team.sink.at(team.path):
        where = team if team.value is not None else root
        where.sink.add(
            where.path, "nobody answers for the contract: no team or owner is named.", "Write `team: {name: ...}`."
        )
    return ""


def read_team(root: Node) -> tuple[Member, ...]:
    """Reads the members of the team; dates and successors that make no sense are problems."""
    members = _members(root.get("team"))
    names = [member.get("username").text() for member in members]
    for member in members:
        _dates(member)
        _successor(member, names)
    return tuple(
        Member(username=member.get("username").text(), role=member.get("role").text())
        for member in members
        if member.get("username").text()
    )


def read_roles(root: Node) -> tuple[Role, ...]:
    """Reads the roles; two of one name are a problem."""
    roles = root.get("roles")
    unique_names(roles.items(), "roles", "role")
    return tuple(
        Role(role=item.get("role").text(), access=item.get("access").text())
        for item in roles.items()
        if item.get("role").text()
    )


def _members(team: Node) -> list[Node]:
    return list((team if isinstance(team.value, list) else team.get("members")).items())


def _dates(member: Node) -> None:
    days: dict[str, date] = {}
    for key in ("dateIn", "dateOut"):
        node = member.get(key)
        if not isinstance(node.value, str):
            continue
        try:
            days[key] = date.fromisoformat(node.value)
        except ValueError:
            node.problem(f"`{key}` must be a date such as 2026-01-31, not {shown(node.value)}.")
    if len(days) == 2 and days["dateOut"] < days["dateIn"]:
        member.get("dateOut").problem(f"the member left on {days['dateOut']}, before joining on {days['dateIn']}.")


def _successor(member: Node, names: Sequence[str]) -> None:
    node = member.get("replacedByUsername")
    if node.text() and node.value not in names:
        hint = f"{nearest(node.text(), names)} Members: {listed(names)}.".strip()
        node.problem(f"{shown(node.value)} is not a member of the team.", hint)
    elif node.text() and node.value == member.get("username").value:
        node.problem("nobody replaces themselves.")
