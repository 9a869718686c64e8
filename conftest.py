"""What the collection of doctests leaves out."""

from importlib.util import find_spec

# Importing this module needs CuPy.
collect_ignore = [] if find_spec("cupy") else ["skdeepbm/backends/cupy_backend.py"]
