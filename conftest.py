"""What the collection of doctests leaves out, and figures of tests and doctests."""

import os
import sys
from importlib.util import find_spec

import pytest

# Importing this module needs CuPy.
collect_ignore = [] if find_spec("cupy") else ["skdeepbm/backends/cupy_backend.py"]
# Its examples need skops.
if not find_spec("skops"):
    collect_ignore.append("skdeepbm/persistence.py")

# No windows, also where there is a screen.
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(autouse=True)
def _close_figures():
    """Close the figures that a test or a doctest has opened."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
