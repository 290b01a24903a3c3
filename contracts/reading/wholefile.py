"""What is wrong with a contract wherever it stands: ids given twice, our properties where nobody reads them."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.text.node import Node, unique_names
from contracts.text.problems import DocumentPath, nearest, shown

# Values that belong to whoever wrote them, not to the standard.
_FOREIGN = ("value", "implementation", "arguments", "examples", "query")
# Where our custom properties are read; each place judges the names that stand there.
_READ = ("quality", "relationships", "verifiedStatements", "servers")
_STATES = ("proposed", "draft", "active", "deprecated", "retired")


def check_everywhere(root: Node) -> None:
    """Reports what no single part of a contract is responsible for."""
    status = root.get("status")
    if status.text() and status.value not in _STATES and nearest(status.text(), _STATES):
        status.problem(f"unknown status {shown(status.value)}.", nearest(status.text(), _STATES))
    for node in _lists(root):
        unique_names(node.items(), f"entries of `{node.path[-1]}`", "id")
        if node.path[-1] == "customProperties" and node.path != ("customProperties",):
            _stray(node)


def _stray(node: Node) -> None:
    if any(part in _READ for part in node.path):
        return
    for item in node.items():
        if item.get("vendor").value == "stemma":
            name = item.get("property")
            place = _place(node.path)
            message = f"the property {shown(name.value)} of vendor stemma has no meaning in {place}."
            name.problem(message, "Move it to the top-level `customProperties`.")


def _place(path: DocumentPath) -> str:
    return f"`{next((part for part in reversed(path[:-1]) if isinstance(part, str)), 'the contract')}`"


def _lists(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, list):
            yield node
            waiting.extend(node.items())
        waiting.extend(inner for key, inner in node.entries() if key not in _FOREIGN)
