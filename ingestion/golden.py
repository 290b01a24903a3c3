"""The golden items of an index: those of its contract, and those of the file that the contract names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from contracts.model import Contract, GoldenQuestion
from corpus.errors import ConfigurationError
from index.golden import Evidence, GoldenItem, read_items, unique_items
from ingestion.runtime import Runtime

_MOST_BYTES = 100_000_000


def golden_items(runtime: Runtime, contract: Contract) -> tuple[GoldenItem, ...]:
    """Returns the items of an index, those of the contract first.

    A verified statement that names neither evidence nor relevant documents is no item: nothing says what would be
    a right hit.

    Args:
        runtime: The project.
        contract: The contract, whose name is that of the index.

    Raises:
        ConfigurationError: The file is not there, an item in it is wrong, or two items have one id.
    """
    stated = [item for question in contract.golden if (item := _stated(question)) is not None]
    filed = _filed(runtime, contract) if contract.evaluation.golden else ()
    return unique_items((*stated, *filed))


def _stated(question: GoldenQuestion) -> GoldenItem | None:
    quoted = [Evidence(document=item.document, quote=item.quote) for item in question.evidence]
    named = {item.document for item in quoted}
    whole = [Evidence(document=doc_id) for doc_id in question.relevant_doc_ids if doc_id not in named]
    if not question.question.strip() or not (quoted or whole):
        return None
    return GoldenItem(
        id=question.id,
        question=question.question,
        evidence=tuple(dict.fromkeys((*quoted, *whole))),
        tags=question.tags,
        answer=question.answer,
    )


def _filed(runtime: Runtime, contract: Contract) -> tuple[GoldenItem, ...]:
    try:
        text = _text(runtime.settings.project, contract.evaluation.golden)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the golden items of contract {contract.name!r} cannot be read: {contract.evaluation.golden} ({error}). "
            "Put the file there, or mend ragEvaluation.golden; it has to be a file inside the project folder."
        ) from error
    return read_items(text, contract.evaluation.golden)


def _text(project: Path, name: str) -> str:
    """Returns the text of a file that a contract names: a file of the project, and no link out of it.

    Raises:
        ValueError: It is none, or too large, or not UTF-8.
        OSError: It cannot be read.
    """
    path = (project / name).resolve()
    if not path.is_relative_to(project.resolve()):
        raise ValueError("it is outside the project folder")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise ValueError("it is no file")
        data = handle.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES} bytes")
    return data.decode("utf-8-sig")
