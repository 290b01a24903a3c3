"""One invocation: which project it is about, and how its long work shows itself.

Everything is opened on demand and heavy things are imported here, inside the methods, so that
`--help` and a typo cost nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.errors import ConfigurationError
from corpus.naming import require_known

if TYPE_CHECKING:
    from corpus.settings import Settings
    from ingestion.progress import Progress
    from ingestion.runtime import Runtime

__all__ = ["Session", "pairs", "require_known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What every command knows.

    Attributes:
        project: Folder named with `--project`; None to look for it.
        json: Whether the result is printed as JSON.
        debug: Whether an error shows its traceback.
    """

    project: Path | None = None
    json: bool = False
    debug: bool = False

    def settings(self) -> Settings:
        """Reads the project's settings.

        Raises:
            ConfigurationError: There is no project, or its settings are invalid.
        """
        from corpus.settings import PROJECT_FILE, load_settings  # noqa: PLC0415 - not for a typo

        settings = load_settings(self.project)
        if not (settings.project / PROJECT_FILE).is_file():
            where = f"{settings.project}" if self.project else f"{settings.project} or above"
            raise ConfigurationError(
                f"no project: there is no {PROJECT_FILE} in {where}. Make one with `stemma init`, or name one with "
                "--project DIR."
            )
        return settings

    def runtime(self) -> Runtime:
        """Opens the project.

        Raises:
            ConfigurationError: There is no project, or it cannot work.
            CatalogError: The catalog cannot be reached.
        """
        from ingestion.runtime import open_runtime  # noqa: PLC0415 - brings SQLAlchemy and the validator

        return open_runtime(self.settings())

    def progress(self) -> Progress:
        """Returns a progress bar on stderr if a person looks at it, else one that is silent."""
        from ingestion.progress import NO_PROGRESS  # noqa: PLC0415

        if self.json or not sys.stderr.isatty():
            return NO_PROGRESS
        from console.cli.terminal import Bar  # noqa: PLC0415 - only where a person looks

        return Bar()


def pairs(texts: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Reads `FIELD=VALUE` texts into field and value, in order.

    Raises:
        ConfigurationError: One has another form.
    """
    split = [(text, *text.partition("=")) for text in texts]
    for text, field, _, value in split:
        if not field.strip() or not value.strip():
            raise ConfigurationError(f"{option} {text!r} is not of the form FIELD=VALUE.")
    return [(field.strip(), value.strip()) for _, field, _, value in split]
