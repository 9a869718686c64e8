"""Backends by name, made when first asked for, and the one in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from array_api_compat import is_cupy_array

from skdeepbm.backends.base import Backend
from skdeepbm.exceptions import BackendNotAvailableError

_CUPY_INSTALL = (
    "pip install 'skdeepbm[cuda12]' (CUDA 12) or pip install 'skdeepbm[cuda13]' (CUDA 13)"
)


def _make_numpy() -> Backend:
    from skdeepbm.backends.numpy_backend import NumpyBackend

    return NumpyBackend()


def _make_cupy() -> Backend:
    try:
        from skdeepbm.backends.cupy_backend import CupyBackend
    except ImportError as error:
        raise BackendNotAvailableError(
            f"backend='cupy' needs CuPy, which could not be imported ({error}). Install it "
            f"with {_CUPY_INSTALL}, or use backend='numpy'."
        ) from error
    try:
        return CupyBackend()
    except Exception as error:  # CuPy has one class of error for each library it calls
        raise BackendNotAvailableError(
            f"backend='cupy' needs a CUDA device: CuPy is installed but reports: {error}. Check "
            f"the driver with nvidia-smi and that CuPy's CUDA version fits it ({_CUPY_INSTALL}), "
            "or use backend='numpy'."
        ) from error


_makers: dict[str, Callable[[], Backend]] = {"numpy": _make_numpy, "cupy": _make_cupy}
_made: dict[str, Backend] = {}


def register_backend(name: str, make: Callable[[], Backend]) -> None:
    """Make a further backend known by name.

    Parameters
    ----------
    name : str
        What ``backend=`` is set to.
    make : callable
        Called once, without arguments, when the backend is first used.
    """
    _makers[name] = make
    _made.pop(name, None)


def check_backend(name: str) -> None:
    """Raise if a backend is unknown or cannot be used here."""
    if name != "auto":
        get_backend(name)


def get_backend(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    ValueError
        If the name is unknown.
    BackendNotAvailableError
        If its library or device is missing.
    """
    if name not in _makers:
        known = ", ".join(repr(known) for known in ["auto", *_makers])
        raise ValueError(f"Unknown backend {name!r}: choose one of {known}.")
    if name not in _made:
        _made[name] = _makers[name]()
    return _made[name]


_backend: ContextVar[str] = ContextVar("skdeepbm_backend", default="auto")


def get_config() -> dict[str, str]:
    """Return the settings in force in this thread or task.

    Returns
    -------
    config : dict
        ``{"backend": name}``.

    Examples
    --------
    >>> import skdeepbm
    >>> skdeepbm.get_config()
    {'backend': 'auto'}
    """
    return {"backend": _backend.get()}


@contextmanager
def config_context(*, backend: str = "auto") -> Iterator[None]:
    """Choose the array backend of every estimator inside a block.

    It decides for estimators whose own ``backend`` is ``"auto"``; an estimator that names a
    backend keeps it. The setting belongs to the current thread (or asyncio task) and does not
    travel to the worker processes of joblib: there, set ``backend`` on the estimator.

    Parameters
    ----------
    backend : {"auto", "numpy", "cupy"}, default="auto"
        ``"auto"`` computes where the data lives.

    Raises
    ------
    ValueError
        If the name is unknown.
    BackendNotAvailableError
        If the backend's library or device is missing.

    Examples
    --------
    >>> import skdeepbm
    >>> with skdeepbm.config_context(backend="numpy"):
    ...     skdeepbm.get_config()
    {'backend': 'numpy'}
    """
    check_backend(backend)
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def owner_of(x: Any) -> Backend | None:
    """The device backend that an array belongs to; None for anything on the host."""
    if is_cupy_array(x):
        return get_backend("cupy")
    for backend in _made.values():
        if backend.owns(x):
            return backend
    return None


def resolve_backend(name: str, x: Any = None) -> Backend:
    """The backend that computes, by the rules of ``backend="auto"``.

    An estimator's own choice comes first, then the one of ``config_context``, then where ``x``
    lives, then NumPy.
    """
    if name == "auto":
        name = get_config()["backend"]
    if name != "auto":
        return get_backend(name)
    return owner_of(x) or get_backend("numpy")
