"""Where training starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Backend
from skdeepbm.models.units import UNITS


def column_moments(
    backend: Backend, X: Any, index: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of every column, in float64 on the host, without a copy of ``X``.

    Parameters
    ----------
    backend : Backend
        Owner of ``X`` where that is a device array.
    X : ndarray, CSR matrix or array, or array of the backend
    index : ndarray of int or None, default=None
        Rows to look at, in this order; None for all.

    Returns
    -------
    mean, variance : ndarrays of shape (n_features,)
        The variance is divided by the number of rows.
    """
    if index is not None and sp.issparse(X):
        X = sp.csr_array(X)[index]
    n_columns = X.shape[1]
    n_rows = X.shape[0] if index is None else index.size
    if sp.issparse(X):
        total = np.bincount(X.indices, weights=X.data, minlength=n_columns)
        square = np.bincount(X.indices, weights=X.data.astype(np.float64) ** 2, minlength=n_columns)
        mean = total / n_rows
        return mean, np.maximum(square / n_rows - mean**2, 0.0)
    mean, square = np.zeros(n_columns), np.zeros(n_columns)
    # sums of a few rows keep their precision in float32; sums of those are taken in float64
    pieces = [slice(start, min(start + 128, n_rows)) for start in range(0, n_rows, 128)]

    def rows(piece: slice) -> np.ndarray:
        found = X[piece, :] if index is None else backend.take_rows(X, index[piece])
        return backend.to_host(found)

    for piece in pieces:
        mean += rows(piece).sum(axis=0)
    mean /= n_rows
    centre = mean.astype(str(X.dtype).rsplit(".", 1)[-1])
    for piece in pieces:
        # two passes: the variance of a column far from zero would cancel in one
        centred = rows(piece) - centre
        square += np.einsum("ij,ij->j", centred, centred)
    return mean, np.maximum(square / n_rows - (mean - centre) ** 2, 0.0)


def initial_parameters(
    visible: str,
    n_hidden: int,
    mean: np.ndarray,
    variance: np.ndarray,
    groups: tuple[int, ...] | None,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Base-rate model of the data with small random weights.

    Returns
    -------
    parameters : dict
        ``weights`` (n_visible, n_hidden), normal with a standard deviation of 0.01 (times that of
        the column for units with a variance); ``visible_bias`` at which independent units have the
        data's mean; ``hidden_bias`` that cancels the input from the data's mean, so that the start
        does not depend on whether a feature is coded as x or 1 - x, nor on where zero is;
        ``log_variance`` of the data for units that have one. All float64.
    """
    kind = UNITS[visible]
    weights = rng.normal(0.0, 0.01, (mean.shape[0], n_hidden))
    parameters = {
        "visible_bias": kind.initial_bias(mean, variance, groups),
    }
    scale = np.ones_like(mean)
    if kind.has_variance:
        # a column that never varies gets the variance 1
        variance = np.where(constant_columns(mean, variance), 1.0, variance)
        parameters["log_variance"] = np.log(variance)
        weights *= np.sqrt(variance)[:, None]
        scale = variance
    parameters["hidden_bias"] = -(mean / scale) @ weights
    parameters["weights"] = weights
    return parameters


def glorot_weights(
    rng: np.random.Generator, n_in: int, n_out: int, kind: str = "bernoulli"
) -> np.ndarray:
    """Starting weights of a layer without pretraining (Glorot & Bengio 2010).

    Those of sigmoid units are four times as large as those of other kinds.
    """
    bound = np.sqrt(6.0 / (n_in + n_out)) * (4.0 if kind == "bernoulli" else 1.0)
    return rng.uniform(-bound, bound, (n_in, n_out))


def constant_columns(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Columns whose variance is nothing but rounding."""
    return variance <= 1e-12 * np.maximum(mean**2, 1e-12)
