"""Pays the heavy imports once, in the scheduler, instead of once in every task.

Copy to `$AIRFLOW_HOME/config/`. LocalExecutor forks each task from the scheduler, so what the
scheduler has imported is there already: a run of four tasks fell from 46-67 s to 4.9 s (2 cores,
sentence-transformers and faiss, July 2026). Other components (API server, DAG processor) do not pay.

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

if "scheduler" in sys.argv:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for module in HEAVY:
        with suppress(ImportError):
            import_module(module)
