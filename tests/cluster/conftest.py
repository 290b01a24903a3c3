"""Makes the demo's Airflow harness importable: the cluster drives Airflow as the demo does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "demo"))
sys.path.insert(0, str(Path(__file__).parent))
