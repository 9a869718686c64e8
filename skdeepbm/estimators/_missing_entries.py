"""Rows of which some entries are not known, and what is expected in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._validation import first_not_finite, name_of
from skdeepbm.models.units import Units


def known_entries(estimator: Any, mask: Any, X: Any) -> tuple[Any, tuple[np.ndarray, ...]]:
    """Rows for `reconstruct`, and its mask.

    Parameters
    ----------
    estimator : estimator
    mask : array-like of bool or None
        True where an entry of `X` is known.
    X : rows as the caller gave them

    Returns
    -------
    X : the same, or a copy with 0 in the place of what is not known, so that it may be NaN
    known : tuple
        The mask on the host as the only element; empty where there is none.

    Raises
    ------
    ValueError
        If the mask has another shape than `X`, or an entry that counts as known is NaN.
    """
    if mask is None:
        _check_known(estimator, X, "is NaN, and without a mask all entries count as known: give")
        return X, ()
    owner = owner_of(mask)
    known = np.asarray(mask if owner is None else owner.to_host(mask), dtype=bool)
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    if known.shape != tuple(X.shape):
        raise ValueError(
            f"mask has shape {known.shape}, but reconstruct of {name_of(estimator)} needs "
            f"that of X, {tuple(X.shape)}: True where an entry is known."
        )
    owner = owner_of(X)
    if sp.issparse(X):
        # a product with the mask would keep NaN
        coo = X.tocoo()
        kept = known[coo.coords]
        places = tuple(axis[kept] for axis in coo.coords)
        X = sp.csr_array((coo.data[kept], places), shape=X.shape)
    elif owner is not None:
        xp = owner.xp
        X = xp.where(owner.asarray(known), X, xp.zeros_like(X))
    elif hasattr(X, "columns"):
        X = X.where(known, 0)
    else:
        X = np.where(known, X, np.zeros((), X.dtype))
    _check_known(estimator, X, "is NaN, though mask is True there, for known: give")
    return X, (known,)


def _check_known(estimator: Any, X: Any, complaint: str) -> None:
    """Raise if an entry that counts as known is NaN; other checks of the rows come later."""
    owner = owner_of(X)
    place = first_not_finite(X if owner is None else owner.to_host(X))
    if place is not None and not place.is_infinite:
        raise ValueError(
            f"{name_of(estimator)}.reconstruct: the entry of X in {place.where} {complaint} "
            "mask=~np.isnan(X)."
        )


def passed_back(
    units: Units,
    there_and_back: Callable[[Array], Array],
    n_passes: int,
    given: Array,
    known: Array | None = None,
) -> Array:
    """Visible values after several passes, in which known entries stay what they are.

    Parameters
    ----------
    units : Units
        The visible ones; missing entries start at their expected values without input.
    there_and_back : callable
        Expected visible values from visible values; both (n_rows, n_visible).
    n_passes : int
    given : array of shape (n_rows, n_visible)
    known : array of bool of shape (n_rows, n_visible) or None, default=None
        None: all entries are seen, and all are replaced.

    Returns
    -------
    values : array of shape (n_rows, n_visible)
    """
    xp, v = units.backend.xp, given
    if known is not None:
        v = xp.where(known, given, units.mean(xp.zeros_like(given)))
    for _ in range(n_passes):
        v = there_and_back(v)
        v = v if known is None else xp.where(known, given, v)
    return v
