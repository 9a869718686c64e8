"""Corrupted inputs, from which an autoencoder is to find the clean ones (Vincent et al. 2010).

Each kind is a function of clean rows and writes corrupted ones to ``out``. Masked sparse rows lose
stored elements only and stay sparse; the other kinds make them dense.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skdeepbm.backends import Array, Backend, Counts, Stream

Ends = tuple[float, float]


def mask(
    backend: Backend, x: Any, level: float, ends: Ends, stream: Stream, out: Array | None
) -> Any:
    """Inputs of which a share ``level`` is 0."""
    if isinstance(x, Counts):
        stays = backend.uniform(x.data.shape, stream, x.dtype) >= level
        return Counts(x.data * stays, x.indices, x.indptr, x.shape)
    stays = backend.uniform(tuple(x.shape), stream, x.dtype) >= level
    out = backend.store(backend.xp.asarray(x, copy=True) if out is None else x, out)
    out *= backend.xp.astype(stays, x.dtype)
    return out


def salt(
    backend: Backend, x: Any, level: float, ends: Ends, stream: Stream, out: Array | None
) -> Any:
    """Inputs of which a share ``level`` is at one of the two ends, either with the same chance."""
    x = backend.dense(x)
    xp, low, high = backend.xp, *(backend.asarray(end, x.dtype) for end in ends)
    u = backend.uniform(tuple(x.shape), stream, x.dtype)
    return backend.store(xp.where(u < 0.5 * level, low, xp.where(u < level, high, x)), out)


def add_noise(
    backend: Backend, x: Any, level: float, ends: Ends, stream: Stream, out: Array | None
) -> Any:
    """Inputs with Gaussian noise of the standard deviation ``level``."""
    x = backend.dense(x)
    noise = backend.normal(tuple(x.shape), stream, x.dtype)
    noise *= level
    return backend.store(x + noise, out)


CORRUPTIONS: dict[str, Callable[..., Any]] = {
    "masking": mask,
    "salt": salt,
    "gaussian": add_noise,
}
