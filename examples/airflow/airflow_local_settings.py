"""Pays the heavy imports once, where tasks are forked from, instead of once in every task.

Copy to `$AIRFLOW_HOME/config/` of every machine. LocalExecutor forks each task from the scheduler, CeleryExecutor from
the worker, so what these have imported is there already: a run of four tasks fell from 46-67 s to 4.9 s (2 cores,
LocalExecutor, sentence-transformers and faiss, July 2026). Other components (API server, DAG processor, triggerer, the
scheduler of a CeleryExecutor) do not pay. With KubernetesExecutor each task is a pod, and pays for itself.

Import only, run nothing: a fork after OpenMP or torch has started a thread pool hangs at the
child's first parallel region. One thread per task is set before the libraries read it; tasks run
side by side, and `[core] parallelism` is what uses the cores.
"""

import os
import sys
from contextlib import suppress
from importlib import import_module

HEAVY = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "sqlalchemy",
    "faiss",
    "torch",
    "sentence_transformers",
    "great_expectations",
    "lxml.html",
)


def forks_tasks(arguments: list[str]) -> bool:
    """Whether a component of these arguments is one that tasks are forked from."""
    if "scheduler" in arguments:
        from airflow.configuration import conf  # noqa: PLC0415 - being configured when this file is read

        return "LocalExecutor" in conf.get("core", "executor")
    return "celery" in arguments and "worker" in arguments


if forks_tasks(sys.argv):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for module in HEAVY:
        with suppress(ImportError):
            import_module(module)
