"""Array libraries behind one interface; the only home of CuPy and numba."""

from skdeepbm.backends._registry import (
    check_backend,
    config_context,
    get_backend,
    get_config,
    owner_of,
    register_backend,
    resolve_backend,
)
from skdeepbm.backends.base import Array, Backend, DType, Stream
from skdeepbm.backends.counts import Counts

__all__ = [
    "Array",
    "Backend",
    "Counts",
    "DType",
    "Stream",
    "check_backend",
    "config_context",
    "get_backend",
    "get_config",
    "owner_of",
    "register_backend",
    "resolve_backend",
]
