"""What docs/deploy.md says to type for CeleryExecutor and its pool, taken apart into what each machine runs."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from functools import cache

from docs.pages import page

BROKER = "redis://:<password>@<host>:6379/0"
METADATA = "postgresql+psycopg://<user>:<password>@<host>/airflow"
WORKER = "--concurrency 2"
"""Workers of the cluster share a machine and die one by one: each has a name, one task, and no port for logs."""
END = "trap 'kill $(jobs -p); wait; exit' TERM\nwait -n\n"
"""What a person does with the terminal that the head's servers run in: ends them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The lines of the page, by who types them.

    Attributes:
        everywhere: Variables that every component gets.
        once: What is done once, before anything is started.
        head: What starts the servers of the head.
        worker: What starts a worker.
    """

    everywhere: str
    once: str
    head: str
    worker: str

    def exported(self, broker: str, metadata: str) -> dict[str, str]:
        """Returns the variables as bash sets them.

        Args:
            broker: URL of Redis.
            metadata: URL of Airflow's database.
        """
        filled = self.everywhere.replace(BROKER, shlex.quote(broker)).replace(METADATA, shlex.quote(metadata))
        assert "<" not in filled, filled
        done = subprocess.run(
            ["bash", "-euc", f"{filled}\nenv -0"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
        )
        pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
        return {name: value for name, _, value in pairs if name.startswith(("AIRFLOW", "STEMMA_"))}

    def starting(self, worker: str = "") -> list[str]:
        """Returns the command that starts a worker of some name, or the head."""
        if not worker:
            return ["bash", "-c", f"set -e\n{self.head}\n{END}"]
        assert WORKER in self.worker, self.worker
        own = f"--concurrency 1 --skip-serve-logs --celery-hostname {worker}@127.0.0.1"
        return ["bash", "-c", self.worker.replace(WORKER, own)]


@cache
def typed() -> Typed:
    """Returns what the page says; a line that nobody would type here is refused."""
    celery, pool = (
        next(block.text for block in page("docs/deploy.md").blocks("bash") if words in block.text)
        for words in ("airflow celery worker", "airflow pools set")
    )
    lines = (celery + pool).splitlines()
    everywhere = [line for line in lines if line.startswith("export ")]
    once = [line for line in lines if line.startswith(("airflow db ", "airflow pools "))]
    [head] = [line for line in lines if line.startswith("airflow api-server")]
    [worker] = [line for line in lines if line.startswith("airflow celery worker")]
    assert sorted(lines) == sorted((*everywhere, *once, head, worker))
    return Typed(everywhere="\n".join(everywhere), once="\n".join(once), head=head, worker=worker)
