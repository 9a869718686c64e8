"""How far reconstructions are from the data: squared error and cross-entropy, summed over features.

Errors are summed over features and averaged over rows, as the literature on deep autoencoders
reports them (Hinton & Salakhutdinov 2006); scikit-learn's measures average over features too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import owner_of

# elements that are dense, on the host and in double precision at one time
_CHUNK = 2**20
# scalers to [0, 1] overshoot by rounding
_TOLERANCE = 1e-6


def squared_error(X: Any, reconstruction: Any) -> float:
    """Squared error of reconstructions, summed over features and averaged over rows.

    Parameters
    ----------
    X : array-like or sparse matrix or array of shape (n_samples, n_features)
        The data. Sparse ones are made dense a few rows at a time.

    reconstruction : array-like of shape (n_samples, n_features)

    Returns
    -------
    error : float
        In the squared units of the data.

    Raises
    ------
    ValueError
        If the shapes differ, if there are no values, or if one is not finite.

    References
    ----------
    Hinton, G. E., & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural
    networks. Science, 313, 504-507.

    Examples
    --------
    >>> from skdeepbm.metrics import squared_error
    >>> squared_error([[0, 1], [1, 1]], [[0, 0.5], [0.5, 0.5]])
    0.375
    """
    total, n_rows = 0.0, 0
    for x, r, _ in _chunks("squared_error", X, reconstruction):
        total += float(np.square(x - r).sum())
        n_rows += len(x)
    return total / n_rows


def reverse_cross_entropy(X: Any, reconstruction: Any) -> float:
    """Cross-entropy of reconstructions with the data as targets, summed over features.

    The mean over rows of ``-sum_i [x_i log r_i + (1 - x_i) log(1 - r_i)]``, in nats: what a deep
    autoencoder with logistic outputs minimises.

    Parameters
    ----------
    X : array-like or sparse matrix or array of shape (n_samples, n_features)
        The data, in [0, 1]. Sparse ones are made dense a few rows at a time.

    reconstruction : array-like of shape (n_samples, n_features)
        Probabilities. They are kept from 0 and 1 by the resolution of their type: clipped to
        ``[eps, 1 - eps]`` with ``eps = numpy.finfo(dtype).eps`` (of float64, if they are integers),
        so that one wrong certainty costs 16 nats in float32 and 36 in float64.

    Returns
    -------
    entropy : float
        In nats.

    Raises
    ------
    ValueError
        As :func:`squared_error`, and for values outside [0, 1].

    References
    ----------
    Hinton, G. E., & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with neural
    networks. Science, 313, 504-507, supporting material.

    Examples
    --------
    >>> from skdeepbm.metrics import reverse_cross_entropy
    >>> reverse_cross_entropy([[0.0, 1.0]], [[0.5, 0.5]]) / 2
    0.693147...
    """
    total, n_rows = 0.0, 0
    for x, r, eps in _chunks("reverse_cross_entropy", X, reconstruction):
        for name, values in (("X", x), ("reconstruction", r)):
            if values.min() < -_TOLERANCE or values.max() > 1 + _TOLERANCE:
                raise ValueError(
                    f"{name} of reverse_cross_entropy has values outside [0, 1], from "
                    f"{values.min():g} to {values.max():g}. Scale the data with "
                    "MinMaxScaler(clip=True), or use squared_error for real values."
                )
        r = np.clip(r, eps, 1 - eps)
        total -= float((x * np.log(r) + (1 - x) * np.log1p(-r)).sum())
        n_rows += len(x)
    return total / n_rows


def _chunks(
    name: str, X: Any, reconstruction: Any
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Rows of both in double precision, and the resolution of the reconstruction's type."""
    a, b = _readable(X), _readable(reconstruction)
    if len(a.shape) != 2 or tuple(a.shape) != tuple(b.shape) or 0 in a.shape:
        raise ValueError(
            f"{name} compares two arrays of the same shape (n_samples, n_features), with at least "
            f"one of each, but X has the shape {tuple(a.shape)} and reconstruction "
            f"{tuple(b.shape)}."
        )
    size = max(1, _CHUNK // a.shape[1])
    for start in range(0, a.shape[0], size):
        x, r = (_dense(part, start, start + size) for part in (a, b))
        eps = np.finfo(r.dtype if r.dtype.kind == "f" else np.float64).eps
        x, r = x.astype(np.float64), r.astype(np.float64)
        for what, values in (("X", x), ("reconstruction", r)):
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                raise ValueError(
                    f"{what} of {name} is not finite in row {start + bad[0, 0]}, column "
                    f"{bad[0, 1]}. Impute such values or drop the rows."
                )
        yield x, r, float(eps)


def _readable(x: Any) -> Any:
    """An array of any kind whose rows can be taken."""
    if sp.issparse(x):
        return x.tocsr()
    return x if owner_of(x) is not None else np.asarray(x)


def _dense(x: Any, start: int, stop: int) -> np.ndarray:
    """Some rows, dense and on the host."""
    owner, part = owner_of(x), x[start : min(stop, x.shape[0]), :]
    if sp.issparse(part):
        return part.toarray()
    return part if owner is None else owner.to_host(part)
