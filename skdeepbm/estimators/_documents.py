"""What estimators of documents do with counts: chunks of rows, lengths, shares of words."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Backend, Counts
from skdeepbm.estimators._base import CHUNK, BoltzmannBase
from skdeepbm.estimators._counts import document_lengths
from skdeepbm.estimators._fitting import ENOUGH_UPDATES
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._validation import name_of, user_level
from skdeepbm.exceptions import BaseRateWarning


def apply_documents(
    backend: Backend,
    X: Any,
    dtype: Any,
    function: Callable[[Any], Array],
    width: int,
    sparse_width: int,
) -> Any:
    """``function`` of chunks of documents, put together where ``X`` lives.

    Sparse counts stay sparse on the NumPy backend.

    Parameters
    ----------
    backend : Backend
    X : ndarray, CSR or array of the backend
        Validated counts.
    dtype : dtype
        In which ``function`` gets them.
    function : callable
        Of counts.
    width, sparse_width : int
        Elements that a dense and a sparse row take, with what is computed of it.
    """
    if not (sp.issparse(X) and backend.name == "numpy"):
        return BoltzmannBase._apply_rows(backend, X, dtype, function, width)
    size = max(1, CHUNK // max(sparse_width, 1))
    pieces = []
    with backend.quiet():
        for start in range(0, X.shape[0], size):
            v = backend.counts(X[start : start + size].astype(dtype, copy=False))
            pieces.append(function(v))
    return np.concatenate(pieces)


def word_totals(X: Any, backend: Backend) -> np.ndarray:
    """Number of times that each word occurs in all documents, on the host, in float64."""
    if sp.issparse(X):
        return np.bincount(X.indices, weights=X.data, minlength=X.shape[1])
    return backend.to_host(backend.xp.sum(X, axis=0)).astype(np.float64)


def entropy_of_shares(
    X: Any, backend: Backend, n_words: np.ndarray, log_share: np.ndarray
) -> float:
    """Cross-entropy of a word under the shares of all words, averaged over documents."""
    kept = n_words > 0
    if sp.issparse(X):
        sums = X @ log_share
    else:
        sums = backend.to_host(X @ backend.asarray(log_share, X.dtype))
    return float(-np.mean(sums[kept] / n_words[kept]))


def warn_of_word_shares(
    estimator: Any, entries: list[dict[str, Any]], n_updates: int, shares: float
) -> bool:
    """Warn if words are predicted no better than by their shares, after enough training.

    Returns whether it did. ``shares`` is the cross-entropy of the shares, 0 where that is not
    known.
    """
    if n_updates < ENOUGH_UPDATES or not shares:
        return False
    error = entries[-1]["reconstruction_error"]
    # NaN without a document that has words
    if not error > 0.999 * shares:
        return False
    warnings.warn(
        f"{name_of(estimator)}: after {len(entries)} epochs the model predicts the words "
        "of documents no better than their shares in all the data do (cross-entropy "
        f"{error:.4g} nats per word, shares {shares:.4g}): its topics say next to nothing. "
        "Raise learning_rate or n_iter, or lower weight_decay or sparsity_cost.",
        BaseRateWarning,
        stacklevel=user_level(),
    )
    return True


def check_lengths(estimator: Any, n_words: Any, method: str, whole: bool = False) -> np.ndarray:
    """Numbers of words that an argument of a method gives, as a vector of float64."""
    try:
        lengths = np.atleast_1d(np.asarray(n_words, dtype=np.float64))
    except (TypeError, ValueError):
        lengths = np.empty(0)
    bad = lengths.ndim != 1 or not lengths.size or not np.isfinite(lengths).all()
    bad = bad or bool((lengths < 0).any()) or (whole and bool((lengths % 1).any()))
    if bad:
        raise ValueError(
            f"n_words of {type(estimator).__name__}.{method} must be a number of words or a list "
            f"of such, none of them negative{' or fractional' if whole else ''}; got {n_words!r}."
        )
    return lengths


def lengths_to_sample(
    estimator: Any, n_samples: int, n_words: Any, sums: np.ndarray | None
) -> np.ndarray:
    """Lengths of documents to draw, whole numbers.

    Parameters
    ----------
    estimator : estimator
        With ``mean_n_words_``, unless somebody has set its arrays by hand.
    n_samples : int
    n_words : object
        What `sample` was given; None means the lengths of ``init``, or the mean length.
    sums : ndarray of shape (n_samples,) or None
        Lengths of ``init``.
    """
    name = type(estimator).__name__
    if n_words is not None:
        lengths = check_lengths(estimator, n_words, "sample", whole=True)
        if lengths.shape not in ((1,), (n_samples,)):
            raise ValueError(
                f"n_words has {lengths.size} values, but sample of {name} needs one, or "
                f"n_samples={n_samples}."
            )
        return np.broadcast_to(lengths, (n_samples,)).astype(np.int64)
    if sums is not None:
        return np.where(sums > 0, np.maximum(np.round(sums), 1.0), 0.0).astype(np.int64)
    if not hasattr(estimator, "mean_n_words_"):
        raise ValueError(f"sample of {name} needs n_words.")
    return np.full(n_samples, max(1, round(estimator.mean_n_words_)))


def begin_sample(
    estimator: Any, n_samples: int, n_words: Any, n_gibbs_steps: int, init: Any
) -> tuple[Backend, Any, np.ndarray]:
    """Check the arguments of `sample`.

    Returns
    -------
    backend : Backend
    init : validated documents to start from, or None
    lengths : ndarray of int of shape (n_samples,)
        Of the documents to draw.
    """
    check_is_fitted(estimator, estimator._fitted_names)
    check_count(estimator, "n_samples", n_samples)
    check_count(estimator, "n_gibbs_steps", n_gibbs_steps)
    if init is None:
        backend = estimator._resolve_backend(fitted=True)
        return backend, None, lengths_to_sample(estimator, n_samples, n_words, None)
    backend, init, _ = estimator._prepare(init)
    if init.shape[0] != n_samples:
        raise ValueError(
            f"init has {init.shape[0]} rows, but sample of {type(estimator).__name__} needs "
            f"n_samples={n_samples}."
        )
    sums = document_lengths(init, backend)
    return backend, init, lengths_to_sample(estimator, n_samples, n_words, sums)


def drawn_counts(backend: Backend, v: Any, on_device: bool) -> Any:
    """Counts that chains end with: CSR with sorted words, or an array of the device."""
    if on_device:
        return v
    found = v.csr if isinstance(v, Counts) else sp.csr_array(backend.to_host(v))
    found.sum_duplicates()
    return found
