"""Package-wide settings: which array backend computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["config_context", "get_config"]

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
    from skdeepbm.backends import check_backend

    check_backend(backend)
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)
