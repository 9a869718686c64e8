"""Validation of counts of words."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._validation import check_data, column_name, name_of, user_level
from skdeepbm.exceptions import DataRangeWarning


def check_counts(
    estimator: Any, X: Any, backend: Backend, *, reset: bool, warn: bool = True
) -> Any:
    """Validated counts: CSR with the NumPy backend, else CSR or an array of the device.

    Fractional counts are accepted, with one warning, by this rule: they are used as they are, so
    that a document's length is their sum; where words are drawn, it is rounded, to at least one.

    Raises
    ------
    ValueError
        For texts, for negative counts, and as :func:`check_data` does.
    """
    if _are_texts(X):
        raise ValueError(
            f"{name_of(estimator)} models counts of words, and X holds texts. Count their words "
            "first: CountVectorizer().fit_transform(X), or a Pipeline of both."
        )
    X = check_data(estimator, X, backend, reset=reset, sparse=True)
    if owner_of(X) is None and not sp.issparse(X):
        X = sp.csr_array(X)
    values = X.data if sp.issparse(X) else X
    if 0 in values.shape:
        return X
    xp = np if sp.issparse(X) else backend.xp
    if float(xp.min(values)) < 0:
        row, column, value = _first(X, lambda values: values < 0)
        raise ValueError(
            f"Negative values in data passed to {name_of(estimator)}: column "
            f"{column_name(estimator, column)} holds {value:g} in row {row}. It models counts of "
            "words, as CountVectorizer makes them."
        )
    if warn and bool(xp.any(values != xp.round(values))):
        row, column, value = _first(X, lambda values: values != np.round(values))
        warnings.warn(
            f"{name_of(estimator)}: column {column_name(estimator, column)} holds {value:g} "
            f"in row {row}, which is no count. Fractional counts are used as they are: the length "
            "of a document is their sum, rounded (to at least one) where words are drawn. Use "
            "CountVectorizer rather than TfidfVectorizer.",
            DataRangeWarning,
            stacklevel=user_level(),
        )
    return X


def _are_texts(X: Any) -> bool:
    """Whether data are documents one after the other, of which CountVectorizer makes a table."""
    if hasattr(X, "shape") and len(X.shape) != 1:
        return False
    try:
        return isinstance(next(iter(X), None), str)
    except TypeError:
        return False


def check_any_words(estimator: Any, X: Any, lengths: np.ndarray) -> None:
    """Raise if training would begin with documents of which none has a word."""
    if not lengths.any():
        raise ValueError(
            f"X has {X.shape[0]} documents for {name_of(estimator)}, but no word in any of "
            "them. Check the vocabulary of the vectorizer."
        )


def document_lengths(X: Any, backend: Backend) -> np.ndarray:
    """Number of words of each document, on the host, in float64."""
    if sp.issparse(X):
        return np.asarray(X.sum(axis=1, dtype=np.float64)).reshape(-1)
    return np.asarray(backend.to_host(backend.xp.sum(X, axis=1)), dtype=np.float64)


def word_shares(backend: Backend, X: Any) -> Any:
    """Counts divided by the number of words of their document, CSR or where ``X`` lives.

    A document without words has zeros.
    """
    if sp.issparse(X):
        n_words = np.asarray(X.sum(axis=1, dtype=np.float64)).reshape(-1)
        found = sp.csr_array(X, copy=True)
        found.data /= np.repeat(np.where(n_words > 0, n_words, 1.0), np.diff(found.indptr))
        return found
    n_words = backend.xp.sum(X, axis=1, keepdims=True)
    return X / backend.xp.where(n_words > 0, n_words, backend.xp.ones_like(n_words))


def _first(X: Any, condition: Any) -> tuple[int, int, float]:
    """Row, column and value of the first entry that meets a condition."""
    if sp.issparse(X):
        at = int(np.flatnonzero(condition(X.data))[0])
        row = int(np.searchsorted(X.indptr, at, side="right")) - 1
        return row, int(X.indices[at]), float(X.data[at])
    owner = owner_of(X)
    host = X if owner is None else owner.to_host(X)
    row, column = (int(i) for i in np.argwhere(condition(host))[0])
    return row, column, float(host[row, column])
