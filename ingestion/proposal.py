"""Proposes a contract for a folder: looks at a sample of its documents and says what is there.

The documents are read and scored as in a run; nothing is written. What a figure becomes in a contract is for
`contracts.suggest` to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from contracts.load import parse_contract
from contracts.model import GOVERNANCE_FIELDS, Contract
from contracts.scaffold import new_contract
from contracts.suggest import Observed, Suggestion, globs_of, suggested_contract
from corpus.errors import ConfigurationError
from corpus.settings import Settings
from corpus.types import Assessment, SourceRef, utc_now
from ingestion.examine import UNDECIDED
from ingestion.governance import updated_at_of
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.rehearsal import chosen_of, examined, no_match
from ingestion.toolkit import tools_of

DEFAULT_SAMPLE = 500
"""Documents that a proposal rests on unless told otherwise; what is rarer than 1 in 170 may be missed (95 %)."""

_SPECIAL = re.compile(r"[*?\[\]{},]")


def propose(
    folder: Path,
    settings: Settings,
    *,
    name: str,
    owner: str = "",
    defaults: Mapping[str, str] | None = None,
    model: str = "all-MiniLM-L6-v2",
    sample: int | None = DEFAULT_SAMPLE,
    progress: Progress = NO_PROGRESS,
) -> tuple[Suggestion, Observed]:
    """Proposes a contract for a folder.

    Args:
        folder: The documents.
        settings: The project's settings; the folder is written relative to the project where it lies inside.
        name: Name of the contract.
        owner: Team that answers for the documents; empty takes the owner that documents name most often.
        defaults: Governance fields for documents that do not say them themselves.
        model: Embedding model.
        sample: How many documents to look at; None for all.
        progress: Told about each document.

    Raises:
        ConfigurationError: The folder holds no document that could be read.
        SourceUnavailable: The folder cannot be listed.
    """
    contract = _blank(name, folder)
    tools = tools_of(contract, settings)
    refs = list(tools.source.list())
    chosen = chosen_of(refs, sample)
    found = [item.assessment for item in examined(contract, tools, chosen, no_match, settings, progress)]
    seen = observed(found, refs, name=name, root=_written(folder, settings), now=utc_now())
    return suggested_contract(seen, owner=owner, defaults=defaults, model=model), seen


def observed(
    found: Sequence[Assessment], listed: Sequence[SourceRef], *, name: str, root: str, now: datetime
) -> Observed:
    """Counts what was found in documents.

    Args:
        found: The documents that were looked at.
        listed: Everything that the folder holds.
        name: Name of the contract.
        root: Folder, as the contract shall write it.
        now: Moment that ages are counted from.

    Raises:
        ConfigurationError: None of them has text.
    """
    able = [item for item in found if item.decision is UNDECIDED and item.score is not None and not item.score.fatal]
    if not able:
        raise ConfigurationError(
            f"no document in {root} could be read, of {len(listed)} files. Name a folder of documents; formats are in "
            "the contract reference."
        )
    formats = globs_of(_suffix(item) for item in able)
    texts = [item.document for item in able if item.document is not None]
    dates = [item.updated_at for item in able if item.updated_at is not None]
    refused = [item for item in found if item not in able]
    unable = [item for item in refused if _matches(item, able)]
    return Observed(
        name=name,
        root=root,
        include=formats,
        exclude={_SPECIAL.sub("?", item.ref.path): _why(item) for item in unable},
        beside={item.ref.path: _why(item) for item in refused if not _matches(item, able)},
        listed=len([ref for ref in listed if formats == ("**/*",) or _suffix_of(ref.path) in _suffixes(able)])
        - len(unable),
        examined=len(able),
        languages=Counter(item.language for item in able),
        lengths=[len(text.text) for text in texts],
        scores=[item.score.value for item in able if item.score is not None],
        ages=[max(0.0, (now - date).total_seconds() / 86_400) for date in dates],
        dated=sum(_dates_itself(item) for item in able),
        said=Counter(field for item in able for field in item.governance.values),
        values=_commonest(able),
        origins=Counter(item.origin.kind.value for item in able),
        hidden=_with_finding(able, "hidden."),
        orders=_with_finding(able, "instruction."),
    )


def _blank(name: str, folder: Path) -> Contract:
    """Returns a contract that asks for nothing, so that documents are seen as they are."""
    text = new_contract(name, root="documents", owner="nobody", defaults={})
    contract = parse_contract(text, name)
    return replace(contract, source=replace(contract.source, root=str(folder.absolute()), include=("**/*",)))


def _written(folder: Path, settings: Settings) -> str:
    place = folder.absolute()
    if place.is_relative_to(settings.project):
        inside = place.relative_to(settings.project).as_posix()
        return "." if inside == "." else f"./{inside}"
    return str(place)


def _suffix_of(path: str) -> str:
    return PurePosixPath(path).suffix


def _suffix(item: Assessment) -> str:
    return _suffix_of(item.ref.path)


def _suffixes(items: Sequence[Assessment]) -> set[str]:
    return {_suffix(item) for item in items}


def _matches(item: Assessment, able: Sequence[Assessment]) -> bool:
    """Returns whether the proposed globs would take a document in that no contract can admit."""
    suffixes = _suffixes(able)
    return "" in suffixes or _suffix(item) in suffixes


def _why(item: Assessment) -> str:
    if item.score is not None and item.score.fatal:
        return f"unusable: {', '.join(item.score.fatal)}"
    return next((reason.message for reason in item.decision.reasons), "it could not be read")


def _dates_itself(item: Assessment) -> bool:
    undated = replace(item.ref, modified_at=None)
    return item.document is not None and updated_at_of(item.document.metadata, undated) is not None


def _commonest(items: Sequence[Assessment]) -> dict[str, str]:
    said = {name: Counter(item.governance.values.get(name, "") for item in items) for name in GOVERNANCE_FIELDS}
    return {
        name: min((-number, value) for value, number in counts.items() if value)[1]
        for name, counts in said.items()
        if any(counts)
    }


def _with_finding(items: Sequence[Assessment], prefix: str) -> int:
    return sum(any(finding.code.startswith(prefix) for finding in item.findings) for item in items)
