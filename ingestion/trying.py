"""Tries documents in a process that nothing is lost with, and hears from it how far it came (`ingestion.trial`).

One process tries them in order; when it dies, the one that it was at is the reason, and another process goes on behind
it. A process that dies before it has named a document blames none.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from corpus.settings import Settings
from ingestion.sandbox import WALL_FACTOR

_START_SECONDS = 300.0
"""For a trial to load what it needs, on a machine that is busy."""
_TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Where documents are tried.

    Attributes:
        settings: The project.
        contract: Name of the contract.
        run_id: The run.
        shard: The shard that they are of.
        assessed: Whether the shard is assessed, so that their texts are there and need not be read again.
    """

    settings: Settings
    contract: str
    run_id: str
    shard: str
    assessed: bool = False

    def __call__(self, doc_ids: Sequence[str], *, cut: bool) -> frozenset[str]:
        """Returns the documents that ended the process they were tried in, or that there is no memory for.

        Args:
            doc_ids: Documents of the shard.
            cut: Whether their texts are cut and embedded too.
        """
        what = {
            "contract": self.contract, "run_id": self.run_id, "shard": self.shard, "assessed": self.assessed,
            "cut": cut,
        }  # fmt: skip
        return _deadly(self.settings, what, doc_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTrial:
    """Where texts of a stored segment are tried, each by itself.

    Attributes:
        settings: The project.
        segment_id: The segment.
        model: Name of the model that embeds them.
        revision: Its revision; empty for none.
        space: Its fingerprint.
    """

    settings: Settings
    segment_id: str
    model: str
    revision: str
    space: str

    def __call__(self, doc_ids: Sequence[str], *, cut: bool) -> frozenset[str]:
        """Returns the digests of the texts that ended the process which embeds them, or that there is no memory for.

        Args:
            doc_ids: Digests of the texts.
            cut: Says nothing here: the texts are chunks.
        """
        what = {
            "segment": self.segment_id, "model": self.model, "revision": self.revision, "space": self.space, "cut": cut
        }  # fmt: skip
        return _deadly(self.settings, what, doc_ids)


def _deadly(settings: Settings, what: Mapping[str, Any], names: Sequence[str]) -> frozenset[str]:
    deadly: set[str] = set()
    left = list(names)
    while left:
        reached, overran, died = _run(settings, {**what, "doc_ids": left})
        deadly.update(left[place] for place in overran)
        if reached < 0:  # nothing was tried: the task will meet the trouble, and says what it is
            break
        if died:
            deadly.add(left[reached])
        left = left[reached + 1 :]
    return frozenset(deadly)


def _run(settings: Settings, what: Mapping[str, Any]) -> tuple[int, list[int], bool]:
    """Returns the place of the last name that was begun, those that overran, and whether the process died."""
    path = [entry for entry in sys.path if entry]
    asked = {**what, "settings": settings.model_dump(mode="json"), "path": path}
    silence = _START_SECONDS + settings.inspect_seconds * WALL_FACTOR
    with subprocess.Popen(  # -P: a project, where this may be started, has a folder `contracts` too
        [sys.executable, "-P", "-m", "ingestion.trial"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    ) as trial:  # fmt: skip
        with contextlib.suppress(BrokenPipeError), _pipe(trial.stdin) as pipe:
            pipe.write(json.dumps(asked).encode())
        said = _heard(trial, _pipe(trial.stdout), silence)
    reached, overran = -1, []
    for word, place in (line.split() for line in said.splitlines() if line.count(" ") == 1):
        reached = int(place) if word == "at" else reached
        overran += [int(place)] if word == "overran" else []
    return reached, overran, trial.returncode < 0


def _pipe(given: Any) -> IO[bytes]:
    pipe: IO[bytes] = given
    return pipe


def _heard(trial: subprocess.Popen[bytes], pipe: IO[bytes], silence: float) -> str:
    """Returns all that a trial said; one that is silent for too long is ended."""
    heard, last = bytearray(), time.monotonic()
    while True:
        ended = trial.poll() is not None
        ready, _, _ = select.select([pipe], [], [], 0 if ended else _TICK_SECONDS)
        if ready:
            part = os.read(pipe.fileno(), 1 << 16)
            if not part:
                break
            heard += part
            last = time.monotonic()
        elif ended:  # something that it started may hold the pipe
            break
        elif time.monotonic() - last > silence:
            trial.kill()
            break
    return heard.decode("ascii", "replace")
