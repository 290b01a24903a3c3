"""The engine of shape rules is imported once, in time, and what it seldom needs only when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from contracts.rules import engine

{before}
gx = engine.library()
assert not [name for name in {later!r} if {name_is_loaded}]
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as asking
assert asking.stats.entropy([0.5, 0.5]) > 0.69
assert "Chart" in dir(asking.alt.Chart) or asking.alt.Chart.__name__ == "Chart"
import altair, scipy.stats
assert altair.Chart is asking.alt.Chart
assert scipy.stats.entropy is asking.stats.entropy
assert gx.ExpectationSuite(name="a").name == "a"
print("done")
"""


@pytest.mark.parametrize(
    ("before", "loaded"),
    [
        ("", "name in sys.modules"),
        ("engine.prepare(); engine.prepare()", "name in sys.modules"),
        ("import scipy.stats, altair", "name not in sys.modules"),
    ],
    ids=["at once", "in a thread", "with all of it there"],
)
def test_what_draws_plots_is_imported_when_it_is_used(before, loaded):
    code = PROGRAM.format(before=before, later=["altair", "scipy.stats"], name_is_loaded=loaded)
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "done", ran.stderr


FAILING = """
import sys, warnings
from contracts.rules import engine

warnings.simplefilter("error")
engine.prepare()
assert "great_expectations" not in sys.modules and not engine._lock.locked(), "imported where warnings are errors"
try:
    engine.library()
except DeprecationWarning:
    pass
assert "great_expectations.expectations" in sys.modules, "it no longer fails half way"
warnings.simplefilter("ignore")
gx = engine.library()
assert gx.ExpectationSuite(name="a").name == "a"
assert gx.expectations.ExpectColumnValuesToNotBeNull(column="a").column == "a"
print("done")
"""


def test_an_import_that_failed_half_way_is_made_again():
    ran = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "done", ran.stderr
