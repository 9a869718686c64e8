"""Rows that are kept from training, equal ones together."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._base import VALIDATION
from skdeepbm.estimators._labels import row_keys
from skdeepbm.estimators._validation import name_of


def held_out_kinds(estimator: Any, X: Any) -> np.ndarray | None:
    """Rows that ``validation_fraction`` keeps from training; None if that is 0.

    Equal rows are held out all or not at all, unless all rows are equal: else those in training
    would be learned for those that are to judge it. They are the same in every call for the same
    rows and seed.

    Parameters
    ----------
    estimator : estimator
        With a seed.
    X : ndarray, CSR or device array
        Validated rows.

    Returns
    -------
    index : ndarray of int or None
        In rising order; about the fraction of the rows.

    Raises
    ------
    ValueError
        If there are no two rows.
    """
    if not estimator.validation_fraction:
        return None
    n_rows = int(X.shape[0])
    keys = row_keys(X, np.zeros(n_rows, dtype=np.int64))
    _, kind, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    if n_rows < 2:
        raise ValueError(
            f"validation_fraction={estimator.validation_fraction!r} of {name_of(estimator)} needs "
            "at least 2 rows, one to train on and one to hold out; X has n_samples = "
            f"{n_rows}."
        )
    if sizes.size == 1:
        # nothing to learn by heart
        kind, sizes = np.arange(n_rows), np.ones(n_rows, dtype=np.int64)
    seed = np.random.SeedSequence(estimator._entropy, spawn_key=(VALIDATION,))
    order = np.random.Generator(np.random.SFC64(seed)).permutation(sizes.size)
    # as many kinds as come nearest to the fraction, but one at least on either side
    total = np.cumsum(sizes[order])
    n = int(np.argmin(np.abs(total[:-1] - estimator.validation_fraction * n_rows))) + 1
    return np.flatnonzero(np.isin(kind, order[:n]))


def trained_rows(backend: Backend, X: Any, held_out: np.ndarray | None) -> Any:
    """Rows that are not kept from training; all of them, not copied, where none are."""
    if held_out is None:
        return X
    index = np.setdiff1d(np.arange(X.shape[0]), held_out)
    return backend.take_rows(X, index) if owner_of(X) is backend else X[index]
